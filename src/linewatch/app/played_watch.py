"""A watch over something that is played: ticks at a pace, people's acts taken in between, all of it journalled."""

import threading
from pathlib import Path
from typing import Any, Final

from linewatch.app.act_inbox import ActInbox, settle
from linewatch.app.archiving import begin_archive
from linewatch.app.clips import begin_evidence
from linewatch.app.pipeline import Pipeline
from linewatch.app.replay import journal_of, span
from linewatch.app.run import NS_PER_S, Runner
from linewatch.app.scopes import Scopes
from linewatch.app.settings import settings_of
from linewatch.clock import Clock
from linewatch.ports import Recording
from linewatch.records import Record, content_id
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site

MOST_BEHIND_S: Final = 2.0
"""A watch that cannot keep the pace does not try to catch up more than this: it plays as fast as it can."""


class PlayedWatch:
    """Plays recordings into a store at `speed`, and afterwards goes on in silence at the pace of the clock."""

    def __init__(self, site: Site, recording: Recording, store: Path, speed: float, clock: Clock) -> None:
        settings = settings_of(site)
        pipeline = Pipeline(site, settings)
        inputs_id = content_id("inputs", site_fingerprint(site), recording.fingerprint)
        self._journal = journal_of(store, site, pipeline.settings_id, inputs_id)
        self._out: list[Record] = []
        archive = begin_archive(self._journal, site, settings)
        self._runner = Runner(site, pipeline, [recording], self._journal, self._out.append, archive)
        self._runner.evidence = begin_evidence(self._journal, site, settings, self._runner.period_ns)
        first, self.last = span([recording], self._runner, settings, None)
        found = self._journal.positions()
        if found is not None:
            self._runner.resume(found, self._journal.incidents())
        self._next = first if found is None else found.tick + 1
        self._recording = recording
        self._speed = speed
        self._clock = clock
        self._inbox = ActInbox(store, clock, self._state)
        self._scopes = Scopes()
        self._inbox.scope = lambda *asked: self._scopes.ask(site, *asked)

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop. What was begun is committed."""
        period_ns = self._runner.period_ns
        due_ns = self._clock.now_ns()
        try:
            while not stop.is_set():
                self._tick(self._next)
                self._next += 1
                speed = self._speed if self._next <= self.last else 1.0
                now_ns = self._clock.now_ns()
                due_ns = max(due_ns + round(period_ns / speed), now_ns - round(MOST_BEHIND_S * NS_PER_S))
                stop.wait(max(due_ns - now_ns, 0) / NS_PER_S)
        finally:
            self._inbox.close()
            self._recording.close()
            self._journal.close()

    @property
    def over(self) -> bool:
        """Whether what was to be played has been played."""
        return self._next > self.last

    def _tick(self, index: int) -> None:
        for entry in self._inbox.take_audits():
            self._journal.audit(entry.kind, entry.wall_ns, entry.text, who=entry.who, in_commit=True)
        acts = self._inbox.take()
        self._out.clear()
        self._scopes.put_into(self._runner.pipeline)
        self._runner.advance(index, [each.offered for each in acts])
        self._scopes.take_from(self._runner.pipeline)
        settle(acts, self._runner.act_seqs, self._out)

    def _state(self) -> dict[str, Any]:
        """What a ping is told: no lag, because what is played is of another time."""
        time_ms = self._next * self._runner.period_ns // 1_000_000
        return {"lag_s": None, "tick_ms": time_ms, "sources": [{"name": self._recording.name, "last_ms": time_ms}]}
