"""The laws over single steps: resumed, repeated and in silence, each step gives what it would have given anyway."""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.detect.vibration import VibrationSettings, VibrationStep
from linewatch.health.state import HealthSettings
from linewatch.health.watch import HealthStep
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.step import IncidentStep
from linewatch.ports import AnyStep, Item
from linewatch.records import Block, BlockHeader, Health, Outage, Record, Tick, canonical_bytes
from linewatch.records.state import freeze, thaw
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.incident.test_step import track

S = 1_000_000_000
PERIOD_NS = S // 4
CHANNELS = 24
SITE = fence_site(length_m=float(CHANNELS), channels=CHANNELS)
SLOW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


def tick(number: int, shift_ns: int = 0) -> Tick:
    time_ns = T0_NS + number * PERIOD_NS + shift_ns
    return Tick(time_ns // PERIOD_NS, time_ns, time_ns, PERIOD_NS)


def samples(seed: int, ticks: int, shift_ns: int = 0) -> list[list[Item]]:
    """A cable that is shaken in its middle for a while, one block a tick."""
    rng = np.random.default_rng(seed)
    rows = np.abs(rng.normal(0, 20, (250 * ticks, CHANNELS)))
    rows[250 * (ticks // 3) : 250 * (2 * ticks // 3), 8:18] *= 40
    whole = Block("main", "f1", T0_NS + shift_ns, 0, 1000.0, rows.astype(np.int16))
    return [[whole.rows(250 * i, 250 * (i + 1))] for i in range(ticks)]


def signs(seed: int, ticks: int, shift_ns: int = 0) -> list[list[Item]]:
    """Signs of life with pauses, and findings."""
    rng = np.random.default_rng(seed)
    out: list[list[Item]] = []
    for number in range(ticks):
        at_ns = T0_NS + number * PERIOD_NS + shift_ns
        batch: list[Item] = []
        if rng.random() < 0.4:
            batch.append(BlockHeader("main", "f1", at_ns, 250, 0, CHANNELS, 1000.0, 0))
        if rng.random() < 0.2:
            channel = int(rng.integers(0, CHANNELS))
            text = "gives nothing"
            dead = Health("main", "f1", at_ns, "dead_channel", "failed", text, None, channel, channel)
            batch.append(dead)
        if rng.random() < 0.1:
            batch.append(Health("main", "f1", at_ns, "recovered", "ok", "is back"))
        out.append(batch)
    return out


def movers(seed: int, ticks: int, shift_ns: int = 0) -> list[list[Item]]:
    """Tracks that come and go, and an outage."""
    rng = np.random.default_rng(seed)
    out: list[list[Item]] = []
    for number in range(ticks):
        seconds = number / 4 + shift_ns / S
        batch: list[Item] = [
            track(
                seconds,
                name,
                state="ended" if rng.random() < 0.1 else "confirmed",
                chainage_m=rng.uniform(0, 24),
                first_ns=T0_NS + shift_ns,
            )
            for name in ("t1", "t2")
            if rng.random() < 0.3
        ]
        if number == ticks // 2:
            at_ns = T0_NS + number * PERIOD_NS + shift_ns
            batch.append(Outage("o1", "main", ("f1",), "silent", 0.0, 24.0, at_ns, at_ns, None, 0.0, "nothing heard"))
        out.append(batch)
    return out


CASES = {
    "vibration": (lambda: VibrationStep(SITE.sensor("f1"), VibrationSettings()), samples, 12),
    "health": (lambda: HealthStep(SITE, HealthSettings()), signs, 60),
    "incident": (lambda: IncidentStep(SITE, IncidentSettings(), "s"), movers, 80),
}


def run(
    step: AnyStep,
    batches: Sequence[Sequence[Item]],
    stops: Sequence[int] = (),
    shift_ns: int = 0,
    *,
    by_pickle: bool = False,
) -> tuple[list[bytes], bytes]:
    """All outputs and the last state; before the ticks in `stops` the state is written down and read again."""
    state: Any = step.initial()
    out: list[Record] = []
    for number, batch in enumerate(batches):
        if number in stops:
            state = pickle.loads(pickle.dumps(state)) if by_pickle else thaw(freeze(state), step.state_type)  # noqa: S301
        state, more = step.step(state, tuple(batch), tick(number + 1, shift_ns))
        out += more
    return [canonical_bytes(record) for record in out], freeze(state)


@pytest.mark.parametrize("name", sorted(CASES))
@SLOW
@given(seed=st.integers(0, 50), stops=st.sets(st.integers(0, 80), max_size=6), by_pickle=st.booleans())
def test_a_step_stopped_and_resumed_anywhere_goes_on_as_before(
    name: str, seed: int, stops: set[int], by_pickle: bool
) -> None:
    make, batches, ticks = CASES[name]
    whole = run(make(), batches(seed, ticks))
    assert whole[0]
    assert run(make(), batches(seed, ticks), sorted(stops), by_pickle=by_pickle) == whole


@pytest.mark.parametrize("name", sorted(CASES))
@SLOW
@given(seed=st.integers(0, 50), ticks=st.integers(-5000, 5000))
def test_a_step_moved_in_time_by_whole_ticks_says_as_much_at_as_many_places(name: str, seed: int, ticks: int) -> None:
    make, batches, length = CASES[name]
    here, _ = run(make(), batches(seed, length))
    there, _ = run(make(), batches(seed, length, ticks * PERIOD_NS), shift_ns=ticks * PERIOD_NS)
    assert len(here) == len(there)


@pytest.mark.parametrize("name", sorted(CASES))
@SLOW
@given(ticks=st.integers(1, 200))
def test_a_step_that_never_heard_anything_says_nothing(name: str, ticks: int) -> None:
    make, _, _ = CASES[name]
    assert run(make(), [()] * ticks)[0] == []
