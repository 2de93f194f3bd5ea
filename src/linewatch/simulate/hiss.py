"""Everything in raw samples that nobody causes: electronics, laser, mains, wind, rain, and fibre that fades."""

import math
from collections import OrderedDict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from linewatch.simulate.streams import stream

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]
_KEPT: Final = 12
_FADE_S: Final = 60.0


class Coloured:
    """Noise of unit power in a band of frequencies, for any chunk of time, independent between channels.

    Windows twice as long as a chunk are drawn in the frequency domain, each from its own stream, and overlapped by half
    with weights whose squares add up to 1; so any chunk can be made by itself, and no seam can be heard.
    """

    def __init__(
        self, seed: int, name: str, n: int, channels: int, rate_hz: float, band_hz: tuple[float, float]
    ) -> None:
        self._seed, self._name, self._n, self._channels = seed, name, n, channels
        frequencies = np.fft.rfftfreq(2 * n, 1.0 / rate_hz)
        self._bins = np.flatnonzero((frequencies >= band_hz[0]) & (frequencies <= band_hz[1]))
        angle = (np.arange(2 * n) + 0.5) * (math.pi / (2 * n))
        self._weight = np.sin(angle).astype(np.float32)[:, None]
        self._windows: OrderedDict[int, Samples] = OrderedDict()

    def chunk(self, number: int) -> Samples:
        """(n, channels) samples of one chunk."""
        return self._window(number)[: self._n] + self._window(number - 1)[self._n :]

    def _window(self, number: int) -> Samples:
        if number not in self._windows:
            rng = stream(self._seed, self._name, number)
            spectrum = np.zeros((self._n + 1, self._channels), dtype=np.complex64)
            shape = (len(self._bins), self._channels)
            drawn = rng.standard_normal((2, *shape), dtype=np.float32)
            # Two real parts of unit variance in each of b bins give 4 b / (2 n)^2 of power: divided by its root.
            spectrum[self._bins] = (drawn[0] + 1j * drawn[1]) * np.float32(self._n / math.sqrt(len(self._bins)))
            self._windows[number] = np.fft.irfft(spectrum, axis=0).astype(np.float32) * self._weight
            while len(self._windows) > _KEPT:
                self._windows.popitem(last=False)
        return self._windows[number]


def electronics(rng: np.random.Generator, n: int, channels: int, common: float) -> Samples:
    """White noise of unit power in each channel, and a share that all channels have in common (the laser's own)."""
    own = rng.standard_normal((n, channels), dtype=np.float32)
    if common:
        own += np.float32(common) * rng.standard_normal((n, 1), dtype=np.float32)
    return own


def hum(time_s: Floats, channels: int, level: float, seed: int, name: str, mains_hz: float = 50.0) -> Samples:
    """Mains hum: the fundamental and its odd harmonics, with a phase and a strength of its own in each channel."""
    rng = stream(seed, "hum", name)
    out = np.zeros((len(time_s), channels), dtype=np.float32)
    for order, share in ((1, 1.0), (3, 0.3), (5, 0.1)):
        wave = 2.0 * math.pi * mains_hz * order * time_s[:, None] + rng.uniform(0.0, 2.0 * math.pi, channels)
        out += (np.sin(wave) * (level * share * rng.uniform(0.5, 1.5, channels))).astype(np.float32)
    return out


def drops(
    rng: np.random.Generator, n: int, channels: int, rate_hz: float, rain_mm_per_h: Floats, level: float
) -> Samples:
    """Rain: each drop a short knock; so many a second and channel as millimetres an hour (*assumed*)."""
    out = np.zeros((n, channels), dtype=np.float32)
    mean = np.maximum(rain_mm_per_h, 0.0) * n / rate_hz
    channel = np.repeat(np.arange(channels), rng.poisson(mean))
    if not len(channel):
        return out
    length = max(int(0.02 * rate_hz), 2)
    start = rng.integers(0, n, len(channel))
    size = level * rng.exponential(1.0, len(channel))
    tau = np.arange(length) / rate_hz
    knock = np.exp(-tau / 0.004) * np.sin(2.0 * math.pi * 0.25 * rate_hz * np.minimum(tau, 1.0) + 0.7)
    rows = start[:, None] + np.arange(length)
    inside = rows < n
    columns = np.broadcast_to(channel[:, None], rows.shape)
    np.add.at(out, (rows[inside], columns[inside]), (size[:, None] * knock)[inside].astype(np.float32))
    return out


def fading(seed: int, name: str, channels: int, time_s: float) -> Floats:
    """(channels,) gain of each channel of a fibre read with a laser, root mean square 1, changing over about a minute.

    Light scattered from many places of one channel adds with random phases, so its amplitude is Rayleigh distributed
    (Healey, Electronics Letters 20, 1984) and a channel is now and then nearly blind. What is drawn every minute is the
    complex sum; between two draws it turns from one into the other.
    """
    share = time_s / _FADE_S
    number = math.floor(share)
    a, b = (_sum_of_light(seed, name, channels, k) for k in (number, number + 1))
    angle = (share - number) * math.pi / 2.0
    amplitude: Floats = np.abs(a * math.cos(angle) + b * math.sin(angle)) / math.sqrt(2.0)
    return amplitude


def _sum_of_light(seed: int, name: str, channels: int, number: int) -> NDArray[np.complex128]:
    drawn = stream(seed, "fading", name, number).standard_normal((2, channels))
    out: NDArray[np.complex128] = drawn[0] + 1j * drawn[1]
    return out
