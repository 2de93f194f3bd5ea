"""Watches samples for what is not a number, and tells changes of state instead of samples.

The state rises with the first row that shows it and falls once a second has passed without such a row, so that a
flickering channel is one finding. It is a function of the rows alone: how they were cut cannot be seen in it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Health, quantise
from linewatch.records.health import Condition, Severity
from linewatch.sources.recording._source import Carry


class InvalidWatch:
    """Follows one sensor through its rows. Row numbers count over the whole recording and never repeat."""

    def __init__(self, line: str, sensor: str, rate_hz: float, first_channel: int) -> None:
        self._line = line
        self._sensor = sensor
        self._first_channel = first_channel
        self._settle_rows = max(int(np.ceil(rate_hz)), 1)

    def look(
        self, samples: NDArray[Any], first_row: int, time_of: Callable[[int], int], carry: Carry
    ) -> tuple[list[Health], Carry]:
        """Findings of these rows. `samples` is (n_samples, n_channels) float32; `time_of` takes a row number."""
        found: list[Health] = []
        for run in _runs(samples, first_row, self._settle_rows):
            carry = self._settled(run.row, time_of, carry, found)
            carry = self._met(run, time_of, carry, found)
        return found, self._settled(first_row + len(samples), time_of, carry, found)

    def _met(self, run: "_Run", time_of: Callable[[int], int], carry: Carry, found: list[Health]) -> Carry:
        """A run of rows with trouble begins: raise the state, tell what is new."""
        level = 2 if run.whole else 1
        time_ns = time_of(run.row)
        fresh = carry.level == 0
        low, high = (run.low, run.high) if fresh else (min(carry.low, run.low), max(carry.high, run.high))
        wider = high - low + 1 >= 2 * carry.told
        if level > carry.level or (wider and carry.level < 2):
            found.append(self._trouble(level, time_ns, run.first_count, low, high))
            told = high - low + 1
        else:
            told = carry.told
        return msgspec.structs.replace(
            carry,
            level=max(level, carry.level),
            last_some=run.last_row,
            last_all=run.last_row if run.whole else carry.last_all,
            began_ns=time_ns if fresh else carry.began_ns,
            count=run.total + (0 if fresh else carry.count),
            low=low,
            high=high,
            told=told,
        )

    def _settled(self, row: int, time_of: Callable[[int], int], carry: Carry, found: list[Health]) -> Carry:
        """Lower the state as far as the rows before `row` allow."""
        if carry.level == 2 and (calm := carry.last_all + self._settle_rows) < row and carry.last_some > carry.last_all:
            # The count would depend on how far ahead the reader has looked, so it is told once all is well.
            found.append(self._finding("recovered", "ok", time_of(calm), "some channels give numbers again", 1))
            found.append(self._trouble(1, time_of(calm), 1, carry.low, carry.high))
            carry = msgspec.structs.replace(carry, level=1, told=carry.high - carry.low + 1)
        if carry.level > 0 and (calm := carry.last_some + self._settle_rows) < row:
            found.append(self._recovery(time_of(calm), carry))
            carry = Carry(failed_piece=carry.failed_piece)
        return carry

    def _trouble(self, level: int, time_ns: int, count: int, low: int, high: int) -> Health:
        if level == 2:
            text = "no channel gives numbers (all samples are NaN or infinite)"
            return self._finding("not_a_number", "failed", time_ns, text, count)
        channels = (low + self._first_channel, high + self._first_channel)
        text = f"in channels {channels[0]} to {channels[1]} some samples are not numbers (NaN or infinite)"
        return self._finding("not_a_number", "degraded", time_ns, text, count, channels)

    def _recovery(self, time_ns: int, carry: Carry) -> Health:
        span = f"{carry.low + self._first_channel} to {carry.high + self._first_channel}"
        since_s = (time_ns - carry.began_ns) / 1e9
        text = f"all samples are numbers again; {carry.count} in channels {span} were not, within {since_s:.3f} s"
        return self._finding("recovered", "ok", time_ns, text, carry.count)

    def _finding(
        self,
        condition: Condition,
        severity: Severity,
        time_ns: int,
        text: str,
        count: int,
        channels: tuple[int, int] | tuple[None, None] = (None, None),
    ) -> Health:
        return quantise(
            Health(
                line=self._line,
                sensor=self._sensor,
                time_ns=time_ns,
                condition=condition,
                severity=severity,
                text=text,
                first_channel=channels[0],
                last_channel=channels[1],
                count=count,
            )
        )


class _Run(NamedTuple):
    """Rows with trouble of one kind, none of them calm for long, none wider than those before."""

    row: int
    last_row: int
    whole: bool
    low: int
    high: int
    first_count: int
    total: int


def _runs(samples: NDArray[Any], first_row: int, settle_rows: int) -> list[_Run]:
    with np.errstate(over="ignore", invalid="ignore"):
        # One pass that clears nearly every block: a sum is finite only where every sample is. (A sum that
        # overflows although its samples do not just goes the long way.)
        suspect = np.flatnonzero(~np.isfinite(samples.sum(axis=1)))
    if not len(suspect):
        return []
    bad = ~np.isfinite(samples[suspect])
    counts = bad.sum(axis=1)
    bad, counts, rows = bad[counts > 0], counts[counts > 0], suspect[counts > 0]
    if not len(rows):
        return []
    low, high = bad.argmax(axis=1), bad.shape[1] - 1 - bad[:, ::-1].argmax(axis=1)
    whole = counts == bad.shape[1]
    begins = _begins(rows, low, high, whole, settle_rows)
    ends = np.append(begins[1:], len(rows))
    return [
        _Run(
            row=first_row + int(rows[a]),
            last_row=first_row + int(rows[b - 1]),
            whole=bool(whole[a]),
            low=int(low[a]),
            high=int(high[a]),
            first_count=int(counts[a]),
            total=int(counts[a:b].sum()),
        )
        for a, b in zip(begins, ends, strict=True)
    ]


def _begins(
    rows: NDArray[Any], low: NDArray[Any], high: NDArray[Any], whole: NDArray[np.bool_], settle_rows: int
) -> NDArray[Any]:
    """Where a run must begin: after a calm, where the kind changes, where a channel joins that was not concerned."""
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows) > settle_rows) | (whole[1:] != whole[:-1])
    calms = np.flatnonzero(np.diff(rows) > settle_rows) + 1
    for spell in np.split(np.arange(len(rows)), calms):
        lowest, highest = np.minimum.accumulate(low[spell]), np.maximum.accumulate(high[spell])
        new[spell[1:]] |= (np.diff(lowest) != 0) | (np.diff(highest) != 0)
    return np.flatnonzero(new)
