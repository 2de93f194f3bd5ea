"""Know: match reported patrols and work parties with tracks, without ever hiding anybody.

A known mover explains at most as many people as it stands for, and only tracks that do nothing worth an alarm: who
crosses or touches the barrier is nobody's patrol, however near one is. A match annotates; it changes no state.
"""

import math
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from linewatch.records import KnownMover
from linewatch.track.report import INTENTS
from linewatch.track.state import NS_PER_S

FRESH_S: Final = 60.0  # a report older than this explains nothing any more
WANDER_MPS: Final = 1.0  # how fast a party may have moved from where it reported itself
NEAR_SIGMA: Final = 3.0
FURTHEST_M: Final = 60.0
KEPT_MPS: Final = 15.0  # who was matched before may have braked, turned or sped up by so much since the last report
ALARMING: Final = frozenset({INTENTS.index("crossing"), INTENTS.index("contact")})


def number_of(mover: KnownMover) -> int:
    """A number, above 0, that stands for a known mover inside a track."""
    return 1 + (crc32(mover.id.encode()) & 0x3FFFFFFF)


def know(tracks: NDArray[Any], movers: tuple[KnownMover, ...], now_ns: int) -> None:
    """Set `known` of every track in place, up to the number that the mover stands for."""
    if not len(tracks) or (not movers and not tracks["known"].any()):
        return
    known = np.zeros(len(tracks), dtype=np.int32)
    for mover in movers:
        age_s = max(0.0, (now_ns - mover.time_ns) / NS_PER_S)
        if age_s > FRESH_S:
            continue
        left = mover.count
        for row in _near(tracks, mover, age_s):
            count = max(1, int(tracks["count_low"][row]))
            if known[row] == 0 and count <= left and int(tracks["intent"][row]) not in ALARMING:
                known[row] = number_of(mover)
                left -= count
    tracks["known"] = known


def _near(tracks: NDArray[Any], mover: KnownMover, age_s: float) -> list[int]:
    """Rows of tracks that may be this mover: those that were it before, then the nearest; last those that only were."""
    # Where the track was when the report was true: a vehicle is far from where it last said it is.
    far = np.abs(tracks["chainage_m"] - age_s * tracks["velocity_mps"] - mover.chainage_m)
    # A young track hardly knows its speed, and so not where it was.
    was_m2 = tracks["p_xx"] - 2.0 * age_s * tracks["p_xv"] + age_s**2 * tracks["p_vv"]
    spread = np.sqrt(was_m2 + mover.chainage_sigma_m**2 + (WANDER_MPS * age_s) ** 2)
    near = far <= np.minimum(NEAR_SIGMA * spread, FURTHEST_M)
    before = tracks["known"] == number_of(mover)
    kept = ~near & before
    kept &= np.abs(tracks["chainage_m"] - mover.chainage_m) <= FURTHEST_M + KEPT_MPS * age_s
    if mover.offset_m is not None and not math.isnan(mover.offset_m):
        with np.errstate(invalid="ignore"):
            aside = np.abs(tracks["offset_m"] - mover.offset_m) > NEAR_SIGMA * np.sqrt(tracks["p_yy"] + spread**2)
        near &= ~aside
    rows = np.flatnonzero(near | kept)
    return [int(row) for row in rows[np.lexsort((rows, far[rows], ~before[rows], kept[rows]))]]
