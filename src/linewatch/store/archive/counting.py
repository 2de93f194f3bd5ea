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
    found = list(reader.raised_by_section())
    times_ns = [raised_ns for _, _, raised_ns in found]
    day = clock.number(np.concatenate([*times_ns, np.empty(0, dtype=np.int64)]), "day")
    where = np.repeat(np.arange(len(found)), [len(times) for times in times_ns])
    first = int(day.min()) if len(day) else 0
    # One number for section and day together: the first of a section's days is a multiple of the width.
    width = int(day.max()) - first + 1 if len(day) else 1
    code, count = np.unique(where * width + day - first, return_counts=True)
    number = (code // width).astype(np.int32)
    columns = [pa.array((code % width + first).astype(np.int32)).cast(pa.date32())]
    columns += [
        pa.DictionaryArray.from_arrays(pa.array(number), pa.array(words, pa.string())).cast(pa.string())
        for words in ([line for line, _, _ in found], [section for _, section, _ in found])
    ]
    columns.append(pa.array(count, pa.int64()))
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
