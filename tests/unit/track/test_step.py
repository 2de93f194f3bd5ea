from linewatch.records import HandOver, Outage, Track, batch_of, canonical_bytes, quantise, track_id
from linewatch.records.state import freeze, thaw
from linewatch.track import TrackerState, TrackSettings
from tests.unit.track.scenes import START_NS, Bench, S, at, fence_line, of_act, pir, radar, ticks


def burst(start_s: float = 0.1, frames: int = 5, place_m: float = 150.0) -> list:
    return [
        at(
            start_s + 0.05 * k,
            place_m + 0.3 * (-1) ** k,
            from_m=place_m - 10.0 - 0.1 * k,
            to_m=place_m + 10.0 + 0.1 * k,
            duration_s=0.05 * (k + 1),
            act_probabilities=of_act("climb", 0.9),
        )
        for k in range(frames)
    ]


def test_one_strong_detection_of_one_sensor_is_a_confirmed_track_at_once() -> None:
    bench = Bench(fence_line())
    out = bench.tick(ticks(1)[0], burst(frames=1))
    (track,) = out
    assert track.state == "confirmed"
    assert track.existence_probability >= 0.9
    assert track.id == track_id("main", "S01", batch_of("main", burst(frames=1)).key(0))


def test_a_doubtful_detection_must_be_borne_out() -> None:
    bench = Bench(fence_line())
    (first, second) = ticks(2)
    assert bench.tick(first, [at(0.5, 100.0, probability=0.5)]) == []
    (track,) = bench.tick(second, [at(1.6, 100.5, probability=0.6)])
    assert track.state == "confirmed"


def test_a_short_burst_is_one_still_track_with_the_stretch_of_the_longest_signal() -> None:
    bench = Bench(fence_line())
    bench.run(burst(frames=8), 1.0)
    (track,) = bench.tracks()
    assert (track.from_m, track.to_m) == (139.3, 160.7)
    assert abs(track.chainage_m - 150.0) < 1.0
    assert abs(track.velocity_mps) < 1.0


def test_silence_lets_a_track_coast_and_end() -> None:
    bench = Bench(fence_line())
    bench.run(burst(), 60.0)
    states = [track.state for track in bench.tracks()]
    assert states[0] == "confirmed"
    assert "coasting" in states
    assert states[-1] == "ended"
    assert "silent" in bench.tracks()[-1].ended_reason
    assert len(bench.ids()) == 1


def test_a_sensor_that_is_out_says_nothing_by_silence() -> None:
    outage = Outage(
        "o", "main", ("radar",), "silent", 0.0, 600.0, START_NS, START_NS, None, remaining_fraction=0.0, reason="cut"
    )
    seen = [at(0.2 + k, 100.0, sensor="radar") for k in range(3)]
    watched, blind = Bench(fence_line(sensors=[radar()])), Bench(fence_line(sensors=[radar()]))
    watched.run(seen, 20.0)
    blind.run(seen, 20.0, others=[outage])
    assert watched.tracks()[-1].state == "ended"
    assert blind.tracks()[-1].state == "coasting"


def test_a_walker_crosses_section_borders_as_one_track() -> None:
    bench = Bench(fence_line(sections=3, sensors=[radar()]))
    walk = [at(0.5 + k, 150.0 + 2.5 * k, sensor="radar", sigma_m=1.0) for k in range(120)]
    bench.run(walk, 120.0)
    assert len(bench.ids()) == 1
    assert {track.section for track in bench.tracks()} == {"S01", "S02", "S03"}
    passed = [r for r in bench.out if isinstance(r, HandOver) and r.track.section == r.to_section]
    assert [(h.from_section, h.to_section) for h in passed] == [("S01", "S02"), ("S02", "S03")]


def test_a_mover_on_a_border_is_not_taken_for_two() -> None:
    bench = Bench(fence_line(sections=2, sensors=[radar()]))
    wobble = [at(0.5 + k, 300.0 + (-1) ** k * 1.5, sensor="radar", sigma_m=1.5) for k in range(30)]
    bench.run(wobble, 30.0)
    assert len(bench.ids()) == 1


def test_a_frozen_state_comes_back_as_it_was() -> None:
    bench = Bench(fence_line(sections=2, sensors=[radar()]))
    bench.run([at(0.5 + k, 290.0 + 2 * k, sensor="radar") for k in range(5)], 5.0)
    for state in bench.states:
        raw = freeze(state)
        assert freeze(thaw(raw, TrackerState)) == raw
    assert any(len(state.known.tracks) for state in bench.states)


def test_what_comes_out_is_on_the_grain_of_the_archive() -> None:
    bench = Bench(fence_line(sections=2, sensors=[radar()]))
    bench.run([at(0.53 + k, 290.07 + 1.9 * k, sensor="radar", offset_m=3.3, offset_sigma_m=1.1) for k in range(9)], 9.0)
    for track in bench.tracks():
        assert quantise(track) == track
        assert canonical_bytes(track)


def test_a_late_detection_of_the_window_is_used_as_if_in_time() -> None:
    walk = [at(0.5 + k, 100.0 + 1.5 * k, sensor="radar", sigma_m=1.0) for k in range(12)]
    late = list(walk)
    late[7] = at(7.5, 110.5, sensor="radar", sigma_m=1.0, received_ns=START_NS + 9 * S)
    in_time, behind = Bench(fence_line(sensors=[radar()])), Bench(fence_line(sensors=[radar()]))
    in_time.run(walk, 12.0)
    behind.run(late, 12.0)
    kept = [state.known.tracks.view(state.known.tracks.dtype) for state in (in_time.states[0], behind.states[0])]
    assert in_time.tracks()[-1].chainage_m == behind.tracks()[-1].chainage_m
    assert len(kept[0]) == len(kept[1]) == 1


def test_a_detection_later_than_the_window_is_counted() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    too_late = at(1.0, 100.0, sensor="radar", received_ns=START_NS + 9 * S)
    out = bench.run([too_late, at(2.0, 100.0, sensor="radar")], 12.0)
    health = [record for record in out if type(record).__name__ == "Health"]
    assert [(h.condition, h.count, h.sensor) for h in health] == [("late", 1, "radar")]


def test_impossible_detections_are_refused_and_counted() -> None:
    bench = Bench(fence_line())
    good = at(0.5, 100.0)
    wrong = [
        at(0.5, 5000.0),
        at(0.5, -700.0),
        at(0.5, 100.0, sigma_m=-1.0),
        at(0.5, 100.0, sensor="nobody"),
        at(0.5, 100.0, from_m=120.0, to_m=80.0),
    ]
    future = batch_of("main", [at(900.0, 100.0)])
    out = bench.tick(ticks(1)[0], [good, *wrong, future])
    health = {(h.condition, h.sensor): h.count for h in out if type(h).__name__ == "Health"}
    assert health[("unknown_sensor", "nobody")] == 1
    assert health[("refused", "fence")] == 1
    assert sum(h.count for h in out if type(h).__name__ == "Health") == 6
    assert len(bench.ids()) == 1


def test_a_slow_sensors_word_is_borne_out_on_arrival_and_moves_nothing() -> None:
    bench = Bench(fence_line(sensors=[radar(), pir("pir", 100.0)]))
    seen = [at(0.5 + k / 2, 100.0, sensor="radar") for k in range(40)]
    slow = at(2.0, 100.0, sensor="pir", sigma_m=5.0, received_ns=START_NS + 12 * S)
    out = bench.run([*seen, slow], 20.0)
    told = [record for record in out if isinstance(record, Track)]
    assert len(bench.ids()) == 1
    before = [record for record in told if record.time_ns < START_NS + 12 * S]
    assert not any(record.late or "pir" in record.sensors for record in before)
    assert told[-1].late
    assert told[-1].sensors == ("pir", "radar")
    assert abs(told[-1].chainage_m - 100.0) < 2.0


def test_a_slow_sensors_word_alone_begins_a_track_that_says_that_it_is_late() -> None:
    bench = Bench(fence_line(sensors=[radar(), pir("pir", 100.0)]))
    slow = [at(float(k), 100.0, sensor="pir", sigma_m=5.0, received_ns=START_NS + (k + 20) * S) for k in range(4)]
    out = bench.run(slow, 30.0)
    told = [record for record in out if isinstance(record, Track)]
    assert told
    assert all(record.late and record.sensors == ("pir",) for record in told)
    assert all(record.chainage_sigma_m >= 20.0 for record in told[:1])


def test_a_word_that_is_late_by_a_slow_clock_speaks_of_now_and_not_of_what_is_to_come() -> None:
    bench = Bench(fence_line(sensors=[pir("pir", 100.0)]), TrackSettings(clock_skew_s={"pir": -50.0}))
    slow = [at(float(k), 100.0, sensor="pir", sigma_m=5.0, received_ns=START_NS + (k + 50) * S) for k in range(4)]
    told = [record for record in bench.run(slow, 60.0) if isinstance(record, Track)]
    assert told
    assert all(track.last_ns <= track.time_ns for track in told)
    assert told[0].chainage_sigma_m < 20.0


def test_what_is_older_than_anything_it_could_tell_of_now_is_only_counted() -> None:
    bench = Bench(fence_line(sensors=[radar()]))
    out = bench.run([at(1.0, 100.0, sensor="radar", received_ns=START_NS + 200 * S)], 201.0)
    assert [(h.condition, h.count) for h in out if type(h).__name__ == "Health"] == [("late", 1)]
    assert not bench.ids()
