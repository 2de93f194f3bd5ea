"""Delivers what the store has to tell: at least once, in order for each notifier, none holding up another.

A thread of its own reads the store beside its writer. Only the writer may say in the store how far each channel has
come, so it calls `flush` between ticks; what was delivered and not yet flushed when the process dies is told again.
A notifier that cannot reach the other side is tried again, later and later, and goes on where it was.
"""

import asyncio
import random
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from linewatch.app.news import RESCUE, Feed, Standing, text_of
from linewatch.clock import Clock, WallClock, monotonic_s
from linewatch.errors import LinewatchError
from linewatch.notify_ports import Call, News, Notifier
from linewatch.store.reader import open_store

_AT_ONCE: Final = 100
"""News given to a notifier in one go."""
_STOP_S: Final = 10.0
_LAST_WORD_S: Final = 2.0
"""How long an attempt that is under way at the end may take: who was called is to be known after the next start."""


class DeliverySettings(msgspec.Struct, frozen=True):
    """How patient delivery is."""

    first_retry_s: float = 1.0
    """Wait after the first failure; it doubles with each that follows."""
    longest_retry_s: float = 60.0
    """Longest wait; a tenth more or less, so that not everything comes back at once."""
    most_s: float = 60.0
    """After so long without an end an attempt has failed."""
    poll_s: float = 0.5
    """How often the store is looked at where nobody says that there is news."""
    flush_s: float = 1.0
    """How often the store is told how far each channel has come."""


class DeliveryJournal(Protocol):
    """What of the journal delivery writes to."""

    def delivered(self, channel: str, seq: int) -> None:
        """All up to this position has reached this channel."""
        ...

    def audit(self, kind: str, wall_ns: int, text: str, *, key: str = "") -> None:
        """Add one entry to the audit chain."""
        ...


class ChannelStatus(msgspec.Struct, frozen=True):
    """How one notifier is doing."""

    name: str
    """Channel."""
    up: bool
    """Whether the last attempt reached the other side; true before the first."""
    delivered: int
    """Since start."""
    refused: int
    """Passed over because the other side will never take them, since start."""
    erased: int
    """Passed over because retention had erased them, since start."""
    waiting: int
    """Read and not delivered: 0 once it has caught up, else at least so much."""
    failures: int
    """Attempts that failed, since start."""
    last_ns: int | None
    """When something was last delivered."""
    reason: str
    """Why the last attempt failed; empty while up."""


class _Channel:
    """One notifier with its feed, and its receipts."""

    def __init__(self, notifier: Notifier, delivery: "Delivery") -> None:
        self.notifier = notifier
        self.feed: Feed | None = None
        self.flushed: int | None = None
        self.up = True
        self.down_ns = 0
        self.delivered_count = self.refused_count = self.failures = 0
        self.last_ns: int | None = None
        self.reason = ""
        self._delivery = delivery

    def delivered(self, seq: int) -> None:
        assert self.feed is not None
        self.feed.settle(seq)
        self.delivered_count += 1
        self.last_ns = self._delivery.clock.now_ns()

    def refused(self, seq: int, why: str) -> None:
        assert self.feed is not None
        self.feed.settle(seq)
        self.refused_count += 1
        self._delivery.say("delivery", f"{self.notifier.name}: refused for good: entry {seq}: {why}")

    def note(self, call: Call) -> None:
        self._delivery.take_note(call)

    def status(self) -> ChannelStatus:
        feed = self.feed
        return ChannelStatus(
            self.notifier.name,
            self.up,
            self.delivered_count,
            self.refused_count,
            0 if feed is None else feed.erased,
            0 if feed is None else feed.waiting(),
            self.failures,
            self.last_ns,
            self.reason,
        )


class Delivery:
    """All notifiers of a site over one store. `wake` it after commits, `flush` it between them."""

    def __init__(
        self,
        store: Path,
        notifiers: Sequence[Notifier],
        *,
        clock: Clock | None = None,
        settings: DeliverySettings | None = None,
    ) -> None:
        self.clock = clock or WallClock()
        self._store = store
        self._settings = settings or DeliverySettings()
        self._channels = [_Channel(notifier, self) for notifier in notifiers]
        self._said: deque[tuple[str, str, int]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._ending: asyncio.Event | None = None
        self._stopping = False
        self._flushed_s = float("-inf")
        self._standing: Standing | None = None
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._started = threading.Event()
        self._broken: BaseException | None = None

    # --- for the process that owns the store --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver. Raises `StoreError` where there is no store."""
        open_store(self._store).close()
        self._thread.start()
        self._started.wait(_STOP_S)

    def wake(self) -> None:
        """There may be news. Called from any thread; never waits."""
        loop, news = self._loop, self._news
        if loop is not None and news is not None and not loop.is_closed():
            loop.call_soon_threadsafe(news.set)

    def flush(self, journal: DeliveryJournal, *, now: bool = False) -> None:
        """Tell the store how far each channel has come, at most once in `flush_s`. Called by the store's writer."""
        if not now and monotonic_s() - self._flushed_s < self._settings.flush_s and not self._said:
            return
        self._flushed_s = monotonic_s()
        for channel in self._channels:
            settled = None if channel.feed is None else channel.feed.settled
            if settled is not None and settled != channel.flushed:
                journal.delivered(channel.notifier.name, settled)
                channel.flushed = settled
        while self._said:
            kind, text, wall_ns = self._said[0]
            journal.audit(kind, wall_ns, text)
            self._said.popleft()

    def status(self) -> tuple[ChannelStatus, ...]:
        """How each notifier is doing, in the order of the site."""
        return tuple(channel.status() for channel in self._channels)

    def idle(self) -> bool:
        """Whether all that stands in the store now is told."""
        with open_store(self._store) as reader:
            last = reader.last_seq()
        told = [None if channel.feed is None else channel.feed.settled for channel in self._channels]
        return all(settled is not None and settled >= last for settled in told)

    def stop(self) -> None:
        """Stop, and let go of connections. What is not delivered is told after the next start."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    @property
    def broken(self) -> BaseException | None:
        """What ended the thread, where anything did that should not."""
        return self._broken

    def say(self, kind: str, text: str) -> None:
        """An entry for the audit chain, written with the next flush."""
        self._said.append((kind, text, self.clock.now_ns()))

    def take_note(self, call: Call) -> None:
        """A call for rescue: known at once, in the audit chain with the next flush."""
        assert self._standing is not None
        self._standing.note(call)
        self._said.append((RESCUE, text_of(call), call.wall_ns))

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the thread's last words; `broken` tells them
            self._broken = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._news, self._ending = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        with open_store(self._store) as reader:
            self._standing = Standing(reader)
            for channel in self._channels:
                channel.feed = Feed(reader, channel.notifier)
                channel.flushed = channel.feed.settled
            wakes = [asyncio.Event() for _ in self._channels]
            tasks = [
                asyncio.create_task(self._attend(channel, wake))
                for channel, wake in zip(self._channels, wakes, strict=True)
            ]
            self._started.set()
            try:
                while not self._stopping and not any(task.done() for task in tasks):
                    await _wait(self._news, self._settings.poll_s)
                    self._news.clear()
                    for wake in wakes:
                        wake.set()
            finally:
                await self._end(tasks, wakes)

    async def _end(self, tasks: Sequence[asyncio.Task[None]], wakes: Sequence[asyncio.Event]) -> None:
        """End the tasks and close the notifiers; a task that ended by itself did so by an error of ours: raise it."""
        assert self._ending is not None
        failed = [error for task in tasks if task.done() and not task.cancelled() and (error := task.exception())]
        self._ending.set()
        for wake in wakes:
            wake.set()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WORD_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels:
            await _closed(channel.notifier)
        if failed:
            raise failed[0]

    async def _attend(self, channel: _Channel, wake: asyncio.Event) -> None:
        notifier, settings = channel.notifier, self._settings
        assert channel.feed is not None and self._ending is not None
        chance = random.Random(notifier.name)  # noqa: S311 - spreads retries; nothing secret
        wait_s, refreshed_s = settings.first_retry_s, float("-inf")
        while not self._ending.is_set():
            try:
                async with asyncio.timeout(settings.most_s):
                    while not self._ending.is_set() and (news := channel.feed.take(_AT_ONCE)):
                        await self._tell(channel, news)
                    if notifier.refresh_s and monotonic_s() - refreshed_s >= notifier.refresh_s:
                        assert self._standing is not None
                        await notifier.refresh(self._standing.at(self.clock.now_ns()), channel)
                        refreshed_s = monotonic_s()
                        self._up(channel)
            except Exception as error:  # noqa: BLE001 - a notifier, perhaps of somebody else, must never end the watch
                self._down(channel, error)
                await _closed(notifier)
                await _wait(self._ending, wait_s * chance.uniform(0.9, 1.1))
                wait_s = min(2.0 * wait_s, settings.longest_retry_s)
                continue
            wait_s = settings.first_retry_s
            await wake.wait()
            wake.clear()

    async def _tell(self, channel: _Channel, news: Sequence[News]) -> None:
        before = channel.delivered_count + channel.refused_count
        await channel.notifier.deliver(news, channel)
        if channel.delivered_count + channel.refused_count != before + len(news):
            raise LinewatchError(f"{channel.notifier.name}: gave no receipt for all that it was given")
        self._up(channel)

    def _up(self, channel: _Channel) -> None:
        if not channel.up:
            down_s = (self.clock.now_ns() - channel.down_ns) / 1e9
            self.say("delivery", f"{channel.notifier.name}: delivers again after {down_s:.0f} s")
        channel.up, channel.reason = True, ""

    def _down(self, channel: _Channel, error: BaseException) -> None:
        channel.failures += 1
        known = isinstance(error, OSError | LinewatchError) and str(error)
        channel.reason = (str(error) if known else f"{type(error).__name__}: {error}").splitlines()[0][:300]
        if channel.up:
            channel.up, channel.down_ns = False, self.clock.now_ns()
            self.say("delivery", f"{channel.notifier.name}: does not deliver: {channel.reason}")


async def _wait(event: asyncio.Event, most_s: float) -> None:
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        pass


async def _closed(notifier: Notifier) -> None:
    """Close it; a connection that is gone already may say so."""
    try:
        async with asyncio.timeout(_STOP_S / 2):
            await notifier.close()
    except Exception:  # noqa: BLE001, S110 - it is being let go of; what it still says changes nothing
        pass
