"""The front end of raw vibration channels, in one pass over the samples.

Per channel, with state carried from call to call: Butterworth band-pass -> power -> recursive short- and
long-term averages -> trigger with hysteresis -> one row of figures a block, and the band-passed signal at a
lower rate where wanted. Everything is float32 except what is counted.

**Band-pass.** `scipy.signal.butter(4, band, "bandpass")` has four zeros at +1 and four at -1. Paired as one of
each per section, every numerator is `1 - z**-2`, and a section of the transposed direct form II costs three
operations instead of five. The gain is applied at the entrance.

**Trigger.** `short += (power - short) / n_short`, `long` likewise; on where `short > on * long`, off where
`short < off * long`; these are the definitions of obspy's `recursive_sta_lta` and `trigger_onset` (M. Withers
et al., Bulletin of the Seismological Society of America 88 (1998) 95-106). There is no trigger before `n_long`
samples, rounded up to whole blocks.

**Bad input.** A channel starts with a block whose first sample is a number; that sample is taken as its offset,
so that a constant, however large, makes no transient. A sample that is not a number, or too large to square, is
replaced by the one before it and counted. The channel starts anew after a block without one good sample or without
any power, and when it has given one and the same value for as long as the long average. Channels never meet:
whatever happens in one changes no bit of another.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.signals.front_end_kernel import ARMED, FIRST, HIGH, LOW, OFFSET, ROWS, TILE, advance_tiles

MIN_BLOCK: Final = 8
"""Samples: what holds one value in a shorter block need not stand still."""
MAX_BLOCK: Final = 1 << 16
MAX_LONG: Final = 1 << 17
"""Samples of the long average: beyond, float32 would round its steps away."""


class FrontEndSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the front end does, in hertz and seconds; it works in whole samples."""

    low_hz: float = 5.0
    """Lower edge of the band (-3 dB), at least a five-hundredth of the rate: float32 would be too coarse below."""
    high_hz: float = 100.0
    """Upper edge of the band, below half the rate."""
    short_s: float = 0.1
    """Time constant of the short average."""
    long_s: float = 1.0
    """Time constant of the long average, at most `MAX_LONG` samples."""
    on: float = 3.0
    """Ratio above which the trigger turns on."""
    off: float = 1.5
    """Ratio below which it turns off, at most `on`."""
    block_s: float = 0.05
    """Length of a block."""
    decimated_hz: float | None = None
    """Rate at which the band-passed signal is given as well: a whole number of samples, and blocks hold a whole
    number of those; its half must be at least `high_hz`. None gives no signal."""


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Settings fitted to a rate."""

    coefficients: NDArray[np.float32]
    """(13,): gain, then -a1 and -a2 of each section, then 1 / n_short, 1 / n_long, off, on."""
    block: int
    """Samples per block."""
    settle: int
    """Blocks after the start in which nothing triggers."""
    stride: int
    """Samples per decimated sample; 0 for none."""


class FrontEndState(msgspec.Struct):
    """What the front end carries from one array of samples to the next."""

    tiles: NDArray[np.float32]
    """(n_tiles, `ROWS` * `TILE`): channel c is column c % `TILE` of the rows of tile c // `TILE`."""
    n_channels: int
    """Channels; the last tile may be wider."""
    position: int = 0
    """Samples in the open block."""


@dataclass(frozen=True, slots=True)
class FrontEndBlocks:
    """Figures of the blocks that closed; every array but `decimated` is (n_blocks, n_channels)."""

    power: NDArray[np.float32]
    """Mean square of the band-passed signal, in squared sample units."""
    ratio: NDArray[np.float32]
    """Short over long average at the end of the block; 0 until they have settled, and in a constant block."""
    active: NDArray[np.int32]
    """Samples in which the trigger was on."""
    onsets: NDArray[np.int32]
    """Times that it turned on."""
    first_onset: NDArray[np.int32]
    """Sample within the block at which it first did; -1 for none."""
    bad: NDArray[np.int32]
    """Samples that were no usable number; the whole block before a channel's start."""
    low: NDArray[np.float32]
    """Least raw sample; infinity where there was none. Equal to `high` in a block of constant samples."""
    high: NDArray[np.float32]
    """Greatest raw sample; minus infinity where there was none."""
    decimated: NDArray[np.float32]
    """(n_decimated, n_channels) band-passed signal, each sample the last of its stride."""

    def usable(self, most_bad: int) -> NDArray[np.bool_]:
        """(n_blocks, n_channels): at most `most_bad` samples were bad, and the channel did not stand still."""
        usable: NDArray[np.bool_] = (self.bad <= most_bad) & (self.power > 0.0) & (self.high > self.low)
        return usable

    def clipped(self, full_scale: float) -> NDArray[np.bool_]:
        """(n_blocks, n_channels): a sample reached plus or minus `full_scale`."""
        clipped: NDArray[np.bool_] = (self.high >= full_scale) | (self.low <= -full_scale)
        return clipped


def fit_front_end(settings: FrontEndSettings, rate_hz: float) -> FrontEnd:
    """Return the settings in whole samples of `rate_hz`.

    Raises:
        ValueError: a setting that this rate does not allow.
    """
    block = round(settings.block_s * rate_hz)
    short, long = round(settings.short_s * rate_hz), round(settings.long_s * rate_hz)
    stride = 0 if settings.decimated_hz is None else round(rate_hz / settings.decimated_hz)
    if not rate_hz / 500.0 <= settings.low_hz < settings.high_hz < rate_hz / 2.0:
        raise ValueError(
            f"band is {settings.low_hz:g} to {settings.high_hz:g} Hz; at {rate_hz:g} samples a second allowed are "
            f"{rate_hz / 500.0:g} Hz up to, not including, {rate_hz / 2.0:g} Hz, the lower edge first"
        )
    if not MIN_BLOCK <= block <= MAX_BLOCK:
        raise ValueError(
            f"block_s is {settings.block_s:g}, which is {block} samples; allowed are {MIN_BLOCK} to {MAX_BLOCK}"
        )
    if not 1 <= short < long <= MAX_LONG:
        raise ValueError(
            f"short_s and long_s are {short} and {long} samples; allowed are 1 to {MAX_LONG}, the shorter first"
        )
    if not 0.0 < settings.off <= settings.on:
        raise ValueError(f"off is {settings.off:g} and on {settings.on:g}; allowed is 0 < off <= on")
    if stride and (block % stride or rate_hz / stride < 2.0 * settings.high_hz):
        raise ValueError(
            f"decimated_hz is {settings.decimated_hz:g}, every {stride} samples; a block of {block} samples must be "
            f"a whole number of those, and the rate at least {2.0 * settings.high_hz:g} Hz"
        )
    tail = [1.0 / short, 1.0 / long, settings.off, settings.on]
    coefficients = np.array([*_sections(settings.low_hz, settings.high_hz, rate_hz), *tail], np.float32)
    return FrontEnd(coefficients, block, -(-long // block), max(stride, 0))


def _sections(low_hz: float, high_hz: float, rate_hz: float) -> list[float]:
    """Gain, then -a1 and -a2 of each section, of the band-pass.

    The lowest resonance comes first. The rounding of a section is amplified by all that follow, the low ones most:
    with the lowest last the power of a block would be off by up to 7e-4, like this by 2e-5 (5 to 100 Hz at 1 kHz).
    """
    from scipy.signal import butter  # noqa: PLC0415 - takes half a second, and only who builds a front end needs it

    _zeros, poles, gain = butter(4, [low_hz, high_hz], "bandpass", output="zpk", fs=rate_hz)
    upper = sorted(poles[poles.imag > 0.0], key=np.angle)
    return [float(gain), *(float(c) for pole in upper for c in (2.0 * pole.real, -(abs(pole) ** 2)))]


def new_front_end_state(n_channels: int) -> FrontEndState:
    """State before the first sample of `n_channels` channels, and after a gap."""
    tiles = np.zeros((-(-n_channels // TILE), ROWS, TILE), np.float32)
    tiles[:, OFFSET] = np.nan
    tiles[:, (ARMED, LOW, FIRST)] = np.inf
    tiles[:, HIGH] = -np.inf
    return FrontEndState(tiles.reshape(len(tiles), ROWS * TILE), n_channels)


def run_front_end(samples: NDArray[Any], front_end: FrontEnd, state: FrontEndState) -> FrontEndBlocks:
    """Take in `samples` and return the blocks that close.

    Args:
        samples: (n_samples, n_channels), time-major, float32 or int16; in C order, else it is copied.
        front_end: see `fit_front_end`.
        state: changed in place.

    Raises:
        TypeError: samples of another type.
        ValueError: channel count not that of the state.
    """
    if samples.dtype not in {np.dtype(np.float32), np.dtype(np.int16)}:
        raise TypeError(f"samples are {samples.dtype}, allowed are float32 and int16")
    n_samples, n_channels = samples.shape
    if n_channels != state.n_channels:
        raise ValueError(f"samples have {n_channels} channels, the state has {state.n_channels}")
    n_blocks = (state.position + n_samples) // front_end.block
    reals = np.empty((4, n_blocks, n_channels), np.float32)
    counts = np.empty((4, n_blocks, n_channels), np.int32)
    stride = front_end.stride
    n_decimated = (state.position % stride + n_samples) // stride if stride else 0
    decimated = np.empty((n_decimated, n_channels), np.float32)
    advance_tiles(
        np.ascontiguousarray(samples), front_end.coefficients, front_end.block, front_end.settle, stride,
        state.position, state.tiles, reals, counts, decimated,
    )  # fmt: skip
    state.position = (state.position + n_samples) % front_end.block
    power, ratio, low, high = reals
    active, onsets, first_onset, bad = counts
    return FrontEndBlocks(power, ratio, active, onsets, first_onset, bad, low, high, decimated)
