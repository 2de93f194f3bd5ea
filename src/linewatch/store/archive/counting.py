"""Counts by local day and section, as fast as a page needs them: incidents from an index, detections from rollups."""

from typing import Literal

import numpy as np
import pyarrow as pa

from linewatch.site.local_time import LocalTime
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.reader import StoreReader

Basis = Literal["rollup", "rows"]
"""From the rollups, or from every row."""


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


def detections_by_day(store: OpenedStore, basis: Basis = "rollup") -> pa.Table:
    """Detections by local day of the site, line and section: columns `day`, `line`, `section`, `detections`."""
    if basis == "rollup":
        what = "sum(\"count\")::BIGINT AS detections FROM days WHERE what = 'detections'"
    else:
        what = "count(*) AS detections FROM detections"
    return store.sql(f"SELECT day, line, section, {what} GROUP BY day, line, section").to_arrow_table()
