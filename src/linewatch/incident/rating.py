"""How urgent an incident is beyond its kind, and what is dangerous for those who go there."""

from typing import Final

import msgspec

from linewatch.incident.welfare import felt_c
from linewatch.records import Incident, Weather
from linewatch.records.vocabulary import Hazard
from linewatch.site.model import Site

BITTER_C: Final = -15.0
"""Felt temperature from which people who are only near the line are urgent for their own sake."""
STORM_MPS: Final = 17.0
"""Gusts from which what nobody can name is less urgent (8 on the Beaufort scale: twigs break off trees)."""
DOUBTFUL: Final = 0.25
"""An incident of the middle priority that is less sure than this is less urgent; where no sensor can tell people from
all else, a person or group is surer (2 of 7 even shares): not knowing is no reason to take it lightly."""
_MIDDLE: Final = 3
_PEOPLE: Final = frozenset({"person", "group"})
_WATER: Final = frozenset({"river", "wetland"})
_FREEZING_C: Final = 0.0


def rated(incident: Incident, weather: Weather | None, crowd_count: int) -> int:
    """Priority, 1 to 5, from that of its kind, with mover, act, confidence, size and weather.

    Notes stay notes and what is of the first priority stays there: barrier contact and distress stand above all. A
    crowd goes one step up; so do people in bitter cold; what is doubtful, or nameless in a storm, goes one step down.
    """
    base = incident.priority
    if base in (1, 5) or incident.concern != "none":
        return base
    people = incident.mover in _PEOPLE
    if people and incident.count_low >= crowd_count:
        return base - 1
    if base != _MIDDLE:
        return base
    felt = None
    if weather is not None and weather.temperature_c is not None:
        felt = felt_c(weather.temperature_c, weather.wind_mps or 0.0)
    if people and felt is not None and felt <= BITTER_C:
        return base - 1
    storm = weather is not None and (weather.gust_mps or 0.0) >= STORM_MPS
    doubtful = incident.kind_probability < DOUBTFUL or (storm and incident.kind == "unknown" and incident.act == "none")
    return base + 1 if doubtful else base


def rerated(old: Incident | None, new: Incident, weather: Weather | None, crowd_count: int) -> Incident:
    """The new version with its priority; the old one where nothing that a person would see has changed."""
    new = msgspec.structs.replace(new, priority=rated(new, weather, crowd_count))
    if old is not None and msgspec.structs.replace(new, updated_ns=old.updated_ns) == old:
        return old
    return new


def hazards_here(site: Site, incident: Incident, weather: Weather | None) -> tuple[Hazard, ...]:
    """Dangers that follow from the ground and the weather; people add what they know."""
    if site.section_at(incident.line, incident.chainage_m).terrain not in _WATER:
        return ()
    frozen = weather is not None and weather.temperature_c is not None and weather.temperature_c <= _FREEZING_C
    return ("ice", "water") if frozen else ("water",)
