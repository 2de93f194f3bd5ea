"""The thread of a source: does its work again and again, later and later where it fails, until it is closed.

Whatever is raised in it ends one try and never the thread: the owner is told why, and the next try begins. What the
other side is to blame for is told in its own words; an error that nobody expected is told with its type and its place
in our code, so that it can be mended.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

from linewatch.errors import InputError

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
_OPEN_S: Final = 10.0
_LAST_WORD_S: Final = 12.0
"""How long the work on a loop may take to say good-bye, once it is told to end."""


class Worker:
    """One thread, from `start` to `close`."""

    def __init__(
        self,
        name: str,
        work: Callable[[], str | None],
        lost: Callable[[str], None],
        *,
        first_retry_s: float = FIRST_RETRY_S,
        longest_retry_s: float = LONGEST_RETRY_S,
        close_s: float = 10.0,
        interrupt: Callable[[], None] | None = None,
        known: tuple[type[Exception], ...] = (OSError, InputError),
    ) -> None:
        """`work` is one try: it gives the reason why it ended, or None where nothing is left to do.

        `lost` is told why a try ended. `known` are the errors that are the other side's, told in their own words.
        `interrupt` wakes a `work` that does not look at `stopping`; `close` waits `close_s` for it.
        """
        self.stopping = threading.Event()
        """Set when it is time to end."""
        self._name = name
        self._work = work
        self._lost = lost
        self._first_retry_s = first_retry_s
        self._longest_retry_s = longest_retry_s
        self._close_s = close_s
        self._interrupt = interrupt
        self._known = known
        self._went_well = False
        self._settled = threading.Event()
        self._failed_first = ""
        self._chance = random.Random(name)  # noqa: S311 - spreads retries; nothing secret
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; never waits for the other side."""
        self._thread.start()

    def start_open(self) -> None:
        """Begin, and wait for the first `opened`. Raises `InputError` with the reason where the first try fails."""
        self._thread.start()
        self._settled.wait(_OPEN_S)
        if self._failed_first:
            self.close()
            raise InputError(
                f"{self._name}: listen: {self._failed_first}; allowed: an address of this machine that is free"
            )

    def opened(self) -> None:
        """What the work calls once its door stands."""
        self._went_well = True
        self._settled.set()

    def well(self) -> None:
        """What the work calls when the other side is heard: the next retry is a first one again."""
        self._went_well = True

    def close(self) -> None:
        """End the work, and wait for it."""
        self.stopping.set()
        if self._interrupt is not None:
            self._interrupt()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(self._close_s)

    def _run(self) -> None:
        wait_s = self._first_retry_s
        while not self.stopping.is_set():
            self._went_well = False
            try:
                reason = self._work()
            except self._known as error:
                reason = said(error)
            except Exception as error:  # noqa: BLE001 - nothing in one try may end the thread; it is told, and tried again
                reason = blamed(error)
            if self.stopping.is_set() or reason is None:
                return
            if not self._settled.is_set():
                self._failed_first = reason
                self._settled.set()
            self._lost(reason)
            wait_s = self._first_retry_s if self._went_well else min(2.0 * wait_s, self._longest_retry_s)
            self.stopping.wait(wait_s * self._chance.uniform(0.5, 1.0))


class LoopWorker(Worker):
    """A worker whose work is an event loop of its own."""

    def __init__(
        self,
        name: str,
        work: Callable[[asyncio.Event], Coroutine[Any, Any, str | None]],
        lost: Callable[[str], None],
        *,
        first_retry_s: float = FIRST_RETRY_S,
        longest_retry_s: float = LONGEST_RETRY_S,
        close_s: float = _LAST_WORD_S,
        known: tuple[type[Exception], ...] = (OSError, InputError),
    ) -> None:
        """`work` is given an event that is set when it is time to end; tasks that it leaves behind are cancelled."""
        super().__init__(
            name,
            lambda: asyncio.run(self._on_loop()),
            lost,
            first_retry_s=first_retry_s,
            longest_retry_s=longest_retry_s,
            close_s=close_s,
            interrupt=self._tell_to_stop,
            known=known,
        )
        self._try = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def call(self, do: Callable[..., object], *args: object) -> bool:
        """Do it in the loop, from any thread; false where there is none now."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(do, *args)
        except RuntimeError:  # it has been closed meanwhile
            return False
        return True

    def _tell_to_stop(self) -> None:
        stop = self._stop
        if stop is not None:
            self.call(stop.set)

    async def _on_loop(self) -> str | None:
        stop = self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self.stopping.is_set():  # said before there was a loop to say it to
            return None
        try:
            return await self._try(stop)
        finally:
            await asyncio.sleep(0)  # a link that was taken this moment begins, so that it can also end and let go
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(stop: asyncio.Event, *works: Awaitable[str | None]) -> str | None:
    """Wait until told to stop, or until one of these ends, which should not: give what it gives, or raise its error."""
    told = asyncio.ensure_future(stop.wait())
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        return next((task.result() for task in tasks if task.done()), None)
    finally:
        for task in (told, *tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


def said(error: Exception) -> str:
    """What an error of the other side says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def blamed(error: Exception) -> str:
    """What an error that nobody expected says, with its type and where in our code it arose."""
    place = blamed_place(error)
    return f"{place}: {said(error)}" if str(error).strip() else place


def blamed_place(error: Exception) -> str:
    """Type of an error and where it arose: the same words each time, whatever message it was about."""
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "linewatch" in Path(frame.filename).parts] or frames
    at = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{at}"
