"""Party: several movers that are one event, its stretch and its size."""

from collections.abc import Mapping
from typing import Final

import msgspec

from linewatch.records import Incident, Party, Track, quantise

_LEAST_DETECTIONS: Final = 5
"""A track younger than this may be a second one of somebody who is counted already."""
_PEOPLE: Final = frozenset({"person", "group", "unknown"})
_COMPANY_M: Final = 8.0
"""A track counts those right beside it in with itself up to this distance (`track.group`)."""
_SETTLES_NS: Final = 10_000_000_000
"""For so long after it was raised an incident's size follows what is known; later it only grows."""


class Part(msgspec.Struct, frozen=True):
    """One live track of an incident."""

    from_m: float
    """Start of its stretch."""
    to_m: float
    """End of its stretch."""
    count_low: int
    """Lower end of the interval of how many it is."""
    count_high: int
    """Upper end of that interval."""
    sure: bool
    """Whether it is old enough to be counted beside others."""
    offset_m: float | None = None
    """Its distance from the line, where known."""
    stranger: bool = False
    """Whether it is surely there, and neither own people nor planned work."""


def part_of(track: Track, *, stranger: bool = False) -> Part:
    """What a track adds to its incident."""
    return Part(
        from_m=track.from_m,
        to_m=track.to_m,
        count_low=max(track.count_low, 1),
        count_high=max(track.count_high, 1),
        sure=track.detections >= _LEAST_DETECTIONS,
        offset_m=track.offset_m,
        stranger=stranger,
    )


def heaps(parts: Mapping[str, Part]) -> tuple[Party, ...]:
    """The sub-groups of several parts, from the start of the line on.

    Parts that overlap may be the same people, seen as a crowd by one sensor and one by one by another: of each such
    heap the largest part counts, and at most as many as there are parts where that is more.
    """
    gathered: list[list[Part]] = []
    end_m = float("-inf")
    for part in sorted((p for p in parts.values() if p.sure), key=lambda p: (p.from_m, p.to_m, p.count_high)):
        if part.from_m > end_m + _COMPANY_M:
            gathered.append([])
        gathered[-1].append(part)
        end_m = max(end_m, part.to_m)
    return tuple(
        Party(
            from_m=heap[0].from_m,
            to_m=max(part.to_m for part in heap),
            count_low=max(part.count_low for part in heap),
            count_high=max(len(heap), *(part.count_high for part in heap)),
        )
        for heap in gathered
    )


def whole(parts: Mapping[str, Part], sub_groups: tuple[Party, ...]) -> Part:
    """All parts together: their hull, and their number, which is the sum of the sub-groups'."""
    from_m, to_m = min(part.from_m for part in parts.values()), max(part.to_m for part in parts.values())
    offsets_m = [part.offset_m for part in parts.values() if part.offset_m is not None]
    low = sum(party.count_low for party in sub_groups) or max(part.count_low for part in parts.values())
    high = sum(party.count_high for party in sub_groups) or max(part.count_high for part in parts.values())
    return Part(from_m, to_m, low, high, bool(sub_groups), min(offsets_m, default=None))


def sized(incident: Incident, parts: Mapping[str, Part], tick_ns: int) -> Incident:
    """The incident with the stretch and size of all its live parts; the same object where that changes nothing.

    Its size is the largest that it had: people who come and go were all there.
    """
    if not parts:
        return incident
    sub_groups = heaps(parts)
    all_ = whole(parts, sub_groups)
    changes: dict[str, object] = {"parties": sub_groups if len(sub_groups) > 1 else (), "front_m": all_.offset_m}
    if len(parts) > 1:
        changes |= {"from_m": all_.from_m, "to_m": all_.to_m, "chainage_m": (all_.from_m + all_.to_m) / 2.0}
    if tick_ns - incident.raised_ns <= _SETTLES_NS or all_.count_low > incident.count_low:
        changes |= {"count_low": all_.count_low, "count_high": all_.count_high}
    new = quantise(msgspec.structs.replace(incident, **changes))
    return incident if new == incident else msgspec.structs.replace(new, updated_ns=tick_ns)


def of_one_crowd(larger: Incident, smaller: Incident, gap_m: float) -> bool:
    """Whether a smaller incident, that nobody has taken yet, has turned out to be part of a larger one's crowd."""
    if smaller.line != larger.line or smaller.concern != "none" or smaller.state not in ("raised", "returned"):
        return False
    if {larger.mover, smaller.mover} - _PEOPLE:
        return False
    return max(smaller.from_m - larger.to_m, larger.from_m - smaller.to_m) <= gap_m


def taken_in(smaller: Incident, larger: Incident, tick_ns: int) -> Incident:
    """The smaller incident, which the larger one now stands for."""
    reason = f"part of the crowd of incident {larger.id}; {smaller.reason}"
    return msgspec.structs.replace(
        smaller, merged_into=larger.id, state="closed", closed_ns=tick_ns, updated_ns=tick_ns, reason=reason
    )
