"""Signed webhooks, against a real HTTP server and the specification's own library."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from standardwebhooks import Webhook as OtherSide
from standardwebhooks import WebhookVerificationError

from linewatch.errors import SiteError
from linewatch.notify.build import build_notifiers
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.site.load import check_site
from tests.unit.notify.made import WebServer, delivering, incident, outage, settled, site, until, web_server, writer

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECRETS = {"HOOK": SECRET}


def hook(server: WebServer, **more: object) -> dict[str, object]:
    return {"plugin": "webhook", "url": server.url, "secret": {"env": "HOOK"}, **more}


def test_each_change_arrives_once_in_order_and_the_other_sides_library_verifies_it(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        with delivering(store, site(hook(server)), environment=SECRETS) as delivery:
            store.write(incident("a", 41))
            store.write(incident("a", 42, priority=1), outage())
            store.write(incident("a", 43, closed_ns=43, state="closed"))
            settled(delivery, store)
        told = [OtherSide(SECRET).verify(body, headers) for headers, body in server.posts]
        assert [one["type"] for one in told] == [
            "incident.raised",
            "incident.changed",
            "outage.began",
            "incident.closed",
        ]
        assert told[1]["changed"] == ["priority"] and told[0]["data"]["id"] == "a"
        assert told[0]["position"]["lon"] == pytest.approx(23.5, abs=0.01)


def test_a_changed_body_does_not_verify(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        with delivering(store, site(hook(server)), environment=SECRETS) as delivery:
            store.write(incident("a", 41))
            settled(delivery, store)
        headers, body = server.posts[0]
        with pytest.raises(WebhookVerificationError):
            OtherSide(SECRET).verify(body.replace(b'"a"', b'"b"'), headers)


def test_a_server_that_was_stopped_gets_everything_in_order_once_it_is_back(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        with delivering(store, site(hook(server)), environment=SECRETS) as delivery:
            store.write(incident("a", 41))
            settled(delivery, store)
            server.stop()
            for index in range(42, 60):
                store.write(incident("a", index, priority=1 + index % 3))
            delivery.wake()
            until(lambda: not delivery.status()[0].up, what="that the server is down")
            server.start()
            settled(delivery, store)
        times = [json.loads(body)["data"]["updated_ns"] for _, body in server.posts]
        assert times == sorted(times) and len(times) == 19
        assert any("does not deliver" in text for text in store.audits("delivery"))
        assert any("delivers again" in text for text in store.audits("delivery"))


def test_a_process_that_stopped_while_the_server_was_down_goes_on_where_it_was(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        told_site = site(hook(server))
        with delivering(store, told_site, environment=SECRETS) as delivery:
            store.write(incident("a", 41))
            settled(delivery, store)
        server.stop()
        with delivering(store, told_site, environment=SECRETS) as delivery:
            store.write(incident("a", 42, priority=1))
            delivery.wake()
            until(lambda: not delivery.status()[0].up, what="that the server is down")
        store.write(incident("b", 43))
        server.start()
        with delivering(store, told_site, environment=SECRETS) as delivery:
            settled(delivery, store)
        assert [json.loads(body)["data"]["updated_ns"] for _, body in server.posts] == [
            index * 250_000_000 for index in (41, 42, 43)
        ]


def test_a_change_told_twice_has_one_id(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        told_site = site(hook(server))
        with delivering(store, told_site, environment=SECRETS) as delivery:
            store.write(incident("a", 41))
            until(lambda: len(server.posts) == 1)
            delivery.stop()  # killed before the store was told
        store.journal.delivered("webhook", -1)
        with delivering(store, told_site, environment=SECRETS) as delivery:
            settled(delivery, store)
        (first, _), (second, _) = server.posts
        assert first["webhook-id"] == second["webhook-id"] == second["idempotency-key"]


def test_what_the_other_side_will_never_take_is_passed_over_and_stands_in_the_audit_chain(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        with delivering(store, site(hook(server)), environment=SECRETS) as delivery:
            server.answers = [422]
            store.write(incident("a", 41))
            store.write(incident("b", 42))
            settled(delivery, store)
            assert delivery.status()[0].refused == 1 and delivery.status()[0].delivered == 1
        assert any("answered 422" in text for text in store.audits("delivery"))


def test_an_answer_of_a_busy_server_is_tried_again(tmp_path: Path) -> None:
    with (
        web_server() as server,
        writer(tmp_path) as store,
        delivering(store, site(hook(server)), environment=SECRETS) as delivery,
    ):
        server.answers = [503, 429, 401]
        store.write(incident("a", 41))
        settled(delivery, store)
        assert delivery.status()[0].failures == 3 and len(server.posts) == 1


def test_a_new_channel_begins_with_the_incidents_that_are_open(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        store.write(incident("old", 41))
        store.write(incident("old", 42, closed_ns=42, state="closed"), incident("open", 42))
        with delivering(store, site(hook(server)), environment=SECRETS) as delivery:
            settled(delivery, store)
        assert [json.loads(body)["data"]["id"] for _, body in server.posts] == ["open"]


def test_a_new_channel_that_asks_for_it_begins_with_the_oldest_news(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        store.write(incident("old", 41))
        store.write(incident("old", 42, closed_ns=42, state="closed"), incident("open", 42))
        with delivering(store, site(hook(server, from_start=True)), environment=SECRETS) as delivery:
            settled(delivery, store)
        assert [json.loads(body)["data"]["id"] for _, body in server.posts] == ["old", "old", "open"]


def test_only_what_was_chosen_is_told_and_how_it_ends(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        wanted = hook(server, sections=["S02"], what=["incidents"], least_priority=2)
        with delivering(store, site(wanted), environment=SECRETS) as delivery:
            store.write(incident("a", 41), outage(from_m=2500.0, to_m=2600.0))
            store.write(incident("b", 42, section="S02"), incident("c", 42, section="S02", priority=3))
            store.write(incident("b", 43, section="S02", priority=5, closed_ns=43, state="closed"))
            settled(delivery, store)
        told = [(json.loads(body)["data"]["id"], json.loads(body)["type"]) for _, body in server.posts]
        assert told == [("b", "incident.raised"), ("b", "incident.closed")]


class Faulty:
    """Somebody else's notifier, with a mistake in it."""

    name, from_start, refresh_s = "faulty", False, 0.0

    def cares(self, record: Told) -> bool:
        return True

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        raise KeyError("a mistake")

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:
        raise AssertionError

    async def close(self) -> None:
        raise ValueError("another mistake")


def test_a_mistake_in_one_notifier_holds_up_no_other_and_ends_nothing(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        (sound,) = build_notifiers(site(hook(server)), SECRETS)
        with delivering(store, site(), (Faulty(), sound)) as delivery:
            store.write(incident("a", 41))
            until(lambda: len(server.posts) == 1 and delivery.status()[0].failures > 1)
            assert "KeyError" in delivery.status()[0].reason and delivery.broken is None


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"url": "ftp://example.org"}, "notify 'webhook' url"),
        ({"url": "http://example.org/x"}, "notify 'webhook' url"),
        ({"colour": "red"}, "notify 'webhook' colour"),
        ({"sections": ["S99"]}, "notify 'webhook' sections"),
        ({"least_priority": 9}, "notify 'webhook' least_priority"),
        ({"kinds": ["ufo"]}, "notify 'webhook' kinds"),
        ({"secret": {"env": "NONE"}}, "NONE"),
        ({"secret": {"env": "SHORT"}}, "notify 'webhook' secret"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    table = {"plugin": "webhook", "url": "https://example.org/in", "secret": {"env": "HOOK"}, **more}
    with pytest.raises(SiteError) as raised:
        build_notifiers(site(table), {**SECRETS, "SHORT": "whsec_AAAA"})
    assert named in str(raised.value) and SECRET not in str(raised.value)


def test_two_channels_of_one_name_are_refused() -> None:
    table = {"plugin": "webhook", "url": "https://example.org/in", "secret": {"env": "HOOK"}}
    with pytest.raises(SiteError, match="a name that no other notifier has"):
        build_notifiers(site(table, table), SECRETS)


def test_a_secret_that_stands_in_the_site_itself_is_an_error_of_the_site(tmp_path: Path) -> None:
    text = '[site]\nname = "x"\n[[line]]\nid = "main"\nlength_m = 10.0\n[[notify]]\nplugin = "webhook"\n'
    (tmp_path / "site.toml").write_text(text + f'url = "https://example.org"\nsecret = "{SECRET}"\n')
    problems = check_site(tmp_path).problems
    assert any(problem.key == "notify[0].secret" for problem in problems) and SECRET not in str(problems)
