"""The six laws of the design over the whole thread: from samples and detections to incidents and the record chain."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.app.pipeline import Pipeline
from linewatch.app.run import Runner
from linewatch.app.settings import Settings
from linewatch.ports import Source
from linewatch.records import (
    Detection,
    Detections,
    Incident,
    Record,
    Track,
    canonical_bytes,
)
from linewatch.site.model import Site
from linewatch.store.identity import identity_of
from linewatch.store.journal import open_journal
from tests.played import Played, detections_played, stream
from tests.sites import fence_site
from tests.strategies import T0_NS, detections

S = 1_000_000_000
PERIOD_NS = S // 4
SLOW = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
CHANNELS = 48
CABLE = fence_site(length_m=float(CHANNELS), channels=CHANNELS)


def run(
    sources: Sequence[Source], seconds: float, site: Site = CABLE, shift_ns: int = 0, stop_after: int | None = None
) -> list[Record]:
    """All outputs of the thread over so many seconds from `T0_NS`; with `stop_after`, stopped there and resumed."""
    out: list[Record] = []
    first = (T0_NS + shift_ns) // PERIOD_NS + 1
    last = first + round(seconds * S / PERIOD_NS)
    runner = Runner(site, Pipeline(site, Settings()), sources, None, out.append)
    for index in range(first, last):
        runner.advance(index)
    return out


def as_bytes(records: Sequence[Record]) -> list[bytes]:
    return [canonical_bytes(record) for record in records]


def fence(seconds: float, seed: int, event: bool = True) -> np.ndarray:
    """Amplitudes of a cable: noise everywhere and, in the middle third of the channels, something that shakes it."""
    rng = np.random.default_rng(seed)
    samples = np.abs(rng.normal(0, 20, (round(seconds * 1000), CHANNELS)))
    if event:
        third = slice(CHANNELS // 3, 2 * CHANNELS // 3)
        samples[:, third] += np.abs(rng.normal(0, 900, samples[:, third].shape))
    return samples.astype(np.int16)


def test_the_thread_finds_what_shakes_the_fence_and_only_that() -> None:
    found = {r.id: r for r in run([stream(fence(1.0, seed=1))], 2.0) if isinstance(r, Incident)}
    (incident,) = found.values()
    assert incident.kind == "barrier_contact"
    assert abs(incident.from_m - CHANNELS / 3) <= 2 and abs(incident.to_m - 2 * CHANNELS / 3) <= 2
    assert not [r for r in run([stream(fence(1.0, seed=1, event=False))], 2.0) if isinstance(r, Incident)]


@SLOW
@given(st.lists(st.integers(1, 699), max_size=12), st.integers(0, 3))
def test_cutting_the_samples_anywhere_changes_nothing(cuts: list[int], seed: int) -> None:
    samples = fence(0.7, seed)
    assert as_bytes(run([stream(samples, cuts)], 1.5)) == as_bytes(run([stream(samples)], 1.5))


@SLOW
@given(st.lists(detections(length_m=float(CHANNELS), seconds=3.0, sensors=("f1",)), max_size=25))
def test_the_same_input_gives_the_same_bytes(found: list[Detection]) -> None:
    once = run([detections_played(found)], 4.0)
    assert as_bytes(once) == as_bytes(run([detections_played(found)], 4.0))


@SLOW
@given(
    st.lists(
        detections(length_m=float(CHANNELS), seconds=3.0, sensors=("f1",)), max_size=25, unique_by=lambda d: d.key
    ),
    st.randoms(use_true_random=False),
)
def test_inside_the_lateness_of_a_source_the_order_of_arrival_does_not_matter(
    found: list[Detection], random: object
) -> None:
    in_order = detections_played(found, lateness_s=0.5)
    late = [(d.time_ns + random.randrange(250_000_000), d) for d in found]  # type: ignore[attr-defined]
    assert as_bytes(run([Played(late, lateness_s=0.5)], 5.0)) == as_bytes(run([in_order], 5.0))


def test_what_comes_later_than_its_lane_is_counted_and_still_used() -> None:
    d = Detection("main", "f1", T0_NS + S, 0.1, 20.0, 1.0, 12.0, 30.0, 30.0, 1.0)
    out = run([Played([(T0_NS + 3 * S, d), (T0_NS, msgspec.structs.replace(d, time_ns=T0_NS))])], 5.0)
    findings = [r for r in out if getattr(r, "condition", "") == "late"]
    assert len(findings) == 1 and "later than 0 s" in findings[0].text  # type: ignore[union-attr]


def shifted(record: Record, by_ns: int) -> Record:
    """The record with every time moved."""
    if isinstance(record, Detections):
        return msgspec.structs.replace(record, time_ns=record.time_ns + by_ns)
    times = {
        name: value + by_ns
        for name in record.__struct_fields__
        if name.endswith("_ns") and isinstance(value := getattr(record, name), int)
    }
    return msgspec.structs.replace(record, **times)


def without_ids(records: Sequence[Record]) -> list[str]:
    """Records as text with every id, which holds times, replaced by the order of its first appearance."""
    names: dict[str, str] = {}

    def plain(value: object) -> object:
        if isinstance(value, str) and (len(value) == 16 or "@" in value):
            return names.setdefault(value, f"<{len(names)}>")
        if isinstance(value, tuple):
            return tuple(plain(v) for v in value)
        return value

    return [
        repr([(f, plain(getattr(r, f))) for f in r.__struct_fields__ if f not in ("state", "tick")]) for r in records
    ]


@SLOW
@given(
    st.lists(detections(length_m=float(CHANNELS), seconds=3.0, sensors=("f1",)), max_size=25),
    st.integers(-4000, 4000),
)
def test_moving_all_times_by_whole_ticks_moves_all_outputs_by_as_much(found: list[Detection], ticks: int) -> None:
    by_ns = ticks * PERIOD_NS
    here = [shifted(r, by_ns) for r in run([detections_played(found)], 4.0)]
    moved = [msgspec.structs.replace(d, time_ns=d.time_ns + by_ns) for d in found]
    there = run([detections_played(moved)], 4.0, shift_ns=by_ns)
    assert without_ids(there) == without_ids(here)


@SLOW
@given(st.floats(1.0, 120.0))
def test_silence_makes_no_detection_and_no_mover(seconds: float) -> None:
    out = run([stream(fence(1.0, seed=2, event=False)), Played([], name="other")], 1.0 + seconds)
    assert not [r for r in out if isinstance(r, Track | Detections)]
    silent = [r for r in out if getattr(r, "condition", "") == "silent"]
    assert len(silent) == (1 if seconds > 3.5 else 0) or 2.9 < seconds <= 3.5


@SLOW
@given(st.integers(2, 10), st.integers(0, 3))
def test_a_run_that_is_stopped_anywhere_and_resumed_leaves_the_same_record(
    tmp_path_factory: pytest.TempPathFactory, stop: int, seed: int
) -> None:
    def leave(folder: Path, stops: Sequence[int]) -> tuple[str, list[Incident]]:
        samples = fence(1.5, seed)
        identity = identity_of(site="bench", site_id="1", settings_id="s", inputs_id="i", package_version="0")
        first = T0_NS // PERIOD_NS + 1
        edges = [first, *(first + s for s in stops), first + 12]
        for start, end in itertools.pairwise(edges):
            with open_journal(folder, identity, salt_key=b"k" * 32, synchronous="NORMAL") as journal:
                runner = Runner(CABLE, Pipeline(CABLE, Settings()), [stream(samples)], journal)
                found = journal.positions()
                if found is not None:
                    runner.resume(found, journal.incidents())
                for index in range(start, end):
                    runner.advance(index)
                head, incidents = journal.head(), list(journal.incidents())
        return head, incidents

    whole = leave(tmp_path_factory.mktemp("whole"), [])
    assert leave(tmp_path_factory.mktemp("cut"), [stop]) == whole
