"""Footsteps in one geophone channel: an envelope over its quiet floor, its peaks, and steps in rhythm.

Samples are reduced to about 500 a second (a running median of five takes single spikes out of fast rigs first), passed
through 8 to 40 Hz, squared, smoothed below 8 Hz and looked at about 100 times a second. A step is the greatest peak
within a third of a second that stands two and a half times over the lower quartile of the last four seconds; from three
times on it is sure. A walk is at least four steps, 0.38 to 0.75 s apart, each interval within 15 % of the running one,
that are sure on average; one step in three may be missing and others may lie between. That is 1.3 to 2.6 steps
a second,
the cadence of people (T. Oberg et al., Basic gait parameters, 1993).
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

RATE_HZ: Final = 500.0
FRAMES_HZ: Final = 100.0
BAND_HZ: Final = (8.0, 40.0)
SMOOTH_HZ: Final = 8.0
MEDIAN: Final = 5
FLOOR_S: Final = 4.0
SETTLE_S: Final = 0.5
APART_S: Final = 0.33
FAINT: Final = 2.5
SURE: Final = 3.0
DELAY_S: Final = 0.05
"""By how much a peak of the smoothed envelope comes after the foot, measured on marks made by eye."""
LEAST_INTERVAL_S: Final = 0.38
MOST_INTERVAL_S: Final = 0.75
RHYTHM: Final = 0.15
WALK_STEPS: Final = 4
KEPT_WALKS: Final = 2


class Step(NamedTuple):
    """One footstep."""

    time_s: float
    """Seconds since the first sample."""
    ratio: float
    """Height of the envelope over its floor, above FAINT; a step above SURE stands by itself."""


class StepState(msgspec.Struct):
    """What is carried between pieces of one channel."""

    rate_hz: float
    """Samples a second."""
    raw: NDArray[np.float64]
    """Samples that wait for the median or for a whole group."""
    band: NDArray[np.float64]
    """State of the band-pass filter."""
    smooth: NDArray[np.float64]
    """State of the smoother."""
    phase: int
    """Reduced samples since the last frame."""
    ring: NDArray[np.float64]
    """Envelope of the last FLOOR_S, in any order; NaN before."""
    frames: int
    """Frames so far."""
    two: NDArray[np.float64]
    """(2,) envelope over floor of the last two frames."""
    pending: NDArray[np.float64]
    """(2,) frame and height of a peak that nothing has overtopped yet; -1 where none."""
    taken: float
    """Frame of the last step; far back before the first."""
    started: bool
    """Whether the filters stand on a first sample."""


@lru_cache(maxsize=32)
def _filters(rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.signal import butter  # noqa: PLC0415 - takes half a second, and only who has a geophone needs it

    high = min(BAND_HZ[1], 0.45 * rate_hz)
    band = butter(2, (BAND_HZ[0], high), "bandpass", fs=rate_hz, output="sos")
    return np.asarray(band), np.asarray(butter(2, SMOOTH_HZ, fs=rate_hz, output="sos"))


def _grouping(rate_hz: float) -> tuple[int, int]:
    """Samples to a reduced sample, and reduced samples to a frame."""
    group = max(1, round(rate_hz / RATE_HZ))
    return group, max(1, round(rate_hz / group / FRAMES_HZ))


def new_step_state(rate_hz: float) -> StepState:
    """Nothing heard. `rate_hz` is at least 50."""
    group, frame = _grouping(rate_hz)
    band, smooth = _filters(rate_hz / group)
    frames = round(FLOOR_S * rate_hz / group / frame)
    return StepState(
        rate_hz=rate_hz,
        raw=np.zeros(0),
        band=np.zeros((len(band), 2)),
        smooth=np.zeros((len(smooth), 2)),
        phase=0,
        ring=np.full(frames, np.nan),
        frames=0,
        two=np.zeros(2),
        pending=np.array([-1.0, 0.0]),
        taken=-1e9,
        started=False,
    )


def find_steps(samples: NDArray[Any], state: StepState) -> list[Step]:
    """Footsteps that are certain after these samples (n,) of one channel. Changes `state`.

    A sample that is not a finite number is taken for the one before it.
    """
    from scipy.signal import sosfilt, sosfilt_zi  # noqa: PLC0415 - as above

    reduced = _reduced(samples, state)
    if not len(reduced):
        return []
    group, frame = _grouping(state.rate_hz)
    band, smooth = _filters(state.rate_hz / group)
    if not state.started:
        state.band, state.started = sosfilt_zi(band) * reduced[0], True
    passed, state.band = sosfilt(band, reduced, zi=state.band)
    power, state.smooth = sosfilt(smooth, passed**2, zi=state.smooth)
    first = (frame - 1 - state.phase) % frame
    state.phase = (state.phase + len(reduced)) % frame
    envelope = np.sqrt(np.maximum(power[first::frame], 0.0))
    frames_hz = state.rate_hz / group / frame
    found = np.zeros((len(envelope) + 1, 2))
    n, state.taken = _peaks(
        envelope, state.ring, state.frames, state.two, state.pending, state.taken,
        FAINT, SETTLE_S * frames_hz, APART_S * frames_hz, found,
    )  # fmt: skip
    state.frames += len(envelope)
    return [Step((frame_no + 1.0) / frames_hz - DELAY_S, height) for frame_no, height in found[:n].tolist()]


def _reduced(samples: NDArray[Any], state: StepState) -> NDArray[np.float64]:
    """Means of whole groups of samples, spikes taken out where there are many samples to a group."""
    group, _ = _grouping(state.rate_hz)
    x = np.concatenate([state.raw, np.asarray(samples, dtype=np.float64)])
    bad = ~np.isfinite(x)
    if bad.any():
        last = np.maximum.accumulate(np.where(bad, -1, np.arange(len(x))))
        x = np.where(last >= 0, x[np.maximum(last, 0)], 0.0)
    reach = MEDIAN - 1 if group > 1 else 0
    groups = max(len(x) - reach, 0) // group
    state.raw = x[groups * group :].copy()
    if not groups:
        return np.zeros(0)
    if reach:
        around = np.lib.stride_tricks.sliding_window_view(x[: groups * group + reach], MEDIAN)
        x = np.median(around, axis=1)
    means: NDArray[np.float64] = x[: groups * group].reshape(groups, group).mean(axis=1)
    return means


@njit(cache=True, nogil=True)
def _peaks(
    envelope: Any, ring: Any, done: int, two: Any, pending: Any, taken: float,
    least: float, settle: float, apart: float, found: Any,
) -> tuple[int, float]:  # fmt: skip
    n = 0
    for i in range(len(envelope)):
        frame = done + i
        ring[frame % len(ring)] = envelope[i]
        height = envelope[i] / (np.nanquantile(ring, 0.25) + 1e-12)
        peak = two[1] >= two[0] and two[1] > height and two[1] > least and frame - 1 > settle
        if peak and frame - 1 - taken > apart and (pending[0] < 0 or two[1] > pending[1]):
            pending[0], pending[1] = frame - 1, two[1]
        if pending[0] >= 0 and frame - pending[0] >= apart:
            found[n, 0], found[n, 1] = pending[0], pending[1]
            taken = pending[0]
            pending[0] = -1.0
            n += 1
        two[0], two[1] = two[1], height
    return n, taken


class Walk(msgspec.Struct, frozen=True):
    """Steps in rhythm so far."""

    steps: int
    """How many."""
    first_s: float
    """Time of the first."""
    last_s: float
    """Time of the last."""
    interval_s: float
    """Running interval."""
    missing: int
    """Steps that the rhythm asked for and that were not found."""
    ratios: float
    """Sum of the heights over the floor."""

    @property
    def holds(self) -> bool:
        """Whether these are steps enough, seen clearly enough, to be a walk."""
        return self.steps >= WALK_STEPS and self.missing <= self.steps // 3 and self.ratios >= SURE * self.steps


class Walks(msgspec.Struct):
    """All rhythms that the last steps may belong to."""

    going: list[Walk]
    """Those that can still be carried on."""
    lately: list[Step]
    """Steps from which one may begin."""


def new_walks() -> Walks:
    """No step yet."""
    return Walks([], [])


def follow_walks(step: Step, walks: Walks) -> Walk | None:
    """Take the next step; the longest walk that it carries on, or None where it carries on none. Changes `walks`."""
    carried = [longer for walk in walks.going if (longer := _carried_on(walk, step)) is not None]
    begun = [
        Walk(2, first.time_s, step.time_s, step.time_s - first.time_s, 0, first.ratio + step.ratio)
        for first in walks.lately
        if LEAST_INTERVAL_S <= step.time_s - first.time_s <= MOST_INTERVAL_S
    ]
    waiting = [walk for walk in walks.going if step.time_s - walk.last_s <= 2.4 * walk.interval_s]
    walks.lately = [*(s for s in walks.lately if step.time_s - s.time_s < MOST_INTERVAL_S), step]
    walks.going = _longest_by_end([*carried, *begun, *waiting])
    return max((walk for walk in carried if walk.holds), key=lambda walk: (walk.steps, walk.ratios), default=None)


def _carried_on(walk: Walk, step: Step) -> Walk | None:
    """The walk with this step, which comes one interval after the last, or two where one step was missed."""
    for each in (1, 2):
        interval_s = (step.time_s - walk.last_s) / each
        in_range = LEAST_INTERVAL_S <= interval_s <= MOST_INTERVAL_S
        if in_range and abs(interval_s - walk.interval_s) <= RHYTHM * walk.interval_s:
            running_s = (walk.interval_s + interval_s) / 2
            ratios = walk.ratios + step.ratio
            return Walk(walk.steps + 1, walk.first_s, step.time_s, running_s, walk.missing + each - 1, ratios)
    return None


def _longest_by_end(walks: list[Walk]) -> list[Walk]:
    """The longest few of those that end with the same step, so that their number stays small."""
    kept: list[Walk] = []
    for walk in sorted(walks, key=lambda w: (-w.steps, -w.ratios)):
        if sum(other.last_s == walk.last_s for other in kept) < KEPT_WALKS:
            kept.append(walk)
    return kept
