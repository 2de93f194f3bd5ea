"""Footsteps beside a fibre are heard in noise; gusts, knocks and bad channels are no walk."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.detect.walking import WalkingStep
from linewatch.records import MOVERS, Block, Detection, Detections, Tick
from linewatch.signals.footfalls import footfalls, new_footfalls
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

RATE_HZ, CHANNELS, SECONDS, S = 200.0, 16, 24, 1_000_000_000
FIBRE = Sensor(id="f", kind="fibre_das", line="main", from_m=0.0, to_m=160.0, channels=CHANNELS)
Samples = NDArray[np.float32]


def hiss(seed: int = 0) -> Samples:
    """White noise of unit power, and slow swings under it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 1.0, (round(SECONDS * RATE_HZ), CHANNELS))
    return (x + 3.0 * np.sin(np.arange(len(x)) / 150.0)[:, None]).astype(np.float32)


def tread(x: Samples, channel: int, steps_hz: float, size: float, until_s: float = 20.0) -> Samples:
    t = np.arange(len(x)) / RATE_HZ
    for at_s in np.arange(8.0, until_s, 1.0 / steps_hz):
        after_s = np.maximum(t - at_s, 0.0)
        x[:, channel] += (size * np.exp(-after_s / 0.04) * np.sin(2 * np.pi * 24.0 * after_s)).astype(np.float32)
    return x


def heard(x: Samples, piece: int = 50) -> list[Detection]:
    step = WalkingStep(FIBRE)
    state: Any = step.initial()
    found: list[Detection] = []
    for first in range(0, len(x), piece):
        block = Block("main", "f", T0_NS, first, RATE_HZ, x[first : first + piece])
        state, out = step.step(state, (block,), Tick(0, block.end_ns, block.end_ns, S))
        found += [row for batch in out if isinstance(batch, Detections) for row in batch.rows()]
    return found


@pytest.mark.parametrize("steps_hz", [1.6, 1.9, 2.3])
def test_a_walk_is_heard_where_it_is_within_four_seconds_and_ends_with_the_steps(steps_hz: float) -> None:
    found = heard(tread(hiss(), 6, steps_hz, 6.0))
    assert all(abs(row.chainage_m - 65.0) <= 10.0 for row in found)
    assert (found[0].time_ns - T0_NS) / S <= 12.0 and 20.0 <= (found[-1].time_ns - T0_NS) / S <= 26.0
    assert max(row.probability for row in found) > 0.9
    assert np.argmax(found[len(found) // 2].mover_probabilities) == MOVERS.index("person")


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_gusts_are_no_walk(seed: int) -> None:
    x = hiss(seed)
    gusts = 1.0 + 4.0 * np.maximum(np.sin(np.arange(len(x)) / (RATE_HZ * 0.8)), 0.0)
    assert heard(x) == []
    assert heard((x * gusts[:, None]).astype(np.float32)) == []


def test_lone_knocks_however_loud_are_no_walk() -> None:
    assert heard(tread(hiss(), 6, 0.4, 200.0)) == []


def test_quick_even_steps_with_nothing_between_are_taken_for_hooves() -> None:
    found = heard(tread(hiss(), 6, 3.2, 8.0))
    assert found
    assert np.argmax(found[len(found) // 2].mover_probabilities) == MOVERS.index("animal")


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(bad=st.integers(0, CHANNELS - 1), value=st.sampled_from([np.nan, np.inf, 0.0, 3e38]), seed=st.integers(0, 5))
def test_a_bad_channel_changes_no_other(bad: int, value: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    power = rng.exponential(1.0, (200, CHANNELS))
    usable = np.ones(power.shape, np.bool_)
    spoilt, marked = power.copy(), usable.copy()
    spoilt[50:, bad], marked[50:, bad] = value, False
    others = np.arange(CHANNELS) != bad
    one = footfalls(power, usable, new_footfalls(CHANNELS))
    two = footfalls(spoilt, marked, new_footfalls(CHANNELS))
    for whole, part in zip(one, two, strict=True):
        assert np.array_equal(whole[:, others], part[:, others])


def test_at_a_rate_too_low_for_footsteps_nothing_is_said() -> None:
    step = WalkingStep(FIBRE)
    block = Block("main", "f", T0_NS, 0, 50.0, hiss()[:100])
    assert step.step(step.initial(), (block,), Tick(0, block.end_ns, block.end_ns, S))[1] == ()
