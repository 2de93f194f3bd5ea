"""The archive holds exactly what passed the door, cut into files that follow from the input alone."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from linewatch.errors import StoreError
from linewatch.records import MOVERS
from linewatch.store import open_store, verify
from linewatch.store.archive.columns import detections_table
from linewatch.store.archive.rollup import Counts, rows_of
from linewatch.store.archive.writer import ArchiveWriter
from tests.unit.store.archive.made import (
    DAY,
    FIRST,
    LINE,
    SITE,
    WHERE,
    batch,
    finding,
    run,
    tables,
    tick_at,
    write_tick,
)
from tests.unit.store.writing import opened


def test_every_value_of_a_detection_comes_back_on_its_grain() -> None:
    given = batch(FIRST, 40)
    rows = detections_table([(17, given)], WHERE).to_pylist()
    for row, one in zip(rows, given.rows(), strict=True):
        for name in ("duration_s", "chainage_m", "chainage_sigma_m", "from_m", "to_m", "strength_db", "velocity_mps"):
            value = getattr(one, name)
            assert (None if row[name] is None else float(row[name])) == value
        assert (row["seq"], row["line"], row["sensor"]) == (17, one.line, one.sensor)
        assert row["section"] == SITE.section_at(one.line, one.chainage_m).name
        assert row["time"] == datetime.fromtimestamp(one.time_ns / 1e9, UTC)
        assert round(row["probability"] * 255) / 255 == one.probability
        assert (row["count_low"], row["sensor_track"]) == (one.count_low, one.sensor_track)
        kept = row["mover_probabilities"]
        assert (None if kept is None else tuple(step / 255 for step in kept)) == one.mover_probabilities
        if one.mover_probabilities is not None:
            assert row["mover"] == MOVERS[int(np.argmax(one.mover_probabilities))]


def test_a_late_detection_says_when_it_came() -> None:
    rows = detections_table([(1, batch(FIRST, 3, received_ns=FIRST * 60 * 10**9))], WHERE).to_pylist()
    assert {row["received"] for row in rows} == {datetime.fromtimestamp(FIRST * 60, UTC)}


def test_files_are_cut_at_the_hour_and_hold_every_row_once(tmp_path: Path) -> None:
    run(tmp_path, range(FIRST + 1, FIRST + 1 + 125))
    found = tables(tmp_path, "detections")
    assert [len(table) for table in found] == [300, 300]
    assert [len(table) for table in tables(tmp_path, "health")] == [6, 6]
    hours = [{moment.hour for moment in table["time"].to_pylist()} for table in found]
    assert hours == [{0}, {1}]
    assert verify(tmp_path).status == "unanchored"


def test_a_busy_hour_is_cut_into_several_files(tmp_path: Path) -> None:
    run(tmp_path, range(FIRST + 1, FIRST + 62), most_rows=100)
    found = tables(tmp_path, "detections")
    assert len(found) == 3 and sum(map(len, found)) == 300


def test_rollups_say_what_the_rows_say(tmp_path: Path) -> None:
    run(tmp_path, range(FIRST - 120 + 1, FIRST + 2), size=7)
    again = Counts()
    for table in tables(tmp_path, "detections"):
        again.add_detections(table)
    for table in tables(tmp_path, "health"):
        again.add_health(table)
    (first, second), (day,) = tables(tmp_path, "hours"), tables(tmp_path, "day_hours")
    (whole,) = tables(tmp_path, "days")
    assert {key[2] for key, _, _ in rows_of(whole)} == {0}
    assert sum(n for _, n, _ in rows_of(whole)) == sum(n for _, n, _ in rows_of(day))
    assert rows_of(first) + rows_of(second) == rows_of(day) or sorted(rows_of(first) + rows_of(second)) == rows_of(day)
    assert rows_of(day) == again.rows()
    assert sum(n for key, n, _ in rows_of(day) if key[0] == "detections") == 120 * 7
    assert sum(n for key, n, _ in rows_of(day) if key[0] == "health") == 12 * finding(0).count


def test_a_run_that_was_killed_on_the_way_leaves_the_same_files_and_the_same_chain(tmp_path: Path) -> None:
    first, last = FIRST - 100, FIRST + 70
    run(tmp_path / "whole", range(first, last), most_rows=130)
    for start in range(first, last, 23):
        run(tmp_path / "cut", range(start, min(start + 23, last)), most_rows=130, kill=start % 2 == 0)
    with open_store(tmp_path / "whole") as whole, open_store(tmp_path / "cut") as cut:
        assert whole.head() == cut.head()
        assert whole.segments() == cut.segments()
        assert {each.what for each in whole.segments()} == {"detections", "health", "hours", "day_hours", "days"}
    assert verify(tmp_path / "cut").status == "unanchored"


def test_a_disk_that_refuses_a_file_loses_no_row_and_doubles_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as journal:
        archive = ArchiveWriter(journal, WHERE)
        for index in range(FIRST - 59, FIRST + 1):
            write_tick(journal, archive, index)
        real, refusals = journal.add_file, iter([False, True, True])

        def full(*args: object) -> object:
            if next(refusals, False):
                raise StoreError("no space left on device")
            return real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(journal, "add_file", full)
        for _ in range(2):
            with pytest.raises(StoreError, match="no space"):
                archive.begin(tick_at(FIRST + 1))
        write_tick(journal, archive, FIRST + 1)
    assert [len(table) for table in tables(tmp_path, "detections")] == [300]
    assert [len(table) for table in tables(tmp_path, "health")] == [6]
    (hours,) = tables(tmp_path, "hours")
    assert sum(n for key, n, _ in rows_of(hours) if key[0] == "detections") == 300


def test_a_batch_of_a_line_that_the_site_has_not_is_refused() -> None:
    stranger = msgspec.structs.replace(batch(FIRST), line="x")
    with pytest.raises(ValueError, match=f"line is 'x'; allowed: {LINE.id}"):
        detections_table([(0, stranger)], WHERE)


def test_an_empty_rollup_is_a_table_without_rows() -> None:
    assert isinstance(Counts().table(), pa.Table) and len(Counts().table()) == 0
    assert DAY == 24 * 60
