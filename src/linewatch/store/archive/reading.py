"""A store as tables: what Parquet files, journal and incident table hold, through DuckDB, as relations.

Everything stays where it is until somebody asks: a relation is a query that has not run. It becomes Arrow, pandas,
NumPy or plain rows by its own methods (`.to_arrow_table()`, `.df()`, `.fetchnumpy()`).
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from linewatch.errors import InputError, StoreError
from linewatch.records import (
    Clip,
    ClipRequest,
    Detections,
    HandOver,
    Health,
    Incident,
    KnownMover,
    OperatorAct,
    Outage,
    Tick,
    Track,
    WalkTest,
    Weather,
    from_bytes,
)
from linewatch.store.archive.columns import (
    DETECTIONS,
    HEALTH,
    Whereabouts,
    detections_table,
    health_table,
    whereabouts,
)
from linewatch.store.archive.rollup import ROLLUP, Counts
from linewatch.store.archive.rows import rows_table
from linewatch.store.archive.segments import Segment, What
from linewatch.store.archive.writer import covered, tail_of
from linewatch.store.description import description_of
from linewatch.store.reader import open_store

_RECORDS: Final[dict[str, tuple[type[msgspec.Struct], tuple[str, ...]]]] = {
    "tracks": (Track, ("track",)),
    "hand_overs": (HandOver, ("hand_over",)),
    "outages": (Outage, ("outage", "arrival")),
    "weather": (Weather, ("arrival",)),
    "known_movers": (KnownMover, ("arrival",)),
    "walk_tests": (WalkTest, ("arrival", "walk_test")),
    "acts": (OperatorAct, ("act",)),
    "versions": (Incident, ("incident",)),
    "clip_requests": (ClipRequest, ("clip_request",)),
    "clips": (Clip, ("clip",)),
    "ticks": (Tick, ("tick",)),
}
TABLES: Final = ("detections", "health", "rollup", "days", "incidents", *_RECORDS)
"""Names of all tables of a store."""


class OpenedStore:
    """A store opened to be read, as it stood at that moment. Made by `linewatch.open`; to be closed, or used in `with`.

    Each table is an attribute: `detections`, `health`, `rollup`, `days`, `incidents` (the last version of each), and,
    straight from the journal, `outages` and `tracks`; `table` gives these and all others of `TABLES` by name.
    """

    def __init__(self, folder: Path, site_of: Whereabouts | None = None) -> None:
        self.folder = folder
        self._reader = open_store(folder)
        try:
            self.site = description_of(self._reader).site
            self._where = site_of or (None if self.site is None else whereabouts(self.site))
            self._segments = self._reader.segments()
            self._covered = covered(self._reader.segments(erased=True))
        except BaseException:
            self._reader.close()
            raise
        self._connection = duckdb.connect()
        self._made: set[str] = set()

    # --- tables ---------------------------------------------------------------------------------------------------

    @property
    def detections(self) -> duckdb.DuckDBPyRelation:
        """Every detection; columns as in `docs/archive.md`."""
        return self.table("detections")

    @property
    def health(self) -> duckdb.DuckDBPyRelation:
        """Every finding of health."""
        return self.table("health")

    @property
    def rollup(self) -> duckdb.DuckDBPyRelation:
        """Counts of detections and findings by hour, line, section and kind."""
        return self.table("rollup")

    @property
    def days(self) -> duckdb.DuckDBPyRelation:
        """The same by local day, line, section and kind."""
        return self.table("days")

    @property
    def incidents(self) -> duckdb.DuckDBPyRelation:
        """The last version of every incident."""
        return self.table("incidents")

    @property
    def outages(self) -> duckdb.DuckDBPyRelation:
        """Every version of every outage, in the order in which they were told."""
        return self.table("outages")

    @property
    def tracks(self) -> duckdb.DuckDBPyRelation:
        """Every state of every track."""
        return self.table("tracks")

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """A table by its name. Raises `InputError` on a name not in `TABLES`, `StoreError` on a damaged file."""
        if name not in TABLES:
            raise InputError(f"table: found {name!r}; allowed: {', '.join(TABLES)}")
        if name not in self._made:
            makers: dict[str, Callable[[], None]] = {
                "detections": self._make_detections,
                "health": self._make_health,
                "rollup": lambda: self._make_rollup("rollup", "day_hours"),
                "days": lambda: self._make_rollup("days", "days"),
            }
            makers.get(name, lambda: self._make_records(name))()
            self._made.add(name)
        return self._connection.table(name)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """A query in DuckDB's SQL over the tables. Raises `InputError` where it is none."""
        words = set(re.findall(r"\w+", query))
        for name in TABLES:
            if name in words:
                self.table(name)
        try:
            return self._connection.sql(query)
        except duckdb.Error as error:
            raise InputError(f"query: {str(error).splitlines()[0]}") from error

    def close(self) -> None:
        """Let go of everything; relations made from this store end with it."""
        self._connection.close()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- making them ----------------------------------------------------------------------------------------------

    def _make_detections(self) -> None:
        self._union("detections", "detections", self._tail_of_detections())

    def _make_health(self) -> None:
        self._union("health", "health", self._tail_of_health())

    def _make_rollup(self, name: str, whole: What) -> None:
        """Days, then the hours that no day holds yet, then what no hour holds yet."""
        days = [each for each in self._segments if each.what == whole]
        days_end = max((each.to_seq for each in days), default=0)
        hours = [each for each in self._segments if each.what == "hours" and each.from_seq >= days_end]
        hours_end = max((each.to_seq for each in (*days, *hours)), default=0)
        counts = Counts()
        for each in self._segments:
            if each.what == "detections" and each.from_seq >= hours_end:
                counts.add_detections(self._read(each))
            elif each.what == "health" and each.from_seq >= hours_end:
                counts.add_health(self._read(each))
        counts.add_detections(self._tail_of_detections())
        counts.add_health(self._tail_of_health())
        self._view(name, [*days, *hours], counts.table(), ROLLUP)

    def _make_records(self, name: str) -> None:
        if name == "incidents":
            self._connection.register(name, rows_table(Incident, [*self._reader.incident_versions()]))
            return
        kind, entries = _RECORDS[name]
        rows = []
        for entry in self._reader.entries(kinds=entries):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, kind):
                rows.append((entry.seq, record))
        self._connection.register(name, rows_table(kind, rows))

    def _union(self, name: str, what: What, tail: pa.Table) -> None:
        self._view(name, [each for each in self._segments if each.what == what], tail, tail.schema)

    def _view(self, name: str, segments: Sequence[Segment], tail: pa.Table, schema: pa.Schema) -> None:
        """Files and what comes after them under one name."""
        for each in segments:
            self._sound(each)
        self._connection.register(f"{name}_tail", tail.cast(_plain(schema)))
        # A relation of DuckDB quotes the names of files itself.
        if segments:
            files = self._connection.read_parquet([str(self.folder / each.name) for each in segments])
            files.create_view(f"{name}_files")
            self._connection.execute(f"CREATE VIEW {name} AS FROM {name}_files UNION ALL BY NAME FROM {name}_tail")
        else:
            self._connection.execute(f"CREATE VIEW {name} AS FROM {name}_tail")

    def _tail_of_detections(self) -> pa.Table:
        tail = [(seq, found) for seq, found in self._tail() if isinstance(found, Detections)]
        return detections_table(tail, self._known_where()) if tail else DETECTIONS.empty_table()

    def _tail_of_health(self) -> pa.Table:
        tail = [(seq, found) for seq, found in self._tail() if isinstance(found, Health)]
        return health_table(tail, self._known_where()) if tail else HEALTH.empty_table()

    def _tail(self) -> list[tuple[int, Detections | Health]]:
        return list(tail_of(self._reader, self._covered))

    def _known_where(self) -> Whereabouts:
        if self._where is None:
            raise StoreError(f"{self.folder}: found no description of its site; allowed: a store of 0.2 or newer")
        return self._where

    def _read(self, segment: Segment) -> pa.Table:
        self._sound(segment)
        return pq.read_table(self.folder / segment.name)

    def _sound(self, segment: Segment) -> None:
        """Whether a file is there and whole, as far as its ends tell; its hash is what `verify` is for."""
        path = self.folder / segment.name
        try:
            rows = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"{path}: damaged or missing ({str(error).splitlines()[0]}); see `linewatch verify`"
            ) from error
        if rows != segment.rows:
            raise StoreError(f"{path}: found {rows} rows; allowed: {segment.rows}; see `linewatch verify`")


def open_archive(folder: str | Path) -> OpenedStore:
    """A store as tables. Raises `StoreError` in one line where there is none that this version can read."""
    return OpenedStore(Path(folder))


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with plain texts and decimals as wide as DuckDB takes them from memory."""
    fields = []
    for field in schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = pa.string()
        elif pa.types.is_decimal(kind):
            kind = pa.decimal128(kind.precision, kind.scale)
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)
