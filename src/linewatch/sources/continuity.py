"""Samples that come in pieces, each with its own time, put on one count, as a `Block` wants them.

A piece goes on with the count where it begins within half a sample of where the piece before it ended. Clocks and
rates are never quite true, so the count may stray by `DRIFT_S` from what the pieces say before it begins anew. What
lies before the end of what was given is a duplicate or, where it would have filled a gap, late: neither is given again.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Block, Health, quantise
from linewatch.records.block import sample_time_ns
from linewatch.records.health import Condition

DRIFT_S: Final = 0.02
"""How far the count may stray from the times that come with the pieces."""
_NS_PER_S: Final = 1_000_000_000
_GAPS_KEPT: Final = 32
_SAME_RATE: Final = 1e-6


class Joined(NamedTuple):
    """What a piece became."""

    block: Block | None
    """Its samples on the stream's count; None where all of them were there already."""
    gap: Health | None = None
    """What is missing ahead of it."""


class Continuity:
    """One stream of one sensor: some of its channels that always come together."""

    def __init__(
        self,
        line: str,
        sensor: str,
        first_channel: int,
        note: Callable[[Condition, str], None],
        end_ns: int | None = None,
    ) -> None:
        """`note` is told of what is dropped, in words that are the same each time; `end_ns` of an earlier run."""
        self._line = line
        self._sensor = sensor
        self._first_channel = first_channel
        self._note = note
        self._origin_ns: int | None = None
        self._next = 0
        self._rate_hz = 0.0
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_GAPS_KEPT)
        self.end_ns = end_ns
        """Time after the last sample that was given, as its own piece says; None before the first."""

    def take(
        self, start_ns: int, rate_hz: float, samples: NDArray[Any], valid: NDArray[np.bool_] | None = None
    ) -> Joined:
        """Put a piece (n, channels), int16 or float32, on the count. `rate_hz` is above 0."""
        if self._rate_hz and abs(rate_hz / self._rate_hz - 1.0) > _SAME_RATE:
            self._note("wrong_rate", "another rate of samples than before; the count begins anew")
            self._origin_ns = None
        if self._origin_ns is None:
            self._rate_hz = rate_hz
        end_ns = sample_time_ns(start_ns, len(samples), self._rate_hz)
        gap = None
        if self.end_ns is not None:
            ahead = (start_ns - self.end_ns) * self._rate_hz / _NS_PER_S
            if ahead > 0.5:
                gap = self._gap(self.end_ns, start_ns, round(ahead))
            elif ahead < -0.5:
                old = min(round(-ahead), len(samples))
                self._tell_old(start_ns, end_ns)
                samples, start_ns = samples[old:], sample_time_ns(start_ns, old, self._rate_hz)
        if not len(samples):
            return Joined(None)
        if gap is not None or not self._goes_on(start_ns):
            self._origin_ns, self._next = start_ns, 0
        assert self._origin_ns is not None
        first, self._next, self.end_ns = self._next, self._next + len(samples), end_ns
        block = Block(
            line=self._line,
            sensor=self._sensor,
            origin_ns=self._origin_ns,
            first_sample=first,
            rate_hz=self._rate_hz,
            samples=np.ascontiguousarray(samples),
            first_channel=self._first_channel,
            valid=valid,
        )
        return Joined(block, gap)

    def _goes_on(self, start_ns: int) -> bool:
        if self._origin_ns is None:
            return False
        stray_s = abs(start_ns - sample_time_ns(self._origin_ns, self._next, self._rate_hz)) / _NS_PER_S
        return stray_s <= max(0.5 / self._rate_hz, DRIFT_S)

    def _gap(self, from_ns: int, to_ns: int, missing: int) -> Health:
        self._gaps.append((from_ns, to_ns))
        text = f"no samples for {(to_ns - from_ns) / _NS_PER_S:.3f} s"
        return quantise(
            Health(self._line, self._sensor, from_ns, "gap", "failed", text, until_ns=to_ns, count=max(missing, 1))
        )

    def _tell_old(self, start_ns: int, end_ns: int) -> None:
        if any(start_ns < until_ns and from_ns < end_ns for from_ns, until_ns in self._gaps):
            self._note("late", "samples that came after newer ones; what is told of that time stands")
        else:
            self._note("duplicate", "samples that had come before")
