"""Crowds: many detections at once that are one track, who stays out of it, how one parts and two meet."""

import numpy as np

from linewatch.site.sensor import Sensor
from tests.unit.track.scenes import START_NS, Bench, S, at, fence_line, radar

FIBRE = Sensor("fibre", "fibre_das", "main", from_m=0.0, to_m=600.0, channels=60)


def parts(second: float, places: tuple[float, ...], **more: object) -> list[object]:
    """People felt at many places of a fibre in one frame; each frame all of them shift by a metre or two."""
    shake = 1.5 * ((round(2 * second) * 7) % 3 - 1)
    more = {"half_m": 12.0, "strength_db": 22.0, "sigma_m": 4.0, "duration_s": 0.5, "sensor": "fibre"} | more
    return [at(second, place + shake, **more) for place in places]


def spaced(from_m: float, to_m: float, step_m: float = 10.0) -> tuple[float, ...]:
    return tuple(np.arange(from_m, to_m, step_m).tolist())


CAMERA = Sensor("camera", "camera", "main", at_m=300.0, range_m=300.0)
CROWD_LINE = (FIBRE, CAMERA, Sensor("fence", "fibre_vibration", "main", from_m=0.0, to_m=600.0, channels=600))


def halves(second: float) -> list[object]:
    """A crowd that two cameras' worth of frames see in halves, and a fibre as a whole."""
    seen: list[object] = []
    for half, shift in ((spaced(250.0, 300.0, 8.0), 0.1), (spaced(310.0, 350.0, 8.0), 0.2)):
        words = {"sensor": "camera", "half_m": 4.0, "strength_db": 18.0, "offset_m": 20.0, "offset_sigma_m": 1.0}
        seen += [at(second + shift, place, sigma_m=2.0, count_low=8, count_high=16, **words) for place in half]
    return parts(second, spaced(250.0, 350.0)) + seen


def test_a_crowd_of_many_detections_from_many_sensors_is_one_track() -> None:
    bench = Bench(fence_line(sensors=CROWD_LINE))
    bench.run([d for k in range(80) for d in halves(0.5 * k + 0.1)], 40.0)
    settled = [track for track in bench.tracks() if track.time_ns > START_NS + 10 * S]
    assert len({track.id for track in settled}) == 1
    last = settled[-1]
    assert abs(last.from_m - 250.0) < 12.0
    assert abs(last.to_m - 350.0) < 12.0
    assert last.offset_m is not None and abs(last.offset_m - 20.0) < 2.0


def test_whoever_touches_the_fence_in_front_of_a_crowd_is_a_track_of_its_own() -> None:
    bench = Bench(fence_line(sensors=CROWD_LINE))
    touches = [at(20.0 + k, 300.0, sensor="fence", half_m=6.0, strength_db=20.0, sigma_m=1.0) for k in range(10)]
    bench.run([*(d for k in range(60) for d in halves(0.5 * k + 0.1)), *touches], 30.0)
    assert any(track.intent == "contact" and track.sensors == ("fence",) for track in bench.tracks())


def test_a_fast_vehicle_that_a_radar_sees_keeps_its_track_through_a_crowd() -> None:
    far_sight = radar()
    bench = Bench(fence_line(sensors=(FIBRE, far_sight)))
    drives = {"sensor": "radar", "sigma_m": 2.0, "velocity_mps": 9.0, "velocity_sigma_mps": 0.3}
    vehicle = [at(20.3 + k, 120.0 + 9.0 * k, **drives) for k in range(40)]
    bench.run([*(d for k in range(140) for d in parts(0.5 * k + 0.1, spaced(250.0, 350.0))), *vehicle], 70.0)
    fast = {track.id for track in bench.tracks() if track.velocity_mps > 6.0}
    slow = {track.id for track in bench.tracks() if track.count_low >= 10}
    assert len(fast) == 1
    assert not fast & slow


def test_a_crowd_that_parts_becomes_two_with_its_history_kept() -> None:
    bench = Bench(fence_line(sensors=[FIBRE]))
    together = [d for k in range(60) for d in parts(0.5 * k + 0.1, spaced(250.0, 350.0))]
    apart = [
        d
        for k in range(60, 200)
        for d in parts(
            0.5 * k + 0.1,
            tuple(x - 0.4 * (k - 60) for x in spaced(250.0, 300.0))
            + tuple(x + 0.4 * (k - 60) for x in spaced(300.0, 350.0)),
        )
    ]
    bench.run(together + apart, 100.0)
    last = [track for track in bench.tracks() if track.time_ns > START_NS + 95 * S and track.state != "ended"]
    places = sorted({track.id: track.chainage_m for track in last}.values())
    assert len(places) == 2
    assert abs(places[0] - 219.0) < 15.0
    assert abs(places[1] - 379.0) < 15.0
    first = bench.ids()[0]
    assert any(first in track.parents for track in bench.tracks() if track.id != first)


def test_two_crowds_side_by_side_stay_two_and_become_one_when_they_meet() -> None:
    bench = Bench(fence_line(sensors=[FIBRE]))
    meet = [
        d
        for k in range(160)
        for d in parts(0.5 * k + 0.1, spaced(150.0, 230.0))
        + parts(0.5 * k + 0.1, tuple(x - min(0.5 * k, 55.0) for x in spaced(300.0, 380.0)))
    ]
    bench.run(meet, 80.0)
    early = {t.id for t in bench.tracks() if START_NS + 8 * S < t.time_ns < START_NS + 20 * S}
    late = {t.id for t in bench.tracks() if t.time_ns > START_NS + 75 * S and t.state != "ended"}
    assert len(early) == 2
    assert len(late) == 1
    assert late < early
