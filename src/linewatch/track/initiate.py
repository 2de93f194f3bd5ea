"""Initiate: a detection that no track claims begins one, in the section that owns its place.

Its existence probability is what its sensor says of it, so that one strong detection is enough and a doubtful one
must be borne out: age plays no part.
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import MOVERS
from linewatch.track.group import RESOLVED_M, hear_size
from linewatch.track.performance import TOUCH
from linewatch.track.update import hear_kinds

LEAST_FREE: Final = 0.5  # below this a detection is somebody else's
LEAST_EXISTENCE: Final = 0.02
VEHICLE: Final = MOVERS.index("vehicle")
STANDS_MPS: Final = 1.0
BESIDE_M: Final = 25.0


@njit(cache=True, nogil=True)
def told_apart(track: Any, z: Any) -> bool:
    """Whether a sensor separates a detection from a track on whose stretch it lies: across, by speed, or by name."""
    if track.vendor != 0 and z.vendor not in (0, track.vendor):
        return True
    if not np.isnan(track.offset_m) and not np.isnan(z.offset_m):
        dy = track.offset_m - z.offset_m
        if dy * dy > 9.0 * (track.p_yy + z.offset_variance_m2):
            return True
    if not np.isnan(z.velocity_mps):
        dv = track.velocity_mps - z.velocity_mps
        return bool(dv * dv > 9.0 * (track.p_vv + z.velocity_variance))
    return False


@njit(cache=True, nogil=True)
def absorbed(tracks: NDArray[Any], z: Any) -> bool:
    """Whether a detection lies on the stretch of a track, and nothing tells them apart: a part of it, nobody new."""
    for i in range(len(tracks)):
        track = tracks[i]
        if track.crowd:
            continue  # it has taken what is its own: the rest was told apart from it
        both = min(track.to_m, z.to_m) - max(track.from_m, z.from_m)
        least = 0.25 * min(track.to_m - track.from_m, z.to_m - z.from_m)
        if both > 0.0 and both >= least and not told_apart(track, z):
            return True
    return False


@njit(cache=True, nogil=True)
def descend(fresh: NDArray[Any], tracks: NDArray[Any], before: NDArray[np.float64]) -> None:
    """Note where newcomers came from: out of a group on whose stretch they were, or a vehicle that stood beside."""
    for i in range(len(fresh)):
        new = fresh[i]
        for j in range(len(before)):
            old = tracks[j]
            if old.id == 0 or old.shadow:
                continue
            split = before[j, 0] < before[j, 1] and before[j, 0] <= new.chainage_m <= before[j, 1]
            stands = old.mover[VEHICLE] > 0.5 and abs(old.velocity_mps) < STANDS_MPS
            left = stands and abs(old.chainage_m - new.chainage_m) < BESIDE_M
            if split or left:
                new.parents[0] = old.id
                new.vehicle = 1 if left else 0
                break


@njit(cache=True, nogil=True)
def first_belief(probability: float, z: Any, birth_per_m: float) -> float:
    """What the sensor says, discounted where its false detections are denser than newcomers are.

    Where movers are followed, a detection that no track claims is more often false than its sensor's average.
    """
    rare = min(1.0, birth_per_m / max(z.clutter_per_m, 1e-12))
    return float(probability * rare / (1.0 - probability + probability * rare))


@njit(cache=True, nogil=True)
def newcomers(
    tracks: NDArray[Any],
    scan: NDArray[Any],
    free: NDArray[np.float64],
    from_m: float,
    to_m: float,
) -> NDArray[np.int64]:
    """Which detections of a scan begin a track: unclaimed, of this section, and on nobody's stretch."""
    out = np.empty(len(scan), dtype=np.int64)
    count = 0
    for j in range(len(scan)):
        z = scan[j]
        if free[j] < LEAST_FREE or z.chainage_m < from_m or z.chainage_m >= to_m:
            continue
        if free[j] * z.probability < LEAST_EXISTENCE:
            continue
        # What is one body to its sensor is not part of anybody else.
        body = z.to_m - z.from_m < RESOLVED_M and z.feels != TOUCH
        if not body and z.to_m > z.from_m and absorbed(tracks, z):
            continue
        out[count] = j
        count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def begin(
    fresh: NDArray[Any],
    seen: NDArray[np.uint64],
    scan: NDArray[Any],
    rows: NDArray[np.int64],
    free: NDArray[np.float64],
    origin: int,
    birth_per_m: float,
    most_probability: float,
) -> None:
    """Fill `fresh` and `seen`, given as zeros, with the tracks that these detections begin."""
    for i in range(len(rows)):
        z = scan[rows[i]]
        track = fresh[i]
        track.time_ns = track.first_ns = track.last_ns = track.own_ns = track.anchor_ns = z.time_ns
        track.place_mm = z.place_mm
        track.vendor = z.vendor
        track.chainage_m = track.anchor_m = z.chainage_m
        track.p_xx = z.variance_m2
        if np.isnan(z.velocity_mps):
            track.p_vv = z.start_speed_variance
        else:
            track.velocity_mps, track.p_vv = z.velocity_mps, z.velocity_variance
        track.offset_m = z.offset_m
        if not np.isnan(z.offset_m):
            track.p_yy, track.p_ww = z.offset_variance_m2, z.start_speed_variance
        track.existence = min(first_belief(free[rows[i]] * z.probability, z, birth_per_m), most_probability)
        track.from_m, track.to_m = z.from_m, z.to_m
        track.extent_ns, track.extent_s = z.time_ns, z.duration_s
        track.extent_sigma_m = np.sqrt(z.variance_m2)
        track.strength_db = z.strength_db
        track.spread = z.feels != TOUCH
        track.width_log = track.told_log = np.nan
        hear_kinds(track, z, True)  # noqa: FBT003
        hear_size(track, z)
        track.detections, track.late = 1, z.late
        track.touches = z.feels == TOUCH
        track.fed = track.due = 1.0
        track.first_sensor = track.last_sensor = z.sensor
        track.origin = origin
        track.count_low = track.count_high = 1
        seen[i, z.sensor // 64] = np.uint64(1) << np.uint64(z.sensor % 64)
