"""People's moves carried out on the state of the incident step: each is made, or refused with its reason.

Every function here changes the tables of the state that it is given, which is the step's own copy.
"""

from typing import Final

import msgspec

from linewatch.incident import known, looking, placing, seats
from linewatch.incident.desk import DeskSettings
from linewatch.incident.entries import Refusal
from linewatch.incident.lifecycle import TABLE, UNDO_S, apply_act
from linewatch.incident.party import sized
from linewatch.incident.state import Closed, IncidentStepState, Undo, Wait, forget
from linewatch.records import Incident, OperatorAct, Tick
from linewatch.site.model import Site

_NS_PER_S: Final = 1_000_000_000
_BESIDE: Final = frozenset({"note", "remedy", "escalate"})
"""Moves that leave the last one to be taken back, and the waiting as it was."""
_KEEP_WAITING: Final = frozenset({*_BESIDE, "hazards", "outcome"})
_BY_PEOPLE: Final = (
    *("state", "closed_ns", "assessment", "assessment_cause", "outcome", "hazards", "seat", "acknowledged_ns"),
    *("patrol", "assigned_ns", "accepted_ns", "under_way_ns", "on_scene_ns", "shelved_until_ns", "merged_into"),
)
"""What people set, and what taking a move back restores."""


def carry_out(state: IncidentStepState, act: OperatorAct, site: Site, settings: DeskSettings, tick: Tick) -> str:
    """Make a move. What comes back is why it was refused; empty where it was made."""
    if not act.incident:
        return _on_site(state, act, site, settings, tick)
    if act.move == "undo":
        return _undo(state, act, tick)
    incident = _found(state, act.incident)
    if incident is None:
        return f"there is no open incident {act.incident!r}"
    moved = apply_act(incident, act, tick.time_ns, state.worsened_ns.get(incident.id))
    if isinstance(moved, Refusal):
        return moved.reason
    if moved.merged_into and not incident.merged_into and (why_not := _unmergeable(state, incident, moved.merged_into)):
        return why_not
    _note_made(state, incident, moved, act, tick)
    if moved.merged_into and not incident.merged_into:
        _hand_to(state, incident.id, moved.merged_into, tick)
    if act.move == "acknowledge" or dict(act.values).get("members") == "with":
        for member in [each for each in state.incidents.values() if each.group == incident.id]:
            followed = apply_act(member, msgspec.structs.replace(act, incident=member.id), tick.time_ns)
            if not isinstance(followed, Refusal):
                _note_made(state, member, followed, act, tick)
    return ""


def waits(incident: Incident, now_ns: int) -> Wait | None:
    """What somebody should do with an incident as it stands now; None where nothing is pressing."""
    unanswered = incident.state in ("raised", "returned", "acknowledged")
    return Wait(now_ns) if unanswered or (incident.state == "responding" and incident.accepted_ns is None) else None


def _found(state: IncidentStepState, key: str) -> Incident | None:
    if key in state.incidents:
        return state.incidents[key]
    return state.closed[key].incident if key in state.closed else None


def _put(state: IncidentStepState, incident: Incident) -> None:
    if incident.id in state.incidents:
        state.incidents[incident.id] = incident
    else:
        state.closed[incident.id] = msgspec.structs.replace(state.closed[incident.id], incident=incident)


def _note_made(state: IncidentStepState, before: Incident, now: Incident, act: OperatorAct, tick: Tick) -> None:
    _put(state, now)
    wait = state.waiting.get(now.id)
    if act.move not in _BESIDE:
        state.undo.pop(now.id, None)
        if TABLE[act.move].undo_s:  # type: ignore[index]  # a move that was made is in the table
            state.undo[now.id] = Undo(before, act, tick.time_ns, wait)
    if act.move not in _KEEP_WAITING:
        _wait(state, now.id, waits(now, tick.time_ns))
    elif act.move == "escalate" and wait is not None:
        state.waiting[now.id] = Wait(tick.time_ns, wait.times)


def _wait(state: IncidentStepState, key: str, wait: Wait | None) -> None:
    state.waiting.pop(key, None)
    if wait is not None and key in state.incidents:
        state.waiting[key] = wait


def _unmergeable(state: IncidentStepState, incident: Incident, into: str) -> str:
    target = state.incidents.get(into)
    if target is None or target.id == incident.id or target.state == "closed":
        return f"merge: into: found {into!r}; allowed: another incident that is open"
    if target.line != incident.line:
        return f"merge: into: {into} lies on the line {target.line}, this one on {incident.line}"
    if incident.concern != target.concern:
        return f"merge: this is of the concern {incident.concern}, the other of {target.concern}; allowed: the same"
    return ""


def _hand_to(state: IncidentStepState, key: str, into: str, tick: Tick) -> None:
    """Let another incident have the tracks and outages of one that was merged into it."""
    target = state.incidents[into]
    parts = state.parts.pop(key, {})
    tracks = tuple(track for track in state.incidents[key].tracks if track not in target.tracks)
    state.by_track.update(dict.fromkeys([t for t, owner in state.by_track.items() if owner == key], into))
    state.by_outage.update(dict.fromkeys([o for o, owner in state.by_outage.items() if owner == key], into))
    state.parts[into] = {**state.parts.get(into, {}), **parts}
    state.fed_ns[into] = max(state.fed_ns.get(into, 0), state.fed_ns.get(key, 0))
    if key in state.vigils:
        state.vigils.setdefault(into, state.vigils[key])
    target = msgspec.structs.replace(target, tracks=(*target.tracks, *tracks), updated_ns=tick.time_ns)
    state.incidents[into] = sized(target, state.parts[into], tick.time_ns)


def _undo(state: IncidentStepState, act: OperatorAct, tick: Tick) -> str:
    last = state.undo.get(act.incident)
    now = _found(state, act.incident)
    if last is None or now is None:
        return f"undo: there is no move with {act.incident!r} that can be taken back"
    if (act.seat, act.role) != (last.act.seat, last.act.role):
        return f"undo: {last.act.move} was made by {last.act.role} at {last.act.seat}, and is taken back only there"
    since_s = (tick.time_ns - last.time_ns) / _NS_PER_S
    if since_s > UNDO_S:
        return f"undo: {last.act.move} was made {since_s:.0f} s ago; allowed: within {UNDO_S:.0f} s"
    if state.worsened_ns.get(act.incident, last.time_ns) > last.time_ns:
        return f"undo: this has become {now.kind} since {last.act.move} was made"
    for key in [each for each, undo in state.undo.items() if undo.act == last.act and undo.time_ns == last.time_ns]:
        _take_back(state, key, state.undo.pop(key), tick)
    return ""


def _take_back(state: IncidentStepState, key: str, undo: Undo, tick: Tick) -> None:
    now = _found(state, key)
    if now is None:
        return
    restored = {name: getattr(undo.before, name) for name in _BY_PEOPLE}
    if key in state.closed and undo.before.state != "closed":
        _open_again(state, state.closed.pop(key))
    _put(state, msgspec.structs.replace(now, **restored, updated_ns=tick.time_ns))
    _wait(state, key, undo.wait)


def _open_again(state: IncidentStepState, closed: Closed) -> None:
    key = closed.incident.id
    state.incidents[key] = closed.incident
    state.parts[key] = {track: part for track, part in closed.parts.items() if state.by_track.get(track) == key}
    if closed.fed_ns is not None:
        state.fed_ns[key] = closed.fed_ns
    if closed.vigil is not None:
        state.vigils[key] = closed.vigil


def put_away(state: IncidentStepState, incident: Incident, settings: DeskSettings, tick: Tick) -> None:
    """Take a closed incident from the open ones; for a while it may still be amended, and the closing taken back."""
    key = incident.id
    state.closed[key] = Closed(incident, state.parts.get(key, {}), state.fed_ns.get(key), state.vigils.get(key))
    forget(state, key)
    for old in list(state.undo):
        if tick.time_ns - state.undo[old].time_ns > UNDO_S * _NS_PER_S:
            del state.undo[old]
    while len(state.closed) > settings.amend_count:
        oldest = next(iter(state.closed))
        del state.closed[oldest]
        state.undo.pop(oldest, None)


def _on_site(state: IncidentStepState, act: OperatorAct, site: Site, settings: DeskSettings, tick: Tick) -> str:
    """Moves that concern no incident: seats, plans and notes for those who come after."""
    if act.move in seats.MOVES:
        after = seats.sit(site, settings, state.seats, act, tick.time_ns)
        if isinstance(after, Refusal):
            return after.reason
        state.seats = after
    elif act.move == "plan":
        activity = known.entered(site, act, tick.time_ns)
        if isinstance(activity, Refusal):
            return activity.reason
        state.activities[activity.id] = activity
    elif act.move == "call_off":
        if act.role != "supervisor":
            return f"call_off is not for the role {act.role!r}; it is for supervisor"
        if state.activities.pop(dict(act.values).get("id", ""), None) is None:
            return (
                f"call_off: id: found {dict(act.values).get('id')!r}; allowed: {', '.join(state.activities) or 'none'}"
            )
    elif act.move in (*looking.MOVES, *placing.MOVES):
        return looking.problem_with(site, act) if act.move in looking.MOVES else placing.problem_with(site, act)
    elif act.move == "note":
        return "" if act.reason.strip() else "note needs a reason in words"
    else:
        allowed = ", ".join((*seats.MOVES, *known.MOVES, *looking.MOVES, *placing.MOVES, "note"))
        return f"there is no move {act.move!r} without an incident; moves are {allowed}"
    return ""
