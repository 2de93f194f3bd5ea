"""Crowds that have grown together are one event."""

import msgspec

from linewatch.incident.party import of_one_crowd, sized, taken_in
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.state import IncidentStepState
from linewatch.records import Incident


def gather_crowds(state: IncidentStepState, settings: IncidentSettings, tick_ns: int) -> None:
    """Let the larger of two incidents stand for both where they have become one crowd; of equals, the older."""
    live = [key for key in state.incidents if state.parts.get(key)]
    crowds = {key for key in live if state.incidents[key].count_high >= settings.crowd_count}
    for place, one in enumerate(live if crowds else ()):
        for other in live[place + 1 :]:
            pair = (state.incidents[one], state.incidents[other])
            if not crowds & {one, other} or "closed" in (pair[0].state, pair[1].state):
                continue
            first, second = sorted(pair, key=lambda incident: -incident.count_low)
            if of_one_crowd(first, second, settings.join_gap_m):
                _take_in(state, first, second, tick_ns)


def _take_in(state: IncidentStepState, larger: Incident, smaller: Incident, tick_ns: int) -> None:
    state.incidents[smaller.id] = taken_in(smaller, larger, tick_ns)
    parts = state.parts.pop(smaller.id)
    state.by_track |= dict.fromkeys(parts, larger.id)
    state.parts[larger.id] = {**state.parts[larger.id], **parts}
    merged = msgspec.structs.replace(larger, tracks=(*larger.tracks, *parts), updated_ns=tick_ns)
    state.incidents[larger.id] = sized(merged, state.parts[larger.id], tick_ns)
