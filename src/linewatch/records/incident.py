"""INCIDENT: what a person must deal with."""

from typing import Final, Literal

import msgspec

from linewatch.records.vocabulary import Act, Assessment, Concern, Hazard, Kind, Mover, Outcome

IncidentState = Literal[
    "raised", "acknowledged", "assessed", "responding", "returned", "shelved", "out_of_service", "closed"
]
Standing = Literal["shown", "grouped", "shelved", "closed"]
"""Where people find an incident: in the queue, behind the lead of its group, on the shelf, or done."""
NOTE_PRIORITY: Final = 5
"""Incidents of this priority are notes: they stand in the list, make no sound and interrupt nobody."""


class Party(msgspec.Struct, frozen=True):
    """One of the parties of which an incident is made up: a part of a crowd, one of several side by side."""

    from_m: float
    """Start of its stretch."""
    to_m: float
    """End of its stretch."""
    count_low: int
    """Fewest that it is."""
    count_high: int
    """Most that it is."""


class Incident(msgspec.Struct, frozen=True, tag="incident"):
    """One event, with all that was known of it when this version was written."""

    id: str
    """Hash of site, line, owner section, raising tick and the key of the first supporting detection."""
    line: str
    """Line it lies on."""
    section: str
    """Section that owned it when it was raised."""
    raised_ns: int
    """Tick time at which it was raised."""
    updated_ns: int
    """Tick time of this version."""
    closed_ns: int | None
    """Tick time at which it was closed."""
    kind: Kind
    """Derived from concern, act, intent, mover and assessment by one table."""
    kind_probability: float
    """How sure we are of `kind`."""
    mover: Mover
    """Most likely mover."""
    act: Act
    """Most likely act."""
    concern: Concern
    """What makes it more than a movement."""
    chainage_m: float
    """Best estimate of where."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`."""
    from_m: float
    """Start of the stretch concerned."""
    to_m: float
    """End of the stretch concerned."""
    place: str
    """Nearest place, as people say it on the radio."""
    count_low: int
    """Fewest persons or movers."""
    count_high: int
    """Most persons or movers."""
    priority: int
    """1 (life, barrier) to 5 (note)."""
    state: IncidentState
    """Where in its life it is."""
    sensors: tuple[str, ...]
    """Sensors that support it, sorted."""
    reason: str
    """Why it was raised, in words."""
    settings_id: str
    """Settings under which it was raised."""
    tracks: tuple[str, ...] = ()
    """Tracks it stands for, in the order they joined."""
    first_detection: str = ""
    """Key of its first supporting detection."""
    assessment: Assessment = "undetermined"
    """What a person judged it to be."""
    assessment_cause: str = ""
    """The cause, where assessed as nuisance."""
    outcome: Outcome = "unknown"
    """What became of the people, set by a person."""
    hazards: tuple[Hazard, ...] = ()
    """Dangers for those who go there."""
    late: bool = False
    """Opened or amended by evidence that came later than the fast lane waits."""
    withdrawn: str = ""
    """Why it no longer stands, in words; empty while it stands."""
    escalations: int = 0
    """How often it was passed on because nobody acted in time."""
    merged_into: str | None = None
    """The incident that now stands for this one."""
    group: str = ""
    """The incident that leads its group, which is open and shown; empty where it leads one itself or stands alone."""
    parties: tuple[Party, ...] = ()
    """Where it is made up of several: each of them, from the start of the line on."""
    front_m: float | None = None
    """Distance from the line of the one who is nearest to it, positive on the approach side, where that was seen."""
    seat: str = ""
    """Seat that has taken it; empty where nobody has."""
    acknowledged_ns: int | None = None
    """When somebody first took notice of it."""
    patrol: str = ""
    """Call sign of the patrol that was sent; never a person's name."""
    assigned_ns: int | None = None
    """When a patrol was sent."""
    accepted_ns: int | None = None
    """When it said yes."""
    under_way_ns: int | None = None
    """When it set out."""
    on_scene_ns: int | None = None
    """When it was there."""
    shelved_until_ns: int | None = None
    """When the shelf gives it back, while it is there."""


def standing(incident: Incident) -> Standing:
    """Where people find it: raised = shown + grouped + shelved, over all that are not closed.

    What is out of service is on the shelf too. What was merged is done: another incident stands for it.
    """
    if incident.state == "closed" or incident.merged_into is not None:
        return "closed"
    if incident.state in ("shelved", "out_of_service"):
        return "shelved"
    return "grouped" if incident.group else "shown"


def interrupts(incident: Incident) -> bool:
    """Whether it asks for attention: it has a line of its own in the queue and is more than a note."""
    return incident.priority < NOTE_PRIORITY and not incident.withdrawn and standing(incident) == "shown"


def calls(before: Incident | None, now: Incident) -> bool:
    """Whether this version calls a person away from what they do, and the one before it (None where it is new) did not.

    That is what an interruption is, wherever it is counted: something begins to ask for attention, or what asked for
    it already turns out to be a person in distress. What comes back, or is passed on, is the same call.
    """
    if not interrupts(now):
        return False
    if now.concern == "distress" and (before is None or before.concern != "distress"):
        return True
    return now.state in ("raised", "returned") and (before is None or not interrupts(before))


class OperatorAct(msgspec.Struct, frozen=True, tag="operator_act"):
    """A move by a person, as the record chain keeps it: with role and seat, never with a name."""

    incident: str
    """Incident it concerns; empty for an act on the site."""
    move: str
    """Name of the move in the life-cycle table."""
    role: str
    """Role in which it was made."""
    seat: str
    """Seat at which it was made."""
    time_ns: int
    """When it was made."""
    reason: str = ""
    """Why, in the person's words."""
    values: tuple[tuple[str, str], ...] = ()
    """What it sets, as name and value pairs, sorted by name."""
