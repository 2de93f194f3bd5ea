"""Counts by local day and section, as fast as a page needs them: incidents from an index, detections from rollups."""

from typing import Literal

import numpy as np
import pyarrow as pa

from linewatch.site.local_time import HOUR_NS, LocalTime
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.reader import StoreReader

Basis = Literal["rollup", "rows"]
"""From the rollups, exact to the hour, or from every row."""


def incidents_by_day(reader: StoreReader, clock: LocalTime) -> pa.Table:
    """Incidents by local day (of raising), line and section: columns `day`, `line`, `section`, `incidents`."""
    days, lines, sections, counts = [], [], [], []
    for line, section, raised_ns in reader.raised_by_section():
        found, count = np.unique(clock.number(raised_ns, "day"), return_counts=True)
        days.append(found)
        counts.append(count)
        lines += [line] * len(found)
        sections += [section] * len(found)
    day = np.concatenate(days) if days else np.empty(0, dtype=np.int64)
    count = np.concatenate(counts) if counts else np.empty(0, dtype=np.int64)
    columns = [pa.array(day.astype(np.int32)).cast(pa.date32()), pa.array(lines, pa.string())]
    columns += [pa.array(sections, pa.string()), pa.array(count, pa.int64())]
    return pa.Table.from_arrays(columns, names=["day", "line", "section", "incidents"])


def detections_by_day(store: OpenedStore, clock: LocalTime, basis: Basis = "rollup") -> pa.Table:
    """Detections by local day, line and section: columns `day`, `line`, `section`, `detections`.

    Rollups are by hour of UTC, so where a zone is off by half an hour they count to the nearest hour before.
    """
    column = "hour" if basis == "rollup" else "time"
    name = "rollup" if basis == "rollup" else "detections"
    count = 'sum("count")' if basis == "rollup" else "count(*)"
    chosen = "WHERE what = 'detections'" if basis == "rollup" else ""
    low, high = store.sql(f"SELECT min(epoch_us({column})), max(epoch_us({column})) FROM {name} {chosen}").fetchall()[0]  # noqa: S608 - our own words
    if low is None:
        return pa.table({"day": pa.array([], pa.date32()), "line": [], "section": [], "detections": []})
    return store.sql(
        f"SELECT (DATE '1970-01-01' + ((epoch_us({column}) + {_offset_us(clock, low, high, column)}) // 86400000000)"  # noqa: S608 - as above
        f"::INTEGER) AS day, line, section, {count}::BIGINT AS detections FROM {name} {chosen} "
        "GROUP BY day, line, section"
    ).to_arrow_table()


def _offset_us(clock: LocalTime, low_us: int, high_us: int, column: str) -> str:
    """How far the wall clock is ahead of UTC, as an expression: a case for each change of the clock in between."""
    first_ns = low_us * 1000 // HOUR_NS * HOUR_NS
    times_ns = np.arange(first_ns, high_us * 1000 + 2 * HOUR_NS, HOUR_NS, dtype=np.int64)
    offsets = clock.offset_ns(times_ns)
    changes = np.flatnonzero(np.diff(offsets)) + 1
    cases = [
        f"WHEN epoch_us({column}) < {_change_us(clock, times_ns[at])} THEN {offsets[at - 1] // 1000}" for at in changes
    ]
    last = str(int(offsets[-1]) // 1000)
    return f"(CASE {' '.join(cases)} ELSE {last} END)" if cases else last


def _change_us(clock: LocalTime, after_ns: np.int64) -> int:
    """The moment at which the clock changed, within the hour before a time at which it had changed."""
    minutes = np.arange(after_ns - HOUR_NS, after_ns + 1, 60_000_000_000, dtype=np.int64)
    offsets = clock.offset_ns(minutes)
    return int(minutes[np.flatnonzero(offsets == offsets[-1])[0]]) // 1000
