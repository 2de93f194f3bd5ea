"""What a window of fence vibration looks like, as numbers: rhythm, spectrum, coherence, bursts.

A window is the strongest few neighbouring cells of a disturbed stretch over some rows. All features but the last five
are free of offset and scale, cell by cell, so a gain, a pedestal or the width of the stretch cannot speak in them;
the last five are levels, which know the sensor and the day as well as the deed.

Spectra are periodograms under a Hann window (P. D. Welch, 1967); frequencies are in cycles a row.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from linewatch.signals.fence_kernel import (
    AUTO_CELLS,
    AUTO_MEAN,
    CADENCE_ROWS,
    CELL_LAGS,
    CELLS,
    FIGURES,
    LATER,
    LEVEL,
    MOMENTS,
    TINY,
    look_at,
)

__all__ = ["CELLS", "NAMES", "ROWS", "SHAPE", "fence_features", "strongest_cells"]

ROWS: Final = 128

# Edges of the bands in cycles a row: fine where the rhythms of people are, coarse above.
_EDGES: Final = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26, 33, 42, 53, 65]) / ROWS
_LAGS: Final = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36, 40, 48])
_DISTANCES: Final = (1, 2, 3, 4, 6, 8, 11)
_QUANTILES: Final = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
_LOW_QUANTILE: Final = np.array([0.02])
_EIGENVALUES: Final = 6

_COUNTS: Final = {
    "band_of_cells": len(_EDGES) - 1,
    "band_of_mean": len(_EDGES) - 1,
    "band_coherence": len(_EDGES) - 1,
    "autocorrelation": len(_LAGS),
    "cadence": 2,
    "cell_autocorrelation": CELL_LAGS,
    "peak": 2,
    "correlation_at_distance": len(_DISTANCES),
    "correlation_one_row_apart": 3,
    "eigenvalue": _EIGENVALUES,
    "quantile_of_cells": len(_QUANTILES),
    "quantile_of_mean": len(_QUANTILES),
    "moment": 4,
    "moment_of_change": 8,
    "burst": 3,
    "level": 5,
}
NAMES: Final = tuple(f"{group}_{i}" for group, count in _COUNTS.items() for i in range(count))
SHAPE: Final = np.array([i for i, name in enumerate(NAMES) if not name.startswith("level")])
"""Indices of the features that are free of offset and scale."""


def strongest_cells(samples: NDArray[Any], cells: int = CELLS) -> int:
    """First of the `cells` neighbouring columns of `samples` (rows, columns) with the greatest sum; needs that many."""
    sums = np.concatenate([[0.0], np.cumsum(samples.sum(axis=0, dtype=np.float64))])
    return int(np.argmax(sums[cells:] - sums[:-cells]))


def fence_features(windows: NDArray[Any]) -> NDArray[np.float64]:
    """Features (n, len(NAMES)) of amplitude windows (n, rows, cells): finite, zero or more; rows 128 or more, cells 12.

    A cell that never changes counts as standing still: its features are those of no movement, never NaN. The features
    of a window are the same bits whichever windows come with it.
    """
    w = np.ascontiguousarray(windows, dtype=np.float64)
    n, rows, cells = w.shape
    if cells != CELLS or rows < ROWS:
        raise ValueError(f"windows have {rows} rows and {cells} cells, allowed are {ROWS} or more and {CELLS}")
    series, unit = np.empty((n, CELLS + 1, rows)), np.empty((n, rows))
    cross, figures = np.empty((n, CELLS, CELLS)), np.empty((n, FIGURES))
    look_at(w, series, unit, cross, figures)
    power = _powers(series)
    groups = (
        *_spectrum(power, rows),
        *_rhythm(power[:, CELLS], figures),
        *_space(cross, figures[:, LATER:MOMENTS]),
        _quantiles(series[:, :CELLS].reshape(n, -1), _QUANTILES),
        _quantiles(unit, _QUANTILES),
        figures[:, MOMENTS:LEVEL],
        _level(w, figures[:, LEVEL:]),
    )
    return np.concatenate(groups, axis=1)


def _columns(*values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(values, axis=1)


@lru_cache(maxsize=8)
def _first_bins(rows: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bins of a spectrum over `rows` at which bands begin (and the last one ends), and the number of bins in each."""
    first = np.ceil(_EDGES * rows - 1e-6).astype(np.int64)
    first[-1] = min(first[-1], rows // 2 + 1)
    return first, np.diff(first).astype(np.float64)


@lru_cache(maxsize=8)
def _taper(rows: int) -> NDArray[np.float64]:
    return np.hanning(rows)


def _powers(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Periodograms along the last axis."""
    spectrum = np.fft.rfft(series * _taper(series.shape[-1]), axis=-1)
    power: NDArray[np.float64] = spectrum.real**2 + spectrum.imag**2
    return power


def _spectrum(power: NDArray[np.float64], rows: int) -> tuple[NDArray[np.float64], ...]:
    """Shares of power by band: of single cells, of their mean, and what the mean keeps of the cells."""
    first, bins = _first_bins(rows)
    both = np.stack([power[:, :CELLS].mean(axis=1), power[:, CELLS]], axis=1)[..., : first[-1]]
    bands = np.add.reduceat(both, first[:-1], axis=-1) / bins + TINY
    shares = np.log(bands / bands.sum(axis=-1, keepdims=True))
    return shares[:, 0], shares[:, 1], np.log(bands[:, 1] / bands[:, 0])


def _rhythm(power: NDArray[np.float64], figures: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Autocorrelation of mean and cells, its greatest return after a fall, and how peaked the spectrum is."""
    of_mean = figures[:, AUTO_MEAN:AUTO_CELLS]
    early = of_mean[:, 1 : CADENCE_ROWS + 1]
    back = early - np.minimum.accumulate(early, axis=1)
    cadence = _columns(back.max(axis=1), np.log(back.argmax(axis=1) + 2.0))
    of_cells = figures[:, AUTO_CELLS:LATER]
    inner = power[:, 1:-1] + TINY
    inner /= inner.sum(axis=1, keepdims=True)
    peak = _columns(np.log(inner.max(axis=1)), -(inner * np.log(inner)).sum(axis=1))
    return of_mean[:, _LAGS], cadence, of_cells[:, 1:] / (of_cells[:, :1] + TINY), peak


def _space(cross: NDArray[np.float64], later: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Correlation by distance, the same one row apart, and how many movements it takes to tell the window."""
    by_distance = _columns(*(np.diagonal(cross, d, axis1=1, axis2=2).mean(axis=1) for d in _DISTANCES))
    values = np.linalg.eigvalsh(cross)[:, ::-1][:, :_EIGENVALUES]
    return by_distance, later, np.log(np.maximum(values / CELLS, 1e-6))


def _quantiles(values: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, q) quantiles along axis 1, linear between order statistics, as numpy's default; but sorted once."""
    ordered = np.sort(values, axis=1)
    at = q * (values.shape[1] - 1)
    low = at.astype(np.int64)
    below, above = ordered[:, low], ordered[:, np.minimum(low + 1, values.shape[1] - 1)]
    found: NDArray[np.float64] = below + (at - low) * (above - below)
    return found


def _level(w: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the mean, and of spread, spread of the mean, maximum and low quantile over the mean."""
    mean = np.maximum(figures[:, 0], 0.0) + 1e-9
    low = _quantiles(w.reshape(len(w), -1), _LOW_QUANTILE)[:, 0]
    return _columns(
        np.log(mean),
        np.log(figures[:, 1] / mean),
        np.log(figures[:, 2] / mean + 1e-9),
        np.log(np.maximum(figures[:, 3], 0.0) / mean + 1e-9),
        np.log(np.maximum(low, 0.0) / mean + 1e-9),
    )
