"""Rollups: how many detections and findings there were by hour, section and kind, so that a season is counted at once.

A row is a local day of the site, an hour (UTC, so that days of any other zone follow, too), a line, a section, a kind
(of sensor, or the condition of a finding), a word (the likeliest mover, or how grave the finding is), a count, and how
many of these came late. Rows add up: what comes late for an hour that was written already is one more row for it. By
day alone there are a twentieth as many rows; their hour is empty.
"""

from collections.abc import Sequence
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
        ("day", pa.date32()),
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

Key = tuple[str, int, int, str, str, str, str]
"""What, day since 1970, hour in microseconds since 1970 (0 for all of the day), line, section, kind, word."""
_MOST_PARTS: Final = 32
_KEYS: Final = ("what", "day", "hour", "line", "section", "kind", "word")


class Counts:
    """Counts that are being added up."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def __len__(self) -> int:
        """Parts so far: 0 where nothing was counted."""
        return len(self._parts)

    def add(self, table: pa.Table) -> None:
        """Add the rows of a rollup."""
        if len(table):
            self._parts.append(_plain(table))
        if len(self._parts) > _MOST_PARTS:
            self._parts = [_summed(self._parts)]

    def add_detections(self, table: pa.Table) -> None:
        """Add all rows of a table of detections."""
        self.add(_grouped("detections", table, "sensor_kind", "mover", pc.is_valid(table["received"])))

    def add_health(self, table: pa.Table) -> None:
        """Add all findings of a table of health; each counts as often as it says."""
        late = pa.chunked_array([pa.array(np.zeros(len(table), dtype=bool))])
        self.add(_grouped("health", table, "condition", "severity", late, table["count"]))

    def table(self) -> pa.Table:
        """The rollup, in the order of its keys."""
        plain = _summed(self._parts) if self._parts else _plain(ROLLUP.empty_table())
        columns = [
            plain[field.name].combine_chunks().dictionary_encode() if field.type == TEXT else plain[field.name]
            for field in ROLLUP
        ]
        return pa.Table.from_arrays(columns, schema=ROLLUP)

    def by_day(self) -> pa.Table:
        """The rollup without the hours, in the order of its keys."""
        hourly = self.table()
        if not len(hourly):
            return hourly
        nothing = pa.array([None] * len(hourly), TIME)
        days = Counts()
        days.add(hourly.set_column(hourly.column_names.index("hour"), "hour", nothing))
        return days.table()

    def rows(self) -> list[tuple[Key, int, int]]:
        """All rows, in the order of their keys: key, count and how many of these came late."""
        return rows_of(self.table())


def rows_of(table: pa.Table) -> list[tuple[Key, int, int]]:
    """The rows of a table that `Counts.table` gave."""
    columns = {name: table[name] for name in table.column_names}
    columns |= {"day": table["day"].cast(pa.int32()), "hour": pc.fill_null(table["hour"].cast(pa.int64()), 0)}
    keys = zip(*(columns[name].to_pylist() for name in _KEYS), strict=True)
    return list(zip(keys, columns["count"].to_pylist(), columns["late"].to_pylist(), strict=True))


def _plain(table: pa.Table) -> pa.Table:
    """With plain texts: dictionaries of different tables do not add up."""
    columns = [table[field.name].cast(pa.string()) if field.type == TEXT else table[field.name] for field in ROLLUP]
    return pa.Table.from_arrays(columns, names=ROLLUP.names)


def _summed(parts: Sequence[pa.Table]) -> pa.Table:
    """One row for each key, sorted by key."""
    whole = pa.concat_tables(parts).group_by(list(_KEYS), use_threads=False)
    totals = whole.aggregate([("count", "sum"), ("late", "sum")])
    totals = totals.rename_columns([*_KEYS, "count", "late"])
    return totals.sort_by([(name, "ascending") for name in _KEYS])


def _grouped(
    what: str,
    table: pa.Table,
    kind: str,
    word: str,
    late: pa.ChunkedArray,
    count: pa.ChunkedArray | None = None,
) -> pa.Table:
    """The rollup of a table; the dictionaries of its words are grouped by number, which is faster."""
    if not len(table):
        return ROLLUP.empty_table()
    table = table.combine_chunks()
    hour = pc.multiply(pc.divide(table["time"].cast(pa.int64()), _HOUR_US), _HOUR_US)
    ones = pa.chunked_array([pa.array(np.ones(len(table), dtype=np.int64))]) if count is None else count
    words = {"line": table["line"], "section": table["section"], "kind": table[kind], "word": table[word]}
    numbers = {name: pc.fill_null(column.chunk(0).indices, -1) for name, column in words.items()}
    grouped = pa.table({"day": table["day"], "hour": hour, **numbers, "count": ones, "late": pc.if_else(late, ones, 0)})
    totals = grouped.group_by(["day", "hour", *words], use_threads=False).aggregate([("count", "sum"), ("late", "sum")])
    columns = {
        "what": pa.array([what] * len(totals), pa.string()),
        "day": totals["day"],
        "hour": totals["hour"].cast(TIME),
    }
    for name, column in words.items():
        known = column.chunk(0).dictionary.to_pylist()
        # The last of the list stands for number -1: no word.
        texts = np.array([*known, ""], dtype=object)[totals[name].to_numpy()]
        columns[name] = pa.array(texts, pa.string())
    columns |= {"count": totals["count_sum"], "late": totals["late_sum"]}
    return pa.table(columns)
