"""Writes the archive: rows are gathered tick by tick, and every so often become files that the journal cites.

When files are cut follows from ticks and rows alone, so two runs over the same input leave the same bytes. Rows that no
file holds yet lie in the journal; after a stop they are gathered again from there.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from linewatch.records import Detections, Health, Record, Tick, from_bytes
from linewatch.store.archive.columns import Taken, Whereabouts, detections_table, health_table
from linewatch.store.archive.rollup import DAY_NS, HOUR_NS, Counts
from linewatch.store.archive.segments import SEGMENT, Segment, What, encode
from linewatch.store.files import FileCited
from linewatch.store.reader import StoreReader, open_store

MOST_ROWS: Final = 250_000
"""Rows after which a file of detections is cut before its hour is over; about 60 MB in memory."""
_KINDS: Final = ("arrival", "detections", "health")
_LEVEL: Final = 1


class Journalled(Protocol):
    """What the archive needs of the journal."""

    @property
    def folder(self) -> Path:
        """Folder of the store."""
        ...

    @property
    def next_seq(self) -> int:
        """Position that the next entry gets in the record chain."""
        ...

    def append(self, kind: str, key: str, payload: bytes) -> None:
        """Add one entry to the record chain of the open tick."""
        ...

    def add_file(self, room: str, suffix: str, write: Callable[[Path], object]) -> FileCited:
        """A new file, cited by the next commit."""
        ...


class ArchiveWriter:
    """Gathers what one store archives. One for each journal that is open to be written."""

    def __init__(self, journal: Journalled, where: Whereabouts, most_rows: int = MOST_ROWS) -> None:
        """Go on where the store stands: gather what no file holds yet."""
        self._journal = journal
        self._where = where
        self._most_rows = most_rows
        self._detections: list[Taken] = []
        self._health: list[tuple[int, Health]] = []
        self._rows = 0
        self._hours, self._days = Counts(), Counts()
        with open_store(journal.folder) as reader:
            positions = reader.positions()
            self._last_tick = None if positions is None else positions.tick
            ever = reader.segments(erased=True)
            self._covered = covered(ever)
            self._hours_from = _end_of(ever, "hours")
            self._days_from = _end_of(ever, "days")
            self._count_again(reader.segments())
            for seq, record in tail_of(reader, self._covered):
                self.take(seq, record)

    @property
    def rows_waiting(self) -> int:
        """Rows that no file holds yet."""
        return self._rows

    def moved(self, where: Whereabouts) -> None:
        """Sensors stand elsewhere from now on; lines and sections do not."""
        self._where = where

    def begin(self, tick: Tick) -> None:
        """Cut what is due before anything of this tick is journalled.

        Raises `StoreError` where a file cannot be written; then nothing was cut, and it may be tried again.
        """
        # A tick stands for the time before it; the last one may lie further back than a period.
        start_ns = tick.time_ns - tick.period_ns
        last_ns = start_ns if self._last_tick is None else (self._last_tick - 1) * tick.period_ns
        hour_over = start_ns // HOUR_NS != last_ns // HOUR_NS
        if self._rows >= self._most_rows or (hour_over and self._rows):
            self._cut()
        if hour_over and len(self._hours):
            self._roll("hours", self._hours.table(), self._hours_from)
            self._hours_from = self._covered
            self._days.add(self._hours.table())
            self._hours = Counts()
        if start_ns // DAY_NS != last_ns // DAY_NS and len(self._days):
            self._roll("day_hours", self._days.table(), self._days_from)
            self._roll("days", self._days.by_day(), self._days_from)
            self._days_from = self._covered
            self._days = Counts()
        self._last_tick = tick.index

    def take(self, seq: int, record: Record) -> None:
        """Gather a record that the journal holds as its entry `seq`; anything but detections and health is let go."""
        if isinstance(record, Detections):
            if len(record):
                self._detections.append((seq, record))
                self._rows += len(record)
        elif isinstance(record, Health):
            self._health.append((seq, record))
            self._rows += 1

    def _cut(self) -> None:
        """All rows gathered so far as files. Rows are let go file by file, so that a full disk doubles none of them."""
        until = self._journal.next_seq
        if self._detections:
            felt = detections_table(self._detections, self._where)
            self._file("detections", felt, "time", self._covered, until)
            self._hours.add_detections(felt)
            self._detections = []
        if self._health:
            found = health_table(self._health, self._where)
            self._file("health", found, "time", self._covered, until)
            self._hours.add_health(found)
            self._health = []
        self._rows = 0
        self._covered = until

    def _roll(self, what: What, table: pa.Table, since: int) -> None:
        self._file(what, table, "day", since, self._covered)

    def _file(self, what: What, table: pa.Table, time: str, from_seq: int, to_seq: int) -> None:
        cited = self._journal.add_file("segments", ".parquet", partial(write_table, table))
        if time == "day":
            grain_ns, times = DAY_NS, table[time].cast(pa.int32()).to_numpy()
        else:
            grain_ns, times = 1000, table[time].cast(pa.int64()).to_numpy()
        bounds = (int(times.min()) * grain_ns, int(times.max()) * grain_ns)
        segment = Segment(cited.name, what, from_seq, to_seq, len(table), *bounds)
        self._journal.append(SEGMENT, what, encode(segment))

    def _count_again(self, segments: list[Segment]) -> None:
        """Bring the counts of the hour and the day that were under way back from the files that hold their rows."""
        for segment in segments:
            path = self._journal.folder / segment.name
            if segment.what == "hours" and segment.from_seq >= self._days_from:
                self._days.add(pq.read_table(path))
            elif segment.what == "detections" and segment.from_seq >= self._hours_from:
                self._hours.add_detections(pq.read_table(path))
            elif segment.what == "health" and segment.from_seq >= self._hours_from:
                self._hours.add_health(pq.read_table(path))


def write_table(table: pa.Table, path: Path) -> None:
    """One Parquet file: zstd, one row group, dictionaries for words and probabilities, widths for the rest."""
    words = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    small = {"day", "probability", "mover_probabilities", "act_probabilities", "count_low", "count_high"}
    climbing = [name for name in ("seq", "time") if name in table.column_names]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=[*words, *sorted(small & set(table.column_names))],
        column_encoding=dict.fromkeys(climbing, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        row_group_size=max(len(table), 1),
    )


def covered(segments: list[Segment]) -> int:
    """First entry of the record chain whose rows no file holds."""
    return max((segment.to_seq for segment in segments if segment.what in ("detections", "health")), default=0)


def tail_of(reader: StoreReader, from_seq: int) -> Iterator[tuple[int, Detections | Health]]:
    """Detections and findings in the journal from an entry on, each with its position. What was erased is left out."""
    for entry in reader.entries(kinds=_KINDS, from_seq=from_seq):
        record = None if entry.payload is None else from_bytes(entry.payload)
        if isinstance(record, Detections | Health):
            yield entry.seq, record


def _end_of(segments: list[Segment], what: What) -> int:
    return max((segment.to_seq for segment in segments if segment.what == what), default=0)
