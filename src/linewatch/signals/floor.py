"""Noise floors of vibration channels: across the channels at first, from a channel's own past once proven.

All levels are in dB. A floor across channels needs no past, so an event that lasts from the first sample
cannot hide in it; but it knows nothing of channels that are always louder than their neighbours. A
channel's own floor does, and is trusted only when *proven quiet*.

**Proven quiet** means: `proof_frames` frames in which the channel was valid and judged quiet, that is, did
not exceed its threshold of that time and was not near a reported run. A channel that shakes is not judged
quiet, so shaking, however long, teaches the floor nothing. What creeps up below the threshold is bounded:
an own floor is never taken higher than `rise_db` above the floor across channels, nor higher than `play_db`
above the lowest that it had, which itself rises by `rise_db_per_hour` only. The floor falls within
seconds and rises within minutes, so a floor that was learnt in a loud time does not outlast it.

With fewer than `min_channels` valid channels there is no floor across channels. Then a channel must also
be *steady* (within `fall_db` of its floor) all through its proof, and its floor may later rise at most
`rise_db` above the lowest it had since it was proven. Until proven, such a channel has no floor.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.signals.cfar import ordered_statistic

MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution
MEAN_DEVIATION_TO_SIGMA: Final = 1.2533  # sqrt(pi / 2), of a normal distribution
CLIP_SIGMAS: Final = 3.0  # a single frame moves a floor no more than this many spreads would
LEAST_SPREAD_DB: Final = 0.5


class OwnFloorSettings(msgspec.Struct, frozen=True):
    """How a channel's own floor is learnt."""

    proof_frames: int = 600
    """Quiet frames until the floor is proven: 30 s of 50 ms."""
    slow_frames: float = 1200.0
    """Frames of the running mean: 60 s of 50 ms; with the clipping, the time in which a floor rises."""
    fast_frames: float = 20.0
    """Frames in which a floor falls that lies more than `fall_db` too high."""
    fall_db: float = 6.0
    """A level this far under the floor, or off it in the proof without neighbours, is no fluctuation."""
    rise_db: float = 12.0
    """The most that an own floor may lie above the floor across channels."""
    play_db: float = 6.0
    """The most that it may lie above its lowest, where there is a floor across channels."""
    lowest_rise_db: float = 3.0 / 72_000.0
    """How far that lowest rises with each frame learnt: 3 dB an hour of 50 ms frames."""


class OwnFloors(msgspec.Struct):
    """State of the channels' own floors."""

    offset_db: NDArray[np.float64]
    """(n_channels,) running level above the floor across channels (above 0 dB when there is none)."""
    spread_db: NDArray[np.float64]
    """(n_channels,) running standard deviation of the level."""
    quiet_frames: NDArray[np.int64]
    """(n_channels,) frames learnt from."""
    lowest_db: NDArray[np.float64]
    """(n_channels,) lowest offset since proven, infinity before; where there are neighbours it rises slowly."""


def new_own_floors(n_channels: int) -> OwnFloors:
    """State before the first frame."""
    return OwnFloors(
        np.zeros(n_channels),
        np.full(n_channels, LEAST_SPREAD_DB),
        np.zeros(n_channels, np.int64),
        np.full(n_channels, np.inf),
    )


def floor_across(
    level_db: NDArray[np.float64], valid: NDArray[np.bool_], half_window: int, min_channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return median and robust spread (1.4826 MAD) of the valid channels around each channel.

    Args:
        level_db: (n_frames, n_channels).
        valid: (n_frames, n_channels); other channels count for nothing.
        half_window: channels taken on each side; a sensor that is no wider than the whole window is
            taken whole.
        min_channels: with fewer valid channels in the window both results are NaN.

    Returns:
        floor and spread, each (n_frames, n_channels), in dB.
    """
    if level_db.shape[1] <= 2 * half_window + 1:
        return _floor_of_all(level_db, valid, min_channels)
    centre, cells = ordered_statistic(level_db, valid, -1, half_window + 1, 0.5)
    deviation = np.where(valid, np.abs(level_db - centre), 0.0)
    mad, _ = ordered_statistic(deviation, valid, -1, half_window + 1, 0.5)
    enough = cells >= min_channels
    return np.where(enough, centre, np.nan), np.where(enough, MAD_TO_SIGMA * mad, np.nan)


@njit(cache=True, nogil=True)
def _floor_of_all(level_db: Any, valid: Any, min_channels: Any) -> tuple[Any, Any]:
    """Median and robust spread of all valid channels of each frame."""
    n_frames, n_channels = level_db.shape
    centre = np.full((n_frames, n_channels), np.nan)
    spread = np.full((n_frames, n_channels), np.nan)
    for f in range(n_frames):
        levels = level_db[f][valid[f]]
        if len(levels) < max(min_channels, 1):
            continue
        middle = np.median(levels)
        centre[f, :] = middle
        spread[f, :] = MAD_TO_SIGMA * np.median(np.abs(levels - middle))
    return centre, spread


def own_floor(
    across_db: NDArray[np.float64], state: OwnFloors, settings: OwnFloorSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return own floor and own spread of each channel for one frame, in dB, NaN where not proven.

    Args:
        across_db: (n_channels,) floor across channels of this frame, NaN where there is none.
        state: not changed.
        settings: as for `learn_own_floor`.
    """
    floor_db = np.empty(len(across_db))
    spread_db = np.empty(len(across_db))
    _own_floor(
        across_db, state.offset_db, state.spread_db, state.quiet_frames, state.lowest_db,
        settings.proof_frames, settings.rise_db, settings.play_db, floor_db, spread_db,
    )  # fmt: skip
    return floor_db, spread_db


@njit(cache=True, nogil=True)
def _own_floor(
    across_db: Any, offset: Any, spread: Any, seen: Any, lowest: Any, proof_frames: Any, rise_db: Any, play_db: Any,
    floor_db: Any, spread_db: Any,
) -> None:  # fmt: skip
    for c in range(len(across_db)):
        floor_db[c] = np.nan
        spread_db[c] = np.nan
        if seen[c] >= proof_frames:
            lone = np.isnan(across_db[c])
            ceiling = rise_db + lowest[c] if lone else min(rise_db, lowest[c] + play_db)
            floor_db[c] = (0.0 if lone else across_db[c]) + min(offset[c], ceiling)
            spread_db[c] = spread[c]


def learn_own_floor(
    level_db: NDArray[np.float64],
    across_db: NDArray[np.float64],
    quiet: NDArray[np.bool_],
    state: OwnFloors,
    settings: OwnFloorSettings,
) -> None:
    """Learn one frame: the channels judged quiet move their floor, clipped so that no frame pulls far.

    Args:
        level_db: (n_channels,).
        across_db: (n_channels,) floor across channels of this frame, NaN where there is none.
        quiet: (n_channels,) valid and judged quiet.
        state: changed in place.
        settings: rates and bounds.
    """
    _learn(
        level_db, across_db, quiet, state.offset_db, state.spread_db, state.quiet_frames, state.lowest_db,
        settings.proof_frames, settings.slow_frames, settings.fast_frames, settings.fall_db, settings.lowest_rise_db,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _learn(
    level_db: Any, across_db: Any, quiet: Any, offset: Any, spread: Any, seen: Any, lowest: Any,
    proof_frames: Any, slow_frames: Any, fast_frames: Any, fall_db: Any, lowest_rise_db: Any,
) -> None:  # fmt: skip
    for c in range(len(level_db)):
        if not quiet[c]:
            continue
        lone = np.isnan(across_db[c])
        residual = level_db[c] - (0.0 if lone else across_db[c])
        if seen[c] == 0:
            offset[c] = residual
            seen[c] = 1
            continue
        step = residual - offset[c]
        if lone and seen[c] < proof_frames and abs(step) > fall_db:
            seen[c] = 0  # not steady: the proof begins anew
            offset[c] = residual
            spread[c] = LEAST_SPREAD_DB
            continue
        # The mean of all frames so far until there are `slow_frames` of them.
        gain = 1.0 / min(seen[c] + 1.0, slow_frames)
        spread[c] += gain * (min(MEAN_DEVIATION_TO_SIGMA * abs(step), fall_db) - spread[c])
        spread[c] = max(spread[c], LEAST_SPREAD_DB)
        if step < -fall_db:
            offset[c] += step / fast_frames
        else:
            clip = CLIP_SIGMAS * spread[c]
            offset[c] += gain * min(max(step, -clip), clip)
        seen[c] += 1
        if seen[c] >= proof_frames:
            lowest[c] = min(lowest[c] + (0.0 if lone else lowest_rise_db), offset[c])
