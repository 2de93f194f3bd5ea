"""What the neighbours of a channel show: cell averaging and ordered statistics along the line (CFAR).

Constant false alarm rate detection compares each cell with a floor estimated from its *training cells*:
the cells at a distance above `guard` and at most `guard + train` on both sides; at an end of the line only
those that exist. `guard = -1` takes the cell itself as well. Invalid cells are no training cells and get a
floor like any other.

Sources: H. M. Finn and R. S. Johnson, RCA Review 29 (1968) 414-464 (cell averaging); H. Rohling, IEEE
Trans. Aerospace and Electronic Systems 19 (1983) 608-621 (ordered statistic, which keeps its floor when
an extended event fills part of the training cells).
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

RESOLUTION: Final = 0.05
"""Step of the ordered statistic, in dB: an eighth of the spread that 1000 samples of white noise have."""
REACH: Final = 400.0
"""Values are clamped to plus or minus this, in dB; the squares of float32 samples stay inside."""
BINS: Final = 2 * round(REACH / RESOLUTION) + 1


def cell_average(
    power: NDArray[np.float32], valid: NDArray[np.bool_], guard: int, train: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the mean power of the training cells and their number.

    Args:
        power: (n_frames, n_channels), linear; ignored where not `valid`.
        valid: (n_frames, n_channels).
        guard: cells left out on each side, -1 to take the cell itself too.
        train: training cells on each side, at least 1.

    Returns:
        mean (n_frames, n_channels), NaN where there is no training cell; cells (n_frames, n_channels).

    Raises:
        ValueError: `guard` below -1 or `train` below 1.
    """
    _check(guard, train)
    mean = np.empty(power.shape, np.float64)
    cells = np.empty(power.shape, np.int32)
    _cell_average(power, valid, guard, guard + train, mean, cells)
    return mean, cells


def ordered_statistic(
    level_db: NDArray[np.float64], valid: NDArray[np.bool_], guard: int, train: int, rank: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return a quantile of the training cells, and their number.

    The value is the element at place `floor(rank * (cells - 1))` of the sorted cells, rounded to
    `RESOLUTION`. A sliding histogram makes the cost per cell independent of the window.

    Args:
        level_db: (n_frames, n_channels); ignored where not `valid`.
        valid: (n_frames, n_channels).
        guard: cells left out on each side, -1 to take the cell itself too.
        train: training cells on each side, at least 1.
        rank: 0 (least) to 1 (greatest); 0.5 is the median.

    Returns:
        quantile (n_frames, n_channels), NaN where there is no training cell; cells (n_frames, n_channels).

    Raises:
        ValueError: `guard` below -1, `train` below 1 or `rank` outside 0..1.
    """
    _check(guard, train)
    if not 0.0 <= rank <= 1.0:
        raise ValueError(f"rank is {rank}, allowed is 0 to 1")
    quantile = np.empty(level_db.shape, np.float64)
    cells = np.empty(level_db.shape, np.int32)
    _ordered_statistic(level_db, valid, guard, guard + train, rank, quantile, cells)
    return quantile, cells


def _check(guard: int, train: int) -> None:
    if guard < -1:
        raise ValueError(f"guard is {guard} cells, allowed is -1 or more")
    if train < 1:
        raise ValueError(f"train is {train} cells, allowed is 1 or more")


@njit(cache=True, nogil=True)
def _cell_average(power: Any, valid: Any, guard: Any, radius: Any, mean: Any, cells: Any) -> None:
    """Sliding sums; float64 keeps 9 digits of a quiet floor beside a cell that is 60 dB louder."""
    n_frames, n = power.shape
    for f in range(n_frames):
        total = 0.0
        count = 0
        for k in range(min(radius, n)):  # the window of a cell one before the first
            if valid[f, k]:
                total += power[f, k]
                count += 1
        for k in range(min(guard, n)):
            if valid[f, k]:
                total -= power[f, k]
                count -= 1
        for c in range(n):
            into_guard, out_of_guard = (c + guard, c - guard - 1) if guard >= 0 else (-1, -1)
            for sign, k in ((1, c + radius), (-1, c - radius - 1), (-1, into_guard), (1, out_of_guard)):
                if 0 <= k < n and valid[f, k]:
                    total += sign * power[f, k]
                    count += sign
            mean[f, c] = max(total, 0.0) / count if count > 0 else np.nan
            cells[f, c] = count


@njit(cache=True, nogil=True)
def _ordered_statistic(
    level_db: Any, valid: Any, guard: Any, radius: Any, rank: Any, quantile: Any, cells: Any
) -> None:
    """Sliding histogram with a pointer that walks to the wanted rank."""
    n_frames, n = level_db.shape
    histogram = np.zeros(BINS, np.int32)
    bins = np.empty(n, np.int64)
    for f in range(n_frames):
        for c in range(n):
            bins[c] = -1
            if valid[f, c]:
                bins[c] = round((min(max(level_db[f, c], -REACH), REACH) + REACH) / RESOLUTION)
        histogram[:] = 0
        at = BINS // 2
        below = 0  # cells in bins under `at`
        count = 0
        for c in range(-radius, n):  # cells before the first only fill the window
            into_guard, out_of_guard = (c + guard, c - guard - 1) if guard >= 0 else (-1, -1)
            for sign, k in ((1, c + radius), (-1, c - radius - 1), (-1, into_guard), (1, out_of_guard)):
                if 0 <= k < n and bins[k] >= 0:
                    histogram[bins[k]] += sign
                    count += sign
                    below += sign if bins[k] < at else 0
            if c < 0:
                continue
            cells[f, c] = count
            quantile[f, c] = np.nan
            if count > 0:
                wanted = int(rank * (count - 1))
                while below > wanted:
                    at -= 1
                    below -= histogram[at]
                while below + histogram[at] <= wanted:
                    below += histogram[at]
                    at += 1
                quantile[f, c] = at * RESOLUTION - REACH
