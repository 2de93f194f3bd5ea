"""The site's side of a run: ships what came, tick by tick, and commits what was decided, to the same bytes as alone.

Everything up to the door, and everything after the decision (record chain, archive, clips), is `app.run` as ever; only
between them the pipeline is one that sends inputs away and takes decisions from their log. A tick is committed once:
the store knows its last one, and decisions that come again are the same bytes or an error.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from linewatch.app.archiving import begin_archive
from linewatch.app.clips import begin_evidence
from linewatch.app.cluster.plan import Plan, decided_folder, inputs_folder
from linewatch.app.cluster.tick_log import TickLogReader, TickLogWriter, last_tick
from linewatch.app.cluster.work import NONE_YET, Decided, TickInputs, encode
from linewatch.app.pipeline import Input, Pipeline, States
from linewatch.app.replay import journal_of, span
from linewatch.app.run import Runner
from linewatch.app.settings import Settings
from linewatch.clock import Clock, WallClock
from linewatch.errors import DeliveryError
from linewatch.ports import JournalReader, Recording
from linewatch.records import Incident, Record, Tick, canonical_bytes, content_id, from_bytes
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site

AHEAD: Final = 2_000
"""Ticks that may be shipped before the decision on the first of them has come back."""
_POLL_S: Final = 0.005


class InputLog:
    """Where a site's inputs go. Ticks that are there already are not written again."""

    def __init__(self, run: Path, plan: Plan) -> None:
        self._last = last_tick(inputs_folder(run))
        self._log = TickLogWriter(inputs_folder(run), "inputs", plan.versions, durable=plan.durable)

    def append(self, tick: Tick, inputs: Sequence[Input]) -> None:
        """All inputs of one tick."""
        if self._last is None or tick.index > self._last:
            shipped = tuple((item.kind, item.key, canonical_bytes(item.record)) for item in inputs)
            self._log.append(tick.index, encode(TickInputs(tick, shipped)))

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()


class Shipping(Pipeline):
    """Sends inputs away and decides nothing."""

    def __init__(self, site: Site, settings: Settings, log: InputLog) -> None:
        super().__init__(site, settings)
        self._log = log

    def decide(self, states: States, inputs: Sequence[Input], tick: Tick) -> tuple[States, tuple[Record, ...]]:
        """Nothing follows here."""
        self._log.append(tick, inputs)
        return states, ()


class Told(Pipeline):
    """Takes decisions from where they are made. `ready` must say so before `decide` is asked."""

    def __init__(self, site: Site, settings: Settings, run: Path, from_tick: int = 0) -> None:
        super().__init__(site, settings)
        self._log = TickLogReader(decided_folder(run), from_tick)

    @property
    def repeats(self) -> int:
        """Decisions that came again, the same."""
        return self._log.repeats

    def ready(self, index: int) -> bool:
        """Whether this tick has been decided."""
        return self._log.get(index) is not None

    def decide(
        self,
        states: States,
        inputs: Sequence[Input],  # noqa: ARG002 - they were shipped
        tick: Tick,
    ) -> tuple[States, tuple[Record, ...]]:
        """What was decided elsewhere on these inputs."""
        raw = self._log.get(tick.index)
        assert raw is not None
        self._log.forget(tick.index)
        return states, tuple(from_bytes(each) for each in msgspec.msgpack.decode(raw, type=Decided).records)

    def initial(self) -> States:
        """The states are elsewhere."""
        return {}

    def freeze(self, states: States) -> dict[str, bytes]:  # noqa: ARG002
        """The states are elsewhere."""
        return {}

    def thaw(self, raw: Mapping[str, bytes]) -> States:  # noqa: ARG002
        """The states are elsewhere."""
        return {}


class Done(msgspec.Struct, frozen=True):
    """What a run gave."""

    incidents: tuple[Incident, ...]
    """The last version of each, by raising time, then id."""
    ticks: int
    """Ticks committed by this call."""
    repeats: int
    """Decisions that came again, the same, and were dropped."""


def replay_on_cluster(
    run: Path,
    plan: Plan,
    site: Site,
    settings: Settings,
    recordings: Callable[[], Sequence[Recording]],
    *,
    out: Path,
    until_ns: int | None = None,
    speed: float | None = None,
    patience_s: float = 120.0,
    clock: Clock | None = None,
    on_output: Callable[[Record], None] | None = None,
) -> Done:
    """Ship the recordings, take back what a cluster decides on them, leave the store that `replay` would leave.

    `recordings` opens them; it is called twice, as shipping runs ahead of committing. Goes on with a store and a run
    that are there. Raises `DeliveryError` where no decision comes for `patience_s`: nothing is lost, call it again.
    """
    clock = clock or WallClock()
    log = InputLog(run, plan)
    ahead = Runner(site, Shipping(site, settings, log), recordings())
    opened = recordings()
    told = Told(site, settings, run)
    inputs_id = content_id("inputs", site_fingerprint(site), *sorted(r.fingerprint for r in opened))
    journal = journal_of(out, site, told.settings_id, inputs_id)
    runner = Runner(site, told, opened, journal, on_output, begin_archive(journal, site, settings))
    first, last = span(opened, runner, settings, until_ns)
    runner.evidence = begin_evidence(journal, site, settings, runner.period_ns, last_tick=last)
    start = first
    try:
        if (found := journal.positions()) is not None:
            runner.resume(found, journal.incidents())
            start = found.tick + 1
        begun_ns, shipped, heard_ns = clock.now_ns(), first, clock.now_ns()
        index = start
        while index <= last:
            due = speed is None or clock.now_ns() - begun_ns >= (shipped - first) * runner.period_ns / speed
            if shipped <= min(last, index + AHEAD) and due:
                ahead.advance(shipped)
                shipped += 1
            if told.ready(index):
                runner.advance(index)
                index, heard_ns = index + 1, clock.now_ns()
            elif not due or shipped > min(last, index + AHEAD):
                _wait(clock, heard_ns, index, patience_s)
    finally:
        log.close()
        journal.close()
        for recording in opened:
            recording.close()
    incidents = tuple(sorted(runner.incidents.values(), key=lambda i: (i.raised_ns, i.id)))
    return Done(incidents, last - start + 1, told.repeats)


def _wait(clock: Clock, heard_ns: int, index: int, patience_s: float) -> None:
    now_ns = clock.now_ns()
    if now_ns - heard_ns > patience_s * 1e9:
        raise DeliveryError(
            f"cluster: tick {index}: found no decision for {patience_s:g} s; allowed: a running job "
            "(see `linewatch cluster status`); what was shipped and committed stands"
        )
    clock.wait_until_ns(now_ns + round(_POLL_S * 1e9))


def ship_store(run: Path, plan: Plan, reader: JournalReader, from_tick: int = NONE_YET) -> int:
    """Ship what a store kept of its inputs after this tick; the last tick shipped.

    The site goes on alone with its store; a cluster that was away is caught up by calling this again.
    """
    log = InputLog(run, plan)
    tick: Tick | None = None
    inputs: list[Input] = []
    try:
        for entry in reader.entries(kinds=("tick", "arrival", "detections", "act")):
            if entry.tick <= from_tick or entry.payload is None:
                continue
            record = from_bytes(entry.payload)
            if isinstance(record, Tick):
                if tick is not None:
                    log.append(tick, inputs)
                tick, inputs = record, []
            else:
                inputs.append(Input(entry.kind, entry.key, record))
        if tick is not None:
            log.append(tick, inputs)
    finally:
        log.close()
    return from_tick if tick is None else tick.index
