"""Fuse: two tracks of one mover become one.

Sensors that begin a track each, or sections that both did at their border, leave two tracks where one mover is.
They show by sharing what one mover is seen: together they get one detection a scan, where two movers get two.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.track.crowd import apart
from linewatch.track.report import stretch


@njit(cache=True, nogil=True)
def _same(a: Any, b: Any, sigma2: float) -> bool:
    """Whether two tracks agree in place, speed and, where both know it, offset."""
    s = a.p_xx + b.p_xx
    dx = a.chainage_m - b.chainage_m
    both = min(a.to_m, b.to_m) - max(a.from_m, b.from_m)
    if dx * dx > sigma2 * s and both <= 0.0:
        return False
    dv = a.velocity_mps - b.velocity_mps
    if dv * dv > sigma2 * (a.p_vv + b.p_vv):
        return False
    if math.isnan(a.offset_m) or math.isnan(b.offset_m):
        return True
    dy = a.offset_m - b.offset_m
    return bool(dy * dy <= sigma2 * (a.p_yy + b.p_yy))


@njit(cache=True, nogil=True)
def into(tracks: NDArray[Any], order: NDArray[np.int64], same_sigma: float) -> NDArray[np.int64]:
    """For every track the one it is taken into, or -1; `order` sorts the tracks by chainage."""
    n = len(tracks)
    out = np.full(n, -1, dtype=np.int64)
    sigma2 = same_sigma * same_sigma
    for a in range(n):
        i = order[a]
        for b in range(a + 1, min(a + 9, n)):
            j = order[b]
            one, two = tracks[i], tracks[j]
            if out[i] >= 0 or out[j] >= 0 or not _same(one, two, sigma2):
                continue
            if (one.shadow and two.shadow) or one.crowd or two.crowd:
                continue
            if one.shadow or two.shadow:
                # The neighbour's track and ours: the older, then the lower in the line, lives on.
                ours, theirs = (j, i) if one.shadow else (i, j)
                p, q = tracks[ours], tracks[theirs]
                older = q.first_ns < p.first_ns or (q.first_ns == p.first_ns and q.origin < p.origin)
                if older and q.life >= p.life:
                    out[ours] = theirs
                continue
            # Two tracks of one mover share one detection a scan; two movers, seen with Pd each, have 2 / (2 - Pd)
            # in the scans that show at least one of them. Half-way between is where they are told apart.
            if one.fed + two.fed > 0.5 + 0.5 * (one.due + two.due):
                continue
            # A track that is known to others keeps its name before one that is not; else the better fed one.
            keep_one = one.fed >= two.fed
            if (one.life > 0) != (two.life > 0):
                keep_one = one.life > 0
            starved, other = (j, i) if keep_one else (i, j)
            out[starved] = other
    return out


@njit(cache=True, nogil=True)
def take_in(tracks: NDArray[Any], seen: NDArray[np.uint64], into: NDArray[np.int64]) -> None:
    """Let every track take over, in place, what those knew that go into it: motion from the fresher one."""
    for i in range(len(tracks)):
        if into[i] < 0 or tracks[into[i]].shadow:
            continue
        one, two = tracks[i], tracks[into[i]]
        if one.own_ns > two.own_ns:
            two.own_ns, two.vendor = one.own_ns, one.vendor
            two.chainage_m, two.velocity_mps = one.chainage_m, one.velocity_mps
            two.p_xx, two.p_xv, two.p_vv = one.p_xx, one.p_xv, one.p_vv
            two.offset_m, two.offset_velocity_mps = one.offset_m, one.offset_velocity_mps
            two.p_yy, two.p_yw, two.p_ww = one.p_yy, one.p_yw, one.p_ww
            two.from_m, two.to_m, two.extent_ns = one.from_m, one.to_m, one.extent_ns
            two.extent_s, two.extent_sigma_m = one.extent_s, one.extent_sigma_m
        two.fed = min(1.0, one.fed + two.fed)
        _remember(one, two)
        for word in range(seen.shape[1]):
            seen[into[i], word] |= seen[i, word]


@njit(cache=True, nogil=True)
def _remember(one: Any, two: Any) -> None:
    """What the second track takes over from the first that is no matter of motion; the history too."""
    for kind in range(len(two.spoke_ns)):
        two.spoke_ns[kind] = max(one.spoke_ns[kind], two.spoke_ns[kind])
    two.last_ns = max(one.last_ns, two.last_ns)
    two.late |= one.late
    two.detections += one.detections
    two.touches += one.touches
    two.strength_db = max(one.strength_db, two.strength_db)
    two.existence = max(one.existence, two.existence)
    if one.id != 0:
        for k in range(len(two.parents) - 1, 0, -1):
            two.parents[k] = two.parents[k - 1]
        two.parents[0] = one.id


@njit(cache=True, nogil=True)
def into_crowds(tracks: NDArray[Any]) -> NDArray[np.int64]:
    """For every track the crowd that it goes into, or -1: of two crowds that overlap, the older one lives on."""
    out = np.full(len(tracks), -1, dtype=np.int64)
    for c in range(len(tracks)):
        crowd = tracks[c]
        if not crowd.crowd or out[c] >= 0:
            continue
        low, high = stretch(crowd)
        for i in range(len(tracks)):
            track = tracks[i]
            if i == c or out[i] >= 0 or track.shadow or apart(crowd, track):
                continue
            if track.crowd:
                from_m, to_m = stretch(track)
                both = min(high, to_m) - max(low, from_m)
                if both > 0.0 and _older(crowd, track):
                    out[i] = c
            elif low <= track.chainage_m <= high:
                out[i] = c
    return out


@njit(cache=True, nogil=True)
def _older(one: Any, other: Any) -> bool:
    if one.first_ns != other.first_ns:
        return bool(one.first_ns < other.first_ns)
    if one.place_mm != other.place_mm:
        return bool(one.place_mm < other.place_mm)
    return bool(one.first_sensor < other.first_sensor)


@njit(cache=True, nogil=True)
def take_into_crowds(tracks: NDArray[Any], seen: NDArray[np.uint64], into: NDArray[np.int64]) -> None:
    """Let crowds take over, in place, what those knew that go into them."""
    for i in range(len(tracks)):
        if into[i] < 0 or tracks[into[i]].shadow:
            continue
        one, two = tracks[i], tracks[into[i]]
        if one.crowd:
            _join_crowds(one, two)
        two.own_ns = max(one.own_ns, two.own_ns)
        _remember(one, two)
        for word in range(seen.shape[1]):
            seen[into[i], word] |= seen[i, word]


@njit(cache=True, nogil=True)
def _join_crowds(one: Any, two: Any) -> None:
    """Two crowds that are one: the stretch is that of both, and the better known motion is kept."""
    from_m, to_m = stretch(one)
    low, high = stretch(two)
    two.from_m, two.to_m, two.extent_ns = min(from_m, low), max(to_m, high), two.time_ns
    if one.p_xx < two.p_xx:
        two.chainage_m, two.velocity_mps = one.chainage_m, one.velocity_mps
        two.p_xx, two.p_xv, two.p_vv = one.p_xx, one.p_xv, one.p_vv
    if not math.isnan(one.offset_m) and (math.isnan(two.offset_m) or one.p_yy < two.p_yy):
        two.offset_m, two.offset_velocity_mps = one.offset_m, one.offset_velocity_mps
        two.p_yy, two.p_yw, two.p_ww = one.p_yy, one.p_yw, one.p_ww
    if math.isnan(two.told_log) or one.told_log > two.told_log:
        two.told_log, two.told_sigma = one.told_log, one.told_sigma
    if math.isnan(two.width_log) or one.width_log > two.width_log:
        two.width_log = one.width_log
