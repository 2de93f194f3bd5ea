"""Means of channels over intervals of the time grid, with carried state: samples of any rate to rows of a lower one."""

from typing import Any

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray


class RowMeansState(msgspec.Struct):
    """The open row."""

    sums: NDArray[np.float64]
    """(n_channels,) sum of the finite samples."""
    counts: NDArray[np.float64]
    """(n_channels,) their number."""


def new_row_means(n_channels: int) -> RowMeansState:
    """State before the first sample, and after a gap."""
    return RowMeansState(np.zeros(n_channels), np.zeros(n_channels))


def row_means(samples: NDArray[Any], ends: NDArray[np.int64], state: RowMeansState) -> NDArray[np.float64]:
    """Return the mean of each channel over each row that closes; NaN where it gave no finite sample.

    Every sample is added in its order, so that cutting the input anywhere gives the same bits.

    Args:
        samples: (n_samples, n_channels), time-major.
        ends: (n_rows,) ascending offsets into `samples`; row i closes before sample `ends[i]`.
        state: changed in place.

    Raises:
        ValueError: channel count not that of the state, or `ends` not ascending within the samples.
    """
    if samples.shape[1] != len(state.sums):
        raise ValueError(f"samples have {samples.shape[1]} channels, the state has {len(state.sums)}")
    if len(ends) and (ends[0] < 0 or ends[-1] > len(samples) or np.any(np.diff(ends) < 0)):
        raise ValueError(f"row ends must ascend within 0..{len(samples)}, found {ends.tolist()}")
    means = np.empty((len(ends), samples.shape[1]))
    _row_means(np.ascontiguousarray(samples), ends, state.sums, state.counts, means)
    return means


@njit(cache=True, nogil=True, error_model="numpy")
def _row_means(x: Any, ends: Any, sums: Any, counts: Any, means: Any) -> None:
    row = 0
    for t in range(len(x) + 1):
        while row < len(ends) and ends[row] == t:
            for c in range(len(sums)):
                means[row, c] = sums[c] / counts[c] if counts[c] > 0.0 else np.nan
                sums[c] = 0.0
                counts[c] = 0.0
            row += 1
        if t < len(x):
            for c in range(len(sums)):
                sample = np.float64(x[t, c])
                finite = np.abs(sample) < np.inf
                sums[c] += sample if finite else 0.0
                counts[c] += 1.0 if finite else 0.0
