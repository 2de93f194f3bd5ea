"""A store whose records and states have fewer fields is gone on with, or refused in one line that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from linewatch.app.replay import stored_inputs
from linewatch.clock import HandClock
from linewatch.errors import InputError
from linewatch.records import Detections, Health, Incident, Record, Track, canonical_bytes
from linewatch.records.state import freeze
from linewatch.store import verify
from linewatch.store.reader import open_store
from linewatch.track.state import TRACK, Known, TrackerState
from tests.unit.app.test_watch import START_NS, Run, S, Scripted, movement

LATER = {"late", "proven", "cries", "attention", "calls_ns", "hushed_ns", "supply_fraction", "rise_db", "passed"}
"""Fields that records and states were given after others."""
OLDER_TRACK = np.dtype([field for field in TRACK.descr if field[0] not in ("late", "crowd")])
Bytes = Callable[[Any], bytes]


def without(raw: bytes, fields: set[str]) -> bytes:
    """Bytes of a record or state as an older version wrote them."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(each) for key, each in value.items() if key not in fields}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    return msgspec.msgpack.encode(stripped(msgspec.msgpack.decode(raw)))


def older_state(state: Any) -> bytes:
    return without(freeze(state), LATER)


def older_record(record: Record) -> bytes:
    raw = canonical_bytes(record)
    return raw if isinstance(record, Detections) else without(raw, LATER)


def with_older_tracks(state: Any) -> bytes:
    """A tracker's state with rows of fewer fields."""
    raw = msgspec.msgpack.decode(freeze(state))
    if isinstance(state, TrackerState):
        for known in (raw["known"], *(moment["before"] for moment in raw["past"] if moment["before"])):
            rows = np.zeros(known["tracks"][1][0], dtype=OLDER_TRACK)
            known["tracks"] = msgspec.msgpack.decode(freeze(rows))
    return msgspec.msgpack.encode(raw)


def with_other_incidents(state: Any) -> bytes:
    raw = msgspec.msgpack.decode(freeze(state))
    for incident in raw.get("incidents", {}).values() if isinstance(raw, dict) else ():
        incident["priority"] = "high"
    return msgspec.msgpack.encode(raw)


def written_by(
    monkeypatch: pytest.MonkeyPatch, store: Path, clock: HandClock, state: Bytes, record: Bytes = canonical_bytes
) -> None:
    """A store with an open incident and a track, as a version wrote it that froze so."""
    source = Scripted()
    source.waiting = [movement(START_NS + n * S // 2) for n in range(2, 7)]
    with monkeypatch.context() as patch:
        for module in ("pipeline", "run"):
            patch.setattr(f"linewatch.app.{module}.freeze", state)
        patch.setattr("linewatch.app.run.canonical_bytes", record)
        run = Run(store, source, clock).ticks(16)
    assert run.watch.status().incidents_open == 1


def gone_on(store: Path, clock: HandClock) -> Run:
    source = Scripted()
    source.waiting = [movement(clock.now_ns() + S)]
    return Run(store, source, clock).ticks(8)


def test_records_and_states_with_fewer_fields_are_read_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = tmp_path / "store", HandClock(START_NS)
    written_by(monkeypatch, store, clock, older_state, older_record)
    with open_store(store) as reader:
        payloads = [entry.payload or b"" for entry in reader.entries(kinds=("track", "incident"))]
        assert payloads and not any(b"\xa4late" in payload for payload in payloads)
    run = gone_on(store, clock)
    assert run.watch.status().incidents_open == 1 and not verify(store).breaks
    assert not [h for h in run.of(Health) if isinstance(h, Health) and h.condition == "dropped"]
    names = {each.id for each in run.of(Track) if isinstance(each, Track)}
    with open_store(store) as reader:
        (incident,) = reader.incidents()
        assert incident.late is False and sum(1 for _ in stored_inputs(reader)) == 24
        assert len(names) == 1  # the track goes on under its name


def test_rows_of_tracks_of_another_shape_begin_anew_which_is_said_and_the_incident_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = tmp_path / "store", HandClock(START_NS)
    written_by(monkeypatch, store, clock, with_older_tracks)
    run = gone_on(store, clock)
    (told,) = [h for h in run.of(Health) if isinstance(h, Health) and h.condition == "dropped"]
    assert "the store is of another version" in told.text and "S01" in told.text and told.count == 1
    assert run.watch.status().incidents_open == 1 and not verify(store).breaks


def test_incidents_that_cannot_be_read_are_refused_in_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = tmp_path / "store", HandClock(START_NS)
    written_by(monkeypatch, store, clock, with_other_incidents)
    with pytest.raises(InputError) as raised:
        Run(store, Scripted(), clock)
    text = str(raised.value)
    assert text.startswith("store: found a state of 'Garden/incident' that this version cannot read (")
    assert text.endswith("allowed: the version of Linewatch that wrote the store, or a new store") and "\n" not in text
    assert not verify(store).breaks  # and nobody holds it


def test_a_row_of_another_shape_is_never_taken_for_one_of_ours() -> None:
    rows = np.zeros(OLDER_TRACK.itemsize * 2, dtype=TRACK).view(np.uint8).view(OLDER_TRACK)
    with pytest.raises(ValueError, match="rows of tracks with"):
        Known(rows[: TRACK.itemsize], np.zeros((1, 1), dtype=np.uint64), np.zeros(1))


def test_a_replay_refuses_states_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = tmp_path / "store", HandClock(START_NS)
    written_by(monkeypatch, store, clock, with_older_tracks)
    run = Run(tmp_path / "other", Scripted(), clock)
    with open_store(store) as reader:
        found = reader.positions()
    assert found is not None
    with pytest.raises(InputError, match="that this version cannot read"):
        run.watch.pipeline.thaw(found.states)
    run.ticks(1)
    assert run.of(Incident) == []
