"""One stream to many listeners. What is sent was encoded once; who cannot keep up is told so and never waited for."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from linewatch.console.frames import Frame

KEPT_BYTES: Final = 32_000_000
"""Frames that are kept for listeners who come back."""
QUEUE_BYTES: Final = 4_000_000
"""What may wait for one listener; more is thrown away, and the listener is told."""


class Listener:
    """What waits for one listener. Policy: the newest matters, so a full queue is emptied and a gap is told."""

    def __init__(self, gap: Callable[[int, int], Frame], limit: int = QUEUE_BYTES) -> None:
        self._gap = gap
        self._limit = limit
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._fresh = asyncio.Event()
        self.dropped = 0

    def put(self, frames: Sequence[Frame]) -> None:
        """Queue frames; never waits."""
        for frame in frames:
            self._bytes += len(frame.raw)
            self._waiting.append(frame)
        if self._bytes > self._limit:
            lost = len(self._waiting)
            last = self._waiting[-1].seq
            self.dropped += lost
            gap = self._gap(last, lost)
            self._waiting.clear()
            self._waiting.append(gap)
            self._bytes = len(gap.raw)
        if self._waiting:
            self._fresh.set()

    async def take(self, within_s: float) -> bytes:
        """All that waits, as one piece; empty when nothing came in time."""
        try:
            await asyncio.wait_for(self._fresh.wait(), within_s)
        except TimeoutError:
            return b""
        piece = b"".join(frame.raw for frame in self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._fresh.clear()
        return piece


class Hub:
    """Gives every frame to every listener, and keeps the last ones. Lives in one event loop."""

    def __init__(self, gap: Callable[[int, int], Frame]) -> None:
        self._gap = gap
        self._kept: deque[Frame] = deque()
        self._kept_bytes = 0
        self._complete_from = 0
        self.listeners: set[Listener] = set()

    def begin(self, seq: int) -> None:
        """All that comes after this position will be kept; what came before is not here."""
        self._complete_from = seq

    def publish(self, frames: Sequence[Frame], *, keep: bool = True) -> None:
        """Give frames to all. A state that the next one replaces need not be kept."""
        if not frames:
            return
        for listener in self.listeners:
            listener.put(frames)
        if not keep:
            return
        for frame in frames:
            self._kept.append(frame)
            self._kept_bytes += len(frame.raw)
        while self._kept_bytes > KEPT_BYTES:
            gone = self._kept.popleft()
            self._kept_bytes -= len(gone.raw)
            self._complete_from = gone.seq

    def since(self, seq: int) -> list[Frame] | None:
        """Frames after a position; None where not all of them are kept any more."""
        if seq < self._complete_from:
            return None
        return [frame for frame in self._kept if frame.seq > seq]

    def listen(self, first: Sequence[Frame] = ()) -> Listener:
        """A new listener, who gets `first` and then all that is published."""
        listener = Listener(self._gap)
        listener.put(first)
        self.listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self.listeners.discard(listener)

    @property
    def dropped(self) -> int:
        """Frames that listeners who are here now did not get."""
        return sum(listener.dropped for listener in self.listeners)
