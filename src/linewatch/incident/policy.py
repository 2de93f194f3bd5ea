"""When a track or an outage becomes an incident, what kind it is, and how urgent."""

import math
from typing import Final

import msgspec
import numpy as np

from linewatch.incident import words
from linewatch.incident.welfare import Vigil, WelfareSettings, search_m
from linewatch.incident.witnesses import Witnesses
from linewatch.records import ACTS, MOVERS, Incident, Outage, Track, derive_kind, incident_id, quantise
from linewatch.records.vocabulary import Act, Concern, Intent, Kind, Mover
from linewatch.site.model import Site

PRIORITY: Final[dict[Kind, int]] = {
    "distress": 1,
    "barrier_contact": 1,
    "crossing": 2,
    "blinded": 2,
    "tamper": 2,
    "seat": 2,
    "approach": 3,
    "outage": 3,
    "vehicle": 3,
    "unknown": 3,
    "train": 5,
    "animal": 5,
    "known": 5,
    "nuisance": 5,
}
_NS_PER_S: Final = 1_000_000_000
_PERSON: Final = MOVERS.index("person")
_GROUP: Final = MOVERS.index("group")
_HARMLESS: Final = tuple(MOVERS.index(name) for name in ("animal", "train", "weather"))
_HARMLESS_KINDS: Final = frozenset({"animal", "train", "nuisance"})
_SAME_PLACE_M: Final = 10.0
"""So near, two tracks one after the other are one event, whoever saw them."""
_EXPLAINED: Final[frozenset[Kind]] = frozenset({"approach", "vehicle", "animal", "train", "known", "unknown"})
"""What own people do every day. They too are called when they touch the barrier, cross it, or are in distress."""
_LASTING: Final = frozenset({"barrier_contact", "crossing", "distress"})
_BLINDING: Final = frozenset({"dazzled", "strobed", "covered", "defocused", "fogged", "frozen", "dark"})
_TAMPERING: Final = frozenset({"tamper", "fibre_cut", "moved", "replayed_data"})


class IncidentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What raises an incident and how long it may wait for a person."""

    raise_probability: float = 0.9
    """Existence probability from which a confirmed track raises an incident."""
    lone_wait_s: float = 0.8
    """Where another kind of sensor watches too, a lone witness must go on for so long ..."""
    lone_detections: int = 2
    """... detect so often ..."""
    lone_probability: float = 0.99
    """... and be so sure that something is there, before its track raises an incident."""
    agreeing_detections: int = 3
    """Detections of a track that two kinds of sensor have seen: two weak ones meet by chance too often."""
    threat_probability: float = 0.88
    """How sure it must be that something is not harmless before it is raised at once: as sure as one camera is."""
    sure_probability: float = 0.95
    """The same for what is harmless, and for calling an incident the one after it was called the other."""
    unsure_s: float = 1.5
    """How long a new track that is likely no harmless one (`likely_probability`) may keep it open ..."""
    likely_probability: float = 0.75
    """... which it is from so much on ..."""
    open_s: float = 4.0
    """... and how long any other: then it is raised as what it looks like."""
    beside_s: float = 10.0
    """How long a newcomer right beside somebody who is followed already must go on before it says anything of the two,
    unless it crosses or touches: whoever many sensors see is now and then seen double for some seconds."""
    join_gap_m: float = 25.0
    """A new track this near to an open incident's stretch, and seen by the same sensors, joins it."""
    join_gap_s: float = 30.0
    """Longest time since that incident was last fed."""
    rest_s: float = 300.0
    """People seen again so long after they were lost are the same ..."""
    again_m: float = 40.0
    """... within the circle that they could have crawled, and no further than this."""
    crowd_count: int = 10
    """From so many on (at most), new tracks beside an incident's stretch are parts of the same crowd."""
    beside_m: float = 10.0
    """Movers of one sort this near to each other, along the line and across it, are one party and one event."""
    return_s: float = 30.0
    """Time after which an incident without a live track returns to normal (and stays visible)."""
    outage_after_s: float = 5.0
    """How long an outage lasts before it is an incident; shorter ones stand in the record only."""
    outage_from_m: float = 50.0
    """Shortest stretch whose outage is an incident of its own."""
    escalate_after_s: tuple[float, ...] = (60.0, 120.0, 300.0, 900.0)
    """Time without an acknowledgement until the next escalation, by priority 1 to 4; 5 does not escalate."""
    welfare: WelfareSettings = WelfareSettings()
    """When stillness becomes a concern."""
    escalations: int = 3
    """How often an incident is escalated at most."""


def barrier_contact(site: Site, track: Track) -> bool:
    """Whether what was felt hung on the barrier itself: only fence cables and contacts feel that alone."""
    kinds = {site.sensor(sensor).kind for sensor in track.sensors if site.has_sensor(sensor)}
    return bool(kinds) and kinds <= {"fibre_vibration", "contact"}


def convincing(witnesses: Witnesses, track: Track, settings: IncidentSettings, *, beside: bool = False) -> bool:
    """Sure that it is there, and borne out by a second witness wherever there could be one, or by going on.

    `beside`: somebody is followed right there already, and may be seen double for a moment.
    """
    if track.state != "confirmed" or track.existence_probability < settings.raise_probability:
        return False
    goes_on_s = (track.last_ns - track.first_ns) / _NS_PER_S
    if beside and goes_on_s < settings.beside_s:
        return False
    if not witnesses.could_agree(track) and len(track.sensors) == 1:
        return True
    threat = threat_probability(track)
    sure = threat >= settings.threat_probability or 1.0 - threat >= settings.sure_probability
    settled = sure or goes_on_s >= (settings.unsure_s if threat >= settings.likely_probability else settings.open_s)
    if not settled and not (threat >= 0.5 and barrier_contact(witnesses.site, track)):
        return False
    if witnesses.agree(track):
        return track.detections >= settings.agreeing_detections
    goes_on = goes_on_s >= settings.lone_wait_s and track.detections >= settings.lone_detections
    return goes_on and track.existence_probability >= settings.lone_probability


def threat_probability(track: Track) -> float:
    """Probability that it is none of what needs nobody: an animal, a train, the weather."""
    return 1.0 - sum(track.mover_probabilities[index] for index in _HARMLESS)


def _mover(track: Track) -> tuple[Mover, float]:
    """The likeliest mover. One person and several are told apart only after people are told from all else."""
    shares = track.mover_probabilities
    people = shares[_PERSON] + shares[_GROUP]
    others = max(share for index, share in enumerate(shares) if index not in (_PERSON, _GROUP))
    if people >= others and people >= 2.0 / len(MOVERS):
        return ("group" if shares[_GROUP] > shares[_PERSON] else "person"), people
    return _likeliest(shares, MOVERS, "unknown")  # type: ignore[return-value]  # names come from MOVERS, in its order


def _likeliest(probabilities: tuple[float, ...], names: tuple[str, ...], unsure: str) -> tuple[str, float]:
    best = int(np.argmax(probabilities))
    # A flat distribution is no opinion: the likeliest must stand clear of an even share.
    if probabilities[best] < 2.0 / len(names):
        return unsure, probabilities[best]
    return names[best], probabilities[best]


def judge(site: Site, track: Track, *, trusted: bool) -> tuple[Kind, float, Mover, Act]:
    """Kind, its probability, mover and act of a track."""
    mover, p_mover = _mover(track)
    act, p_act = _likeliest(track.act_probabilities, ACTS, "none")
    if mover == "weather":
        # Wind shakes a fence as a hand does; where it is taken for wind, what it does is no act.
        act = "none"
    intent: Intent = track.intent
    contact = act == "none" and barrier_contact(site, track) and mover in ("person", "group", "unknown")
    if contact and intent in ("unknown", "still", "loiter"):
        intent = "contact"
    if mover == "weather" and intent == "contact" and threat_probability(track) < 0.5:
        intent = "unknown"
    kind = derive_kind(
        act=act,  # type: ignore[arg-type]  # names come from ACTS, in its order
        mover=mover,
        intent=intent,
        known=trusted and track.known is not None,
    )
    certain = p_act if act != "none" else (1.0 if mover == "unknown" else p_mover)
    return kind, track.existence_probability * certain, mover, act  # type: ignore[return-value]


def urgency(kind: Kind, *, trusted: bool) -> int:
    """Priority of an incident of this kind; `trusted`: of somebody who has proved to be one of our own people."""
    return PRIORITY["known"] if trusted and kind in _EXPLAINED else PRIORITY[kind]


def from_track(site: Site, track: Track, tick_ns: int, settings_id: str, *, trusted: bool = False) -> Incident:
    """The incident that this track raises now; `trusted` tells whether its known mover has proved who it is."""
    kind, probability, mover, act = judge(site, track, trusted=trusted)
    return quantise(
        Incident(
            id=incident_id(site.name, track.line, track.section, tick_ns, track.first_detection),
            line=track.line,
            section=track.section,
            raised_ns=tick_ns,
            updated_ns=tick_ns,
            closed_ns=None,
            kind=kind,
            kind_probability=probability,
            mover=mover,
            act=act,
            concern="none",
            chainage_m=track.chainage_m,
            chainage_sigma_m=track.chainage_sigma_m,
            from_m=track.from_m,
            to_m=track.to_m,
            place=_place(site, track.line, track.chainage_m),
            count_low=track.count_low,
            count_high=track.count_high,
            priority=urgency(kind, trusted=trusted and track.known is not None),
            state="raised",
            sensors=track.sensors,
            reason=words.of_track(site, track),
            settings_id=settings_id,
            tracks=(track.id,),
            first_detection=track.first_detection,
            late=track.late,
        )
    )


def _stays(incident: Incident, kind: Kind, track: Track, settings: IncidentSettings) -> bool:
    """Whether the incident keeps what it is called, whatever its track looks like now.

    What was once known to be on the barrier, or across it, stays so, and so does distress: none of them ends by walking
    away. Between harmless and not, only a sure word turns it: a deer is not announced anew for every doubtful frame.
    """
    if incident.concern == "distress":
        return True
    harmless = kind in _HARMLESS_KINDS
    if harmless != (incident.kind in _HARMLESS_KINDS):
        threat = threat_probability(track)
        sure = (1.0 - threat if harmless else threat) >= settings.sure_probability
        return not sure or (harmless and incident.kind in _LASTING)
    return PRIORITY[kind] > PRIORITY[incident.kind]


def refreshed(
    site: Site, incident: Incident, track: Track, tick_ns: int, settings: IncidentSettings, *, trusted: bool = False
) -> Incident:
    """The incident as its track stands now; the same object where nothing a person would see has changed."""
    kind, probability, mover, act = judge(site, track, trusted=trusted)
    tracks = incident.tracks if track.id in incident.tracks else (*incident.tracks, track.id)
    if _stays(incident, kind, track, settings):
        kind, probability, mover, act = incident.kind, incident.kind_probability, incident.mover, incident.act
    sensors = tuple(sorted({*incident.sensors, *track.sensors}))
    new = quantise(
        msgspec.structs.replace(
            incident,
            updated_ns=tick_ns,
            kind=kind,
            kind_probability=probability,
            mover=mover,
            act=act,
            chainage_m=track.chainage_m,
            chainage_sigma_m=track.chainage_sigma_m,
            from_m=track.from_m,
            to_m=track.to_m,
            place=_place(site, track.line, track.chainage_m),
            priority=urgency(kind, trusted=trusted and track.known is not None),
            sensors=sensors,
            reason=_reason(site, incident, msgspec.structs.replace(track, sensors=sensors)),
            tracks=tracks,
            late=incident.late or track.late,
        )
    )
    unchanged = msgspec.structs.replace(new, updated_ns=incident.updated_ns) == incident
    return incident if unchanged else new


def _reason(site: Site, incident: Incident, track: Track) -> str:
    """The track in words; a distress keeps what raised it in front."""
    said = words.of_track(site, track)
    return said if incident.concern != "distress" else f"{incident.reason.split('. ', 1)[0]}. {said}"


def is_deliberate(outage: Outage) -> bool:
    """Whether it looks as if somebody does it: blinding a camera, touching a sensor."""
    return outage.cause in _BLINDING or outage.cause in _TAMPERING


def from_outage(site: Site, outage: Outage, tick_ns: int, settings_id: str) -> Incident:
    """The incident that this outage raises now: an outage, a blinding or a tampering by its cause."""
    concern: Concern = "outage"
    if outage.cause in _BLINDING:
        concern = "blinded"
    elif outage.cause in _TAMPERING:
        concern = "tamper"
    kind = derive_kind(concern=concern)
    middle_m = (outage.from_m + outage.to_m) / 2
    section = site.section_at(outage.line, middle_m).name
    return quantise(
        Incident(
            id=incident_id(site.name, outage.line, section, tick_ns, outage.id),
            line=outage.line,
            section=section,
            raised_ns=tick_ns,
            updated_ns=tick_ns,
            closed_ns=None,
            kind=kind,
            kind_probability=1.0,
            mover="unknown",
            act="none",
            concern=concern,
            chainage_m=middle_m,
            chainage_sigma_m=(outage.to_m - outage.from_m) / 12**0.5,
            from_m=outage.from_m,
            to_m=outage.to_m,
            place=_place(site, outage.line, middle_m),
            count_low=0,
            count_high=0,
            priority=PRIORITY[kind],
            state="raised",
            sensors=outage.sensors,
            reason=words.of_outage(site, outage),
            settings_id=settings_id,
            tracks=(),
            first_detection=outage.id,
        )
    )


def _alike(incident: Incident, vigil: Vigil | None, track: Track, settings: IncidentSettings) -> bool:
    """Whether a track beside a live incident is of the same party: as harmless, as well known, as far from the line."""
    if (threat_probability(track) < 0.5) != (incident.kind in _HARMLESS_KINDS):
        return False
    if vigil is None or vigil.known != (track.known is not None):
        return False
    if vigil.offset_m is None or track.offset_m is None:
        return True
    return abs(vigil.offset_m - track.offset_m) <= settings.beside_m + 2.0 * (track.offset_sigma_m or 0.0)


def continues(
    incident: Incident, vigil: Vigil | None, track: Track, *, live: bool, fed_ns: int, settings: IncidentSettings
) -> bool:
    """Whether a new track belongs to this open incident.

    Another part of a crowd does; so does a track that begins where the incident's last one just broke off, felt by the
    same sensors or right there; and so do people who are seen again where people were lost from sight.
    """
    if incident.line != track.line or not incident.tracks:
        return False
    mover = _mover(track)[0]
    if "unknown" not in (mover, incident.mover) and (mover == "vehicle") != (incident.mover == "vehicle"):
        return False
    gap_m = max(track.from_m - incident.to_m, incident.from_m - track.to_m)
    if live:
        crowd = incident.count_high >= settings.crowd_count and gap_m <= settings.join_gap_m
        return crowd or (gap_m <= settings.beside_m and _alike(incident, vigil, track, settings))
    if track.last_ns - fed_ns <= settings.join_gap_s * _NS_PER_S and gap_m <= settings.join_gap_m:
        return bool(set(track.sensors) & set(incident.sensors)) or gap_m <= _SAME_PLACE_M
    if vigil is None or vigil.known or vigil.offset_m is None:
        return False
    if min(vigil.people_probability, track.mover_probabilities[_PERSON] + track.mover_probabilities[_GROUP]) < 0.5:
        return False
    aside_m = 0.0 if track.offset_m is None else track.offset_m - vigil.offset_m
    away_m = math.hypot(track.chainage_m - vigil.anchor_m, aside_m)
    lately = track.first_ns - vigil.seen_ns <= settings.rest_s * _NS_PER_S
    return lately and away_m <= min(search_m(vigil, track.first_ns, settings.welfare), settings.again_m)


def _place(site: Site, line: str, chainage_m: float) -> str:
    place = site.nearest_place(line, chainage_m)
    return place.name if place else ""
