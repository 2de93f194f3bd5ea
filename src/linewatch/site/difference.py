"""What another placing of sensors costs or wins: the coverage before and after, line by line, mover by mover.

Both are computed with every sensor in order, in the dark and in calm weather: what happens to be broken or foggy now
must not decide where a sensor stands for years.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from linewatch.site.coverage import Coverage
from linewatch.site.coverage_report import coverage_at
from linewatch.site.gaps import NOT_WATCHED_BELOW, WEAK_BELOW, metres_below
from linewatch.site.model import Site
from linewatch.site.performance import WATCHED, Watched
from linewatch.site.placing import Placement, placed

TELLING_PD: Final = 0.005
"""A smaller change of Pd is not told of."""
MOST_STRETCHES: Final = 40
"""Stretches that are told of, those that change most."""


class Stretch(msgspec.Struct, frozen=True):
    """A stretch on which Pd changes throughout, all in one direction."""

    from_m: float
    """Start."""
    to_m: float
    """End."""
    before: float
    """Mean Pd before."""
    after: float
    """Mean Pd after."""


class Difference(msgspec.Struct, frozen=True):
    """One line before and after, for one mover."""

    line: str
    """The line."""
    mover: Watched
    """For whom."""
    not_watched_before_m: float
    """Metres with a Pd below `NOT_WATCHED_BELOW`."""
    not_watched_after_m: float
    """The same afterwards."""
    weak_before_m: float
    """Metres with a Pd below `WEAK_BELOW` that are watched."""
    weak_after_m: float
    """The same afterwards."""
    stretches: tuple[Stretch, ...]
    """Where it changes, by chainage."""


def differences(site: Site, placements: Sequence[Placement]) -> tuple[Difference, ...]:
    """What these placements change, for every line that they concern. Raises `InputError` on what cannot be."""
    after = placed(site, placements)
    lines = sorted({after.sensor(placement.sensor).line for placement in placements})
    out: list[Difference] = []
    for line in lines:
        one, other = coverage_at(site, line), coverage_at(after, line)
        out += [_difference(one, other, mover) for mover in WATCHED]
    return tuple(out)


def _difference(one: Coverage, other: Coverage, mover: Watched) -> Difference:
    before, after = one.pd(mover), other.pd(mover)
    everywhere = (0, one.grid.steps)
    gone = [metres_below(each, pd, everywhere, NOT_WATCHED_BELOW) for each, pd in ((one, before), (other, after))]
    weak = [metres_below(each, pd, everywhere, WEAK_BELOW) for each, pd in ((one, before), (other, after))]
    change = after - before
    signs = np.where(np.abs(change) < TELLING_PD, 0, np.sign(change)).astype(np.int8)
    starts = np.flatnonzero(np.diff(signs, prepend=0))
    stops = np.append(starts[1:], len(signs))
    runs = [(a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True) if a < len(signs) and signs[a]]
    runs = sorted(sorted(runs, key=lambda run: -abs(change[slice(*run)].sum()))[:MOST_STRETCHES])
    step_m, end_m = one.grid.step_m, one.line.length_m
    return Difference(
        line=one.line.id,
        mover=mover,
        not_watched_before_m=gone[0],
        not_watched_after_m=gone[1],
        weak_before_m=weak[0] - gone[0],
        weak_after_m=weak[1] - gone[1],
        stretches=tuple(
            Stretch(a * step_m, min(b * step_m, end_m), float(before[a:b].mean()), float(after[a:b].mean()))
            for a, b in runs
        ),
    )
