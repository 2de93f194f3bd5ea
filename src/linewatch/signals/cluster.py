"""From channels over their threshold to runs: what was disturbed, from where to where.

Runs are found greedily. The strongest disturbed channel is the seed; from it the run is walked to both
sides for as long as channels stay above a share of the seed's height, over gaps of a few channels. Then
the next strongest that no run has claimed, and so on.

A run must be wide enough: a splice or a loose clip shakes one or two channels of a fence for ever. A wide
run has a skirt: what an event sends along the fence in both directions is not a second event.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one frame, strongest seed first; every array (n_runs,)."""

    first: NDArray[np.int64]
    """First channel."""
    end: NDArray[np.int64]
    """One past the last channel."""
    seed: NDArray[np.int64]
    """Channel of the greatest height."""
    narrow: int = 0
    """Runs that were dropped because they are narrow."""
    skirts: int = 0
    """Runs that were dropped because they belong to the skirt of a stronger one."""


def find_runs(
    height_db: NDArray[np.float64],
    disturbed: NDArray[np.bool_],
    share: float,
    gap: int,
    min_channels: int,
    reach: int,
) -> Runs:
    """Return the runs of one frame.

    Args:
        height_db: (n_channels,) level above the floor, NaN where invalid.
        disturbed: (n_channels,) channels that may seed a run; others and those without height never do.
        share: of the seed's height that a channel needs to belong to the run, 0 to 1.
        gap: channels in a row, weak or invalid, that a run may pass over.
        min_channels: a narrower run is dropped.
        reach: channels on both sides of a run that are its skirt; a weaker run that has its seed or its middle
            there is dropped.

    Raises:
        ValueError: `share` outside 0..1, or a negative `gap`, `min_channels` or `reach`.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}, allowed is 0 to 1")
    if min(gap, min_channels, reach) < 0:
        raise ValueError(f"gap {gap}, min_channels {min_channels}, reach {reach}: none may be negative")
    if not disturbed.any():
        return Runs(*np.empty((3, 0), np.int64))
    return Runs(*_find_runs(height_db, disturbed, share, gap, min_channels, reach))


@njit(cache=True, nogil=True)
def _find_runs(
    height_db: Any, disturbed: Any, share: Any, gap: Any, min_channels: Any, reach: Any
) -> tuple[Any, Any, Any, int, int]:
    n = len(height_db)
    seeds = np.flatnonzero(disturbed)
    seeds = seeds[height_db[seeds] > 0.0]  # false for NaN
    seeds = seeds[np.argsort(-height_db[seeds], kind="mergesort")]  # stable: of equals the lower channel first
    claimed = np.zeros(n, np.bool_)
    skirt = np.zeros(n, np.bool_)
    runs = np.empty((3, len(seeds)), np.int64)
    n_runs = narrow = skirts = 0
    for seed in seeds:
        if claimed[seed]:
            continue
        limit = share * height_db[seed]
        first = _walk(height_db, seed, -1, limit, gap)
        end = _walk(height_db, seed, 1, limit, gap) + 1
        claimed[first:end] = True
        # A narrow run hides nothing beside it. One whose seed or middle lies in a skirt belongs to that skirt.
        if end - first < min_channels:
            narrow += 1
        elif skirt[seed] or skirt[(first + end) // 2]:
            skirts += 1
        else:
            skirt[max(first - reach, 0) : end + reach] = True
            runs[0, n_runs] = first
            runs[1, n_runs] = end
            runs[2, n_runs] = seed
            n_runs += 1
    return runs[0, :n_runs], runs[1, :n_runs], runs[2, :n_runs], narrow, skirts


@njit(cache=True, nogil=True)
def _walk(height_db: Any, seed: Any, step: Any, limit: Any, gap: Any) -> Any:
    """Return the last channel of the run from `seed` in the direction of `step`."""
    last = seed
    c = seed + step
    while 0 <= c < len(height_db) and abs(c - last) <= gap + 1:
        if height_db[c] >= limit:  # false for NaN
            last = c
        c += step
    return last


def place_runs(power: NDArray[np.float64], runs: Runs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the power-weighted centre of each run and the standard deviation of the power about it.

    Args:
        power: (n_channels,) linear, above the floor; NaN or negative counts as none.
        runs: as found.

    Returns:
        centre and width, each (n_runs,), in channels; channel i reaches from i to i + 1.
    """
    centre = np.empty(len(runs.first))
    width = np.empty(len(runs.first))
    _place_runs(power, runs.first, runs.end, centre, width)
    return centre, width


@njit(cache=True, nogil=True)
def _place_runs(power: Any, first: Any, end: Any, centre: Any, width: Any) -> None:
    """Weighted mean and standard deviation; a run without power is placed in its middle."""
    for i in range(len(first)):
        total = 0.0
        moment = 0.0
        square = 0.0
        for c in range(first[i], end[i]):
            weight = power[c] if 0.0 < power[c] < np.inf else 0.0
            at = c - first[i] + 0.5  # from the run's edge, so that the square keeps its digits
            total += weight
            moment += weight * at
            square += weight * at * at
        length = end[i] - first[i]
        mean = moment / total if total > 0.0 else length / 2.0
        variance = square / total - mean * mean if total > 0.0 else (length * length - 1.0) / 12.0
        centre[i] = first[i] + mean
        width[i] = np.sqrt(max(variance, 0.0) + 1.0 / 12.0)  # a channel itself is one wide
