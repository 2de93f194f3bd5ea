"""Intend: what a track seems to be doing, by plain rules that can be told in words."""

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.track.report import INTENTS
from linewatch.track.state import NS_PER_S

UNKNOWN: Final = INTENTS.index("unknown")
APPROACH: Final = INTENTS.index("approach")
WITHDRAW: Final = INTENTS.index("withdraw")
ALONG: Final = INTENTS.index("along")
LOITER: Final = INTENTS.index("loiter")
CROSSING: Final = INTENTS.index("crossing")
CONTACT: Final = INTENTS.index("contact")
STILL: Final = INTENTS.index("still")

TOUCHED_S: Final = 5.0  # contact is told for so long after the last touch
LINGER_M: Final = 30.0  # who stays within this of one place ...
LOITER_S: Final = 120.0  # ... for so long loiters,
STILL_S: Final = 60.0  # ... and who does not move there at all for so long is still
STILL_MPS: Final = 0.25
WALK_MPS: Final = 0.4  # slower than this nobody goes anywhere
RUN_MPS: Final = 2.0  # who moves faster than this along the line is not working on the barrier
REACH_M: Final = 5.0  # nor is who stands further from it than this
SURE_SIGMA: Final = 2.0


@njit(cache=True, nogil=True)
def intend(tracks: NDArray[Any], touch: NDArray[np.bool_], now_ns: int) -> None:
    """Set the intent of every track in place; the first rule that applies, in the order written here."""
    for i in range(len(tracks)):
        track = tracks[i]
        if abs(track.chainage_m - track.anchor_m) > LINGER_M:
            track.anchor_m, track.anchor_ns = track.chainage_m, now_ns
        crossed = False
        if not math.isnan(track.offset_m) and abs(track.offset_m) > SURE_SIGMA * math.sqrt(track.p_yy):
            side = 1 if track.offset_m > 0.0 else -1
            crossed = track.side == -side
            track.side = side
        stayed_s = (now_ns - track.anchor_ns) * 1e-9
        unseen_s = (now_ns - track.last_ns) * 1e-9
        across = track.offset_velocity_mps
        goes_across = not math.isnan(track.offset_m) and abs(across) > WALK_MPS
        goes_across = goes_across and abs(across) > SURE_SIGMA * math.sqrt(track.p_ww)
        if track.intent == CROSSING or crossed:
            # Nobody un-crosses: it stays so for the rest of the track.
            track.intent = CROSSING
        elif unseen_s <= TOUCHED_S and _at_barrier(track) and (touch[track.last_sensor] or _acts(track)):
            track.intent = CONTACT
        elif goes_across and abs(across) >= 0.5 * abs(track.velocity_mps):
            track.intent = APPROACH if across * track.offset_m < 0.0 else WITHDRAW
        elif stayed_s >= STILL_S and abs(track.velocity_mps) + math.sqrt(track.p_vv) < 2.0 * STILL_MPS:
            track.intent = STILL
        elif stayed_s >= LOITER_S:
            track.intent = LOITER
        elif abs(track.velocity_mps) > max(WALK_MPS, SURE_SIGMA * math.sqrt(track.p_vv)):
            track.intent = ALONG
        else:
            track.intent = UNKNOWN


@njit(cache=True, nogil=True)
def _at_barrier(track: Any) -> bool:
    """Whether it can be who touches the barrier: felt there more than once, not driving by, not seen elsewhere."""
    if track.touches < 2 and track.touches < track.detections:
        return False
    if abs(track.velocity_mps) - SURE_SIGMA * math.sqrt(track.p_vv) > RUN_MPS:
        return False
    return math.isnan(track.offset_m) or abs(track.offset_m) <= REACH_M + SURE_SIGMA * math.sqrt(track.p_yy)


@njit(cache=True, nogil=True)
def _acts(track: Any) -> bool:
    total = 0.0
    for k in range(1, len(track.act)):
        total += track.act[k]
    return bool(total > 0.5)


REASON_FIELDS: Final = (*("intent", "velocity_mps", "offset_velocity_mps", "time_ns", "anchor_ns", "side", "vehicle"),)


def reason_of(
    intent: int, speed_mps: float, across_mps: float, time_ns: int, anchor_ns: int, side: int, vehicle: int
) -> str:
    """Why a track has its intent, in words; takes the fields of `REASON_FIELDS`."""
    stayed_s = (time_ns - anchor_ns) / NS_PER_S
    words = ""
    if intent == CROSSING:
        words = f"was on one side of the line and is now on {'the far side' if side < 0 else 'the approach side'}"
    elif intent == CONTACT:
        words = "a sensor feels the barrier being touched"
    elif intent == APPROACH:
        words = f"comes nearer to the line at {abs(across_mps):.1f} m/s"
    elif intent == WITHDRAW:
        words = f"moves away from the line at {abs(across_mps):.1f} m/s"
    elif intent == STILL:
        words = f"has not moved for {stayed_s:.0f} s"
    elif intent == LOITER:
        words = f"has stayed within {LINGER_M:.0f} m for {stayed_s:.0f} s"
    elif intent == ALONG:
        towards = "higher" if speed_mps > 0 else "lower"
        words = f"moves along the line at {abs(speed_mps):.1f} m/s towards {towards} chainage"
    if vehicle:
        return f"left a vehicle that stands beside; {words}" if words else "left a vehicle that stands beside"
    return words
