"""Recordings or a store in, incidents out: the same ones every time, whether or not it was stopped on the way."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from linewatch import __version__
from linewatch.app.archiving import begin_archive
from linewatch.app.clips import begin_evidence
from linewatch.app.pipeline import Input, Pipeline
from linewatch.app.run import NS_PER_S, Runner
from linewatch.app.settings import Settings, settings_of
from linewatch.clock import Clock, WallClock
from linewatch.errors import InputError
from linewatch.ports import JournalReader, Recording
from linewatch.records import Incident, Record, Tick, content_id, from_bytes
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site
from linewatch.store.identity import identity_of
from linewatch.store.journal import Journal, open_journal
from linewatch.store.keys import replay_salt_key

_INPUT_KINDS: Final = ("tick", "arrival", "detections", "act")


class Replayed(msgspec.Struct, frozen=True):
    """What a replay gave."""

    incidents: tuple[Incident, ...]
    """The last version of each, by raising time, then id."""
    first_tick: int
    """Index of the first tick."""
    last_tick: int
    """Index of the last tick."""
    settings_id: str
    """Settings it ran under."""


def replay(
    site: Site,
    recordings: Sequence[Recording],
    *,
    out: Path | None = None,
    settings: Settings | None = None,
    until_ns: int | None = None,
    speed: float | None = None,
    clock: Clock | None = None,
    on_output: Callable[[Record], None] | None = None,
) -> Replayed:
    """Run the pipeline over recordings, from the first record to the last and `drain_s` beyond.

    `out` leaves a store there, and goes on with the one that is there when inputs and settings are the same.
    `until_ns` goes on to that time, in silence if need be. `speed` paces the ticks (1 = as it happened).
    Raises `InputError` when there is nothing to replay or the store is of another replay.
    """
    if not recordings:
        raise InputError("replay: found no recording; allowed: at least one")
    settings = settings or settings_of(site)
    pipeline = Pipeline(site, settings)
    inputs_id = content_id("inputs", site_fingerprint(site), *sorted(r.fingerprint for r in recordings))
    journal = None if out is None else journal_of(out, site, pipeline.settings_id, inputs_id)
    archive = None if journal is None else begin_archive(journal, site, settings)
    runner = Runner(site, pipeline, recordings, journal, on_output, archive)
    first, last = span(recordings, runner, settings, until_ns)
    if journal is not None:
        runner.evidence = begin_evidence(journal, site, settings, runner.period_ns, last_tick=last)
    start = first
    try:
        if journal is not None and (found := journal.positions()) is not None:
            runner.resume(found, journal.incidents())
            start = found.tick + 1
        for index in _paced(range(start, last + 1), runner, speed, clock or WallClock()):
            runner.advance(index)
    finally:
        for recording in recordings:
            recording.close()
        if journal is not None:
            journal.close()
    return Replayed(_sorted(runner), first, last, pipeline.settings_id)


def replay_store(
    site: Site,
    reader: JournalReader,
    *,
    settings: Settings | None = None,
    on_output: Callable[[Record], None] | None = None,
    change: Callable[[Sequence[Input], Tick], Sequence[Input]] | None = None,
) -> Replayed:
    """Derive everything from DETECTION up again, from what a store kept of its inputs, perhaps under other settings.

    `change` gives the inputs of a tick as they shall be taken.
    """
    pipeline = Pipeline(site, settings or settings_of(site))
    runner = Runner(site, pipeline, (), None, on_output)
    first = last = 0
    for stored, inputs in stored_inputs(reader):
        first = first or stored.index
        last = stored.index
        tick = runner.tick_at(last)
        runner.decide(inputs if change is None else change(inputs, tick), tick)
    return Replayed(_sorted(runner), first, last, pipeline.settings_id)


def stored_inputs(reader: JournalReader, from_seq: int = 0) -> Iterator[tuple[Tick, list[Input]]]:
    """What a store kept of its inputs, tick by tick, from the first tick at or after a position on.

    Raises `InputError` where retention has taken something of it.
    """
    tick: Tick | None = None
    inputs: list[Input] = []
    for entry in reader.entries(kinds=_INPUT_KINDS, from_seq=from_seq):
        if entry.payload is None:
            raise InputError(f"store: entry {entry.seq} ({entry.kind}) was deleted by retention; allowed: whole inputs")
        record = from_bytes(entry.payload)
        if isinstance(record, Tick):
            if tick is not None:
                yield tick, inputs
            tick, inputs = record, []
        elif tick is not None:
            inputs.append(Input(entry.kind, entry.key, record))
    if tick is not None:
        yield tick, inputs


def span(recordings: Sequence[Recording], runner: Runner, settings: Settings, until_ns: int | None) -> tuple[int, int]:
    """First and last tick: tick k takes what is stamped before its time and not before the tick ahead of it."""
    first = min(recording.start_ns for recording in recordings) // runner.period_ns + 1
    end_ns = max(recording.end_ns for recording in recordings) + round(settings.tick.drain_s * NS_PER_S)
    end_ns = end_ns if until_ns is None else max(until_ns, first * runner.period_ns)
    return first, -(-end_ns // runner.period_ns)


def _paced(ticks: range, runner: Runner, speed: float | None, clock: Clock) -> Iterator[int]:
    """The ticks as fast as they can be done, or at `speed` times the pace at which they happened."""
    begun_ns = clock.now_ns()
    for index in ticks:
        if speed is not None:
            ahead_ns = (index - ticks.start) * runner.period_ns / speed
            clock.wait_until_ns(begun_ns + round(ahead_ns))
        yield index


def journal_of(out: Path, site: Site, settings_id: str, inputs_id: str) -> Journal:
    """The store of this replay: new, or the one that was left there by the same site, settings and inputs."""
    site_id = site_fingerprint(site)
    identity = identity_of(
        site=site.name,
        site_id=site_id,
        settings_id=settings_id,
        inputs_id=inputs_id,
        package_version=__version__,
    )
    return open_journal(out, identity, salt_key=replay_salt_key(site_id, settings_id), synchronous="NORMAL")


def _sorted(runner: Runner) -> tuple[Incident, ...]:
    return tuple(sorted(runner.incidents.values(), key=lambda i: (i.raised_ns, i.id)))
