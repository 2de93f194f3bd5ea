"""What one second of a passive infra-red waveform looks like: how much it swings, how fast, how evenly.

All features are free of the resting level, which differs between devices and drifts with the weather; none looks
beyond the window. Amplitudes are in the counts of the converter, so a model knows the gain that it was fitted on.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SAMPLES: Final = 100
"""Samples of a window of one second."""
_LAGS: Final = (1, 2, 4, 8, 16, 32, 50)
_BANDS_HZ: Final = (1, 2, 3, 4, 6, 9, 14, 22, 35, 51)
_MEAN: Final = 10
"""Samples of the running mean that parts the slow swing from the fast."""
COUNT: Final = 3 + 2 * len(_LAGS) + len(_BANDS_HZ) - 1 + 3 + 6 + 4 + 8


def second_of(samples: NDArray[Any]) -> NDArray[np.float64]:
    """One second at any rate as SAMPLES samples, by linear interpolation where there are not just so many."""
    x = np.asarray(samples, dtype=np.float64)
    if len(x) == SAMPLES:
        return x
    at = (np.arange(SAMPLES) + 0.5) * len(x) / SAMPLES - 0.5
    return np.interp(at, np.arange(len(x)), x)


def pir_features(windows: NDArray[Any]) -> NDArray[np.float64]:
    """Features (n, COUNT) of windows (n, SAMPLES); finite in, finite out, a window that never changes included."""
    w = np.asarray(windows, dtype=np.float64)
    swing = w - w.mean(axis=1, keepdims=True)
    return np.concatenate([_size(w, swing), _spectrum(swing), _form(w, swing), _slow_and_fast(w, swing)], axis=1)


def _columns(*values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(values, axis=1)


def _size(w: NDArray[np.float64], swing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviation, median deviation and range, and the changes over several lags."""
    from_median = np.abs(w - np.median(w, axis=1, keepdims=True))
    columns = [
        np.log(swing.std(axis=1) + 0.3),
        np.log(np.median(from_median, axis=1) + 0.3),
        np.log(np.ptp(w, axis=1) + 0.5),
    ]
    for lag in _LAGS:
        change = w[:, lag:] - w[:, :-lag]
        columns += [np.log(change.std(axis=1) + 0.2), np.log(np.abs(change).max(axis=1) + 0.5)]
    return _columns(*columns)


def _spectrum(swing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power by band under a Hann window; bin k is k Hz."""
    power = np.abs(np.fft.rfft(swing * np.hanning(SAMPLES), axis=1)) ** 2
    bands = pairwise(_BANDS_HZ)
    return _columns(*(np.log(power[:, low:high].mean(axis=1) + 1.0) for low, high in bands))


def _form(w: NDArray[np.float64], swing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope, bend and what they leave; skewness and the like; deviation quarter by quarter."""
    t = np.arange(SAMPLES) - (SAMPLES - 1) / 2
    bend = t**2 - (t**2).mean()
    slope = (swing @ t) / (t**2).sum()
    left = swing - slope[:, None] * t
    deviation = swing.std(axis=1) + 0.3
    from_median = w - np.median(w, axis=1, keepdims=True)
    quarters = [np.log(part.std(axis=1) + 0.3) for part in np.split(w, 4, axis=1)]
    return _columns(
        np.log(np.abs(slope) + 0.003),
        np.log(left.std(axis=1) + 0.3),
        np.log(np.abs(swing @ bend) / (bend**2).sum() + 1e-4),
        from_median.max(axis=1) / deviation,
        from_median.min(axis=1) / deviation,
        (swing**3).mean(axis=1) / deviation**3,
        (swing**4).mean(axis=1) / deviation**4,
        (np.diff(np.sign(swing), axis=1) != 0).mean(axis=1),
        (np.diff(w, axis=1) == 0).mean(axis=1),
        *quarters,
    )


def _slow_and_fast(w: NDArray[np.float64], swing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The swing of a running mean and of what is left beside it."""
    sums = np.cumsum(np.pad(swing, ((0, 0), (1, 0))), axis=1)
    slow = (sums[:, _MEAN:] - sums[:, :-_MEAN]) / _MEAN
    change = np.abs(np.diff(slow[:, ::5], axis=1))
    fast = swing[:, _MEAN // 2 : 1 - _MEAN // 2] - slow
    step = np.abs(np.diff(w, axis=1))
    half = SAMPLES // 2
    return _columns(
        np.log(slow.std(axis=1) + 0.2),
        np.log(np.ptp(slow, axis=1) + 0.3),
        np.log(change.max(axis=1) + 0.1),
        np.log(change.mean(axis=1) + 0.05),
        np.log(fast.std(axis=1) + 0.2),
        np.log(np.abs(swing[:, :half].mean(axis=1) - swing[:, half:].mean(axis=1)) + 0.2),
        np.log(np.median(step, axis=1) + 0.2),
        np.log(np.quantile(step, 0.9, axis=1) + 0.2),
    )
