"""How good tracks are: distance to the truth, switches of identity, honesty of covariances."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

Points = NDArray[np.float64]
CUT_OFF_M = 20.0


def _distances(points: Points, truth: Points) -> NDArray[np.float64]:
    return np.sqrt(((points[:, None] - truth[None]) ** 2).sum(axis=-1))


def gospa(points: Points, truth: Points, cut_off_m: float = CUT_OFF_M) -> float:
    """Generalised optimal sub-pattern assignment (Rahmathullah et al. 2017), alpha = 2, p = 2, in metres."""
    n, m = len(points), len(truth)
    if not n or not m:
        return float(np.sqrt(cut_off_m**2 / 2 * (n + m)))
    cost = np.minimum(_distances(points, truth) ** 2, cut_off_m**2)
    i, j = linear_sum_assignment(cost)
    return float(np.sqrt(cost[i, j].sum() + cut_off_m**2 / 2 * abs(n - m)))


def mean_gospa(found: Sequence[Points], truth: Sequence[Points], settle: int = 5) -> float:
    """Mean over the scans after the first few, per square root of the number of movers."""
    values = [gospa(points, true) for points, true in zip(found[settle:], truth[settle:], strict=False)]
    return float(np.mean(values) / np.sqrt(len(truth[0])))


def cardinality_error(found: Sequence[Points], truth: Sequence[Points], settle: int = 5) -> float:
    """Mean of reported minus true number of movers, per mover."""
    errors = [len(points) - len(true) for points, true in zip(found[settle:], truth[settle:], strict=False)]
    return float(np.mean(errors) / len(truth[0]))


def switches(found: Sequence[Points], names: Sequence[Sequence[Hashable]], truth: Sequence[Points]) -> int:
    """How often a mover came to be followed under another name, as CLEAR MOT counts: a pair lasts while it is near."""
    held: dict[int, Hashable] = {}
    count = 0
    for points, called, true in zip(found, names, truth, strict=False):
        if not len(points):
            continue
        distance = _distances(points, true)
        where = {name: row for row, name in enumerate(called)}
        now = {
            mover: name
            for mover, name in held.items()
            if (row := where.get(name)) is not None and distance[row, mover] <= CUT_OFF_M
        }
        taken = set(now.values())
        rows = [row for row, name in enumerate(called) if name not in taken]
        movers = [mover for mover in range(len(true)) if mover not in now]
        cost = np.where(distance <= CUT_OFF_M, distance, 1e6)[np.ix_(rows, movers)]
        for i, j in zip(*linear_sum_assignment(cost), strict=True):
            if cost[i, j] < 1e6:
                mover, name = movers[j], called[rows[i]]
                count += mover in held and held[mover] != name
                now[mover] = name
        held |= now
    return count


def chi2_band(samples: int, dimensions: int) -> tuple[float, float]:
    """The 95 % band of the mean of so many normalised squared errors, if the covariances are honest."""
    freedom = samples * dimensions
    return float(chi2.ppf(0.025, freedom) / samples), float(chi2.ppf(0.975, freedom) / samples)
