"""How much watching there was: metre-hours by section and bin of time, how many unwatched, and how well watched.

A count without this says little: half the attempts may mean half the people, or half the watch.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Outage, Weather
from linewatch.site.condition import last_reported
from linewatch.site.gaps import NOT_WATCHED_BELOW
from linewatch.site.pd_field import PdField
from linewatch.site.performance import Watched
from linewatch.site.unwatched import InForce, change_times_ns, section_of_steps

Floats = NDArray[np.float64]
Gap = tuple[int, int]
"""From and to, in nanoseconds: nobody watched at all."""
_NS_PER_HOUR: Final = 3_600_000_000_000


class Exposure(NamedTuple):
    """Watching of one line, each (bins, sections), in metre-hours."""

    metre_hours: Floats
    """All there are."""
    unwatched: Floats
    """Those in which a crossing would more likely than not have been missed, or nothing ran."""
    noticed: Floats
    """Metre-hours times the probability that one crossing there and then is noticed."""


def exposure_of(
    field: PdField,
    edges_ns: Sequence[int],
    outages: Sequence[Outage],
    *,
    weather: Sequence[Weather] = (),
    gaps: Sequence[Gap] = (),
    mover: Watched = "person_walking",
    below: float = NOT_WATCHED_BELOW,
) -> Exposure:
    """Integrate over the bins between rising edges, exactly: between two events nothing changes.

    `outages` and `weather` are histories; in `gaps` nothing was watched. The field is left as it was.
    Raises `ValueError` where there are no two rising edges.
    """
    if len(edges_ns) < 2 or any(after <= before for before, after in pairwise(edges_ns)):
        raise ValueError(f"found {len(edges_ns)} edges; allowed: two or more, each later than the one before")
    held = field.condition
    try:
        field.update(outages=(), weather=())
        return _integrate(field, edges_ns, outages, weather, gaps, mover, below)
    finally:
        field.update(outages=held.outages, weather=held.weather)


def _integrate(
    field: PdField,
    edges_ns: Sequence[int],
    outages: Sequence[Outage],
    weather: Sequence[Weather],
    gaps: Sequence[Gap],
    mover: Watched,
    below: float,
) -> Exposure:
    section = section_of_steps(field)
    sections = max(1, len(field.line.sections))
    width_m: Floats = np.bincount(section, weights=field.widths_m, minlength=sections).astype(np.float64)
    shape = (len(edges_ns) - 1, sections)
    out = Exposure(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    times_ns = sorted(
        {*change_times_ns(edges_ns[0], edges_ns[-1], outages, weather), *edges_ns}
        | {edge for gap in gaps for edge in gap if edges_ns[0] < edge < edges_ns[-1]}
    )
    force, pd = InForce(outages), np.zeros(field.grid.steps)
    dark_m, noticed_m = width_m.copy(), np.zeros(sections)
    everywhere: tuple[tuple[int, int], ...] = ((0, field.grid.steps),)
    for number, (begin_ns, end_ns) in enumerate(pairwise(times_ns)):
        changed = field.update(outages=force.at(begin_ns), weather=last_reported(weather, begin_ns))
        for low, high in changed if number else everywhere:
            pd[low:high] = field.pd_between((low, high), mover)
        if changed or not number:
            weights = field.widths_m * (pd < below)
            dark_m = np.bincount(section, weights=weights, minlength=sections).astype(np.float64)
            noticed_m = np.bincount(section, weights=field.widths_m * pd, minlength=sections).astype(np.float64)
        hours = (end_ns - begin_ns) / _NS_PER_HOUR
        at = bisect_right(edges_ns, begin_ns) - 1
        blind = any(low <= begin_ns < high for low, high in gaps)
        out.metre_hours[at] += width_m * hours
        out.unwatched[at] += (width_m if blind else dark_m) * hours
        out.noticed[at] += (0.0 if blind else noticed_m) * hours
    return out
