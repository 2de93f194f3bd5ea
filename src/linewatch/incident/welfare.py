"""Welfare: people who stop moving near the line, or are lost from sight there, before anything else is asked of them.

A vigil is kept for every incident that may concern people. It remembers where they have been within a few metres, and
since when. Long stillness, in the cold sooner, raises the incident to *distress*. Most sensors only notice what moves,
so somebody who lies down vanishes from them: vanishing near the line, where sensors watch that would have seen a walker
go on, is stillness too. A sensor that fails must not end the concern, and the system never takes it back.
"""

import math
from typing import Final

import msgspec

from linewatch.records import MOVERS, Incident, Tick, Track, Weather, derive_kind

_NS_PER_S: Final = 1_000_000_000
_PEOPLE: Final = (MOVERS.index("person"), MOVERS.index("group"))
_MEMORY: Final = 0.9
"""Share of the past in the running belief that it is people: about ten reports."""
_BELIEVED: Final = 0.5
"""A track that ends with less was not believed any more: sensors that should have seen it were silent."""
_CLEAR_SIGMA_M: Final = 10.0
"""Offsets less exact than this say nothing about where somebody is going."""
_NEW_SPEED: Final = 0.3
"""Weight of a new report in the running mean of the speed across the line."""
_VANISHED_STAYED: Final = 0.9
"""Probability that somebody who vanished where sensors watch has not left unseen (*assumed*: 1 minus what is left of
several looks at Pd 0.8 and sensors that share a failure)."""
_CREPT_STAYED: Final = 0.4
"""The same of somebody who was crawling out: sensors hear and see every other crawler (`site.performance`)."""
_HEARD_STAYED: Final = 0.45
"""The same of somebody who was only heard, and then not any more (*assumed*: as likely as not, and sensors fail)."""
_OUTWARD_MPS: Final = 0.15
"""Faster than this away from the line is on the way out."""
_GONE_M: Final = 5.0
"""So is having come so much further from the line since the last place that was stayed at."""
_STORM_STAYED: Final = 0.35
"""The same, of whoever vanished, where rain or wind hides people: there a walker is lost from sight as easily as one
who lies (*assumed*; of thirty who crossed in the simulated storm seven were)."""
_STORM_RAIN_MM_PER_H: Final = 2.0
_STORM_WIND_MPS: Final = 10.0
_STORM_S: Final = 10_800.0
"""A weather report older than this hides nobody: a station that has failed in the storm would hide them for ever."""
_LOST_STAYED: Final = 0.7
"""The same where nothing watches, after a stop (*assumed*)."""


class WelfareSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When stillness becomes a concern."""

    still_m: float = 15.0
    """Within this of one place, along the line and across it, it has not moved; more than the scatter of sensors."""
    still_cold_s: float = 240.0
    """Stillness that is a concern in the cold; longer than people rest on their way."""
    still_s: float = 900.0
    """Stillness that is a concern in any weather."""
    cold_c: float = 5.0
    """Felt temperature from which it is cold."""
    near_m: float = 40.0
    """Somebody last seen further from the line than this has left ..."""
    leaving_m: float = 20.0
    """... and so has somebody last seen further than this and on the way out: sight fades before people do."""
    people_probability: float = 0.4
    """Probability that people are there, and still are, from which it is a concern."""
    stopped_s: float = 20.0
    """Lost where nothing watches, somebody is a concern only after having stopped for so long."""
    seen_s: float = 60.0
    """Seen within so long, the concern is likely; otherwise possible."""
    crept_mps: float = 0.7
    """On the way out, and no faster than this, it is somebody who crawls, and whom most sensors miss."""
    crawl_mps: float = 0.3
    """How fast somebody may still move unnoticed: the search circle grows by it."""
    search_most_m: float = 300.0
    """Where the search circle stops growing."""


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
    anchor_offset_m: float | None = None
    """Distance from the line of the place where they have stayed; None as long as nobody could see it."""
    offset_m: float | None = None
    """Distance from the line when last seen, where known."""
    offset_sigma_m: float = 1.0
    """Standard deviation of `offset_m`."""
    across_mps: float = 0.0
    """Speed across the line when last seen, positive outward."""
    vanished: bool = False
    """Lost where sensors watch that would have seen them go on: they stopped, or those sensors failed."""
    hidden: bool = False
    """Lost while the weather hid people who walk; what it does later says nothing about that moment."""


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


def watched(
    vigil: Vigil | None, track: Track, settings: WelfareSettings, *, hidden: bool = False, strangers: bool = False
) -> Vigil:
    """The vigil after one more report of one of its tracks.

    `hidden`: the weather hides people now. `strangers`: somebody is among them whom nothing explains, so that they are
    not all own people, whatever this track is matched with.
    """
    people = sum(track.mover_probabilities[index] for index in _PEOPLE)
    place_m, now_ns, offset_m = track.chainage_m, track.last_ns, track.offset_m
    if vigil is None:
        across_mps = track.offset_velocity_mps or 0.0
        sigma_m = track.offset_sigma_m or 1.0
        return Vigil(place_m, now_ns, now_ns, people, track.known is not None, offset_m, offset_m, sigma_m, across_mps)
    if track.state == "ended":
        return msgspec.structs.replace(vigil, vanished=track.existence_probability < _BELIEVED, hidden=hidden)
    aside_m = 0.0
    if offset_m is not None and vigil.anchor_offset_m is not None:
        aside_m = offset_m - vigil.anchor_offset_m if (track.offset_sigma_m or 1.0) <= _CLEAR_SIGMA_M else 0.0
    # Who is felt at work on the barrier is not lying still.
    moved = math.hypot(place_m - vigil.anchor_m, aside_m) > settings.still_m or track.intent == "contact"
    seen_now = now_ns > vigil.seen_ns and track.state == "confirmed"
    return Vigil(
        anchor_m=place_m if moved else vigil.anchor_m,
        since_ns=now_ns if moved else vigil.since_ns,
        seen_ns=max(now_ns, vigil.seen_ns),
        people_probability=_MEMORY * vigil.people_probability + (1.0 - _MEMORY) * people,
        known=(vigil.known or track.known is not None) and not strangers,
        anchor_offset_m=offset_m if moved or vigil.anchor_offset_m is None else vigil.anchor_offset_m,
        offset_m=offset_m if seen_now and offset_m is not None else vigil.offset_m,
        offset_sigma_m=track.offset_sigma_m or 1.0 if seen_now and offset_m is not None else vigil.offset_sigma_m,
        across_mps=vigil.across_mps + _NEW_SPEED * ((track.offset_velocity_mps or 0.0) - vigil.across_mps) * seen_now,
    )


def hides_people(weather: Weather | None, now_ns: int) -> bool:
    """Whether it rains or blows so hard that sensors lose people who walk, by a report that is not too old."""
    if weather is None or now_ns - weather.time_ns > _STORM_S * _NS_PER_S:
        return False
    return (weather.rain_mm_per_h or 0.0) >= _STORM_RAIN_MM_PER_H or (weather.wind_mps or 0.0) >= _STORM_WIND_MPS


def still_there(vigil: Vigil, tick: Tick, settings: WelfareSettings) -> float:
    """Probability that people are there and have not left.

    People last seen beyond `near_m`, or beyond `leaving_m` on their way out, have left. Who vanished where sensors
    watch can hardly have left unseen, unless crawling or while the weather hid people; who was lost elsewhere could,
    and counts only after having stopped. Of people who are only heard, by sensors that cannot tell how far from the
    line, it is an open question.
    """
    if vigil.known:
        return 0.0
    if vigil.offset_m is None:
        return vigil.people_probability * _HEARD_STAYED * vigil.vanished
    outward_mps = math.copysign(1.0, vigil.offset_m) * vigil.across_mps
    gone_m = abs(vigil.offset_m) - abs(vigil.anchor_offset_m or vigil.offset_m)
    leaving = outward_mps >= _OUTWARD_MPS or gone_m >= _GONE_M
    near_m = settings.leaving_m if leaving else settings.near_m
    people = vigil.people_probability * _within(vigil.offset_m, vigil.offset_sigma_m, near_m)
    unseen_s = (tick.time_ns - vigil.seen_ns) / _NS_PER_S
    if unseen_s <= settings.seen_s:
        return people
    if vigil.vanished:
        crept = leaving and outward_mps <= settings.crept_mps
        stayed = _CREPT_STAYED if crept else _VANISHED_STAYED
        return people * (min(stayed, _STORM_STAYED) if vigil.hidden else stayed)
    stopped_s = (vigil.seen_ns - vigil.since_ns) / _NS_PER_S
    return people * _LOST_STAYED if stopped_s >= settings.stopped_s else 0.0


def _within(offset_m: float, sigma_m: float, near_m: float) -> float:
    """Probability that somebody seen at this offset was nearer to the line than `near_m`."""
    scale = math.sqrt(2.0) * max(sigma_m, 1.0)
    return 0.5 * (math.erf((near_m - offset_m) / scale) + math.erf((near_m + offset_m) / scale))


def search_m(vigil: Vigil, time_ns: int, settings: WelfareSettings) -> float:
    """Radius of the circle about the last sight in which they are, growing since."""
    unseen_s = max(time_ns - vigil.seen_ns, 0) / _NS_PER_S
    return min(settings.still_m + settings.crawl_mps * unseen_s, settings.search_most_m)


def concern(vigil: Vigil, weather: Weather | None, tick: Tick, settings: WelfareSettings) -> str:
    """Why these people are in distress, possibly, in words; empty where nothing says so."""
    still_s = (tick.time_ns - vigil.since_ns) / _NS_PER_S
    if still_s < min(settings.still_cold_s, settings.still_s):
        return ""
    felt = None
    if weather is not None and weather.temperature_c is not None:
        felt = felt_c(weather.temperature_c, weather.wind_mps or 0.0)
    limit_s = settings.still_cold_s if felt is not None and felt <= settings.cold_c else settings.still_s
    probability = still_there(vigil, tick, settings)
    if still_s < limit_s or probability < settings.people_probability:
        return ""
    unseen_s = (tick.time_ns - vigil.seen_ns) / _NS_PER_S
    likely = unseen_s <= settings.seen_s
    parts = [f"distress {'likely' if likely else 'possible'}: has not moved for {still_s / 60:.0f} min"]
    if not likely:
        parts.append(f"not seen for {unseen_s / 60:.0f} min, and not seen leaving")
        parts.append(f"search within {search_m(vigil, tick.time_ns, settings):.0f} m")
    parts.append(f"probability {probability:.1f} that somebody is there")
    if felt is not None:
        parts.append(f"it feels like {felt:.0f} degrees Celsius")
    return "; ".join(parts)


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
