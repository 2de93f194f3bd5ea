"""Messages to people through the real apprise, to a real server; calls for rescue, one contact after the other."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from linewatch.errors import SiteError
from linewatch.notify.build import build_notifiers
from linewatch.notify.people import is_worth_telling
from linewatch.notify.rescue import Acknowledge, Due, ack_token, next_call
from linewatch.notify.rescue_text import ONE_SMS, felt_c, grid_reference, plain, rescue_message
from linewatch.notify_ports import Call, News
from linewatch.records import Weather
from tests.unit.notify.made import WebServer, delivering, incident, settled, site, until, web_server, writer

S = 1_000_000_000
KEY = "a secret of sixteen or more"


def address(server: WebServer) -> str:
    return server.url.replace("http://", "json://")


def distress(name: str = "a", index: int = 41, **fields: object) -> Any:
    return incident(name, index, **{"kind": "distress", "concern": "distress", "priority": 1, **fields})


def test_people_hear_when_it_begins_and_when_it_becomes_more_urgent_and_nothing_between(tmp_path: Path) -> None:
    with web_server() as server, writer(tmp_path) as store:
        table = {"plugin": "people", "to": [{"env": "TO"}], "link": "https://console.example/i/{incident}"}
        with delivering(store, site(table), environment={"TO": address(server)}) as delivery:
            store.write(incident("a", 41))
            store.write(incident("a", 42, chainage_m=121.0))
            store.write(incident("a", 43, priority=1))
            store.write(incident("a", 44, priority=1, closed_ns=44, state="closed"))
            settled(delivery, store)
        told = [json.loads(body) for _, body in server.posts]
        assert [one["title"] for one in told] == [
            "Approach: 20 m past gate 3, km 0.120",
            "Approach: 20 m past gate 3, km 0.120",
        ]
        assert "https://console.example/i/a" in told[0]["message"] and "1 to 2 person" in told[0]["message"]


def test_a_service_that_was_down_gets_the_message_once_it_is_back(tmp_path: Path) -> None:
    with web_server() as server, web_server() as other, writer(tmp_path) as store:
        table = {"plugin": "people", "to": [{"env": "OTHER"}, {"env": "TO"}]}
        places = {"TO": address(server), "OTHER": address(other)}
        server.stop()
        with delivering(store, site(table), environment=places) as delivery:
            store.write(incident("a", 41))
            until(lambda: not delivery.status()[0].up, what="that the service is down")
            assert "1 of 2 addresses" in delivery.status()[0].reason
            server.start()
            settled(delivery, store)
        assert len(server.posts) == 1 and len(other.posts) == 1  # who has it is not told twice


def test_somebody_off_the_line_is_searched_where_they_are_and_not_on_the_line() -> None:
    near, away = (rescue_message(site(), distress(front_m=offset_m), 41 * S) for offset_m in (None, 400.0))
    lat = [float(text.split(" ")[1].rstrip("N")) for text in (near, away)]
    assert 0.002 < abs(lat[1] - lat[0]) < 0.005


@pytest.mark.parametrize(
    ("before", "after", "worth"),
    [
        (None, {}, True),
        ({}, {"chainage_m": 5.0}, False),
        ({"priority": 3}, {"priority": 2}, True),
        ({"priority": 2}, {"priority": 3}, False),
        ({}, {"kind": "distress"}, True),
        ({}, {"withdrawn": "a dog"}, False),
        (None, {"merged_into": "b"}, False),
        ({}, {"closed_ns": 5, "state": "closed"}, False),
    ],
)
def test_what_is_worth_a_message(before: dict[str, object] | None, after: dict[str, object], worth: bool) -> None:
    earlier = None if before is None else incident("a", 41, **before)
    assert is_worth_telling(News(1, incident("a", 42, **after), earlier), tell_end=False) == worth


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"plugin": "people", "to": []}, "no address"),
        ({"plugin": "people", "to": [{"env": "BAD"}]}, "an address that apprise does not know"),
        ({"plugin": "rescue", "contacts": []}, "notify 'rescue' contacts"),
        ({"plugin": "rescue", "contacts": [{"role": "", "to": {"env": "TO"}}]}, "notify 'rescue' contacts role"),
        ({"plugin": "rescue", "contacts": [{"role": "x", "to": {"env": "TO"}}], "ack_within_s": 0.1}, "ack_within_s"),
        ({"plugin": "rescue", "contacts": [{"role": "x", "to": {"env": "TO"}}], "link": "https://x"}, "link_secret"),
        ({"plugin": "rescue", "contacts": [{"rolle": "x", "to": {"env": "TO"}}]}, "rolle"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(table: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_notifiers(site(table), {"BAD": "nonsense://x", "TO": "json://localhost/x"})
    assert named in str(raised.value)


# --- the message ------------------------------------------------------------------------------------------------


def test_the_rescue_message_says_all_in_one_sms() -> None:
    cold = Weather("main", 0.0, 4600.0, 1, temperature_c=-3.0, wind_mps=6.0, wet=True)
    person = distress(raised_ns=0, hazards=("ice", "water"))
    text = rescue_message(site(), person, 35 * 60 * S, weather=(cold,), seen_ns=23 * 60 * S)
    assert len(text) <= ONE_SMS and text == plain(text)
    for part in ("RESCUE", "52.70", "23.50", "34U", "+-2m", "seen 12min ago", "1-2p", "-3C feels -9C wet"):
        assert part in text, (part, text)
    for part in ("out 35min", "HAZ ice/water", "20m from gate 3"):
        assert part in text, (part, text)


def test_what_gives_way_in_a_long_message_is_the_place_and_never_the_position() -> None:
    person = distress(hazards=("stones", "gas", "fire", "ice", "water"), chainage_sigma_m=120.0, count_high=40)
    link = "https://console.example/ack/0123456789abcdef.0.abcdefghij"
    text = rescue_message(site(), person, 400 * 60 * S, link=link)
    assert len(text) <= ONE_SMS and text.endswith(link) and "52.70" in text and "34U" in text and "gate" not in text


def test_a_line_without_geography_is_told_by_its_kilometre() -> None:
    assert "main km0.120" in rescue_message(site(geography=False), distress(), 0)


def test_names_of_places_are_spelt_in_letters_of_the_short_alphabet() -> None:
    assert plain("Białowieża, Łoś, Straße ☃") == "Bialowieza, Los, Strasse "


@pytest.mark.parametrize(
    ("temperature_c", "wind_kmh", "felt"),
    [(-10.0, 20.0, -18.0), (0.0, 30.0, -6.0), (-20.0, 50.0, -35.0), (5.0, 2.0, 5.0), (15.0, 50.0, 15.0)],
)
def test_the_felt_temperature_is_that_of_the_published_table(
    temperature_c: float, wind_kmh: float, felt: float
) -> None:
    # Environment Canada's wind chill chart, whole degrees; outside its range the air's own temperature.
    assert felt_c(temperature_c, wind_kmh / 3.6) == pytest.approx(felt, abs=0.6)


def test_a_grid_reference_is_that_of_a_known_point() -> None:
    # The Washington Monument: 18S UJ 23480 06470, as in the NGA's introduction to MGRS.
    assert grid_reference(-77.0352, 38.8895).startswith("18SUJ 234")


# --- the calls --------------------------------------------------------------------------------------------------


def calls(*said: tuple[str, int]) -> list[Call]:
    return [Call(what, "a", "x", at_s * S) for what, at_s in said]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "now_s", "due"),
    [
        ([], 0, Due(0)),
        ([("called", 0)], 59, None),
        ([("called", 0)], 60, Due(1)),
        ([("failed", 0)], 1, Due(1)),
        ([("called", 0), ("acknowledged", 10)], 1000, None),
        ([("called", 0), ("called", 60)], 120, Due(0)),
        ([("called", 0), ("called", 60), ("called", 120), ("called", 180)], 240, Due(None)),
        ([("called", 0), ("called", 60), ("called", 120), ("called", 180), ("nobody", 240)], 900, None),
    ],
)
def test_the_next_contact_is_called_when_the_time_of_the_one_before_is_over(
    said: list[tuple[str, int]], now_s: int, due: Due | None
) -> None:
    assert next_call(calls(*said), 2, now_s * S, ack_within_s=60.0, rounds=2) == due


def rescue_table(**more: object) -> dict[str, object]:
    contacts = [{"role": "rescue duty desk", "to": {"env": "ONE"}}, {"role": "county rescue", "to": {"env": "TWO"}}]
    return {"plugin": "rescue", "contacts": contacts, "ack_within_s": 1.0, **more}


def test_without_an_acknowledgement_the_next_contact_is_called_and_with_one_nobody_more(tmp_path: Path) -> None:
    with web_server() as one, web_server() as two, writer(tmp_path) as store:
        places = {"ONE": address(one), "TWO": address(two)}
        with delivering(store, site(rescue_table(rounds=3)), environment=places) as delivery:
            store.write(distress())
            until(lambda: len(two.posts) == 1, what="a call to the second contact")
            assert len(one.posts) == 1 and "RESCUE" in json.loads(one.posts[0][1])["message"]
            delivery.flush(store.journal, now=True)
            store.journal.audit("rescue", 1, "acknowledged a county rescue", who="county rescue")
            count = len(one.posts) + len(two.posts)
            with pytest.raises(AssertionError):
                until(lambda: len(one.posts) + len(two.posts) > count + 1, within_s=2.5)
        said = store.audits("rescue")
        assert said[:1] == ["called a rescue duty desk"] and "called a county rescue" in said


def test_after_a_restart_nobody_is_called_again_for_what_was_called_before(tmp_path: Path) -> None:
    with web_server() as one, web_server() as two, writer(tmp_path) as store:
        places = {"ONE": address(one), "TWO": address(two)}
        patient = rescue_table(ack_within_s=60.0)
        for _ in range(2):
            with delivering(store, site(patient), environment=places) as delivery:
                store.write(distress())
                settled(delivery, store)
                until(lambda: len(one.posts) == 1)
        assert (len(one.posts), len(two.posts)) == (1, 0)


# --- the acknowledgement ----------------------------------------------------------------------------------------


def ask(method: str, path: str) -> tuple[int, list[tuple[str, str]]]:
    """Status and what was recorded."""
    recorded: list[tuple[str, str]] = []
    said: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    door = Acknowledge(KEY, ["rescue duty desk"], lambda incident_id, role: recorded.append((incident_id, role)))
    asyncio.run(door({"type": "http", "method": method, "path": path}, receive, send))
    return int(said[0]["status"]), recorded


def test_opening_the_link_confirms_nothing_and_pressing_the_button_does() -> None:
    path = f"/ack/a.0.{ack_token(KEY, 'a', 0)}"
    assert ask("GET", path) == (200, [])
    assert ask("POST", path) == (200, [("a", "rescue duty desk")])


@pytest.mark.parametrize(
    "path",
    [
        "/ack/a.0.aaaaaaaaaa",
        f"/ack/b.0.{ack_token(KEY, 'a', 0)}",
        f"/ack/a.1.{ack_token(KEY, 'a', 1)}",
        "/ack/",
        "/ack/a.-1.x",
        "/ack/a.²." + "x" * 10,
        "/ack/a.99999999999999999999.x",
        "/other",
    ],
)
def test_a_forged_link_confirms_nothing(path: str) -> None:
    assert ask("POST", path) == (404, [])
