"""Rhythm of an envelope by its autocorrelation: the cadence of somebody who walks.

People take 1.4 to 2.6 steps a second from a stroll to a run (T. Oberg, A. Karsznia, K. Oberg, Journal of
Rehabilitation Research and Development 30 (1993) 210-223, for walking). The envelope of footsteps peaks at every
step, so its autocorrelation peaks at the step interval and its multiples; what is not rhythmic falls to zero at once.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

STEPS_HZ: Final = (1.4, 2.6)
LEAST_PERIODS: Final = 3.0
"""The envelope must hold this many of the longest step intervals."""


class Cadence(NamedTuple):
    """Rhythm of each channel; arrays are (n_channels,)."""

    steps_hz: NDArray[np.float64]
    """Steps a second, NaN where the envelope is constant or holds a value that is no number."""
    strength: NDArray[np.float64]
    """Normalised autocorrelation at the step interval, averaged with that at twice it: 1 for a perfect rhythm, about
    0 for none; NaN like the steps."""


def cadence(envelope: NDArray[Any], rate_hz: float, steps_hz: tuple[float, float] = STEPS_HZ) -> Cadence:
    """Return the rhythm in envelopes.

    The best interval is refined by a parabola through its neighbours. The autocorrelation at lag k is divided by the
    share (n - k) / n of samples that overlap, so that slow rhythms are not put at a disadvantage.

    Args:
        envelope: (n_samples, n_channels), of one stretch of `LEAST_PERIODS` of the longest intervals or more.
        rate_hz: samples of the envelope a second; at least eight to the shortest interval.
        steps_hz: least and greatest steps a second.

    Raises:
        ValueError: envelope too short, or its rate too low for these steps.
    """
    slow_hz, fast_hz = steps_hz
    if not 0.0 < slow_hz < fast_hz <= rate_hz / 8.0:
        raise ValueError(
            f"steps are {slow_hz:g} to {fast_hz:g} a second; at {rate_hz:g} samples a second allowed are "
            f"above 0 to {rate_hz / 8.0:g}"
        )
    least = int(np.ceil(LEAST_PERIODS * rate_hz / slow_hz))
    if len(envelope) < least:
        raise ValueError(f"the envelope has {len(envelope)} samples, allowed are {least} or more")
    first, last = int(np.floor(rate_hz / fast_hz)), int(np.ceil(rate_hz / slow_hz))
    steps, strength = np.empty(envelope.shape[1]), np.empty(envelope.shape[1])
    _cadence(np.ascontiguousarray(envelope.T, dtype=np.float64), rate_hz, first, last, steps, strength)
    return Cadence(steps, strength)


@njit(cache=True, nogil=True, error_model="numpy")
def _cadence(envelope: Any, rate_hz: Any, first: Any, last: Any, steps: Any, strength: Any) -> None:
    """Autocorrelation at the lags of one interval and of two, for one channel after the other."""
    n_channels, n = envelope.shape
    longest = 2 * (last + 1)
    r = np.empty(longest + 1)
    for c in range(n_channels):
        x = envelope[c] - np.mean(envelope[c])
        power = np.sum(x * x) / n
        steps[c] = strength[c] = np.nan
        if not 0.0 < power < np.inf:  # false for NaN
            continue
        for lag in range(first - 1, longest + 1):
            r[lag] = np.sum(x[lag:] * x[: n - lag]) / ((n - lag) * power) if lag < n else 0.0
        best, best_lag = -np.inf, first
        for lag in range(first, last + 1):
            score = (r[lag] + r[2 * lag]) / 2.0
            if score > best:
                best, best_lag = score, lag
        bend = r[best_lag - 1] - 2.0 * r[best_lag] + r[best_lag + 1]
        shift = 0.5 * (r[best_lag - 1] - r[best_lag + 1]) / bend if bend < 0.0 else 0.0
        steps[c] = rate_hz / (best_lag + min(max(shift, -0.5), 0.5))
        strength[c] = best
