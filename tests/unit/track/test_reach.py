"""Slow sensors: their silence counts only as far as they have reported."""

from collections.abc import Sequence

from linewatch.records import Track
from linewatch.records.block import BlockHeader
from linewatch.site.sensor import Performance, Sensor
from tests.unit.track.scenes import START_NS, Bench, S, at, fence_line, ticks

GEOPHONE = Sensor(
    "geo", "geophone", "main", at_m=300.0, range_m=50.0, performance=Performance(pd_walk_fraction=0.8, far_per_day=1.0)
)


def header(from_s: float, seconds: float, sensor: str = "geo") -> BlockHeader:
    return BlockHeader("main", sensor, START_NS + round(from_s * S), round(seconds * 100), 0, 1, 100.0, 0)


def felt(second: float, *, received_s: float | None = None) -> object:
    received_ns = None if received_s is None else START_NS + round(received_s * S)
    return at(second, 300.0, sensor="geo", sigma_m=5.0, received_ns=received_ns)


def live(bench: Bench) -> list[Track]:
    last = {track.id: track for track in bench.tracks()}
    return [track for track in last.values() if track.state != "ended"]


def play(bench: Bench, seconds: float, comes: dict[float, Sequence[object]]) -> None:
    """One tick a second; what comes at a second comes with the tick at its end."""
    for tick in ticks(seconds):
        bench.tick(tick, comes.get((tick.time_ns - START_NS) / S, ()))


def test_a_sensor_that_reports_in_time_ends_a_track_by_its_silence() -> None:
    bench = Bench(fence_line(sensors=[GEOPHONE]))
    play(bench, 20.0, {1.0: [felt(0.5)]} | {float(k): [header(k - 1.0, 1.0)] for k in range(2, 21)})
    assert live(bench) == []


def test_between_two_reports_of_a_slow_sensor_nobody_is_missed() -> None:
    bench = Bench(fence_line(sensors=[GEOPHONE]))
    # Files of 20 s: the first ends at 20 s and comes at 21 s, with somebody felt near its end.
    first = [header(0.0, 18.5), felt(18.0, received_s=20.5)]
    play(bench, 39.0, {21.0: first})
    (track,) = live(bench)
    assert track.state == "confirmed"
    assert track.existence_probability > 0.8


def test_a_late_report_without_anybody_counts_as_silence_for_as_long_as_it_covers() -> None:
    bench = Bench(fence_line(sensors=[GEOPHONE]))
    play(bench, 41.0, {21.0: [header(0.0, 18.5), felt(18.0, received_s=20.5)], 41.0: [header(18.5, 20.0)]})
    assert live(bench) == []


def test_a_slow_sensor_that_dies_says_nothing_beyond_its_last_samples() -> None:
    bench = Bench(fence_line(sensors=[GEOPHONE]))
    play(bench, 80.0, {21.0: [header(0.0, 18.5), felt(18.0, received_s=20.5)]})
    (track,) = live(bench)
    assert track.existence_probability > 0.7


def test_a_sensor_without_samples_is_slow_by_what_it_says_and_in_time_again_later() -> None:
    bench = Bench(fence_line(sensors=[GEOPHONE]))
    late = {21.0: [felt(12.0, received_s=20.5)], 23.0: [felt(14.0, received_s=22.5)]}
    play(bench, 30.0, late)
    assert [track.state for track in live(bench)] == ["confirmed"]
    slow = bench.states[0].known.slow
    assert slow == ((0, START_NS + 14 * S),)
    for tick in ticks(45.0)[30:]:
        bench.tick(tick, [felt(30.9)] if tick.time_ns == START_NS + 31 * S else ())
    assert bench.states[0].known.slow == ()
    assert live(bench) == []
