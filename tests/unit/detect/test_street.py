"""The step around the slanted lines: metres, times, gaps, and the laws of a step."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.detect.street import MovingSourceState, MovingSourceStep
from linewatch.records import MOVERS, Block, Detection, Detections, Tick
from linewatch.records.state import freeze, thaw
from linewatch.signals.slant import SlantSettings
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

RATE_HZ = 125.0
SENSOR = Sensor(id="das", kind="fibre_das", line="main", from_m=1000.0, to_m=880.0 + 240.0, channels=24)


def samples(seconds: float = 45.0) -> NDArray[np.float32]:
    """A vehicle that passes 1060 m after 20 s with 12 m/s towards higher chainage."""
    rng = np.random.default_rng(3)
    t = np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    at = (np.arange(24) + 0.5)[None, :] * 5.0 - 60.0
    u = (t - 20.0 - at / 12.0) / 0.25
    return (rng.standard_normal((len(t), 24)) * 2.0 + 12.0 * u * np.exp(-(u**2))).astype(np.float32)


def blocks(x: NDArray[Any], edges: list[int], origin_ns: int = T0_NS) -> list[Block]:
    return [
        Block(line="main", sensor="das", origin_ns=origin_ns, first_sample=a, rate_hz=RATE_HZ, samples=x[a:b])
        for a, b in pairwise(edges)
        if b > a
    ]


def run(parts: list[Block], *, resume: bool = False) -> list[Detection]:
    step = MovingSourceStep(SENSOR, SlantSettings())
    state, found = step.initial(), []
    for index, block in enumerate(parts):
        if resume:
            state = thaw(freeze(state), MovingSourceState)
        tick = Tick(index=index, time_ns=block.end_ns, watermark_ns=block.end_ns, period_ns=250_000_000)
        state, out = step.step(state, (block,), tick)
        found += [row for record in out if isinstance(record, Detections) for row in record.rows()]
    return found


def test_a_vehicle_has_place_time_speed_and_kind() -> None:
    x = samples()
    found = run(blocks(x, [0, len(x)]))
    assert len(found) == 3  # one in each aperture
    for row in found:
        passed_s = (row.time_ns - T0_NS) / 1e9
        assert abs(passed_s - 20.0 - (row.chainage_m - 1060.0) / 12.0) < 0.2
        assert row.velocity_mps is not None
        assert row.velocity_sigma_mps is not None
        assert abs(row.velocity_mps - 12.0) < 2.0 * row.velocity_sigma_mps
        assert row.mover_probabilities is not None
        assert MOVERS[int(np.argmax(row.mover_probabilities))] == "vehicle"
        assert row.probability > 0.9


def test_a_fibre_that_runs_back_gives_the_same_place_and_direction() -> None:
    x = samples()
    back = Sensor(id="das", kind="fibre_das", line="main", channels=24, calibration=((0.0, 1117.5), (23.0, 1002.5)))
    step = MovingSourceStep(back, SlantSettings())
    [block] = blocks(np.ascontiguousarray(x[:, ::-1]), [0, len(x)])
    tick = Tick(index=1, time_ns=block.end_ns, watermark_ns=block.end_ns, period_ns=250_000_000)
    _, (found,) = step.step(step.initial(), (block,), tick)
    assert isinstance(found, Detections)
    assert np.all(found.velocity_mps > 0.0)
    assert set(found.chainage_m) == {row.chainage_m for row in run(blocks(x, [0, len(x)]))}


@given(cuts=st.lists(st.integers(0, 5624), max_size=4))
@settings(max_examples=10)
def test_cutting_and_resuming_anywhere_gives_the_same_detections(cuts: list[int]) -> None:
    x = samples()
    assert run(blocks(x, [0, *sorted(cuts), len(x)]), resume=True) == run(blocks(x, [0, len(x)]))


@given(ticks=st.integers(0, 10**6))
@settings(max_examples=5)
def test_moving_all_times_moves_the_detections_alike(ticks: int) -> None:
    x = samples()
    shift_ns = ticks * 250_000_000 * 4
    moved = run(blocks(x, [0, len(x)], T0_NS + shift_ns))
    assert [row.time_ns - shift_ns for row in moved] == [row.time_ns for row in run(blocks(x, [0, len(x)]))]


def test_after_a_gap_everything_begins_anew() -> None:
    x = samples()
    first, second = blocks(x, [0, 2400, len(x)])
    late = Block(
        line="main", sensor="das", origin_ns=T0_NS, first_sample=2500, rate_hz=RATE_HZ, samples=second.samples[100:]
    )
    alone = run([late])
    assert run([first, late]) == alone


def test_masked_channels_and_short_stretches_are_no_evidence() -> None:
    x = samples()
    masked = Block(
        line="main", sensor="das", origin_ns=T0_NS, first_sample=0, rate_hz=RATE_HZ, samples=x,
        valid=np.zeros(24, bool),
    )  # fmt: skip
    short = Block(line="main", sensor="das", origin_ns=T0_NS, first_sample=0, rate_hz=RATE_HZ, samples=x[:, :8])
    assert run([masked]) == []
    assert run([short]) == []
