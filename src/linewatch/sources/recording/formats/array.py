"""Format `array`: samples of one sensor in `.npy`, `.npz` (name:key) or `.csv` files, one after the other.

int16 stays int16. Every other integer and every real floating-point number becomes float32: raw counts above 2^24 lose
their last digits, float64 its finer ones. Booleans, complex numbers, text and objects are refused.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import Problem
from linewatch.ports import Item
from linewatch.records import Block, Health, quantise
from linewatch.records.block import first_sample_at, sample_time_ns
from linewatch.records.quantise import TIME_GRAIN_NS
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources._nearest import nearest
from linewatch.sources.recording._array_files import (
    READ_ERRORS,
    ArrayFile,
    UnusableError,
    block_samples,
    open_array,
    wrong_names,
)
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._invalid import InvalidWatch
from linewatch.sources.recording._source import Carry, Reel
from linewatch.sources.recording._timeline import Opened, Piece, Stretched, Timeline

FACTS: Final = Facts(
    required=frozenset({"sensor", "data", "format", "rate_hz", "start"}),
    optional=frozenset({"layout", "first_channel", "channels", "part"}),
)
_LONGEST_FILE_S: Final = 366 * 86_400


def open_reel(header: Header, site: Site) -> tuple[Reel | None, list[Problem]]:
    """The recording ready to be read, or everything that is wrong with it at the start."""
    problems = [
        Problem(str(header.file), f"data {name!r}", found, allowed)
        for stretch in header.stretches
        for name, found, allowed in wrong_names(stretch.data, header.folder)
    ]
    sensor = None
    if header.sensor is not None and site.has_sensor(header.sensor):
        sensor = site.sensor(header.sensor)
    else:
        allowed = nearest(str(header.sensor), (each.id for each in site.sensors), "a site with sensors")
        problems.append(Problem(str(header.file), "sensor", repr(header.sensor), allowed))
    if problems or sensor is None:
        return None, problems
    opened = [[(name, _opened(header, name)) for name in stretch.data] for stretch in header.stretches]
    first = opened[0][0][1]
    problems = wrong_first(header, sensor, first)
    if problems or not isinstance(first, ArrayFile):
        return None, problems
    return _reel(header, sensor, first, opened), []


def _reel(header: Header, sensor: Sensor, first: ArrayFile, opened: list[list[tuple[str, Opened]]]) -> Reel:
    assert header.rate_hz is not None
    timeline = Timeline(sensor.line, sensor.id, header.rate_hz, header.first_channel)
    for stretch, files in zip(header.stretches, opened, strict=True):
        assert stretch.start_ns is not None
        timeline.add(Stretched(stretch.start_ns, tuple((name, like(first, file)) for name, file in files)))
    return ArrayReel(header, sensor, first, timeline)


def _opened(header: Header, name: str) -> Opened:
    assert header.rate_hz is not None
    try:
        file = open_array(header.folder, name, header.layout)
    except UnusableError as unusable:
        return unusable
    if file.rows > _LONGEST_FILE_S * header.rate_hz:
        days = file.rows / header.rate_hz / 86_400
        return UnusableError("wrong_shape", f"{name}: {file.rows} samples, {days:.0f} days; allowed: 366 days a file")
    return file


def like(first: ArrayFile, file: Opened) -> Opened:
    """The file, where it continues the first one."""
    if isinstance(file, UnusableError):
        return file
    if file.channels != first.channels:
        text = f"{file.name}: {file.channels} channels found, {first.channels} expected as in {first.name}"
        return UnusableError("wrong_shape", text, file.rows)
    if file.kind != first.kind:
        text = f"{file.name}: values of kind {file.kind} found, {first.kind} expected as in {first.name}"
        return UnusableError("wrong_shape", text, file.rows)
    return file


def wrong_first(header: Header, sensor: Sensor, first: Opened) -> list[Problem]:
    """What is wrong with the first file, or between it and the site."""
    name = f"data {header.stretches[0].data[0]!r}"
    if isinstance(first, UnusableError):
        return [Problem(str(header.file), name, str(first), "an array of numbers that can be read")]
    if not first.rows_there or not first.channels_there:
        return [Problem(str(header.file), name, "no sample", "an array with samples in it")]
    of_sensor = sensor.channels or 1
    left = of_sensor - header.first_channel
    if left < 1:
        allowed = f"0 to {of_sensor - 1}, the channels of {sensor.id!r}"
        return [Problem(str(header.file), "first_channel", str(header.first_channel), allowed)]
    if header.channels is not None:
        fits = first.channels == header.channels <= left
        allowed = f"{header.channels}, as the key channels says, and at most {left}"
    elif header.first_channel:
        fits = first.channels <= left
        allowed = f"1 to {left}, the channels of {sensor.id!r} from {header.first_channel} on"
    else:
        fits = first.channels == of_sensor
        allowed = f"{of_sensor}, as sensor {sensor.id!r} of the site has (or the key channels, for a part of them)"
    return [] if fits else [Problem(str(header.file), name, f"{first.channels} channels", allowed)]


class ArrayReel:
    """The pieces of a recording and the findings between them, as a function of time."""

    def __init__(self, header: Header, sensor: Sensor, first: ArrayFile, timeline: Timeline) -> None:
        assert header.rate_hz is not None
        end_ns = timeline.close()
        self.start_ns = timeline.pieces[0].origin_ns
        self.end_ns = -(-end_ns // TIME_GRAIN_NS) * TIME_GRAIN_NS
        self._line = sensor.line
        self._sensor = sensor.id
        self._rate_hz = header.rate_hz
        self._first_channel = header.first_channel
        self._pieces = timeline.pieces
        self._ends_ns = [self._time_of(piece, piece.end_sample) for piece in self._pieces]
        self._findings = timeline.findings
        self._found_ns = [finding.time_ns for finding in self._findings]
        self._watch = None
        if first.kind == "float":
            self._watch = InvalidWatch(sensor.line, sensor.id, header.rate_hz, header.first_channel)
        self._open_piece = -1
        self._view: NDArray[Any] | None = None

    def between(self, from_ns: int, until_ns: int, carry: Carry) -> tuple[list[Item], Carry]:
        """Blocks and findings in [from_ns, until_ns), in order of time. Never raises."""
        low, high = bisect_right(self._found_ns, from_ns - 1), bisect_right(self._found_ns, until_ns - 1)
        items: list[Item] = list(self._findings[low:high])
        for number in range(bisect_right(self._ends_ns, from_ns), len(self._pieces)):
            piece = self._pieces[number]
            start = max(piece.first_sample, first_sample_at(piece.origin_ns, from_ns, self._rate_hz))
            stop = min(piece.end_sample, first_sample_at(piece.origin_ns, until_ns, self._rate_hz))
            if stop <= piece.first_sample:
                break  # it, and all behind it, begin later
            if stop > start and carry.failed_piece != number:
                read, carry = self._read(number, start, stop, carry)
                items += read
        return sorted(items, key=_time_ns), carry

    def close(self) -> None:
        """Let go of the file that is open."""
        self._open_piece, self._view = -1, None

    def _read(self, number: int, start: int, stop: int, carry: Carry) -> tuple[list[Item], Carry]:
        """Samples `start` to `stop` of one piece, with what was found in them."""
        piece = self._pieces[number]
        try:
            rows = self._rows(number)[start - piece.file_sample : stop - piece.file_sample]
            samples = block_samples(rows)
        except READ_ERRORS as cause:
            return [self._unreadable(number, start, cause)], msgspec.structs.replace(carry, failed_piece=number)
        found: list[Health] = []
        if self._watch is not None:
            first_row = piece.first_row + start - piece.first_sample
            found, carry = self._watch.look(samples, first_row, self._row_time(piece), carry)
        samples, valid = _full_width(samples, piece.file.channels)
        block = Block(
            line=self._line,
            sensor=self._sensor,
            origin_ns=piece.origin_ns,
            first_sample=start,
            rate_hz=self._rate_hz,
            samples=samples,
            first_channel=self._first_channel,
            valid=valid,
        )
        return [block, *found], carry

    def _rows(self, number: int) -> NDArray[Any]:
        """The values of one piece's file; only the one in use is kept open."""
        file = self._pieces[number].file
        file.check_still_there()
        if self._view is None or self._open_piece != number:
            self._view = None  # first, so that two large files are never in memory together
            view = file.view()
            if view.shape != (file.rows_there, file.channels_there):
                raise ValueError(f"{file.name}: shape {view.shape} where its header said {file.rows_there} rows")
            self._open_piece, self._view = number, view
        return self._view

    def _unreadable(self, number: int, start: int, cause: BaseException) -> Health:
        piece = self._pieces[number]
        text = str(cause).strip() or type(cause).__name__
        return quantise(
            Health(
                line=self._line,
                sensor=self._sensor,
                time_ns=self._time_of(piece, start),
                condition="unreadable",
                severity="failed",
                text=f"{piece.file.name}: {text.splitlines()[0]}",
                until_ns=self._ends_ns[number],
                count=piece.end_sample - start,
            )
        )

    def _time_of(self, piece: Piece, sample: int) -> int:
        return sample_time_ns(piece.origin_ns, sample, self._rate_hz)

    def _row_time(self, piece: Piece) -> Callable[[int], int]:
        return lambda row: self._time_of(piece, piece.first_sample + row - piece.first_row)


def _full_width(samples: NDArray[Any], channels: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Samples with every channel, and which of them are really there; a missing one is 0 and not valid."""
    there = samples.shape[1]
    if there == channels:
        return samples, None
    wide = np.zeros((len(samples), channels), dtype=samples.dtype)
    wide[:, :there] = samples
    return wide, np.arange(channels) < there


def _time_ns(item: Item) -> int:
    return item.start_ns if isinstance(item, Block) else int(getattr(item, "time_ns", 0))
