"""What a report rests on: incidents as they were known at a moment, detections, and how much watching there was."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from linewatch.records import Incident, Outage, Weather
from linewatch.site.model import Site

_PEOPLE: Final = frozenset({"person", "group", "vehicle"})
_NOT_ATTEMPTS: Final = frozenset({"nuisance", "known_activity", "exercise"})


class Felt(NamedTuple):
    """How many detections an hour brought in one section."""

    hour_ns: int
    """Begin of the hour (UTC)."""
    line: str
    """Line."""
    section: str
    """Section."""
    detections: int
    """How many."""
    late: int
    """How many of them came after the fast lane had stopped waiting."""


class Known(NamedTuple):
    """An incident as it was known, and where the chain says so."""

    seq: int
    """Entry of the record chain that holds this version."""
    incident: Incident
    """The version."""


class Facts(msgspec.Struct, frozen=True):
    """Everything that a report may say something about."""

    site: Site
    """The site as it was."""
    known: tuple[Known, ...]
    """The last version of every incident that was known at `as_of_ns`."""
    felt: tuple[Felt, ...]
    """Detections by hour and section."""
    outages: tuple[Outage, ...]
    """Every version of every outage."""
    weather: tuple[Weather, ...]
    """All reports of the weather."""
    from_ns: int
    """When watching began."""
    to_ns: int
    """How far it has come, at most `as_of_ns`."""
    as_of_ns: int
    """Moment as of which all this was known."""
    gaps: tuple[tuple[int, int], ...]
    """Times in which nothing ran, from and to."""
    later: int
    """Incidents that were raised or changed after `as_of_ns`."""
    head: str
    """Short code of the heads of the store's chains, which ties a printed report to them."""


def is_attempt(incident: Incident) -> bool:
    """Whether it counts as an attempt: people or a vehicle, standing for itself, and not judged to be anything else."""
    return (
        incident.mover in _PEOPLE
        and incident.assessment not in _NOT_ATTEMPTS
        and incident.concern in ("none", "distress")
        and stands(incident)
    )


def stands(incident: Incident) -> bool:
    """Whether it counts at all: neither withdrawn nor merged into another."""
    return not incident.withdrawn and incident.merged_into is None


def is_return(incident: Incident) -> bool:
    """Whether it is an attempt whose people turned back."""
    return is_attempt(incident) and incident.outcome == "turned_back"


def within(known: Sequence[Known], from_ns: int, to_ns: int) -> tuple[Known, ...]:
    """Those that were raised in a period."""
    return tuple(each for each in known if from_ns <= each.incident.raised_ns < to_ns)
