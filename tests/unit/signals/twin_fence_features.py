"""Features of fence windows once more, in plain numpy over whole arrays: what the compiled ones are compared with."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from linewatch.signals.fence_features import ROWS

# Edges of the bands in cycles a row: fine where the rhythms of people are, coarse above.
_EDGES: Final = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26, 33, 42, 53, 65]) / ROWS
_LAGS: Final = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36, 40, 48)
_CELL_LAGS: Final = 8
_DISTANCES: Final = (1, 2, 3, 4, 6, 8, 11)
_QUANTILES: Final = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_EIGENVALUES: Final = 6
_CADENCE_ROWS: Final = 64
_TINY: Final = 1e-12


def twin_features(windows: NDArray[Any]) -> NDArray[np.float64]:
    """Features (n, len(NAMES)) of amplitude windows (n, rows, cells): finite, zero or more; rows 128 or more, cells 12.

    A cell that never changes counts as standing still: its features are those of no movement, never NaN.
    """
    w = np.asarray(windows, dtype=np.float64)
    centred = w - w.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True) + 1e-9
    z = centred / spread
    m = z.mean(axis=2)
    groups = (*_spectrum(z, m), *_rhythm(z, m), *_space(z), *_distribution(z, m), _burst(z), _level(w, spread))
    return np.concatenate(groups, axis=1)


def _columns(*values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(values, axis=1)


def _bands(power: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    frequency = np.arange(power.shape[1]) / rows
    inside = (frequency >= _EDGES[:-1, None] - 1e-9) & (frequency < _EDGES[1:, None] - 1e-9)
    bands: NDArray[np.float64] = (power @ (inside / inside.sum(axis=1, keepdims=True)).T) + _TINY
    return bands


def _spectrum(z: NDArray[np.float64], m: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Shares of power by band: of single cells, of their mean, and what the mean keeps of the cells."""
    rows = z.shape[1]
    taper = np.hanning(rows)
    of_cells = _bands((np.abs(np.fft.rfft(z * taper[:, None], axis=1)) ** 2).mean(axis=2), rows)
    of_mean = _bands(np.abs(np.fft.rfft(m * taper, axis=1)) ** 2, rows)
    shares = [np.log(b / b.sum(axis=1, keepdims=True)) for b in (of_cells, of_mean)]
    return (*shares, np.log(of_mean / of_cells))


def _autocorrelation(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along axis 1, biased, 1 at lag 0 (0 throughout where nothing moves)."""
    rows = x.shape[1]
    power = np.abs(np.fft.rfft(x, n=2 * rows, axis=1)) ** 2
    raw: NDArray[np.float64] = np.fft.irfft(power, axis=1)[:, :rows]
    return raw / (raw[:, :1] + _TINY)


def _rhythm(z: NDArray[np.float64], m: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Autocorrelation of mean and cells, its greatest return after a fall, and how peaked the spectrum is."""
    rows = z.shape[1]
    of_mean = _autocorrelation(m)
    early = of_mean[:, 1 : _CADENCE_ROWS + 1]
    back = early - np.minimum.accumulate(early, axis=1)
    cadence = _columns(back.max(axis=1), np.log(back.argmax(axis=1) + 2.0))
    of_cells = _autocorrelation(z)[:, : _CELL_LAGS + 1].mean(axis=2)
    taper = np.hanning(rows)
    power = np.abs(np.fft.rfft(m * taper, axis=1))[:, 1 : rows // 2] ** 2 + _TINY
    power /= power.sum(axis=1, keepdims=True)
    peak = _columns(np.log(power.max(axis=1)), -(power * np.log(power)).sum(axis=1))
    return of_mean[:, list(_LAGS)], cadence, of_cells[:, 1:] / (of_cells[:, :1] + _TINY), peak


def _space(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Correlation by distance, the same one row apart, and how many movements it takes to tell the window."""
    rows, cells = z.shape[1:]
    cross = np.einsum("nrc,nrd->ncd", z, z) / rows
    by_distance = _columns(*(np.diagonal(cross, d, axis1=1, axis2=2).mean(axis=1) for d in _DISTANCES))
    later = [
        ((z[:, 1:, :-d] * z[:, :-1, d:]).mean(axis=(1, 2)) + (z[:, :-1, :-d] * z[:, 1:, d:]).mean(axis=(1, 2))) / 2
        for d in (1, 2, 4)
    ]
    values = np.linalg.eigvalsh(cross)[:, ::-1][:, :_EIGENVALUES]
    return by_distance, _columns(*later), np.log(np.maximum(values / cells, 1e-6))


def _distribution(z: NDArray[np.float64], m: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Quantiles and moments of cells and mean, and of their changes over a few rows."""
    unit = (m - m.mean(axis=1, keepdims=True)) / (m.std(axis=1, keepdims=True) + 1e-9)
    of_cells = np.quantile(z, _QUANTILES, axis=(1, 2)).T
    of_mean = np.quantile(unit, _QUANTILES, axis=1).T
    of_z = (z**3).mean(axis=(1, 2)), (z**4).mean(axis=(1, 2))
    moments = _columns(*of_z, (unit**3).mean(axis=1), (unit**4).mean(axis=1))
    changes: list[NDArray[np.float64]] = []
    for x, rows in ((z, 1), (z, 4), (unit, 2), (unit, 8)):
        change = x[:, rows:] - x[:, :-rows]
        axes = tuple(range(1, x.ndim))
        spread = change.std(axis=axes) + 1e-9
        changes += [(change**3).mean(axis=axes) / spread**3, (change**4).mean(axis=axes) / spread**4]
    return of_cells, of_mean, moments, _columns(*changes)


def _burst(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over pieces of 8 rows: whether the spread goes with the mean, and how much both change."""
    n, rows, cells = z.shape
    pieces = z[:, : rows // 8 * 8].reshape(n, rows // 8, 8, cells)
    mean, spread = pieces.mean(axis=2), pieces.std(axis=2)
    a, b = mean - mean.mean(axis=1, keepdims=True), spread - spread.mean(axis=1, keepdims=True)
    together = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1) + _TINY)
    change = spread.std(axis=1) / (spread.mean(axis=1) + 1e-9)
    return _columns(together.mean(axis=1), change.mean(axis=1), mean.mean(axis=2).std(axis=1))


def _level(w: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the mean, and of spread, spread of the mean, maximum and low quantile over the mean."""
    mean = w.mean(axis=(1, 2)) + 1e-9
    return _columns(
        np.log(mean),
        np.log(spread.mean(axis=(1, 2)) / mean),
        np.log(w.mean(axis=2).std(axis=1) / mean + 1e-9),
        np.log(w.max(axis=(1, 2)) / mean + 1e-9),
        np.log(np.maximum(np.quantile(w, 0.02, axis=(1, 2)), 0.0) / mean + 1e-9),
    )
