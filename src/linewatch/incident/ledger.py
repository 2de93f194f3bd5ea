"""The nuisance ledger: what has cried wolf, where, how often, what was done about it, and whether it came back.

A pure function over the record: versions of incidents, and people's acts. A row gathers the incidents that people
assessed as nuisance with the same cause, at the same place, by the same sensors. What was done about it is a `remedy`
on any of them; what was raised after the last remedy has come back.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from linewatch.records import Incident, OperatorAct, calls

_MOVE: Final = "remedy"


class Remedy(msgspec.Struct, frozen=True):
    """Something that was done about a cause."""

    time_ns: int
    """When it was said."""
    role: str
    """Role of who said it."""
    text: str
    """What was done, in their words."""


class LedgerRow(msgspec.Struct, frozen=True):
    """One cause at one place."""

    cause: str
    """What people called it."""
    line: str
    """Line it lies on."""
    section: str
    """Section it lies in."""
    place: str
    """Nearest place."""
    sensors: tuple[str, ...]
    """Sensors that were taken in, sorted."""
    incidents: tuple[str, ...]
    """The incidents, in the order in which they were raised."""
    interruptions: int
    """How often they called somebody away."""
    first_ns: int
    """When the first was raised."""
    last_ns: int
    """When the last was raised."""
    remedies: tuple[Remedy, ...]
    """What was done, oldest first."""
    came_back: int | None
    """Incidents raised since the last remedy; None where nothing was done."""


def nuisance_ledger(versions: Iterable[Incident], acts: Iterable[OperatorAct]) -> tuple[LedgerRow, ...]:
    """The ledger, most interruptions first.

    `versions` are those of all incidents in the order of the record; of an incident that is known by its last version
    only, interruptions count from that one. Acts may come in any order; a remedy on an incident that nobody assessed as
    nuisance belongs to no row.
    """
    last: dict[str, Incident] = {}
    called: dict[str, int] = {}
    for version in versions:
        called[version.id] = called.get(version.id, 0) + calls(last.get(version.id), version)
        last[version.id] = version
    rows: dict[tuple[str, ...], list[Incident]] = {}
    for incident in last.values():
        if incident.assessment == "nuisance":
            rows.setdefault(_key(incident), []).append(incident)
    done: dict[str, list[Remedy]] = {}
    for act in acts:
        if act.move == _MOVE and act.incident in last:
            done.setdefault(act.incident, []).append(Remedy(act.time_ns, act.role, act.reason))
    made = [_row(incidents, called, done) for incidents in rows.values()]
    return tuple(sorted(made, key=lambda row: (-row.interruptions, row.first_ns, row.cause, row.place)))


def _key(incident: Incident) -> tuple[str, ...]:
    cause = " ".join(incident.assessment_cause.casefold().split())
    return (cause, incident.line, incident.section, incident.place, *incident.sensors)


def _row(incidents: list[Incident], called: dict[str, int], done: dict[str, list[Remedy]]) -> LedgerRow:
    incidents = sorted(incidents, key=lambda each: (each.raised_ns, each.id))
    remedies = sorted((r for each in incidents for r in done.get(each.id, ())), key=lambda r: (r.time_ns, r.text))
    first = incidents[0]
    since = [each for each in incidents if remedies and each.raised_ns > remedies[-1].time_ns]
    return LedgerRow(
        cause=first.assessment_cause,
        line=first.line,
        section=first.section,
        place=first.place,
        sensors=first.sensors,
        incidents=tuple(each.id for each in incidents),
        interruptions=sum(called[each.id] for each in incidents),
        first_ns=first.raised_ns,
        last_ns=incidents[-1].raised_ns,
        remedies=tuple(remedies),
        came_back=len(since) if remedies else None,
    )
