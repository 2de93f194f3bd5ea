"""Whether a list of vertices can be a line at all: what is refused, and why."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WGS84: Final = Geod(ellps="WGS84")
REPEAT_M: Final = 0.001
"""Vertices nearer to each other than this are one vertex."""
PIECE_M: Final = 5_000.0
"""Segments are worked on in pieces of at most this length: the chord of one runs at most 0.5 m under its arc."""
TOUCH_M: Final = 0.01
"""Stretches nearer to each other than this touch."""
LONGEST_SEGMENT_M: Final = 500_000.0
"""A longer step between two vertices is a slip of the pen, not a line that somebody watches."""
SHARPEST_TURN_DEG: Final = 179.0
"""A line that turns by more than this runs back upon itself."""


class Fault(NamedTuple):
    """Why vertices cannot be a line, in the words of a `linewatch.errors.Problem`."""

    key: str
    """What it is about."""
    found: str
    """What was found."""
    allowed: str
    """What is allowed."""


class Course(NamedTuple):
    """m pieces of geodesic, each at most `PIECE_M` long, end to end."""

    lon_deg: Floats
    """(m + 1,) longitudes of their ends."""
    lat_deg: Floats
    """(m + 1,) latitudes of their ends."""
    start_deg: Floats
    """(m,) azimuth at which each begins."""
    end_deg: Floats
    """(m,) azimuth at which each arrives."""
    length_m: Floats
    """(m,) length of each."""


def faults_of(coordinates_deg: Sequence[tuple[float, float]]) -> tuple[Fault, ...]:
    """Everything that keeps these vertices (longitude, latitude) from being a line; empty where nothing does.

    Allowed are finite positions within +-180 and +-90 degrees, at least two that differ, no step above
    `LONGEST_SEGMENT_M`, no turn above `SHARPEST_TURN_DEG` and no stretch that touches another. Repeated vertices
    are harmless, and so is the antimeridian: a geodesic takes the short way round.
    """
    if len(coordinates_deg) < 2:
        return (Fault("coordinates", f"{len(coordinates_deg)} vertices", "2 or more"),)
    vertices = np.array(coordinates_deg, dtype=np.float64)
    if outside := _outside_the_globe(vertices):
        return outside
    if long := _long_step(vertices):
        return long
    course = course_of(vertices)
    if course is None:
        return (Fault("coordinates", "vertices that are all the same point", "a line longer than 0 m"),)
    return _turning_back(course) or _touching(course)


def course_of(vertices_deg: Floats) -> Course | None:
    """Pieces of geodesic through (n, 2) vertices, repeated ones taken once; None where all are the same point."""
    lon, lat = vertices_deg[np.append(True, _steps_m(vertices_deg) >= REPEAT_M)].T
    if len(lon) < 2:
        return None
    azimuth, _, length = WGS84.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    cuts = np.ceil(length / PIECE_M).astype(np.int64)
    segment = np.repeat(np.arange(len(cuts)), cuts)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(cuts) - cuts, cuts)
    node_lon, node_lat, _ = WGS84.fwd(lon[segment], lat[segment], azimuth[segment], number * (length / cuts)[segment])
    node_lon, node_lat = np.append(node_lon, lon[-1]), np.append(node_lat, lat[-1])
    start, back, piece = WGS84.inv(node_lon[:-1], node_lat[:-1], node_lon[1:], node_lat[1:])
    return Course(node_lon, node_lat, start, back + 180.0, piece)


def earth_centred_m(lon_deg: Floats, lat_deg: Floats) -> Floats:
    """(n, 3) Cartesian coordinates of points on the ellipsoid, by the definition of geodetic latitude."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    normal_m = WGS84.a / np.sqrt(1.0 - WGS84.es * np.sin(lat) ** 2)
    level = normal_m * np.cos(lat)
    return np.column_stack((level * np.cos(lon), level * np.sin(lon), normal_m * (1.0 - WGS84.es) * np.sin(lat)))


def turn_deg(from_deg: Floats, to_deg: Floats) -> Floats:
    """The turn from one azimuth to another, in [-180, 180), clockwise positive."""
    return (to_deg - from_deg + 180.0) % 360.0 - 180.0


def _shown(vertex: Floats) -> str:
    return "[" + ", ".join(f"{value:.10g}" for value in vertex) + "]"


def _outside_the_globe(vertices: Floats) -> tuple[Fault, ...]:
    allowed = "longitude from -180 to 180, then latitude from -90 to 90, in degrees (WGS 84)"
    bad = ~np.isfinite(vertices).all(axis=1) | (np.abs(vertices) > (180.0, 90.0)).any(axis=1)
    if not bad.any():
        return ()
    first = int(np.flatnonzero(bad)[0])
    hint = ""
    if np.isfinite(vertices).all():
        if (np.abs(vertices) <= (90.0, 180.0)).all():
            hint = "; they look swapped"
        elif (np.abs(vertices) > 180.0).all():
            hint = "; these look like metres of a map projection"
    return (Fault(f"coordinates[{first}]", _shown(vertices[first]), allowed + hint),)


def _steps_m(vertices: Floats) -> Floats:
    lon, lat = vertices.T
    return np.asarray(WGS84.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2])


def _long_step(vertices: Floats) -> tuple[Fault, ...]:
    steps_m = _steps_m(vertices)
    first = int(np.argmax(steps_m))
    if steps_m[first] <= LONGEST_SEGMENT_M:
        return ()
    return (
        Fault(
            f"coordinates[{first + 1}]",
            f"{_shown(vertices[first + 1])}, {steps_m[first] / 1000:.0f} km from the vertex before",
            f"steps of at most {LONGEST_SEGMENT_M / 1000:.0f} km (is it longitude, then latitude?)",
        ),
    )


def _turning_back(course: Course) -> tuple[Fault, ...]:
    turns = turn_deg(course.end_deg[:-1], course.start_deg[1:])
    sharp = np.flatnonzero(np.abs(turns) > SHARPEST_TURN_DEG)
    if not len(sharp):
        return ()
    node = int(sharp[0]) + 1
    return (
        Fault(
            "coordinates",
            f"a turn of {abs(turns[node - 1]):.1f} degrees at {_chainage(course, node)}",
            f"turns of at most {SHARPEST_TURN_DEG:.0f} degrees: the line would run back upon itself",
        ),
    )


def _chainage(course: Course, node: int) -> str:
    return f"{float(course.length_m[:node].sum()):.0f} m"


def _touching(course: Course) -> tuple[Fault, ...]:
    """The first two stretches that cross or touch without being neighbours."""
    nodes = earth_centred_m(course.lon_deg, course.lat_deg)
    ends_m = np.cumsum(course.length_m)
    starts_m = ends_m - course.length_m
    found: list[tuple[int, int]] = []
    for one, other in _near_pairs(nodes):
        # Pieces as near along the line as across it are neighbours, with perhaps a tiny piece between them.
        apart = starts_m[other] - ends_m[one] > 5 * TOUCH_M
        i, j = one[apart], other[apart]
        touch = _gap_m(nodes[i], nodes[i + 1], nodes[j], nodes[j + 1]) < TOUCH_M
        found += zip(i[touch].tolist(), j[touch].tolist(), strict=True)
    if not found:
        return ()
    first, second = min(found)
    closed = first == 0 and second == len(course.length_m) - 1
    hint = " (of a ring, leave out the last few metres)" if closed else ""
    return (
        Fault(
            "coordinates",
            f"a line that touches itself: the stretch from {_chainage(course, first)} meets that from "
            f"{_chainage(course, second)}",
            f"a line whose stretches stay apart, so that every point has one chainage{hint}",
        ),
    )


def _near_pairs(nodes: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Pairs (i < j) of pieces whose boxes overlap: sorted along the longest axis, each meets those behind it.

    Takes time for n pieces times the most that lie abreast, not for all pairs.
    """
    low = np.minimum(nodes[:-1], nodes[1:]) - 1.0
    high = np.maximum(nodes[:-1], nodes[1:]) + 1.0
    axis = int(np.argmax(high.max(axis=0) - low.min(axis=0)))
    order = np.argsort(low[:, axis], kind="stable")
    low, high = low[order], high[order]
    for behind in range(1, len(order)):
        if not (low[behind:, axis] <= high[:-behind, axis]).any():
            return  # what lies further behind begins later still
        overlap = ((low[behind:] <= high[:-behind]) & (low[:-behind] <= high[behind:])).all(axis=1)
        one, other = order[:-behind][overlap], order[behind:][overlap]
        yield np.minimum(one, other), np.maximum(one, other)


def _gap_m(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """(n,) distances between the segments a-b and c-d as seen from above, 0 where they cross; ends are (n, 3)."""
    a, b, c, d = _from_above(a, b, c, d)
    crossing = (_side(a, b, c) * _side(a, b, d) < 0.0) & (_side(c, d, a) * _side(c, d, b) < 0.0)
    ends = (_point_gap_m(a, c, d), _point_gap_m(b, c, d), _point_gap_m(c, a, b), _point_gap_m(d, a, b))
    return np.where(crossing, 0.0, np.min(ends, axis=0))


def _from_above(*points: Floats) -> list[Floats]:
    """(n, 2) positions of each of the (n, 3) points on a plane that touches the Earth amid them."""
    middle = np.mean(points, axis=0)
    up = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    # Any direction across `up` serves; the axis most across it never fails, not even at a pole.
    across = np.cross(np.eye(3)[np.argmin(np.abs(up), axis=1)], up)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    upward = np.cross(up, across)
    return [
        np.column_stack((((point - middle) * across).sum(axis=1), ((point - middle) * upward).sum(axis=1)))
        for point in points
    ]


def _side(start: Floats, end: Floats, point: Floats) -> Floats:
    along, to = end - start, point - start
    return np.sign(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0])


def _point_gap_m(point: Floats, start: Floats, end: Floats) -> Floats:
    along, to = end - start, point - start
    share = np.clip((along * to).sum(axis=1) / (along**2).sum(axis=1), 0.0, 1.0)
    return np.asarray(np.linalg.norm(to - share[:, None] * along, axis=1))
