"""Cries for help of own people: each opens a case of distress at once, and none of them ends one.

Whoever cries is believed, proved or not: a false alarm costs a look, a missed one may cost a life. Taking it back is
said beside it, and counts as returned to normal only from somebody no less proved than who cried; a person closes it.
"""

from typing import Any, Final

import msgspec

from linewatch.incident.entries import Refusal
from linewatch.incident.lifecycle import Move, apply_system_move
from linewatch.incident.policy import PRIORITY
from linewatch.incident.rating import hazards_here
from linewatch.incident.state import Cry, IncidentStepState, Wait
from linewatch.incident.words import where
from linewatch.records import Emergency, Health, Incident, Record, Tick, Weather, derive_kind, incident_id, quantise
from linewatch.site.model import Site

AGAIN_S: Final = 600.0
"""A device that still cries so long after people have closed its incident, or was silent for so long, is a new case."""
MOVED_M: Final = 10.0
"""Coming so much further is worth a new version of the incident."""
MOST_UNPROVED: Final = 20
"""Open incidents that those may have caused who have proved nothing: a flood of cries must not bury the real ones."""
_NS_PER_S: Final = 1_000_000_000


def heard(
    site: Site,
    state: IncidentStepState,
    said: Emergency,
    weather: Weather | None,
    tick: Tick,
    settings_id: str,
) -> list[Record]:
    """Take one message of a device that cries for help, or takes that back; what is refused, in words."""
    cry = state.cries.get(said.id)
    if cry is not None and said.time_ns < cry.heard_ns:
        return []  # old news, come late
    incident = None if cry is None else _standing(state, cry.incident)
    if said.over:
        if cry is not None:
            _taken_back(state, cry, incident, said, tick)
        return []
    if cry is not None and incident is None and cry.authenticated >= said.authenticated:
        since_ns = cry.hushed_ns or said.time_ns
        silent_ns = said.time_ns - cry.heard_ns
        if not cry.over and max(said.time_ns - since_ns, silent_ns) < AGAIN_S * _NS_PER_S:
            state.cries[said.id] = msgspec.structs.replace(cry, heard_ns=said.time_ns, hushed_ns=since_ns)
            return []
    if incident is not None and cry is not None:
        _goes_on(site, state, cry, incident, said, tick)
        return []
    _forget_old(state, said.time_ns)
    if not said.authenticated and _unproved(state) >= MOST_UNPROVED:
        text = f"emergency of {said.id}: {MOST_UNPROVED} cases by devices that prove nothing are open already"
        return [Health(said.line, "", tick.time_ns, "refused", "degraded", text)]
    opened = _opened(site, said, tick, settings_id)
    opened = msgspec.structs.replace(opened, hazards=hazards_here(site, opened, weather))
    state.incidents[opened.id] = opened
    state.waiting[opened.id] = Wait(tick.time_ns)
    state.cries[said.id] = Cry(opened.id, said.time_ns, over=False, authenticated=said.authenticated)
    return []


def _standing(state: IncidentStepState, key: str) -> Incident | None:
    """The incident, or the one that it was merged into, while it is open."""
    while key not in state.incidents and key in state.closed and state.closed[key].incident.merged_into:
        key = state.closed[key].incident.merged_into or ""
    return state.incidents.get(key)


def _forget_old(state: IncidentStepState, now_ns: int) -> None:
    """Drop what would be a new case anyway."""
    for key, cry in list(state.cries.items()):
        if _standing(state, cry.incident) is None and now_ns - cry.heard_ns >= AGAIN_S * _NS_PER_S:
            del state.cries[key]


def _unproved(state: IncidentStepState) -> int:
    return sum(not cry.authenticated and cry.incident in state.incidents for cry in state.cries.values())


def _taken_back(state: IncidentStepState, cry: Cry, incident: Incident | None, said: Emergency, tick: Tick) -> None:
    """Said, and seen; who is no less proved than who cried brings it back to normal. It stays until people close it."""
    counts = said.authenticated or not cry.authenticated
    if counts:
        state.cries[said.id] = msgspec.structs.replace(cry, heard_ns=said.time_ns, over=True)
    words = "taken back by the device; ask them" if counts else "somebody without proof says that it is over; ask them"
    if incident is None or incident.reason.startswith(words):
        return
    told = msgspec.structs.replace(incident, reason=f"{words}. {_cried(incident.reason)}", updated_ns=tick.time_ns)
    state.incidents[incident.id] = _moved(told, "return", tick) if counts else told


def _goes_on(site: Site, state: IncidentStepState, cry: Cry, incident: Incident, said: Emergency, tick: Tick) -> None:
    """The device cries on, perhaps from another place, perhaps after it had taken it back."""
    if cry.authenticated and not said.authenticated:
        return  # nobody without proof leads the search elsewhere
    proved = said.authenticated
    state.cries[said.id] = Cry(cry.incident, said.time_ns, over=False, authenticated=proved)
    moved = abs(said.chainage_m - incident.chainage_m) >= MOVED_M
    moved |= abs((said.offset_m or 0.0) - (incident.front_m or 0.0)) >= MOVED_M
    if not (moved or cry.over or proved != cry.authenticated):
        return
    now = msgspec.structs.replace(incident, **_placed(site, said), reason=_reason(site, said), updated_ns=tick.time_ns)
    now = quantise(now)
    state.incidents[incident.id] = _moved(now, "reopen", tick) if cry.over else now
    if cry.over:
        state.waiting[incident.id] = Wait(tick.time_ns)


def _moved(incident: Incident, move: Move, tick: Tick) -> Incident:
    moved = apply_system_move(incident, move, tick.time_ns)
    return incident if isinstance(moved, Refusal) else moved


def _opened(site: Site, said: Emergency, tick: Tick, settings_id: str) -> Incident:
    section = site.section_at(said.line, said.chainage_m).name
    key = f"emergency {said.id}"
    kind = derive_kind(concern="distress")
    return quantise(
        Incident(
            id=incident_id(site.name, said.line, section, tick.time_ns, key),
            line=said.line,
            section=section,
            raised_ns=tick.time_ns,
            updated_ns=tick.time_ns,
            closed_ns=None,
            kind=kind,
            kind_probability=1.0 if said.authenticated else 0.9,
            mover="person",
            act="none",
            concern="distress",
            count_low=1,
            count_high=1,
            priority=PRIORITY[kind],
            state="raised",
            sensors=(),
            reason=_reason(site, said),
            settings_id=settings_id,
            first_detection=key,
            **_placed(site, said),
        )
    )


def _placed(site: Site, said: Emergency) -> dict[str, Any]:
    """Where it is, as fields of an incident."""
    place = site.nearest_place(said.line, said.chainage_m)
    length_m = site.line(said.line).length_m
    return {
        "chainage_m": said.chainage_m,
        "chainage_sigma_m": said.chainage_sigma_m,
        "from_m": max(said.chainage_m - said.chainage_sigma_m, 0.0),
        "to_m": min(said.chainage_m + said.chainage_sigma_m, length_m),
        "place": place.name if place else "",
        "front_m": said.offset_m,
    }


def _reason(site: Site, said: Emergency) -> str:
    """In words; `_cried` finds them again behind what is said of taking it back."""
    parts = [f"call for help by {said.id}" + (f" ({said.what})" if said.what else "")]
    parts += [] if said.authenticated else ["the device has not proved who it is"]
    parts += [f"at {said.where}"] if said.where else []
    away_m = abs(said.offset_m or 0.0)
    parts += [f"{away_m:.0f} m from the line"] if away_m >= MOVED_M else []
    return "; ".join([*parts, where(site, said.line, said.chainage_m)])


def _cried(reason: str) -> str:
    at = reason.find("call for help by ")
    return reason[max(at, 0) :]
