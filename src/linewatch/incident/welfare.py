"""Welfare: people who stop moving near the line, or are lost from sight there, before anything else is asked of them.

A vigil is kept for every incident that may concern people. It remembers where they have been within a few metres, and
since when. Long stillness, in the cold sooner, raises the incident to *distress*, and so does losing somebody from
sight who had stopped: a sensor that fails must not end the concern. It is never taken back by the system.
"""

from typing import Final

import msgspec

from linewatch.records import MOVERS, Incident, Tick, Track, Weather, derive_kind

_NS_PER_S: Final = 1_000_000_000
_PEOPLE: Final = (MOVERS.index("person"), MOVERS.index("group"))
_MEMORY: Final = 0.9
"""Share of the past in the running belief that it is people: about ten reports."""


class WelfareSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When stillness becomes a concern."""

    still_m: float = 15.0
    """Within this of one place it has not moved; more than the scatter of the sensors' places."""
    still_cold_s: float = 240.0
    """Stillness that is a concern in the cold; longer than people rest on their way."""
    still_s: float = 900.0
    """Stillness that is a concern in any weather."""
    cold_c: float = 5.0
    """Felt temperature from which it is cold."""
    near_m: float = 40.0
    """Somebody last seen further from the line than this has left."""
    people_probability: float = 0.4
    """Belief that it is people from which a vigil counts."""
    stopped_s: float = 20.0
    """Somebody lost from sight is a concern where he had stopped for so long before."""
    seen_s: float = 60.0
    """Seen within so long, the concern is likely; otherwise possible."""


class Vigil(msgspec.Struct, frozen=True):
    """What is remembered of the people of one incident."""

    anchor_m: float
    """Where they have stayed."""
    since_ns: int
    """Since when."""
    seen_ns: int
    """When they were last seen."""
    people_probability: float
    """Running belief that it is people."""
    known: bool
    """Whether they are own people who report their position."""
    offset_m: float | None = None
    """Distance from the line when last seen, where known."""


def felt_c(temperature_c: float, wind_mps: float) -> float:
    """Wind chill in degrees Celsius.

    Formula of the 2001 joint action group (Osczevski and Bluestein, Bull. Am. Meteorol. Soc. 86, 2005), for a dry face
    walking in the open, valid from -50 to 5 degrees Celsius and wind above 1.3 m/s at 10 m; elsewhere the air's.
    """
    wind_kmh = 3.6 * wind_mps
    if temperature_c > 5.0 or wind_kmh < 4.8:
        return temperature_c
    power: float = wind_kmh**0.16
    return 13.12 + 0.6215 * temperature_c - 11.37 * power + 0.3965 * temperature_c * power


def watched(vigil: Vigil | None, track: Track, settings: WelfareSettings) -> Vigil:
    """The vigil after one more report of one of its tracks."""
    people = sum(track.mover_probabilities[index] for index in _PEOPLE)
    place_m, now_ns = track.chainage_m, track.last_ns
    if vigil is None:
        return Vigil(place_m, now_ns, now_ns, people, track.known is not None, track.offset_m)
    if track.state == "ended":
        return vigil
    moved = abs(place_m - vigil.anchor_m) > settings.still_m
    return Vigil(
        anchor_m=place_m if moved else vigil.anchor_m,
        since_ns=now_ns if moved else vigil.since_ns,
        seen_ns=max(now_ns, vigil.seen_ns),
        people_probability=_MEMORY * vigil.people_probability + (1.0 - _MEMORY) * people,
        known=vigil.known or track.known is not None,
        offset_m=vigil.offset_m if track.offset_m is None else track.offset_m,
    )


def concern(vigil: Vigil, weather: Weather | None, tick: Tick, settings: WelfareSettings) -> str:
    """Why these people are in distress, possibly, in words; empty where nothing says so."""
    far = vigil.offset_m is not None and abs(vigil.offset_m) > settings.near_m
    if vigil.known or far or vigil.people_probability < settings.people_probability:
        return ""
    felt = None
    if weather is not None and weather.temperature_c is not None:
        felt = felt_c(weather.temperature_c, weather.wind_mps or 0.0)
    limit_s = settings.still_cold_s if felt is not None and felt <= settings.cold_c else settings.still_s
    still_s = (tick.time_ns - vigil.since_ns) / _NS_PER_S
    unseen_s = (tick.time_ns - vigil.seen_ns) / _NS_PER_S
    stopped_s = still_s - unseen_s
    if still_s < limit_s or stopped_s < settings.stopped_s:
        return ""
    level = "likely" if unseen_s <= settings.seen_s else "possible"
    cold = "" if felt is None else f"; it feels like {felt:.0f} degrees Celsius"
    sight = "" if unseen_s <= settings.seen_s else f"; not seen for {unseen_s / 60:.0f} min, and not seen leaving"
    return f"distress {level}: has not moved for {still_s / 60:.0f} min{sight}{cold}"


def raised(incident: Incident, reason: str, tick: Tick) -> Incident:
    """The incident as one of distress; from here on only people end it."""
    return msgspec.structs.replace(
        incident,
        concern="distress",
        kind=derive_kind(concern="distress"),
        priority=1,
        state="raised" if incident.state == "returned" else incident.state,
        updated_ns=tick.time_ns,
        reason=f"{reason}. {incident.reason}",
    )
