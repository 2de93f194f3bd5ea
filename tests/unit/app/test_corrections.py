"""A correction of a threshold through the whole thread: journalled, felt one tick later, the same after a stop."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from linewatch.app.pipeline import Pipeline
from linewatch.app.replay import journal_of
from linewatch.app.run import OfferedAct, Runner
from linewatch.app.settings import Settings
from linewatch.records import Detections, OperatorAct, Outage, Record, canonical_bytes
from tests.played import stream
from tests.sites import fence_site
from tests.strategies import T0_NS

PERIOD_NS = 250_000_000
FIRST = T0_NS // PERIOD_NS + 1
SITE = fence_site(length_m=48.0, channels=48)
TICKS = 24


def faintly_shaken() -> np.ndarray:
    """A fence of which the middle third is shaken all the time, some 20 dB over the others."""
    samples = np.abs(np.random.default_rng(3).normal(0.0, 20.0, (TICKS * 250, 48)))
    samples[:, 16:32] *= 10.0
    return samples.astype(np.int16)


def act(db: float) -> OfferedAct:
    values = (("db", f"{db:g}"), ("first_channel", "10"), ("last_channel", "40"), ("sensor", "f1"))
    return OfferedAct(
        OperatorAct("", "correct_threshold", "maintainer", "seat 1", T0_NS, "lorries", values), "mend1", 1
    )


def run(store: Path, stops: Sequence[int] = ()) -> list[tuple[int, Record]]:
    """All outputs with their tick; raised by 12 dB at tick 6, set back at tick 15; stopped and resumed at `stops`."""
    out: list[tuple[int, Record]] = []
    index = 0

    def runner_on(first: bool) -> tuple[Runner, object]:
        pipeline = Pipeline(SITE, Settings())
        journal = journal_of(store, SITE, pipeline.settings_id, "test")
        runner = Runner(SITE, pipeline, [stream(faintly_shaken())], journal, lambda r: out.append((index, r)))
        found = journal.positions()
        if not first:
            assert found is not None
            runner.resume(found, journal.incidents())
        return runner, journal

    runner, journal = runner_on(first=True)
    for index in range(TICKS):
        acts = {6: [act(12.0)], 15: [act(0.0)]}.get(index, [])
        runner.advance(FIRST + index, acts)
        if index in stops:
            journal.close()  # type: ignore[attr-defined]
            runner, journal = runner_on(first=False)
    journal.close()  # type: ignore[attr-defined]
    return out


def detected_in(out: Sequence[tuple[int, Record]]) -> list[int]:
    return [tick for tick, record in out if isinstance(record, Detections)]


def test_it_is_felt_from_the_tick_after_the_act_to_the_tick_in_which_it_is_set_back(tmp_path: Path) -> None:
    out = run(tmp_path / "store")
    assert detected_in(out) == [*range(7), *range(16, TICKS)]
    outages = [
        (tick, r.end_ns is None) for tick, r in out if isinstance(r, Outage) and r.cause == "corrected_threshold"
    ]
    assert outages == [(6, True), (15, False)]


@pytest.mark.parametrize("stops", [(5, 6, 7), (14, 15, 16), (10, 20)])
def test_stopped_anywhere_and_resumed_it_is_the_same_to_the_byte(tmp_path: Path, stops: tuple[int, ...]) -> None:
    whole, resumed = run(tmp_path / "whole"), run(tmp_path / "resumed", stops)
    assert [(t, canonical_bytes(r)) for t, r in resumed] == [(t, canonical_bytes(r)) for t, r in whole]
