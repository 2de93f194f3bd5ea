"""Update: what a scan says about the tracks it was associated with.

Motion by the probabilistic data association filter (Bar-Shalom and Fortmann, 1988): the Kalman updates of all
gated detections, mixed by their probabilities and matched in mean and covariance. Existence by the recursion of
integrated probabilistic data association. Kinds by a logarithmic pool of what the sensors say.
"""

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.track.group import hear_size
from linewatch.track.performance import TOUCH

MEMORY: Final = 0.1  # of the running means that tell one mover with two tracks from two movers
OWN: Final = 0.5  # a detection is a track's own when more probable than not
SAME_ACT: Final = 0.3  # weight of one more word of the same sensor on the act: its frames say much the same
OTHER_ACT: Final = 0.6  # of a word of another sensor, which is wrong for reasons of its own
# What it is does not change, and what makes one kind of sensor err about it lasts: the first word of a kind counts in
# full, those that follow count by the time that has passed, and another sensor's first word of that kind counts half.
SPELL_S: Final = 10.0
OTHER_WORD: Final = 0.5
LEAST_WORD: Final = 0.02  # no single word rules a kind out
LEAST_BELIEF: Final = 0.001  # nor do all of them together: a belief can always be turned by a few words more
STALE_NS: Final = 2_000_000_000  # a stretch this old gives way to any newer one


@njit(cache=True, nogil=True)
def corrected(
    x: float, v: float, xx: float, xv: float, vv: float, z: float, r: float, zv: float, rv: float
) -> tuple[float, float, float, float, float]:
    """Kalman update of place and speed by a place `z` (variance `r`) and, unless NaN, a speed `zv` (variance `rv`)."""
    s = xx + r
    kx, kv, d = xx / s, xv / s, z - x
    x, v = x + kx * d, v + kv * d
    xx, xv, vv = xx * (1.0 - kx), xv * (1.0 - kx), vv - kv * xv
    if not math.isnan(zv):
        s = vv + rv
        kx, kv, d = xv / s, vv / s, zv - v
        x, v = x + kx * d, v + kv * d
        xx, xv, vv = xx - kx * xv, xv * (1.0 - kv), vv * (1.0 - kv)
    return x, v, xx, xv, vv


@njit(cache=True, nogil=True)
def _move(track: Any, scan: NDArray[Any], detection: NDArray[np.int64], share: NDArray[np.float64]) -> None:
    """Mix the updates of all detections of one track, along the line and, where they see it, across."""
    x0, v0 = track.chainage_m, track.velocity_mps
    xx0, xv0, vv0 = track.p_xx, track.p_xv, track.p_vv
    none = 1.0
    sx = sv = sxx = sxv = svv = 0.0
    y0, w0, yy0, yw0, ww0 = (track.offset_m, track.offset_velocity_mps, track.p_yy, track.p_yw, track.p_ww)
    lone = 1.0
    sy = sw = syy = syw = sww = 0.0
    for k in range(len(detection)):
        z = scan[detection[k]]
        b = share[k]
        lag_s = (z.time_ns - track.time_ns) * 1e-9
        x, v, xx, xv, vv = corrected(
            x0, v0, xx0, xv0, vv0, z.chainage_m - v0 * lag_s, z.variance_m2, z.velocity_mps, z.velocity_variance
        )
        none -= b
        x, v = x - x0, v - v0
        sx, sv = sx + b * x, sv + b * v
        sxx, sxv, svv = sxx + b * (xx + x * x), sxv + b * (xv + x * v), svv + b * (vv + v * v)
        if math.isnan(z.offset_m):
            continue
        if math.isnan(y0):
            # First sight of an offset: start there, at rest.
            y0, w0, yy0, yw0, ww0 = z.offset_m, 0.0, z.offset_variance_m2, 0.0, 9.0
            lone = 1.0
            sy = sw = syy = syw = sww = 0.0
            continue
        y, w, yy, yw, ww = corrected(
            y0, w0, yy0, yw0, ww0, z.offset_m - w0 * lag_s, z.offset_variance_m2, math.nan, 0.0
        )
        lone -= b
        y, w = y - y0, w - w0
        sy, sw = sy + b * y, sw + b * w
        syy, syw, sww = syy + b * (yy + y * y), syw + b * (yw + y * w), sww + b * (ww + w * w)
    track.chainage_m, track.velocity_mps = x0 + sx, v0 + sv
    track.p_xx = none * xx0 + sxx - sx * sx
    track.p_xv = none * xv0 + sxv - sx * sv
    track.p_vv = none * vv0 + svv - sv * sv
    track.offset_m, track.offset_velocity_mps = y0 + sy, w0 + sw
    track.p_yy = lone * yy0 + syy - sy * sy
    track.p_yw = lone * yw0 + syw - sy * sw
    track.p_ww = lone * ww0 + sww - sw * sw


@njit(cache=True, nogil=True)
def _pool(belief: Any, word: Any, weight: float) -> None:
    """Turn a belief, all zeros where there is none yet, by one more word: a logarithmic pool, in place."""
    first = True
    for k in range(len(word)):
        first = first and belief[k] == 0.0
    total = 0.0
    for k in range(len(word)):
        said = max(word[k], LEAST_WORD)
        belief[k] = said if first else max(belief[k], LEAST_BELIEF) * said**weight
        total += belief[k]
    for k in range(len(word)):
        belief[k] /= total


@njit(cache=True, nogil=True)
def hear_kinds(track: Any, z: Any, new: bool) -> None:  # noqa: FBT001 - compiled: it takes no keywords
    """Pool what a detection says about mover and act into the track's own probabilities.

    `new` tells whether its sensor has said nothing of this track before.
    """
    if not math.isnan(z.mover[0]):
        weight = 1.0
        last_ns = track.spoke_ns[z.kind]
        if last_ns != 0:
            passed = min(max((z.time_ns - last_ns) * 1e-9 / SPELL_S, 0.0), 1.0)
            weight = max(passed, OTHER_WORD if new else 0.0)
        track.spoke_ns[z.kind] = max(last_ns, z.time_ns)
        _pool(track.mover, z.mover, weight)
    if not math.isnan(z.act[0]):
        _pool(track.act, z.act, SAME_ACT if z.sensor == track.last_sensor else OTHER_ACT)


@njit(cache=True, nogil=True)
def believed(track: Any, z: Any, after: float) -> float:
    """Existence after a detection that would bring it to `after` were it independent of the last one.

    Frames of one sensor that follow each other within a look say much the same: they count by the share of the look
    that lies between them, but never for less than the sensor's own word.
    """
    if z.sensor != track.last_sensor:
        return after
    share = min(max((z.time_ns - track.own_ns) * 1e-9 / z.look_s, 0.0), 1.0)
    if share >= 1.0:
        return after
    before = min(max(track.existence, 1e-9), 1.0 - 1e-9)
    after = min(max(after, 1e-9), 1.0 - 1e-9)
    logit = (1.0 - share) * math.log(before / (1.0 - before)) + share * math.log(after / (1.0 - after))
    least: float = min(z.probability, after)
    return max(1.0 / (1.0 + math.exp(-logit)), least)


@njit(cache=True, nogil=True)
def take_stretch(track: Any, z: Any) -> None:
    """Take over a detection's stretch where it rests on at least as long a signal, or the old one is stale."""
    stale = z.time_ns - track.extent_ns > STALE_NS
    as_long = z.duration_s >= 0.999 * track.extent_s
    as_sharp = z.variance_m2 <= 4.0 * track.extent_sigma_m * track.extent_sigma_m
    if stale or (as_long and as_sharp):
        track.from_m, track.to_m = z.from_m, z.to_m
        track.extent_ns = z.time_ns
        track.extent_s = z.duration_s
        track.extent_sigma_m = math.sqrt(z.variance_m2)
        track.spread = z.feels != TOUCH


@njit(cache=True, nogil=True)
def update(
    tracks: NDArray[Any],
    seen: NDArray[np.uint64],
    heard: NDArray[np.uint64],
    scan: NDArray[Any],
    begin: NDArray[np.int64],
    detection: NDArray[np.int64],
    share: NDArray[np.float64],
    most_probability: float,
) -> NDArray[np.float64]:
    """Update all tracks in place by one scan; returns, per detection, the probability that nobody claims it."""
    free = np.ones(len(scan))
    for i in range(len(tracks)):
        low, high = begin[i], begin[i + 1]
        total, best = 0.0, -1
        for k in range(low, high):
            total += share[k]
            free[detection[k]] -= share[k]
            if best < 0 or share[k] > share[best]:
                best = k
        if best < 0:
            continue
        track = tracks[i]
        z = scan[detection[best]]
        since = (z.time_ns - track.last_ns) * 1e-9 / z.look_s
        memory = MEMORY * min(max(since, 0.0), 1.0)
        track.fed += memory * (total - track.fed)
        track.due += memory * (1.0 / (2.0 - z.detect) - track.due)
        if total <= 1e-6:
            continue
        _move(track, scan, detection[low:high], share[low:high])
        # What remains for "not seen now" leaves existence as it was: silence is weighed once a tick.
        after = total + (1.0 - total) * track.existence
        track.existence = min(believed(track, z, after), most_probability)
        if share[best] <= OWN:
            continue
        word, bit = z.sensor // 64, np.uint64(1) << np.uint64(z.sensor % 64)
        hear_kinds(track, z, seen[i, word] & bit == 0)
        seen[i, word] |= bit
        heard[i, word] |= bit
        take_stretch(track, z)
        hear_size(track, z)
        track.late |= z.late
        track.detections += 1
        track.touches += z.feels == TOUCH
        track.strength_db = max(track.strength_db, z.strength_db)
        track.last_ns = max(track.last_ns, z.time_ns)
        track.own_ns = max(track.own_ns, z.time_ns)
        track.last_sensor = z.sensor
        if z.vendor != 0:
            track.vendor = z.vendor
    return free
