"""What people do reaches the record: moves, refusals, two at once, a watch that is down and comes back."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linewatch.store.reader import open_store
from tests.unit.console.bench import WRITTEN_S, Console, console_over, wait_for, watch_playing


@pytest.fixture
def store(written: Path, tmp_path: Path) -> Path:
    """A store with open incidents, of its own for each test."""
    return Path(shutil.copytree(written, tmp_path / "store"))


@pytest.fixture
def at_work(store: Path) -> Iterator[Console]:
    """A console over a watch that goes on where the scene has ended, in silence."""
    with watch_playing(store, 1.0, WRITTEN_S), console_over(store) as console:
        wait_for(lambda: console.services.live.state().watch == "up")
        yield console


def raised(console: Console) -> str:
    """An incident that nobody has taken."""
    found: list[str] = []

    def some() -> bool:
        states = {key: kept.incident.state for key, kept in console.services.live.picture.open.items()}
        found[:] = [key for key, state in states.items() if state in ("raised", "returned")]
        return bool(found)

    wait_for(some)
    return found[0]


def test_the_life_of_an_incident(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")
    key = raised(at_work)
    url = f"/api/incidents/{key}/moves"

    def move(name: str, **more: object) -> dict:
        answer = at_work.client.post(url, json={"move": name, **more}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["incident"]

    assert move("acknowledge")["state"] == "acknowledged"
    assert move("assess", assessment="nuisance", assessment_cause="a loose sign")["assessment"] == "nuisance"
    assert move("outcome", outcome="nobody_found")["outcome"] == "nobody_found"
    assert move("close", reason="looked at by camera")["state"] == "closed"
    timeline = at_work.client.get(f"/api/incidents/{key}").json()["timeline"]
    people = [moment["what"].split(",")[0] for moment in timeline if moment["role"] == "operator"]
    assert people == ["acknowledge", "assess", "outcome", "close"]


def test_a_move_stands_in_the_record_with_role_and_seat_and_the_person_only_in_the_audit_chain(
    store: Path,
) -> None:
    with watch_playing(store, 1.0, WRITTEN_S), console_over(store) as console:
        headers = console.sign_in("watch1")
        answer = console.client.post(
            f"/api/incidents/{raised(console)}/moves", json={"move": "acknowledge"}, headers=headers
        )
        seq = answer.json()["seq"]
    with open_store(store) as reader:
        (entry,) = [entry for entry in reader.entries(kinds=("act",)) if entry.seq == seq]
        said = [audit for audit in reader.audits() if audit.entry.kind in ("act", "login")]
        record = b"".join(entry.payload or b"" for entry in reader.entries())
    assert entry.payload is not None
    assert b"operator" in entry.payload
    assert b"watch1" not in record
    assert {audit.entry.kind for audit in said} == {"act", "login"}
    assert all(b"watch1" in (audit.entry.payload or b"") for audit in said)


def test_two_people_cannot_both_have_it(at_work: Console) -> None:
    key = raised(at_work)
    first, second = at_work.sign_in("watch1"), at_work.sign_in("watch2")
    answer = at_work.client.post(f"/api/incidents/{key}/moves", json={"move": "acknowledge"}, headers=second)
    assert answer.status_code == 200
    at_work.client.cookies.clear()
    first = at_work.sign_in("watch1")
    again = at_work.client.post(f"/api/incidents/{key}/moves", json={"move": "acknowledge"}, headers=first)
    assert again.status_code == 409
    assert "acknowledge is not allowed while it is acknowledged" in again.json()["detail"]


def test_of_two_who_move_at_once_one_is_refused(at_work: Console) -> None:
    key = raised(at_work)
    headers = at_work.sign_in("watch1")
    statuses: list[int] = []

    def go() -> None:
        answer = at_work.client.post(f"/api/incidents/{key}/moves", json={"move": "acknowledge"}, headers=headers)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409]


@pytest.mark.parametrize("name", ["look1", "audit1", "boss1"])
def test_a_role_that_may_not_act_is_told_so(at_work: Console, name: str) -> None:
    headers = at_work.sign_in(name)
    key = next(iter(at_work.services.live.picture.open))
    answer = at_work.client.post(f"/api/incidents/{key}/moves", json={"move": "acknowledge"}, headers=headers)
    assert answer.status_code == 403


def test_a_move_of_another_role_is_told_whose_it_is(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")
    answer = at_work.client.post(
        f"/api/incidents/{raised(at_work)}/moves", json={"move": "shelve", "reason": "storm"}, headers=headers
    )
    assert answer.status_code == 403
    assert "supervisor" in answer.json()["detail"]


def test_a_move_that_does_not_exist_and_one_without_its_reason_are_refused(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")
    url = f"/api/incidents/{raised(at_work)}/moves"
    assert at_work.client.post(url, json={"move": "explode"}, headers=headers).status_code == 409
    at_work.client.post(url, json={"move": "acknowledge"}, headers=headers)
    answer = at_work.client.post(url, json={"move": "close"}, headers=headers)
    assert answer.status_code == 409
    assert "reason" in answer.json()["detail"]


def test_an_unknown_incident_is_not_found(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")
    assert at_work.client.get("/api/incidents/0000000000000000").status_code == 404
    answer = at_work.client.post("/api/incidents/none/moves", json={"move": "acknowledge"}, headers=headers)
    assert answer.status_code == 404


def test_while_the_watch_is_down_people_read_and_are_told_why_they_cannot_act(store: Path) -> None:
    with watch_playing(store, 1.0, WRITTEN_S) as stop, console_over(store) as console:
        headers = console.sign_in("watch1")
        key = raised(console)
        stop.set()
        wait_for(lambda: console.services.live.state().watch == "down", 10.0)
        assert console.client.get(f"/api/incidents/{key}").status_code == 200
        answer = console.client.post(f"/api/incidents/{key}/moves", json={"move": "acknowledge"}, headers=headers)
        assert answer.status_code == 503
        assert "does not answer" in answer.json()["detail"]
        console.sign_in("watch2")
        assert len(console.users.waiting_audits()) > 0
        with watch_playing(store, 1.0, WRITTEN_S):
            wait_for(lambda: not console.users.waiting_audits())
            wait_for(lambda: console.services.live.state().watch == "up")
            answer = console.client.post(
                f"/api/incidents/{raised(console)}/moves",
                json={"move": "acknowledge"},
                headers=console.sign_in("watch1"),
            )
            assert answer.status_code == 200, answer.text
    with open_store(store) as reader:
        logins = [audit for audit in reader.audits() if b"watch2" in (audit.entry.payload or b"")]
    assert logins


def test_the_handover_and_the_situation_report_show_what_is_open(at_work: Console) -> None:
    at_work.sign_in("lead1")
    shift = at_work.client.get("/api/shift").json()
    assert len(shift["open"]) + len(shift["shelved"]) == len(at_work.services.live.picture.open)
    page = at_work.client.get("/api/situation")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "not watched for a person walking" in page.text


def test_a_seat_is_taken_noted_and_handed_over(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")

    def say(what: str, **more: object) -> int:
        return at_work.client.post(f"/api/shift/{what}", json=more, headers=headers).status_code

    assert say("take", seat="north", sound=True) == 200
    assert at_work.client.get("/api/me").json()["seat"] == "north"
    assert say("beat", sound=True, visible=True) == 204
    assert say("note", text="the gate at post 3 stands open") == 200
    shift = at_work.client.get("/api/shift").json()
    assert [(seat["seat"], seat["person"], seat["sound"]) for seat in shift["seats"]] == [("north", "operator", True)]
    assert shift["notes"][0]["text"] == "the gate at post 3 stands open"
    second = at_work.sign_in("watch2")
    taken = at_work.client.post("/api/shift/take", json={"seat": "north"}, headers=second)
    assert taken.status_code == 409
    assert "is taken" in taken.json()["detail"]
    headers = at_work.sign_in("watch1")
    assert say("take", seat="south") == 200
    assert say("handover", text="all quiet") == 200
    assert at_work.client.get("/api/me").json()["seat"] == ""


def test_a_move_is_taken_back_within_its_time(at_work: Console) -> None:
    headers = at_work.sign_in("watch1")
    key = raised(at_work)
    url = f"/api/incidents/{key}/moves"
    before = at_work.services.live.picture.open[key].incident.state
    assert at_work.client.post(url, json={"move": "acknowledge"}, headers=headers).status_code == 200
    undone = at_work.client.post(url, json={"move": "undo"}, headers=headers)
    assert undone.status_code == 200, undone.text
    assert undone.json()["incident"]["state"] == before
    assert at_work.client.post(url, json={"move": "undo"}, headers=headers).status_code == 409
