"""What every source must keep to, as checks that any plug-in's tests can run.

Each check takes a `Factory`, which makes the same source anew from its beginning, and a `Span` of time in which it has
records, and raises `AssertionError` with what was found. `run_checks` runs all that apply to the source's own delivery:

    from linewatch.sources.checks import Span, run_checks

    run_checks(lambda: build(site, settings, folder), Span(start_ns, end_ns))

Checks that read a source twice need one that can be read twice: `replayable` sources run them all, `acknowledged` and
`ephemeral` ones those in `ANY_SOURCE`. Draw `cuts` at random (Hypothesis) to make the most of them.
"""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from linewatch import clock
from linewatch.errors import InputError
from linewatch.ports import Item, Source
from linewatch.records import Block, Detections, canonical_bytes, quantise, quantise_batch
from linewatch.records.quantise import TIME_GRAIN_NS

Factory = Callable[[], Source]
_MAX_LATENESS_S: Final = 0.5
_BLOCKED_S: Final = 5.0
"""Far longer than any poll of these checks may take; a source that waits for something waits longer."""


class Run(NamedTuple):
    """Samples of one stream that follow each other."""

    stream: str
    """Line, sensor, origin, rate, channels, type and validity."""
    first_sample: int
    """Index of the first row."""
    n_samples: int
    """Number of rows."""
    samples: bytes
    """All rows, as they are in memory."""


Canonical = tuple[list[Run], list[bytes]]


class Span(msgspec.Struct, frozen=True):
    """Where a source has records, and where to stop it on the way."""

    start_ns: int
    """Not after the first record."""
    end_ns: int
    """After the last record."""
    cuts_ns: tuple[int, ...] = ()
    """Times at which it is polled on the way, in any order; some are drawn, always the same, where there are none."""

    @property
    def stops_ns(self) -> tuple[int, ...]:
        """Times of the polls, rising, the end last."""
        draw = random.Random(0)  # noqa: S311 - any cuts will do, but the same each time
        cuts = self.cuts_ns or [draw.randint(self.start_ns, self.end_ns) for _ in range(7)]
        return (*sorted(cuts), self.end_ns)


def check_declaration(factory: Factory, _: Span) -> None:
    """Name, delivery, lateness and position are what the port says."""
    source = factory()
    _hold(bool(source.name), f"name is {source.name!r}; allowed: a text")
    deliveries = ("replayable", "acknowledged", "ephemeral")
    _hold(source.delivery in deliveries, f"delivery is {source.delivery!r}; allowed: {', '.join(deliveries)}")
    late_s = source.lateness_s
    _hold(0 <= late_s <= _MAX_LATENESS_S, f"lateness_s is {late_s!r}; allowed: 0 to {_MAX_LATENESS_S}")
    _hold(isinstance(source.position(), str), "position() gives no text")
    _hold(factory().name == source.name, "the name is another one each time")
    source.close()


def check_records(factory: Factory, span: Span) -> None:
    """Blocks are as `Block` says; everything else stands on the grain of the archive."""
    source = factory()
    for item in source.poll(span.end_ns):
        if isinstance(item, Block):
            _check_block(item)
        elif isinstance(item, Detections):
            same = canonical_bytes(quantise_batch(item)) == canonical_bytes(item)
            _hold(same, f"detections of {item.line} are not quantised; use records.batch_of or quantise_batch")
        else:
            _hold(quantise(item) == item, f"not quantised: {item}; use records.quantise")
    source.close()


def check_time(factory: Factory, span: Span) -> None:
    """Nothing comes before its time, nothing later than the source admits, and nothing twice."""
    source = factory()
    before_ns = span.start_ns
    slack_ns = round(source.lateness_s * 1e9) + TIME_GRAIN_NS
    for stop_ns in span.stops_ns:
        for item in source.poll(stop_ns):
            first_ns, last_ns = _arrivals_ns(item)
            _hold(last_ns < stop_ns, f"polled until {stop_ns}, it gave what is stamped {last_ns}: {_shown(item)}")
            late = f"polled from {before_ns}, it gave what is stamped {first_ns}: {_shown(item)}"
            _hold(first_ns >= before_ns - slack_ns, late)
        again = list(source.poll(stop_ns))
        _hold(not again, f"polled twice until {stop_ns}, it gave {len(again)} items the second time")
        before_ns = stop_ns
    _hold(not list(source.poll(span.start_ns)), "polled until an earlier time, it gave something")
    source.close()


def check_never_blocks(factory: Factory, span: Span) -> None:
    """A poll returns, with or without records, and so does one when nothing is left."""
    source = factory()
    for stop_ns in (*span.stops_ns, span.end_ns + 3_600_000_000_000):
        _within(partial(_poll, source, stop_ns), f"poll({stop_ns})")
        source.committed(source.position())
    _within(source.close, "close()")


def check_close(factory: Factory, span: Span) -> None:
    """Closing is fine at any time and twice: unused, half-way, at the end."""
    for stops_ns in ((), span.stops_ns[:1], span.stops_ns):
        source = factory()
        for stop_ns in stops_ns:
            list(source.poll(stop_ns))
        source.close()
        source.close()


def check_cut(factory: Factory, span: Span) -> None:
    """How it is polled cannot be seen in what it gives: many small polls give the same as a single one."""
    whole, cut = factory(), factory()
    at_once = canonical(whole.poll(span.end_ns))
    in_slices = canonical(item for stop_ns in span.stops_ns for item in cut.poll(stop_ns))
    _same(at_once, in_slices, "one poll", f"polls at {span.stops_ns}")
    _hold(whole.position() == cut.position(), f"positions differ: {whole.position()} and {cut.position()}")
    whole.close()
    cut.close()


def check_resume(factory: Factory, span: Span) -> None:
    """From every position, a new source goes on just as if there had been no stop; so does one that went further."""
    whole = factory()
    at_once = canonical(whole.poll(span.end_ns))
    first, given = factory(), list[Item]()
    early = (first.position(), 0)
    for stop_ns in span.stops_ns:
        given += first.poll(stop_ns)
        position = first.position()
        early = early if early[1] else (position, len(given))
        other = factory()
        other.seek(position)
        _hold(other.position() == position, f"after seek({position}) the position is {other.position()}")
        _same(at_once, canonical([*given, *other.poll(span.end_ns)]), "one run", f"a stop at {position}")
        other.close()
    whole.seek(early[0])
    _same(at_once, canonical([*given[: early[1]], *whole.poll(span.end_ns)]), "one run", f"seeking back to {early[0]}")
    whole.close()
    first.close()


def check_foreign_position(factory: Factory, _: Span) -> None:
    """A position that is none of its own is refused with an `InputError`."""
    source = factory()
    for position in ("", "nonsense", "{}", '{"until_ns": "x"}'):
        try:
            source.seek(position)
        except InputError:
            continue
        raise AssertionError(f"seek({position!r}) was taken; allowed: InputError, since it is no position of its own")
    source.close()


def check_determinism(factory: Factory, span: Span) -> None:
    """Made twice and polled alike, it gives the same, byte for byte and in the same order."""
    one, other = factory(), factory()
    for stop_ns in span.stops_ns:
        mine, theirs = [_bytes(i) for i in one.poll(stop_ns)], [_bytes(i) for i in other.poll(stop_ns)]
        _hold(mine == theirs, f"two sources, polled alike, differ until {stop_ns}")
    one.close()
    other.close()


Check = Callable[[Factory, Span], None]
ANY_SOURCE: Final[tuple[Check, ...]] = (
    check_declaration,
    check_records,
    check_time,
    check_never_blocks,
    check_close,
)
"""Checks that hold for every source, live ones included."""
REPLAYABLE: Final[tuple[Check, ...]] = (check_cut, check_resume, check_foreign_position, check_determinism)
"""Further checks for a source that can be read again."""


def run_checks(factory: Factory, span: Span) -> tuple[str, ...]:
    """Run every check that applies; the names of those that ran. Raises `AssertionError` at the first that fails."""
    source = factory()
    checks = ANY_SOURCE + (REPLAYABLE if source.delivery == "replayable" else ())
    source.close()
    for check in checks:
        check(factory, span)
    return tuple(check.__name__ for check in checks)


def canonical(items: Iterable[Item]) -> Canonical:
    """What was given, without how it was cut.

    First the unbroken runs of samples of each stream, then the canonical bytes of every other record in order of time,
    detections one by one.
    """
    blocks: list[Block] = []
    rows: list[tuple[int, bytes]] = []
    for item in items:
        if isinstance(item, Block):
            blocks.append(item)
        elif isinstance(item, Detections):
            rows += [(row.time_ns, canonical_bytes(row)) for row in item.rows()]
        else:
            rows.append((_arrivals_ns(item)[0], canonical_bytes(item)))
    return _runs(blocks), [raw for _, raw in sorted(rows)]


def _runs(blocks: Sequence[Block]) -> list[Run]:
    runs: list[Run] = []
    last: dict[str, int] = {}
    for block in blocks:
        stream = _stream(block)
        number = last.get(stream)
        if number is not None and runs[number].first_sample + runs[number].n_samples == block.first_sample:
            run = runs[number]
            runs[number] = Run(
                stream, run.first_sample, run.n_samples + block.n_samples, run.samples + block.samples.tobytes()
            )
        else:
            last[stream] = len(runs)
            runs.append(Run(stream, block.first_sample, block.n_samples, block.samples.tobytes()))
    return sorted(runs)


def _stream(block: Block) -> str:
    """Everything that samples of one stream have in common."""
    valid = "all" if block.valid is None else block.valid.tobytes().hex()
    facts = (block.line, block.sensor, block.origin_ns, block.rate_hz, block.first_channel, block.n_channels)
    return f"{facts} {block.samples.dtype} {valid}"


def _check_block(block: Block) -> None:
    samples = block.samples
    _hold(samples.ndim == 2, f"samples of shape {samples.shape}; allowed: (n_samples, n_channels)")
    _hold(samples.dtype in (np.float32, np.int16), f"samples of {samples.dtype}; allowed: float32 or int16")
    _hold(bool(samples.flags.c_contiguous), "samples are not in C order")
    _hold(block.rate_hz > 0 and block.first_sample >= 0 and block.first_channel >= 0, f"a number below 0: {block}")
    _hold(block.n_samples > 0, "a block without a row")
    if block.valid is not None:
        _hold(block.valid.shape == (block.n_channels,), f"valid of shape {block.valid.shape}; one for each channel")


def _arrivals_ns(item: Item) -> tuple[int, int]:
    """When the first and the last of it were there to be given."""
    if isinstance(item, Block):
        return item.start_ns, item.time_of(item.first_sample + item.n_samples - 1)
    if isinstance(item, Detections):
        times = item.time_ns if item.received_ns is None else np.maximum(item.time_ns, item.received_ns)
        return int(times.min()), int(times.max())
    own = int(getattr(item, "time_ns", 0) or getattr(item, "start_ns", 0))
    received: int | None = getattr(item, "received_ns", None)
    arrival = own if received is None else max(own, received)
    return arrival, arrival


def _bytes(item: Item) -> bytes:
    if isinstance(item, Block):
        place = (item.line, item.sensor, item.origin_ns, item.first_sample, item.rate_hz, item.first_channel)
        valid = b"" if item.valid is None else item.valid.tobytes()
        return repr(place).encode() + valid + item.samples.tobytes()
    return canonical_bytes(item)


def _same(expected: Canonical, found: Canonical, one: str, other: str) -> None:
    runs, rows = expected
    other_runs, other_rows = found
    mine_s, other_s = [run[:3] for run in runs], [run[:3] for run in other_runs]
    _hold(mine_s == other_s, f"{one} and {other} give other stretches of samples: {mine_s} and {other_s}")
    for run, other_run in zip(runs, other_runs, strict=True):
        _hold(run == other_run, f"{one} and {other} give other samples for {run[:3]}")
    _hold(len(rows) == len(other_rows), f"{one} gives {len(rows)} records, {other} {len(other_rows)}")
    for mine, theirs in zip(rows, other_rows, strict=True):
        _hold(mine == theirs, f"{one} and {other} differ: {mine!r} and {theirs!r}")


def _poll(source: Source, until_ns: int) -> None:
    for _ in source.poll(until_ns):
        pass


def _within(action: Callable[[], Any], what: str) -> None:
    """Do it on a thread of its own, so that a source that waits fails the check instead of stopping it."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as cause:  # noqa: BLE001 - handed to the caller below
            raised.append(cause)

    begun_s = clock.monotonic_s()
    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(_BLOCKED_S)
    if raised:
        raise raised[0]
    _hold(not worker.is_alive(), f"{what} has not returned after {clock.monotonic_s() - begun_s:.1f} s")


def _hold(holds: bool, text: str) -> None:  # noqa: FBT001 - reads as the sentence it states
    if not holds:
        raise AssertionError(text)


def _shown(item: Item) -> str:
    return f"Block of {item.sensor}" if isinstance(item, Block) else str(item)[:200]
