"""Cell-averaging CFAR along the line and clusters of what it finds, many frames in one call.

The same detector as `cfar.cell_average` (H. M. Finn and R. S. Johnson, RCA Review 29 (1968) 414-464), for lines of
tens of thousands of channels: sums of training cells are differences of running sums, and clusters are collected in
the pass that compares, so that nothing is sorted, labelled or allocated for channels that are quiet.

A cluster is a row of cells over their thresholds, with at most `gap` others between neighbours. It is for counting
and placing disturbances fast; `cluster.find_runs` knows of heights and skirts and suits people better.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

MAX_POWER: Final = 1e30
"""Greater powers are no numbers to us: they would drown the running sums."""


class LineCfarSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Widths in channels."""

    guard: int = 3
    """Cells left out on each side of the cell under test, 0 or more."""
    train: int = 16
    """Training cells on each side, 1 or more; at an end of the line only those that exist."""
    factor: float = 2.2
    """Power over the mean of the training cells that counts, above 0."""
    min_cells: int = 8
    """With fewer valid training cells there is no threshold, and nothing is found."""
    gap: int = 2
    """Channels in a row, weak or invalid, that a cluster passes over, 0 or more."""
    min_channels: int = 1
    """Clusters of fewer cells over their threshold are dropped."""


@dataclass(frozen=True, slots=True)
class LineClusters:
    """Clusters in the order of frames, then channels; every array is (n_clusters,)."""

    frame: NDArray[np.int32]
    """Index of the frame."""
    first: NDArray[np.int32]
    """First channel."""
    end: NDArray[np.int32]
    """One past the last channel."""
    cells: NDArray[np.int32]
    """Cells over their threshold."""
    peak: NDArray[np.int32]
    """Channel of the greatest power."""
    centre: NDArray[np.float64]
    """Power-weighted centre of the cells over their threshold, in channels; channel i reaches from i to i + 1."""
    strength_db: NDArray[np.float64]
    """Power of the peak over the mean of its training cells."""


def find_clusters(
    power: NDArray[np.float32], valid: NDArray[np.bool_] | None, settings: LineCfarSettings
) -> LineClusters:
    """Return the clusters of each frame.

    Args:
        power: (n_frames, n_channels), linear. Values that are negative, not a number or above `MAX_POWER` are invalid.
        valid: (n_frames, n_channels); None for all.
        settings: widths and threshold.

    Raises:
        ValueError: a setting out of its range, or `valid` of another shape.
    """
    if settings.guard < 0 or settings.train < 1 or settings.gap < 0 or not settings.factor > 0.0:
        raise ValueError(f"{settings}: guard and gap must be 0 or more, train 1 or more, factor above 0")
    if valid is None:
        valid = np.ones((1, 1), np.bool_)
    elif valid.shape != power.shape:
        raise ValueError(f"valid is {valid.shape}, power is {power.shape}")
    whole, parts = _find(
        np.ascontiguousarray(power), valid, settings.guard, settings.train, settings.factor,
        max(settings.min_cells, 1), settings.gap, settings.min_channels,
    )  # fmt: skip
    return LineClusters(*whole, *parts)


@njit(cache=True, nogil=True, error_model="numpy")
def _find(
    power: Any, valid: Any, guard: Any, train: Any, factor: Any, min_cells: Any, gap: Any, min_channels: Any
) -> Any:
    """All frames; the tables of clusters grow by doubling."""
    n_frames, n = power.shape
    masked = valid.shape == power.shape
    whole, parts = np.empty((5, 256), np.int32), np.empty((2, 256), np.float64)
    # Running sums, padded so that no window needs to look where the line ends.
    reach = guard + train
    sums, counts = np.zeros(n + 2 * reach + 1), np.zeros(n + 2 * reach + 1)
    over = np.zeros(-(-n // 8) * 8, np.bool_)
    eights = over.view(np.uint64)  # quiet channels are passed over eight at a time
    found = 0
    for f in range(n_frames):
        _running_sums(power[f], valid[f if masked else 0], masked, reach, sums, counts)
        if _compare(power[f], sums, counts, reach, guard, factor, min_cells, over) == 0:
            continue
        at = 0
        while at < n:
            if at % 8 == 0 and eights[at // 8] == 0:
                at += 8
            elif over[at]:
                if found == whole.shape[1]:
                    whole, parts = _doubled(whole), _doubled(parts)
                at = _cluster(power[f], over, at, gap, whole[:, found], parts[:, found])
                whole[0, found] = f
                peak = whole[4, found]
                mean = _training(sums, peak, reach, guard) / _training(counts, peak, reach, guard)
                parts[1, found] = 10.0 * np.log10(power[f, peak] / mean)
                found += whole[3, found] >= min_channels
            else:
                at += 1
    return whole[:, :found].copy(), parts[:, :found].copy()


@njit(cache=True, nogil=True)
def _doubled(table: Any) -> Any:
    larger = np.empty((table.shape[0], 2 * table.shape[1]), table.dtype)
    larger[:, : table.shape[1]] = table
    return larger


@njit(cache=True, nogil=True)
def _running_sums(power: Any, valid: Any, masked: Any, reach: Any, sums: Any, counts: Any) -> None:
    """Sum and number of the valid cells before each place; float64 keeps 9 digits beside a cell 60 dB louder."""
    n = len(power)
    total = count = 0.0
    for c in range(n):
        good = 0.0 <= power[c] <= MAX_POWER and (not masked or valid[c])  # false for NaN
        total += power[c] if good else 0.0
        count += 1.0 if good else 0.0
        sums[reach + 1 + c] = total
        counts[reach + 1 + c] = count
    for c in range(reach + 1 + n, len(sums)):
        sums[c] = total
        counts[c] = count


@njit(inline="always")
def _training(running: Any, c: Any, reach: Any, guard: Any) -> Any:
    """Return the part of a running sum that lies in the training cells of channel `c`."""
    at = c + reach
    both = running[at + reach + 1] - running[at - reach]
    return both - (running[at + guard + 1] - running[at - guard])


@njit(cache=True, nogil=True)
def _compare(power: Any, sums: Any, counts: Any, reach: Any, guard: Any, factor: Any, min_cells: Any, over: Any) -> Any:
    """Mark the valid cells over `factor` times the mean of their training cells; return how many there are."""
    n_over = 0
    # Windows that begin at channel 0, so that every index counts from 0 and the loop vectorises.
    last, first = sums[2 * reach + 1 :], sums
    inner_last, inner_first = sums[reach + guard + 1 :], sums[reach - guard :]
    n_last, n_first = counts[2 * reach + 1 :], counts
    n_inner_last, n_inner_first = counts[reach + guard + 1 :], counts[reach - guard :]
    upto, before = counts[reach + 1 :], counts[reach:]
    for c in range(len(power)):
        total = (last[c] - first[c]) - (inner_last[c] - inner_first[c])
        cells = (n_last[c] - n_first[c]) - (n_inner_last[c] - n_inner_first[c])
        good = upto[c] > before[c]
        hit = good & (power[c] * cells > factor * total) & (cells >= min_cells) & (total > 0.0)
        over[c] = hit
        n_over += hit
    return n_over


@njit(cache=True, nogil=True)
def _cluster(power: Any, over: Any, first: Any, gap: Any, whole: Any, parts: Any) -> Any:
    """Collect the cluster that begins at `first`; return the channel after it."""
    last = peak = first
    cells = 0
    total = moment = 0.0
    c = first
    while c < len(power) and c - last <= gap + 1:
        if over[c]:
            last = c
            cells += 1
            total += power[c]
            moment += power[c] * (c - first + 0.5)
            peak = c if power[c] > power[peak] else peak
        c += 1
    whole[1], whole[2], whole[3], whole[4] = first, last + 1, cells, peak
    parts[0] = first + moment / total
    return last + 1
