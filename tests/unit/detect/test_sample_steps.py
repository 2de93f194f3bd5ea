"""The laws over the steps that look back on samples: cut, resume, shift, silence; and what bad input does to them."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.detect.classify import ClassifyStep
from linewatch.detect.geophone import GeophoneStep
from linewatch.detect.link import LinkStep
from linewatch.detect.pir import PirStep
from linewatch.detect.vibration import VibrationSettings
from linewatch.detect.walking import WalkingStep
from linewatch.ports import AnyStep
from linewatch.records import Block, Detections, Health, Record, Tick, canonical_bytes
from linewatch.records.state import freeze, thaw
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

S = 1_000_000_000
FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
CABLE = Sensor(id="s", kind="fibre_vibration", line="main", from_m=0.0, to_m=40.0, channels=40)
POINT = {"id": "s", "line": "main", "at_m": 100.0, "range_m": 5.0}


def footsteps(seed: int) -> NDArray[np.float32]:
    """Twelve seconds at 500 Hz: hum, and a thump each half second from the fourth on."""
    rng = np.random.default_rng(seed)
    t = np.arange(6000) / 500.0
    x = rng.normal(0, 2, len(t))
    for at in np.arange(4.0, 9.0, 0.5):
        after = np.maximum(t - at, 0.0)
        x += 80 * np.exp(-after / 0.05) * np.sin(2 * np.pi * 20 * after)
    return (x[:, None] + 2048).astype(np.float32)


def passage(seed: int) -> NDArray[np.float32]:
    """Twelve seconds at 100 Hz: rest, then a slow swing as of a body that passes."""
    rng = np.random.default_rng(seed)
    t = np.arange(1200) / 100.0
    swing = 120 * np.sin(2 * np.pi * 1.2 * t) * ((t > 5) & (t < 9))
    return np.round(520 + rng.normal(0, 1, len(t)) + swing)[:, None].astype(np.float32)


def links(seed: int) -> NDArray[np.float32]:
    """Thirty links, all speaking in every row; between rows 150 and 200 they change far more than they use to."""
    rng = np.random.default_rng(seed)
    change = rng.choice([-2.0, -1.0, 1.0, 2.0], (300, 30))
    change[150:200] *= 12
    return (80 + change).astype(np.float32)


def fence(seed: int) -> NDArray[np.float32]:
    """Four seconds at 250 Hz of forty cells, the middle shaken in a rhythm from the second second on."""
    rng = np.random.default_rng(seed)
    rows = np.abs(rng.normal(0, 20, (1000, 40)))
    beat = 1.0 + 0.5 * np.sin(2 * np.pi * np.arange(750) / 30)
    rows[250:, 10:26] += np.abs(rng.normal(3000, 500, (750, 16))) * beat[:, None]
    return rows.astype(np.float32)


FIBRE = Sensor(id="s", kind="fibre_das", line="main", from_m=0.0, to_m=120.0, channels=12)


def fibre(seed: int) -> NDArray[np.float32]:
    """Twelve seconds at 200 Hz of twelve channels: noise, and steps beside the sixth from the fifth second on."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (2400, 12))
    t = np.arange(len(rows)) / 200.0
    for at in np.arange(5.0, 12.0, 0.52):
        after = np.maximum(t - at, 0.0)
        rows[:, 6] += 8 * np.exp(-after / 0.04) * np.sin(2 * np.pi * 24 * after)
    return rows.astype(np.float32)


def vibration(sensor: Sensor) -> ClassifyStep:
    return ClassifyStep(sensor, VibrationSettings())


CASES: dict[str, tuple[Callable[[], AnyStep], Callable[[int], NDArray[np.float32]], float]] = {
    "geophone": (lambda: GeophoneStep(Sensor(kind="geophone", **POINT)), footsteps, 500.0),
    "pir": (lambda: PirStep(Sensor(kind="pir", **POINT)), passage, 100.0),
    "link": (lambda: LinkStep(Sensor(kind="radio_link", **POINT)), links, 10.0),
    "walking": (lambda: WalkingStep(FIBRE), fibre, 200.0),
    "classify": (lambda: vibration(CABLE), fence, 250.0),
}
EACH = pytest.mark.parametrize("case", CASES)


def tick(time_ns: int) -> Tick:
    return Tick(time_ns // S, time_ns, time_ns, S)


def pieces(case: str, seed: int, cuts: Sequence[int] = (), shift_ns: int = 0) -> list[Block]:
    _, make, rate_hz = CASES[case]
    whole = Block("main", "s", T0_NS + shift_ns, 0, rate_hz, make(seed))
    edges = sorted({0, whole.n_samples, *(c for c in cuts if 0 < c < whole.n_samples)})
    return [whole.rows(a, b) for a, b in pairwise(edges)]


def told(case: str, blocks: Sequence[Block], *, resume_at: int | None = None) -> list[bytes]:
    """All that the step says, row by row, whatever came in one batch and what in the next."""
    step = CASES[case][0]()
    state: Any = step.initial()
    said: list[Record] = []
    for number, block in enumerate(blocks):
        if number == resume_at:
            step = CASES[case][0]()
            state = thaw(freeze(state), step.state_type)
        state, out = step.step(state, [block], tick(block.end_ns))
        for record in out:
            said += list(record.rows()) if isinstance(record, Detections) else [record]
    return [canonical_bytes(record) for record in said]


@EACH
@FEW
@given(seed=st.integers(0, 5), cuts=st.lists(st.integers(1, 6000), max_size=6))
def test_cutting_the_input_anywhere_changes_nothing(case: str, seed: int, cuts: list[int]) -> None:
    whole = told(case, pieces(case, seed))
    assert whole
    assert told(case, pieces(case, seed, cuts)) == whole


@EACH
@FEW
@given(cut=st.integers(1, 6000), seed=st.integers(0, 5))
def test_a_frozen_and_thawed_step_goes_on_as_if_nothing_had_been(case: str, cut: int, seed: int) -> None:
    blocks = pieces(case, seed, [cut])
    assert told(case, blocks, resume_at=len(blocks) - 1) == told(case, blocks)


@EACH
@FEW
@given(seconds=st.integers(1, 10_000_000))
def test_moving_all_times_moves_what_is_said_by_as_much(case: str, seconds: int) -> None:
    def rows(shift_ns: int) -> list[tuple[int, ...]]:
        step = CASES[case][0]()
        _, out = step.step(step.initial(), pieces(case, 1, shift_ns=shift_ns), tick(T0_NS + shift_ns))
        return [
            (d.time_ns - shift_ns, round(d.chainage_m * 1000), round(d.probability * 255))
            for record in out
            if isinstance(record, Detections)
            for d in record.rows()
        ]

    assert rows(0)
    assert rows(seconds * S) == rows(0)


@EACH
def test_silence_says_nothing(case: str) -> None:
    step = CASES[case][0]()
    state, out = step.step(step.initial(), [], tick(T0_NS))
    assert out == ()
    assert freeze(state) == freeze(step.initial())


@EACH
def test_samples_that_are_not_numbers_are_no_evidence(case: str) -> None:
    step = CASES[case][0]()
    blocks = [msgspec.structs.replace(b, samples=np.full_like(b.samples, np.nan)) for b in pieces(case, 0)]
    _, out = step.step(step.initial(), blocks, tick(T0_NS))
    assert not [record for record in out if isinstance(record, Detections)]


@EACH
@FEW
@given(seed=st.integers(0, 1000))
def test_no_input_stops_a_step(case: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    _, make, rate_hz = CASES[case]
    samples = make(0)
    holes = rng.random(samples.shape) < 0.05
    samples[holes] = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, 3e38], np.float32), int(holes.sum()))
    step = CASES[case][0]()
    state = step.initial()
    for block in (Block("main", "s", T0_NS, 0, rate_hz, samples), Block("main", "s", T0_NS + 7, 9, rate_hz, samples)):
        with np.errstate(over="ignore", invalid="ignore"):
            state, out = step.step(state, [block], tick(block.end_ns))
        for record in out:
            if isinstance(record, Detections):
                assert np.isfinite(record.probability).all()
                assert np.isfinite(record.chainage_sigma_m).all()


def test_the_fence_step_leaves_places_as_the_detector_gave_them() -> None:
    step = vibration(CABLE)
    blocks = pieces("classify", 3, [250, 500, 750])
    plain, told_too = step.vibration.initial(), step.initial()
    for block in blocks:
        plain, before = step.vibration.step(plain, [block], tick(block.end_ns))
        told_too, after = step.step(told_too, [block], tick(block.end_ns))
        assert len(before) == len(after)
        for a, b in zip(before, after, strict=True):
            if isinstance(a, Detections) and isinstance(b, Detections):
                for column in ("time_ns", "chainage_m", "from_m", "to_m", "strength_db", "probability"):
                    assert (getattr(a, column) == getattr(b, column)).all()
            else:
                assert a == b


def test_the_fence_step_gives_acts_and_movers_that_add_up() -> None:
    step = vibration(CABLE)
    _, out = step.step(step.initial(), pieces("classify", 3), tick(T0_NS))
    rows = next(record for record in out if isinstance(record, Detections))
    known = ~np.isnan(rows.act_probabilities[:, 0])
    assert known.any()
    assert np.allclose(rows.act_probabilities[known].sum(axis=1), 1.0, atol=0.02)
    assert np.allclose(rows.mover_probabilities[known].sum(axis=1), 1.0, atol=0.02)


def test_a_sensor_of_another_measure_is_told_no_acts() -> None:
    sensor = msgspec.structs.replace(CABLE, kind="fibre_das")
    step = vibration(sensor)
    _, out = step.step(step.initial(), pieces("classify", 3), tick(T0_NS))
    for record in out:
        if isinstance(record, Detections):
            assert np.isnan(record.act_probabilities).all()


def test_a_pir_waveform_that_never_moves_is_said_to_be_stuck_once() -> None:
    step = PirStep(Sensor(kind="pir", **POINT))
    block = Block("main", "s", T0_NS, 0, 100.0, np.full((6000, 1), 520.0, np.float32))
    _, out = step.step(step.initial(), [block], tick(block.end_ns))
    assert [r.condition for r in out if isinstance(r, Health)] == ["stuck_channel"]


def test_a_geophone_read_too_slowly_says_so_once() -> None:
    step = GeophoneStep(Sensor(kind="geophone", **POINT))
    block = Block("main", "s", T0_NS, 0, 20.0, np.zeros((40, 1), np.float32))
    state, out = step.step(step.initial(), [block], tick(block.end_ns))
    _, again = step.step(state, [block], tick(block.end_ns))
    assert [r.condition for r in out if isinstance(r, Health)] == ["wrong_rate"]
    assert again == ()
