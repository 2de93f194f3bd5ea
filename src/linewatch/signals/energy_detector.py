"""The energy detector of vibration channels: frames of energy in, disturbed runs out.

One frame at a time: level of every live channel -> floor (across the channels; a channel's own once it is
proven) -> threshold -> disturbed channels -> runs on the energy of the last moments -> place, strength,
probability. What rises everywhere at once (a gust over the whole fence, a step of the laser) is no place
on the line: it is reported as a common rise, and own floors, which it would mock, rest meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.signals.cluster import Runs, find_runs, place_runs
from linewatch.signals.floor import (
    OwnFloors,
    OwnFloorSettings,
    floor_across,
    learn_own_floor,
    new_own_floors,
    own_floor,
)
from linewatch.signals.looked import Looked, looked_at

MARGIN_PER_DECADE: Final = 0.2  # see `probability`
# On fence recordings the power-weighted centre missed the middle of the labelled box by 0.2 widths (root mean
# square, 0.43 at most). People drew the boxes, and whoever shakes a fence need not stand in their middle: hence more.
CENTRE_SIGMA_WIDTHS: Final = 0.35
TINY: Final = 1e-30  # squared sample units; smaller energies are the rounding of a dead channel
LEAST_CORRECTED_DB: Final = 3.0  # a threshold that people have lowered stands at least so far over the floor
DB_PER_NEPER: Final = 10.0 / np.log(10.0)  # of power; the natural logarithm is twice as fast as the decimal one
NO_RUNS: Final = Runs(*np.empty((3, 0), np.int64))


class EnergyDetectorSettings(msgspec.Struct, frozen=True):
    """Thresholds and widths; lengths are already in channels and times in frames."""

    min_excess_db: float = 15.0
    """Least height over the floor across channels."""
    spreads: float = 4.0
    """Height over the floor across channels, in robust spreads of the channels' levels."""
    own_min_excess_db: float = 9.0
    """Least height over a channel's own floor."""
    own_spreads: float = 6.0
    """Height over a channel's own floor, in spreads of its level from frame to frame."""
    share: float = 0.775
    """Part of a run's height, in dB, down to which its edges reach."""
    gap_channels: int = 2
    """Weak or masked channels in a row that a run passes over."""
    min_channels: int = 6
    """Narrower runs are dropped."""
    reach_channels: int = 40
    """Within this distance of a run weaker ones are its skirt."""
    memory_frames: float = 20.0
    """Time constant of the energy that decides how far a run reaches."""
    half_window: int = 512
    """Channels on each side from which the floor across channels is taken."""
    min_floor_channels: int = 8
    """With fewer live channels in the window there is no floor across channels."""
    common_rise_db: float = 6.0
    """Rise of the floor over its own slow past that is reported as common to all channels."""
    common_share: float = 0.5
    """Share of the live channels that, disturbed at once, is common too."""
    common_frames: float = 200.0
    """Time constant of the slow past of the floor."""
    guard_channels: int = 5
    """Channels beside a run that do not count as quiet."""
    hold_frames: int = 20
    """Frames after a disturbance in which a channel does not count as quiet."""
    own: OwnFloorSettings = msgspec.field(default_factory=OwnFloorSettings)

    @classmethod
    def for_sensor(cls, pitch_m: float, frame_s: float) -> "EnergyDetectorSettings":
        """Return the defaults, which are meant in metres and seconds, for this pitch of channels and frames.

        Raises:
            ValueError: either is not above zero.
        """
        if not (pitch_m > 0.0 and frame_s > 0.0):
            raise ValueError(f"pitch_m is {pitch_m} and frame_s {frame_s}; both must be above 0")
        return cls(
            gap_channels=max(1, round(2.0 / pitch_m)),
            min_channels=max(1, round(6.0 / pitch_m)),
            reach_channels=max(1, round(40.0 / pitch_m)),
            guard_channels=max(1, round(5.0 / pitch_m)),
            memory_frames=1.0 / frame_s,
            common_frames=10.0 / frame_s,
            hold_frames=max(1, round(1.0 / frame_s)),
            own=OwnFloorSettings(
                proof_frames=max(1, round(30.0 / frame_s)),
                slow_frames=60.0 / frame_s,
                fast_frames=1.0 / frame_s,
                lowest_rise_db=3.0 / (3600.0 / frame_s),
            ),
        )


class EnergyDetectorState(msgspec.Struct):
    """What the detector carries from frame to frame."""

    own: OwnFloors
    held_power: NDArray[np.float64]
    """(n_channels,) power of the last moments, weighted down with age."""
    held_weight: NDArray[np.float64]
    """(n_channels,) sum of those weights."""
    hold: NDArray[np.int64]
    """(n_channels,) frames until the channel may count as quiet again."""
    usual_db: float = np.nan
    """Slow past of the median floor across channels."""


@dataclass(frozen=True, slots=True)
class ByChannel:
    """What differs from channel to channel; arrays are (n_channels,)."""

    min_excess_db: NDArray[np.float64]
    """Least height over the floor across channels."""
    own_min_excess_db: NDArray[np.float64]
    """Least height over a channel's own floor."""
    masked: NDArray[np.bool_]
    """Channels that raise nothing, and that no run reaches over."""
    correction_db: NDArray[np.float64]
    """What people have added to the height over either floor; never below `LEAST_CORRECTED_DB` in the end."""


def everywhere(settings: EnergyDetectorSettings, n_channels: int) -> ByChannel:
    """The settings, the same for all channels."""
    return ByChannel(
        np.full(n_channels, settings.min_excess_db),
        np.full(n_channels, settings.own_min_excess_db),
        np.zeros(n_channels, np.bool_),
        np.zeros(n_channels),
    )


@dataclass(frozen=True, slots=True)
class DisturbedRuns:
    """What one frame shows; arrays are (n_runs,), strongest first."""

    runs: Runs
    strength_db: NDArray[np.float64]
    """Greatest height over the floor in this frame."""
    margin: NDArray[np.float64]
    """That height over its threshold: 1 is just enough."""
    centre: NDArray[np.float64]
    """Power-weighted centre, in channels."""
    centre_sigma: NDArray[np.float64]
    """Standard deviation of the centre as a place of the cause, in channels."""
    probability: NDArray[np.float64]
    """That the run is a disturbance and not the noise of a quiet line."""
    common_db: float
    """Rise common to all channels over their slow past; 0 when below what is reported."""
    live: int
    """Channels that were alive and not masked."""
    unwatched: int
    """Live channels without a floor: too few neighbours and not yet proven."""
    hushed: bool
    """Whether channels over their threshold raise nothing because most channels are."""
    masked: bool
    """Whether a masked channel was over its threshold."""
    looked: tuple[Looked, ...] = ()
    """What was seen of the channels that somebody looks at."""


def new_energy_detector_state(n_channels: int) -> EnergyDetectorState:
    """State before the first frame, and after a gap too long to bridge."""
    return EnergyDetectorState(
        new_own_floors(n_channels), np.zeros(n_channels), np.zeros(n_channels), np.zeros(n_channels, np.int64)
    )


def detect_frames(
    energy: NDArray[np.float32],
    valid: NDArray[np.bool_],
    settings: EnergyDetectorSettings,
    state: EnergyDetectorState,
    by_channel: ByChannel | None = None,
    look_at: Sequence[int] = (),
) -> list[DisturbedRuns]:
    """Return the disturbed runs of each frame, and learn from it before the next.

    Args:
        energy: (n_frames, n_channels), linear; ignored where not `valid`.
        valid: (n_frames, n_channels), see `live_channels`.
        settings: as given.
        state: changed in place.
        by_channel: what differs from channel to channel; without it, the settings hold for all.
        look_at: channels of which levels, floors and thresholds are told.
    """
    by_channel = by_channel or everywhere(settings, energy.shape[1])
    level_db = _levels(energy, valid)
    across = floor_across(level_db, valid, settings.half_window, settings.min_floor_channels)
    frames = zip(energy, level_db, valid, *across, strict=True)
    return [_detect_frame(*frame, settings, by_channel, state, look_at) for frame in frames]


@njit(cache=True, nogil=True)
def _levels(energy: Any, valid: Any) -> Any:
    """Return levels in dB, NaN where not valid."""
    level_db = np.full(energy.shape, np.nan)
    for f in range(energy.shape[0]):
        for c in range(energy.shape[1]):
            if valid[f, c]:
                level_db[f, c] = DB_PER_NEPER * np.log(np.float64(energy[f, c]))
    return level_db


def live_channels(
    energy: NDArray[np.float32], count: NDArray[np.int32], moving: NDArray[np.bool_], min_count: int
) -> NDArray[np.bool_]:
    """Return which channels are alive in each frame, from what `accumulate_energy` returns.

    A channel is alive when it gave at least `min_count` squares, did not stand still and holds energy.
    """
    return (count >= min_count) & moving & (energy > TINY)


def _detect_frame(
    energy: NDArray[np.float32],
    level_db: NDArray[np.float64],
    valid: NDArray[np.bool_],
    across_db: NDArray[np.float64],
    spread_db: NDArray[np.float64],
    settings: EnergyDetectorSettings,
    by_channel: ByChannel,
    state: EnergyDetectorState,
    look_at: Sequence[int],
) -> DisturbedRuns:
    """One frame; every argument but the last four is (n_channels,)."""
    common_db = _common_rise(across_db, valid, settings, state)
    own_db, own_spread_db = own_floor(across_db, state.own, settings.own)
    excess_db, threshold_db, disturbed = (np.empty(len(valid)), np.empty(len(valid)), np.empty(len(valid), np.bool_))
    live, watched, over, alone, masked = _compare(
        level_db, valid, across_db, spread_db, own_db, own_spread_db, common_db > 0.0,
        by_channel.min_excess_db, settings.spreads, by_channel.own_min_excess_db, settings.own_spreads,
        by_channel.masked, by_channel.correction_db, excess_db, threshold_db, disturbed,
    )  # fmt: skip
    _remember(energy, valid, np.exp(-1.0 / settings.memory_frames), state.held_power, state.held_weight)
    hushed = over > settings.common_share * live and alone < live
    floors_db, common = (across_db, own_db), common_db > 0.0
    looked = looked_at(
        look_at, level_db, floors_db, threshold_db, common=common, hushed=hushed, masked=by_channel.masked
    )
    if hushed:
        common_db = max(common_db, float(np.median(excess_db[disturbed])))
    runs = NO_RUNS
    if over and not hushed:
        height_db = _held_height(level_db, excess_db, state.held_power, state.held_weight)
        runs = find_runs(
            height_db, disturbed, settings.share, settings.gap_channels, settings.min_channels, settings.reach_channels
        )
    quiet = _judge_quiet(
        valid, disturbed, runs.first, runs.end, settings.guard_channels, settings.hold_frames, state.hold
    )
    if common_db == 0.0:
        learn_own_floor(level_db, across_db, quiet, state.own, settings.own)
    strength_db, margin, worth = _strength(excess_db, threshold_db, runs.first, runs.end)
    centre, width = place_runs(state.held_power, runs)
    sigma = CENTRE_SIGMA_WIDTHS * width
    return DisturbedRuns(
        *(runs, strength_db, margin, centre, sigma, worth, common_db, live, live - watched, hushed, masked > 0),
        looked=looked,
    )


def _common_rise(
    across_db: NDArray[np.float64],
    valid: NDArray[np.bool_],
    settings: EnergyDetectorSettings,
    state: EnergyDetectorState,
) -> float:
    """Return how far the floor stands above its slow past, 0 when that is not worth a word."""
    now_db = _mean_floor(across_db, valid)
    if np.isnan(now_db):
        return 0.0
    if np.isnan(state.usual_db):
        state.usual_db = now_db
    rise_db = now_db - state.usual_db
    state.usual_db += rise_db / settings.common_frames
    return rise_db if rise_db >= settings.common_rise_db else 0.0


@njit(cache=True, nogil=True)
def _mean_floor(across_db: Any, valid: Any) -> float:
    """Mean over the valid channels of a floor that is robust already."""
    total = 0.0
    n = 0
    for c in range(len(valid)):
        if valid[c] and not np.isnan(across_db[c]):
            total += across_db[c]
            n += 1
    return total / n if n > 0 else np.nan


@njit(cache=True, nogil=True)
def _compare(
    level_db: Any, valid: Any, across_db: Any, spread_db: Any, own_db: Any, own_spread_db: Any, common: Any,
    min_excess_db: Any, spreads: Any, own_min_excess_db: Any, own_spreads: Any,
    masked: Any, correction_db: Any, excess_db: Any, threshold_db: Any, disturbed: Any,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Compare levels with floors; return channels alive, with a floor, over it, without neighbours, and masked over it.

    A masked channel counts for nothing but the last.
    """
    live = watched = over = alone = over_masked = 0
    for c in range(len(valid)):
        lone = np.isnan(across_db[c])
        # A common rise mocks own floors, so they are left aside then where there is another.
        if not np.isnan(own_db[c]) and (lone or not common):
            floor_db = own_db[c]
            threshold_db[c] = max(own_min_excess_db[c], own_spreads * own_spread_db[c])
        else:
            floor_db = across_db[c]
            threshold_db[c] = np.nan if lone else max(min_excess_db[c], spreads * spread_db[c])
        if correction_db[c] != 0.0 and not np.isnan(threshold_db[c]):
            threshold_db[c] = max(threshold_db[c] + correction_db[c], LEAST_CORRECTED_DB)
        excess_db[c] = level_db[c] - floor_db if valid[c] else np.nan
        disturbed[c] = excess_db[c] > threshold_db[c]  # false for NaN
        if masked[c]:
            over_masked += disturbed[c]
            disturbed[c] = False
            excess_db[c] = np.nan
            continue
        live += valid[c]
        watched += valid[c] and not np.isnan(floor_db)
        over += disturbed[c]
        alone += valid[c] and lone
    return live, watched, over, alone, over_masked


@njit(cache=True, nogil=True)
def _remember(energy: Any, valid: Any, keep: Any, held_power: Any, held_weight: Any) -> None:
    """Add the frame to the power of the last moments."""
    for c in range(len(valid)):
        held_power[c] = keep * held_power[c] + (energy[c] if valid[c] else 0.0)
        held_weight[c] = keep * held_weight[c] + (1.0 if valid[c] else 0.0)


@njit(cache=True, nogil=True)
def _held_height(level_db: Any, excess_db: Any, held_power: Any, held_weight: Any) -> Any:
    """Return the height of the held power over the floor, NaN for channels without either."""
    height_db = np.full(len(level_db), np.nan)
    for c in range(len(level_db)):
        if not np.isnan(excess_db[c]):
            floor_db = level_db[c] - excess_db[c]
            height_db[c] = DB_PER_NEPER * np.log(held_power[c] / held_weight[c]) - floor_db
    return height_db


@njit(cache=True, nogil=True)
def _judge_quiet(valid: Any, disturbed: Any, first: Any, end: Any, guard: Any, hold_frames: Any, hold: Any) -> Any:
    """Return the channels that are quiet: not disturbed, not beside a run, and not lately either."""
    for c in range(len(valid)):
        hold[c] = hold_frames if disturbed[c] else max(hold[c] - 1, 0)
    for i in range(len(first)):
        hold[max(first[i] - guard, 0) : end[i] + guard] = hold_frames
    return valid & (hold == 0)


@njit(cache=True, nogil=True)
def probability(margin: Any) -> Any:
    """Return the probability that a run of this margin is a disturbance and not noise: one half at 1.

    Calibrated on 44 quiet recordings of a fibre of 12 points: the frequency of a frame's greatest margin falls
    by a factor of ten for every 0.1, and 0.65 is the most that was seen. Other lines have heavier tails than
    that fibre, so the odds here change by ten for every 0.2 only.
    """
    return 1.0 / (1.0 + 10.0 ** ((1.0 - margin) / MARGIN_PER_DECADE))


@njit(cache=True, nogil=True)
def _strength(excess_db: Any, threshold_db: Any, first: Any, end: Any) -> tuple[Any, Any, Any]:
    """Return each run's greatest height in this frame, its greatest ratio to the threshold, and what that is worth."""
    strength_db = np.zeros(len(first))
    margin = np.zeros(len(first))
    worth = np.zeros(len(first))
    for i in range(len(first)):
        for c in range(first[i], end[i]):
            if not np.isnan(excess_db[c]):
                strength_db[i] = max(strength_db[i], excess_db[c])
                margin[i] = max(margin[i], excess_db[c] / threshold_db[c])
        worth[i] = probability(margin[i])
    return strength_db, margin, worth
