"""The front end once more: one channel at a time, in float64, from scipy's parts and the words of its docstring."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from linewatch.signals.front_end import FrontEndSettings
from linewatch.signals.front_end_kernel import LARGEST, QUIETEST

FIGURES = ("power", "ratio", "active", "onsets", "first_onset", "bad", "low", "high")


def twin(x: NDArray[Any], settings: FrontEndSettings, rate_hz: float) -> dict[str, NDArray[Any]]:
    """Figures of all whole blocks of `x` (n_samples, n_channels), and the decimated signal."""
    block = round(settings.block_s * rate_hz)
    stride = round(rate_hz / settings.decimated_hz) if settings.decimated_hz else 0
    n_blocks, n_channels = x.shape[0] // block, x.shape[1]
    out: dict[str, NDArray[Any]] = {name: np.zeros((n_blocks, n_channels)) for name in FIGURES}
    filtered = np.zeros((n_blocks * block, n_channels))
    for c in range(n_channels):
        channel = _Channel(settings, rate_hz)
        for b in range(n_blocks):
            rows = slice(b * block, (b + 1) * block)
            figures, filtered[rows, c] = channel.block(x[rows, c].astype(np.float64))
            for name in FIGURES:
                out[name][b, c] = figures[name]
    out["decimated"] = filtered[stride - 1 :: stride] if stride else filtered[:0]
    return out


class _Channel:
    def __init__(self, settings: FrontEndSettings, rate_hz: float) -> None:
        band = [settings.low_hz, settings.high_hz]
        self.sos = butter(4, band, "bandpass", output="sos", fs=rate_hz)
        self.limit = LARGEST / butter(4, band, "bandpass", output="zpk", fs=rate_hz)[2]
        self.shares = [1 / round(settings.short_s * rate_hz), 1 / round(settings.long_s * rate_hz)]
        self.settle = -(-round(settings.long_s * rate_hz) // round(settings.block_s * rate_hz))
        self.on, self.off = settings.on, settings.off
        self.stop()

    def stop(self) -> None:
        self.offset: float | None = None
        self.held, self.age, self.still, self.triggered = 0.0, 0, 0, False
        self.z_band = np.zeros((len(self.sos), 2))
        self.z = [np.zeros(1), np.zeros(1)]

    def block(self, x: NDArray[Any]) -> tuple[dict[str, float], NDArray[Any]]:
        figures = {"low": np.nanmin([np.inf, *x]), "high": np.nanmax([-np.inf, *x]), "first_onset": -1.0}
        if self.offset is None and abs(x[0]) < self.limit:
            self.offset = x[0]
        if self.offset is None:
            figures |= {"bad": len(x), "power": 0.0, "ratio": 0.0, "active": 0.0, "onsets": 0.0}
            return figures, np.zeros(len(x))
        steps = np.empty(len(x))
        good = np.abs(x - self.offset) < self.limit
        for i, sample in enumerate(x):
            self.held = sample - self.offset if good[i] else self.held
            steps[i] = self.held
        y, self.z_band = sosfilt(self.sos, steps, zi=self.z_band)
        y[np.abs(y) <= QUIETEST] = 0.0
        averages = []
        for k, share in enumerate(self.shares):
            average, self.z[k] = lfilter([share], [1.0, share - 1.0], y * y, zi=self.z[k])
            averages.append(average)
        on = np.zeros(len(x), bool)
        was = self.triggered
        for i, (short, long) in enumerate(zip(*averages, strict=True)):
            armed = self.age >= self.settle
            self.triggered = bool((armed and short > self.on * long) or (self.triggered and short >= self.off * long))
            on[i] = self.triggered
        rises = np.flatnonzero(np.diff(np.r_[was, on].astype(int)) == 1)
        self.age += 1
        moved = figures["high"] > figures["low"]
        ratio = averages[0][-1] / averages[1][-1] if self.age >= self.settle and y.any() and moved else 0.0
        figures |= {
            "power": np.mean(y * y),
            "ratio": ratio,
            "active": on.sum(),
            "onsets": len(rises),
            "first_onset": rises[0] if len(rises) else -1,
            "bad": (~good).sum(),
        }
        self.still = 0 if moved else self.still + 1
        if not y.any() or not good.any() or self.still >= self.settle:
            self.stop()
        return figures, y
