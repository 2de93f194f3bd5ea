"""Energy of vibration channels in frequency bands, over short overlapping windows (short-time Fourier transform).

The power spectral density of each window is that of a periodogram with a Hann window (P. D. Welch, IEEE Trans. Audio
and Electroacoustics 15 (1967) 70-73); what is given is its integral over each band, a mean square in squared sample
units, so that bands that share out the spectrum add up to the variance.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def band_edges(low_hz: float, high_hz: float, n_bands: int) -> NDArray[np.float64]:
    """Return (n_bands + 1,) edges that share out `low_hz` to `high_hz` in equal ratios.

    Raises:
        ValueError: not 0 < low < high, or fewer than 1 band.
    """
    if not 0.0 < low_hz < high_hz or n_bands < 1:
        raise ValueError(f"{n_bands} bands from {low_hz:g} to {high_hz:g} Hz; allowed are 1 or more, 0 < low < high")
    return np.geomspace(low_hz, high_hz, n_bands + 1)


def band_energies(
    samples: NDArray[Any], rate_hz: float, edges_hz: NDArray[np.float64], window: int, hop: int
) -> NDArray[np.float64]:
    """Return the mean square of each channel in each band, window by window.

    Windows begin at sample 0, `hop`, twice `hop` ...; one that the samples do not fill is not given, so who works in
    pieces keeps the last `window - hop` samples, or more, in hand. Each window's mean is taken off first.

    Args:
        samples: (n_samples, n_channels).
        rate_hz: samples a second.
        edges_hz: (n_bands + 1,) ascending; a line of the spectrum belongs to the band in which its middle lies, the
            lower edge included.
        window: samples, 8 or more.
        hop: samples from one window to the next, 1 or more.

    Returns:
        (n_windows, n_bands, n_channels); NaN for a channel and window with a sample that is no number.

    Raises:
        ValueError: window, hop or edges out of their range.
    """
    if window < 8 or hop < 1:
        raise ValueError(f"window is {window} samples and hop {hop}; allowed are 8 or more, and 1 or more")
    if len(edges_hz) < 2 or edges_hz[0] < 0.0 or np.any(np.diff(edges_hz) <= 0.0):
        raise ValueError(f"band edges are {edges_hz.tolist()}; allowed are 2 or more, ascending from 0 Hz")
    n_windows = max((len(samples) - window) // hop + 1, 0)
    lines_hz = np.fft.rfftfreq(window, 1.0 / rate_hz)
    band_of = np.searchsorted(edges_hz, lines_hz, side="right") - 1
    inside = (band_of >= 0) & (band_of < len(edges_hz) - 1) & (lines_hz < edges_hz[-1])
    hann = np.hanning(window + 1)[:-1]
    both_sides = np.where((lines_hz == 0.0) | (lines_hz == rate_hz / 2.0), 1.0, 2.0) / (window * np.sum(hann**2))
    share = np.zeros((len(edges_hz) - 1, len(lines_hz)))
    share[band_of[inside], np.flatnonzero(inside)] = both_sides[inside]
    out = np.empty((n_windows, len(edges_hz) - 1, samples.shape[1]))
    for i in range(n_windows):
        part = samples[i * hop : i * hop + window].astype(np.float64)
        part = np.where(np.isfinite(part).all(axis=0), part, np.nan)
        spectrum = np.fft.rfft((part - part.mean(axis=0)) * hann[:, None], axis=0)
        out[i] = share @ (spectrum.real**2 + spectrum.imag**2)
    return out
