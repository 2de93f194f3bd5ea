"""A channel in the scope: asked for by the page, shown by the watch, ended by silence, noted once."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from linewatch.console import scope as scope_module
from linewatch.console.picture import Read
from linewatch.console.scope import MOST_EACH, Looking, Scopes
from linewatch.ports import Entry
from linewatch.records import Detection, Health, Record, batch_of
from linewatch.store.reader import open_store
from tests.strategies import T0_NS
from tests.unit.console.bench import WRITTEN_S, Console, console_over, wait_for, watch_playing

S = 1_000_000_000


def reads(*records: Record) -> list[Read]:
    return [Read(Entry(n, 0, "x", "", b""), record) for n, record in enumerate(records)]


def felt(at_m: float, sensor: str = "f1") -> Record:
    return batch_of("main", [Detection("main", sensor, T0_NS, 0.1, at_m, 2.0, at_m - 5.0, at_m + 5.0, 12.0, 0.9)])


def test_only_what_concerns_a_sensor_that_is_looked_at_is_gathered() -> None:
    scopes = Scopes()
    scopes.hear(reads(felt(10.0)))
    assert scopes.look(Looking("watch1", "f1", 3)) is True
    alive = Health("main", "f1", T0_NS, "heartbeat", "ok", "alive")
    scopes.hear(reads(felt(20.0), felt(30.0, "f2"), alive))
    found = scopes.gathered("f1", 0)
    assert [(m.chainage_m, m.strength_db) for m in found.marks] == [(20.0, 12.0)]
    assert [each.what for each in found.life] == ["heartbeat"]
    assert scopes.gathered("f1", found.cursor) == (2, [], [])
    # What comes late has an earlier time, and is shown all the same.
    scopes.hear(reads(felt(25.0)))
    assert [m.chainage_m for m in scopes.gathered("f1", found.cursor).marks] == [25.0]
    assert len(scopes.gathered("f1", 99).marks) == 2


def test_a_scope_is_open_while_somebody_asks_and_one_person_has_but_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [50.0]
    monkeypatch.setattr(scope_module, "monotonic_s", lambda: now_s[0])
    scopes = Scopes()
    assert [scopes.look(Looking("watch1", "f1", n)) for n in range(MOST_EACH)] == [True] * MOST_EACH
    assert scopes.look(Looking("watch1", "f1", 0)) is False
    assert scopes.look(Looking("watch1", "f1", MOST_EACH)) is None
    assert scopes.look(Looking("watch2", "f1", MOST_EACH)) is True
    now_s[0] += scope_module.LEASE_S + 0.1
    assert scopes.look(Looking("watch1", "f1", MOST_EACH)) is True


def test_where_the_watch_has_no_levels_the_scope_says_so_and_is_noted_once(written: Path, tmp_path: Path) -> None:
    """The scene is simulated as detections: there are no samples in this watch."""
    store = Path(shutil.copytree(written, tmp_path / "store"))
    with watch_playing(store, 1.0, WRITTEN_S), console_over(store) as console:
        wait_for(lambda: console.services.live.state().watch == "up")
        console.sign_in("look1")
        sensor = max(console.services.site.sensors, key=lambda each: each.channels or 1)
        for _ in range(3):
            answer = console.client.get(f"/api/sensors/{sensor.id}/scope?channel=1")
            assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert (shown["basis"], shown["why"], shown["frames"]) == ("none", "", [])
        assert shown["to_m"] - shown["from_m"] == pytest.approx(float(np.diff(sensor.channel_edges_m()[1:3])[0]))
        wait_for(lambda: not console.users.waiting_audits())
    with open_store(store) as reader:
        told = [audit for audit in reader.audits() if audit.entry.kind == "scope"]
    assert len(told) == 1


def test_what_cannot_be_looked_at_is_refused(console: Console) -> None:
    assert console.client.get("/api/sensors/f99/scope").status_code == 401
    console.sign_in("look1")
    assert console.client.get("/api/sensors/f99/scope").status_code == 404
    sensor = console.services.site.sensors[0]
    beyond = console.client.get(f"/api/sensors/{sensor.id}/scope?channel={sensor.channels or 1}")
    assert beyond.status_code == 400 and "allowed: 0 to" in beyond.json()["detail"]
    down = console.client.get(f"/api/sensors/{sensor.id}/scope").json()
    assert down["basis"] == "none" and "does not answer" in down["why"]
