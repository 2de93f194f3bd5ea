"""What tracks become over time: groups, intents, known movers, floods, and the same bytes whoever runs the sections."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from linewatch.records import MOVERS, HandOver, Health, KnownMover, batch_of, canonical_bytes
from linewatch.site.sensor import Sensor
from linewatch.track import TrackSettings, TrackStep, route
from tests.unit.track.scenes import START_NS, Bench, S, at, fence_line, of_mover, radar, ticks

FIBRE = Sensor("fibre", "fibre_das", "main", from_m=0.0, to_m=600.0, channels=60)


def crowd(second: int, place_m: float, half_m: float, db: float, **more: object) -> object:
    return at(second + 0.5, place_m, sensor="fibre", half_m=half_m, strength_db=db, sigma_m=3.0, duration_s=1.0, **more)


def test_a_wide_loud_stretch_is_a_group_with_bounds_on_its_size() -> None:
    bench = Bench(fence_line(sensors=[FIBRE]))
    bench.run([crowd(k, 300.0, 80.0, 33.0) for k in range(10)], 10.0)
    last = bench.tracks()[-1]
    assert 100 <= last.count_low < last.count_high <= 1500


def test_pieces_of_one_frame_that_nearly_touch_are_one_group() -> None:
    bench = Bench(fence_line(sensors=[FIBRE]))
    bench.run([crowd(k, place, 28.0, 25.0) for k in range(10) for place in (270.0, 330.0)], 10.0)
    assert len(bench.ids()) == 1
    last = bench.tracks()[-1]
    assert 242.0 <= last.from_m <= 257.0  # people are from 257 to 343 m, and are felt 15 m further
    assert 343.0 <= last.to_m <= 358.0


def test_growth_of_a_group_is_reported() -> None:
    bench = Bench(fence_line(sensors=[FIBRE]))
    small = [crowd(k, 300.0, 30.0, 26.0) for k in range(15)]
    large = [crowd(k, 300.0, 100.0, 34.0) for k in range(15, 60)]
    bench.run(small + large, 60.0)
    assert len(bench.ids()) == 1
    sizes = [track.count_high for track in bench.tracks()]
    assert sizes[-1] > 2 * sizes[0]


def test_a_second_group_that_a_radar_sees_apart_stays_its_own_track() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    two = [
        at(k + 0.5, 300.0 + y / 10, sensor="radar", half_m=30.0, offset_m=y, offset_sigma_m=4.0)
        for k in range(20)
        for y in (20.0, 150.0)
    ]
    bench.run(two, 20.0)
    live = bench.states[0].known.tracks
    assert len(live) == 2
    assert len(bench.ids()) == 2


def test_people_who_leave_a_standing_vehicle_are_its_descendants() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    truck = [
        at(
            k + 0.5,
            300.0,
            sensor="radar",
            offset_m=60.0,
            offset_sigma_m=2.0,
            mover_probabilities=of_mover("vehicle", 0.9),
        )
        for k in range(30)
    ]
    walker = [
        at(k + 0.5, 310.0 + k - 12, sensor="radar", sigma_m=1.0, offset_m=40.0, offset_sigma_m=1.0)
        for k in range(12, 30)
    ]
    bench.run(truck + walker, 30.0)
    first, second = bench.ids()
    child = next(track for track in reversed(bench.tracks()) if track.id == second)
    assert child.parents[0] == first
    assert child.intent_reason.startswith("left a vehicle")


def test_who_walks_towards_the_line_approaches_and_then_crosses() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    walk = [
        at(k + 0.5, 300.0, sensor="radar", sigma_m=1.0, offset_m=30.0 - 1.5 * k, offset_sigma_m=1.0) for k in range(40)
    ]
    bench.run(walk, 40.0)
    intents = list(dict.fromkeys(track.intent for track in bench.tracks()))
    assert intents.index("approach") < intents.index("crossing")
    assert intents[-1] == "crossing"
    assert "far side" in bench.tracks()[-1].intent_reason


def test_who_touches_the_fence_is_in_contact() -> None:
    bench = Bench(fence_line())
    bench.run([at(0.2, 100.0)], 1.0)
    assert bench.tracks()[0].intent == "contact"


def test_who_stays_without_moving_is_still() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    steady = [
        at(k + 0.5, 300.0, sensor="radar", sigma_m=0.5, velocity_mps=0.0, velocity_sigma_mps=0.1) for k in range(90)
    ]
    bench.run(steady, 90.0)
    assert bench.tracks()[-1].intent == "still"


def patrol(second: float, place_m: float, count: int = 2) -> KnownMover:
    return KnownMover("patrol-3", "main", START_NS + round(second * S), place_m, 5.0, count=count, authenticated=True)


def test_a_patrol_explains_at_most_as_many_as_it_is() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    three = [
        at(k + 0.5, 300.0 + 12.0 * i, sensor="radar", sigma_m=1.0, offset_m=20.0 * i, offset_sigma_m=1.0)
        for k in range(10)
        for i in range(3)
    ]
    bench.run(three, 10.0, others=[patrol(0.5, 310.0)])
    last = {track.id: track.known for track in bench.tracks()}
    assert sorted(last.values(), key=str) == [None, "patrol-3", "patrol-3"]


def test_a_patrol_beside_never_hides_a_crossing() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    walk = [
        at(k + 0.5, 300.0, sensor="radar", sigma_m=1.0, offset_m=30.0 - 1.5 * k, offset_sigma_m=1.0) for k in range(40)
    ]
    bench.run(walk, 40.0, others=[patrol(1.0, 300.0, count=9)])
    crossing = [track for track in bench.tracks() if track.intent == "crossing"]
    assert crossing
    assert all(track.known is None for track in crossing)


def test_a_hundred_thousand_detections_at_one_instant_are_bounded_and_counted() -> None:
    step = TrackStep(fence_line(length_m=200_000.0, sensors=[radar(200_000.0)]), "main", "S01")
    rng = np.random.default_rng(1)
    few = batch_of("main", [at(0.5, float(x), sensor="radar") for x in rng.uniform(0, 200_000, 1000)])
    rows = np.sort(rng.integers(0, 1000, 100_000))
    flood = few.take(rows)
    state, _ = step.step(step.initial(), (few,), ticks(1)[0])
    begun = time.thread_time()
    state, out = step.step(step.initial(), (flood,), ticks(1)[0])
    state, _ = step.step(state, (), ticks(2)[1])
    assert time.thread_time() - begun < 5.0
    dropped = [record for record in out if isinstance(record, Health) and record.condition == "dropped"]
    assert sum(record.count for record in dropped) == 100_000 - TrackSettings().max_detections


def test_one_worker_and_four_give_the_same_bytes() -> None:
    walk = [at(0.5 + k, 40.0 + 4.0 * k + 60.0 * i, sensor="radar", sigma_m=1.0) for k in range(60) for i in range(4)]

    def lived(workers: int) -> list[bytes]:
        site = fence_line(sections=6, sensors=[radar()])
        steps = [TrackStep(site, "main", s.name) for s in site.line("main").sections]
        states = [step.initial() for step in steps]
        letters: list[HandOver] = []
        out: list[bytes] = []
        with ThreadPoolExecutor(workers) as pool:
            for tick in ticks(60):
                now = batch_of("main", [d for d in walk if tick.time_ns - S <= d.time_ns < tick.time_ns])
                routed = route(now, site, "main")
                batches = [
                    [h for h in letters if h.to_section == s.name] + ([routed[s.name]] if s.name in routed else [])
                    for s in site.line("main").sections
                ]
                results = list(
                    pool.map(lambda a: a[0].step(*a[1:]), zip(steps, states, batches, [tick] * 6, strict=True))
                )
                states = [state for state, _ in results]
                records = [record for _, new in results for record in new]
                letters = [record for record in records if isinstance(record, HandOver)]
                out += map(canonical_bytes, records)
        return out

    assert lived(1) == lived(4)


def test_a_patrol_that_turns_round_after_its_last_report_stays_known() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    speeds_mps = [10.0] * 11 + [6.0, 2.0, -2.0, -6.0] + [-10.0] * 6
    places_m = 100.0 + np.cumsum(speeds_mps)
    drive = [at(k + 0.5, float(x), sensor="radar", sigma_m=1.0, probability=0.999) for k, x in enumerate(places_m)]
    bench.run(drive, len(drive), others=[patrol(10.5, float(places_m[10]))])
    since = [track for track in bench.tracks() if track.time_ns > START_NS + 11 * S and track.state != "ended"]
    assert min(track.velocity_mps for track in since) < -5.0
    assert {track.known for track in since} == {"patrol-3"}


def test_frames_of_one_sensor_that_follow_each_other_are_one_word_on_what_it_is() -> None:
    person, share = of_mover("person", 0.7), MOVERS.index("person")
    beliefs = []
    for frames, apart_s in ((1, 1.0), (25, 0.02), (25, 1.0)):
        bench = Bench(fence_line(sensors=[radar()]))
        said = [at(0.5 + apart_s * k, 300.0, sensor="radar", mover_probabilities=person) for k in range(frames)]
        bench.run(said, 27.0)
        beliefs.append(max(track.mover_probabilities[share] for track in bench.tracks()))
    once, at_once, for_long = beliefs
    assert once <= at_once < once + 0.05 < for_long
