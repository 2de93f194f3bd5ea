"""A durable log of one stream by tick: what a site ships, what a section hands over, what was decided.

Every writer opens a file of its own, numbered one above the last: that number is its **epoch**. Who finds a file of a
later epoch in the folder has been replaced and writes no more (a fence), so two owners never mix in one file. What all
consumers have passed is deleted, oldest file first: who finds his own file gone has been replaced too. Readers
take the first frame of each tick and compare every repeat with it: steps are deterministic, so a repeat that differs
is a fault and is told, never used.

A file is a header line of JSON, then frames: length of the payload (u32), tick (i64), CRC-32 of tick and payload (u32),
payload; all little-endian. A torn last frame is what a killed writer leaves, and is waited for or passed over.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from linewatch.errors import StoreError

FORMAT: Final = "linewatch-ticks-1"
MOST_BYTES: Final = 256 * 1024 * 1024
"""No frame is longer; a length above this is damage."""
_FRAME: Final = struct.Struct("<IqI")
_TICK: Final = struct.Struct("<q")
ROLL_BYTES: Final = 16 * 1024 * 1024
"""A file longer than this is followed by another, so that old ticks can be deleted."""


class Header(msgspec.Struct, frozen=True):
    """First line of a file."""

    format: str
    """`linewatch-ticks-1`."""
    stream: str
    """Whose ticks they are."""
    epoch: int
    """Number of the writer."""
    versions: Mapping[str, str] = {}
    """What it was written by."""


class FencedError(StoreError):
    """Another owner has taken over; whoever is told this must write no more."""


class TickLogWriter:
    """Appends the frames of one stream. `durable`: every frame is on disk before `append` returns."""

    def __init__(
        self,
        folder: Path,
        stream: str,
        versions: Mapping[str, str],
        *,
        durable: bool = False,
        roll_bytes: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._durable = durable
        self._roll_bytes = ROLL_BYTES if roll_bytes is None else roll_bytes
        self._stream = stream
        self._versions = dict(versions)
        while True:
            try:
                self._open(max(epochs(folder), default=0) + 1)
                break
            except FileExistsError:
                continue  # somebody else was faster; come after them

    def _open(self, epoch: int) -> None:
        """Make the file of an epoch. Raises `FileExistsError` where somebody else has it."""
        self._next = self._folder / _name(epoch + 1)
        self._file: BinaryIO = (self._folder / _name(epoch)).open("xb", buffering=0)
        self.epoch = epoch
        self._size = self._file.write(msgspec.json.encode(Header(FORMAT, self._stream, epoch, self._versions)) + b"\n")

    def append(self, tick: int, payload: bytes) -> None:
        """Add the frame of one tick. Raises `FencedError` where another owner has come."""
        if self._next.exists() or not os.fstat(self._file.fileno()).st_nlink:
            raise self._fenced()
        if self._size > self._roll_bytes:
            self._file.close()
            try:
                self._open(self.epoch + 1)
            except FileExistsError:
                raise self._fenced() from None
        self._size += self._file.write(frame(tick, payload))
        if self._durable:
            os.fdatasync(self._file.fileno())

    def _fenced(self) -> FencedError:
        return FencedError(
            f"{self._folder}: {self._stream}: found another owner beside number {self.epoch}; allowed: one owner, "
            "the latest"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class TickLogReader:
    """Reads one stream by tick, from whichever owner wrote it first."""

    def __init__(self, folder: Path, from_tick: int = 0) -> None:
        self._folder = folder
        self._from_tick = from_tick
        self._ends: dict[int, int] = {}
        self._frames: dict[int, bytes] = {}
        self.repeats = 0
        """Frames that were there already, byte for byte."""

    def get(self, tick: int) -> bytes | None:
        """Payload of this tick; None where it is not there yet. Raises `StoreError` on damage, and on two truths."""
        if tick not in self._frames:
            self._take_new()
        return self._frames.get(tick)

    def after(self, tick: int) -> tuple[int, bytes] | None:
        """The first frame later than this tick, or None where there is none yet."""
        following = self._next(tick)
        if following is None:
            self._take_new()
            following = self._next(tick)
        return following

    def know(self, tick: int, payload: bytes) -> None:
        """A frame that its writer, in this process, has just written: it need not be read, but is compared if it is."""
        self._keep(tick, payload, self._folder)

    def forget(self, before_tick: int) -> None:
        """Remember no frames older than this."""
        for tick in [tick for tick in self._frames if tick < before_tick]:
            del self._frames[tick]
        self._from_tick = max(self._from_tick, before_tick)

    def _next(self, tick: int) -> tuple[int, bytes] | None:
        found = min((each for each in self._frames if each > tick), default=None)
        return None if found is None else (found, self._frames[found])

    def _take_new(self) -> None:
        newest = max(self._ends, default=0)
        # Numbers of files follow each other, so the one after the last known tells whether there are more. Once a
        # later owner has begun, nothing new can come in the files before his that he does not write again.
        # Files are deleted oldest first: where that one is gone, so is the newest known.
        if newest and not (self._folder / _name(newest + 1)).exists() and self._read(newest):
            return
        for epoch in epochs(self._folder):
            self._ends.setdefault(epoch, 0)
            self._read(epoch)

    def _read(self, epoch: int) -> bool:
        """Take what is new in a file; whether it is there."""
        path = self._folder / _name(epoch)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False  # deleted, as all of it was too old
        with file:
            size = os.fstat(file.fileno()).st_size
            if size <= self._ends[epoch]:
                return True
            file.seek(self._ends[epoch])
            raw = file.read(size - self._ends[epoch])
        used, found = frames(raw, path, self._ends[epoch])
        self._ends[epoch] += used
        for tick, payload in found:
            self._keep(tick, payload, path)
        return True

    def _keep(self, tick: int, payload: bytes, path: Path) -> None:
        if tick < self._from_tick:
            return
        held = self._frames.setdefault(tick, payload)
        if held is payload:
            return
        if held != payload:
            raise StoreError(
                f"{path}: tick {tick}: found other content than an earlier owner wrote; allowed: the same bytes "
                "(the same version, settings and libraries on every worker)"
            )
        self.repeats += 1


def frame(tick: int, payload: bytes) -> bytes:
    """One tick as bytes."""
    checked = zlib.crc32(payload, zlib.crc32(_TICK.pack(tick)))
    return _FRAME.pack(len(payload), tick, checked) + payload


def frames(raw: bytes, path: Path, at: int) -> tuple[int, list[tuple[int, bytes]]]:
    """Whole frames in these bytes, which stand in `path` from `at` on, and how many bytes they take.

    Raises `StoreError` on damage: anything but a torn end.
    """
    used = 0
    if at == 0:
        end = raw.find(b"\n") + 1
        if end == 0:
            return 0, []
        read_header(raw[:end], path)
        used = end
    found: list[tuple[int, bytes]] = []
    while len(raw) - used >= _FRAME.size:
        length, tick, checked = _FRAME.unpack_from(raw, used)
        if length > MOST_BYTES:
            raise StoreError(f"{path}: byte {at + used}: found a frame of {length} bytes; allowed: up to {MOST_BYTES}")
        payload = raw[used + _FRAME.size : used + _FRAME.size + length]
        if len(payload) < length:
            break
        if zlib.crc32(payload, zlib.crc32(_TICK.pack(tick))) != checked:
            raise StoreError(f"{path}: byte {at + used}: found a damaged frame of tick {tick}; allowed: its checksum")
        found.append((tick, payload))
        used += _FRAME.size + length
    return used, found


def read_header(raw: bytes, path: Path) -> Header:
    """The first line of a file. Raises `StoreError`."""
    try:
        header = msgspec.json.decode(raw, type=Header)
    except msgspec.DecodeError as error:
        raise StoreError(f"{path}: first line: found no header ({error}); allowed: {FORMAT}") from error
    if header.format != FORMAT:
        raise StoreError(f"{path}: format: found {header.format!r}; allowed: {FORMAT!r}")
    return header


def epochs(folder: Path) -> list[int]:
    """Numbers of all writers of a stream, in order."""
    names = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return sorted(int(name[:8]) for name in names if name.endswith(".ticks") and name[:8].isdigit())


def last_tick(folder: Path) -> int | None:
    """The last tick of a stream; None where there is none. Raises `StoreError` on damage."""
    last: int | None = None
    for epoch in epochs(folder):
        path = folder / _name(epoch)
        _, found = frames(path.read_bytes(), path, 0)
        ticks = [tick for tick, _ in found]
        last = max([*ticks, *([] if last is None else [last])], default=None)
    return last


def prune(folder: Path, before_tick: int) -> int:
    """Delete files that hold only ticks before this one, oldest first; how many were deleted.

    The newest file, and the newest that holds a tick, always stay: they tell who writes, and how far it came.
    """
    deleted = 0
    kept = epochs(folder)
    while len(kept) > 1:
        path = folder / _name(kept[0])
        _, found = frames(path.read_bytes(), path, 0)
        if any(tick >= before_tick for tick, _ in found):
            break
        if found and not any(_holds_ticks(folder / _name(epoch)) for epoch in kept[1:]):
            break
        path.unlink()
        deleted += 1
        del kept[0]
    return deleted


def _holds_ticks(path: Path) -> bool:
    with path.open("rb") as file:
        file.readline()
        return len(file.read(_FRAME.size)) == _FRAME.size


def _name(epoch: int) -> str:
    return f"{epoch:08d}.ticks"
