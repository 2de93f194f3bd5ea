"""The incident step: tracks, outages and people's moves in, incidents out, one for each event of a site."""

from typing import Final

import msgspec

from linewatch.incident import acts, emergencies, known, policy, seats
from linewatch.incident.attention import attend, counted, held_back
from linewatch.incident.crowds import gather_crowds
from linewatch.incident.desk import DeskSettings
from linewatch.incident.entries import Refusal
from linewatch.incident.grouping import grouped, lead_for, orphaned, stays_grouped
from linewatch.incident.hours import Hours
from linewatch.incident.lifecycle import Move as MoveName
from linewatch.incident.lifecycle import apply_system_move
from linewatch.incident.party import Part, part_of, sized
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.rating import hazards_here, rerated
from linewatch.incident.state import IncidentStepState, Wait, copied
from linewatch.incident.welfare import concern, hides_people, raised, watched
from linewatch.incident.witnesses import Witnesses
from linewatch.ports import Batch
from linewatch.records import (
    Attention,
    Emergency,
    Health,
    Incident,
    KnownActivity,
    KnownMover,
    OperatorAct,
    Outage,
    Record,
    Tick,
    Track,
    Weather,
    calls,
    interrupts,
)
from linewatch.site.model import Site

_NS_PER_S: Final = 1_000_000_000
_BEGIN: Final = ("raised", "returned")


class IncidentStep:
    """Decides what a person must deal with, and keeps reminding until somebody does."""

    state_type = IncidentStepState

    def __init__(
        self,
        site: Site,
        settings: IncidentSettings,
        settings_id: str,
        desk: DeskSettings | None = None,
        by_section: dict[str, IncidentSettings] | None = None,
    ) -> None:
        """`by_section` holds, by line/section, the settings of sections that have their own."""
        self.site = site
        self.settings = settings
        self.settings_id = settings_id
        self.desk = desk or DeskSettings()
        self.key = f"{site.name}/incident"
        self.witnesses = Witnesses(site)
        self.hours = Hours(site, settings, by_section or {}, self.desk.rules)

    def initial(self) -> IncidentStepState:
        """No incidents."""
        return IncidentStepState()

    def step(self, state: IncidentStepState, batch: Batch, tick: Tick) -> tuple[IncidentStepState, tuple[Record, ...]]:
        """People's moves first, then tracks and outages, then what time alone brings about."""
        state = copied(state)
        before, amended = dict(state.incidents), dict(state.closed)
        refusals: list[Record] = []
        for item in batch:
            if isinstance(item, OperatorAct):
                refusals += self._act(state, item, tick)
            elif isinstance(item, Track):
                self._track(state, item, tick)
            elif isinstance(item, Outage):
                self._outage(state, item, tick)
            else:
                refusals += self._beside(state, item, tick)
        gather_crowds(state, self.settings, tick.time_ns)
        self._raise_outages(state, tick)
        self._look_after(state, tick)
        self._return_to_normal(state, tick)
        self._mind_seats(state, tick)
        self._clear_shelf(state, before, tick)
        self._escalate(state, tick)
        self._regroup(state, before, tick)
        attention = self._attend(state, before, tick)
        changed = [incident for key, incident in state.incidents.items() if before.get(key) is not incident]
        changed += [c.incident for key, c in state.closed.items() if key in amended and amended[key] is not c]
        for incident in [each for each in state.incidents.values() if each.state == "closed"]:
            acts.put_away(state, incident, self.desk, tick)
        return state, (*refusals, *changed, *attention)

    # --- what comes in --------------------------------------------------------------------------------------------

    def _beside(self, state: IncidentStepState, item: object, tick: Tick) -> list[Record]:
        """Weather, own people, their cries for help, and plans."""
        if isinstance(item, Weather):
            state.weather[f"{item.line}/{item.from_m}-{item.to_m}"] = item
        elif isinstance(item, KnownMover):
            known.placed(state, item)
        elif isinstance(item, Emergency):
            weather = self._weather_at(state, item.line, item.chainage_m)
            return emergencies.heard(self.site, state, item, weather, tick, self.settings_id)
        elif isinstance(item, KnownActivity):
            if item.end_ns <= item.start_ns and item.authenticated:
                state.activities.pop(item.id, None)
            elif problem := known.problem_with(self.site, item, tick.time_ns):
                text = f"known activity {item.id}: {problem}"
                return [Health(self.site.lines[0].id, "", tick.time_ns, "refused", "note", text)]
            else:
                state.activities[item.id] = item
        return []

    def _act(self, state: IncidentStepState, act: OperatorAct, tick: Tick) -> list[Record]:
        incident = state.incidents.get(act.incident)
        why_not = acts.carry_out(state, act, self.site, self.desk, tick)
        if not why_not:
            return []
        line = incident.line if incident else self.site.lines[0].id
        text = f"act {act.move} by {act.role} at {act.seat}: {why_not}"
        return [Health(line, "", tick.time_ns, "refused", "note", text)]

    def _track(self, state: IncidentStepState, track: Track, tick: Tick) -> None:
        settings = self.hours.settings_at(track.line, track.section, tick.time_ns)
        explained = None if track.state == "ended" else known.explained(state, track, tick.time_ns)
        state.explained.pop(track.id, None)
        owner = state.by_track.get(track.id) or self._parent(state, track) or self._neighbour(state, track, settings)
        if owner is not None and owner not in state.incidents:
            # A person has closed this event; its mover may still be there, and does not raise it again.
            if track.state == "ended":
                del state.by_track[track.id]
            return
        others = {key: part for key, part in state.parts.get(owner or "", {}).items() if key != track.id}
        # One stranger among own people is a stranger.
        trusted = explained is not None and not any(part.stranger for part in others.values())
        said = track if explained is None else msgspec.structs.replace(track, known=explained.by)
        convinced, speaks = policy.convincing(self.witnesses, track, settings, beside=bool(others)), True
        if owner is None:
            if not convinced:
                return
            incident = policy.from_track(self.site, said, tick.time_ns, self.settings_id, trusted=trusted)
            weather = self._weather_at(state, incident.line, incident.chainage_m)
            incident = msgspec.structs.replace(incident, hazards=hazards_here(self.site, incident, weather))
            state.waiting[incident.id] = Wait(tick.time_ns)
        elif track.state == "ended" or (
            others
            and not convinced
            and track.id not in state.incidents[owner].tracks
            and track.intent not in ("crossing", "contact")
        ):
            # How a track fades away is no news of what it was: not who drove by, nor that he was ours. And what has
            # only just come beside an event takes part, and says nothing of it yet.
            incident, speaks = state.incidents[owner], False
            weather = None
        else:
            incident = policy.refreshed(
                self.site, state.incidents[owner], said, tick.time_ns, settings, trusted=trusted
            )
            if incident.state == "returned" and track.state == "confirmed":
                incident = _moved_by_system(incident, "reopen", tick)
                state.waiting[incident.id] = Wait(tick.time_ns)
            weather = self._weather_at(state, incident.line, incident.chainage_m)
        if explained is not None:
            state.explained[track.id] = explained
        if speaks:
            incident = rerated(state.incidents.get(incident.id), incident, weather, self.desk.crowd_count)
        # A stranger who is not seen for a while, or less surely, is one still.
        before = state.parts.get(incident.id, {}).get(track.id)
        stranger = explained is None and (convinced or (before is not None and before.stranger))
        parts = self._take_part(state, incident.id, track, stranger=stranger)
        incident = sized(incident, parts, tick.time_ns)
        # Only own people who say where they are need nobody to look after them; who is in a work zone does.
        own = explained is not None and explained.by == track.known
        proved = track if own else msgspec.structs.replace(track, known=None)
        if track.state != "ended" or not parts:
            # Where one of several is lost, the others are still looked after.
            storm = hides_people(self._weather_at(state, track.line, track.chainage_m), tick.time_ns)
            old = state.vigils.get(incident.id)
            company = any(part.stranger for part in others.values())
            state.vigils[incident.id] = watched(old, proved, settings.welfare, hidden=storm, strangers=company)
        state.incidents[incident.id] = incident
        state.fed_ns[incident.id] = tick.time_ns

    def _take_part(self, state: IncidentStepState, incident: str, track: Track, *, stranger: bool) -> dict[str, Part]:
        """The live parts of an incident, with what this track says now."""
        parts = {key: part for key, part in state.parts.get(incident, {}).items() if key != track.id}
        if track.state == "ended":
            state.by_track.pop(track.id, None)
        else:
            state.by_track[track.id] = incident
            parts[track.id] = part_of(track, stranger=stranger)
        state.parts[incident] = parts
        return parts

    def _parent(self, state: IncidentStepState, track: Track) -> str | None:
        """The incident of a track that this one was split from: its history stays with the event."""
        return next((state.by_track[p] for p in track.parents if p in state.by_track), None)

    def _neighbour(self, state: IncidentStepState, track: Track, settings: IncidentSettings) -> str | None:
        """An open incident that this new track belongs to."""
        if track.state not in ("confirmed", "tentative"):
            return None
        for key, incident in list(state.incidents.items()):
            live = bool(state.parts.get(key))
            fed_ns = state.fed_ns.get(key, 0)
            if policy.continues(incident, state.vigils.get(key), track, live=live, fed_ns=fed_ns, settings=settings):
                return key
        return None

    def _outage(self, state: IncidentStepState, outage: Outage, tick: Tick) -> None:
        if outage.end_ns is None:
            state.outages[outage.id] = outage
            return
        state.outages.pop(outage.id, None)
        incident_key = state.by_outage.pop(outage.id, None)
        incident = state.incidents.get(incident_key or "")
        if incident is None or incident.id in state.by_outage.values():
            return
        back = msgspec.structs.replace(incident, updated_ns=tick.time_ns, reason=f"{incident.reason}; watched again")
        returned = apply_system_move(back, "return", tick.time_ns)
        state.incidents[incident.id] = back if isinstance(returned, Refusal) else returned

    # --- what follows ---------------------------------------------------------------------------------------------

    def _raise_outages(self, state: IncidentStepState, tick: Tick) -> None:
        for key, outage in list(state.outages.items()):
            if key in state.by_outage:
                continue
            middle_m = (outage.from_m + outage.to_m) / 2.0
            section = self.site.section_at(outage.line, middle_m).name
            settings = self.hours.settings_at(outage.line, section, tick.time_ns)
            due_ns = tick.time_ns - round(settings.outage_after_s * _NS_PER_S)
            long_enough = outage.to_m - outage.from_m >= settings.outage_from_m or (outage.first_channel is None)
            # A picture of which a light covers a part is somebody's doing, however much of it is left.
            tells = outage.remaining_fraction < 0.5 or policy.is_deliberate(outage)
            if outage.noticed_ns > due_ns or not (long_enough and tells):
                continue
            incident = policy.from_outage(self.site, outage, tick.time_ns, self.settings_id)
            state.incidents[incident.id] = incident
            state.by_outage[key] = incident.id
            state.waiting[incident.id] = Wait(tick.time_ns)

    def _look_after(self, state: IncidentStepState, tick: Tick) -> None:
        """Raise to distress whoever has not moved for too long, or was lost from sight after stopping."""
        for key, vigil in list(state.vigils.items()):
            incident = state.incidents[key]
            if incident.concern == "distress" or incident.state == "closed":
                continue
            reason = concern(vigil, self._weather_at(state, incident.line, vigil.anchor_m), tick, self.settings.welfare)
            if reason:
                state.incidents[key] = raised(incident, reason, tick)
                state.waiting[key] = Wait(tick.time_ns)

    def _weather_at(self, state: IncidentStepState, line: str, chainage_m: float) -> Weather | None:
        here = [w for w in state.weather.values() if w.line == line and w.from_m <= chainage_m <= w.to_m]
        return max(here, key=lambda w: w.time_ns, default=None)

    def _return_to_normal(self, state: IncidentStepState, tick: Tick) -> None:
        quiet_ns = round(self.settings.return_s * _NS_PER_S)
        for key, incident in list(state.incidents.items()):
            idle = bool(incident.tracks) and not state.parts.get(key) and incident.concern != "distress"
            if idle and incident.state == "raised" and tick.time_ns - state.fed_ns[key] >= quiet_ns:
                state.incidents[key] = _moved_by_system(incident, "return", tick)

    def _mind_seats(self, state: IncidentStepState, tick: Tick) -> None:
        """Raise what nobody looks after, and note when somebody does again."""
        for name, seat in list(state.seats.items()):
            missed = seats.unattended(self.site, self.desk, name, state.seats, tick.time_ns)
            if bool(missed) == bool(seat.missed):
                continue
            state.seats[name] = msgspec.structs.replace(seat, missed=missed)
            incident = state.incidents.get(state.seat_incidents.get(name, ""))
            if missed and incident is None:
                mine = seats.own(self.site, self.desk, name, seat)
                incident = seats.incident_of(self.site, name, mine, missed, tick.time_ns, self.settings_id)
                state.seat_incidents[name] = incident.id
                state.waiting[incident.id] = Wait(tick.time_ns)
            elif incident is not None:
                reason = missed or f"{incident.reason}; attended again"
                incident = msgspec.structs.replace(incident, reason=reason, updated_ns=tick.time_ns)
                turned = apply_system_move(incident, "reopen" if missed else "return", tick.time_ns)
                incident = incident if isinstance(turned, Refusal) else turned
            if incident is not None:
                state.incidents[incident.id] = incident

    def _clear_shelf(self, state: IncidentStepState, before: dict[str, Incident], tick: Tick) -> None:
        """Nothing stays hidden beyond its time, nor once it is more urgent, nor when somebody is in distress."""
        for key, incident in list(state.incidents.items()):
            old = before.get(key)
            if old is not None and (incident.priority < old.priority or incident.concern != old.concern):
                state.worsened_ns[key] = tick.time_ns
            hidden = incident.state in ("shelved", "out_of_service")
            over = incident.shelved_until_ns is not None and incident.shelved_until_ns <= tick.time_ns
            worse = state.worsened_ns.get(key) == tick.time_ns or incident.concern == "distress"
            if hidden and (over or worse):
                name: MoveName = "resurface" if worse else "shelf_over"
                state.incidents[key] = _moved_by_system(incident, name, tick)
                state.waiting[key] = Wait(tick.time_ns)

    def _escalate(self, state: IncidentStepState, tick: Tick) -> None:
        """What nobody deals with is passed on, whether or not the cause is gone; a note (priority 5) is not."""
        for key, wait in list(state.waiting.items()):
            incident = state.incidents[key]
            after_s = self._patience_s(incident)
            if after_s is None or incident.group or wait.times >= self.settings.escalations:
                continue
            if tick.time_ns - wait.since_ns < round(after_s * _NS_PER_S):
                continue
            state.incidents[key] = msgspec.structs.replace(
                incident, escalations=incident.escalations + 1, updated_ns=tick.time_ns
            )
            state.waiting[key] = Wait(tick.time_ns, wait.times + 1)

    def _patience_s(self, incident: Incident) -> float | None:
        """How long an incident may wait where it stands; None for ever."""
        if incident.state == "responding":
            return self.desk.accept_after_s
        by_priority = self.settings.escalate_after_s if incident.state in _BEGIN else self.desk.idle_after_s
        return by_priority[incident.priority - 1] if incident.priority <= len(by_priority) else None

    # --- who sees it ----------------------------------------------------------------------------------------------

    def _regroup(self, state: IncidentStepState, before: dict[str, Incident], tick: Tick) -> None:
        """Put what is one matter behind one lead, let out what is not any more, and give every group a lead."""
        let_out: set[str] = set()
        for members in list(orphaned(state.incidents)):
            old_lead = state.incidents.get(members[0].group)
            heir = state.incidents.get((old_lead.merged_into or "") if old_lead else "")
            lead = heir.id if heir is not None and interrupts(heir) else ""
            for member in members:
                # What is on the shelf or only a note asks for nothing, so it can lead nobody.
                asks = interrupts(grouped(member, "", tick.time_ns))
                self._stand(state, member, lead if asks else "", tick)
                lead = lead or (member.id if asks else "")
                let_out.add(member.id)
        for key, incident in list(state.incidents.items()):
            if incident.group and not stays_grouped(state.incidents[incident.group], incident, self.desk):
                self._stand(state, incident, "", tick)
                let_out.add(key)
        self._find_leads(state, [key for key in _callers(state, before) if key not in let_out], tick)

    def _find_leads(self, state: IncidentStepState, callers: list[str], tick: Tick) -> None:
        """Put what begins to ask for attention behind a lead, where it has one; the most urgent may lead the others."""
        pending = set(callers)
        for key in sorted(callers, key=lambda key: state.incidents[key].priority):
            pending.discard(key)
            incident = state.incidents[key]
            leads = [each for other, each in state.incidents.items() if other not in pending]
            back = held_back(incident, state.attention)
            lead = lead_for(incident, leads, self.desk, tick.time_ns, held_back=back)
            if lead is not None:
                self._stand(state, incident, lead.id, tick)

    def _stand(self, state: IncidentStepState, incident: Incident, lead: str, tick: Tick) -> None:
        state.incidents[incident.id] = grouped(incident, lead, tick.time_ns)
        if not lead and incident.id in state.waiting:
            state.waiting[incident.id] = Wait(tick.time_ns)

    def _attend(self, state: IncidentStepState, before: dict[str, Incident], tick: Tick) -> list[Attention]:
        """Count this tick's interruptions, and decide how much attention sections get from the next tick on."""
        called = [state.incidents[key] for key in _callers(state, before)]
        state.calls_ns = counted(state.calls_ns, called, tick.time_ns)
        if not state.calls_ns and not any(each.flood or each.loud for each in state.attention.values()):
            return []
        by_seat = seats.keeping(self.site, self.desk, state.seats)
        changed = []
        for seat, sections in by_seat.items():
            old = state.attention.get(seat)
            new = attend(old, seat, sections, state.calls_ns, self.desk, tick.time_ns)
            if new is not old:
                state.attention[seat] = new
                # The first word of a seat at rest says nothing that anybody needs to keep.
                changed += [new] if old is not None or new.flood or new.loud else []
        for seat in [seat for seat in state.attention if seat not in by_seat]:
            del state.attention[seat]
        return changed


def _callers(state: IncidentStepState, before: dict[str, Incident]) -> list[str]:
    """Incidents that begin to ask for attention."""
    return [key for key, incident in state.incidents.items() if calls(before.get(key), incident)]


def _moved_by_system(incident: Incident, move: MoveName, tick: Tick) -> Incident:
    moved = apply_system_move(incident, move, tick.time_ns)
    assert isinstance(moved, Incident)
    return moved
