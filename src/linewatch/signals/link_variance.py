"""Movement between the two ends of many radio links, from how much each new reading differs from the one before.

A link repeats its last reading until its sender speaks again, so only a reading that differs is news. Each change is
measured against that link's own usual change (the mean of the smallest 70 % of its last 60), the logarithms are added
over the links that spoke, and the sum is averaged over a few rows. Part of its slow mean is taken off again: what has
gone on for long leads less than what has just begun (a phase-lead compensator). Only past rows are used.

The idea of variance on links against a learned quiet level is that of J. Wilson and N. Patwari, See-Through Walls:
Motion Tracking Using Variance-Based Radio Tomography (2011).
"""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

MEMORY_READINGS: Final = 60
USUAL_SHARE: Final = 0.7
LEAST_READINGS: Final = 3
FAST_ROWS: Final = 5
SLOW_ROWS: Final = 30
LEAD: Final = 0.4
LEAST_CHANGE: Final = 1.0
LOW, HIGH = 0.7, 12.0
DRIFT: Final = 0.5
ALARM: Final = 2.0
CEILING: Final = 4.0
RELEASE_ROWS: Final = 5
WARM_UP_ROWS: Final = 60


class LinkState(msgspec.Struct):
    """What is carried from row to row; n links."""

    last: NDArray[np.float64]
    """(n,) last reading; NaN before the first."""
    changes: NDArray[np.float64]
    """(n, MEMORY_READINGS) last changes of each link, in any order; NaN where there are not so many yet."""
    heard: NDArray[np.int64]
    """(n,) changes so far."""
    counts: NDArray[np.float64]
    """(MEMORY_READINGS,) links that spoke in each of the last rows; NaN before."""
    sums: NDArray[np.float64]
    """(SLOW_ROWS,) what the last rows added up to; 0 before."""
    rows: int
    """Rows so far."""


class LinkScores(NamedTuple):
    """What rows of readings say."""

    scores: NDArray[np.float64]
    """(rows,) smoothed, with lead; about 0 when nothing moves."""
    means: NDArray[np.float64]
    """(rows,) mean log change of the links that could have spoken, of that row alone."""
    parts: NDArray[np.float64]
    """(rows, links) log change of each link, 0 where it did not speak."""


def new_link_state(links: int) -> LinkState:
    """Nothing heard."""
    return LinkState(
        last=np.full(links, np.nan),
        changes=np.full((links, MEMORY_READINGS), np.nan),
        heard=np.zeros(links, np.int64),
        counts=np.full(MEMORY_READINGS, np.nan),
        sums=np.zeros(SLOW_ROWS),
        rows=0,
    )


def link_scores(samples: NDArray[Any], state: LinkState) -> LinkScores:
    """Scores of readings (rows, links); what is not a finite number is no news. Takes over the arrays of `state`."""
    readings = np.ascontiguousarray(samples, dtype=np.float64)
    scores, means, parts = np.zeros(len(readings)), np.zeros(len(readings)), np.zeros(readings.shape)
    _score(readings, state.last, state.changes, state.heard, state.counts, state.sums, state.rows, scores, means, parts)
    state.rows += len(readings)
    return LinkScores(scores, means, parts)


@njit(cache=True, nogil=True)
def _score(
    readings: Any, last: Any, changes: Any, heard: Any, counts: Any, sums: Any, done: int,
    scores: Any, means: Any, parts: Any,
) -> None:  # fmt: skip
    for r in range(len(readings)):
        spoke = 0
        total = 0.0
        for k in range(len(last)):
            x = readings[r, k]
            if not np.isfinite(x) or x == last[k]:
                continue
            if not np.isnan(last[k]):
                change = abs(x - last[k])
                parts[r, k] = np.log(min(max(change / _usual(changes[k]), LOW), HIGH))
                total += parts[r, k]
                spoke += 1
                changes[k, heard[k] % MEMORY_READINGS] = change
                heard[k] += 1
            last[k] = x
        row = done + r
        if spoke > 0:
            counts[row % MEMORY_READINGS] = spoke
        means[r] = total / np.nanmax(counts) if spoke > 0 else 0.0
        sums[row % SLOW_ROWS] = means[r]
        fast = 0.0
        for back in range(FAST_ROWS):
            fast += sums[(row - back) % SLOW_ROWS] / FAST_ROWS
        scores[r] = (1.0 + LEAD) * fast - LEAD * sums.mean()


@njit(cache=True, nogil=True)
def _usual(changes: Any) -> float:
    """Mean of the smallest share of the changes of one link, at least the grain of its readings."""
    known = changes[~np.isnan(changes)]
    if len(known) < LEAST_READINGS:
        return LEAST_CHANGE
    known.sort()
    kept = known[: max(int(len(known) * USUAL_SHARE), 1)]
    return max(float(kept.mean()), LEAST_CHANGE)


class RunState(msgspec.Struct):
    """A cumulative sum that rises while links are disturbed (E. S. Page, Continuous Inspection Schemes, 1954)."""

    level: float = 0.0
    """The sum, 0 to CEILING."""
    rows: int = 0
    """Rows so far."""
    still_rows: int = 0
    """Rows at 0 since the run was last fed."""
    since_row: int = -1
    """First row of the run that is going on; -1 where none is."""


def follow_run(value: float, state: RunState) -> bool:
    """Take the next row's mean log change (DRIFT is usual) and tell whether a run is going on. Changes `state`."""
    state.level = min(max(state.level + value - DRIFT, 0.0), CEILING) if state.rows >= WARM_UP_ROWS else 0.0
    state.still_rows = state.still_rows + 1 if state.level <= 0.0 else 0
    if state.since_row >= 0 and state.still_rows >= RELEASE_ROWS:
        state.since_row = -1
    elif state.since_row < 0 and state.level > ALARM:
        state.since_row = state.rows
    state.rows += 1
    return state.since_row >= 0
