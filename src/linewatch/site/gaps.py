"""Where a line is not watched, or only weakly, and which kilometre is the weakest."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.site.explain import reason, sensors_at
from linewatch.site.pd_field import PdField
from linewatch.site.performance import Watched

Floats = NDArray[np.float64]

NOT_WATCHED_BELOW: Final = 0.5
"""A metre whose Pd is lower counts as not watched."""
WEAK_BELOW: Final = 0.9
"""A metre whose Pd is lower, but not that low, counts as weak."""
JOIN_FRACTION: Final = 1.0 / 400.0
"""Gaps that lie closer together than this share of the line are told of as one cluster."""
_WATCHED, _WEAK, _NOT_WATCHED = 0, 1, 2


class Thresholds(msgspec.Struct, frozen=True):
    """What counts as watched. Raises `ValueError` unless 0 < not_watched_below <= weak_below <= 1."""

    not_watched_below: float = NOT_WATCHED_BELOW
    """A metre whose Pd is lower is not watched."""
    weak_below: float = WEAK_BELOW
    """A metre whose Pd is lower, but not that low, is weak."""

    def __post_init__(self) -> None:
        if not 0.0 < self.not_watched_below <= self.weak_below <= 1.0:
            raise ValueError(
                f"thresholds are {self.not_watched_below:g} and {self.weak_below:g}; "
                "allowed: 0 < not watched <= weak <= 1"
            )


class Gap(msgspec.Struct, frozen=True):
    """A stretch on which a mover is not watched, or only weakly, throughout."""

    mover: Watched
    """For whom it is a gap."""
    state: Literal["not_watched", "weak"]
    """How bad."""
    from_m: float
    """Start."""
    to_m: float
    """End."""
    lowest_pd: float
    """Least Pd within."""
    section: str
    """Section of its start; empty on a line without sections."""
    place: str
    """Place nearest to its middle; empty on a line without places."""
    why: str
    """Why its worst metre is as it is; empty where only longer gaps were to be explained."""

    @property
    def length_m(self) -> float:
        """How long."""
        return self.to_m - self.from_m


class Cluster(msgspec.Struct, frozen=True):
    """Gaps of one state that lie close together, as between the cameras of a stretch without anything else."""

    mover: Watched
    """For whom they are gaps."""
    state: Literal["not_watched", "weak"]
    """How bad."""
    from_m: float
    """Start of the first."""
    to_m: float
    """End of the last."""
    pieces: int
    """How many."""
    gap_m: float
    """How long together."""
    lowest_pd: float
    """Least Pd within."""
    place: str
    """Place nearest to the middle; empty on a line without places."""
    why: str
    """Why the worst metre is as it is."""


class WeakestKilometre(msgspec.Struct, frozen=True):
    """The kilometre with the least mean Pd; the first where several have it, the whole line where it is shorter."""

    mover: Watched
    """For whom."""
    from_m: float
    """Start."""
    to_m: float
    """End."""
    mean_pd: float
    """Mean Pd within."""
    not_watched_m: float
    """Metres within that are not watched."""
    place: str
    """Place nearest to its middle."""


def states_of(pd: Floats, thresholds: Thresholds) -> NDArray[np.int8]:
    """(steps,) 0 watched, 1 weak, 2 not watched."""
    low, high = (pd < thresholds.not_watched_below), (pd < thresholds.weak_below)
    return low.astype(np.int8) + high.astype(np.int8)


def gaps_of(field: PdField, mover: Watched, thresholds: Thresholds, *, explained: int = 100) -> tuple[Gap, ...]:
    """All gaps by chainage; the longest `explained` of those not watched, then of the weak, say why."""
    pd = field.pd(mover)
    runs = runs_of(states_of(pd, thresholds))
    gaps = [(state, low, high) for state, low, high in runs if state != _WATCHED]
    longest = sorted(gaps, key=lambda gap: (-gap[0], gap[1] - gap[2], gap[1]))[:explained]
    why = {low: reason(sensors_at(field, low + int(np.argmin(pd[low:high]))), mover) for _, low, high in longest}
    return tuple(
        _gap(field, mover, state, (low, high), float(pd[low:high].min()), why.get(low, "")) for state, low, high in gaps
    )


def runs_of(states: NDArray[np.int8]) -> list[tuple[int, int, int]]:
    """Runs of equal states: state, first step, step after the last."""
    borders = np.flatnonzero(np.diff(states)) + 1
    starts = np.concatenate(([0], borders))
    stops = np.concatenate((borders, [len(states)]))
    return list(zip(states[starts].tolist(), starts.tolist(), stops.tolist(), strict=True))


def _gap(field: PdField, mover: Watched, state: int, part: tuple[int, int], lowest: float, why: str) -> Gap:
    from_m, to_m = chainages(field, part)
    return Gap(
        mover=mover,
        state="not_watched" if state == _NOT_WATCHED else "weak",
        from_m=from_m,
        to_m=to_m,
        lowest_pd=lowest,
        section=field.site.section_at(field.line.id, from_m).name if field.line.sections else "",
        place=place_near(field, (from_m + to_m) / 2.0),
        why=why,
    )


def chainages(field: PdField, part: tuple[int, int]) -> tuple[float, float]:
    """Start and end of a stretch of steps, cut to the line."""
    return part[0] * field.grid.step_m, min(part[1] * field.grid.step_m, field.line.length_m)


def place_near(field: PdField, chainage_m: float) -> str:
    """Name of the nearest place; empty on a line without places."""
    place = field.site.nearest_place(field.line.id, chainage_m)
    return place.name if place else ""


def weakest_kilometre(field: PdField, mover: Watched, thresholds: Thresholds) -> WeakestKilometre:
    """The kilometre with the least mean Pd."""
    pd = field.pd(mover)
    many = min(max(1, round(1_000.0 / field.grid.step_m)), len(pd))
    sums = np.concatenate(([0.0], np.cumsum(pd)))
    # Rounded, so that of windows that differ only by the rounding of sums the first one is taken.
    means = np.round((sums[many:] - sums[:-many]) / many, 9)
    low = int(np.argmin(means))
    from_m, to_m = chainages(field, (low, low + many))
    below = pd[low : low + many] < thresholds.not_watched_below
    return WeakestKilometre(
        mover=mover,
        from_m=from_m,
        to_m=to_m,
        mean_pd=float(means[low]),
        not_watched_m=float(field.widths_m[low : low + many][below].sum()),
        place=place_near(field, (from_m + to_m) / 2.0),
    )


def metres_below(field: PdField, pd: Floats, part: tuple[int, int], below: float) -> float:
    """Length of the steps of a part whose Pd is lower than a threshold."""
    return float(field.widths_m[part[0] : part[1]][pd < below].sum())


def longest_first(gaps: Sequence[Gap]) -> list[Gap]:
    """Those not watched before the weak, each the longest first."""
    return sorted(gaps, key=lambda gap: (gap.state != "not_watched", -gap.length_m, gap.from_m))


def clusters_of(field: PdField, gaps: Sequence[Gap], join_m: float, most: int) -> tuple[Cluster, ...]:
    """The `most` worst clusters: gaps of one state with less than `join_m` between them, by the metres they sum to."""
    clusters: list[list[Gap]] = []
    for gap in sorted(gaps, key=lambda each: (each.state, each.from_m)):
        last = clusters[-1][-1] if clusters else None
        if last is not None and last.state == gap.state and gap.from_m - last.to_m < join_m:
            clusters[-1].append(gap)
        else:
            clusters.append([gap])

    def order(pieces: list[Gap]) -> tuple[bool, float, float]:
        return pieces[0].state != "not_watched", -sum(gap.length_m for gap in pieces), pieces[0].from_m

    return tuple(_cluster(field, pieces) for pieces in sorted(clusters, key=order)[:most])


def _cluster(field: PdField, pieces: list[Gap]) -> Cluster:
    worst = min(pieces, key=lambda gap: (gap.lowest_pd, gap.from_m))
    part = field.grid.between(worst.from_m, worst.to_m)
    step = part[0] + int(np.argmin(field.pd_between(part, worst.mover)))
    from_m, to_m = pieces[0].from_m, pieces[-1].to_m
    return Cluster(
        mover=worst.mover,
        state=worst.state,
        from_m=from_m,
        to_m=to_m,
        pieces=len(pieces),
        gap_m=sum(gap.length_m for gap in pieces),
        lowest_pd=worst.lowest_pd,
        place=place_near(field, (from_m + to_m) / 2.0),
        why=reason(sensors_at(field, step), worst.mover),
    )
