"""GOSPA: one number for how far a set of estimates is from the set of truths, and what it is made of."""

import bisect
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from linewatch.evaluate.matching import position_at
from linewatch.records import Track, Truth

Floats = NDArray[np.float64]
_STALE_NS: Final = 10_000_000_000


class Gospa(msgspec.Struct, frozen=True):
    """The distance at one moment, or its mean over many."""

    distance_m: float
    """The distance itself."""
    localisation_m: float
    """Root of the mean square of the gaps between those that were paired."""
    missed: float
    """Truths without an estimate."""
    false: float
    """Estimates without a truth."""


def gospa(estimates_m: Floats, truths_m: Floats, cutoff_m: float = 50.0) -> Gospa:
    """GOSPA with p = 2 and alpha = 2 (Rahmathullah, Garcia-Fernandez and Svensson, Fusion 2017) of points on a line.

    `estimates_m` (n,) and `truths_m` (m,) are chainages. Each missed or false one costs cutoff squared over two.
    """
    n, m = len(estimates_m), len(truths_m)
    gaps = np.abs(estimates_m[:, None] - truths_m[None, :])
    rows, columns = linear_sum_assignment(np.minimum(gaps, cutoff_m) ** 2)
    paired = gaps[rows, columns][gaps[rows, columns] < cutoff_m]
    missed, false = m - len(paired), n - len(paired)
    square = float((paired**2).sum()) + cutoff_m**2 / 2.0 * (missed + false)
    localisation = float(np.sqrt((paired**2).mean())) if len(paired) else 0.0
    return Gospa(float(np.sqrt(square)), localisation, missed, false)


def gospa_over_time(
    tracks: Sequence[Track], truth: Sequence[Truth], line: str, times_ns: Sequence[int], cutoff_m: float = 50.0
) -> Gospa | None:
    """Mean over these times, each mover or group of movers being one truth; None without any time.

    Of each track the last version at or before the time counts, while it is confirmed or coasts and is not older than
    10 s. A truth counts while it moves about and was detectable at all.
    """
    if not times_ns:
        return None
    versions: dict[str, list[Track]] = {}
    for track in tracks:
        if track.line == line:
            versions.setdefault(track.id, []).append(track)
    for each in versions.values():
        each.sort(key=lambda track: track.time_ns)
    events = [t for t in truth if t.line == line and t.mover is not None and t.detectable_ns is not None]
    results = [gospa(_estimates(versions, time_ns), _truths(events, time_ns), cutoff_m) for time_ns in times_ns]
    return Gospa(*(float(np.mean([getattr(r, name) for r in results])) for name in Gospa.__struct_fields__))


def _estimates(versions: dict[str, list[Track]], time_ns: int) -> Floats:
    out = []
    for each in versions.values():
        found = bisect.bisect_right(each, time_ns, key=lambda track: track.time_ns)
        if found == 0:
            continue
        last = each[found - 1]
        if last.state in ("confirmed", "coasting") and time_ns - last.time_ns <= _STALE_NS:
            out.append(last.chainage_m + last.velocity_mps * (time_ns - last.time_ns) / 1e9)
    return np.array(out, dtype=np.float64)


def _truths(events: Sequence[Truth], time_ns: int) -> Floats:
    places = [position_at(event, time_ns) for event in events if (event.detectable_ns or 0) <= time_ns]
    return np.array([place[0] for place in places if place is not None], dtype=np.float64)
