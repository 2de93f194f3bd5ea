"""What people do beside the scope and on the list of repairs: each stands in the record, counts at once, is undone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from linewatch.store.reader import open_store
from tests.unit.console.bench import PASSWORD, Console, wait_for
from tests.unit.console.hearing import console_that_hears


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heard") / "store"


@pytest.fixture(scope="module")
def heard(store: Path) -> Iterator[Console]:
    """A console over a watch that hears a cable."""
    with console_that_hears(store) as console:
        yield console


def watched(console: Console) -> float:
    return float(sum(console.client.get("/api/coverage").json()["pd"]))


def test_the_scope_shows_level_floor_and_threshold_of_a_channel_that_is_heard(heard: Console) -> None:
    heard.sign_in("look1")
    frames: list[dict[str, float]] = []

    def look() -> bool:
        after_ms = int(frames[-1]["time_ms"]) if frames else 0
        answer = heard.client.get(f"/api/sensors/f1/scope?channel=7&after_ms={after_ms}").json()
        frames.extend(answer["frames"])
        assert answer["basis"] == ("frames" if frames else "none")
        return len(frames) >= 15

    wait_for(look)
    times_ms = [frame["time_ms"] for frame in frames]
    assert times_ms == list(range(int(times_ms[0]), int(times_ms[0]) + 50 * len(frames), 50))
    # The mean square of |N(0, 20)| is 400, 26 dB.
    assert np.mean([frame["floor_db"] for frame in frames]) == pytest.approx(26.0, abs=2.0)
    assert all(frame["threshold_db"] >= frame["floor_db"] + 8.9 for frame in frames)


def test_a_raised_threshold_is_in_the_list_in_the_scope_and_in_the_coverage_until_it_is_set_back(
    heard: Console,
) -> None:
    asked = {"correction_db": 6.0, "reason": "lorries", "first_channel": 0, "last_channel": 59}
    operator = heard.sign_in("watch1")
    assert heard.client.post("/api/sensors/f1/threshold", json=asked, headers=operator).status_code == 403
    headers = heard.sign_in("mend1")
    before = watched(heard)
    beyond = heard.client.post("/api/sensors/f1/threshold", json={**asked, "correction_db": 12.5}, headers=headers)
    assert beyond.status_code == 422
    done = heard.client.post("/api/sensors/f1/threshold", json=asked, headers=headers)
    assert done.status_code == 200, done.text
    (shown,) = heard.client.get("/api/health").json()["corrections"]
    assert (shown["correction_db"], shown["from_m"], shown["to_m"]) == (6.0, 0.0, 60.0)
    assert "lorries" in shown["why"] and heard.client.get("/api/shift").json()["corrections"] == [shown]
    wait_for(lambda: watched(heard) < before)
    inside = heard.client.get("/api/sensors/f1/scope?channel=7").json()
    assert (inside["correction_db"], [m["cause"] for m in inside["matters"]]) == (6.0, ["corrected_threshold"])
    assert heard.client.get("/api/sensors/f1/scope?channel=60").json()["correction_db"] == 0.0
    assert not [
        row for row in heard.client.get("/api/health").json()["repair"] if row["cause"] == "corrected_threshold"
    ]
    back = heard.client.post("/api/sensors/f1/threshold", json={**asked, "correction_db": 0.0}, headers=headers)
    assert back.status_code == 200, back.text
    assert heard.client.get("/api/health").json()["corrections"] == []
    wait_for(lambda: watched(heard) == before)
    contact = heard.client.post(
        "/api/sensors/c1/threshold", json={**asked, "first_channel": None, "last_channel": None}, headers=headers
    )
    assert contact.status_code == 409 and "gives no samples" in contact.json()["detail"]


def test_a_mask_is_listed_as_one_and_lifted_with_a_reason(heard: Console) -> None:
    headers = heard.sign_in("lead1")
    asked = {"days": 3, "reason": "loose panel", "first_channel": 3, "last_channel": 5}
    assert heard.client.post("/api/sensors/f1/mask", json=asked, headers=headers).status_code == 200
    (mask,) = heard.client.get("/api/health").json()["mutes"]
    assert (mask["mask"], mask["until_ms"] - mask["since_ms"]) == (True, 3 * 86_400_000)
    lifted = {"reason": "new panel", "first_channel": 3, "last_channel": 5}
    assert heard.client.post("/api/sensors/f1/unmask", json=lifted, headers=headers).status_code == 200
    wait_for(lambda: not heard.client.get("/api/health").json()["mutes"])


def test_a_repair_is_given_to_a_team_and_its_re_test_waived_only_under_the_own_password(
    heard: Console, store: Path
) -> None:
    headers = heard.sign_in("mend1")
    wait_for(lambda: any(row["waits_for_retest"] for row in heard.client.get("/api/health").json()["repair"]))
    (row,) = [row for row in heard.client.get("/api/health").json()["repair"] if row["waits_for_retest"]]
    given = {"owner": "fence team", "due_ms": 1_900_000_000_000}
    path = f"/api/repairs/{row['outage']}"
    assert heard.client.post(f"{path}/assign", json=given, headers=headers).status_code == 200
    (now,) = [each for each in heard.client.get("/api/health").json()["repair"] if each["outage"] == row["outage"]]
    assert (now["owner"], now["due_ms"]) == ("fence team", 1_900_000_000_000)
    unsigned = heard.client.post(f"{path}/waive", json={"reason": "seen by two", "password": "x"}, headers=headers)
    assert unsigned.status_code == 403 and "nothing is signed" in unsigned.json()["detail"]
    signed = {"reason": "seen by two", "password": PASSWORD}
    assert heard.client.post(f"{path}/waive", json=signed, headers=headers).status_code == 200
    wait_for(lambda: row["outage"] not in {r["outage"] for r in heard.client.get("/api/health").json()["repair"]})
    again = heard.client.post(f"{path}/waive", json=signed, headers=headers)
    assert again.status_code == 409 and "no open outage" in again.json()["detail"]
    with open_store(store) as reader:
        acts = b"".join(entry.payload or b"" for entry in reader.entries(kinds=("act",)))
    assert PASSWORD.encode() not in acts and acts.count(b"seen by two") == 2
