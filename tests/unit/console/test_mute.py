"""A sensor is muted from the page: it stands in the record, counts at once, is listed, and ends."""

import shutil
from pathlib import Path

from linewatch.store.reader import open_store
from tests.unit.console.bench import WRITTEN_S, Console, console_over, wait_for, watch_playing


def watched(console: Console) -> float:
    return float(sum(console.client.get("/api/coverage").json()["pd"]))


def test_a_sensor_is_muted_lowers_coverage_is_listed_for_the_next_shift_and_watches_again(
    written: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(written, tmp_path / "store"))
    with watch_playing(store, 1.0, WRITTEN_S), console_over(store) as console:
        wait_for(lambda: console.services.live.state().watch == "up")
        sensor = max(console.services.site.sensors, key=lambda each: each.extent_m()[1] - each.extent_m()[0]).id
        seen = console.sign_in("look1")
        asked = {"minutes": 5, "reason": "loose panel"}
        assert console.client.post(f"/api/sensors/{sensor}/mute", json=asked, headers=seen).status_code == 403
        headers = console.sign_in("watch1")
        before = watched(console)
        unknown = console.client.post("/api/sensors/f99/mute", json=asked, headers=headers)
        assert unknown.status_code == 404
        too_long = console.client.post(f"/api/sensors/{sensor}/mute", json={**asked, "minutes": 241}, headers=headers)
        assert too_long.status_code == 422
        done = console.client.post(f"/api/sensors/{sensor}/mute", json=asked, headers=headers)
        assert done.status_code == 200, done.text
        wait_for(lambda: watched(console) < before)
        health = console.client.get("/api/health").json()
        (mute,) = health["mutes"]
        assert (mute["sensor"], mute["until_ms"] - mute["since_ms"]) == (sensor, 300_000)
        assert "loose panel" in mute["why"]
        assert console.client.get("/api/shift").json()["mutes"] == [mute]
        assert not [row for row in health["repair"] if row["cause"] == "masked"]
        again = console.client.post(f"/api/sensors/{sensor}/mute", json=asked, headers=headers)
        assert again.status_code == 409 and "muted already" in again.json()["detail"]
        over = console.client.post(f"/api/sensors/{sensor}/unmute", json={"reason": "mended"}, headers=headers)
        assert over.status_code == 200, over.text
        wait_for(lambda: not console.client.get("/api/health").json()["mutes"])
        assert watched(console) == before
    with open_store(store) as reader:
        acts = [entry.payload or b"" for entry in reader.entries(kinds=("act",))]
    assert [b"loose panel" in act for act in acts].count(True) == 2  # the second was refused, and stands there too


def test_every_open_incident_is_given_when_asked_for(console: Console) -> None:
    console.sign_in("watch1")
    answer = console.client.get("/api/incidents?state=open&limit=10000")
    assert answer.status_code == 200
    assert len(answer.json()["incidents"]) == answer.json()["raised"]
    assert console.client.get("/api/incidents?state=open&limit=10001").status_code == 400
