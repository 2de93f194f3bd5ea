"""What the engine calls for each key. Imported by the engine's workers, in the engine's Python."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import ListStateDescriptor, ValueStateDescriptor

from linewatch.app.cluster.keys import key_of, run_key
from linewatch.app.cluster.plan import Plan, checked_plan, hand_over_folder, inputs_folder, read_plan
from linewatch.app.cluster.pruning import mark_kept
from linewatch.app.cluster.work import (
    KEEP_TICKS,
    NONE_YET,
    Desk,
    DeskState,
    Gate,
    GateState,
    SectionState,
    SectionWork,
    Together,
    encode,
    unpacked,
)
from linewatch.app.pipeline import Pipeline
from linewatch.clock import WallClock

_POLL_NS: Final = 2_000_000
"""How often gates look for inputs."""
_LOOK_NS: Final = 40_000_000
"""How long gates look in one turn: a checkpoint may have to wait for so long."""
_NEXT_MS: Final = 1
"""When their next turn is."""
_RETRY_MS: Final = 4
"""How often sections look for neighbours in other processes."""
_ALL: Final = 0
"""Whose turn it is where all keys of a process have it together."""
_LOST_MS: Final = 900
"""A turn that is so late does not come any more."""
_WAIT_NS: Final = 8_000_000
"""How long sections wait in one turn for those of other processes."""
_BURST: Final = 32
"""Ticks that the gates of a process let in in one turn."""
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
    """Plan and steps of a run. Runs of one plan share them: steps remember nothing."""
    if folder not in _RUNS:
        plan = read_plan(Path(folder))
        known = next((made for made in _RUNS.values() if made[0] == plan), None)
        if known is None:
            plan, site, settings = checked_plan(Path(folder))
            known = (plan, Pipeline(site, settings))
        _RUNS[folder] = known
    return _RUNS[folder]


def _key(ctx: Any) -> int:
    key = ctx.get_current_key()
    return int(key if isinstance(key, int) else key[0])


class _Turns:
    """When whoever waits in this process has its next turn.

    A timer that has fired and is not worked off when a checkpoint is taken can be missing from it (seen with workers in
    Python). So every key that waits has two more at whole seconds, which always lie in the checkpoint; after a restart
    they take up the chain of turns.
    """

    def __init__(self) -> None:
        self._due_ms: dict[int, int] = {}
        self._stand_by_ms: dict[int, int] = {}

    def ask(self, ctx: Any, whose: int, in_ms: int) -> None:
        """See to it that a turn comes; called in the name of the current key."""
        timers = ctx.timer_service()
        now_ms = timers.current_processing_time()
        second_ms = (now_ms // 1_000 + 1) * 1_000
        key = _key(ctx)
        if self._stand_by_ms.get(key) != second_ms:
            self._stand_by_ms[key] = second_ms
            timers.register_processing_time_timer(second_ms)
            timers.register_processing_time_timer(second_ms + 1_000)
        if self._due_ms.get(whose, 0) < now_ms - _LOST_MS:
            self._due_ms[whose] = now_ms + in_ms
            timers.register_processing_time_timer(now_ms + in_ms)

    def is_due(self, ctx: Any, whose: int, timestamp_ms: int) -> bool:
        """Whether a timer is the turn, or none will come; if so, it is over."""
        due_ms = self._due_ms.get(whose, 0)
        if due_ms not in {0, timestamp_ms} and due_ms >= ctx.timer_service().current_processing_time() - _LOST_MS:
            return False
        self._due_ms[whose] = 0
        return True


def _row(key: int, run: str, line: str, section: str, payload: list[bytes]) -> Any:
    return Row(key, Row(run, line, section, encode(payload)))


class Seeds(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a run. Looks for its inputs every few milliseconds and lets them in.

    Looking costs next to nothing, a turn of the engine a millisecond on both of its sides: so a turn looks for a while.
    """

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any run yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("gate", _BYTES))
        self._gates: dict[int, tuple[str, Gate, dict[tuple[str, str], int]]] = {}
        self._turns = _Turns()
        self._clock = WallClock()

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A seed: begin to look."""
        if self._state.value() is None:
            self._state.update(encode(_Kept(value, "", "", None)))
            self._turns.ask(ctx, _ALL, _NEXT_MS)
        yield from ()

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[Any]:
        """Let in what has come, of whichever run of this process."""
        key = _key(ctx)
        if key not in self._gates:
            self._gates[key] = self._set_up()
        if self._turns.is_due(ctx, _ALL, timestamp):
            end_ns = self._clock.now_ns() + _LOOK_NS
            while not (rows := self._let_in()) and self._clock.now_ns() < end_ns:
                self._clock.wait_until_ns(self._clock.now_ns() + _POLL_NS)
            yield from rows
        run, gate, _ = self._gates[key]
        if gate.since >= KEEP_TICKS:
            self._state.update(encode(_Kept(run, "", "", encode(gate.state()))))
            mark_kept(inputs_folder(Path(run)), gate.done)
        self._turns.ask(ctx, _ALL, _NEXT_MS)

    def _let_in(self) -> list[Any]:
        """What has come, a row for each section and desk however many ticks it is."""
        rows: list[Any] = []
        most = max(_BURST // len(self._gates), 1)
        for key, (run, gate, keys) in self._gates.items():
            given = list(itertools.islice(iter(gate.take, None), most))
            if not given:
                continue
            rows.append((TO_DESK, _row(key, run, "", "", [encode(part) for part, _ in given])))
            for (line, section), to in keys.items():
                rows.append(_row(to, run, line, section, [encode(batches[line, section]) for _, batches in given]))
        return rows

    def _set_up(self) -> tuple[str, Gate, dict[tuple[str, str], int]]:
        kept = msgspec.msgpack.decode(self._state.value(), type=_Kept)
        plan, pipeline = _run(kept.run)
        state = None if kept.state is None else msgspec.msgpack.decode(kept.state, type=GateState)
        keys = {(s.line, s.section): key_of(kept.run, s.line, s.section, s.slot) for s in plan.shares}
        return kept.run, Gate(pipeline, Path(kept.run), state), keys


class Sections(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a section of a run. Those of one process have their turns together."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any section yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("section", _BYTES))
        self._since = runtime_context.get_list_state(ListStateDescriptor("batches", _BYTES))
        self._works: dict[int, tuple[str, str, SectionWork]] = {}
        self._together: dict[str, Together] = {}
        self._turns = _Turns()
        self._clock = WallClock()

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A batch: do it now where the neighbours have handed over, later where not."""
        run, line, section, raw = value
        key = _key(ctx)
        if key not in self._works:
            if self._state.value() is None:
                self._state.update(encode(_Kept(run, line, section, None)))
            self._set_up(key)
        work = self._works[key][2]
        for each in unpacked(raw):
            if work.offer(each):
                self._since.add(each)
        yield from self._advance(run, [work])
        if work.since >= KEEP_TICKS:
            self._keep(key)
        if work.waits:
            self._turns.ask(ctx, _ALL, _RETRY_MS)

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[Any]:
        """Look again whether neighbours have handed over."""
        key = _key(ctx)
        if key not in self._works:
            self._set_up(key)
        # Timers that only stand by do not wait for anybody: they are many, and each would hold up the rest.
        if self._turns.is_due(ctx, _ALL, timestamp):
            yield from self._look()
        if any(together.waiting for together in self._together.values()):
            self._turns.ask(ctx, _ALL, _RETRY_MS)

    def close(self) -> None:
        """Let go of files."""
        for _, _, work in self._works.values():
            work.close()

    def _look(self) -> Iterator[Any]:
        """Let all who wait go on, for a while, as others hand over."""
        end_ns = self._clock.now_ns() + _WAIT_NS
        for run, together in self._together.items():
            yield from self._advance(run, together.waiting)
        while self._clock.now_ns() < end_ns:
            stuck = [
                (run, work) for run, each in self._together.items() for work in each.waiting if work.waits_for_others
            ]
            if not stuck:
                return
            self._clock.wait_until_ns(self._clock.now_ns() + _POLL_NS // 4)
            for run, work in stuck:
                if not work.waits_for_others:
                    yield from self._advance(run, [work])

    def _advance(self, run: str, works: list[SectionWork]) -> Iterator[Any]:
        parts = self._together[run].advance(works)
        if parts:
            yield _row(run_key(run), run, "", "", [encode(part) for part in parts])

    def _keep(self, key: int) -> None:
        run, line, work = self._works[key]
        state = work.state()
        waiting, state.waiting = state.waiting, ()
        self._state.update(encode(_Kept(run, line, work.name, encode(state))))
        self._since.update(list(waiting))
        mark_kept(hand_over_folder(Path(run), line, work.name), work.done)

    def _set_up(self, key: int) -> None:
        kept = msgspec.msgpack.decode(self._state.value(), type=_Kept)
        plan, pipeline = _run(kept.run)
        state = SectionState(NONE_YET, None)
        if kept.state is not None:
            state = msgspec.msgpack.decode(kept.state, type=SectionState)
        state.waiting = tuple(bytes(raw) for raw in self._since.get() or ())
        work = SectionWork(
            pipeline, Path(kept.run), kept.line, kept.section, state, versions=plan.versions, durable=plan.durable
        )
        self._works[key] = (kept.run, kept.line, work)
        self._together.setdefault(kept.run, Together()).add(kept.line, work)


class Desks(KeyedProcessFunction):  # type: ignore[misc]  # the engine ships no types
    """Key: a run. Puts the parts of each tick together and decides."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing is known of any run yet."""
        self._state = runtime_context.get_state(ValueStateDescriptor("desk", _BYTES))
        self._since = runtime_context.get_list_state(ListStateDescriptor("parts", _BYTES))
        self._desks: dict[int, Desk] = {}

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """A part of a tick; with the last one, the decision on it goes to the log."""
        run, _, _, raw = value
        key = _key(ctx)
        if key not in self._desks:
            self._desks[key] = self._set_up(run)
        desk = self._desks[key]
        for each in unpacked(raw):
            if desk.offer(each):
                self._since.add(each)
        for decided, _ in desk.advance():
            yield Row(run, decided.index)
        if desk.since >= KEEP_TICKS:
            state = desk.state()
            waiting, state.waiting = state.waiting, ()
            self._state.update(encode(state))
            self._since.update(list(waiting))

    def close(self) -> None:
        """Let go of files."""
        for desk in self._desks.values():
            desk.close()

    def _set_up(self, run: str) -> Desk:
        plan, pipeline = _run(run)
        raw = self._state.value()
        state = DeskState(NONE_YET, None) if raw is None else msgspec.msgpack.decode(raw, type=DeskState)
        state.waiting = tuple(bytes(part) for part in self._since.get() or ())
        return Desk(pipeline, Path(run), state, versions=plan.versions, durable=plan.durable)
