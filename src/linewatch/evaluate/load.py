"""How hard a watch is on those who keep it: interruptions in ten minutes, and floods, for each seat."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from linewatch.records import Incident, calls
from linewatch.records.incident import NOTE_PRIORITY
from linewatch.site.model import Site

_WINDOW_NS: Final = 600_000_000_000
FLOOD_BEGINS_ABOVE: Final = 10
"""An alarm flood begins with more than 10 alarms in 10 minutes (ISA-18.2; EEMUA 191; by secondary accounts)."""
FLOOD_ENDS_BELOW: Final = 5
"""It ends when fewer than 5 came in the last 10 minutes."""


class Load(msgspec.Struct, frozen=True):
    """Load of one seat."""

    interruptions: int
    """How often an incident called somebody away from what they did (`records.calls`)."""
    peak_10min: int
    """Most of them within any 10 minutes."""
    mean_10min: float
    """Mean for 10 minutes over the whole time."""
    flood_s: float
    """Time spent in flood."""
    floods: int
    """How many floods there were."""


def asks(incident: Incident) -> bool:
    """Whether it is more than a note, wherever it stands."""
    return incident.priority < NOTE_PRIORITY and not incident.withdrawn


def interruptions(versions: Iterable[Incident]) -> list[tuple[int, Incident]]:
    """When incidents began to ask for attention, and how they stood then; `versions` in order of time.

    What stands behind the lead of a group, on the shelf, or is a note, calls nobody until it leaves there. Where only
    a later version of an incident is known, it is taken to have called when it was raised, unless that version is
    grouped or a note.
    """
    last: dict[str, Incident] = {}
    called = []
    for incident in versions:
        before = last.get(incident.id)
        later = before is None and incident.updated_ns > incident.raised_ns
        if calls(before, incident) or (later and asks(incident) and not incident.group):
            called.append((incident.raised_ns if before is None else incident.updated_ns, incident))
        last[incident.id] = incident
    return called


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
    """Load of each seat, where the sections of all lines are dealt out to the seats in order, as evenly as they go.

    `incidents` may hold several versions of each; the more there are, the better is known when they called.
    """
    sections = [(line.id, section.name) for line in site.lines for section in line.sections]
    seat_of = {section: number * seats // len(sections) for number, section in enumerate(sections)}
    times: list[list[int]] = [[] for _ in range(seats)]
    for time_ns, incident in interruptions(sorted(incidents, key=lambda each: each.updated_ns)):
        times[seat_of.get((incident.line, incident.section), 0)].append(time_ns)
    return tuple(load_of(part, start_ns, end_ns) for part in times)
