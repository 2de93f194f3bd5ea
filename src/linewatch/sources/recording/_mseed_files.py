"""MiniSEED files as runs of samples: every record is looked at once when the file is opened, and read again when due.

Records are taken in order of their time, whatever their order in the file. One that is damaged is stepped over, and
what it held is missing. Needs pymseed, of the extra `seismic`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymseed import MiniSEEDError, MS3Record

from linewatch.errors import InputError
from linewatch.records.block import sample_time_ns
from linewatch.sources.miniseed import piece_of, read_piece
from linewatch.sources.recording._array_files import ArrayFile

DRIFT_S: Final = 0.02
"""How far the times of records may stray from the count before the count begins anew."""
_CHUNK: Final = 1_000_000
_STRIDE: Final = 64
"""Records begin at multiples of this, in every file that was not cut in the middle of one."""
_NS_PER_S: Final = 1_000_000_000


class Found(NamedTuple):
    """One record of a file."""

    path: Path
    """Its file."""
    offset: int
    """Where it begins."""
    length: int
    """Bytes."""
    start_ns: int
    """Time of its first sample."""
    rate_hz: float
    """Samples per second."""
    rows: int
    """Samples."""
    kind: str
    """`integer` or `float`."""

    @property
    def end_ns(self) -> int:
        """Time after its last sample."""
        return sample_time_ns(self.start_ns, self.rows, self.rate_hz)


class Damage(NamedTuple):
    """Bytes of a file that are no record."""

    after_ns: int
    """End of the record before them; 0 where there is none."""
    offset: int
    """Where they begin."""
    length: int
    """How many they are."""


class Scan(NamedTuple):
    """What is in one file."""

    streams: dict[str, list[Found]]
    """Records by stream, in the order of the file."""
    damaged: tuple[Damage, ...]
    """What lies between them."""


def scan_file(path: Path) -> Scan:
    """Every record of a file. Raises `OSError` where it cannot be read."""
    raw = memoryview(path.read_bytes())
    streams: dict[str, list[Found]] = {}
    damaged: list[Damage] = []
    offset, bad_from, last_ns = 0, -1, 0
    while offset < len(raw):
        length, stream, record = _record_at(path, raw, offset)
        if not length:
            bad_from = offset if bad_from < 0 else bad_from
            offset += _STRIDE - offset % _STRIDE
            continue
        if bad_from >= 0:
            damaged.append(Damage(last_ns, bad_from, offset - bad_from))
            bad_from = -1
        if record is not None:
            streams.setdefault(stream, []).append(record)
            last_ns = record.end_ns
        offset += length
    if bad_from >= 0:
        damaged.append(Damage(last_ns, bad_from, len(raw) - bad_from))
    return Scan(streams, tuple(damaged))


def _record_at(path: Path, raw: memoryview, offset: int) -> tuple[int, str, Found | None]:
    """Length, stream and facts of the record at this place; length 0 where none begins, no facts where it has none."""
    try:
        # The length of some old records shows only by where the next one begins: what counts is what they say alone.
        length = int(MS3Record.parse(raw[offset:]).reclen)
        record = MS3Record.parse(raw[offset : offset + length], unpack_data=True)
        piece = piece_of(record)
    except InputError:
        return length, "", None  # a log or the like: a record, but not of samples
    except (MiniSEEDError, ValueError, BufferError):
        return 0, "", None
    kind = "integer" if record.sampletype == "i" else "float"
    found = Found(path, offset, length, piece.start_ns, piece.rate_hz, len(piece.samples), kind)
    return length, piece.stream, found


def runs_of(records: Sequence[Found]) -> list[tuple[Found, ...]]:
    """Records in order of time, those together that follow each other without a break and are of one kind and rate."""
    runs: list[list[Found]] = []
    index = 0
    for record in sorted(records, key=lambda r: (r.start_ns, r.path, r.offset)):
        last = runs[-1][-1] if runs else None
        if last is None or not _follows(runs[-1][0], index, last, record):
            runs.append([])
            index = 0
        runs[-1].append(record)
        index += record.rows
    return [tuple(run) for run in runs]


def _follows(first: Found, index: int, last: Found, record: Found) -> bool:
    if (record.rate_hz, record.kind) != (last.rate_hz, last.kind):
        return False
    half_ns = 0.5 * _NS_PER_S / record.rate_hz
    stray_ns = abs(record.start_ns - sample_time_ns(first.start_ns, index, record.rate_hz))
    return abs(record.start_ns - last.end_ns) <= half_ns and stray_ns <= max(half_ns, DRIFT_S * _NS_PER_S)


def files_of(run: Sequence[Found]) -> list[ArrayFile]:
    """A run as arrays of one channel, none of them longer than can be held in memory at ease."""
    files: list[ArrayFile] = []
    held: list[Found] = []
    for record in run:
        if held and sum(each.rows for each in held) + record.rows > _CHUNK:
            files.append(_file_of(held))
            held = []
        held.append(record)
    files.append(_file_of(held))
    return files


def _file_of(records: Sequence[Found]) -> ArrayFile:
    kept = tuple(records)
    rows = sum(record.rows for record in kept)
    return ArrayFile(kept[0].path.name, rows, 1, kept[0].kind, rows, 1, (), _viewer(kept))


def _viewer(records: tuple[Found, ...]) -> Callable[[], NDArray[Any]]:
    def view() -> NDArray[Any]:
        parts = []
        for record in records:
            with record.path.open("rb") as stream:
                stream.seek(record.offset)
                parts.append(read_piece(stream.read(record.length)).samples)
        return np.concatenate(parts)

    return view
