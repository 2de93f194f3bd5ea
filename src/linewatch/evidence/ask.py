"""Which samples are wanted of which incident: a step, so that a replay asks the same and a restart forgets nothing."""

from typing import Final

import msgspec
import numpy as np

from linewatch.evidence.settings import EvidenceSettings
from linewatch.ports import Batch
from linewatch.records import BlockHeader, ClipRequest, Incident, Record, Tick, content_id
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

_NS_PER_S: Final = 1_000_000_000


class ClipState(msgspec.Struct):
    """Who gives samples, and what is still owed."""

    heard: list[str] = []
    """Sensors that have given samples, in the order in which they first did."""
    asked: dict[str, list[str]] = {}
    """Sensors asked, by incident that is not closed; a second asking when it turns out to be distress ends in `!`."""
    pending: dict[str, ClipRequest] = {}
    """Requests without an answer, by id."""


class ClipStep:
    """Asks for a clip of each sensor that supports an incident, once when it does and once more on distress.

    What was asked is journalled and kept in the state until it is answered: with a file, or with the reason why there
    is none.
    """

    state_type = ClipState

    def __init__(self, site: Site, settings: EvidenceSettings) -> None:
        self.site = site
        self.settings = settings
        self.key = "evidence"

    def initial(self) -> ClipState:
        """Nobody was heard, nothing is owed."""
        return ClipState()

    def step(self, state: ClipState, batch: Batch, tick: Tick) -> tuple[ClipState, tuple[Record, ...]]:
        """Headers of what came and versions of incidents in, requests out."""
        heard = list(state.heard)
        asked = dict(state.asked)
        pending = dict(state.pending)
        out: list[Record] = []
        known = set(heard)
        for item in batch:
            if isinstance(item, BlockHeader) and item.sensor not in known:
                known.add(item.sensor)
                heard.append(item.sensor)
        for item in batch:
            if not isinstance(item, Incident):
                continue
            if item.state == "closed" or item.merged_into is not None:
                asked.pop(item.id, None)
                continue
            wanted = self._wanted(item, known, asked.get(item.id, []))
            for name in wanted:
                request = self._request(item, self.site.sensor(name.removesuffix("!")), tick)
                asked[item.id] = [*asked.get(item.id, []), name]
                if request.id not in pending:
                    pending[request.id] = request
                    out.append(request)
        return ClipState(heard, asked, pending), tuple(out)

    def _wanted(self, incident: Incident, known: set[str], asked: list[str]) -> list[str]:
        """Sensors to ask now, with a mark where it is because of distress."""
        mark = "!" if incident.concern == "distress" else ""
        if incident.priority > self.settings.from_priority:
            return []
        names = [f"{sensor}{mark}" for sensor in incident.sensors if sensor in known]
        # An incident that was distress from the start is asked about once.
        fresh = [name for name in names if name not in asked]
        done = sum(1 for name in asked if name.endswith("!") == bool(mark))
        return fresh[: max(self.settings.most_sensors - done, 0)]

    def _request(self, incident: Incident, sensor: Sensor, tick: Tick) -> ClipRequest:
        settings = self.settings
        from_ns = tick.time_ns - round((settings.before_s + settings.settle_s) * _NS_PER_S)
        to_ns = tick.time_ns + round(settings.after_s * _NS_PER_S)
        first, count = self._channels(incident, sensor)
        name = content_id("clip", incident.id, sensor.id, tick.time_ns)
        return ClipRequest(name, incident.id, sensor.id, from_ns, to_ns, first, count)

    def _channels(self, incident: Incident, sensor: Sensor) -> tuple[int, int]:
        """First channel and number of channels wanted; 0, 0 for all."""
        if sensor.channels is None or sensor.kind == "camera" or sensor.channels <= self.settings.most_channels:
            return 0, 0
        centres = sensor.channel_centres_m()
        margin = self.settings.margin_m
        near = np.flatnonzero((centres >= incident.from_m - margin) & (centres <= incident.to_m + margin))
        nearest = int(np.argmin(np.abs(centres - incident.chainage_m)))
        first, last = (int(near[0]), int(near[-1])) if len(near) else (nearest, nearest)
        if last - first >= self.settings.most_channels:
            first = min(max(nearest - self.settings.most_channels // 2, first), last - self.settings.most_channels + 1)
            last = first + self.settings.most_channels - 1
        return first, last - first + 1


def due(state: ClipState, tick: Tick, *, last: bool) -> tuple[ClipRequest, ...]:
    """Requests whose time has passed at this tick; all of them at the last."""
    return tuple(request for request in state.pending.values() if last or request.to_ns <= tick.watermark_ns)


def answered(state: ClipState, requests: tuple[ClipRequest, ...]) -> ClipState:
    """The state without these."""
    done = {request.id for request in requests}
    return ClipState(state.heard, state.asked, {k: v for k, v in state.pending.items() if k not in done})
