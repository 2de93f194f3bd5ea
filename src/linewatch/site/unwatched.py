"""Unwatched metre-hours: for how long how much of a line was not watched, integrated exactly over the events.

Between two events (an outage begins or ends, the weather is reported anew) nothing changes, so the time integral is a
finite sum over the stretches of time between them, with no sampling in it.
"""

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Outage, Weather
from linewatch.site.condition import last_reported
from linewatch.site.gaps import NOT_WATCHED_BELOW
from linewatch.site.pd_field import PdField
from linewatch.site.performance import Watched

_NS_PER_HOUR: Final = 3_600_000_000_000


class Unwatched(msgspec.Struct, frozen=True):
    """Unwatched metre-hours of one line over a period."""

    line: str
    """The line."""
    mover: Watched
    """For whom it was not watched."""
    below: float
    """Pd under which a metre counts as not watched."""
    from_ns: int
    """Start of the period."""
    to_ns: int
    """End of the period."""
    metre_hours: float
    """Sum over metres of the hours in which they were not watched."""
    share_fraction: float
    """The same as a share of all metres and hours."""
    standing_metre_hours: float
    """The part that would have been unwatched without any outage (in the same weather)."""
    most_m: float
    """Most metres not watched at once."""
    most_at_ns: int
    """When that began for the first time."""
    sections: dict[str, float]
    """Metre-hours by section."""
    events: int
    """Times at which something changed."""


def unwatched_metre_hours(
    field: PdField,
    from_ns: int,
    to_ns: int,
    outages: Sequence[Outage],
    *,
    weather: Sequence[Weather] = (),
    mover: Watched = "person_walking",
    below: float = NOT_WATCHED_BELOW,
) -> Unwatched:
    """Integrate over a period. `outages` and `weather` are histories; of several outages with one id the last counts.

    Masks, raised floors and light are those that the field holds. The field is worked with and left as it was.
    Raises `ValueError` on a period without length.
    """
    if to_ns <= from_ns:
        raise ValueError(f"the period from {from_ns} to {to_ns} has no length; allowed: an end after the start")
    held = field.condition
    try:
        field.update(outages=(), weather=())
        with_outages = _integrate(field, from_ns, to_ns, outages, weather, mover, below)
        field.update(outages=(), weather=())
        standing = _integrate(field, from_ns, to_ns, (), weather, mover, below)
    finally:
        field.update(outages=held.outages, weather=held.weather)
    hours = (to_ns - from_ns) / _NS_PER_HOUR
    names = (section.name for section in field.line.sections)
    return Unwatched(
        line=field.line.id,
        mover=mover,
        below=below,
        from_ns=from_ns,
        to_ns=to_ns,
        metre_hours=with_outages.total,
        share_fraction=with_outages.total / (hours * field.line.length_m),
        standing_metre_hours=standing.total,
        most_m=with_outages.most_m,
        most_at_ns=with_outages.most_at_ns,
        sections=dict(zip(names, with_outages.sections, strict=True)),
        events=with_outages.events,
    )


def unwatched_json(unwatched: Unwatched) -> dict[str, Any]:
    """As plain values, ready for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(unwatched)
    return plain


class _Sum(msgspec.Struct):
    total: float
    sections: list[float]
    most_m: float
    most_at_ns: int
    events: int


def _integrate(
    field: PdField,
    from_ns: int,
    to_ns: int,
    outages: Sequence[Outage],
    weather: Sequence[Weather],
    mover: Watched,
    below: float,
) -> _Sum:
    times_ns = change_times_ns(from_ns, to_ns, outages, weather)
    force = InForce(outages)
    section = section_of_steps(field)
    dark = np.zeros(field.grid.steps, dtype=bool)
    by_section_m = np.zeros(max(1, len(field.line.sections)))
    metre_ns = np.zeros(len(by_section_m))
    out = _Sum(0.0, [], -1.0, from_ns, len(times_ns) - 1)
    everywhere = ((0, field.grid.steps),)
    for number, (begin_ns, end_ns) in enumerate(pairwise(times_ns)):
        changed = field.update(outages=force.at(begin_ns), weather=last_reported(weather, begin_ns))
        for low, high in changed if number else everywhere:
            here = slice(low, high)
            now = field.pd_between((low, high), mover) < below
            step = now.astype(np.float64) - dark[here]
            by_section_m += np.bincount(section[here], weights=step * field.widths_m[here], minlength=len(by_section_m))
            dark[here] = now
        metre_ns += by_section_m * float(end_ns - begin_ns)
        dark_m = float(by_section_m.sum())
        if dark_m > out.most_m:
            out.most_m, out.most_at_ns = dark_m, begin_ns
    out.total = float(metre_ns.sum()) / _NS_PER_HOUR
    out.sections = (metre_ns / _NS_PER_HOUR).tolist()[: len(field.line.sections)]
    return out


class InForce:
    """The outages in force at times that only rise: each is taken in once and let go once."""

    def __init__(self, outages: Sequence[Outage]) -> None:
        last = {outage.id: outage for outage in outages}.values()
        self._to_come = sorted(last, key=lambda outage: (outage.start_ns, outage.id), reverse=True)
        self._ends: list[tuple[int, str]] = []
        self._held: dict[str, Outage] = {}

    def at(self, time_ns: int) -> tuple[Outage, ...]:
        """Those that hold at a time, which is no earlier than the one asked for before."""
        while self._to_come and self._to_come[-1].start_ns <= time_ns:
            outage = self._to_come.pop()
            self._held[outage.id] = outage
            if outage.end_ns is not None:
                heapq.heappush(self._ends, (outage.end_ns, outage.id))
        while self._ends and self._ends[0][0] <= time_ns:
            self._held.pop(heapq.heappop(self._ends)[1], None)
        return tuple(self._held.values())


def change_times_ns(from_ns: int, to_ns: int, outages: Sequence[Outage], weather: Sequence[Weather]) -> list[int]:
    """Times at which something changes, with the ends of the period."""
    last = {outage.id: outage for outage in outages}.values()
    times = {outage.start_ns for outage in last} | {outage.end_ns for outage in last if outage.end_ns is not None}
    times |= {spell.time_ns for spell in weather}
    return sorted({from_ns, to_ns} | {time_ns for time_ns in times if from_ns < time_ns < to_ns})


def section_of_steps(field: PdField) -> NDArray[np.int64]:
    """(steps,) number of the section in which each step lies; 0 on a line without sections."""
    section = np.zeros(field.grid.steps, dtype=np.int64)
    for number, each in enumerate(field.line.sections):
        low, high = field.grid.between(each.from_m, each.to_m)
        section[low:high] = number
    return section
