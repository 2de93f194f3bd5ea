"""Crowd: many people in one place give many detections at once, and all of them are one track's.

A sensor that resolves a crowd gives a dozen detections of it in a frame, and each sensor sees another part: pairing one
detection with one track would leave a handful of tracks that share one crowd and change places. So a track that is
sure to be at least `CROWD_LEAST` people takes, before pairing begins, every detection that lies on its stretch or
joins on to it, as one measurement of an extended target: parts are spread evenly over the stretch, so that the mean of
m parts scatters about the middle with a variance of L^2 / (12 m), and with L^2 / 12 for a sensor that sees only a
share of it (the spread term of Koch, Bayesian approach to extended object and cluster tracking, 2008). Tracks that lie
on a crowd's stretch go into it (`fuse`); a hole that stays splits it. What a sensor tells apart from the crowd by
offset or speed stays out of it, and so do reported patrols: a crowd never hides whoever moves otherwise than it does.
"""

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import MOVERS
from linewatch.track.group import GAP_M, LEAST_WIDTH_M, hear_size
from linewatch.track.performance import BODIES, STEPS, TOUCH
from linewatch.track.report import stretch
from linewatch.track.update import believed, corrected, hear_kinds

CROWD_LEAST: Final = 10
"""A track is a crowd once the lower end of its number's 90 % interval is this high, until the upper end is below it."""
DEPTH_M: Final = 3.0
"""Standard deviation of where people of a crowd stand across the line (*assumed*)."""
MILL_MPS: Final = 0.5
"""Standard deviation of the speeds of people in a crowd about its own (*assumed*)."""
BARRIER_M: Final = 2.0
"""Standard deviation of the offset of whoever touches the barrier."""
SURE: Final = 0.9
"""A detection beyond a crowd's ends widens it only when its sensor is so sure."""
APART2: Final = 9.0
"""Square of three standard deviations."""
HOLE_M: Final = 30.0
HOLE_PARTS: Final = 4
HOLE_S: Final = 5.0
"""A hole wider than this, in frames of at least so many parts, splits a crowd after this time (all *assumed*)."""
MORE: Final = 1.3
"""A crowd that is so many times as long as what a sensor counted is taken to have more people in proportion."""
SPREAD_S: Final = 10.0
"""Time constant with which the ends of the stretch follow its outermost parts."""
PERSON: Final = MOVERS.index("person")
GROUP: Final = MOVERS.index("group")


@njit(cache=True, nogil=True)
def mark(tracks: NDArray[Any]) -> None:
    """Set in place which tracks are crowds, by the interval of their number."""
    for i in range(len(tracks)):
        track = tracks[i]
        if track.count_high < CROWD_LEAST:
            track.crowd = 0
        elif track.count_low >= CROWD_LEAST and track.life > 0:
            told = 0.0
            for k in range(len(track.mover)):
                told += track.mover[k]
            if told == 0.0 or track.mover[PERSON] + track.mover[GROUP] >= 0.5:
                track.crowd = 1


@njit(cache=True, nogil=True)
def _offset_of(z: Any) -> tuple[float, float]:
    """Offset of a detection and its variance; who touches the barrier is at it."""
    if math.isnan(z.offset_m) and z.feels == TOUCH:
        return 0.0, BARRIER_M * BARRIER_M
    return z.offset_m, z.offset_variance_m2


@njit(cache=True, nogil=True)
def _part_apart(crowd: Any, z: Any) -> bool:
    """Whether a sensor tells a detection apart from a crowd on whose stretch it lies."""
    offset_m, variance_m2 = _offset_of(z)
    if not math.isnan(offset_m) and not math.isnan(crowd.offset_m):
        dy = crowd.offset_m - offset_m
        if dy * dy > APART2 * (crowd.p_yy + variance_m2 + DEPTH_M * DEPTH_M):
            return True
    if math.isnan(z.velocity_mps):
        return False
    dv = crowd.velocity_mps - z.velocity_mps
    return bool(dv * dv > APART2 * (crowd.p_vv + z.velocity_variance + MILL_MPS * MILL_MPS))


@njit(cache=True, nogil=True)
def apart(crowd: Any, track: Any) -> bool:
    """Whether a track moves otherwise than a crowd, or stands elsewhere: by offset, speed, or as a known mover."""
    if track.known != 0:
        return True
    offset_m, variance_m2 = track.offset_m, track.p_yy
    if math.isnan(offset_m) and track.touches == track.detections:
        offset_m, variance_m2 = 0.0, BARRIER_M * BARRIER_M
    if not math.isnan(offset_m) and not math.isnan(crowd.offset_m):
        dy = crowd.offset_m - offset_m
        if dy * dy > APART2 * (crowd.p_yy + variance_m2 + DEPTH_M * DEPTH_M):
            return True
    dv = crowd.velocity_mps - track.velocity_mps
    return bool(dv * dv > APART2 * (crowd.p_vv + track.p_vv + MILL_MPS * MILL_MPS))


@njit(cache=True, nogil=True)
def _outside(crowd: Any, track: Any) -> bool:
    low, high = stretch(crowd)
    reach = 3.0 * math.sqrt(track.p_xx)
    return bool(track.chainage_m < low - reach or track.chainage_m > high + reach)


@njit(cache=True, nogil=True)
def _anothers(tracks: NDArray[Any], crowd: Any, z: Any) -> bool:
    """Whether a detection is that of a track that is not the crowd's: told apart from it, or beside it."""
    wide = z.core_to_m - z.core_from_m if z.feels == STEPS else 0.0
    for i in range(len(tracks)):
        track = tracks[i]
        if track.crowd or track.life == 0 or wide > max(track.to_m - track.from_m, LEAST_WIDTH_M):
            continue  # one mover does not give a stretch that only many can
        dx = z.chainage_m - track.chainage_m
        d2 = dx * dx / (track.p_xx + z.variance_m2)
        if d2 > APART2:
            continue
        if not math.isnan(z.offset_m) and not math.isnan(track.offset_m):
            dy = z.offset_m - track.offset_m
            d2 += dy * dy / (track.p_yy + z.offset_variance_m2)
        if d2 <= APART2 and (_outside(crowd, track) or apart(crowd, track)):
            return True
    return False


@njit(cache=True, nogil=True)
def share_out(tracks: NDArray[Any], crowds: NDArray[np.int64], scan: NDArray[Any]) -> NDArray[np.int64]:
    """(m,) which of the crowds each detection of a scan is a part of, as an index into `crowds`; -1 for none."""
    out = np.full(len(scan), -1, dtype=np.int64)
    for j in range(len(scan)):
        z = scan[j]
        nearest = np.inf
        for c in range(len(crowds)):
            crowd = tracks[crowds[c]]
            low, high = stretch(crowd)
            beyond = max(low - z.chainage_m, z.chainage_m - high, 0.0)
            if beyond > GAP_M + math.sqrt(z.variance_m2) or (beyond > 0.0 and z.probability < SURE):
                continue
            # Inside both, the one whose middle is nearer.
            far = beyond + 1e-3 * abs(z.chainage_m - crowd.chainage_m)
            if far < nearest and not _part_apart(crowd, z) and not _anothers(tracks, crowd, z):
                nearest = far
                out[j] = c
    return out


@njit(cache=True, nogil=True)
def _ends(z: Any) -> tuple[float, float]:
    """Where the people of a detection are: along a fibre what the reach of their signal leaves of its stretch.

    Along a cable that shakes only the place itself is known.
    """
    if z.feels == BODIES:
        return z.from_m, z.to_m
    if z.feels == STEPS:
        return min(z.core_from_m, z.chainage_m), max(z.core_to_m, z.chainage_m)
    return z.chainage_m, z.chainage_m


@njit(cache=True, nogil=True)
def _gather(part: Any, scan: NDArray[Any], owner: NDArray[np.int64], c: int) -> tuple[int, int]:
    """Fill one measurement, given as zeros, with where all parts of a crowd are; how many, and how many touches."""
    rows = many = across = touches = 0
    missed, y, y_variance, x, variance = 1.0, 0.0, 0.0, 0.0, 0.0
    part.from_m, part.to_m = np.inf, -np.inf
    for j in range(len(scan)):
        if owner[j] != c:
            continue
        z = scan[j]
        if many == 0 or z.probability * (1.0 + z.strength_db) > part.probability * (1.0 + part.strength_db):
            part.sensor, part.kind, part.feels, part.look_s = z.sensor, z.kind, z.feels, z.look_s
            part.probability, part.duration_s = z.probability, z.duration_s
        rows, many = rows + 1, many + z.pieces
        touches += z.feels == TOUCH
        missed *= 1.0 - z.probability
        x, variance = x + z.chainage_m, variance + z.variance_m2
        part.time_ns, part.late = max(part.time_ns, z.time_ns), max(part.late, z.late)
        part.strength_db = max(part.strength_db, z.strength_db)
        low, high = _ends(z)
        part.from_m, part.to_m = min(part.from_m, low), max(part.to_m, high)
        offset_m, offset_variance_m2 = _offset_of(z)
        if not math.isnan(offset_m):
            across, y, y_variance = across + 1, y + offset_m, y_variance + offset_variance_m2
    if many == 0:
        return 0, 0
    part.core_from_m, part.core_to_m = part.from_m, part.to_m
    part.chainage_m, part.variance_m2 = x / rows, variance / rows / rows
    part.probability = 1.0 - missed
    part.offset_m = y / across if across else np.nan
    part.offset_variance_m2 = (y_variance / across + DEPTH_M * DEPTH_M) / across if across else np.nan
    part.pieces = many
    return many, touches


@njit(cache=True, nogil=True)
def _words(part: Any, scan: NDArray[Any], owner: NDArray[np.int64], c: int) -> float:
    """Fill in what all parts say of kinds and numbers, in the mean; returns over how many metres people are counted."""
    named = acting = counted = 0
    seen_from, seen_to = np.inf, -np.inf
    for j in range(len(scan)):
        if owner[j] != c:
            continue
        z = scan[j]
        if not math.isnan(z.mover[0]):
            named += 1
            for k in range(len(z.mover)):
                part.mover[k] += z.mover[k]
        if not math.isnan(z.act[0]):
            acting += 1
            for k in range(len(z.act)):
                part.act[k] += z.act[k]
        if z.feels == BODIES and z.count_high > 0:
            counted += 1
            part.company_low += z.count_low
            part.company_high += z.count_high
            seen_from, seen_to = min(seen_from, z.from_m), max(seen_to, z.to_m)
    for k in range(len(part.mover)):
        part.mover[k] = part.mover[k] / named if named else np.nan
    for k in range(len(part.act)):
        part.act[k] = part.act[k] / acting if acting else np.nan
    if counted == 0:
        part.company_low = part.company_high = -1
        return 0.0
    return float(seen_to - seen_from)


@njit(cache=True, nogil=True)
def _hole(scan: NDArray[Any], rows: NDArray[np.int64]) -> tuple[int, float, float]:
    """The widest hole between parts of a frame: the number of parts below it, and its ends; no hole is 0 m wide."""
    at, from_m, to_m = 0, 0.0, 0.0
    reached = _ends(scan[rows[0]])[1]
    for k in range(1, len(rows)):
        low, high = _ends(scan[rows[k]])
        if low - reached > to_m - from_m:
            at, from_m, to_m = k, reached, low
        reached = max(reached, high)
    return at, from_m, to_m


@njit(cache=True, nogil=True)
def _split(crowd: Any, scan: NDArray[Any], owner: NDArray[np.int64], c: int) -> None:
    """Let go of the smaller side of a crowd once a hole has lain between its parts in every frame for `HOLE_S`.

    The side that is let go lies beyond the new end from then on: its detections begin a track that came out of this
    one. `scan` is sorted by place. Only frames that tell many people apart along the line are asked.
    """
    rows = np.flatnonzero(owner == c)
    if len(rows) == 0 or scan[rows[0]].feels not in (STEPS, BODIES):
        return
    pieces = scan["pieces"][rows]
    if pieces.sum() < HOLE_PARTS:
        return
    at, from_m, to_m = _hole(scan, rows)
    if to_m - from_m < HOLE_M:
        crowd.hole_ns = 0
        return
    middle, time_ns = 0.5 * (from_m + to_m), scan[rows[0]].time_ns
    if crowd.hole_ns == 0 or abs(middle - crowd.hole_m) > to_m - from_m:
        crowd.hole_ns, crowd.hole_m = time_ns, middle
        return
    crowd.hole_m = middle
    if (time_ns - crowd.hole_ns) * 1e-9 < HOLE_S:
        return
    crowd.hole_ns = 0
    keep_low = 2 * pieces[:at].sum() >= pieces.sum()
    crowd.from_m, crowd.to_m = stretch(crowd)
    crowd.extent_ns = crowd.time_ns
    if keep_low:
        crowd.to_m = from_m
    else:
        crowd.from_m = to_m
    crowd.chainage_m = 0.5 * (crowd.from_m + crowd.to_m)
    crowd.p_xx += (crowd.to_m - crowd.from_m) ** 2 / 12.0
    for k in range(len(rows)):
        if (k >= at) == keep_low:
            owner[rows[k]] = -1


@njit(cache=True, nogil=True)
def _spread(crowd: Any, part: Any) -> None:
    """Let the ends of the stretch follow the outermost parts; only footsteps, felt all along it, draw them in."""
    crowd.from_m, crowd.to_m = stretch(crowd)
    share = 1.0 - math.exp(-max(part.time_ns - crowd.extent_ns, 0) * 1e-9 / SPREAD_S)
    if part.from_m < crowd.from_m or part.feels == STEPS:
        crowd.from_m += share * (part.from_m - crowd.from_m)
    if part.to_m > crowd.to_m or part.feels == STEPS:
        crowd.to_m += share * (part.to_m - crowd.to_m)
    crowd.extent_ns = max(crowd.extent_ns, part.time_ns)
    crowd.extent_s = part.duration_s
    crowd.extent_sigma_m = math.sqrt(part.variance_m2)
    crowd.spread = 1


@njit(cache=True, nogil=True)
def _move(crowd: Any, part: Any) -> None:
    """Kalman updates of place and offset by the mean of the parts."""
    length_m = max(crowd.to_m - crowd.from_m, part.to_m - part.from_m)
    even = part.pieces if part.feels == STEPS else 1
    variance_m2 = (part.variance_m2 + length_m * length_m / 12.0 / even) / max(part.probability, 0.05)
    lag_s = (part.time_ns - crowd.time_ns) * 1e-9
    place_m = part.chainage_m - crowd.velocity_mps * lag_s
    crowd.chainage_m, crowd.velocity_mps, crowd.p_xx, crowd.p_xv, crowd.p_vv = corrected(
        crowd.chainage_m, crowd.velocity_mps, crowd.p_xx, crowd.p_xv, crowd.p_vv, place_m, variance_m2, math.nan, 0.0
    )
    if math.isnan(part.offset_m):
        return
    if math.isnan(crowd.offset_m):
        crowd.offset_m, crowd.offset_velocity_mps = part.offset_m, 0.0
        crowd.p_yy, crowd.p_yw, crowd.p_ww = part.offset_variance_m2, 0.0, 1.0
    else:
        place_m = part.offset_m - crowd.offset_velocity_mps * lag_s
        crowd.offset_m, crowd.offset_velocity_mps, crowd.p_yy, crowd.p_yw, crowd.p_ww = corrected(
            *(crowd.offset_m, crowd.offset_velocity_mps, crowd.p_yy, crowd.p_yw, crowd.p_ww),
            *(place_m, part.offset_variance_m2, math.nan, 0.0),
        )
    # People who press against a barrier have not crossed it because their mean lies a hand beyond it.
    crowd.p_yy = max(crowd.p_yy, 0.25 * DEPTH_M * DEPTH_M)


@njit(cache=True, nogil=True)
def _hear_size(crowd: Any, part: Any, seen_m: float) -> None:
    """What the parts say of the number; who sees a share of the stretch has counted that share of the people."""
    length_m = math.exp(crowd.width_log) if not math.isnan(crowd.width_log) else crowd.to_m - crowd.from_m
    if part.company_high > 0 and seen_m >= GAP_M and length_m > MORE * seen_m:
        factor = length_m / seen_m
        part.company_low = int(part.company_low * factor)
        part.company_high = math.ceil(part.company_high * factor)
    hear_size(crowd, part)


@njit(cache=True, nogil=True)
def take_parts(
    tracks: NDArray[Any],
    seen: NDArray[np.uint64],
    heard: NDArray[np.uint64],
    crowds: NDArray[np.int64],
    scan: NDArray[Any],
    parts: NDArray[Any],
    most_probability: float,
) -> NDArray[np.bool_]:
    """Update the crowds in place by their parts of a scan; (m,) which detections are left for all others.

    `parts` is room for one measurement a crowd, zeros.
    """
    owner = share_out(tracks, crowds, scan)
    for c in range(len(crowds)):
        crowd, part = tracks[crowds[c]], parts[c]
        _split(crowd, scan, owner, c)
        many, touches = _gather(part, scan, owner, c)
        if many == 0:
            continue
        seen_m = _words(part, scan, owner, c)
        new = True
        for j in range(len(scan)):
            if owner[j] == c:
                word, bit = scan[j].sensor // 64, np.uint64(1) << np.uint64(scan[j].sensor % 64)
                new = new and seen[crowds[c], word] & bit == 0
                seen[crowds[c], word] |= bit
                heard[crowds[c], word] |= bit
        _spread(crowd, part)
        _move(crowd, part)
        after = part.probability + (1.0 - part.probability) * crowd.existence
        crowd.existence = min(believed(crowd, part, after), most_probability)
        hear_kinds(crowd, part, new)
        _hear_size(crowd, part, seen_m)
        crowd.fed = crowd.due = 1.0
        crowd.late |= part.late
        crowd.detections += many
        crowd.touches += touches
        crowd.strength_db = max(crowd.strength_db, part.strength_db)
        crowd.last_ns = max(crowd.last_ns, part.time_ns)
        crowd.own_ns = max(crowd.own_ns, part.time_ns)
        crowd.last_sensor = part.sensor
    return owner < 0
