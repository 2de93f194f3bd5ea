"""Which metres a sensor reaches, from the plain geometry of its view."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.site.geometry import geometry_of
from linewatch.site.grid import grid_of
from linewatch.site.performance import MOST_GAIN_DB
from linewatch.site.reach import STRIP_M, Reach, reach_of, visible_distance_m
from linewatch.site.sensor import Sensor
from tests.unit.site.coverage_sites import fibre, line_of, point, site_of


def reach(*sensors: Sensor, bent: bool = False, outside: str = "left") -> Reach:
    line = line_of(bent=bent)
    line = type(line)(line.id, line.length_m, line.coordinates_deg, outside, line.sections)
    return reach_of(site_of(*sensors, line=line), line, grid_of(line, 1.0))


def one(value: float) -> np.ndarray:
    return np.array([value], dtype=np.float64)


def visible(along_m: float, low_m: float, high_m: float, facing_deg: float, fov_deg: float) -> float:
    facing, half = one(math.radians(facing_deg)), one(math.radians(fov_deg / 2.0))
    return float(visible_distance_m(one(along_m), np.array([0]), one(low_m), one(high_m), facing, half)[0])


@given(
    along_m=st.floats(-50.0, 50.0).filter(lambda x: abs(x) > 0.1),  # nobody stands inside of the sensor
    ends=st.tuples(st.floats(-40.0, 40.0), st.floats(0.0, 40.0)),
    facing_deg=st.floats(-360.0, 360.0),
    fov_deg=st.floats(1.0, 360.0),
)
def test_the_nearest_visible_point_of_a_path_is_that_found_by_trying_every_point(
    along_m: float, ends: tuple[float, float], facing_deg: float, fov_deg: float
) -> None:
    low_m, high_m = ends[0], ends[0] + ends[1]
    found_m = visible(along_m, low_m, high_m, facing_deg, fov_deg)
    across_m = np.linspace(low_m, high_m, 2_001)
    turn_deg = (np.degrees(np.arctan2(across_m, along_m)) - facing_deg + 180.0) % 360.0 - 180.0
    away_m = np.hypot(along_m, across_m)

    def tried(slack_deg: float) -> float:
        seen = np.abs(turn_deg) <= fov_deg / 2.0 + slack_deg
        return float(away_m[seen].min()) if seen.any() else math.inf

    # The exact answer lies between those of a view that is a little wider and one that is a little narrower.
    slack_deg = 0.5
    assert tried(slack_deg) - 0.05 <= found_m <= tried(-slack_deg) + 0.05


def test_a_view_all_round_sees_the_nearest_point_of_every_path() -> None:
    assert visible(30.0, -5.0, 25.0, 123.0, 360.0) == 30.0
    assert visible(3.0, 4.0, 25.0, 123.0, 360.0) == 5.0


def test_a_point_sensor_reaches_as_many_metres_to_either_side() -> None:
    made = reach(point("p", "pir", 100.0, range_m=12.0))
    assert (made.first.tolist(), made.stop.tolist()) == ([88], [112])


def test_what_stands_beside_the_line_reaches_less_of_it() -> None:
    made = reach(point("p", "pir", 100.0, range_m=50.0, offset_m=-35.0))
    assert (made.first.tolist(), made.stop.tolist()) == ([60], [140])  # 30 m before the strip: 40 m along


def test_a_span_reaches_from_its_first_to_its_last_channel_in_either_direction() -> None:
    made = reach(fibre("a", 100.0, 900.0), fibre("b", 900.0, 100.0))
    assert made.first.tolist() == [100, 100]
    assert made.stop.tolist() == [900, 900]
    assert (made.gain_db == 0.0).all()


@pytest.mark.parametrize("at_m", [500.0, 2_500.0])
@pytest.mark.parametrize(("turn_deg", "ahead"), [(0.0, True), (180.0, False)])
def test_a_camera_sees_the_way_it_faces_whatever_the_line_s_direction(
    at_m: float, turn_deg: float, ahead: bool
) -> None:
    travel_deg = float(geometry_of(line_of(bent=True)).azimuth_deg(at_m))
    made = reach(
        point("c", "camera", at_m, range_m=100.0, azimuth_deg=(travel_deg + turn_deg) % 360.0, fov_deg=40.0), bent=True
    )
    middle = (int(made.first[0]) + int(made.stop[0])) / 2.0
    assert (middle > at_m) == ahead
    assert made.stop[0] - made.first[0] <= 100


@pytest.mark.parametrize(("outside", "turn_deg"), [("left", -90.0), ("right", 90.0)])
def test_the_approach_side_is_where_the_line_says_it_is(outside: str, turn_deg: float) -> None:
    travel_deg = float(geometry_of(line_of(bent=True)).azimuth_deg(500.0))
    facing = {"range_m": 20.0, "fov_deg": 60.0, "offset_m": 10.0}
    out = point("out", "camera", 500.0, azimuth_deg=(travel_deg + turn_deg) % 360.0, **facing)
    back = point("back", "camera", 500.0, azimuth_deg=(travel_deg - turn_deg) % 360.0, **facing)
    made = reach(out, back, bent=True, outside=outside)
    # From 10 m out, the strip goes on for 15 m outwards and for 15 m back; both see it. 30 m out, only one does.
    assert [sensor.id for sensor in made.sensors] == ["back", "out"]
    far = [
        point(name, "camera", 500.0, azimuth_deg=azimuth, range_m=30.0, fov_deg=60.0, offset_m=30.0)
        for name, azimuth in (("out", out.azimuth_deg), ("back", back.azimuth_deg))
    ]
    made = reach(*far, bent=True, outside=outside)
    assert [sensor.id for sensor in made.sensors] == ["back"]
    assert [sensor.id for sensor in made.idle] == ["out"]


def test_a_bearing_means_nothing_on_a_bench_line() -> None:
    made = reach(point("c", "camera", 500.0, range_m=100.0, azimuth_deg=10.0, fov_deg=40.0))
    assert (made.first.tolist(), made.stop.tolist()) == ([400], [600])


def test_nearness_adds_no_more_than_it_may_and_nothing_at_the_end_of_the_reach() -> None:
    made = reach(point("g", "geophone", 500.0, range_m=40.0))
    assert made.gain_db.max() == pytest.approx(MOST_GAIN_DB)
    assert 0.0 <= made.gain_db.min() < 0.2


def test_a_sensor_beyond_the_ends_is_named_as_idle() -> None:
    made = reach(point("p", "pir", 3_100.0, range_m=10.0), point("q", "pir", 3_005.0, range_m=10.0))
    assert [sensor.id for sensor in made.idle] == ["p"]
    assert (made.first.tolist(), made.stop.tolist()) == ([2_995], [3_000])


@given(
    at_m=st.sampled_from([500.0, 500.5, 1_333.3]),
    offset_m=st.floats(-20.0, 40.0),
    azimuth_deg=st.floats(0.0, 360.0),
    fov_deg=st.floats(1.0, 360.0),
    range_m=st.floats(2.0, 150.0),
)
def test_a_sensor_reaches_every_step_of_which_it_sees_a_part_and_no_other(
    at_m: float, offset_m: float, azimuth_deg: float, fov_deg: float, range_m: float
) -> None:
    """As found by asking for every step of the line, without knowing beforehand where the view can reach."""
    sensor = point("c", "camera", at_m, offset_m=offset_m, azimuth_deg=azimuth_deg, fov_deg=fov_deg, range_m=range_m)
    made = reach(sensor, bent=True)
    facing_deg = float(geometry_of(line_of(bent=True)).azimuth_deg(at_m)) - azimuth_deg
    steps = np.arange(3_000)
    wedge = one(math.radians(facing_deg)), one(math.radians(fov_deg / 2.0))
    ends = one(STRIP_M[0] - offset_m), one(STRIP_M[1] - offset_m)
    seen = visible_distance_m(steps + 0.5 - at_m, np.zeros(3_000, dtype=np.int64), *ends, *wedge) <= range_m
    reached = np.zeros(3_000, dtype=bool)
    for first, stop, low, high in zip(made.first, made.stop, made.start[:-1], made.start[1:], strict=True):
        reached[first:stop] = np.isfinite(made.gain_db[low:high])
    assert np.flatnonzero(seen).tolist() == np.flatnonzero(reached).tolist()
