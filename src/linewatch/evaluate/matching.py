"""Which incident speaks of which true event: a rule of time and place, the same for every detector and tracker."""

import bisect
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from linewatch.records import Incident, Truth

_NS_PER_S: Final = 1_000_000_000
_Rank = tuple[float, bool, bool, float, int, str, int]
_OF_EQUIPMENT: Final = frozenset({"outage", "tamper", "seat"})


class Gates(msgspec.Struct, frozen=True):
    """How far an incident may be from an event and still be of it."""

    place_m: float = 50.0
    """Longest gap between the incident's stretch and the stretch in which the event is at that moment."""
    before_s: float = 5.0
    """Longest time that an incident may rise before the event begins."""
    after_s: float = 30.0
    """Longest time that it may rise after the event has ended."""


class Matches(msgspec.Struct, frozen=True):
    """Who belongs to whom, as positions in the two lists that were matched."""

    of_event: tuple[tuple[int, ...], ...]
    """For each event all incidents within its gates, the first raised first."""
    main_event: tuple[int | None, ...]
    """For each incident the nearest event within its gates; None for an incident that no event explains."""

    def own(self, event: int) -> tuple[int, ...]:
        """Incidents of which this event is the nearest."""
        return tuple(i for i in self.of_event[event] if self.main_event[i] == event)


def match(
    incidents: Sequence[Incident], truth: Sequence[Truth], gates: Gates, first: Mapping[str, Incident] | None = None
) -> Matches:
    """Match incidents (the last version of each, in any order; `first` may hold the first ones by id) with events.

    An incident is of an event when both are on one line and speak of the same sort of thing (`same_sort`), the
    incident rose between `before_s` before the event and `after_s` after it, and at the moment at which it rose, or at
    which it was last updated, its stretch came within `place_m` of where the event then was. Each incident's main event
    is the nearest in place; of those as near (a truck beside the group that it brought), the one of the same concern
    and mover, then the one whose middle is nearest, then the nearest in time.
    """
    order = sorted(range(len(incidents)), key=lambda i: (incidents[i].raised_ns, incidents[i].id))
    raised = [incidents[i].raised_ns for i in order]
    versions = first or {}
    of_event: list[tuple[int, ...]] = []
    best: list[_Rank | None] = [None] * len(incidents)
    for number, event in enumerate(truth):
        begin = bisect.bisect_left(raised, event.start_ns - round(gates.before_s * _NS_PER_S))
        end = bisect.bisect_right(raised, event.end_ns + round(gates.after_s * _NS_PER_S))
        mine = []
        for i in order[begin:end]:
            incident = incidents[i]
            if incident.line != event.line or not same_sort(incident, event):
                continue
            gap_m = gap_between_m(versions.get(incident.id, incident), incident, event)
            if gap_m > gates.place_m:
                continue
            mine.append(i)
            rank = _rank(incident, event, gap_m, number)
            standing = best[i]
            best[i] = rank if standing is None else min(standing, rank)
        of_event.append(tuple(mine))
    main = tuple(None if rank is None else rank[-1] for rank in best)
    return Matches(of_event=tuple(of_event), main_event=main)


def _rank(incident: Incident, event: Truth, gap_m: float, number: int) -> _Rank:
    from_m, to_m = stretch_at(event, incident.updated_ns)
    known_ns = event.start_ns if event.detectable_ns is None else event.detectable_ns
    return (
        gap_m,
        incident.concern != event.concern,
        incident.mover != event.mover,
        round(abs(incident.chainage_m - (from_m + to_m) / 2.0), 3),
        abs(incident.raised_ns - known_ns),
        event.event,
        number,
    )


def same_sort(incident: Incident, event: Truth) -> bool:
    """Whether an incident can speak of this event at all: of a laser, of failed equipment, or of somebody who moves."""
    if event.concern == "blinded":
        return incident.concern == "blinded" or incident.kind == "blinded"
    if event.concern in ("outage", "tamper"):
        return incident.kind in _OF_EQUIPMENT
    return incident.kind not in _OF_EQUIPMENT and incident.kind != "blinded"


def gap_between_m(first: Incident, last: Incident, event: Truth) -> float:
    """Gap between the incident's stretch and the event's, at its rise or at its last update, whichever is smaller.

    Of an incident known by its last version only, that version's stretch stands for both moments.
    """
    gaps = []
    for incident, time_ns in ((first, first.raised_ns), (last, last.updated_ns)):
        from_m, to_m = stretch_at(event, time_ns)
        gaps.append(max(incident.from_m - to_m, from_m - incident.to_m, 0.0))
    return min(gaps)


def stretch_at(event: Truth, time_ns: int) -> tuple[float, float]:
    """Where the event is at a time: straight between the points of its path, at rest before and after them."""
    path = event.path
    after = bisect.bisect_right(path, time_ns, key=lambda point: point[0])
    if after == 0:
        return path[0][3], path[0][4]
    if after == len(path):
        return path[-1][3], path[-1][4]
    a, b = path[after - 1], path[after]
    share = (time_ns - a[0]) / (b[0] - a[0])
    return a[3] + share * (b[3] - a[3]), a[4] + share * (b[4] - a[4])


def position_at(event: Truth, time_ns: int) -> tuple[float, float] | None:
    """Chainage and offset of the middle at a time; None before its beginning and after its end."""
    path = event.path
    if not path or not event.start_ns <= time_ns < event.end_ns:
        return None
    after = bisect.bisect_right(path, time_ns, key=lambda point: point[0])
    if after == len(path):
        return path[-1][1], path[-1][2]
    a, b = path[max(after - 1, 0)], path[after]
    share = (time_ns - a[0]) / (b[0] - a[0]) if b[0] > a[0] else 0.0
    return a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])
