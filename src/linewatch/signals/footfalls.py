"""Footfalls in noise: channels whose power comes in short bursts with the rhythm of somebody who walks.

Wind is loud, but it has no rhythm, and it lasts. So a channel's level in short frames is compared with the median of
the moments around it, which follows gusts and fading and which footsteps, being short, do not move; what stands out is
compared with what stood out one step earlier, for every interval that a walk may have, and averaged over a few
seconds. Steps of 1.4 to 2.5 a second are people's (T. Oberg, A. Karsznia, K. Oberg, Journal of Rehabilitation Research
and Development 30 (1993) 210-223). Shorter intervals are looked at as well: hooves have them, and a crowd has all.
"""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.signals.running import RunningMedianState, new_running_median, running_median

FRAME_S: Final = 0.05
FIRST_LAG: Final = 5
"""Shortest interval between steps that is looked at, in frames: 4 a second."""
WALK_LAG: Final = 8
"""Shortest interval of a walk, in frames: 2.5 a second."""
LAST_LAG: Final = 14
"""Longest interval, in frames: 1.4 a second."""
WINDOW: Final = 41
"""Frames of the median; half of them lie ahead, so what is told is a second old."""
MEMORY_FRAMES: Final = 50.0
"""Frames over which rhythm is averaged."""
STANDS_OUT_DB: Final = 5.0
"""Height over the median from which a frame stands out; noise alone does so in one frame of twenty."""
MOST_DB: Final = 12.0
"""Further height counts for nothing: one loud knock is no rhythm."""
_LAGS: Final = LAST_LAG - FIRST_LAG + 1
_RING: Final = LAST_LAG + 2
_TINY: Final = 1e-30
_SETTLED: Final = 2 * WINDOW


class FootfallState(msgspec.Struct):
    """What is carried from frame to frame."""

    median: RunningMedianState
    """Of the levels."""
    waiting: NDArray[np.float64]
    """(WINDOW // 2, n_channels) levels that wait for the median around them."""
    ring: NDArray[np.float64]
    """(frames, n_channels) what stood out lately, in a ring."""
    rhythm_db: NDArray[np.float64]
    """(lags, n_channels) what stands out again after each interval, averaged."""
    height_db: NDArray[np.float64]
    """(n_channels,) height of the greatest of the last steps over the median."""
    frames: int = 0
    """Frames taken so far."""


class Footfalls(NamedTuple):
    """Every array is (n_frames, n_channels)."""

    rhythm_db: NDArray[np.float64]
    """What stands out again at the best interval of a walk; 0 until it has settled."""
    lag: NDArray[np.int64]
    """That interval, in frames."""
    hooves_db: NDArray[np.float64]
    """The same at the best of the shorter intervals."""
    least_db: NDArray[np.float64]
    """The same at the worst interval between those of hooves and of a slow walk: high where many walk."""
    height_db: NDArray[np.float64]
    """Height of the greatest of the last steps over the median."""


def new_footfalls(n_channels: int) -> FootfallState:
    """State before the first frame, and after a gap."""
    return FootfallState(
        new_running_median(WINDOW, n_channels),
        np.full((WINDOW // 2, n_channels), np.nan),
        np.zeros((_RING, n_channels)),
        np.zeros((_LAGS, n_channels)),
        np.zeros(n_channels),
    )


def footfalls(power: NDArray[Any], usable: NDArray[np.bool_], state: FootfallState) -> Footfalls:
    """Take in frames and say how much rhythm is in each channel.

    Args:
        power: (n_frames, n_channels) power of frames of `FRAME_S`, in the band of footsteps.
        usable: (n_frames, n_channels); other frames count for nothing.
        state: changed in place.
    """
    level_db = np.where(usable, 10.0 * np.log10(np.maximum(power.astype(np.float64), _TINY)), np.nan)
    median_db = running_median(level_db, state.median)
    older = np.concatenate([state.waiting, level_db])
    state.waiting = older[len(level_db) :].copy()
    shape = level_db.shape
    out = Footfalls(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    _follow(older[: len(level_db)] - median_db, state.frames, state.ring, state.rhythm_db, state.height_db, *out)
    state.frames += len(level_db)
    return out


@njit(cache=True, nogil=True)
def _follow(
    over_db: Any, frames: Any, ring: Any, rhythm_db: Any, height_db: Any,
    best_db: Any, best_lag: Any, hooves_db: Any, least_db: Any, height_out_db: Any,
) -> None:  # fmt: skip
    """Frame by frame, channel by channel; each step may be a frame early or late."""
    n, channels = over_db.shape
    fade = np.exp(-1.0 / MEMORY_FRAMES)
    for t in range(n):
        now = (frames + t) % _RING
        for c in range(channels):
            x = over_db[t, c]
            x = 0.0 if np.isnan(x) else x
            ring[now, c] = min(max(x - STANDS_OUT_DB, 0.0), MOST_DB)
            height_db[c] = max(height_db[c] * fade, x)
        if frames + t < _SETTLED:
            continue
        for lag in range(FIRST_LAG, LAST_LAG + 1):
            a, b, d = (now - lag - 1) % _RING, (now - lag) % _RING, (now - lag + 1) % _RING
            row = rhythm_db[lag - FIRST_LAG]
            for c in range(channels):
                again = min(ring[now, c], max(ring[a, c], ring[b, c], ring[d, c]))
                row[c] += (again - row[c]) / MEMORY_FRAMES
                if lag < WALK_LAG:
                    hooves_db[t, c] = max(hooves_db[t, c], row[c])
                elif row[c] > best_db[t, c]:
                    best_db[t, c] = row[c]
                    best_lag[t, c] = lag
                if lag == WALK_LAG or (WALK_LAG < lag <= WALK_LAG + 3 and row[c] < least_db[t, c]):
                    least_db[t, c] = row[c]
        height_out_db[t] = height_db
