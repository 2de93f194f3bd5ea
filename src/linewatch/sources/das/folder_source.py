"""A folder that an interrogator writes files into, as a live source: each file is taken once it is complete.

The reader works ahead of the ticks only as far as a bounded buffer allows, so a large file is never in memory whole
and never lost: what is not read yet waits on the disk. Files that are too old when their turn comes are left out, and
the next one tells the gap.
"""

import threading
from pathlib import Path
from typing import Final

import msgspec

from linewatch.clock import Clock, WallClock
from linewatch.errors import InputError
from linewatch.ports import Delivery, Item, SourceStatus
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrivals, Arrived, items_of
from linewatch.sources.das._folder import Mark, WatchedFolder
from linewatch.sources.das._taking import FibreSamples
from linewatch.sources.ephemeral import EphemeralSource

PIECE_BYTES: Final = 8_388_608
MOST_PIECES: Final = 16
"""Pieces that wait for a tick; with PIECE_BYTES, the memory that this source takes."""
TRIES: Final = 3
"""A file that cannot be read is looked at so often before it is given up: it may not be complete after all."""
_WAIT_S: Final = 0.02


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to where files were given."""

    written_ns: int
    """When the last file was written; -1 before the first."""
    name: str
    """Its path in the folder."""
    end_ns: int | None
    """Time after the last sample that was given."""


class DasFolderSource(EphemeralSource):
    """Satisfies `ports.LiveSource`."""

    delivery: Delivery = "acknowledged"
    lateness_s = 0.0

    def __init__(
        self,
        site: Site,
        name: str,
        sensor: Sensor,
        folder: Path,
        *,
        pattern: str = "*",
        skip_channels: int = 0,
        settle_s: float = 2.0,
        catch_up_s: float = 600.0,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.sensors = (sensor.id,)
        self._site = site
        self._sensor = sensor
        self._folder = folder
        self._pattern = pattern
        self._skip = skip_channels
        self._settle_s = settle_s
        self._catch_up_s = catch_up_s
        self._clock = clock or WallClock()
        self._arrivals = Arrivals(name, site)
        self._position = Position(-1, "", None)
        self._tries: dict[Mark, int] = {}
        self._up, self._reason = False, "not looked yet"
        self._told_lost = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def poll(self, until_ns: int) -> list[Item]:
        """Samples of files that were read before this time, a word on each file, and what went wrong."""
        arrived = self._arrivals.take(until_ns)
        for each in arrived:
            if isinstance(each.token, Position):
                self._position = each.token
        return [*items_of(arrived), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """The last file whose samples were all given, as JSON."""
        return msgspec.json.encode(self._position).decode()

    def seek(self, position: str) -> None:
        """Go on after a stop. Raises `InputError` where this is no position of such a source."""
        try:
            self._position = msgspec.json.decode(position, type=Position)
        except msgspec.DecodeError as error:
            raise InputError(f"{self.name}: position: found {position[:80]!r}; allowed: one of its own") from error

    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._arrivals.status(up=self._up, reason=self._reason)

    def close(self) -> None:
        """Stop reading."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30.0)

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        known = self._position
        after = None if known.written_ns < 0 else Mark(known.written_ns, known.name)
        watched = WatchedFolder(self._folder, self._pattern, self._settle_s, after)
        samples = FibreSamples(self._site, self._sensor, self._arrivals, self._skip, known.end_ns)
        look_s = max(min(self._settle_s / 2.0, 1.0), 0.05)
        while not self._stopping.is_set():
            try:
                marks = watched.ready(self._clock.now_ns())
                self._readable(samples, "")
            except OSError as error:
                marks = []
                self._readable(samples, f"{self._folder}: {error.strerror or error}")
            for mark in marks:
                if self._stopping.is_set():
                    return
                self._file(watched, mark, samples)
            self._stopping.wait(look_s)

    def _file(self, watched: WatchedFolder, mark: Mark, samples: FibreSamples) -> None:
        """One complete file, from its header to its last sample."""
        now_ns = self._clock.now_ns()
        if mark.written_ns < now_ns - round(self._catch_up_s * 1e9):
            samples.note("late", f"files written more than {self._catch_up_s:g} s ago, which are not taken any more")
            watched.done(mark)
            return
        try:
            self._read(watched.path(mark), mark, samples)
        except InputError as error:
            self._tries[mark] = self._tries.get(mark, 0) + 1
            if self._tries[mark] < TRIES:
                return
            self._tell(samples.finding(now_ns, "unreadable", "note", f"{self.name}: {error}"), mark, samples)
        self._tries.pop(mark, None)
        watched.done(mark)

    def _read(self, path: Path, mark: Mark, samples: FibreSamples) -> None:
        from linewatch.sources.das._reading import read_pieces, scan_das  # noqa: PLC0415 - takes seconds to import

        file = scan_das(path)
        now_ns = self._clock.now_ns()
        wrong = samples.wrong_time(file.end_ns, now_ns, self._catch_up_s)
        if wrong:
            self._tell(samples.finding(now_ns, "late", "note", f"{self.name}: {mark.name}: {wrong}"), mark, samples)
            return
        try:
            samples.check_channels(file.channels)
        except InputError as error:
            self._tell(
                samples.finding(now_ns, "wrong_shape", "failed", f"{self.name}: {mark.name}: {error}"), mark, samples
            )
            return
        for start_ns, data in read_pieces(file, max(PIECE_BYTES // (file.channels * 4), 1)):
            items = samples.take(start_ns, file.rate_hz, data)
            if not self._room():
                return
            self._arrivals.put(Arrived(self._clock.now_ns(), items))
        quantity = f", {file.quantity}" if file.quantity else ""
        text = (
            f"{self.name}: {mark.name}: {file.rows} samples at {file.rate_hz:.6g} a second of {file.channels} "
            f"channels, {file.distance}{quantity} ({file.format})"
        )
        self._tell(samples.finding(self._clock.now_ns(), "heartbeat", "ok", text), mark, samples)

    def _room(self) -> bool:
        """Wait until a piece has been polled; false where the source is being closed."""
        while len(self._arrivals) >= MOST_PIECES:
            if self._stopping.wait(_WAIT_S):
                return False
        return not self._stopping.is_set()

    def _tell(self, item: Item, mark: Mark, samples: FibreSamples) -> None:
        """The last word on a file; what comes after it is another one."""
        now_ns = self._clock.now_ns()
        self._arrivals.put(Arrived(now_ns, (item,), Position(mark.written_ns, mark.name, samples.end_ns)))
        self._arrivals.shown(now_ns, mark.name, b"", (item,), "")

    def _readable(self, samples: FibreSamples, reason: str) -> None:
        """Tell when the folder cannot be read, and when it can be again; empty `reason` where it can."""
        self._up, self._reason = not reason, reason
        if bool(reason) == self._told_lost:
            return
        self._told_lost = bool(reason)
        now_ns = self._clock.now_ns()
        if reason:
            item = samples.finding(now_ns, "link_lost", "failed", f"{self.name}: the folder cannot be read: {reason}")
        else:
            text = f"{self.name}: the folder can be read again"
            item = samples.finding(now_ns, "recovered", "ok", text, ends="link_lost")
        self._arrivals.put(Arrived(now_ns, (item,)))
