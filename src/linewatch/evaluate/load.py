"""How hard a watch is on those who keep it: interruptions in ten minutes, and floods, for each seat."""

from collections.abc import Sequence
from typing import Final

import msgspec

from linewatch.records import Incident
from linewatch.site.model import Site

_WINDOW_NS: Final = 600_000_000_000
FLOOD_BEGINS_ABOVE: Final = 10
"""An alarm flood begins with more than 10 alarms in 10 minutes (ISA-18.2; EEMUA 191; by secondary accounts)."""
FLOOD_ENDS_BELOW: Final = 5
"""It ends when fewer than 5 came in the last 10 minutes."""
NOTE_PRIORITY: Final = 5
"""Incidents of this priority are notes: they stand in the list, make no sound and interrupt nobody."""


class Load(msgspec.Struct, frozen=True):
    """Load of one seat."""

    interruptions: int
    """Incidents that asked for attention."""
    peak_10min: int
    """Most of them within any 10 minutes."""
    mean_10min: float
    """Mean for 10 minutes over the whole time."""
    flood_s: float
    """Time spent in flood."""
    floods: int
    """How many floods there were."""


def interrupts(incident: Incident) -> bool:
    """Whether an incident asks for attention: raised, not withdrawn before anybody saw it, and more than a note."""
    return incident.priority < NOTE_PRIORITY


def load_of(times_ns: Sequence[int], start_ns: int, end_ns: int) -> Load:
    """Load of one seat from the times of its interruptions."""
    times = sorted(times_ns)
    peak, first = 0, 0
    changes: list[tuple[int, int]] = []
    for time_ns in times:
        changes += [(time_ns, 1), (time_ns + _WINDOW_NS, -1)]
    for last, time_ns in enumerate(times):
        while times[first] <= time_ns - _WINDOW_NS:
            first += 1
        peak = max(peak, last - first + 1)
    flood_ns, floods = _floods(sorted(changes), end_ns)
    windows = max((end_ns - start_ns) / _WINDOW_NS, 1e-9)
    return Load(len(times), peak, len(times) / windows, flood_ns / 1e9, floods)


def _floods(changes: Sequence[tuple[int, int]], end_ns: int) -> tuple[int, int]:
    """Time in flood, and how often one began; `changes` are arrivals in, and departures from, the last 10 minutes."""
    within = flood_ns = floods = 0
    since: int | None = None
    for time_ns, change in changes:
        within += change
        if since is None and within > FLOOD_BEGINS_ABOVE:
            since, floods = time_ns, floods + 1
        elif since is not None and within < FLOOD_ENDS_BELOW:
            flood_ns += min(time_ns, max(end_ns, since)) - since
            since = None
    return flood_ns + (max(end_ns - since, 0) if since is not None else 0), floods


def loads_by_seat(
    incidents: Sequence[Incident], site: Site, seats: int, start_ns: int, end_ns: int
) -> tuple[Load, ...]:
    """Load of each seat, where the sections of all lines are dealt out to the seats in order, as evenly as they go."""
    sections = [(line.id, section.name) for line in site.lines for section in line.sections]
    seat_of = {section: number * seats // len(sections) for number, section in enumerate(sections)}
    times: list[list[int]] = [[] for _ in range(seats)]
    for incident in incidents:
        if interrupts(incident):
            times[seat_of.get((incident.line, incident.section), 0)].append(incident.raised_ns)
    return tuple(load_of(part, start_ns, end_ns) for part in times)
