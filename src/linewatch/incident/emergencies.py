"""Cries for help of own people: each opens a case of distress at once, and none of them ends one.

Whoever cries is believed, proved or not: a false alarm costs a look, a missed one may cost a life. Taking it back is
said beside it, and counts as returned to normal only from somebody no less proved than who cried; a person closes it.

Where it is, is another matter. Who proves nothing moves nobody who has proved where it is, and who cries under one name
from a place that the other cannot have come to is a case of its own beside it.
"""

import math
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
MOST_PLACES: Final = 3
"""Cases that one name may open without proof, at places too far apart for one device."""
FASTEST_MPS: Final = 30.0
"""No device that cries is taken for faster (*assumed*: a vehicle)."""
_APART_M: Final = 100.0
PROVED_S: Final = 900.0
"""So long a place that was proved counts for more than one that was not."""
_WALK_MPS: Final = 1.5
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
    said = _where_proved(state, said)
    key, follows = _case(state, said)
    cry = state.cries.get(key)
    if cry is not None and said.time_ns < cry.heard_ns:
        return []  # old news, come late
    incident = None if cry is None else _standing(state, cry.incident)
    if said.over:
        if cry is not None:
            _taken_back(state, key, cry, incident, said, tick)
        return []
    if cry is not None and incident is None and cry.authenticated >= said.authenticated:
        since_ns = cry.hushed_ns or said.time_ns
        silent_ns = said.time_ns - cry.heard_ns
        if not cry.over and max(said.time_ns - since_ns, silent_ns) < AGAIN_S * _NS_PER_S:
            state.cries[key] = msgspec.structs.replace(cry, heard_ns=said.time_ns, hushed_ns=since_ns)
            return []
    if incident is not None and cry is not None:
        if follows:
            _goes_on(site, state, key, incident, said, tick)
        return []
    _forget_old(state, said.time_ns)
    if not said.authenticated and _unproved(state) >= MOST_UNPROVED:
        text = f"emergency of {said.id}: {MOST_UNPROVED} cases by devices that prove nothing are open already"
        return [Health(said.line, "", tick.time_ns, "refused", "degraded", text)]
    opened = _opened(site, said, f"emergency {key}", tick, settings_id)
    opened = msgspec.structs.replace(opened, hazards=hazards_here(site, opened, weather))
    state.incidents[opened.id] = opened
    state.waiting[opened.id] = Wait(tick.time_ns)
    state.cries[key] = Cry(opened.id, said.time_ns, over=False, authenticated=said.authenticated)
    return []


def _where_proved(state: IncidentStepState, said: Emergency) -> Emergency:
    """A cry without proof, where its device was last by its own proof; what it says of its place stands beside it."""
    proved = state.proven.get(said.id)
    if proved is None or said.authenticated or said.over:
        return said
    age_s = (said.time_ns - proved.time_ns) / _NS_PER_S
    if abs(age_s) > PROVED_S:
        return said
    claimed = f"; who cries without proof says {said.where}" if said.where else ""
    return msgspec.structs.replace(
        said,
        line=proved.line,
        chainage_m=proved.chainage_m,
        chainage_sigma_m=math.hypot(proved.chainage_sigma_m, _WALK_MPS * max(age_s, 0.0)),
        offset_m=proved.offset_m,
        where=f"the last place that it has proved, {max(age_s, 0.0):.0f} s before{claimed}",
    )


def _case(state: IncidentStepState, said: Emergency) -> tuple[str, bool]:
    """Under which name this is kept, and whether the case follows it to its place."""
    first = state.cries.get(said.id)
    if first is None or first.authenticated or said.authenticated or _is_nowhere(said):
        return said.id, True
    names = [said.id, *(f"{said.id} ({number})" for number in range(2, MOST_PLACES + 1))]
    standing = {name: _standing(state, state.cries[name].incident) for name in names if name in state.cries}
    near = {
        name: apart_m
        for name, incident in standing.items()
        if incident is not None and (apart_m := _apart_m(state.cries[name], incident, said)) is not None
    }
    if near:
        return min(near, key=lambda name: near[name]), True
    if standing[said.id] is None or said.over:
        return said.id, True
    free = next((name for name in names if standing.get(name) is None), "")
    return (free, True) if free else (said.id, False)


def _apart_m(cry: Cry, incident: Incident, said: Emergency) -> float | None:
    """How far apart this cry and a case are; None where one device cannot have cried there then, and here now."""
    if incident.line != said.line:
        return None
    aside_m = 0.0 if None in (said.offset_m, incident.front_m) else (said.offset_m or 0.0) - (incident.front_m or 0.0)
    apart_m = math.hypot(said.chainage_m - incident.chainage_m, aside_m)
    since_s = max((said.time_ns - cry.heard_ns) / _NS_PER_S, 0.0)
    doubt_m = 3.0 * (said.chainage_sigma_m + incident.chainage_sigma_m)
    return apart_m if apart_m <= _APART_M + doubt_m + FASTEST_MPS * since_s else None


def _is_nowhere(said: Emergency) -> bool:
    """Whether nobody knows where it is from."""
    return said.offset_m is None


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


def _taken_back(
    state: IncidentStepState, key: str, cry: Cry, incident: Incident | None, said: Emergency, tick: Tick
) -> None:
    """Said, and seen; who is no less proved than who cried brings it back to normal. It stays until people close it."""
    counts = said.authenticated or not cry.authenticated
    if counts:
        state.cries[key] = msgspec.structs.replace(cry, heard_ns=said.time_ns, over=True)
    words = "taken back by the device; ask them" if counts else "somebody without proof says that it is over; ask them"
    if incident is None or incident.reason.startswith(words):
        return
    told = msgspec.structs.replace(incident, reason=f"{words}. {_cried(incident.reason)}", updated_ns=tick.time_ns)
    state.incidents[incident.id] = _moved(told, "return", tick) if counts else told


def _goes_on(site: Site, state: IncidentStepState, key: str, incident: Incident, said: Emergency, tick: Tick) -> None:
    """The device cries on, perhaps from another place, perhaps after it had taken it back."""
    cry = state.cries[key]
    if cry.authenticated and not said.authenticated:
        return  # nobody without proof leads the search elsewhere
    proved = said.authenticated
    state.cries[key] = Cry(cry.incident, said.time_ns, over=False, authenticated=proved)
    if _is_nowhere(said) and incident.front_m is not None:  # where it was is better than nowhere
        said = msgspec.structs.replace(
            said,
            line=incident.line,
            chainage_m=incident.chainage_m,
            chainage_sigma_m=incident.chainage_sigma_m,
            offset_m=incident.front_m,
            where="a place not known any more; shown is where it was",
        )
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


def _opened(site: Site, said: Emergency, key: str, tick: Tick, settings_id: str) -> Incident:
    section = site.section_at(said.line, said.chainage_m).name
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
