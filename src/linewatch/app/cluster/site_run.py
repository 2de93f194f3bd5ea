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
from linewatch.records import Health, Incident, Record, Tick, canonical_bytes, content_id, from_bytes
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site

AHEAD: Final = 2_000
"""Ticks that may be shipped before the decision on the first of them has come back."""
REMEMBERED: Final = 240
"""Decisions that are kept after their commit, so that those that come again can be compared."""
UNDECIDED_S: Final = 5.0
"""A wait for the next decision that is so long stands in the audit chain, once it is over."""
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

    def skip(self, before: int) -> None:
        """Ticks before this one are committed: nobody asks for them again."""
        self._log.forget(before)

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
        self._log.forget(tick.index - REMEMBERED)
        return states, tuple(from_bytes(each) for each in msgspec.msgpack.decode(raw, type=Decided).records)

    def initial(self) -> States:
        """The states are elsewhere."""
        return {}

    def corrections(self, states: States) -> dict[str, tuple[Health, ...]]:  # noqa: ARG002
        """None: people act on a watch, not on recordings."""
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
    on_decided: Callable[[int, int, int], None] | None = None,
) -> Done:
    """Ship the recordings, take back what a cluster decides on them, leave the store that `replay` would leave.

    `recordings` opens them; it is called twice, as shipping runs ahead of committing. Goes on with a store and a run
    that are there. `on_decided` is told of every tick: its index, and the wall times at which it was shipped and at
    which its decision was seen. Raises `DeliveryError` where no decision comes for `patience_s`: nothing is lost, call
    it again.
    """
    clock = clock or WallClock()
    shipper = _Shipper(site, settings, InputLog(run, plan), recordings(), until_ns, clock, speed)
    opened = recordings()
    told = Told(site, settings, run)
    inputs_id = content_id("inputs", site_fingerprint(site), *sorted(r.fingerprint for r in opened))
    journal = journal_of(out, site, told.settings_id, inputs_id)
    runner = Runner(site, told, opened, journal, on_output, begin_archive(journal, site, settings))
    runner.evidence = begin_evidence(journal, site, settings, runner.period_ns, last_tick=shipper.last)
    start, heard_ns = shipper.next, clock.now_ns()
    try:
        if (found := journal.positions()) is not None:
            runner.resume(found, journal.incidents())
            start = found.tick + 1
            told.skip(start)
        index = start
        while index <= shipper.last:
            shipped = shipper.ship(index + AHEAD)
            if told.ready(index):
                waited_ns, heard_ns = clock.now_ns() - max(heard_ns, shipper.sent_ns.get(index, 0)), clock.now_ns()
                if waited_ns >= UNDECIDED_S * 1e9:
                    text = f"no decision for {waited_ns / 1e9:.1f} s before tick {index}; nothing was lost"
                    journal.audit("cluster", heard_ns, text)
                if on_decided is not None:
                    on_decided(index, shipper.sent_ns.pop(index, heard_ns), heard_ns)
                runner.advance(index)
                index += 1
            elif not shipped:
                _wait(clock, heard_ns, index, patience_s)
    finally:
        shipper.close()
        journal.close()
        for recording in opened:
            recording.close()
    incidents = tuple(sorted(runner.incidents.values(), key=lambda i: (i.raised_ns, i.id)))
    return Done(incidents, shipper.last - start + 1, told.repeats)


class _Shipper:
    """Runs ahead of what is committed and ships one tick after the other, at a pace if one is given."""

    def __init__(
        self,
        site: Site,
        settings: Settings,
        log: InputLog,
        recordings: Sequence[Recording],
        until_ns: int | None,
        clock: Clock,
        speed: float | None,
    ) -> None:
        self._runner = Runner(site, Shipping(site, settings, log), recordings)
        self._log, self._recordings = log, recordings
        self._clock, self._speed = clock, speed
        self._begun_ns = clock.now_ns()
        self.next, self.last = span(recordings, self._runner, settings, until_ns)
        self._first = self.next
        self.sent_ns: dict[int, int] = {}

    def ship(self, furthest: int) -> bool:
        """Ship the next tick where it is due and not later than this one; whether it was."""
        if self.next > min(self.last, furthest):
            return False
        if self._speed is not None:
            due_ns = (self.next - self._first) * self._runner.period_ns / self._speed
            if self._clock.now_ns() - self._begun_ns < due_ns:
                return False
        self._runner.advance(self.next)
        self.sent_ns[self.next] = self._clock.now_ns()
        self.next += 1
        return True

    def close(self) -> None:
        """Let go of files."""
        self._log.close()
        for recording in self._recordings:
            recording.close()


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
