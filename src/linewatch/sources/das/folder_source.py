"""A folder that an interrogator writes files into, as a live source: each file is taken once it is complete.

The reader works ahead of the ticks only as far as a bounded buffer allows, so a large file is never in memory whole
and never lost: what is not read yet waits on the disk. Files that are too old when their turn comes are left out, and
the next one tells the gap.
"""

from pathlib import Path
from typing import Final

import msgspec

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrived, items_of
from linewatch.sources.das._folder import Mark, WatchedFolder
from linewatch.sources.das._taking import FibreSamples
from linewatch.sources.link_state import LinkWords
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker, blamed, said

PIECE_BYTES: Final = 8_388_608
MOST_PIECES: Final = 16
"""Pieces that wait for a tick; with PIECE_BYTES, the memory that this source takes."""
TRIES: Final = 3
"""A file that cannot be read is looked at so often before it is given up: it may not be complete after all."""
_WAIT_S: Final = 0.02


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to where files were given."""

    written_ns: int
    """When the last file that was given whole was written; -1 before the first."""
    name: str
    """Its path in the folder."""
    end_ns: int | None
    """Time after the last sample that was given, perhaps of the file behind it."""


class DasFolderSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    delivery: Delivery = "acknowledged"

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
        first_retry_s: float = FIRST_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords(back="the folder can be read again", at_first="not looked yet")
        super().__init__(site, name, (sensor.id,), words, clock=clock)
        self._sensor = sensor
        self._folder = folder
        self._pattern = pattern
        self._settle_s = settle_s
        self._catch_up_s = catch_up_s
        self._watched: WatchedFolder | None = None
        self._samples = FibreSamples(site, sensor, self._arrivals, skip_channels, None)
        self._last = self._position = Position(-1, "", None)
        self._tries: dict[Mark, int] = {}
        self._worker = Worker(name, self._watch, self._link.lost, first_retry_s=first_retry_s, close_s=30.0)

    # --- for the watch --------------------------------------------------------------------------------------------

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

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look into the folder again and again."""
        watched = self._watched = self._watched or self._begun()
        look_s = max(min(self._settle_s / 2.0, 1.0), 0.05)
        while not self._worker.stopping.is_set():
            try:
                marks = watched.ready(self._clock.now_ns())
            except OSError as error:
                self._link.lost(f"the folder cannot be read: {self._folder}: {error.strerror or error}")
            else:
                self._link.back()
                for mark in marks:
                    if self._worker.stopping.is_set() or not self._file(watched, mark):
                        break
            self._worker.stopping.wait(look_s)

    def _begun(self) -> WatchedFolder:
        """The folder behind the last file that an earlier run gave."""
        known = self._last = self._position
        self._samples.go_on(known.end_ns)
        after = None if known.written_ns < 0 else Mark(known.written_ns, known.name)
        return WatchedFolder(self._folder, self._pattern, self._settle_s, after)

    def _file(self, watched: WatchedFolder, mark: Mark) -> bool:
        """One complete file, from its header to its last sample. False where it is to be looked at again.

        Then nothing behind it is taken: samples stay in order, and a position never stands behind a file that was not
        given, so that a stop between two looks loses none.
        """
        now_ns = self._clock.now_ns()
        if mark.written_ns < now_ns - round(self._catch_up_s * 1e9):
            text = f"files written more than {self._catch_up_s:g} s ago, which are not taken any more"
            self._samples.note("late", text)
        else:
            try:
                self._read(watched.path(mark), mark)
            except Exception as error:  # noqa: BLE001 - one file must not keep those behind it waiting for ever
                self._tries[mark] = self._tries.get(mark, 0) + 1
                if self._tries[mark] < TRIES:
                    return False
                why = said(error) if isinstance(error, InputError | OSError) else f"{mark.name}: {blamed(error)}"
                self._tell(self._samples.finding(now_ns, "unreadable", "note", f"{self.name}: {why}"), mark)
        self._tries.pop(mark, None)
        watched.done(mark)
        return True

    def _read(self, path: Path, mark: Mark) -> None:
        from linewatch.sources.das._reading import read_pieces, scan_das  # noqa: PLC0415 - takes seconds to import

        file = scan_das(path)
        now_ns = self._clock.now_ns()
        wrong = self._samples.wrong_time(file.end_ns, now_ns, self._catch_up_s)
        if wrong:
            self._tell(self._samples.finding(now_ns, "late", "note", f"{self.name}: {mark.name}: {wrong}"), mark)
            return
        try:
            self._samples.check_channels(file.channels)
        except InputError as error:
            self._tell(
                self._samples.finding(now_ns, "wrong_shape", "failed", f"{self.name}: {mark.name}: {error}"), mark
            )
            return
        for start_ns, data in read_pieces(file, max(PIECE_BYTES // (file.channels * 4), 1)):
            items = self._samples.take(start_ns, file.rate_hz, data)
            if not self._room():
                return
            token = msgspec.structs.replace(self._last, end_ns=self._samples.end_ns)
            self._arrivals.put(Arrived(self._clock.now_ns(), items, token))
        quantity = f", {file.quantity}" if file.quantity else ""
        text = (
            f"{self.name}: {mark.name}: {file.rows} samples at {file.rate_hz:.6g} a second of {file.channels} "
            f"channels, {file.distance}{quantity} ({file.format})"
        )
        self._tell(self._samples.finding(self._clock.now_ns(), "heartbeat", "ok", text), mark)

    def _room(self) -> bool:
        """Wait until a piece has been polled; false where the source is being closed."""
        while len(self._arrivals) >= MOST_PIECES:
            if self._worker.stopping.wait(_WAIT_S):
                return False
        return not self._worker.stopping.is_set()

    def _tell(self, item: Item, mark: Mark) -> None:
        """The last word on a file; what comes after it is another one."""
        now_ns = self._clock.now_ns()
        self._last = Position(mark.written_ns, mark.name, self._samples.end_ns)
        self._arrivals.put(Arrived(now_ns, (item,), self._last))
        self._arrivals.shown(now_ns, mark.name, b"", (item,), "")
