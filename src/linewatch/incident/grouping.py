"""Grouping: incidents that are one matter stand behind one of them, the lead, which alone asks for attention.

Nothing is dropped by it: a grouped incident is open, counted and one step away. Who is in distress, who is a crowd, and
whatever is more urgent than its lead and not right there, always stands by itself. What happens after a person has
dealt with the lead is news, except around a crowd.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from linewatch.incident.desk import DeskSettings
from linewatch.records import Incident, interrupts, standing

_NS_PER_S: Final = 1_000_000_000
_ALONE: Final = frozenset({"distress", "seat"})
_EQUIPMENT: Final = frozenset({"outage", "blinded", "tamper"})
_SPREAD: Final = frozenset({"vehicle", "outage", "blinded"})
"""Kinds of which several within some hundred metres are mostly one matter."""
URGENT: Final = 2
"""Incidents at least so urgent are grouped only with what is right there."""


def _gap_m(one: Incident, other: Incident) -> float:
    return max(one.from_m - other.to_m, other.from_m - one.to_m, 0.0)


def _may_stand_behind(lead: Incident, incident: Incident, settings: DeskSettings) -> bool:
    """Whether this incident may be grouped with that lead at all, by what it is and how urgent."""
    if lead.line != incident.line or incident.concern in _ALONE or lead.concern == "seat":
        return False
    if (lead.concern in _EQUIPMENT) != (incident.concern in _EQUIPMENT) or incident.priority < lead.priority:
        return False
    return incident.concern in _EQUIPMENT or incident.count_low < settings.crowd_count


def _reach_m(lead: Incident, incident: Incident, settings: DeskSettings) -> float:
    if incident.concern in _EQUIPMENT:
        return settings.group_around_m
    if incident.priority <= URGENT:
        return settings.group_near_m
    crowd = lead.count_high >= settings.crowd_count
    return settings.group_around_m if crowd or incident.kind in _SPREAD else settings.group_near_m


def related(lead: Incident, incident: Incident, settings: DeskSettings, now_ns: int) -> bool:
    """Whether an incident that begins to ask for attention is the same matter as this lead."""
    if not _may_stand_behind(lead, incident, settings):
        return False
    if now_ns - lead.updated_ns > settings.group_within_s * _NS_PER_S:
        return False
    if _gap_m(lead, incident) > _reach_m(lead, incident, settings):
        return False
    if lead.count_high >= settings.crowd_count and lead.concern not in _EQUIPMENT:
        return True
    return lead.kind == incident.kind and lead.state in ("raised", "returned")


def stays_grouped(lead: Incident, incident: Incident, settings: DeskSettings) -> bool:
    """Whether a grouped incident may stay where it is: it has become neither a crowd nor more urgent, nor gone off."""
    if not _may_stand_behind(lead, incident, settings):
        return False
    return incident.priority > URGENT or _gap_m(lead, incident) <= _reach_m(lead, incident, settings)


def lead_for(
    incident: Incident, incidents: Iterable[Incident], settings: DeskSettings, now_ns: int, *, held_back: bool
) -> Incident | None:
    """The incident behind which this one stands; None where it stands by itself.

    `held_back`: its section is loud, and it is less urgent than what still interrupts from there; then whatever leads
    in its section will do. Of several the most urgent, then the nearest, then the oldest.
    """
    others = list(incidents)
    leads = [
        (lead.priority, round(_gap_m(lead, incident), 3), lead.raised_ns, number)
        for number, lead in enumerate(others)
        if lead.id != incident.id
        and interrupts(lead)
        and (
            related(lead, incident, settings, now_ns)
            or (held_back and _same_section(lead, incident) and _may_stand_behind(lead, incident, settings))
        )
    ]
    return others[min(leads)[-1]] if leads else None


def _same_section(one: Incident, other: Incident) -> bool:
    return (one.line, one.section) == (other.line, other.section)


def orphaned(incidents: dict[str, Incident]) -> Iterator[tuple[Incident, ...]]:
    """Grouped incidents, by lead, whose lead does not ask for attention any more; the most urgent and oldest first."""
    left: dict[str, list[Incident]] = {}
    for incident in incidents.values():
        if not incident.group or standing(incident) == "closed":
            continue
        lead = incidents.get(incident.group)
        if lead is None or not interrupts(lead):
            left.setdefault(incident.group, []).append(incident)
    for members in left.values():
        yield tuple(sorted(members, key=lambda member: (member.priority, member.raised_ns)))


def grouped(incident: Incident, lead: str, now_ns: int) -> Incident:
    """The incident behind this lead; by itself again where the lead is empty."""
    return msgspec.structs.replace(incident, group=lead, updated_ns=now_ns)
