"""Counts by day and section are those of the rows, in the days of the people who live there."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from linewatch.records import canonical_bytes
from linewatch.site.local_time import LocalTime
from linewatch.store import open_store
from linewatch.store.archive.counting import Basis, detections_by_day, incidents_by_day
from linewatch.store.archive.reading import OpenedStore
from tests.unit.store.archive.made import DAY, LINE, PERIOD_NS, WHERE, batch, run
from tests.unit.store.writing import incident, opened, tick_at

OCTOBER_31 = round(datetime(2021, 10, 31, tzinfo=UTC).timestamp()) // 60
"""Index of the tick at midnight before the night on which Warsaw sets its clocks back."""


def local_day(time_ns: int, zone: str) -> date:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize("basis", ["rollup", "rows"])
@pytest.mark.parametrize("zone", ["Europe/Warsaw", "UTC", "America/New_York"])
def test_detections_are_counted_in_local_days_over_a_change_of_the_clock(
    tmp_path: Path, basis: Basis, zone: str
) -> None:
    ticks = range(OCTOBER_31 - 180, OCTOBER_31 + DAY + 120, 10)
    where = WHERE._replace(clock=LocalTime(zone))
    run(tmp_path, ticks, size=3, where=where)
    wanted = Counter(local_day(int(t), zone) for index in ticks for t in batch(index, 3).time_ns)
    with OpenedStore(tmp_path, where) as store:
        rows = detections_by_day(store, basis).to_pylist()
    assert {row["day"]: row["detections"] for row in rows} == wanted
    assert {(row["line"], row["section"]) for row in rows} == {(LINE.id, "S01")}


def test_incidents_are_counted_in_local_days_by_section(tmp_path: Path) -> None:
    wanted: Counter[tuple[date, str]] = Counter()
    with opened(tmp_path) as journal:
        for index in range(40):
            section, raised_ns = f"S{index % 3}", (OCTOBER_31 + index * 45) * PERIOD_NS
            found = incident(f"i{index}", index, section=section, raised_ns=raised_ns)
            journal.append("incident", found.id, canonical_bytes(found))
            wanted[local_day(raised_ns, "Europe/Warsaw"), section] += 1
        journal.commit(tick_at(50), {}, {})
    with open_store(tmp_path) as reader:
        rows = incidents_by_day(reader, LocalTime("Europe/Warsaw")).to_pylist()
    assert {(row["day"], row["section"]): row["incidents"] for row in rows} == wanted


def test_an_empty_store_counts_nothing(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with OpenedStore(tmp_path, WHERE) as store, open_store(tmp_path) as reader:
        assert detections_by_day(store).num_rows == 0
        assert incidents_by_day(reader, LocalTime("UTC")).num_rows == 0
