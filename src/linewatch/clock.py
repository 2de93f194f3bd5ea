"""The only place that reads a clock. Everything else is handed time, so that it replays."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        ...

    def wait_until_ns(self, time_ns: int) -> None:
        """Return once the clock shows `time_ns` or later."""
        ...


class WallClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        return time.time_ns()

    def wait_until_ns(self, time_ns: int) -> None:
        """Sleep until the wall clock shows `time_ns`."""
        while (left_ns := time_ns - time.time_ns()) > 0:
            time.sleep(min(left_ns / 1e9, 0.5))


class HandClock:
    """A clock moved by hand: for replays as fast as possible, and for tests."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The time last set."""
        return self._now_ns

    def wait_until_ns(self, time_ns: int) -> None:
        """Jump there at once."""
        self._now_ns = max(self._now_ns, time_ns)


def monotonic_s() -> float:
    """Seconds on a clock that never jumps: for measuring how long something took."""
    return time.perf_counter()


def cpu_s() -> float:
    """Processor seconds this process has used."""
    return time.process_time()
