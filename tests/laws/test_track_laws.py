"""The laws of the design on the tracker step alone: cut, resume, order, shift, silence, determinism."""

from collections.abc import Sequence

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.records import Detection, Detections, Record, Tick, Track, batch_of, canonical_bytes, quantise
from linewatch.records.state import freeze, thaw
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.track import TrackerState, TrackStep
from linewatch.track.state import rows_of
from tests.unit.track.scenes import START_NS, Bench, S, fence_line, radar

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
LENGTH_M = 400.0
TICKS = 6
PERIOD_NS = S // 2

SENSORS = (
    Sensor("fence", "fibre_vibration", "main", from_m=0.0, to_m=LENGTH_M, channels=400),
    Sensor("pir-1", "pir", "main", at_m=120.0, range_m=12.0),
    radar(LENGTH_M),
)


def site(sections: int) -> Site:
    return fence_line(length_m=LENGTH_M, sections=sections, sensors=SENSORS)


@st.composite
def a_detection(draw: st.DrawFn) -> Detection:
    sensor = draw(st.sampled_from(["fence", "pir-1", "radar"]))
    # Few distinct places, so that detections meet and contest each other.
    place_m = draw(st.integers(0, 40)) * 10.0 + draw(st.floats(-3.0, 3.0))
    half_m = draw(st.sampled_from([0.0, 4.0]))
    seen_across = sensor == "radar"
    return quantise(
        Detection(
            "main",
            sensor,
            START_NS + draw(st.integers(0, TICKS * PERIOD_NS // 1_000_000 - 1)) * 1_000_000,
            draw(st.sampled_from([0.0, 0.05, 1.0])),
            place_m,
            draw(st.sampled_from([0.5, 2.0, 8.0])),
            place_m - half_m,
            place_m + half_m,
            draw(st.floats(0.0, 30.0)),
            draw(st.sampled_from([0.3, 0.6, 0.95, 1.0])),
            offset_m=draw(st.floats(-20.0, 20.0)) if seen_across else None,
            offset_sigma_m=2.0 if seen_across else None,
            velocity_mps=draw(st.sampled_from([None, 1.0])) if seen_across else None,
            velocity_sigma_mps=0.5 if seen_across else None,
            sensor_track=draw(st.sampled_from([None, "7"])) if seen_across else None,
        )
    )


scenes = st.lists(a_detection(), max_size=25).map(
    lambda found: list({(d.time_ns, d.sensor, d.chainage_m): d for d in found}.values())
)


def grid(shift: int = 0) -> list[Tick]:
    first = START_NS // PERIOD_NS + 1 + shift
    return [Tick(k, k * PERIOD_NS, k * PERIOD_NS, PERIOD_NS) for k in range(first, first + TICKS)]


def of_tick(found: Sequence[Detection], tick: Tick) -> list[Detection]:
    return [d for d in found if tick.time_ns - tick.period_ns <= d.time_ns < tick.time_ns]


def lived(found: Sequence[Detection], sections: int = 1, shift: int = 0) -> Bench:
    bench = Bench(site(sections))
    for tick in grid(shift):
        bench.tick(tick, of_tick(found, tick))
    return bench


def as_bytes(records: Sequence[Record]) -> list[bytes]:
    return [canonical_bytes(record) for record in records]


@FEW
@given(scenes, st.data())
def test_cutting_a_batch_anywhere_changes_nothing(found: list[Detection], data: st.DataObject) -> None:
    step = TrackStep(site(1), "main", "S01")
    whole, pieces = step.initial(), step.initial()
    for tick in grid():
        now = of_tick(found, tick)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(now)), max_size=3)))
        parts = [now[a:b] for a, b in zip([0, *cuts], [*cuts, len(now)], strict=True)]
        whole, out = step.step(whole, [batch_of("main", now)], tick)
        pieces, same = step.step(pieces, [batch_of("main", part) for part in parts], tick)
        assert as_bytes(out) == as_bytes(same)
        assert freeze(whole) == freeze(pieces)


@FEW
@given(scenes, st.integers(0, TICKS - 1), st.integers(1, 2))
def test_stopping_and_starting_again_changes_nothing(found: list[Detection], stop: int, sections: int) -> None:
    straight, stopped = Bench(site(sections)), Bench(site(sections))
    for i, tick in enumerate(grid()):
        now = of_tick(found, tick)
        assert as_bytes(straight.tick(tick, now)) == as_bytes(stopped.tick(tick, now))
        if i == stop:
            frozen = [freeze(state) for state in stopped.states]
            stopped.states = [thaw(raw, TrackerState) for raw in frozen]
            assert [freeze(state) for state in stopped.states] == frozen


@FEW
@given(scenes, st.randoms(use_true_random=False))
def test_order_of_arrival_inside_a_tick_does_not_matter(found: list[Detection], chance: object) -> None:
    step = TrackStep(site(1), "main", "S01")
    one, other = step.initial(), step.initial()
    for tick in grid():
        batches = [batch_of("main", [d]) for d in of_tick(found, tick)]
        one, out = step.step(one, batches, tick)
        chance.shuffle(batches)  # type: ignore[attr-defined]
        other, same = step.step(other, batches, tick)
        assert as_bytes(out) == as_bytes(same)
        assert freeze(one) == freeze(other)


@FEW
@given(scenes, st.data())
def test_a_late_detection_of_the_window_leaves_the_same_movers(found: list[Detection], data: st.DataObject) -> None:
    delay = data.draw(st.lists(st.integers(0, 3), min_size=len(found), max_size=len(found)))
    step = TrackStep(site(1), "main", "S01")
    in_time, late = step.initial(), step.initial()
    ticks = grid()
    for i, tick in enumerate([*ticks, *grid(TICKS)[:3]]):
        came = [
            msgspec.structs.replace(d, received_ns=ticks[-1].time_ns) if wait else d
            for d, wait in zip(found, delay, strict=True)
            if (d.time_ns - START_NS) // PERIOD_NS + wait == i
        ]
        in_time, _ = step.step(in_time, [batch_of("main", of_tick(found, tick))], tick)
        late, _ = step.step(late, [batch_of("main", came)], tick)
    assert len(in_time.known.tracks) == len(late.known.tracks)
    for field in ("chainage_m", "velocity_mps", "existence", "detections", "from_m", "to_m", "life"):
        assert np.array_equal(_column(in_time, field), _column(late, field)), field


def _column(state: TrackerState, field: str) -> np.ndarray:
    return rows_of(state.known)[field]


@FEW
@given(scenes, st.integers(1, 10_000))
def test_moving_all_times_by_whole_ticks_moves_what_comes_out(found: list[Detection], shift: int) -> None:
    by_ns = shift * PERIOD_NS
    moved = [msgspec.structs.replace(d, time_ns=d.time_ns + by_ns) for d in found]
    names: dict[str, str] = {}
    here, there = lived(found), lived(moved, shift=shift)
    assert len(here.out) == len(there.out)
    for a, b in zip(here.tracks(), there.tracks(), strict=True):
        back = msgspec.structs.replace(
            b,
            id=a.id,
            parents=a.parents,
            first_detection=a.first_detection,
            ended_reason=a.ended_reason,
            time_ns=b.time_ns - by_ns,
            first_ns=b.first_ns - by_ns,
            last_ns=b.last_ns - by_ns,
        )
        assert back == a
        assert names.setdefault(a.id, b.id) == b.id


@FEW
@given(scenes)
def test_silence_brings_nobody_new(found: list[Detection]) -> None:
    bench = lived(found)
    known = set(bench.ids())
    out: list[Record] = []
    for tick in grid(TICKS):
        out += bench.tick(tick)
    assert {record.id for record in out if isinstance(record, Track)} <= known
    assert not [record for record in lived([]).out if isinstance(record, Track)]


@FEW
@given(scenes, st.integers(1, 3))
def test_the_same_input_gives_the_same_bytes(found: list[Detection], sections: int) -> None:
    one, two = lived(found, sections), lived(found, sections)
    assert as_bytes(one.out) == as_bytes(two.out)
    assert [freeze(a) for a in one.states] == [freeze(b) for b in two.states]


@FEW
@given(scenes)
def test_a_step_leaves_the_state_it_was_given_as_it_was(found: list[Detection]) -> None:
    step = TrackStep(site(1), "main", "S01")
    state = step.initial()
    for tick in grid():
        before = freeze(state)
        batch: Detections = batch_of("main", of_tick(found, tick))
        after, out = step.step(state, [batch], tick)
        assert freeze(state) == before
        again, same = step.step(state, [batch], tick)
        assert as_bytes(out) == as_bytes(same)
        assert freeze(again) == freeze(after)
        state = after
