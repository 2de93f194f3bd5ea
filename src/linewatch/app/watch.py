"""The live watch: the clock's ticks through the same doors, steps and journal as a replay.

Ticks stand on the absolute grid. A watch that was held up does the ticks that it missed as fast as it can, but never
lags by more than `MOST_BEHIND_S`: then it goes on with the present tick, which takes all that has come meanwhile, and
says how many it left out. What came is never left out.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch import __version__
from linewatch.app.act_inbox import ActInbox, Waiting, settle
from linewatch.app.archiving import begin_archive, describe_run
from linewatch.app.clips import begin_evidence
from linewatch.app.delivery import Delivery
from linewatch.app.leaving import Departures
from linewatch.app.looking import MOVE, Looks
from linewatch.app.older_states import fitting
from linewatch.app.own_findings import OwnFindings
from linewatch.app.pipeline import Pipeline
from linewatch.app.placing import NOTE, Placing
from linewatch.app.reloading import Change, builder, refuse_doubles
from linewatch.app.run import NS_PER_S, Runner
from linewatch.app.scopes import Scopes
from linewatch.app.settings import settings_of
from linewatch.app.supervised import Supervised
from linewatch.clock import Clock, WallClock, monotonic_s
from linewatch.errors import StoreError
from linewatch.notify.build import build_notifiers
from linewatch.notify_ports import Notifier
from linewatch.ports import Positions, Source, SourceStatus
from linewatch.records import Health, Record
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site
from linewatch.store.archive.columns import whereabouts
from linewatch.store.identity import Identity, identity_of
from linewatch.store.journal import Journal, open_journal
from linewatch.store.keys import Signer, salt_key_at
from linewatch.store.reader import open_store
from linewatch.store.schema import DATABASE

MOST_BEHIND_S: Final = 5.0
"""A watch never lags by more than this."""
_CLOCK_JUMP_S: Final = 1.0
"""The clock must not part from the machine's steady one by more than this between two ticks."""
_KEYS: Final = "keys"
_PATIENCE_S: Final = 0.05
"""How long a change of the site waits for sources that are let go; what takes longer is closed beside the ticks."""
_LET_GO_S: Final = 30.0


class WatchStatus(msgspec.Struct, frozen=True):
    """How a watch is doing: for `/healthz`, `/metrics` and whoever asks over its socket."""

    tick: int
    """Index of the last committed tick; 0 before the first."""
    tick_ns: int
    """Its time."""
    lag_s: float
    """How far its commit was behind the clock."""
    tick_s: float
    """How long it took."""
    ticks: int
    """Ticks since start."""
    left_out: int
    """Ticks left out to catch up since start."""
    incidents_open: int
    """Incidents that are not closed."""
    sources: dict[str, SourceStatus]
    """By name."""


class LiveWatch:
    """Watches a site until told to stop, and goes on with what its store knows."""

    def __init__(
        self,
        site: Site,
        store: Path,
        clock: Clock | None = None,
        on_output: Callable[[Record], None] | None = None,
        sources: Sequence[Callable[[], Source]] | None = None,
    ) -> None:
        self.site = site
        self._store = store
        self.clock = clock or WallClock()
        self._on_output = on_output
        self._out: list[Record] = []
        self.own = OwnFindings(site)
        builders = [builder(site, number) for number in range(len(site.sources))] if sources is None else sources
        self.sources = [Supervised(site, build) for build in builders]
        refuse_doubles([source.name for source in self.sources])
        settings = settings_of(site)
        self.pipeline = pipeline = Pipeline(site, settings)
        notifiers = build_notifiers(site)
        former = _former_site_id(store)
        self._journal = _journal(store, site, pipeline.settings_id, self.clock)
        try:
            site_changed = former not in (None, site_fingerprint(site))
            self._archive = begin_archive(self._journal, site, settings)
            everyone: list[Source] = [*self.sources, self.own]
            self._runner = Runner(site, pipeline, everyone, self._journal, self._take, self._archive)
            self._runner.evidence = begin_evidence(self._journal, site, settings, self._runner.period_ns)
            self._next = self._resume(self._journal.positions(), site_changed=site_changed)
            self._delivery = Delivery(store, notifiers, clock=self.clock) if notifiers else None
            self._inbox = ActInbox(store, self.clock, self._pulse)
            self._scopes = Scopes()
            self._inbox.scope = lambda *asked: self._scopes.ask(self.site, *asked)
        except BaseException:
            self._journal.close()
            raise
        self._status = WatchStatus(0, 0, 0.0, 0.0, 0, 0, 0, {})
        self._ticks = self._left_out = 0
        self._ended: tuple[Record, ...] = ()
        self._looks = Looks()
        self._departures = Departures()
        self._untold: Exception | None = None
        self._placing: Placing | None = None
        self._offset_s = self.clock.now_ns() / NS_PER_S - monotonic_s()

    # --- running --------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event, after_tick: Callable[[WatchStatus], None] | None = None) -> None:
        """Until it is told to stop: what was begun is committed, and the store is closed in good order."""
        if self._delivery is not None:
            self._delivery.start()
        for source in self.sources:
            source.start()
        try:
            while not self._wait(stop):
                self._tick(self._next)
                self._next += 1
                if after_tick is not None:
                    after_tick(self._status)
        finally:
            self._close()

    def status(self) -> WatchStatus:
        """How it is doing, as of now."""
        return msgspec.structs.replace(self._status, sources={s.name: s.status() for s in self.sources})

    def note(self, kind: str, text: str) -> None:
        """Something for the audit chain, with the next tick. Called from any thread; raises `StoreError` when full."""
        self._inbox.note(kind, text)

    def on_reload(self, reload: Callable[[], tuple[bool, str]]) -> None:
        """What reads the site again when somebody asks for it over the watch's socket."""
        self._inbox.reload = reload

    def on_placing(self, placing: Placing) -> None:
        """Who carries out what people change of the site."""
        self._placing = placing
        self._inbox.site = placing.standing

    def _wait(self, stop: threading.Event) -> bool:
        """Until the next tick is due; true when it is time to stop."""
        now_ns = self.clock.now_ns()
        period_ns = self._runner.period_ns
        behind_s = (now_ns - self._next * period_ns) / NS_PER_S
        if behind_s > MOST_BEHIND_S:
            left_out = now_ns // period_ns - self._next
            self._left_out += left_out
            text = f"{behind_s:.1f} s behind the clock; {left_out} ticks left out, what came meanwhile is taken at once"
            self._next += left_out
            self.own.say(self._next * period_ns - 1_000, "late", "degraded", text, count=left_out)
        while (left_ns := self._next * period_ns - self.clock.now_ns()) > 0:
            if stop.wait(min(left_ns / NS_PER_S, 0.5)):
                return True
        return stop.is_set()

    def _tick(self, index: int) -> None:
        begun_s = monotonic_s()
        self._mind_the_clock(index)
        for entry in self._inbox.take_audits():
            self._journal.audit(entry.kind, entry.wall_ns, entry.text, who=entry.who, in_commit=True)
        self._tell_looks(index)
        self._tell_left(index)
        acts = self._inbox.take()
        self._out.clear()
        ended, self._ended = self._ended, ()
        self._scopes.put_into(self.pipeline)
        self._runner.advance(index, [each.offered for each in acts], ended)
        self._scopes.take_from(self.pipeline)
        settle(acts, self._runner.act_seqs, self._out, self._hand_on)
        if self._untold is not None:
            raise self._untold
        if self._delivery is not None:
            if self._delivery.broken is not None:
                raise self._delivery.broken
            self._delivery.wake()
            self._delivery.flush(self._journal)
        self._ticks += 1
        tick_ns = index * self._runner.period_ns
        self._status = WatchStatus(
            tick=index,
            tick_ns=tick_ns,
            lag_s=(self.clock.now_ns() - tick_ns) / NS_PER_S,
            tick_s=monotonic_s() - begun_s,
            ticks=self._ticks,
            left_out=self._left_out,
            incidents_open=sum(incident.closed_ns is None for incident in self._runner.incidents.values()),
            sources=self._status.sources,
        )

    def _hand_on(self, act: Waiting, seq: int) -> bool:
        """Give an act that was committed to whoever carries it out and answers it; whether there is somebody."""
        if self._looks.hand_on(act, seq, self.sources):
            return True
        return self._placing is not None and self._placing.hand_on(act, seq)

    def _tell_looks(self, index: int) -> None:
        """What came of looks that people asked for, and what did not come of changes of the site."""
        for refused in [] if self._placing is None else self._placing.refused():
            text = f"{refused.move}: {refused.text}"
            self._journal.audit(NOTE, self.clock.now_ns(), text, in_commit=True)
            self.own.say(index * self._runner.period_ns - 1_000, "refused", "note", text)
        for looked in self._looks.came():
            text = f"{MOVE}: {looked.sensor}: {looked.text}"
            self._journal.audit(MOVE, self.clock.now_ns(), text, in_commit=True)
            if not looked.done:
                time_ns = index * self._runner.period_ns - 1_000
                self.own.say(time_ns, "refused", "note", text, sensors=(looked.sensor,))

    def _mind_the_clock(self, index: int) -> None:
        """Say when the clock has been set: times before and after are not on one scale."""
        offset_s = self.clock.now_ns() / NS_PER_S - monotonic_s()
        jump_s = offset_s - self._offset_s
        if abs(jump_s) > _CLOCK_JUMP_S:
            self._offset_s = offset_s
            time_ns = index * self._runner.period_ns - 1_000
            self.own.say(time_ns, "clock_jump", "degraded", f"the clock of this machine was set by {jump_s:+.3f} s")

    def _close(self) -> None:
        self._inbox.close()
        for source in self.sources:
            source.close()
        self._departures.wait(_LET_GO_S)
        for text, _ in self._departures.lost():
            self._journal.audit("dropped", self.clock.now_ns(), text)
        if self._delivery is not None:
            self._delivery.stop()
            self._delivery.flush(self._journal, now=True)
        self._journal.close()

    def _take(self, record: Record) -> None:
        # Acts are settled by what refuses them, so only findings are kept for that.
        if isinstance(record, Health):
            self._out.append(record)
        if self._on_output is not None:
            self._on_output(record)

    def _pulse(self) -> dict[str, Any]:
        """What a ping is told."""
        status = self.status()
        sources = [
            {
                "name": name,
                "last_ms": None if each.last_ns is None else each.last_ns // 1_000_000,
                "up": each.up,
                "reason": each.reason,
                "unplaced": dict(each.unplaced),
                "presets": dict(each.presets),
            }
            for name, each in status.sources.items()
        ]
        return {"lag_s": status.lag_s, "tick_ms": status.tick_ns // 1_000_000, "sources": sources}

    # --- another site or other settings -----------------------------------------------------------------------------

    def take_up(self, change: Change) -> None:
        """Go on under a changed site, from the next tick on. Called between two ticks, in the thread that does them."""
        tick, period_ns = self._next - 1, self._runner.period_ns
        goes_on = {id(each) for each in change.sources}
        gone = {each.name: each for each in self.sources if id(each) not in goes_on}
        now_ns = self.clock.now_ns()
        followed = [
            each.take_over(former, now_ns)
            for each in change.sources
            if (former := gone.pop(each.name, None)) is not None
        ]
        for former in gone.values():
            self._departures.add(former, self._runner.held(former.name), now_ns)
        self._departures.wait(_PATIENCE_S, followed)
        self._tell_left(self._next)
        for each in change.sources:
            if not each.started:
                each.start_or_wait(self.clock.now_ns())
        self.site, self.sources, self.pipeline = change.site, change.sources, change.pipeline
        self.own.move_to(change.site)
        self._journal.renew(_identity(change.site, change.site_id, change.pipeline.settings_id))
        describe_run(self._journal, change.site, change.pipeline.settings)
        self._archive.moved(whereabouts(change.site))
        everyone: list[Source] = [*self.sources, self.own]
        runner = Runner(change.site, change.pipeline, everyone, self._journal, self._take, self._archive)
        runner.evidence = begin_evidence(self._journal, change.site, change.pipeline.settings, period_ns)
        self._ended = runner.carried_over(self._runner, tick)
        self._runner = runner
        if change.notifiers is not None and self._delivery is not None:
            self._delivery.flush(self._journal, now=True)
            self._delivery = None

    def _tell_left(self, index: int) -> None:
        """Tell how much nobody will take of sources that were taken out of the site."""
        for text, count in self._departures.lost():
            self.own.say(index * self._runner.period_ns - 1_000, "dropped", "degraded", text, count=count)

    def stop_telling(self) -> None:
        """Let the notifiers end. Called from any thread; waits for attempts that are under way."""
        if self._delivery is not None:
            self._delivery.stop()

    def tell_by(self, notifiers: Sequence[Notifier]) -> None:
        """Tell by these from now on. Called from any thread, after `stop_telling` and `take_up`."""
        delivery = Delivery(self._store, notifiers, clock=self.clock) if notifiers else None
        if delivery is not None:
            delivery.start()
        self._delivery = delivery

    def cannot_tell(self, error: Exception) -> None:
        """A watch that can tell nobody must not look like one: it ends with the next tick, to be started anew."""
        self._untold = error

    # --- going on after a stop --------------------------------------------------------------------------------------

    def _resume(self, found: Positions | None, *, site_changed: bool) -> int:
        """The first tick; what was missed while nobody watched is told as an outage of those who do not repeat it."""
        now = self.clock.now_ns() // self._runner.period_ns + 1
        if found is None:
            return now
        if site_changed:
            found = _carried_over(found, self.site)
        found, lost = fitting(self.pipeline, found)
        self._runner.resume(found, self._journal.incidents())
        first = max(found.tick + 1, now)
        if lost:
            text = f"the store is of another version: what was known by {_named(lost)} cannot be read and begins anew"
            self.own.say(first * self._runner.period_ns - 1_000, "dropped", "degraded", text, count=len(lost))
        gone_ns, back_ns = found.tick * self._runner.period_ns, first * self._runner.period_ns - 1_000
        for source in self.sources:
            if source.delivery == "ephemeral" and source.sensors and back_ns - gone_ns > self._runner.period_ns:
                text = f"{source.name}: nobody listened for {(back_ns - gone_ns) / NS_PER_S:.1f} s"
                self.own.say(gone_ns, "gap", "failed", text, sensors=source.sensors, until_ns=back_ns)
        return first


def _journal(store: Path, site: Site, settings_id: str, clock: Clock) -> Journal:
    return open_journal(
        store,
        _identity(site, site_fingerprint(site), settings_id),
        salt_key=salt_key_at(store / _KEYS / "salt.key"),
        signer=Signer.at(store / _KEYS / "signing.pem"),
        clock=clock,
        synchronous="FULL",
        changed="note",
    )


def _identity(site: Site, site_id: str, settings_id: str) -> Identity:
    return identity_of(
        site=site.name,
        site_id=site_id,
        settings_id=settings_id,
        inputs_id="",
        package_version=__version__,
    )


def _former_site_id(store: Path) -> str | None:
    """Of which site the store was when it was last written; None for a new one."""
    if not (store / DATABASE).exists():
        return None
    try:
        with open_store(store) as reader:
            return reader.meta().get("site_id")
    except StoreError:  # whoever opens it to write says what is wrong with it, or mends it
        return None


def _carried_over(found: Positions, site: Site) -> Positions:
    """What of the states holds under a changed site: what people deal with. Who moves and who is silent begins anew."""
    kept = {f"{site.name}/incident", "pending"}
    states = {key: raw for key, raw in found.states.items() if key in kept or key.startswith("door/")}
    return msgspec.structs.replace(found, states=states, signal_states={}, signal_tick=found.tick)


def _named(keys: Sequence[str], most: int = 3) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
