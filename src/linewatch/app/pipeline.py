"""The pipeline: the picture of the design as code. Pure: states and inputs in, states and outputs out.

Block --detect--> Detection --track--> Track --incident--> Incident
|                                        ^
Health  --health--> Outage -----------------+
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from linewatch.app.detectors import steps_for
from linewatch.app.settings import Settings, checked_settings, settings_id
from linewatch.errors import InputError
from linewatch.health.carry import carried
from linewatch.health.retest import for_health_alone
from linewatch.health.state import HealthState
from linewatch.health.thresholds import Corrections
from linewatch.health.watch import HealthStep
from linewatch.incident.step import IncidentStep
from linewatch.ports import AnyStep, Item
from linewatch.records import Block, Detections, HandOver, Health, Record, Tick, concatenate, header_of
from linewatch.records.state import freeze, thaw
from linewatch.site.model import Site
from linewatch.track import TrackStep, route
from linewatch.track.carry import LineChange
from linewatch.track.state import TrackerState

States = dict[str, object]


class Input(msgspec.Struct, frozen=True):
    """One record as it enters a tick, and under what it is journalled."""

    kind: str
    """Kind of journal entry: arrival, detections, act."""
    key: str
    """Source or sensor it is from."""
    record: Record
    """The record."""


class _Pending(msgspec.Struct):
    """Hand-overs given at the last tick, taken at the next."""

    hand_overs: list[HandOver]


class Pipeline:
    """All steps of one site, in order. Knows nothing of files, clocks or who is outside."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self.site = site
        self.settings = settings
        self.settings_id = settings_id(settings, site)
        self._detectors: dict[str, tuple[AnyStep, ...]] = {}
        self.trackers = {
            (line.id, section.name): TrackStep(
                site, line.id, section.name, checked_settings(section.settings, "", "", settings)[0].track
            )
            for line in site.lines
            for section in line.sections
        }
        self.health = HealthStep(site, settings.health)
        by_section = {
            f"{line.id}/{section.name}": checked_settings(section.settings, "", "", settings)[0].incident
            for line in site.lines
            for section in line.sections
            if "incident" in section.settings
        }
        self.incident = IncidentStep(site, settings.incident, self.settings_id, settings.desk, by_section)
        steps: tuple[AnyStep, ...] = (self.health, *self.trackers.values(), self.incident)
        self._decision_steps = {step.key: step for step in steps}

    # --- states -----------------------------------------------------------------------------------------------

    def initial(self) -> States:
        """The states of all decision steps before any input."""
        states: States = {key: step.initial() for key, step in self._decision_steps.items()}
        states["pending"] = _Pending([])
        return states

    def freeze(self, states: States) -> dict[str, bytes]:
        """Decision states as bytes."""
        return {key: freeze(state) for key, state in states.items()}

    def thaw(self, raw: Mapping[str, bytes]) -> States:
        """Decision states again. Raises `InputError` where the store holds none, or those of another version."""
        if "pending" not in raw:
            raise InputError(
                "store: found no states of decisions (they were made on a cluster); allowed: to go on with "
                "`linewatch cluster submit`"
            )
        states: States = {
            key: _thawed(key, raw[key], step.state_type) for key, step in self._decision_steps.items() if key in raw
        }
        states["pending"] = _thawed("pending", raw["pending"], _Pending)
        return {**self.initial(), **states}

    def thaw_signals(self, raw: Mapping[str, bytes]) -> States:
        """Detector states again. Raises `InputError` where they are those of another version."""
        steps = {
            step.key: step
            for key in raw
            for step in self.detectors(key.removesuffix("/moving").removesuffix("/walking").removesuffix("/health"))
        }
        return {key: _thawed(key, data, steps[key].state_type) for key, data in raw.items()}

    def taken_over(self, former: "Pipeline", states: States, time_ns: int) -> tuple[States, tuple[Record, ...]]:
        """Decision states of the pipeline before, of a site with the same lines and sections, and what ends by it."""
        states = dict(states)
        pending = states["pending"]
        assert isinstance(pending, _Pending)
        hand_overs, ended = pending.hand_overs, list[Record]()
        for line in self.site.lines:
            change = LineChange(former.site, self.site, line.id)
            hand_overs, more = change.hand_overs(hand_overs)
            ended += more
            for section in line.sections:
                step = self.trackers[line.id, section.name]
                before = states[step.key]
                assert isinstance(before, TrackerState)
                states[step.key], more = change.tracker(before, step.initial(), section.name)
                ended += more
        health = states[self.health.key]
        assert isinstance(health, HealthState)
        states[self.health.key], over = carried(health, self.health.initial(), former.site, self.site, time_ns)
        states["pending"] = _Pending(hand_overs)
        return states, (*over, *ended)

    # --- steps ------------------------------------------------------------------------------------------------

    def detectors(self, sensor_id: str) -> tuple[AnyStep, ...]:
        """The detectors of one sensor and its health step, made when it is first heard."""
        if sensor_id not in self._detectors:
            self._detectors[sensor_id] = steps_for(self.site, self.site.sensor(sensor_id), self.settings)
        return self._detectors[sensor_id]

    def heard(self, sensor_id: str) -> tuple[AnyStep, ...]:
        """The detectors of a sensor whose samples have been heard; none of one that has given none."""
        return self._detectors.get(sensor_id, ())

    def corrections(self, states: States) -> Corrections:
        """Corrections of thresholds that decisions have come to: the detectors go by them from the next tick on."""
        health = states[self.health.key]
        assert isinstance(health, HealthState)
        return health.corrections

    def detect(
        self,
        states: States,
        source: str,
        blocks: Sequence[Block],
        tick: Tick,
        corrections: Mapping[str, tuple[Health, ...]] = MappingProxyType({}),
    ) -> tuple[States, tuple[Input, ...]]:
        """Blocks of one tick to what is journalled of them (headers) and what they say (detections, findings).

        `corrections`: those of the tick before; of a sensor that is not among them, its detector goes on as it did.
        """
        states = dict(states)
        inputs = [Input("arrival", source, header_of(block)) for block in blocks]
        for sensor_id in sorted({block.sensor for block in blocks}):
            mine: list[Item] = [block for block in blocks if block.sensor == sensor_id]
            if sensor_id in corrections:
                mine = [*(corrections[sensor_id] or (_none_any_more(sensor_id, tick),)), *mine]
            for step in self.detectors(sensor_id):
                states[step.key], felt = step.step(states.get(step.key) or step.initial(), mine, tick)
                inputs += [Input("detections", sensor_id, record) for record in felt]
        return states, tuple(inputs)

    def decide(self, states: States, inputs: Sequence[Input], tick: Tick) -> tuple[States, tuple[Record, ...]]:
        """Everything from DETECTION up, for one tick."""
        states = dict(states)
        batch = [item.record for item in inputs]
        outages = self._run(states, self.health, batch, tick)
        tracks = self._track(states, batch, outages, tick)
        incidents = self._run(states, self.incident, [*self.beside(batch), *outages, *tracks], tick)
        pending = [record for record in tracks if isinstance(record, HandOver)]
        states["pending"] = _Pending(pending)
        return states, (*outages, *tracks, *incidents)

    def _track(
        self, states: States, batch: Sequence[Record], outages: Sequence[Record], tick: Tick
    ) -> tuple[Record, ...]:
        """Every section with what was felt in it and near it. What one hands over, the next takes a tick later."""
        pending = states["pending"]
        assert isinstance(pending, _Pending)
        shared = [record for record in (*batch, *outages) if not isinstance(record, Detections)]
        felt = self.by_section([record for record in batch if isinstance(record, Detections)])
        tracks: list[Record] = []
        for (line, section), step in self.trackers.items():
            taken = [h for h in pending.hand_overs if (h.line, h.to_section) == (line, section)]
            here = felt.get((line, section), [])
            tracks += self._run(states, step, [*taken, *here, *shared], tick)
        return tuple(tracks)

    @staticmethod
    def beside(batch: Sequence[Record]) -> list[Record]:
        """What goes to the incident step past the trackers."""
        return [r for r in batch if not (isinstance(r, Detections) or for_health_alone(r))]

    def by_section(self, batches: Sequence[Detections]) -> dict[tuple[str, str], list[Detections]]:
        """Detections by line and section; those in an overlap go to both of its sections."""
        routed: dict[tuple[str, str], list[Detections]] = {}
        for line in sorted({batch.line for batch in batches}):
            late = [b for b in batches if b.line == line and b.received_ns is not None]
            fast = [b for b in batches if b.line == line and b.received_ns is None]
            for group in (fast, late):
                if not group:
                    continue
                for section, part in route(concatenate(line, group), self.site, line).items():
                    routed.setdefault((line, section), []).append(part)
        return routed

    @staticmethod
    def _run(states: States, step: AnyStep, batch: Iterable[Item], tick: Tick) -> tuple[Record, ...]:
        states[step.key], out = step.step(states[step.key], tuple(batch), tick)
        return out


def _none_any_more(sensor: str, tick: Tick) -> Health:
    """That no correction holds of a sensor, as its detectors are told."""
    return Health("", sensor, tick.time_ns, "recovered", "ok", "", ends="corrected_threshold")


def _thawed(key: str, raw: bytes, kind: type[Any]) -> Any:
    try:
        return thaw(raw, kind)
    except (msgspec.DecodeError, ValueError) as error:  # the former includes what has other fields
        raise InputError(
            f"store: found a state of {key!r} that this version cannot read ({error}); allowed: the version of "
            "Linewatch that wrote the store, or a new store"
        ) from error
