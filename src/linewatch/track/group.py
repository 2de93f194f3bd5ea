"""Group: people who move together are one target with a stretch, and a number that is known only between bounds.

Detections of one frame that nearly touch are gathered into one before they are associated. What speaks of the size is
the width over which people are, and what a sensor itself takes it for; each gives a logarithm of the number with its
standard deviation, and they are averaged by their precisions. Width grows more slowly than the number (people stand
behind each other), so it is turned round through a power law. One loud walker is felt over many metres of a fibre, so
the reach of the signal is taken off first: it falls by `TrackSettings.footprint_db_per_m` to the level at which
nothing is felt. Power says how near somebody is before it says how many, and is not asked. The constants were fitted
on simulated groups of 2 to 600 people, `benchmarks/tracking_groups.py`, and are stated in `docs/tracking.md`; on
another site they have to be fitted on counted scenes.
"""

import math
from typing import Any, Final

from numba import njit
from numpy.typing import NDArray

from linewatch.track.performance import BODIES, STEPS, TOUCH

RESOLVED_M: Final = 5.0  # a stretch narrower than this is one body that its sensor shows apart: never gathered
COMPANY_M: Final = 8.0  # people nearer to each other than this, along the line and across it, are one party
GAP_M: Final = 10.0  # nearer than this to each other, stretches of one frame are one
HOLD_S: Final = 10.0  # time over which the means run: a group that grows is noticed within it
# log(width in m) = WIDTH[0] + WIDTH[1] * log(number), and the standard deviation of log(number) given the width.
WIDTH: Final = (1.083, 0.672, 0.361)
TOLD_LEAST_SIGMA: Final = 0.25  # of the logarithm of a number that a sensor itself gives
Z90: Final = 1.645  # a 90 % interval of a normal distribution reaches so many standard deviations to each side
LEAST_WIDTH_M: Final = 12.0  # below this a stretch is the reach of one person
ONE_M: Final = 3.0  # the width of one person, and of whatever is narrower still
NO_MORE_THAN: Final = 5_000.0


@njit(cache=True, nogil=True)
def gather(scan: NDArray[Any]) -> NDArray[Any]:
    """The scan with detections of one sensor and moment whose stretches nearly touch made into one.

    What is narrower than `RESOLVED_M` is left alone, and so is what a sensor that feels touch gives, or what differs
    in offset by more than 3 sigma.
    """
    n = len(scan)
    out = scan.copy()
    last, count = -1, 0
    for j in range(n):
        z = scan[j]
        joins = False
        if last >= 0 and z.to_m - z.from_m >= RESOLVED_M and z.feels != TOUCH:
            a = out[last]
            joins = a.sensor == z.sensor and a.time_ns == z.time_ns and a.to_m - a.from_m >= RESOLVED_M
            joins = joins and z.from_m - a.to_m <= GAP_M and a.vendor == z.vendor
            if joins and not math.isnan(a.offset_m) and not math.isnan(z.offset_m):
                dy = a.offset_m - z.offset_m
                joins = dy * dy <= 9.0 * (a.offset_variance_m2 + z.offset_variance_m2)
        if not joins:
            out[count] = z
            last = count
            count += 1
            continue
        a = out[last]
        a.from_m, a.to_m = min(a.from_m, z.from_m), max(a.to_m, z.to_m)
        a.core_from_m, a.core_to_m = min(a.core_from_m, z.core_from_m), max(a.core_to_m, z.core_to_m)
        a.chainage_m = 0.5 * (a.from_m + a.to_m)
        a.variance_m2 = max(a.variance_m2, z.variance_m2)
        a.strength_db = 10.0 * math.log10(10.0 ** (0.1 * a.strength_db) + 10.0 ** (0.1 * z.strength_db))
        a.probability = max(a.probability, z.probability)
        if a.count_low >= 0 and z.count_low >= 0:
            a.count_low += z.count_low
            a.count_high += z.count_high
        a.pieces += z.pieces
    keep_company(out[:count])
    return out[:count]


@njit(cache=True, nogil=True)
def keep_company(scan: NDArray[Any]) -> None:
    """Count with each body those that its sensor shows right beside it in the same moment, in place.

    `scan` is sorted by chainage. A sensor sees fewer of a party than there are, so that this is a lower view.
    """
    for i in range(len(scan)):
        z = scan[i]
        z.company_low, z.company_high = z.count_low, z.count_high
        if z.feels != BODIES or z.count_high < 0:
            continue
        for step in (-1, 1):
            j = i + step
            while 0 <= j < len(scan) and abs(scan[j].chainage_m - z.chainage_m) <= COMPANY_M:
                other = scan[j]
                j += step
                if other.sensor != z.sensor or other.time_ns != z.time_ns or other.count_high < 0:
                    continue
                if abs(other.offset_m - z.offset_m) > COMPANY_M:
                    continue
                z.company_low += other.count_low
                z.company_high += other.count_high


@njit(cache=True, nogil=True)
def _blend(mean: float, value: float, share: float) -> float:
    return value if math.isnan(mean) else mean + share * (value - mean)


@njit(cache=True, nogil=True)
def hear_size(track: Any, z: Any) -> None:
    """Bring the running means on size up to date by a detection of the track's own."""
    share = 1.0 - math.exp(-max(z.time_ns - track.sized_ns, 0) * 1e-9 / HOLD_S)
    track.sized_ns = max(track.sized_ns, z.time_ns)
    # Frames that come together count alike, whichever is first.
    share = max(share, 0.005)
    if z.feels == STEPS:
        track.width_log = _blend(track.width_log, math.log(max(z.core_to_m - z.core_from_m, ONE_M)), share)
    if z.company_high > 0:
        low, high = max(z.company_low, 1), max(z.company_high, 1)
        track.told_log = _blend(track.told_log, 0.5 * (math.log(low) + math.log(high)), share)
        track.told_sigma = max((math.log(high) - math.log(low)) / (2.0 * Z90), TOLD_LEAST_SIGMA)


@njit(cache=True, nogil=True)
def count(tracks: NDArray[Any], width: Any) -> None:
    """Set the 90 % interval of how many each track is, in place."""
    for i in range(len(tracks)):
        track = tracks[i]
        weight, total = 0.0, 0.0
        if track.width_log >= math.log(LEAST_WIDTH_M):
            w = 1.0 / (width[2] * width[2])
            weight, total = weight + w, total + w * (track.width_log - width[0]) / width[1]
        if not math.isnan(track.told_log):
            w = 1.0 / (track.told_sigma * track.told_sigma)
            weight, total = weight + w, total + w * track.told_log
        if weight == 0.0:
            # One walker beside a fibre is felt as a few are: the stretch says no more than at most how many.
            most = math.exp((math.log(LEAST_WIDTH_M) - width[0]) / width[1]) if track.spread else 1.0
            track.count_low, track.count_high = 1, math.ceil(most)
            continue
        middle, reach = total / weight, Z90 / math.sqrt(weight)
        track.count_low = int(max(1.0, min(math.floor(math.exp(middle - reach)), NO_MORE_THAN)))
        track.count_high = int(max(track.count_low, min(math.ceil(math.exp(middle + reach)), NO_MORE_THAN)))
