"""Any past period played again: the same frames as live, and incidents as they were known then."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from linewatch.clock import monotonic_s
from linewatch.console.follow import whole_ticks
from linewatch.console.frames import Filming, Frame, frame_of
from linewatch.console.incident_view import incident_shape
from linewatch.console.live import whole
from linewatch.console.picture import KINDS, NS_PER_MS, Kept, Picture, Read, decoded, picture_at
from linewatch.console_ports import History
from linewatch.records import Tick
from linewatch.site.model import Site


class Reel:
    """Plays from one time to another."""

    def __init__(self, site: Site, open_history: Callable[[], History], from_ns: int, to_ns: int, speed: float) -> None:
        self._site = site
        self._open = open_history
        self._from_ns, self._to_ns = from_ns, to_ns
        self._speed = speed

    async def play(self) -> AsyncGenerator[bytes, None]:
        """The frames at their pace; with speed 0 as fast as they are taken.

        One thread reads for this reel alone, because what SQLite opens belongs to one thread.
        """
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="reel") as thread:
            pieces = self._pieces()
            begun_s, first_ns = monotonic_s(), 0
            try:
                while True:
                    piece = await loop.run_in_executor(thread, next, pieces, None)
                    if piece is None:
                        return
                    time_ns, raw = piece
                    first_ns = first_ns or time_ns
                    if self._speed > 0 and time_ns:
                        due_s = begun_s + (time_ns - first_ns) / 1e9 / self._speed
                        await asyncio.sleep(max(due_s - monotonic_s(), 0.0))
                    yield raw
            finally:
                # Closes the store in the thread that opened it.
                await asyncio.shield(loop.run_in_executor(thread, pieces.close))

    def _pieces(self) -> Generator[tuple[int, bytes], None, None]:
        history = self._open()
        try:
            yield from self._drawn(history)
        finally:
            history.close()

    def _drawn(self, history: History) -> Iterator[tuple[int, bytes]]:
        period_ns = tick_period_ns(history)
        first = history.seq_of_tick(self._from_ns // period_ns) if period_ns else 0
        picture = picture_at(self._site, history, first - 1)
        yield 0, _joined(self._then(picture))
        filming = Filming(self._site)
        reads = decoded(history.entries(kinds=KINDS, from_seq=first))
        for piece in whole_ticks(reads, most=1):
            time_ns = next((read.record.time_ns for read in piece if isinstance(read.record, Tick)), picture.time_ns)
            if time_ns > self._to_ns:
                break
            yield time_ns, _joined(_frames(picture, filming, piece))
        yield picture.time_ns, frame_of(picture.seq, {"t": "end", "tick_ms": picture.time_ns // NS_PER_MS}).raw

    def _then(self, picture: Picture) -> list[Frame]:
        """What was known when it begins."""
        return [*(_incident(kept, picture) for kept in picture.open.values()), *whole(picture)]


def tick_period_ns(history: History) -> int:
    """Time between two ticks of a store; 0 where it holds none."""
    for read in decoded(history.entries(kinds=("tick",))):
        if isinstance(read.record, Tick):
            return read.record.period_ns
    return 0


def _frames(picture: Picture, filming: Filming, reads: list[Read]) -> list[Frame]:
    changes = picture.apply(reads)
    counters: dict[str, Any] = msgspec.to_builtins(picture.counters())
    state = {"t": "s", "seq": picture.seq, "tick_ms": picture.time_ns // NS_PER_MS, **counters}
    second = picture.tick is not None and picture.tick.time_ns % 1_000_000_000 < picture.tick.period_ns
    return [
        *filming.frames(reads),
        *(_incident(kept, picture) for kept in changes.incidents.values()),
        *([frame_of(picture.seq, state)] if second else []),
    ]


def _incident(kept: Kept, picture: Picture) -> Frame:
    body: dict[str, Any] = msgspec.to_builtins(incident_shape(kept, picture.pictured))
    return frame_of(kept.seq, {"t": "i", "seq": kept.seq, "incident": body})


def _joined(frames: list[Frame]) -> bytes:
    return b"".join(frame.raw for frame in frames)
