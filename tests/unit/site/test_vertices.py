"""What cannot be a line is refused with what was found and what is allowed."""

from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.site.geometry import LineGeometry
from linewatch.site.vertices import faults_of

Point = tuple[int, int]


@pytest.mark.parametrize(
    ("vertices", "found", "allowed"),
    [
        ([], "0 vertices", "2 or more"),
        ([(20.0, 50.0)], "1 vertices", "2 or more"),
        ([(20.0, 50.0)] * 3, "all the same point", "longer than 0 m"),
        ([(20.0, 50.0), (float("nan"), 50.1)], "nan", "longitude from -180 to 180"),
        ([(20.0, 50.0), (float("inf"), 50.1)], "inf", "longitude from -180 to 180"),
        ([(50.0, 120.0), (50.1, 120.1)], "[50, 120]", "they look swapped"),
        ([(612_345.0, 487_654.0), (612_445.0, 487_654.0)], "[612345, 487654]", "map projection"),
        ([(20.0, 50.0), (20.1, 50.0), (50.0, 20.1)], "km from the vertex before", "longitude, then latitude?"),
        ([(20.0, 50.0), (20.1, 50.0), (20.0, 50.0)], "a turn of 180.0 degrees", "run back upon itself"),
        ([(20.0, 50.0), (20.1, 50.0), (20.1, 50.1), (20.0, 50.0)], "touches itself", "of a ring, leave out"),
        ([(20.0, 50.0), (20.1, 50.0), (20.1, 50.1), (20.05, 49.9)], "touches itself", "one chainage"),
        ([(179.9, 0.0), (-179.9, 0.0), (-179.9, 0.1), (180.0, -0.1)], "touches itself", "one chainage"),
    ],
)
def test_an_impossible_line_is_refused_with_what_was_found_and_what_is_allowed(
    vertices: list[tuple[float, float]], found: str, allowed: str
) -> None:
    (fault,) = faults_of(vertices)
    assert fault.key.startswith("coordinates")
    assert found in fault.found
    assert allowed in fault.allowed
    with pytest.raises(InputError, match="coordinates"):
        LineGeometry(vertices)


def test_a_line_that_ends_upon_itself_is_told_where() -> None:
    (fault,) = faults_of([(0.0, 0.0), (0.04, 0.0), (0.04, 0.02), (0.02, 0.02), (0.02, 0.0)])
    assert fault.found == "a line that touches itself: the stretch from 0 m meets that from 8891 m"


def test_a_hairpin_whose_legs_stay_apart_is_a_line() -> None:
    assert faults_of([(0.0, 0.0), (0.05, 0.0), (0.05, 0.00001), (0.0, 0.00001)]) == ()


def test_a_path_of_tiny_steps_is_a_line() -> None:
    """Vertices a few millimetres apart are neighbours, not stretches that touch."""
    assert faults_of([(0.0, number * 4e-8) for number in range(500)]) == ()


def on_segment(point: Point, start: Point, end: Point) -> bool:
    cross = (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
    inside = all(min(start[axis], end[axis]) <= point[axis] <= max(start[axis], end[axis]) for axis in (0, 1))
    return cross == 0 and inside


def meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two segments on a grid share a point, in whole numbers."""
    if on_segment(a, c, d) or on_segment(b, c, d) or on_segment(c, a, b) or on_segment(d, a, b):
        return True
    r, s, q = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1]), (c[0] - a[0], c[1] - a[1])
    slant = r[0] * s[1] - r[1] * s[0]
    if slant == 0:
        return False
    t, u = Fraction(q[0] * s[1] - q[1] * s[0], slant), Fraction(q[0] * r[1] - q[1] * r[0], slant)
    return 0 <= t <= 1 and 0 <= u <= 1


def runs_back(a: Point, b: Point, c: Point) -> bool:
    return on_segment(c, a, b) or on_segment(a, b, c)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=9))
def test_a_line_on_a_grid_is_refused_exactly_where_whole_numbers_say_that_it_touches_itself(
    points: list[Point],
) -> None:
    assume(all(one != other for one, other in pairwise(points)))
    segments = list(pairwise(points))
    touches = any(
        runs_back(*one, other[1]) if second == first + 1 else meet(*one, *other)
        for (first, one), (second, other) in combinations(enumerate(segments), 2)
    )
    # Squares of 111 m about the equator, where geodesics are straight in degrees to far below a millimetre.
    vertices = [(x * 0.001 - 0.003, y * 0.001 - 0.003) for x, y in points]
    assert bool(faults_of(vertices)) == touches
