"""Words that people are told: short enough for a phone, complete enough to go there."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from linewatch.notify.telling import middle_m, where_in_words
from linewatch.records import Incident
from linewatch.site.model import Site

_KIND: Final[dict[str, str]] = {
    "distress": "POSSIBLE PERSON IN DISTRESS",
    "blinded": "Camera blinded",
    "tamper": "Tampering",
    "outage": "Not watched",
    "seat": "Seat not answering",
    "barrier_contact": "Barrier contact",
    "crossing": "Crossing",
    "approach": "Approach",
    "vehicle": "Vehicle",
    "animal": "Animal",
    "train": "Train",
    "known": "Known activity",
    "nuisance": "Nuisance",
    "unknown": "Unknown movement",
}


def title(site: Site, incident: Incident) -> str:
    """One line: what, and where as people say it."""
    return f"{_KIND[incident.kind]}: {where_in_words(site, incident.line, middle_m(incident))}"


def people_in_words(low: int, high: int) -> str:
    """How many, as an interval."""
    return f"{low}" if low == high else f"{low} to {high}"


def summary(site: Site, incident: Incident) -> str:
    """A few lines: when, how many, how sure, hazards, why."""
    parts = [
        f"raised {local_text(site.timezone, incident.raised_ns)}",
        f"priority {incident.priority}, {incident.kind.replace('_', ' ')} p={incident.kind_probability:.2f}",
        f"{people_in_words(incident.count_low, incident.count_high)} {incident.mover}",
        f"+-{incident.chainage_sigma_m:.0f} m along the line",
    ]
    if incident.hazards:
        parts.append("HAZARD: " + ", ".join(incident.hazards))
    if incident.withdrawn:
        parts.append(f"withdrawn: {incident.withdrawn}")
    parts.append(incident.reason)
    return "; ".join(parts)


def local_text(zone: str, time_ns: int) -> str:
    """A time as the clock on the wall there shows it, with its zone."""
    at = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(ZoneInfo(zone))
    return at.strftime("%d.%m. %H:%M:%S %Z")
