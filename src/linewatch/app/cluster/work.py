"""What is done for each key, free of any engine: the site's gate, its sections, its desk.

    inputs --gate (site)--> batches --section (line, section)--> parts --desk (site)--> decisions

Each takes bytes and its own state and gives bytes; each may be stopped after any call, its state frozen, and go on
elsewhere. Who calls them, and in which order the keys have their turn, changes nothing: a section begins tick k when
its neighbours' hand-overs of the tick before are in their log, the desk when all parts are there.

A state is frozen every `KEEP_TICKS` ticks only. What came since is kept beside it as it came, and is worked through
again after a restart: steps are deterministic, so that gives what was given, and whoever takes it drops a repeat.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.app.cluster.plan import decided_folder, hand_over_folder, inputs_folder, neighbours
from linewatch.app.cluster.tick_log import TickLogReader, TickLogWriter
from linewatch.app.pipeline import Input, Pipeline
from linewatch.errors import StoreError
from linewatch.records import Detections, HandOver, KnownMover, Outage, Record, Tick, canonical_bytes, from_bytes
from linewatch.records.state import freeze, thaw

_FOR_TRACKERS: Final = (KnownMover, Outage)
"""What a tracker takes beside detections and hand-overs; thousands of proofs of life a tick need not go to each."""
NONE_YET: Final = -1
"""Index of the tick before the first one."""
KEEP_TICKS: Final = 16
"""Ticks after which a state is frozen anew: a freeze costs about as much as a tick of a quiet section."""
_HAND_OVER_ROLL_BYTES: Final = 1024 * 1024
_MOST_PARTS: Final = 256
"""Parts that sections give in one turn, so that a long backlog holds up no checkpoint."""


class TickInputs(msgspec.Struct, frozen=True, array_like=True):
    """All inputs of one tick, as a site ships them."""

    tick: Tick
    """The tick."""
    inputs: tuple[tuple[str, str, bytes], ...]
    """Kind, key and canonical bytes of each, in the order of the journal."""


class SectionBatch(msgspec.Struct, frozen=True, array_like=True):
    """What one section is given for one tick."""

    tick: Tick
    """The tick."""
    before: int
    """Index of the tick before, whose hand-overs are taken now; `NONE_YET` for the first."""
    felt: tuple[bytes, ...]
    """What was felt there: columns as they lie in memory, many times faster to write and read than canonical bytes."""
    shared: tuple[bytes, ...]
    """Canonical bytes of what concerns everybody."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What one section, or the gate, gives to the desk for one tick."""

    tick: Tick
    """The tick."""
    number: int
    """Position of the section among the site's; `NONE_YET` for the gate."""
    records: tuple[bytes, ...]
    """Canonical bytes."""
    beside: int = 0
    """Of the gate: how many of them go to the incident step but were not given by a step themselves."""


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """All that was decided in one tick, in the order of the journal."""

    records: tuple[bytes, ...]
    """Canonical bytes."""


class GateState(msgspec.Struct):
    """How far the gate has come."""

    done: int
    """Index of the last tick that was let in."""
    health: bytes | None
    """State of the health step."""


class SectionState(msgspec.Struct):
    """How far a section has come."""

    done: int
    """Index of the last tick."""
    tracker: bytes | None
    """State of its tracker."""
    waiting: tuple[bytes, ...] = ()
    """Batches that wait for a neighbour."""


class DeskState(msgspec.Struct):
    """How far the desk has come."""

    done: int
    """Index of the last tick."""
    incident: bytes | None
    """State of the incident step."""
    waiting: tuple[bytes, ...] = ()
    """Parts of ticks that are not whole yet."""


_ENCODER: Final = msgspec.msgpack.Encoder()
encode = _ENCODER.encode
unpacked: Final = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode
"""Several of these at once, as they travel: what the engine does for each row costs more than what is in it."""


def packed(records: Sequence[Record]) -> tuple[bytes, ...]:
    """Canonical bytes of each."""
    return tuple(canonical_bytes(record) for record in records)


class Gate:
    """Key: the site. Takes inputs from their log, runs what is site-wide, gives each section what it is to hear."""

    def __init__(self, pipeline: Pipeline, run: Path, state: GateState | None = None) -> None:
        self._pipeline = pipeline
        self._health: Any = pipeline.health.initial()
        self.done = NONE_YET if state is None else state.done
        if state is not None and state.health is not None:
            self._health = thaw(state.health, pipeline.health.state_type)
        self.since = 0
        self._log = TickLogReader(inputs_folder(run), self.done + 1)
        self.sections = [(line.id, section.name) for line in pipeline.site.lines for section in line.sections]

    def take(self) -> tuple[Part, dict[tuple[str, str], SectionBatch]] | None:
        """The next tick: what goes to the desk, and to every section. None while it has not come."""
        following = self._log.after(self.done)
        if following is None:
            return None
        given = msgspec.msgpack.decode(following[1], type=TickInputs)
        tick, before = given.tick, self.done
        inputs = [Input(kind, key, from_bytes(raw)) for kind, key, raw in given.inputs]
        batch = [item.record for item in inputs]
        self._health, outages = self._pipeline.health.step(self._health, batch, tick)
        shared = [record for record in (*batch, *outages) if isinstance(record, _FOR_TRACKERS)]
        felt = self._pipeline.by_section([record for record in batch if isinstance(record, Detections)])
        everybody = packed(shared)
        batches = {
            name: SectionBatch(tick, before, tuple(freeze(each) for each in felt.get(name, ())), everybody)
            for name in self.sections
        }
        beside = packed(self._pipeline.beside(batch))
        self.done = tick.index
        self.since += 1
        self._log.forget(self.done)
        return Part(tick, NONE_YET, (*beside, *packed(outages)), len(beside)), batches

    def state(self) -> GateState:
        """To be kept."""
        self.since = 0
        return GateState(self.done, freeze(self._health))


class SectionWork:
    """Key: line and section. Runs its tracker, tick by tick, as soon as its neighbours have handed over."""

    def __init__(
        self,
        pipeline: Pipeline,
        run: Path,
        line: str,
        section: str,
        state: SectionState | None = None,
        *,
        versions: dict[str, str] | None = None,
        durable: bool = False,
    ) -> None:
        sections = [each.name for each in pipeline.site.line(line).sections]
        self._step = pipeline.trackers[line, section]
        self.name = section
        self.near: list[SectionWork] = []
        self._number = list(pipeline.trackers).index((line, section))
        self._state: Any = self._step.initial()
        self.done = NONE_YET if state is None else state.done
        if state is not None and state.tracker is not None:
            self._state = thaw(state.tracker, self._step.state_type)
        self.since = 0
        self._waiting: dict[int, bytes] = {}
        for raw in () if state is None else state.waiting:
            self.offer(raw)
        self._beside = {
            other: TickLogReader(hand_over_folder(run, line, other), self.done)
            for other in neighbours(sections, section)
        }
        folder = hand_over_folder(run, line, section)
        self._out = TickLogWriter(
            folder, f"hand-over {line}/{section}", versions or {}, durable=durable, roll_bytes=_HAND_OVER_ROLL_BYTES
        )

    def offer(self, raw: bytes) -> bool:
        """A batch for this section. One that was done or came already is left; whether it is new."""
        tick = msgspec.msgpack.decode(raw, type=SectionBatch).tick.index
        if tick <= self.done or tick in self._waiting:
            return False
        self._waiting[tick] = raw
        return True

    @property
    def waits(self) -> bool:
        """Whether there is something that could not be done yet."""
        return bool(self._waiting)

    @property
    def waits_for_others(self) -> bool:
        """Whether it is a section of another process that has not handed over yet."""
        if not self._waiting:
            return False
        here = {other.name for other in self.near}
        return any(log.get(self.done) is None for name, log in self._beside.items() if name not in here)

    @property
    def neighbours(self) -> tuple[str, ...]:
        """Names of the sections that hand over to this one."""
        return tuple(self._beside)

    def advance(self) -> list[Part]:
        """Do as many ticks as neighbours allow; what goes to the desk."""
        parts: list[Part] = []
        while self._waiting:
            batch = msgspec.msgpack.decode(self._waiting[min(self._waiting)], type=SectionBatch)
            if batch.before != self.done:
                raise StoreError(
                    f"section {self.name}: tick {batch.tick.index}: found {batch.before} as the tick before; "
                    f"allowed: {self.done}, the last one done here"
                )
            taken = self._taken(batch.before)
            if taken is None:
                break
            here = [*(thaw(raw, Detections) for raw in batch.felt), *(from_bytes(raw) for raw in batch.shared)]
            self._state, out = self._step.step(self._state, (*taken, *here), batch.tick)
            self._hand_over(out, batch.tick)
            parts.append(Part(batch.tick, self._number, packed(out)))
            del self._waiting[batch.tick.index]
            self.done = batch.tick.index
            self.since += 1
        return parts

    def hear(self, neighbour: str, tick: int, raw: bytes) -> None:
        """What a neighbour in this process has just written to its log."""
        self._beside[neighbour].know(tick, raw)

    def _taken(self, tick: int) -> list[HandOver] | None:
        """What was handed over to this section at the end of this tick; None while a neighbour is not so far."""
        if tick == NONE_YET:
            return []
        given = [log.get(tick) for log in self._beside.values()]
        if any(raw is None for raw in given):
            return None
        taken: list[HandOver] = []
        for log, raw in zip(self._beside.values(), given, strict=True):
            assert raw is not None
            for each in unpacked(raw):
                record = from_bytes(each)
                assert isinstance(record, HandOver)
                if record.to_section == self.name:
                    taken.append(record)
            log.forget(tick - 2)
        return taken

    def _hand_over(self, out: Sequence[Record], tick: Tick) -> None:
        raw = encode(packed([record for record in out if isinstance(record, HandOver)]))
        self._out.append(tick.index, raw)
        for other in self.near:
            other.hear(self.name, tick.index, raw)

    def state(self) -> SectionState:
        """To be kept."""
        self.since = 0
        return SectionState(self.done, freeze(self._state), tuple(self._waiting.values()))

    def close(self) -> None:
        """Let go of files."""
        self._out.close()


class Together:
    """Sections of a run that one process works on: one hears at once what another hands over, and goes on with it."""

    def __init__(self) -> None:
        self._works: dict[tuple[str, str], SectionWork] = {}

    def add(self, line: str, work: SectionWork) -> None:
        """One more section."""
        for name in work.neighbours:
            if (other := self._works.get((line, name))) is not None:
                other.near.append(work)
                work.near.append(other)
        self._works[line, work.name] = work

    @property
    def waiting(self) -> list[SectionWork]:
        """Sections with something that could not be done yet."""
        return [work for work in self._works.values() if work.waits]

    def advance(self, works: Iterable[SectionWork]) -> list[Part]:
        """Let these do what they can, and after each whoever waited for it."""
        parts: list[Part] = []
        turns = deque(works)
        while turns and len(parts) < _MOST_PARTS:
            work = turns.popleft()
            given = work.advance()
            parts += given
            if given:
                turns.extend(other for other in work.near if other.waits)
        return parts


class Desk:
    """Key: the site. Puts the parts of each tick together and decides what a person must deal with."""

    def __init__(
        self,
        pipeline: Pipeline,
        run: Path,
        state: DeskState | None = None,
        *,
        versions: dict[str, str] | None = None,
        durable: bool = False,
    ) -> None:
        self._step = pipeline.incident
        self._parts = len(pipeline.trackers) + 1
        self._state: Any = self._step.initial()
        self.done = NONE_YET if state is None else state.done
        if state is not None and state.incident is not None:
            self._state = thaw(state.incident, self._step.state_type)
        self._waiting: dict[int, dict[int, bytes]] = {}
        for raw in () if state is None else state.waiting:
            self.offer(raw)
        self.since = 0
        self._out = TickLogWriter(decided_folder(run), "decided", versions or {}, durable=durable)

    def offer(self, raw: bytes) -> bool:
        """A part of a tick. One that was done or came already is left; whether it is new."""
        part = msgspec.msgpack.decode(raw, type=Part)
        if part.tick.index <= self.done:
            return False
        return self._waiting.setdefault(part.tick.index, {}).setdefault(part.number, raw) is raw

    @property
    def ready(self) -> bool:
        """Whether the oldest tick has all its parts."""
        return bool(self._waiting) and len(self._waiting[min(self._waiting)]) == self._parts

    def advance(self) -> list[tuple[Tick, Decided]]:
        """Decide every tick that is whole, oldest first."""
        decided: list[tuple[Tick, Decided]] = []
        while self.ready:
            index = min(self._waiting)
            parts = [msgspec.msgpack.decode(self._waiting[index][n], type=Part) for n in sorted(self._waiting[index])]
            tick, gate, sections = parts[0].tick, parts[0], parts[1:]
            outages = gate.records[gate.beside :]
            tracks = tuple(raw for part in sections for raw in part.records)
            given = [from_bytes(raw) for raw in (*gate.records, *tracks)]
            self._state, incidents = self._step.step(self._state, given, tick)
            made = Decided((*outages, *tracks, *packed(incidents)))
            self._out.append(index, encode(made))
            decided.append((tick, made))
            del self._waiting[index]
            self.done = index
            self.since += 1
        return decided

    def state(self) -> DeskState:
        """To be kept."""
        self.since = 0
        waiting = tuple(raw for parts in self._waiting.values() for raw in parts.values())
        return DeskState(self.done, freeze(self._state), waiting)

    def close(self) -> None:
        """Let go of files."""
        self._out.close()
