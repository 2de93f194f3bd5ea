"""Rollups: how many detections and findings there were by hour, section and kind, so that a season is counted at once.

A row is an hour (UTC, so that days and months of any zone follow from it), a line, a section, a kind (of sensor, or the
condition of a finding), a word (the likeliest mover, or how grave the finding is), a count, and how many of these came
late. Rows add up: what comes late for an hour that was written already is one more row for that hour.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linewatch.store.archive.columns import TEXT, TIME

HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 24 * HOUR_NS
_HOUR_US: Final = HOUR_NS // 1000

ROLLUP: Final = pa.schema(
    [
        ("what", TEXT),
        ("hour", TIME),
        ("line", TEXT),
        ("section", TEXT),
        ("kind", TEXT),
        ("word", TEXT),
        ("count", pa.int64()),
        ("late", pa.int64()),
    ]
)
"""Columns of a rollup; `what` is `detections` or `health`."""

Key = tuple[str, int, str, str, str, str]
"""What, hour in microseconds since 1970, line, section, kind, word."""
_KEYS: Final = ("what", "hour", "line", "section", "kind", "word")


class Counts:
    """Counts that are being added up."""

    def __init__(self) -> None:
        self._counts: dict[Key, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, rows: Iterable[tuple[Key, int, int]]) -> None:
        """Add rows of key, count and how many of these came late."""
        for key, count, late in rows:
            before = self._counts.get(key, (0, 0))
            self._counts[key] = (before[0] + count, before[1] + late)

    def add_detections(self, table: pa.Table) -> None:
        """Add all rows of a table of detections."""
        self.add(_grouped("detections", table, "sensor_kind", "mover", pc.is_valid(table["received"])))

    def add_health(self, table: pa.Table) -> None:
        """Add all findings of a table of health; each counts as often as it says."""
        late = pa.chunked_array([pa.array(np.zeros(len(table), dtype=bool))])
        self.add(_grouped("health", table, "condition", "severity", late, table["count"]))

    def rows(self) -> list[tuple[Key, int, int]]:
        """All rows, in the order of their keys."""
        return [(key, *self._counts[key]) for key in sorted(self._counts)]

    def table(self) -> pa.Table:
        """All rows as a table, in the order of their keys."""
        rows = self.rows()
        columns = list(zip(*((*key, count, late) for key, count, late in rows), strict=True)) if rows else [()] * 8
        return pa.Table.from_arrays(
            [_column(field, values) for field, values in zip(ROLLUP, columns, strict=True)], schema=ROLLUP
        )


def rows_of(table: pa.Table) -> list[tuple[Key, int, int]]:
    """The rows of a table that `Counts.table` gave."""
    columns = {name: table[name].cast(pa.int64()) if name == "hour" else table[name] for name in table.column_names}
    keys = zip(*(columns[name].to_pylist() for name in _KEYS), strict=True)
    return list(zip(keys, columns["count"].to_pylist(), columns["late"].to_pylist(), strict=True))


def _column(field: pa.Field, values: Sequence[object]) -> pa.Array:
    if field.type == TEXT:
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, pa.int64()).cast(field.type)


def _grouped(
    what: str,
    table: pa.Table,
    kind: str,
    word: str,
    late: pa.ChunkedArray,
    count: pa.ChunkedArray | None = None,
) -> list[tuple[Key, int, int]]:
    hour = pc.multiply(pc.divide(table["time"].cast(pa.int64()), _HOUR_US), _HOUR_US)
    ones = pa.chunked_array([pa.array(np.ones(len(table), dtype=np.int64))]) if count is None else count
    columns = {
        "hour": hour,
        "line": table["line"],
        "section": table["section"],
        "kind": table[kind],
        "word": table[word],
        "count": ones,
        "late": pc.if_else(late, ones, 0),
    }
    grouped = pa.table(columns).group_by(["hour", "line", "section", "kind", "word"], use_threads=False)
    totals = grouped.aggregate([("count", "sum"), ("late", "sum")])
    names = ("hour", "line", "section", "kind", "word")
    keys = zip(*(totals[name].to_pylist() for name in names), strict=True)
    counts, lates = totals["count_sum"].to_pylist(), totals["late_sum"].to_pylist()
    return [
        ((what, hour, line, section, kind_, word_ or ""), n, n_late)
        for (hour, line, section, kind_, word_), n, n_late in zip(keys, counts, lates, strict=True)
    ]
