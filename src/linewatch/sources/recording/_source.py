"""The shell around every recording: it keeps the position, time and hash; a reel knows what is on the files."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.records import quantise_time_ns


class Carry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reel must remember from one poll to the next, beside how far time has come. All counts are of samples."""

    level: int = 0
    """0: all samples are numbers; 1: some channels were not lately; 2: no channel was lately."""
    last_some: int = -1
    """Row of the last sample that was not a number, counted over the whole recording; -1 for none."""
    last_all: int = -1
    """The last row without any number; -1 for none."""
    began_ns: int = 0
    """When `level` left 0."""
    count: int = 0
    """Samples that were not numbers since then."""
    low: int = -1
    """Lowest channel concerned since then."""
    high: int = -1
    """Highest channel concerned since then."""
    told: int = 0
    """Width of the span of channels that was last reported."""
    failed_piece: int = -1
    """The piece of the recording that could not be read although its header could; -1 for none."""


class Position(msgspec.Struct, frozen=True):
    """Where a recording goes on."""

    recording: str
    """Beginning of its fingerprint."""
    until_ns: int
    """Everything before this time has been given."""
    carry: Carry = Carry()
    """What the reel remembers."""


class Reel(Protocol):
    """What is on the files of one recording, as a function of time."""

    @property
    def start_ns(self) -> int:
        """Time of the first record."""
        ...

    @property
    def end_ns(self) -> int:
        """Time after the last record."""
        ...

    def between(self, from_ns: int, until_ns: int, carry: Carry) -> tuple[list[Item], Carry]:
        """Everything in [from_ns, until_ns), in order of time. Never raises."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class RecordingSource:
    """A recording as a `linewatch.ports.Recording`: replayable, in order, polled in whole microseconds."""

    delivery: Final[Delivery] = "replayable"
    lateness_s: Final = 0.0

    def __init__(self, name: str, reel: Reel, facts: dict[str, Any], files: Sequence[Path]) -> None:
        self.name = name
        self.start_ns = reel.start_ns
        self.end_ns = reel.end_ns
        self._reel = reel
        self._facts = facts
        self._files = tuple(files)
        self._until_ns = quantise_time_ns(reel.start_ns)
        self._carry = Carry()
        self._closed = False

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the description and the bytes of all data files; reads each file once, when first asked."""
        digest = hashlib.sha256(msgspec.json.encode(self._facts, order="sorted"))
        for path in self._files:
            digest.update(_hash_of(path))
        return digest.hexdigest()

    def poll(self, until_ns: int) -> Iterable[Item]:
        """What lies before `until_ns` and was not given yet: blocks and findings in order of time."""
        if self._closed:
            raise ValueError(f"{self.name}: polled after it was closed")
        until_ns = min(quantise_time_ns(until_ns), self.end_ns)
        if until_ns <= self._until_ns:
            return []
        items, self._carry = self._reel.between(self._until_ns, until_ns, self._carry)
        self._until_ns = until_ns
        return items

    def position(self) -> str:
        """How far it was read, as JSON."""
        return msgspec.json.encode(Position(self.fingerprint[:16], self._until_ns, self._carry)).decode()

    def seek(self, position: str) -> None:
        """Go on from there. Raises `InputError` for a position of another recording, or one that is none."""
        try:
            found = msgspec.json.decode(position, type=Position)
        except msgspec.DecodeError as cause:
            raise InputError(f"{self.name}: position: found {position!r} ({cause}); allowed: one of its own") from cause
        if found.recording != self.fingerprint[:16]:
            raise InputError(
                f"{self.name}: position: found one of recording {found.recording}; allowed: one of "
                f"{self.fingerprint[:16]}; the files or their description have changed"
            )
        self._until_ns = found.until_ns
        self._carry = found.carry

    def committed(self, position: str) -> None:
        """Nobody waits to hear of it: a recording can be read again at any time."""

    def close(self) -> None:
        """Let go of files; a second time does nothing."""
        self._closed = True
        self._reel.close()


def _hash_of(path: Path) -> bytes:
    """SHA-256 of the bytes of a file; of its absence, where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return hashlib.sha256(b"unreadable").digest()
