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

**Bits.** Sums of products are spelt out as `_fma`, so that the compiler has nothing to choose: the same samples
give the same bits however they are cut into calls or spread over tiles.

**Tiny numbers.** Arithmetic on denormal numbers is up to a hundred times slower on some processors. The offset is
lowered by `NUDGE`, which the band-pass removes again, and an output below `QUIETEST` counts as none; together with
the new start of powerless channels this keeps every state zero or normal, at no cost.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import butter

from linewatch.signals.intrinsics import fma, prefetch

TILE: Final = 256
"""Channels per tile: the tile's state stays in the first-level cache."""
AHEAD: Final = 8
"""Rows read ahead by hand: hardware prefetching does not follow a stride of one row."""
NUDGE: Final = np.float32(1e-20)
QUIETEST: Final = np.float32(1e-16)
"""Band-passed samples below this count as zero."""
LARGEST: Final = np.float32(1e12)
"""Times the gain of the band-pass: samples farther than this from the offset are no numbers to us."""
MIN_BLOCK: Final = 8
"""Samples: what holds one value in a shorter block need not stand still."""
MAX_BLOCK: Final = 1 << 16
MAX_LONG: Final = 1 << 17
"""Samples of the long average: beyond, float32 would round its steps away."""
NEVER: Final = np.float32(np.inf)

# Rows of the state. All are float32 (counts in a block are exact): one type in one array is what lets the
# compiler vectorise the inner loop.
SECTIONS: Final = 0  # two for each of four sections
SHORT: Final = 8
LONG: Final = 9
TRIGGER: Final = 10  # 1 while triggered
ARMED: Final = 11  # ratio that triggers; infinite until the averages have settled
OFFSET: Final = 12  # gain times the channel's offset; NaN before its start
HELD: Final = 13  # last good input of the cascade
AGE: Final = 14  # blocks since the start
STILL: Final = 15  # blocks in a row that held nothing but one value
OPEN: Final = 16  # from here on: figures of the open block
POWER: Final = 16  # sum
ACTIVE: Final = 17  # samples
ONSETS: Final = 18  # count
FIRST: Final = 19  # sample of the first onset within the block
BAD: Final = 20  # samples
LOW: Final = 21
HIGH: Final = 22
ROWS: Final = 23
WORK: Final = 23  # scratch only: four rows of samples on their way
LAST: Final = 26
SCRATCH_ROWS: Final = 27


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
    _run(
        np.ascontiguousarray(samples), front_end.coefficients, front_end.block, front_end.settle, stride,
        state.position, state.tiles, reals, counts, decimated,
    )  # fmt: skip
    state.position = (state.position + n_samples) % front_end.block
    power, ratio, low, high = reals
    active, onsets, first_onset, bad = counts
    return FrontEndBlocks(power, ratio, active, onsets, first_onset, bad, low, high, decimated)


@njit(cache=True, nogil=True, error_model="numpy")
def _run(
    x: Any, coefficients: Any, block: Any, settle: Any, stride: Any, position: Any, tiles: Any,
    reals: Any, counts: Any, decimated: Any,
) -> None:  # fmt: skip
    """Tiles of channels outside, samples in order, channels innermost so that the loops vectorise."""
    c = coefficients
    fixed = (c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11])
    for k in range(len(tiles)):
        low = k * TILE
        width = min(TILE, x.shape[1] - low)
        _run_tile(
            x, low, width, fixed, c[12], block, settle, stride, position, tiles[k],
            reals[:, :, low:], counts[:, :, low:], decimated[:, low:],
        )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _run_tile(
    x: Any, low: Any, width: Any, fixed: Any, on: Any, block: Any, settle: Any, stride: Any, position: Any, tile: Any,
    reals: Any, counts: Any, decimated: Any,
) -> None:  # fmt: skip
    """All samples of one tile."""
    # The tile's state in an array that nothing else can share, which is what lets the loops vectorise.
    s = np.zeros(SCRATCH_ROWS * TILE, np.float32)
    s[: ROWS * TILE] = tile
    filled, closed, kept = position, 0, 0
    t = 0
    while t < len(x):
        if filled == 0:
            _start(x[t, low:], s, width, fixed[0])
        # Four rows in a go where neither a block nor a stride ends in between.
        rows = min(len(x) - t, block - filled, stride - filled % stride if stride > 0 else 4, 4)
        if rows == 4:
            for row in range(t + AHEAD, min(t + AHEAD + 4, len(x))):
                for i in range(0, width, 16):
                    prefetch(x, row, low + i)
            _four_rows(x, t, low, width, np.float32(filled), fixed, s)
        else:
            _few_rows(x, t, rows, low, width, np.float32(filled), fixed, s)
        t += rows
        filled += rows
        if stride > 0 and filled % stride == 0:
            for i in range(width):
                decimated[kept, i] = s[LAST * TILE + i]
            kept += 1
        if filled == block:
            _close(s, width, block, settle, on, reals[:, closed], counts[:, closed])
            filled = 0
            closed += 1
    tile[:] = s[: ROWS * TILE]


@njit(cache=True, nogil=True, error_model="numpy")
def _four_rows(x: Any, t: Any, low: Any, width: Any, at: Any, fixed: Any, s: Any) -> None:
    """Advance by four samples; the compiler keeps a channel's state in registers between them.

    Three loops with short bodies rather than one: what the processor can look ahead over is limited.
    """
    row0, row1, row2, row3 = x[t, low:], x[t + 1, low:], x[t + 2, low:], x[t + 3, low:]
    for i in range(width):
        x0, x1, x2, x3 = np.float32(row0[i]), np.float32(row1[i]), np.float32(row2[i]), np.float32(row3[i])
        s[WORK * TILE + i] = _clean(s, i, x0, fixed[0])
        s[(WORK + 1) * TILE + i] = _clean(s, i, x1, fixed[0])
        s[(WORK + 2) * TILE + i] = _clean(s, i, x2, fixed[0])
        s[LAST * TILE + i] = _clean(s, i, x3, fixed[0])
    for i in range(width):
        s[WORK * TILE + i] = _band_pass(s, i, s[WORK * TILE + i], fixed)
        s[(WORK + 1) * TILE + i] = _band_pass(s, i, s[(WORK + 1) * TILE + i], fixed)
        s[(WORK + 2) * TILE + i] = _band_pass(s, i, s[(WORK + 2) * TILE + i], fixed)
        s[LAST * TILE + i] = _band_pass(s, i, s[LAST * TILE + i], fixed)
    for i in range(width):
        _trigger(s, i, s[WORK * TILE + i], at, fixed)
        _trigger(s, i, s[(WORK + 1) * TILE + i], at + np.float32(1), fixed)
        _trigger(s, i, s[(WORK + 2) * TILE + i], at + np.float32(2), fixed)
        _trigger(s, i, s[LAST * TILE + i], at + np.float32(3), fixed)


@njit(cache=True, nogil=True, error_model="numpy")
def _few_rows(x: Any, t: Any, n_rows: Any, low: Any, width: Any, at: Any, fixed: Any, s: Any) -> None:
    """Advance by one to three samples; each passes through the last of the work rows."""
    for k in range(n_rows):
        row = x[t + k, low:]
        for i in range(width):
            s[LAST * TILE + i] = _clean(s, i, np.float32(row[i]), fixed[0])
        for i in range(width):
            s[LAST * TILE + i] = _band_pass(s, i, s[LAST * TILE + i], fixed)
        for i in range(width):
            _trigger(s, i, s[LAST * TILE + i], at + np.float32(k), fixed)


@njit(inline="always")
def _clean(s: Any, i: Any, x: Any, gain: Any) -> Any:
    """Return the input of the cascade: the sample without the channel's offset, or the one before where it is bad."""
    zero, one = np.float32(0), np.float32(1)
    step = fma(x, gain, -s[OFFSET * TILE + i])
    good = abs(step) < LARGEST  # false for NaN
    held = s[HELD * TILE + i]
    held = step if good else held
    s[HELD * TILE + i] = held
    s[BAD * TILE + i] += zero if good else one
    low = s[LOW * TILE + i]
    s[LOW * TILE + i] = x if x < low else low  # noqa: FURB136 - NaN must not get in
    high = s[HIGH * TILE + i]
    s[HIGH * TILE + i] = x if x > high else high  # noqa: FURB136
    return held


@njit(inline="always")
def _band_pass(s: Any, i: Any, v: Any, fixed: Any) -> Any:
    """Return the output of the cascade, zero where it is next to nothing."""
    y = v + s[i]
    s[i] = fma(fixed[1], y, s[TILE + i])
    s[TILE + i] = fma(fixed[2], y, -v)
    v = y + s[2 * TILE + i]
    s[2 * TILE + i] = fma(fixed[3], v, s[3 * TILE + i])
    s[3 * TILE + i] = fma(fixed[4], v, -y)
    y = v + s[4 * TILE + i]
    s[4 * TILE + i] = fma(fixed[5], y, s[5 * TILE + i])
    s[5 * TILE + i] = fma(fixed[6], y, -v)
    v = y + s[6 * TILE + i]
    s[6 * TILE + i] = fma(fixed[7], v, s[7 * TILE + i])
    s[7 * TILE + i] = fma(fixed[8], v, -y)
    return v if abs(v) > QUIETEST else np.float32(0)


@njit(inline="always")
def _trigger(s: Any, i: Any, v: Any, at: Any, fixed: Any) -> None:
    """Advance averages and trigger by the band-passed sample with number `at` of its block."""
    zero, one = np.float32(0), np.float32(1)
    power = v * v
    short = fma(fixed[9], power - s[SHORT * TILE + i], s[SHORT * TILE + i])
    long = fma(fixed[10], power - s[LONG * TILE + i], s[LONG * TILE + i])
    s[SHORT * TILE + i] = short
    s[LONG * TILE + i] = long
    was = s[TRIGGER * TILE + i]
    now = one if short > s[ARMED * TILE + i] * long else (zero if short < fixed[11] * long else was)
    s[TRIGGER * TILE + i] = now
    s[POWER * TILE + i] += power
    s[ACTIVE * TILE + i] += now
    rise = now > was
    s[ONSETS * TILE + i] += one if rise else zero
    first = s[FIRST * TILE + i]
    s[FIRST * TILE + i] = at if rise and at < first else first


@njit(cache=True, nogil=True, error_model="numpy")
def _start(row: Any, s: Any, width: Any, gain: Any) -> None:
    """Let the channels that wait for it start with this row, if it is good there."""
    for i in range(width):
        if np.isnan(s[OFFSET * TILE + i]) and abs(gain * np.float32(row[i])) < LARGEST:
            s[OFFSET * TILE + i] = gain * np.float32(row[i]) - NUDGE


@njit(cache=True, nogil=True, error_model="numpy")
def _close(s: Any, width: Any, block: Any, settle: Any, on: Any, reals: Any, counts: Any) -> None:
    """Write the open block out and clear it; stop the channels that had no good sample or no power."""
    stopped = 0
    zero, one = np.float32(0), np.float32(1)
    for i in range(width):
        age = s[AGE * TILE + i] + one
        s[AGE * TILE + i] = age
        settled = age >= settle
        s[ARMED * TILE + i] = on if settled else NEVER
        power = s[POWER * TILE + i]
        moved = s[HIGH * TILE + i] > s[LOW * TILE + i]
        reals[0, i] = power / np.float32(block)
        reals[1, i] = s[SHORT * TILE + i] / s[LONG * TILE + i] if settled & moved & (power > zero) else zero
        reals[2, i] = s[LOW * TILE + i]
        reals[3, i] = s[HIGH * TILE + i]
        first = s[FIRST * TILE + i]
        counts[0, i] = np.int32(s[ACTIVE * TILE + i])
        counts[1, i] = np.int32(s[ONSETS * TILE + i])
        counts[2, i] = np.int32(first if first < NEVER else np.float32(-1))
        counts[3, i] = np.int32(s[BAD * TILE + i])
        s[STILL * TILE + i] = zero if moved else s[STILL * TILE + i] + one
        stop = (power == zero) | (s[BAD * TILE + i] == block) | (s[STILL * TILE + i] >= settle)
        s[ACTIVE * TILE + i] = one if stop else zero  # written out above: free for a mark
        stopped += stop
    if stopped > 0:
        for i in range(width):
            if s[ACTIVE * TILE + i] > zero:
                for row in range(OPEN):
                    s[row * TILE + i] = zero
                s[OFFSET * TILE + i] = np.nan
                s[ARMED * TILE + i] = NEVER
    for i in range(width):
        s[POWER * TILE + i] = zero
        s[ACTIVE * TILE + i] = zero
        s[ONSETS * TILE + i] = zero
        s[FIRST * TILE + i] = NEVER
        s[BAD * TILE + i] = zero
        s[LOW * TILE + i] = NEVER
        s[HIGH * TILE + i] = -NEVER
