"""The ring: what each sensor gave of late, on disk, within a bound of time and size.

A folder for each sensor holds files of `CHUNK_TICKS` ticks. A file is a row of frames, one a tick: length and CRC-32
(4 bytes each, little-endian), then the blocks of that tick and, now and then, the states of the sensor's detectors
after it, as `records.state` writes them. Frames are appended before the tick is committed, and never changed. After a
kill the frames beyond the last committed tick are cut off, for that tick comes again; a torn frame ends its file.

The ring is no part of the record: nothing cites it, and it is not copied by a backup. What is asked of it becomes a
clip, which is.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from linewatch.evidence.settings import EvidenceSettings
from linewatch.records import Block, content_id
from linewatch.records.state import freeze, thaw

CHUNK_TICKS: Final = 40
"""Ticks in one file: 10 s of ticks of 0.25 s."""
_HEAD: Final = struct.Struct("<II")
_SUFFIX: Final = ".ring"
_NAME_FILE: Final = "sensor"


class Frame(msgspec.Struct, frozen=True):
    """What one sensor gave in one tick."""

    tick: int
    """Index of the tick."""
    blocks: list[Block]
    """Its samples, in order of channel and time."""
    states: dict[str, bytes] | None = None
    """States of its detectors after this tick; empty before the first samples; None where none were kept."""


class _Chunk(msgspec.Struct):
    size: int
    first_tick: int
    last_tick: int


class _Track(msgspec.Struct):
    """Files of one sensor, by number."""

    folder: Path
    chunks: dict[int, _Chunk]

    @property
    def last_tick(self) -> int:
        return max((chunk.last_tick for chunk in self.chunks.values()), default=-1)


class SampleRing:
    """Keeps samples by sensor and tick. Ticks of a sensor must come in order; one that is there already is left."""

    def __init__(self, folder: Path, settings: EvidenceSettings, period_ns: int, committed_tick: int | None) -> None:
        """Open or make the ring; frames later than `committed_tick` (None: all) are cut off. Raises `OSError`."""
        self.folder = folder
        self._keep_ticks = max(round(settings.keep_s * 1e9 / period_ns), 1)
        self._most_bytes = round(settings.sensor_mb * 1e6)
        self._tracks: dict[str, _Track] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for each in sorted(folder.iterdir()):
            if (each / _NAME_FILE).is_file():
                self._open(each, -1 if committed_tick is None else committed_tick)

    def sensors(self) -> tuple[str, ...]:
        """Sensors of which something is there."""
        return tuple(sorted(name for name, track in self._tracks.items() if track.chunks))

    def last_tick(self, sensor: str) -> int:
        """Last tick of which something of this sensor is there; -1 where nothing is."""
        return self._tracks[sensor].last_tick if sensor in self._tracks else -1

    def size(self, sensor: str) -> int:
        """Bytes kept of a sensor."""
        track = self._tracks.get(sensor)
        return 0 if track is None else sum(chunk.size for chunk in track.chunks.values())

    def append(self, sensor: str, frame: Frame) -> None:
        """Keep a frame. Raises `OSError` where the disk does not take it; what was there before stays whole."""
        track = self._tracks.get(sensor) or self._begin(sensor)
        body = freeze(frame)
        raw = _HEAD.pack(len(body), zlib.crc32(body)) + body
        number = frame.tick // CHUNK_TICKS
        chunk = track.chunks.get(number)
        before = 0 if chunk is None else chunk.size
        path = _path(track.folder, number)
        try:
            with path.open("ab", buffering=0) as file:
                if file.tell() != before:
                    file.truncate(before)
                left = memoryview(raw)
                while left:
                    # A disk that fills up takes a part; the next write says that it is full.
                    left = left[file.write(left) :]
        except OSError:
            _cut(path, before)
            raise
        if chunk is None:
            track.chunks[number] = _Chunk(len(raw), frame.tick, frame.tick)
        else:
            chunk.size, chunk.last_tick = before + len(raw), frame.tick

    def prune(self, tick: int) -> None:
        """Let go of what is older than the ring's time, or too much. A file goes as a whole."""
        for track in self._tracks.values():
            size = sum(chunk.size for chunk in track.chunks.values())
            for number in sorted(track.chunks):
                old = track.chunks[number].last_tick < tick - self._keep_ticks
                if not old and (size <= self._most_bytes or number == max(track.chunks)):
                    break
                size -= track.chunks.pop(number).size
                _path(track.folder, number).unlink(missing_ok=True)

    def frames(self, sensor: str, from_tick: int, to_tick: int) -> Iterator[Frame]:
        """Frames of a sensor from one tick up to and with another, in order."""
        track = self._tracks.get(sensor)
        if track is None:
            return
        for number in sorted(track.chunks):
            chunk = track.chunks[number]
            if chunk.last_tick < from_tick or chunk.first_tick > to_tick:
                continue
            for frame, _ in _read(_path(track.folder, number)):
                if from_tick <= frame.tick <= to_tick:
                    yield frame

    def last_state_before(self, sensor: str, tick: int) -> int | None:
        """The last tick up to this one after which the detectors' states were kept; None where none were."""
        track = self._tracks.get(sensor)
        if track is None:
            return None
        for number in sorted(track.chunks, reverse=True):
            if track.chunks[number].first_tick > tick:
                continue
            kept = [f.tick for f, _ in _read(_path(track.folder, number)) if f.states is not None and f.tick <= tick]
            if kept:
                return max(kept)
        return None

    def _begin(self, sensor: str) -> _Track:
        folder = self.folder / content_id("ring", sensor)
        folder.mkdir(exist_ok=True)
        (folder / _NAME_FILE).write_text(sensor, encoding="utf-8")
        self._tracks[sensor] = _Track(folder, {})
        return self._tracks[sensor]

    def _open(self, folder: Path, committed_tick: int) -> None:
        chunks: dict[int, _Chunk] = {}
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            ticks, size = [], 0
            for frame, end in _read(path):
                if frame.tick > committed_tick:
                    break
                ticks.append(frame.tick)
                size = end
            if not ticks:
                path.unlink()
                continue
            _cut(path, size)
            chunks[int(path.stem)] = _Chunk(size, ticks[0], ticks[-1])
        self._tracks[(folder / _NAME_FILE).read_text(encoding="utf-8")] = _Track(folder, chunks)


def states_by_sensor(states: Mapping[str, bytes], sensors: Iterable[str]) -> dict[str, dict[str, bytes]]:
    """Detectors' states by sensor: a detector's key is its sensor's id, or that with `/` and a word behind it."""
    known = set(sensors)
    out: dict[str, dict[str, bytes]] = {}
    for key, raw in states.items():
        sensor = key if key in known else key.rpartition("/")[0]
        out.setdefault(sensor, {})[key] = raw
    return out


def by_sensor(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """Blocks of one tick by sensor, in order of channel and time."""
    out: dict[str, list[Block]] = {}
    for block in sorted(blocks, key=lambda b: (b.sensor, b.first_channel, b.start_ns)):
        out.setdefault(block.sensor, []).append(block)
    return out


def _read(path: Path) -> Iterator[tuple[Frame, int]]:
    """Whole frames of a file, each with the place where it ends; the first that is torn or damaged ends it."""
    raw = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(raw):
        length, crc32 = _HEAD.unpack_from(raw, at)
        body = raw[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) != length or zlib.crc32(body) != crc32:
            return
        at += _HEAD.size + length
        yield thaw(body, Frame), at


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:012d}{_SUFFIX}"


def _cut(path: Path, size: int) -> None:
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)
