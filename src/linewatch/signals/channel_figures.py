"""What the samples of channels say of the channels themselves: extremes, stillness, level, and fingerprints of rows.

A look at health needs no more than about a hundred samples a second of each channel, whatever the rate; which ones is
fixed by their index since the stream's origin, so cutting the input anywhere gives the same figures.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

ROWS: Final = 8
COUNT, LEAST, MOST, AT_LEAST, AT_MOST, LAST, SQUARES, STEPS = range(ROWS)
"""Rows of the figures: finite samples; least and most of them, and how many equal these; the last sample; sum of
squares; sum of squared steps from sample to sample."""
PRINT_ROWS: Final = 16
"""Rows in a row that a fingerprint stands for."""
PRINT_CHANNELS: Final = 16
"""Channels, evenly spread, that a fingerprint is made of."""
_PRIME: Final = np.uint64(0x100000001B3)
_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)


class ChannelFigures(msgspec.Struct):
    """Figures of the open window."""

    rows: NDArray[np.float64]
    """(8, n_channels), see `COUNT` and its neighbours."""
    prints: NDArray[np.uint64]
    """(n_channels,) hash of the samples looked at."""


def new_figures(n_channels: int) -> ChannelFigures:
    """A window that has just opened; the last sample of the one before is not known."""
    rows = np.zeros((ROWS, n_channels))
    rows[LEAST], rows[MOST], rows[LAST] = np.inf, -np.inf, np.nan
    return ChannelFigures(rows, np.full(n_channels, _OFFSET, np.uint64))


def reopen(figures: ChannelFigures) -> None:
    """Open the next window; the last sample is kept, so that the step across the edge counts."""
    last = figures.rows[LAST].copy()
    figures.rows[:] = 0.0
    figures.rows[LEAST], figures.rows[MOST], figures.rows[LAST] = np.inf, -np.inf, last
    figures.prints[:] = _OFFSET


def look_at(samples: NDArray[Any], first: int, stride: int, figures: ChannelFigures) -> None:
    """Add every `stride`-th row of (n_samples, n_channels) from row `first` on to the open window."""
    _look_at(np.ascontiguousarray(samples), first, stride, figures.rows, figures.prints)


@njit(cache=True, nogil=True, error_model="numpy")
def _look_at(samples: Any, first: Any, stride: Any, rows: Any, prints: Any) -> None:
    n_samples, n_channels = samples.shape
    number = np.zeros(1)
    bits = number.view(np.uint64)
    for t in range(first, n_samples, stride):
        for c in range(n_channels):
            value = np.float64(samples[t, c])
            finite = abs(value) < np.inf  # false for NaN
            if finite:
                rows[COUNT, c] += 1.0
                if value > rows[MOST, c]:
                    rows[MOST, c], rows[AT_MOST, c] = value, 0.0
                if value < rows[LEAST, c]:
                    rows[LEAST, c], rows[AT_LEAST, c] = value, 0.0
                rows[AT_MOST, c] += value == rows[MOST, c]
                rows[AT_LEAST, c] += value == rows[LEAST, c]
                step = value - rows[LAST, c]
                rows[STEPS, c] += step * step if step == step else 0.0  # noqa: PLR0124 - false for NaN only
                rows[SQUARES, c] += value * value
                rows[LAST, c] = value
                number[0] = value
                prints[c] = (prints[c] ^ (bits[0] >> np.uint64(29))) * _PRIME  # the low half of a float32 is empty


class RowPrints(msgspec.Struct):
    """What fingerprints carry from one array of samples to the next."""

    last: NDArray[np.uint64]
    """(16,) hashes of the last rows, the oldest first."""
    seen: int = 0
    """Rows since the beginning or the last gap."""


def new_row_prints() -> RowPrints:
    """Nothing seen."""
    return RowPrints(np.zeros(PRINT_ROWS, np.uint64))


def anchors_of(samples: NDArray[Any], every: int, state: RowPrints) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Rows whose fingerprint ends in so many zeros that about one in `every` is chosen, and these fingerprints.

    The content chooses the rows, so that a piece that comes again is found whatever its length and wherever blocks are
    cut (winnowing: S. Schleimer, D. Wilkerson and A. Aiken, SIGMOD 2003). A row that equals the one before is never
    chosen: silence repeats itself. Changes `state`.
    """
    chosen = np.zeros(len(samples), np.int64)
    prints = np.zeros(len(samples), np.uint64)
    columns = np.unique(np.linspace(0, samples.shape[1] - 1, PRINT_CHANNELS).astype(np.int64))
    n = _anchors(
        np.ascontiguousarray(samples), columns, np.uint64(max(every, 1)), state.seen, state.last, chosen, prints
    )
    state.seen += len(samples)
    return chosen[:n], prints[:n]


@njit(cache=True, nogil=True, error_model="numpy")
def _anchors(samples: Any, columns: Any, every: Any, seen: Any, last: Any, chosen: Any, prints: Any) -> Any:
    found = 0
    number = np.zeros(1)
    bits = number.view(np.uint64)
    for t in range(len(samples)):
        row = _OFFSET
        for i in range(len(columns)):
            number[0] = samples[t, columns[i]]
            row = (row ^ (bits[0] >> np.uint64(29))) * _PRIME
        moving = row != last[PRINT_ROWS - 1]
        for i in range(PRINT_ROWS - 1):
            last[i] = last[i + 1]
        last[PRINT_ROWS - 1] = row
        if moving and seen + t >= PRINT_ROWS:
            joined = _OFFSET
            for i in range(PRINT_ROWS):
                joined = joined * _BASE + last[i]
            joined ^= joined >> np.uint64(29)
            joined *= _PRIME
            if (joined >> np.uint64(20)) % every == np.uint64(0):
                chosen[found], prints[found] = t, joined
                found += 1
    return found
