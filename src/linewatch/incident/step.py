"""The incident step: tracks, outages and people's moves in, incidents out, one for each event of a site."""

import msgspec

from linewatch.incident import policy
from linewatch.incident.lifecycle import Refusal, apply_act, apply_system_move
from linewatch.incident.party import Part, of_one_crowd, part_of, sized, taken_in
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.welfare import Vigil, concern, raised, watched
from linewatch.incident.witnesses import Witnesses
from linewatch.ports import Batch
from linewatch.records import Health, Incident, KnownMover, OperatorAct, Outage, Record, Tick, Track, Weather
from linewatch.site.model import Site

_NS_PER_S = 1_000_000_000
_OPEN = frozenset({"raised", "acknowledged", "assessed", "responding", "returned", "shelved"})


class IncidentStepState(msgspec.Struct):
    """Incidents that are not closed, and what they hang on.

    Every table is kept, and gone through, in the order in which things came: ids hold times, so an order by id would
    change when all times are moved.
    """

    incidents: dict[str, Incident]
    """Open incidents by id."""
    by_track: dict[str, str]
    """Incident by track id."""
    fed_ns: dict[str, int]
    """When a track last fed an incident, by incident."""
    parts: dict[str, dict[str, Part]]
    """Stretch and size of each live track of every incident."""
    outages: dict[str, Outage]
    """Outages that are open, by id."""
    by_outage: dict[str, str]
    """Incident by outage id."""
    vigils: dict[str, Vigil]
    """What is remembered of the people of each incident that a track raised."""
    weather: dict[str, Weather]
    """Latest weather by line and stretch."""
    trusted: dict[str, int]
    """When each known mover that has proved who it is last reported, by its id."""
    waiting_since_ns: dict[str, int]
    """Since when an unacknowledged incident waits for its next escalation."""


class IncidentStep:
    """Decides what a person must deal with, and keeps reminding until somebody does."""

    state_type = IncidentStepState

    def __init__(self, site: Site, settings: IncidentSettings, settings_id: str) -> None:
        self.site = site
        self.settings = settings
        self.settings_id = settings_id
        self.key = f"{site.name}/incident"
        self.witnesses = Witnesses(site)

    def initial(self) -> IncidentStepState:
        """No incidents."""
        return IncidentStepState(**{name: {} for name in IncidentStepState.__struct_fields__})

    def step(self, state: IncidentStepState, batch: Batch, tick: Tick) -> tuple[IncidentStepState, tuple[Record, ...]]:
        """People's moves first, then tracks and outages, then what time alone brings about."""
        state = msgspec.structs.replace(
            state, **{name: dict(getattr(state, name)) for name in IncidentStepState.__struct_fields__}
        )
        before = dict(state.incidents)
        refusals: list[Record] = []
        for item in batch:
            if isinstance(item, OperatorAct):
                refusals += self._act(state, item, tick)
            elif isinstance(item, Track):
                self._track(state, item, tick)
            elif isinstance(item, Outage):
                self._outage(state, item, tick)
            elif isinstance(item, KnownMover) and item.authenticated:
                state.trusted[item.id] = item.time_ns
            elif isinstance(item, Weather):
                state.weather[f"{item.line}/{item.from_m}-{item.to_m}"] = item
        self._gather_crowds(state, tick)
        self._raise_outages(state, tick)
        self._look_after(state, tick)
        self._return_to_normal(state, tick)
        self._escalate(state, tick)
        changed = [incident for key, incident in list(state.incidents.items()) if before.get(key) is not incident]
        self._forget_closed(state)
        return state, (*refusals, *changed)

    def _act(self, state: IncidentStepState, act: OperatorAct, tick: Tick) -> list[Record]:
        incident = state.incidents.get(act.incident)
        moved = (
            Refusal(f"there is no open incident {act.incident!r}")
            if incident is None
            else apply_act(incident, act, tick.time_ns)
        )
        if not isinstance(moved, Refusal):
            state.incidents[moved.id] = moved
            state.waiting_since_ns.pop(moved.id, None)
            return []
        line = incident.line if incident else self.site.lines[0].id
        text = f"act {act.move} by {act.role} at {act.seat}: {moved.reason}"
        return [Health(line, "", tick.time_ns, "refused", "note", text)]

    def _track(self, state: IncidentStepState, track: Track, tick: Tick) -> None:
        trusted = track.known in state.trusted
        known = state.by_track.get(track.id) or self._parent(state, track) or self._neighbour(state, track)
        if known is not None and known not in state.incidents:
            # A person has closed this event; its mover may still be there, and does not raise it again.
            if track.state == "ended":
                del state.by_track[track.id]
            return
        if known is None:
            if not policy.convincing(self.witnesses, track, self.settings):
                return
            incident = policy.from_track(self.site, track, tick.time_ns, self.settings_id, trusted=trusted)
            state.waiting_since_ns[incident.id] = tick.time_ns
        else:
            incident = policy.refreshed(
                self.site, state.incidents[known], track, tick.time_ns, self.settings, trusted=trusted
            )
            if incident.state == "returned" and track.state == "confirmed":
                reopened = apply_system_move(incident, "reopen", tick.time_ns)
                assert isinstance(reopened, Incident)
                incident = reopened
                state.waiting_since_ns[incident.id] = tick.time_ns
        incident = sized(incident, self._take_part(state, incident.id, track), tick.time_ns)
        proved = track if trusted else msgspec.structs.replace(track, known=None)
        state.vigils[incident.id] = watched(state.vigils.get(incident.id), proved, self.settings.welfare)
        state.incidents[incident.id] = incident
        state.fed_ns[incident.id] = tick.time_ns

    def _take_part(self, state: IncidentStepState, incident: str, track: Track) -> dict[str, Part]:
        """The live parts of an incident, with what this track says now."""
        parts = {key: part for key, part in state.parts.get(incident, {}).items() if key != track.id}
        if track.state == "ended":
            state.by_track.pop(track.id, None)
        else:
            state.by_track[track.id] = incident
            parts[track.id] = part_of(track)
        state.parts[incident] = parts
        return parts

    def _gather_crowds(self, state: IncidentStepState, tick: Tick) -> None:
        """Crowds that have grown together are one event: the older incident stands for them."""
        live = [key for key in state.incidents if state.parts.get(key)]
        crowds = {key for key in live if state.incidents[key].count_high >= self.settings.crowd_count}
        for place, older in enumerate(live if crowds else ()):
            for younger in live[place + 1 :]:
                first, second = state.incidents[older], state.incidents[younger]
                if not crowds & {older, younger} or "closed" in (first.state, second.state):
                    continue
                if of_one_crowd(first, second, self.settings.join_gap_m):
                    self._take_in(state, first, second, tick)

    def _take_in(self, state: IncidentStepState, older: Incident, younger: Incident, tick: Tick) -> None:
        state.incidents[younger.id] = taken_in(younger, older, tick.time_ns)
        parts = state.parts.pop(younger.id)
        state.by_track |= dict.fromkeys(parts, older.id)
        state.parts[older.id] = {**state.parts[older.id], **parts}
        merged = msgspec.structs.replace(older, tracks=(*older.tracks, *parts), updated_ns=tick.time_ns)
        state.incidents[older.id] = sized(merged, state.parts[older.id], tick.time_ns)

    def _parent(self, state: IncidentStepState, track: Track) -> str | None:
        """The incident of a track that this one was split from: its history stays with the event."""
        return next((state.by_track[p] for p in track.parents if p in state.by_track), None)

    def _neighbour(self, state: IncidentStepState, track: Track) -> str | None:
        """An open incident that this new track belongs to."""
        if track.state not in ("confirmed", "tentative"):
            return None
        for key, incident in list(state.incidents.items()):
            live = bool(state.parts.get(key))
            fed_ns = state.fed_ns.get(key, 0)
            if policy.continues(
                incident, state.vigils.get(key), track, live=live, fed_ns=fed_ns, settings=self.settings
            ):
                return key
        return None

    def _outage(self, state: IncidentStepState, outage: Outage, tick: Tick) -> None:
        if outage.end_ns is None:
            state.outages[outage.id] = outage
            return
        state.outages.pop(outage.id, None)
        incident_key = state.by_outage.pop(outage.id, None)
        incident = state.incidents.get(incident_key or "")
        if incident is None:
            return
        back = msgspec.structs.replace(incident, updated_ns=tick.time_ns, reason=f"{incident.reason}; watched again")
        returned = apply_system_move(back, "return", tick.time_ns)
        state.incidents[incident.id] = back if isinstance(returned, Refusal) else returned

    def _raise_outages(self, state: IncidentStepState, tick: Tick) -> None:
        due_ns = tick.time_ns - round(self.settings.outage_after_s * _NS_PER_S)
        for key, outage in list(state.outages.items()):
            long_enough = outage.to_m - outage.from_m >= self.settings.outage_from_m or (outage.first_channel is None)
            blind = outage.remaining_fraction < 0.5
            if key in state.by_outage or outage.noticed_ns > due_ns or not (long_enough and blind):
                continue
            incident = policy.from_outage(self.site, outage, tick.time_ns, self.settings_id)
            state.incidents[incident.id] = incident
            state.by_outage[key] = incident.id
            state.waiting_since_ns[incident.id] = tick.time_ns

    def _look_after(self, state: IncidentStepState, tick: Tick) -> None:
        """Raise to distress whoever has not moved for too long, or was lost from sight after stopping."""
        for key, vigil in list(state.vigils.items()):
            incident = state.incidents[key]
            if incident.concern == "distress":
                continue
            reason = concern(vigil, self._weather_at(state, incident.line, vigil.anchor_m), tick, self.settings.welfare)
            if reason:
                state.incidents[key] = raised(incident, reason, tick)
                state.waiting_since_ns[key] = tick.time_ns

    def _weather_at(self, state: IncidentStepState, line: str, chainage_m: float) -> Weather | None:
        here = [w for w in state.weather.values() if w.line == line and w.from_m <= chainage_m <= w.to_m]
        return max(here, key=lambda w: w.time_ns, default=None)

    def _return_to_normal(self, state: IncidentStepState, tick: Tick) -> None:
        quiet_ns = round(self.settings.return_s * _NS_PER_S)
        for key, incident in list(state.incidents.items()):
            idle = bool(incident.tracks) and not state.parts.get(key) and incident.concern != "distress"
            if idle and incident.state == "raised" and tick.time_ns - state.fed_ns[key] >= quiet_ns:
                returned = apply_system_move(incident, "return", tick.time_ns)
                assert isinstance(returned, Incident)
                state.incidents[key] = returned

    def _escalate(self, state: IncidentStepState, tick: Tick) -> None:
        """Unanswered incidents are passed on, whether or not the cause is gone; a note (priority 5) is not."""
        for key, since_ns in list(state.waiting_since_ns.items()):
            incident = state.incidents[key]
            if incident.priority > len(self.settings.escalate_after_s):
                continue
            wait_ns = round(self.settings.escalate_after_s[incident.priority - 1] * _NS_PER_S)
            if tick.time_ns - since_ns < wait_ns or incident.escalations >= self.settings.escalations:
                continue
            state.incidents[key] = msgspec.structs.replace(
                incident, escalations=incident.escalations + 1, updated_ns=tick.time_ns
            )
            state.waiting_since_ns[key] = tick.time_ns

    def _forget_closed(self, state: IncidentStepState) -> None:
        for key, incident in list(state.incidents.items()):
            if incident.state in _OPEN:
                continue
            del state.incidents[key]
            for name in ("fed_ns", "parts", "vigils", "waiting_since_ns"):
                getattr(state, name).pop(key, None)
            state.by_outage = {o: i for o, i in state.by_outage.items() if i != key}
