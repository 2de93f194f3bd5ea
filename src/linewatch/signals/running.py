"""Running median of many channels: a floor or a trend that single loud samples do not move.

The window is kept sorted, one value in and one out a row, so a row costs a walk through the window and no sorting.
The running median of absolute values, times `MAD_TO_SIGMA`, is a robust standard deviation of what has no offset
(F. R. Hampel, Journal of the American Statistical Association 69 (1974) 383-393).
"""

from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

MAD_TO_SIGMA: Final = 1.4826
"""Of a normal distribution."""


class RunningMedianState(msgspec.Struct):
    """What the running median carries; a value that is no number stands in no window."""

    recent: NDArray[np.float64]
    """(window, n_channels) the last rows, in a ring."""
    ordered: NDArray[np.float64]
    """(n_channels, window) their numbers in ascending order, `held` of them."""
    held: NDArray[np.int64]
    """(n_channels,)."""
    rows: int = 0
    """Rows taken so far."""


def new_running_median(window: int, n_channels: int) -> RunningMedianState:
    """State before the first row. Raises `ValueError` for a window below 1 row."""
    if window < 1:
        raise ValueError(f"window is {window} rows, allowed is 1 or more")
    return RunningMedianState(
        np.full((window, n_channels), np.nan), np.zeros((n_channels, window)), np.zeros(n_channels, np.int64)
    )


def running_median(values: NDArray[Any], state: RunningMedianState) -> NDArray[np.float64]:
    """Return the median of the last `window` rows at each row; NaN where none of them is a number.

    Args:
        values: (n_rows, n_channels); NaN and infinities are left out.
        state: changed in place.

    Raises:
        ValueError: channel count not that of the state.
    """
    if values.shape[1] != len(state.held):
        raise ValueError(f"values have {values.shape[1]} channels, the state has {len(state.held)}")
    median = np.empty(values.shape, np.float64)
    _running_median(values.astype(np.float64), state.recent, state.ordered, state.held, state.rows, median)
    state.rows += len(values)
    return median


@njit(cache=True, nogil=True)
def _running_median(values: Any, recent: Any, ordered: Any, held: Any, rows: Any, median: Any) -> None:
    window = len(recent)
    for t in range(len(values)):
        slot = (rows + t) % window
        for c in range(values.shape[1]):
            old, new = recent[slot, c], values[t, c]
            new = new if np.abs(new) < np.inf else np.nan
            recent[slot, c] = new
            n = held[c]
            if not np.isnan(old):
                n = _taken_out(ordered[c], n, old)
            if not np.isnan(new):
                n = _put_in(ordered[c], n, new)
            held[c] = n
            median[t, c] = (ordered[c, (n - 1) // 2] + ordered[c, n // 2]) / 2.0 if n > 0 else np.nan


@njit(cache=True, nogil=True)
def _taken_out(ordered: Any, n: Any, value: Any) -> Any:
    """Close the gap that one value leaves."""
    at = np.searchsorted(ordered[:n], value)
    for k in range(at, n - 1):
        ordered[k] = ordered[k + 1]
    return n - 1


@njit(cache=True, nogil=True)
def _put_in(ordered: Any, n: Any, value: Any) -> Any:
    """Make room for one value and put it there."""
    k = n
    while k > 0 and ordered[k - 1] > value:
        ordered[k] = ordered[k - 1]
        k -= 1
    ordered[k] = value
    return n + 1
