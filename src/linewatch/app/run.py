"""One tick after the other: doors, pipeline, journal. The same for a replay and for a live watch."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from linewatch.app.door import Door, DoorState
from linewatch.app.feeling import feels_as
from linewatch.app.pipeline import Input, Pipeline, States
from linewatch.ports import Archive, Evidence, JournalWriter, Positions, Source
from linewatch.records import Detections, Incident, OperatorAct, Record, Tick, canonical_bytes, quantise
from linewatch.records.state import freeze, thaw
from linewatch.site.model import Site

NS_PER_S: Final = 1_000_000_000
_KINDS: Final[dict[str, str]] = {
    "Outage": "outage",
    "Track": "track",
    "HandOver": "hand_over",
    "Incident": "incident",
    "Health": "health",
    "Attention": "attention",
    "ClipRequest": "clip_request",
    "Clip": "clip",
    "WalkTest": "walk_test",
}


class Stored(msgspec.Struct, frozen=True):
    """Inputs of one tick as a store kept them."""

    tick: int
    """Index of the tick."""
    inputs: tuple[Input, ...]
    """Its inputs, in the order of the journal."""


class OfferedAct(msgspec.Struct, frozen=True):
    """A move that a person offers: the move goes into the record chain, the person into the audit chain."""

    act: OperatorAct
    """The move, with role and seat."""
    person: str
    """Log-in name of who made it."""
    wall_ns: int
    """When it came, by the clock."""


class Runner:
    """Owns doors, states and the journal; everything it decides is decided by the pipeline."""

    def __init__(
        self,
        site: Site,
        pipeline: Pipeline,
        sources: Sequence[Source],
        journal: JournalWriter | None = None,
        on_output: Callable[[Record], None] | None = None,
        archive: Archive | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.journal = journal
        self.archive = archive
        self.evidence = evidence
        self.doors = {source.name: Door(source, site) for source in sorted(sources, key=lambda s: s.name)}
        self.period_ns = round(pipeline.settings.tick.period_s * NS_PER_S)
        self._lateness_ns = max([round(s.lateness_s * NS_PER_S) for s in sources], default=0)
        self._signal_ticks = max(round(pipeline.settings.tick.signal_state_s * NS_PER_S / self.period_ns), 1)
        self._on_output = on_output
        self._door_states: dict[str, DoorState] = {name: door.initial() for name, door in self.doors.items()}
        self._decisions: States = pipeline.initial()
        self._signals: States = {}
        self._kept: dict[str, bytes] = {}
        self._signals_kept = False
        self.incidents: dict[str, Incident] = {}
        self.act_seqs: tuple[int, ...] = ()
        """Positions in the record chain of the acts of the last tick, in the order in which they were offered."""

    def tick_at(self, index: int) -> Tick:
        """The tick with this index on the absolute grid."""
        time_ns = index * self.period_ns
        return Tick(index, time_ns, time_ns - self._lateness_ns, self.period_ns)

    def advance(self, index: int, acts: Sequence[OfferedAct] = (), ended: Sequence[Record] = ()) -> None:
        """Everything of one tick, ending in one commit. People's acts are inputs like all others.

        `ended` are tracks and outages that a change of the site has ended since the tick before.
        """
        tick = self.tick_at(index)
        inputs: list[Input] = [Input("act", offered.act.seat, quantise(offered.act)) for offered in acts]
        inputs += [Input(_KINDS[type(record).__name__], _key(record), record) for record in ended]
        if self.evidence is not None:
            self.evidence.begin(tick)
        corrections = self.pipeline.corrections(self._decisions)
        for name, door in self.doors.items():
            self._door_states[name], admitted = door.admit(self._door_states[name], tick)
            if self.evidence is not None:
                self.evidence.take(admitted.blocks, tick)
            self._signals, felt = self.pipeline.detect(self._signals, name, admitted.blocks, tick, corrections)
            inputs += [*(Input("arrival", name, record) for record in admitted.records), *felt]
        self.decide(inputs, tick, acts)

    def decide(self, inputs: Sequence[Input], tick: Tick, acts: Sequence[OfferedAct] = ()) -> None:
        """Decide on these inputs, journal them with what follows, commit. The first inputs are those of `acts`."""
        corrections = self.pipeline.corrections(self._decisions)
        self._decisions, out = self.pipeline.decide(self._decisions, inputs, tick)
        # A resumed detector is brought up from its last kept state under one set of corrections, so that is kept where
        # they change.
        self._signals_kept = self._signals_kept and self.pipeline.corrections(self._decisions) == corrections
        for record in out:
            if isinstance(record, Incident):
                self.incidents[record.id] = record
        if self.journal is not None:
            out = (*out, *self._write(self.journal, inputs, out, tick, acts))
        if self._on_output is not None:
            for record in (*(item.record for item in inputs), *out):
                self._on_output(record)

    def _write(
        self,
        journal: JournalWriter,
        inputs: Sequence[Input],
        out: Sequence[Record],
        tick: Tick,
        acts: Sequence[OfferedAct],
    ) -> tuple[Record, ...]:
        """Journal and commit all of one tick; gives what evidence added to it."""
        if self.archive is not None:
            self.archive.begin(tick)
        journal.append("tick", "", canonical_bytes(tick))
        first = journal.next_seq
        self.act_seqs = tuple(first + number for number in range(len(acts)))
        for number, offered in enumerate(acts):
            journal.audit(
                "act",
                offered.wall_ns,
                f"{offered.act.move} {offered.act.incident}".strip(),
                key=offered.act.role,
                who=offered.person,
                about=first + number,
                in_commit=True,
            )
        for item in inputs:
            self._append(journal, item.kind, item.key, item.record)
        for record in out:
            self._append(journal, _KINDS[type(record).__name__], _key(record), record)
        added: tuple[Record, ...] = ()
        if self.evidence is not None:
            added = self.evidence.follow([*(item.record for item in inputs), *out], tick)
        for record in added:
            self._append(journal, _KINDS[type(record).__name__], _key(record), record)
        states = self.pipeline.freeze(self._decisions)
        states |= {f"door/{name}": freeze(state) for name, state in self._door_states.items()}
        states |= {} if self.evidence is None else self.evidence.states()
        changed = {key: raw for key, raw in states.items() if self._kept.get(key) != raw}
        self._kept = states
        signal_states = None
        # The first commit keeps them too, so that there is always a state to start from.
        if tick.index % self._signal_ticks == 0 or not self._signals_kept:
            self._signals_kept = True
            signal_states = {key: freeze(state) for key, state in self._signals.items()}
            if self.evidence is not None:
                self.evidence.keep_states(signal_states, tick)
        positions = {name: door.source.position() for name, door in self.doors.items()}
        journal.commit(tick, positions, changed, signal_states)
        for name, door in self.doors.items():
            door.source.committed(positions[name])
        return added

    def _append(self, journal: JournalWriter, kind: str, key: str, record: Record) -> None:
        if self.archive is not None:
            self.archive.take(journal.next_seq, record)
        journal.append(kind, key, canonical_bytes(record))

    def resume(self, found: Positions, incidents: Sequence[Incident]) -> None:
        """Go on after the last committed tick, as if there had been no stop."""
        self._kept = dict(found.states)
        if self.evidence is not None:
            self.evidence.resume(found)
        self._signals_kept = True
        self._decisions = self.pipeline.thaw(found.states)
        self._door_states = {
            name: thaw(found.states[f"door/{name}"], DoorState) if f"door/{name}" in found.states else door.initial()
            for name, door in self.doors.items()
        }
        self.incidents = {incident.id: incident for incident in incidents}
        self._signals = self.pipeline.thaw_signals(found.signal_states)
        self._feel_again(found)
        for name, door in self.doors.items():
            if name in found.sources:
                door.source.seek(found.sources[name])

    def carried_over(self, former: "Runner", tick: int) -> tuple[Record, ...]:
        """Go on after this tick with what another pipeline knew, of a site with the same lines; what ends by it.

        Sources stand where they stand. Detectors go on where neither sensor nor settings have changed.
        """
        kept, decisions, signals = former.known()
        decisions, ended = self.pipeline.taken_over(former.pipeline, decisions, tick * self.period_ns)
        states = {**kept, **self.pipeline.freeze(decisions)}
        felt = {key: freeze(state) for key, state in signals.items() if feels_as(former.pipeline, self.pipeline, key)}
        self.resume(Positions(tick, {}, states, tick, {}, felt), tuple(former.incidents.values()))
        return ended

    def held(self, name: str) -> int:
        """How many records of this source wait at its door for their order."""
        state = self._door_states[name]
        return sum(len(batch) for batch in state.batches) + len(state.rows)

    def known(self) -> tuple[dict[str, bytes], States, States]:
        """All states as of the last commit, frozen; those of the decision steps; those of the detectors."""
        return self._kept, self._decisions, self._signals

    def _feel_again(self, found: Positions) -> None:
        """Bring the detectors from their last kept state to the last tick; what they say was said already."""
        for name, door in self.doors.items():
            if name in found.signal_sources:
                door.source.seek(found.signal_sources[name])
        corrections = self.pipeline.corrections(self._decisions)
        for index in range(found.signal_tick + 1, found.tick + 1):
            tick = self.tick_at(index)
            for name, door in self.doors.items():
                _, admitted = door.admit(door.initial(), tick)
                if self.evidence is not None:
                    # What a power cut took from the ring comes back this way.
                    self.evidence.take(admitted.blocks, tick)
                self._signals, _ = self.pipeline.detect(self._signals, name, admitted.blocks, tick, corrections)


def _key(record: Record) -> str:
    """Whose a derived record is."""
    if isinstance(record, Detections):
        return record.line
    names = ("id", "request", "sensor", "line", "seat")
    return str(next((value for name in names if (value := getattr(record, name, ""))), ""))
