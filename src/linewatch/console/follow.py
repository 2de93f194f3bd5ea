"""Follows the record while it is written: reads in a thread of its own, draws and publishes in the event loop."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from linewatch.console.picture import KINDS, Picture, Read, decoded, picture_at
from linewatch.console_ports import History
from linewatch.errors import LinewatchError
from linewatch.ports import Entry
from linewatch.records import Tick
from linewatch.site.model import Site

POLL_S: Final = 0.06
"""Time between two looks at the record: a commit waits for its frame no longer than this."""
RETRY_S: Final = 1.0
MOST_ENTRIES: Final = 4000
"""Entries that are taken at once, rounded up to a whole tick, so that the event loop is never held for long."""


def run_of(history: History) -> str:
    """Eight hex digits that name a store, so that a position of another one is never taken for one of this."""
    meta = history.meta()
    return hashlib.sha256(f"{meta.get('created_ns')}/{meta.get('site_id')}".encode()).hexdigest()[:8]


class Follower:
    """Calls `begin(run, picture)` once it has found a store, then `go_on(reads)` for what is new, in the event loop.

    A store that is not there yet, or cannot be read for a while, is waited for; `trouble` says why.
    """

    def __init__(
        self,
        site: Site,
        open_history: Callable[[], History],
        begin: Callable[[str, Picture], None],
        go_on: Callable[[list[Read]], None],
    ) -> None:
        self._site = site
        self._open = open_history
        self._begin = begin
        self._go_on = go_on
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handled = threading.Event()
        self._at: tuple[str, int] | None = None
        self.trouble = "no store has been found yet"

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to follow."""
        self._thread = threading.Thread(target=self._run, args=(loop,), name="follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; waits for the thread."""
        self._stop.set()
        self._handled.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.is_set():
            try:
                history = self._open()
                try:
                    self._follow(history, loop)
                finally:
                    history.close()
            except LinewatchError as error:
                self.trouble = str(error).splitlines()[0]
                self._stop.wait(RETRY_S)

    def _follow(self, history: History, loop: asyncio.AbstractEventLoop) -> None:
        run, seq = run_of(history), history.last_seq()
        if self._at is not None and self._at[0] == run and self._at[1] <= seq:
            seq = self._at[1]
        else:
            picture = picture_at(self._site, history, seq)
            self._in_loop(loop, lambda: self._begin(run, picture))
        self.trouble = ""
        while not self._stop.is_set():
            last = history.last_seq()
            if last == seq:
                self._stop.wait(POLL_S)
                continue
            for reads in whole_ticks(decoded(_upto(history.entries(kinds=KINDS, from_seq=seq + 1), last))):
                self._in_loop(loop, lambda reads=reads: self._go_on(reads))  # type: ignore[misc]
            seq = last
            self._at = (run, seq)
            self._stop.wait(POLL_S)

    def _in_loop(self, loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
        """Have the event loop do it, and wait: what piles up in its queue would be unbounded."""
        self._handled.clear()

        def do() -> None:
            try:
                what()
            finally:
                self._handled.set()

        try:
            loop.call_soon_threadsafe(do)
        except RuntimeError:  # the loop has ended: so does the following
            self._stop.set()
            return
        self._handled.wait()


def whole_ticks(reads: Iterable[Read], most: int = MOST_ENTRIES) -> Iterator[list[Read]]:
    """The same in pieces of about `most` that begin with a tick."""
    piece: list[Read] = []
    for read in reads:
        if len(piece) >= most and isinstance(read.record, Tick):
            yield piece
            piece = []
        piece.append(read)
    if piece:
        yield piece


def _upto(entries: Iterable[Entry], last: int) -> Iterator[Entry]:
    for entry in entries:
        if entry.seq > last:
            return
        yield entry
