"""Moving sources along a fibre: lines that slant across chainage and time, found by stacking along them.

A vehicle's weight bends the ground beneath the fibre below about 1.5 Hz; in chainage and time that is a line whose
slope is its slowness (seconds a metre). Rows of the fibre at `RATE_HZ` go through

1. *detrending*: the median of the rows around each is taken off, so that a step leaves nothing behind;
2. *band-pass*: a linear-phase filter of finite length, which delays every frequency alike;
3. *common mode*: what neighbouring channels show at the same instant moves faster than any vehicle, and goes;
4. *scale*: each channel is divided by its own noise, and single outliers are bounded;
5. *stack*: in apertures of some channels, `stack(t, s)` is the mean along the line of slowness s through the
   aperture's centre at t, and the semblance (M. T. Taner and F. Koehler, Geophysics 34 (1969) 859-881), the power of
   the mean over the mean of the power, tells how much of the power lies on the line. Their product is the score.

A line is where the score is over the threshold and the greatest, over all slownesses of both signs, for some seconds
on both sides. What scores best at the fastest or slowest that is looked for is no line: it goes on scoring beyond.
Everything runs on rows that have come; `LOOK_AHEAD_S` tells how late a line is known.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.signals.running import MAD_TO_SIGMA, RunningMedianState, new_running_median, running_median

RATE_HZ: Final = 25.0
"""Rows a second."""
DETREND_ROWS: Final = 201
"""8 s: longer than a vehicle takes to pass a channel, shorter than thermal drift."""
BAND_HZ: Final = (0.25, 1.5)
TAPS: Final = 75
"""Of the band-pass: 3 s."""
LOBE_ROWS: Final = 5
"""A passing shows as a push and a pull 0.4 s apart: the difference of the rows this far before and after is stacked."""
COMMON_CHANNELS: Final = 64
"""Channels whose median is their common mode."""
SCALE_EVERY: Final = 5
SCALE_WINDOW: Final = 150
"""The noise of a channel is taken from every fifth row of the last 30 s."""
SOFT_LIMIT_SIGMAS: Final = 8.0
FRESH_ROWS: Final = 100
"""Rows of noise (4 s) before a channel counts."""


class SlantSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for."""

    slowest_mps: float = 8.0
    """Slowest vehicle."""
    fastest_mps: float = 40.0
    """Fastest vehicle."""
    aperture_channels: int = 16
    """Channels of an aperture."""
    aperture_step: int = 4
    """Channels from one aperture to the next."""
    threshold: float = 1.0
    """Score, in standard deviations of a channel's noise, from which there is a line; in white noise an aperture
    reaches it 0.4 times an hour."""
    apart_s: float = 1.2
    """Of two lines closer than this in one aperture the weaker is dropped."""


@dataclass(frozen=True, slots=True)
class Slant:
    """Settings fitted to a pitch of channels."""

    settings: SlantSettings
    pitch_m: float
    """Signed distance from one channel to the next."""
    first: NDArray[np.int64]
    """(n_apertures,) first channel of each."""
    velocity_mps: NDArray[np.float64]
    """(n_slownesses,) along the line, signed."""
    delay_rows: NDArray[np.float64]
    """(n_slownesses,) rows that a line needs from one channel to the next."""
    reach: int
    """Rows on each side that the slowest line needs within an aperture."""
    apart: int
    """Rows within which a line must be the strongest."""

    @property
    def look_ahead_s(self) -> float:
        """Time from a passing to the row with which it is known."""
        return (DETREND_ROWS // 2 + TAPS // 2 + LOBE_ROWS + self.reach + self.apart) / RATE_HZ


class SlantState(msgspec.Struct):
    """What is carried from row to row."""

    trend: RunningMedianState
    rows: NDArray[np.float64]
    """The last rows as they came, for the detrending."""
    detrended: NDArray[np.float64]
    """The last detrended rows, for the band-pass."""
    noise: RunningMedianState
    scaled: NDArray[np.float32]
    """The last rows ready to stack."""
    best: NDArray[np.float64]
    """(n, n_apertures, 2) score and slowness index of the best line at each of the last rows."""
    held: NDArray[np.float64]
    """(n_channels,) last number of each channel."""
    seen: int = 0
    """Rows taken."""
    sigma: NDArray[np.float64] = msgspec.field(default_factory=lambda: np.empty(0))
    """(n_channels,) noise of each channel; NaN until known."""


@dataclass(frozen=True, slots=True)
class SlantLines:
    """Lines in the order of time, then aperture; every array is (n_lines,)."""

    row: NDArray[np.int64]
    """Row, counted from the first ever, at which the line passes the aperture's centre."""
    centre: NDArray[np.float64]
    """Centre of the aperture, in channels; channel i reaches from i to i + 1."""
    velocity_mps: NDArray[np.float64]
    """Signed: positive towards higher chainage."""
    velocity_sigma_mps: NDArray[np.float64]
    """From the width of the score over slowness."""
    score: NDArray[np.float64]
    """Stack times semblance, in standard deviations of a channel's noise."""


def fit_slant(settings: SlantSettings, pitch_m: float, n_channels: int) -> Slant:
    """Return the settings for `n_channels` channels that are `pitch_m` apart (negative where chainage falls).

    Raises:
        ValueError: speeds or widths out of their range, or fewer channels than an aperture has.
    """
    width, step = settings.aperture_channels, settings.aperture_step
    if not 0.0 < settings.slowest_mps < settings.fastest_mps:
        raise ValueError(
            f"speeds are {settings.slowest_mps:g} to {settings.fastest_mps:g} m/s, allowed is 0 < slowest < fastest"
        )
    if not 4 <= width <= n_channels or step < 1:
        raise ValueError(
            f"an aperture has {width} of {n_channels} channels every {step}; allowed are 4 to all, every 1 or more"
        )
    if pitch_m == 0.0:
        raise ValueError("channels are 0 m apart, allowed is any other distance")
    half_m = (width - 1) / 2.0 * abs(pitch_m)
    slow, fast = 1.0 / settings.slowest_mps, 1.0 / settings.fastest_mps
    # From one slowness to the next the ends of the aperture move by two rows: a fifth of the shortest period.
    count = max(4, 1 + int(np.ceil((slow - fast) * half_m * RATE_HZ / 2.0)))
    one_way = np.linspace(fast, slow, count)
    slowness = np.concatenate([-one_way[::-1], one_way])
    reach = int(np.ceil(slow * half_m * RATE_HZ)) + 1
    first = np.arange(0, n_channels - width + 1, step, dtype=np.int64)
    apart = max(1, round(settings.apart_s * RATE_HZ))
    return Slant(settings, pitch_m, first, 1.0 / slowness, slowness * pitch_m * RATE_HZ, reach, apart)


def new_slant_state(slant: Slant, n_channels: int) -> SlantState:
    """State before the first row of `n_channels` channels."""
    return SlantState(
        trend=new_running_median(DETREND_ROWS, n_channels),
        rows=np.empty((0, n_channels)),
        detrended=np.empty((0, n_channels)),
        noise=new_running_median(SCALE_WINDOW, n_channels),
        # Quiet before the first row, so that the slowest line does not make all others wait for it.
        scaled=np.zeros((slant.reach, n_channels), np.float32),
        best=np.empty((0, len(slant.first), 2)),
        held=np.full(n_channels, np.nan),
        sigma=np.full(n_channels, np.nan),
    )


def find_lines(rows: NDArray[np.float64], slant: Slant, state: SlantState) -> SlantLines:
    """Take in rows and return the lines that are now known.

    Args:
        rows: (n_rows, n_channels) at `RATE_HZ`; a value that is no number is taken as the one before it, and a
            channel that never gave one counts for nothing.
        slant: see `fit_slant`.
        state: changed in place.
    """
    ready = _ready_to_stack(rows, state)
    state.scaled = np.concatenate([state.scaled, ready])
    span = 2 * slant.reach + 1
    count = max(len(state.scaled) - span + 1, 0)
    best = np.zeros((count, len(slant.first), 2))
    width = slant.settings.aperture_channels
    _stack(state.scaled, count, slant.reach, slant.first, width, slant.delay_rows, best)
    state.scaled = state.scaled[count:]
    state.best = np.concatenate([state.best, best])
    known = max(len(state.best) - 2 * slant.apart, 0)
    # `seen` counts rows as they came; what is stacked now lies behind them by what every stage needs to look ahead.
    behind = DETREND_ROWS // 2 + TAPS // 2 + LOBE_ROWS + slant.reach
    offset = state.seen - behind - len(state.best)
    lines = _peaks(state.best, known, slant, offset)
    state.best = state.best[known:]
    return lines


def _ready_to_stack(rows: NDArray[np.float64], state: SlantState) -> NDArray[np.float32]:
    """Detrend, band-pass, remove the common mode and scale; fewer rows come out at first, for the look-ahead."""
    filled = np.empty(rows.shape)
    _hold(rows, filled, state.held)
    median = running_median(filled, state.trend)
    state.rows = np.concatenate([state.rows, filled])
    ahead = DETREND_ROWS // 2
    count = max(len(state.rows) - ahead, 0)
    trend = median[len(median) - count :] if count else median[:0]
    state.detrended = np.concatenate([state.detrended, state.rows[:count] - trend])
    state.rows = state.rows[count:]
    taps = _taps()
    passed = max(len(state.detrended) - len(taps) + 1, 0)
    filtered = np.empty((passed, rows.shape[1]))
    _filter(state.detrended, taps, filtered)  # not a number while a channel has given none for some of the taps
    state.detrended = state.detrended[passed:]
    first = state.seen + len(rows) - passed  # any count that goes on from call to call serves
    state.seen += len(rows)
    return _scaled(filtered, first, state)


def _scaled(filtered: NDArray[np.float64], first: int, state: SlantState) -> NDArray[np.float32]:
    """Divide by each channel's noise, which is learnt from the rows themselves."""
    out = np.zeros(filtered.shape, np.float32)
    for t, row in enumerate(filtered):
        _without_common_mode(row)
        if (first + t) % SCALE_EVERY == 0:
            median = running_median(np.abs(row)[None], state.noise)[0]
            fresh = state.noise.rows * SCALE_EVERY >= FRESH_ROWS
            state.sigma = np.where((median > 0.0) & fresh, MAD_TO_SIGMA * median, np.nan)
        known = (state.sigma > 0.0) & np.isfinite(row)
        height = row[known] / state.sigma[known]
        # Bounded, yet the greater stays greater: a hard limit would make a loud vehicle's side lobes as high as it.
        out[t, known] = height / np.sqrt(1.0 + (height / SOFT_LIMIT_SIGMAS) ** 2)
    return out


def _without_common_mode(row: NDArray[np.float64]) -> None:
    """Take the median of each group of neighbours off; a group of a few has none."""
    for low in range(0, len(row), COMMON_CHANNELS):
        part = row[low : low + COMMON_CHANNELS]
        alive = np.isfinite(part)
        if alive.sum() > 4:
            part -= np.median(part[alive])


def _taps() -> NDArray[np.float64]:
    """Band-pass and the difference that shows a passing, in one: a windowed pair of sincs, then two of them apart."""
    at = np.arange(TAPS) - TAPS // 2
    ideal = [2.0 * f / RATE_HZ * np.sinc(2.0 * f / RATE_HZ * at) for f in BAND_HZ]
    taps = (ideal[1] - ideal[0]) * np.hanning(TAPS + 2)[1:-1]
    both = np.zeros(TAPS + 2 * LOBE_ROWS)
    both[:TAPS] -= taps
    both[2 * LOBE_ROWS :] += taps
    return both


@njit(cache=True, nogil=True)
def _hold(rows: Any, filled: Any, held: Any) -> None:
    for t in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            if np.abs(rows[t, c]) < np.inf:
                held[c] = rows[t, c]
            filled[t, c] = held[c]


@njit(cache=True, nogil=True)
def _filter(x: Any, taps: Any, out: Any) -> None:
    """Each row from its own terms in their own order, so that cutting the input changes nothing."""
    for t in range(out.shape[0]):
        out[t, :] = 0.0
        for k in range(len(taps)):
            for c in range(x.shape[1]):
                out[t, c] += taps[k] * x[t + len(taps) - 1 - k, c]


@njit(cache=True, nogil=True)
def _stack(x: Any, count: Any, reach: Any, first: Any, width: Any, delay_rows: Any, best: Any) -> None:
    """For each row and aperture the slowness with the greatest score, in `best` with that score."""
    middle = (width - 1) / 2.0
    for t in range(count):
        for a in range(len(first)):
            for p in range(len(delay_rows)):
                total = power = 0.0
                for k in range(width):
                    shift = delay_rows[p] * (k - middle)
                    whole = int(np.floor(shift))
                    part = shift - whole  # without t, whose size would round it differently in every cut
                    row = t + reach + whole
                    value = (1.0 - part) * x[row, first[a] + k] + part * x[row + 1, first[a] + k]
                    total += value
                    power += value * value
                if power > 0.0:
                    score = abs(total) / width * (total * total / (width * power))
                    if score > best[t, a, 0]:
                        best[t, a, 0] = score
                        best[t, a, 1] = p


def _peaks(best: NDArray[np.float64], known: int, slant: Slant, offset: int) -> SlantLines:
    """Rows whose score is over the threshold and the greatest of all within `apart` rows; of equals the first."""
    found: list[tuple[int, int]] = []
    score = best[:, :, 0]
    for t in range(slant.apart, slant.apart + known):
        for a in np.flatnonzero(score[t] >= slant.settings.threshold):
            before = score[t - slant.apart : t, a].max()
            after = score[t + 1 : t + slant.apart + 1, a].max()
            if score[t, a] > before and score[t, a] >= after:
                found.append((t, int(a)))
    rows = np.array([t for t, _ in found], np.int64)
    apertures = np.array([a for _, a in found], np.int64)
    index = best[rows, apertures, 1].astype(np.int64)
    one_way = len(slant.velocity_mps) // 2
    inside = ~np.isin(index, [0, one_way - 1, one_way, 2 * one_way - 1])
    rows, apertures, index = rows[inside], apertures[inside], index[inside]
    velocity = slant.velocity_mps[index]
    # One step of slowness on either side scores about as well.
    steps = np.diff(slant.delay_rows)[0] / (slant.pitch_m * RATE_HZ)
    return SlantLines(
        row=rows + offset,
        centre=np.asarray(slant.first[apertures] + slant.settings.aperture_channels / 2.0, np.float64),
        velocity_mps=velocity,
        velocity_sigma_mps=velocity**2 * abs(steps),
        score=score[rows, apertures],
    )
