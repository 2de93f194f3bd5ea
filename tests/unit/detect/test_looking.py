"""Somebody looks into a detector while it works: what is seen is what it decides by, and nothing else changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from linewatch.detect.classify import ClassifyStep
from linewatch.detect.geophone import GeophoneStep
from linewatch.detect.masks import MaskedStretch
from linewatch.detect.vibration import VibrationSettings, VibrationStep
from linewatch.ports import AnyStep, Glimpse, SeenInto
from linewatch.records import Block, Detections, Record, canonical_bytes
from linewatch.records.state import freeze
from linewatch.site.sensor import Sensor
from tests.sites import fence_site
from tests.unit.detect.test_suppression import CABLE, CHANNELS, RATE_HZ, T0_NS, fence, shaken, tick


def watched(step: AnyStep, seconds: float, looking: Sequence[int]) -> tuple[bytes, list[Record], list[Glimpse]]:
    """State, outputs and glimpses of a fence that is shaken at metres 30 to 50 in its tenth second."""
    assert isinstance(step, SeenInto)
    step.look_into(frozenset(looking))
    samples = shaken(fence(seconds), 10.0, 11.0, (30, 50), 40.0)
    state: Any = step.initial()
    out: list[Record] = []
    for first in range(0, len(samples), round(RATE_HZ)):
        block = Block("main", "f1", T0_NS, first, RATE_HZ, samples[first : first + round(RATE_HZ)])
        state, said = step.step(state, (block,), tick(first / RATE_HZ + 1.0))
        out += said
    return freeze(state), out, step.glimpses()


@pytest.mark.parametrize("kind", [VibrationStep, ClassifyStep])
def test_looking_changes_neither_the_state_nor_a_word_of_what_is_said(kind: Any) -> None:
    with_nobody = watched(kind(CABLE, VibrationSettings()), 12.0, ())
    looked_at = watched(kind(CABLE, VibrationSettings()), 12.0, (0, 40, CHANNELS - 1))
    assert looked_at[0] == with_nobody[0]
    assert [canonical_bytes(r) for r in looked_at[1]] == [canonical_bytes(r) for r in with_nobody[1]]
    assert with_nobody[2] == [] and {g.channel for g in looked_at[2]} == {0, 40, CHANNELS - 1}


def test_a_disturbed_channel_is_seen_over_its_threshold_in_just_the_frames_in_which_it_is_detected() -> None:
    _, out, seen = watched(VibrationStep(CABLE, VibrationSettings()), 12.0, (40,))
    detected = [row.time_ns for batch in out if isinstance(batch, Detections) for row in batch.rows()]
    over = [
        g.time_ns for g in seen if g.level_db is not None and g.threshold_db is not None and g.level_db > g.threshold_db
    ]
    assert over == detected and len(over) == 20
    quiet = [g for g in seen if g.time_ns < T0_NS + 9_000_000_000]
    assert all(g.level_db and g.floor_db and g.threshold_db for g in quiet)
    # A mean square of |N(0, 20)| is 400: 26 dB. Until a channel's own floor is proven the threshold stands 15 dB over
    # that across channels, or more where they differ much.
    assert np.mean([g.level_db for g in quiet if g.level_db]) == pytest.approx(26.0, abs=1.5)
    heights_db = [(g.threshold_db or 0.0) - (g.floor_db or 0.0) for g in quiet]
    assert min(heights_db) == pytest.approx(15.0, abs=0.02) and max(heights_db) < 20.0
    assert not any(g.suppressed for g in seen)


def test_under_a_mask_what_is_over_the_threshold_is_seen_as_suppressed() -> None:
    masked = VibrationSettings(masks=(MaskedStretch(20.0, 60.0, "loose panel"),))
    _, out, seen = watched(VibrationStep(CABLE, masked), 12.0, (40,))
    assert sum(g.suppressed for g in seen) == 20
    assert not [r for r in out if isinstance(r, Detections)]


def test_a_channel_that_gives_nothing_has_no_level() -> None:
    step = VibrationStep(CABLE, VibrationSettings())
    step.look_into(frozenset({7}))
    samples = fence(1.0)
    samples[:, 7] = np.nan
    step.step(step.initial(), (Block("main", "f1", T0_NS, 0, RATE_HZ, samples),), tick(1.0))
    seen = step.glimpses()
    assert len(seen) == 20 and all(g.level_db is None for g in seen) and step.glimpses() == []


def test_of_a_detector_that_knows_no_floor_only_the_level_of_the_samples_is_seen() -> None:
    step = GeophoneStep(Sensor(id="g1", kind="geophone", line="main", at_m=5.0))
    step.look_into(frozenset({0}))
    samples = np.random.default_rng(0).normal(7.0, 10.0, (500, 1)).astype(np.float32)
    step.step(step.initial(), (Block("main", "g1", T0_NS, 0, 500.0, samples),), tick(1.0))
    (seen,) = step.glimpses()
    assert seen.level_db == pytest.approx(20.0, abs=0.5)
    assert (seen.floor_db, seen.threshold_db, step.has_floor) == (None, None, False)


def test_whoever_looks_no_more_leaves_nothing_behind() -> None:
    step = VibrationStep(fence_site().sensor("f1"), VibrationSettings())
    step.look_into(frozenset({3}))
    step.step(step.initial(), (Block("main", "f1", T0_NS, 0, RATE_HZ, np.ones((100, 600), np.float32)),), tick(1.0))
    step.look_into(frozenset())
    assert step.glimpses() == []
