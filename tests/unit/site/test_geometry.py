"""Chainage and offset to longitude and latitude, and back, measured against pyproj and by round trips."""

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod
from scipy.spatial import cKDTree

from linewatch.errors import InputError
from linewatch.site.geometry import LineGeometry, geometry_of
from linewatch.site.model import Line

GEOD = Geod(ellps="WGS84")
Vertices = list[tuple[float, float]]

# A made-up course of 201 km from north to south with bends of all sharpnesses and segments of 600 m to 18 km.
TURNS_DEG = (0, -5, -12, 7, 7, -5, -25, 34, -9, -8, -7, 3, 8, -8, -14, 18, -5, 0, -19, -10, 23, 34, 18, 6, -3, -26, 60)
STEPS_M = (3200, 2900, 600, 2600, 6000, 2300, 18200, 7800, 7300, 3800, 10900, 940, 750, 13500, 14000)


def walk(start: tuple[float, float], turns_deg: tuple[float, ...], steps_m: tuple[float, ...], count: int) -> Vertices:
    """A course from pyproj's direct geodesics alone."""
    vertices, azimuth = [start], 170.0
    for number in range(count):
        azimuth += turns_deg[number % len(turns_deg)]
        lon, lat, back = GEOD.fwd(*vertices[-1], azimuth, steps_m[number % len(steps_m)])
        vertices.append((lon, lat))
        azimuth = back + 180.0
    return vertices


LONG = walk((23.5, 54.0), TURNS_DEG, STEPS_M, 35)


def dense(vertices: Vertices, spacing_m: float) -> tuple[NDArray[np.float64], cKDTree]:
    """Chainages of closely spaced points of the line, and a tree of where they are: an oracle without cleverness."""
    chainages, places, before = [], [], 0.0
    for (lon, lat), end in pairwise(vertices):
        azimuth, _, length = GEOD.inv(lon, lat, *end)
        along = np.arange(0.0, length, spacing_m)
        ones = np.ones_like(along)
        lons, lats, _ = GEOD.fwd(lon * ones, lat * ones, azimuth * ones, along)
        chainages.append(before + along)
        places.append(cartesian(lons, lats))
        before += length
    return np.concatenate(chainages), cKDTree(np.concatenate(places))


def cartesian(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = np.radians(lon), np.radians(lat)
    n = GEOD.a / np.sqrt(1 - GEOD.es * np.sin(y) ** 2)
    return np.column_stack((n * np.cos(y) * np.cos(x), n * np.cos(y) * np.sin(x), n * (1 - GEOD.es) * np.sin(y)))


@st.composite
def courses(draw: st.DrawFn) -> Vertices:
    """Courses anywhere on Earth between the polar circles, of 1 to 8 segments, without a knot."""
    start = (draw(st.floats(-180, 180)), draw(st.floats(-66, 66)))
    count = draw(st.integers(1, 8))
    turns = tuple(draw(st.lists(st.floats(-60, 60), min_size=count, max_size=count)))
    steps = tuple(draw(st.lists(st.floats(50, 30_000), min_size=count, max_size=count)))
    return walk(start, turns, steps, count)


def geometry(vertices: Vertices) -> LineGeometry:
    try:
        return LineGeometry(vertices)
    except InputError:
        assume(False)
        raise


def test_length_is_the_sum_of_geodesics_over_201_km() -> None:
    lons, lats = zip(*LONG, strict=True)
    expected_m = GEOD.line_length(lons, lats)
    assert expected_m > 200_000
    assert LineGeometry(LONG).length_m == pytest.approx(expected_m, abs=1e-6)


def test_every_vertex_lies_at_the_sum_of_the_segments_before_it() -> None:
    line = LineGeometry(LONG)
    lons, lats = np.array(LONG).T
    sums = np.concatenate(([0.0], np.cumsum(GEOD.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])[2])))
    chainage, offset = line.to_chainage(lons, lats)
    assert np.abs(chainage - sums).max() < 1e-5
    assert np.abs(offset).max() < 1e-5
    there_lon, there_lat = line.to_lonlat(sums)
    assert GEOD.inv(there_lon, there_lat, lons, lats)[2].max() < 1e-5


def test_points_off_the_line_return_within_a_millimetre_wherever_no_other_stretch_is_nearer() -> None:
    line = LineGeometry(LONG)
    chance = np.random.default_rng(1)
    chainage = chance.uniform(0, line.length_m, 20_000)
    offset = chance.uniform(-5_000, 5_000, 20_000)
    lon, lat = line.to_lonlat(chainage, offset)
    known, tree = dense(LONG, spacing_m=10.0)
    apart, which = tree.query(cartesian(lon, lat))
    lons, lats = np.array(LONG).T
    bends = np.concatenate(([0.0], np.cumsum(GEOD.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])[2])))
    amid = np.abs(bends - chainage[:, None]).min(axis=1) > 20.0
    clear = amid & (np.abs(known[which] - chainage) < 20.0)
    assert clear.mean() > 0.9
    found_chainage, found_offset = line.to_chainage(lon, lat)
    assert np.abs(found_chainage - chainage)[clear].max() < 0.001
    assert np.abs(found_offset - offset)[clear].max() < 0.001
    # Where another stretch is nearer, that one is found: never farther than the nearest of the closely spaced points.
    assert (np.abs(found_offset) < apart + 0.01).all()
    assert (np.abs(found_chainage - known[which]) < 20.0).mean() > 0.999


@given(courses(), st.floats(0, 1), st.floats(-5_000, 5_000))
def test_what_is_found_is_as_far_away_as_is_said_and_nothing_is_nearer(
    vertices: Vertices, share: float, offset_m: float
) -> None:
    line = geometry(vertices)
    lon, lat = line.to_lonlat(share * line.length_m, offset_m)
    found_chainage, found_offset = line.to_chainage(lon, lat)
    foot = line.to_lonlat(np.clip(found_chainage, 0, line.length_m))
    beyond_m = found_chainage - np.clip(found_chainage, 0, line.length_m)
    assert GEOD.inv(*foot, lon, lat)[2] == pytest.approx(np.hypot(found_offset, beyond_m), abs=0.01)
    _, tree = dense(vertices, spacing_m=5.0)
    assert np.hypot(found_offset, beyond_m) < tree.query(cartesian(np.atleast_1d(lon), np.atleast_1d(lat)))[0][0] + 0.01


@given(courses(), st.floats(-0.1, 1.1))
def test_points_on_the_line_and_straight_beyond_its_ends_return(vertices: Vertices, share: float) -> None:
    line = geometry(vertices)
    chainage_m = share * line.length_m
    chainage, offset = line.to_chainage(*line.to_lonlat(chainage_m))
    if 0 <= share <= 1:
        assert chainage == pytest.approx(chainage_m, abs=1e-4)
    assert abs(offset) < 1e-4 or not 0 <= share <= 1


@given(courses(), st.floats(0, 1), st.floats(1, 5_000))
def test_the_approach_side_is_the_side_that_outside_names(vertices: Vertices, share: float, offset_m: float) -> None:
    left, right = geometry(vertices), LineGeometry(vertices, outside="right")
    chainage_m = share * left.length_m
    lon, lat = left.to_lonlat(chainage_m, offset_m)
    here = left.to_lonlat(chainage_m)
    turned = (GEOD.inv(*here, lon, lat)[0] - left.azimuth_deg(chainage_m)) % 360
    assert turned == pytest.approx(270.0, abs=1e-6 + 0.1 / offset_m)
    assert right.to_lonlat(chainage_m, -offset_m) == (pytest.approx(lon), pytest.approx(lat))
    assert right.to_chainage(lon, lat)[1] == pytest.approx(-left.to_chainage(lon, lat)[1])


# One kilometre east along the equator, then one kilometre north: a right angle to the left.
CORNER = [(0.0, 0.0), GEOD.fwd(0.0, 0.0, 90.0, 1_000.0)[:2]]
CORNER.append(GEOD.fwd(*CORNER[-1], 0.0, 1_000.0)[:2])


@pytest.mark.parametrize("azimuth", [91.0, 120.0, 135.0, 179.0])
def test_outside_of_a_bend_every_point_of_the_wedge_has_the_chainage_of_the_vertex(azimuth: float) -> None:
    lon, lat, _ = GEOD.fwd(*CORNER[1], azimuth, 250.0)
    chainage, offset = LineGeometry(CORNER).to_chainage(lon, lat)
    assert chainage == pytest.approx(1_000.0, abs=1e-6)
    assert offset == pytest.approx(-250.0, abs=1e-6)


def test_inside_of_a_bend_the_lower_chainage_of_two_equally_near_points_is_taken() -> None:
    lon, lat, _ = GEOD.fwd(*CORNER[1], 315.0, 200.0)
    side_m = 200.0 / np.sqrt(2)
    chainage, offset = LineGeometry(CORNER).to_chainage(lon, lat)
    assert chainage == pytest.approx(1_000.0 - side_m, abs=0.01)
    assert offset == pytest.approx(side_m, abs=0.01)
    for nudge_deg, nearer in ((-0.01, 1_000.0 - side_m), (0.01, 1_000.0 + side_m)):
        lon, lat, _ = GEOD.fwd(*CORNER[1], 315.0 + nudge_deg, 200.0)
        assert LineGeometry(CORNER).to_chainage(lon, lat)[0] == pytest.approx(nearer, abs=0.1)


def test_in_a_sharp_bend_the_side_is_that_of_the_bend_as_a_whole() -> None:
    """Behind a turn of 150 degrees a point is left of one segment and right of the other."""
    vertices = [(0.0, 0.0), GEOD.fwd(0.0, 0.0, 90.0, 1_000.0)[:2]]
    vertices.append(GEOD.fwd(*vertices[-1], 90.0 - 150.0, 1_000.0)[:2])
    for azimuth in (100.0, 80.0, 60.0, 40.0):
        lon, lat, _ = GEOD.fwd(*vertices[1], azimuth, 100.0)
        assert LineGeometry(vertices).to_chainage(lon, lat)[1] == pytest.approx(-100.0, abs=1e-6)


def test_beyond_an_end_chainage_goes_on_and_offset_keeps_its_side() -> None:
    line = LineGeometry(CORNER)
    for chainage_m, offset_m in ((-300.0, 40.0), (-300.0, -40.0), (2_250.0, 7.0), (2_250.0, -7.0)):
        found = line.to_chainage(*line.to_lonlat(chainage_m, offset_m))
        assert found == (pytest.approx(chainage_m, abs=1e-5), pytest.approx(offset_m, abs=1e-5))


def test_the_continuation_of_an_end_never_takes_a_point_from_the_real_line() -> None:
    """A horseshoe: straight on from its first leg lies beside nothing, but its last leg would run through the bow."""
    vertices = [(0.0, 0.0), (0.0, 0.02), (0.02, 0.02), (0.02, 0.01), (0.005, 0.01)]
    line = LineGeometry(vertices)
    chainage, offset = line.to_chainage(0.0004, 0.01)  # on the last leg's continuation, 44 m from the first leg
    assert chainage == pytest.approx(GEOD.inv(0.0, 0.0, 0.0, 0.01)[2], abs=0.01)
    assert offset == pytest.approx(-GEOD.inv(0.0, 0.01, 0.0004, 0.01)[2], abs=0.01)


def test_a_line_across_the_antimeridian_is_a_line_like_any_other() -> None:
    there = LineGeometry([(179.5, -17.0), (-179.9, -17.1), (-179.5, -16.8)])
    here = LineGeometry([(19.5, -17.0), (20.1, -17.1), (20.5, -16.8)])
    assert there.length_m == pytest.approx(here.length_m)
    chainage = np.linspace(-500.0, here.length_m + 500.0, 101)
    lon, lat = there.to_lonlat(chainage, 120.0)
    assert lon.min() < -179.0
    assert lon.max() > 179.0
    same_lon, same_lat = here.to_lonlat(chainage, 120.0)
    assert ((lon - 160.0 + 180.0) % 360.0 - 180.0) == pytest.approx(same_lon)
    assert lat == pytest.approx(same_lat)
    assert there.to_chainage(lon, lat)[0] == pytest.approx(here.to_chainage(same_lon, same_lat)[0], abs=1e-5)


def test_a_line_over_the_pole_is_a_line_like_any_other() -> None:
    line = LineGeometry([(10.0, 89.9), (-170.0, 89.9)])
    chainage, offset = line.to_chainage(*line.to_lonlat(np.linspace(0, line.length_m, 21), 30.0))
    assert chainage == pytest.approx(np.linspace(0, line.length_m, 21), abs=1e-5)
    assert offset == pytest.approx(np.full(21, 30.0), abs=1e-5)


def test_answers_have_the_shape_of_the_question_and_nothing_known_stays_unknown() -> None:
    line = LineGeometry(CORNER)
    assert line.to_lonlat(10.0)[0].shape == ()
    assert line.to_lonlat(np.zeros((2, 3)), np.zeros(3))[1].shape == (2, 3)
    assert line.to_chainage([], [])[0].shape == (0,)
    assert line.azimuth_deg([[1.0], [1_500.0]]).shape == (2, 1)
    lon, lat = line.to_lonlat([np.nan, 10.0, 20.0], [0.0, np.nan, 5.0])
    assert np.isnan(lon).tolist() == [True, True, False]
    chainage, offset = line.to_chainage(lon, lat)
    assert np.isnan(chainage).tolist() == np.isnan(offset).tolist() == [True, True, False]
    assert chainage[2] == pytest.approx(20.0)


def test_one_point_is_told_the_same_as_among_many() -> None:
    line = LineGeometry(LONG)
    lon, lat = line.to_lonlat(np.linspace(-100.0, line.length_m, 9_000), 77.0)
    together = line.to_chainage(lon, lat)
    for number in (0, 1, 4_711, 8_999):
        alone = line.to_chainage(lon[number], lat[number])
        assert alone == (pytest.approx(together[0][number], abs=1e-6), pytest.approx(together[1][number], abs=1e-6))


def test_repeated_vertices_change_nothing() -> None:
    doubled = [vertex for vertex in CORNER for _ in range(3)]
    plain, repeated = LineGeometry(CORNER), LineGeometry(doubled)
    assert repeated.length_m == plain.length_m
    lon, lat = plain.to_lonlat(np.linspace(0, 2_000, 50), 33.0)
    assert repeated.to_chainage(lon, lat)[0] == pytest.approx(plain.to_chainage(lon, lat)[0])


def test_a_bench_line_says_clearly_that_it_is_nowhere_on_earth() -> None:
    bench = Line(id="bench", length_m=600.0)
    with pytest.raises(
        InputError, match=r"line 'bench': found a straight bench line \(length_m = 600\).*geometry file"
    ):
        geometry_of(bench)


def test_the_geometry_of_a_line_is_made_once() -> None:
    line = Line(id="a", length_m=2_000.0, coordinates_deg=tuple(CORNER), outside="right")
    assert geometry_of(line) is geometry_of(line)
    assert geometry_of(line).to_chainage(*CORNER[2])[0] == pytest.approx(2_000.0)
    assert geometry_of(line).to_chainage(0.001, -0.001)[1] > 0


def test_ten_thousand_points_take_little_longer_than_two_geodesics_each() -> None:
    """On an idle core about 20 ms; told as a multiple of pyproj's own work, which holds on a busy machine too."""
    vertices = walk((23.5, 54.0), TURNS_DEG, STEPS_M, 50)
    line = LineGeometry(vertices)
    chainage = np.linspace(0, line.length_m, 10_000)
    lon, lat = line.to_lonlat(chainage, 100.0)
    azimuth = line.azimuth_deg(chainage)

    def geodesics() -> None:
        GEOD.fwd(lon, lat, azimuth, chainage)
        GEOD.inv(lon, lat, lon + 0.01, lat)

    assert fastest_s(lambda: line.to_chainage(lon, lat)) < 6 * fastest_s(geodesics)


def fastest_s(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(10):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


@pytest.mark.parametrize("away_m", [20_000.0, 100_000.0])
def test_far_from_a_line_its_answers_are_still_exact(away_m: float) -> None:
    """All but the ground about the one slight bend, where the other stretch can be nearer."""
    line = LineGeometry([(23.0, 53.0), (23.1, 51.5), (23.2, 50.0)])
    chainage = np.linspace(5_000.0, line.length_m - 5_000.0, 400)
    for offset in (away_m, -away_m):
        found = line.to_chainage(*line.to_lonlat(chainage, offset))
        amid = np.abs(chainage - line.length_m / 2) > 5_000.0
        assert np.abs(found[0] - chainage)[amid].max() < 0.001
        assert np.abs(found[1] - offset)[amid].max() < 0.001
