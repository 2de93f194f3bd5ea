"""What the engine calls for each key. Imported by the engine's workers, in the engine's Python."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from linewatch.app.cluster.keys import key_of, run_key
from linewatch.app.cluster.plan import Plan, checked_plan
from linewatch.app.cluster.work import Desk, DeskState, Gate, GateState, SectionState, SectionWork, encode
from linewatch.app.pipeline import Pipeline

_POLL_MS: Final = 10
"""How often a gate looks for inputs."""
_RETRY_MS: Final = 4
"""How often a section looks for its neighbours."""
_LOST_MS: Final = 900
"""A turn that is so late does not come any more."""
_BURST: Final = 16
"""Ticks that a gate lets in before other keys have their turn."""
_BYTES: Final = Types.PICKLED_BYTE_ARRAY()
VALUE: Final = Types.ROW([Types.STRING(), Types.STRING(), Types.STRING(), _BYTES])
"""Folder of the run, line, section, payload."""
KEYED: Final = Types.ROW([Types.LONG(), VALUE])
"""Key and value, as the engine's own `key_by` would have paired them."""
DECIDED: Final = Types.ROW([Types.STRING(), Types.LONG()])
"""Folder of the run, index of the tick."""
TO_DESK: Final = OutputTag("to-desk", KEYED)

_RUNS: dict[str, tuple[Plan, Pipeline]] = {}
"""Runs that this process works on: checked once, before any state is read."""


class _Kept(msgspec.Struct, array_like=True):
    """State of a gate or a section as it lies in a checkpoint."""

    run: str
    line: str
    section: str
    state: bytes | None


def _run(folder: str) -> tuple[Plan, Pipeline]:
    if folder not in _RUNS:
        plan, site, settings = checked_plan(Path(folder))
        _RUNS[folder] = (plan, Pipeline(site, settings))
    return _RUNS[folder]


def _key(ctx: Any) -> int:
    key = ctx.get_current_key()
    return int(key if isinstance(key, int) else key[0])


class _Turns:
    """When each key of this process has its next turn.

    A timer that has fired and is not worked off when a checkpoint is taken can be missing from it (seen with workers in
    Python). So two more are set at whole seconds, which always lie in the checkpoint; while the chain of turns
    goes on they are passed over, and where it broke, one of them takes it up.
    """

    def __init__(self) -> None:
        self._due_ms: dict[int, int] = {}

    def set(self, ctx: Any, key: int, in_ms: int) -> None:
        """The next turn of a key."""
        timers = ctx.timer_service()
        now_ms = timers.current_processing_time()
        self._due_ms[key] = now_ms + in_ms
        second_ms = (now_ms // 1_000 + 1) * 1_000
        for at_ms in (now_ms + in_ms, second_ms, second_ms + 1_000):
            timers.register_processing_time_timer(at_ms)

    def is_due(self, ctx: Any, key: int, timestamp_ms: int) -> bool:
        """Whether a timer is the key's turn, and not one of the two that only stand by."""
        due_ms = self._due_ms.get(key)
        return due_ms in {None, timestamp_ms} or self.is_lost(ctx, key)

    def is_lost(self, ctx: Any, key: int) -> bool:
        """Whether a key has no turn to come."""
        due_ms = self._due_ms.get(key)
        return due_ms is None or due_ms < ctx.timer_service().current_processing_time() - _LOST_MS

    def drop(self, key: int) -> None:
        """The key waits for nothing."""
        self._due_ms.pop(key, None)


class Seeds(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a run. Looks for its inputs every few milliseconds and lets them in."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any run yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("gate", _BYTES))
        self._gates: dict[int, tuple[str, Gate, dict[tuple[str, str], int]]] = {}
        self._turns = _Turns()

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A seed: begin to look."""
        if self._state.value() is None:
            self._state.update(encode(_Kept(value, "", "", None)))
            self._turns.set(ctx, _key(ctx), _POLL_MS)
        yield from ()

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[Any]:
        """Let in what has come."""
        key = _key(ctx)
        if not self._turns.is_due(ctx, key, timestamp):
            return
        if key not in self._gates:
            self._gates[key] = self._set_up()
        run, gate, keys = self._gates[key]
        given = None
        for _ in range(_BURST):
            given = gate.take()
            if given is None:
                break
            part, batches = given
            yield TO_DESK, Row(key, Row(run, str(part.tick.index), str(part.number), encode(part)))
            for (line, section), batch in batches.items():
                yield Row(keys[line, section], Row(run, line, section, encode(batch)))
        self._state.update(encode(_Kept(run, "", "", encode(gate.state()))))
        self._turns.set(ctx, key, _POLL_MS if given is None else 1)

    def _set_up(self) -> tuple[str, Gate, dict[tuple[str, str], int]]:
        kept = msgspec.msgpack.decode(self._state.value(), type=_Kept)
        plan, pipeline = _run(kept.run)
        state = None if kept.state is None else msgspec.msgpack.decode(kept.state, type=GateState)
        keys = {(s.line, s.section): key_of(kept.run, s.line, s.section, s.slot) for s in plan.shares}
        return kept.run, Gate(pipeline, Path(kept.run), state), keys


class Sections(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a section of a run."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any section yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("section", _BYTES))
        self._works: dict[int, SectionWork] = {}
        self._turns = _Turns()

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A batch: do it now where the neighbours have handed over, later where not."""
        run, line, section, raw = value
        key = _key(ctx)
        if key not in self._works:
            self._works[key] = self._set_up(run, line, section)
        self._works[key].offer(bytes(raw))
        yield from self._advance(key, run, line, section)
        self._look_again(ctx, key, begin=True)

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[Any]:
        """Look again whether the neighbours have handed over."""
        key = _key(ctx)
        if not self._turns.is_due(ctx, key, timestamp):
            return
        kept = msgspec.msgpack.decode(self._state.value(), type=_Kept)
        if key not in self._works:
            self._works[key] = self._set_up(kept.run, kept.line, kept.section)
        yield from self._advance(key, kept.run, kept.line, kept.section)
        self._look_again(ctx, key, begin=False)

    def _look_again(self, ctx: Any, key: int, *, begin: bool) -> None:
        if not self._works[key].waits:
            self._turns.drop(key)
        elif not begin or self._turns.is_lost(ctx, key):
            self._turns.set(ctx, key, _RETRY_MS)

    def close(self) -> None:
        """Let go of files."""
        for work in self._works.values():
            work.close()

    def _advance(self, key: int, run: str, line: str, section: str) -> Iterator[Any]:
        work = self._works[key]
        for part in work.advance():
            yield Row(run_key(run), Row(run, str(part.tick.index), str(part.number), encode(part)))
        self._state.update(encode(_Kept(run, line, section, encode(work.state()))))

    def _set_up(self, run: str, line: str, section: str) -> SectionWork:
        plan, pipeline = _run(run)
        raw = self._state.value()
        kept = None if raw is None else msgspec.msgpack.decode(raw, type=_Kept).state
        state = None if kept is None else msgspec.msgpack.decode(kept, type=SectionState)
        return SectionWork(pipeline, Path(run), line, section, state, versions=plan.versions, durable=plan.durable)


class Desks(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a run. Puts the parts of each tick together and decides."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any run yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("desk", _BYTES))
        self._parts = runtime_context.get_map_state(MapStateDescriptor("parts", Types.LONG(), _BYTES))
        self._desks: dict[int, tuple[Desk, int]] = {}

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A part of a tick; with the last one, the decision on it goes to the log."""
        run, tick, number, raw = value
        key = _key(ctx)
        if key not in self._desks:
            self._desks[key] = self._set_up(run)
        desk, parts = self._desks[key]
        if int(tick) <= desk.done:
            return
        if not desk.offer(bytes(raw)):
            self._parts.put(_place(int(tick), int(number), parts), bytes(raw))
            return
        for decided, _ in desk.advance():
            for each in range(-1, parts - 1):
                place = _place(decided.index, each, parts)
                if self._parts.contains(place):
                    self._parts.remove(place)
            yield Row(run, decided.index)
        self._state.update(encode(desk.decided_state()))

    def close(self) -> None:
        """Let go of files."""
        for desk, _ in self._desks.values():
            desk.close()

    def _set_up(self, run: str) -> tuple[Desk, int]:
        plan, pipeline = _run(run)
        raw = self._state.value()
        state = DeskState(-1, None, {}) if raw is None else msgspec.msgpack.decode(raw, type=DeskState)
        desk = Desk(pipeline, Path(run), state, versions=plan.versions, durable=plan.durable)
        for part in self._parts.values():
            desk.offer(bytes(part))
        return desk, len(plan.shares) + 1


def _place(tick: int, number: int, parts: int) -> int:
    """One number for a part: the key under which it waits."""
    return tick * parts + number + 1
