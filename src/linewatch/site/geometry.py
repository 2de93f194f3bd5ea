"""Geodesic linear referencing on WGS 84: chainage and offset of a point on Earth, and the point on Earth of both.

Between its vertices a line follows geodesics. The **chainage** of a point is that of the nearest point of the line,
its **offset** the geodesic distance from there, positive on the approach side. So it behaves at the odd spots:

- *Outside of a bend*, where a whole wedge of points is nearest to the vertex, all of them have the vertex's chainage,
  and the way back leads to a point as far away but square to the segment that follows.
- *Inside of a bend* two points of the line can be equally near (to 1 mm): the lower chainage is taken.
- *Beyond the ends* the line is thought to go straight on, so that chainages there are below 0 or above its length;
  only points whose nearest point of the real line is an end are ever told so.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from linewatch.errors import InputError
from linewatch.site.model import Line
from linewatch.site.vertices import WGS84, Floats, Ints, course_of, earth_centred_m, faults_of, turn_deg

TIE_M: Final = 0.001
"""Two points of the line whose distances differ by less are equally near."""
_CELLS_AT_ONCE: Final = 200_000  # points times pieces held in memory at a time
_SETTLED_M: Final = 1.0  # a foot found this well is exact after the step that found it
_ROUNDS: Final = 6


class LineGeometry:
    """The course of one line on Earth; made once, then asked for many points at a time."""

    def __init__(
        self, coordinates_deg: Sequence[tuple[float, float]], *, outside: Literal["left", "right"] = "left"
    ) -> None:
        faults = faults_of(coordinates_deg)
        course = course_of(np.array(coordinates_deg, dtype=np.float64)) if not faults else None
        if course is None:
            raise InputError(
                "; ".join(f"{fault.key}: found {fault.found}; allowed: {fault.allowed}" for fault in faults)
            )
        self._course = course
        self._outward = -1.0 if outside == "left" else 1.0
        self._start_m = np.concatenate(([0.0], np.cumsum(course.length_m)))
        nodes = earth_centred_m(course.lon_deg, course.lat_deg)
        # Differences of squares of distances are taken about here, not about the centre of the Earth, for their digits.
        self._origin = nodes.mean(axis=0)
        nodes = nodes - self._origin
        self._from, chords = nodes[:-1], np.diff(nodes, axis=0)
        self._chord_m = np.linalg.norm(chords, axis=1)
        self._direction = chords / self._chord_m[:, None]
        # [x, y, z, |at|^2, 1] times these is the square of the distance to each end of a piece.
        squares = (nodes**2).sum(axis=1)
        self._span_square = float(squares.max())
        self._node_terms = np.vstack((-2.0 * nodes.T, np.ones(len(nodes)), squares)).astype(np.float32)
        halves = np.concatenate(([0.0], self._chord_m, [0.0])) / 2.0
        self._node_reach = np.maximum(halves[:-1], halves[1:]).astype(np.float32)
        # The chord of a piece runs below its arc by the sagitta: nearness by chords is unsure by twice that.
        self._unsure_m = 2.0 * float(self._chord_m.max()) ** 2 / (8.0 * WGS84.b) + 0.1
        arriving = np.concatenate((course.start_deg[:1], course.end_deg))
        leaving = np.concatenate((course.start_deg, course.end_deg[-1:]))
        self._node_deg = arriving + turn_deg(arriving, leaving) / 2.0
        self._lowest_m = np.zeros(len(chords))
        self._lowest_m[0] = -np.inf
        self._highest_m = course.length_m.copy()
        self._highest_m[-1] = np.inf

    @property
    def length_m(self) -> float:
        """Geodesic length of the line."""
        return float(self._start_m[-1])

    def to_lonlat(self, chainage_m: ArrayLike, offset_m: ArrayLike = 0.0) -> tuple[Floats, Floats]:
        """Longitude and latitude in degrees of points given by chainage and offset, in the shape both broadcast to.

        NaN gives NaN.
        """
        chainage, offset = np.broadcast_arrays(
            np.asarray(chainage_m, dtype=np.float64), np.asarray(offset_m, dtype=np.float64)
        )
        lon, lat, azimuth = self._along(chainage.ravel())
        across = np.ascontiguousarray(offset.ravel())
        lon, lat, _ = WGS84.fwd(lon, lat, azimuth + 90.0 * self._outward, across)
        return lon.reshape(chainage.shape), lat.reshape(chainage.shape)

    def azimuth_deg(self, chainage_m: ArrayLike) -> Floats:
        """Direction of travel at these chainages, degrees clockwise from north in [0, 360), in the same shape."""
        chainage = np.asarray(chainage_m, dtype=np.float64)
        azimuth: Floats = self._along(chainage.ravel())[2] % 360.0
        return azimuth.reshape(chainage.shape)

    def to_chainage(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Chainage and offset in metres of points given by longitude and latitude, in the shape both broadcast to.

        Exact to a millimetre up to 100 km from the line. Takes time for points times vertices: about 2 us a point on a
        line of 50. NaN gives NaN.
        """
        lon, lat = np.broadcast_arrays(np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64))
        flat_lon, flat_lat = np.ascontiguousarray(lon.ravel()), np.ascontiguousarray(lat.ravel())
        chainage, offset = np.full(lon.size, np.nan), np.full(lon.size, np.nan)
        at_once = max(1, _CELLS_AT_ONCE // len(self._chord_m))
        for begin in range(0, lon.size, at_once):
            part = slice(begin, begin + at_once)
            point, chainage_m, offset_m = self._nearest(flat_lon[part], flat_lat[part])
            chainage[begin + point], offset[begin + point] = chainage_m, offset_m
        return chainage.reshape(lon.shape), offset.reshape(lon.shape)

    def _along(self, chainage_m: Floats) -> tuple[Floats, Floats, Floats]:
        """(n,) longitudes, latitudes and azimuths of travel on the line, or on its straight continuation."""
        last = len(self._chord_m) - 1
        piece = np.clip(np.searchsorted(self._start_m, chainage_m, side="right") - 1, 0, last)
        return self._walk(piece, chainage_m - self._start_m[piece])

    def _walk(self, piece: Ints, along_m: Floats) -> tuple[Floats, Floats, Floats]:
        course = self._course
        lon, lat, azimuth = WGS84.fwd(
            course.lon_deg[piece],
            course.lat_deg[piece],
            course.start_deg[piece],
            along_m,
            return_back_azimuth=False,
        )
        return lon, lat, azimuth

    def _nearest(self, lon: Floats, lat: Floats) -> tuple[Ints, Floats, Floats]:
        """Numbers of the points that have an answer (not NaN), each once, with their chainages and offsets."""
        point, piece, along_m = self._candidates(lon, lat)
        along_m, distance_m, side = self._feet(piece, along_m, lon[point], lat[point])
        if not len(point):
            return point, along_m, distance_m
        # Beyond an end the foot lies on the continuation; how near the real line is decides all the same.
        beyond_m = along_m - np.clip(along_m, 0.0, self._course.length_m[piece])
        apart_m = np.hypot(distance_m, beyond_m)
        tied = np.flatnonzero(apart_m <= _least_by_point(point, apart_m) + TIE_M)
        # A foot at the end of its piece goes behind one amid a piece: there the neighbour knows better.
        at_end = (along_m[tied] == self._lowest_m[piece[tied]]) | (along_m[tied] == self._highest_m[piece[tied]])
        order = tied[np.lexsort((piece[tied], at_end, point[tied]))]
        chosen = order[np.flatnonzero(np.diff(point[order], prepend=-1))]
        chainage_m = self._start_m[piece[chosen]] + along_m[chosen]
        return point[chosen], chainage_m, distance_m[chosen] * side[chosen] * self._outward

    def _candidates(self, lon: Floats, lat: Floats) -> tuple[Ints, Ints, Floats]:
        """Pairs of point and piece that may hold its foot, by point, then piece, with a first guess of metres along.

        No point of a piece is farther from the nearer of its two ends than half its length. So the distances to the
        ends alone, in one small matrix product, leave a few pieces for each point; of these, chords tell which.
        """
        at = earth_centred_m(lon, lat) - self._origin
        square = (at**2).sum(axis=1)
        terms = np.column_stack((at, square, np.ones(len(at)))).astype(np.float32)
        apart = terms @ self._node_terms
        np.sqrt(np.maximum(apart, 0.0, out=apart), out=apart)
        # Half the digits are enough here: what they leave unsure, at most, is added to what still counts as near.
        unsure = 4.0 * np.sqrt(np.finfo(np.float32).eps * (square + self._span_square))
        limit = apart.min(axis=1) + unsure.astype(np.float32)
        apart -= self._node_reach
        near = apart <= limit[:, None]
        point, piece = np.divmod(np.flatnonzero(near[:, :-1] | near[:, 1:]), len(self._chord_m))
        to = at[point] - self._from[piece]
        along = np.einsum("ij,ij->i", to, self._direction[piece])
        foot = np.clip(along, 0.0, self._chord_m[piece])
        apart_m = np.sqrt(np.maximum(np.einsum("ij,ij->i", to, to) + foot * (foot - 2.0 * along), 0.0))
        chosen = apart_m <= _least_by_point(point, apart_m) + self._unsure_m
        point, piece, along = point[chosen], piece[chosen], along[chosen]
        return point, piece, along * (self._course.length_m / self._chord_m)[piece]

    def _feet(self, piece: Ints, along_m: Floats, lon: Floats, lat: Floats) -> tuple[Floats, Floats, Floats]:
        """Metres along each piece to the point nearest to lon/lat, the distance from there, and its side (right 1)."""
        lowest, highest = self._lowest_m[piece], self._highest_m[piece]
        along_m = np.clip(along_m, lowest, highest)
        for _ in range(_ROUNDS):
            foot_lon, foot_lat, travel = self._walk(piece, along_m)
            azimuth, _, apart_m = WGS84.inv(foot_lon, foot_lat, lon, lat)
            bearing = np.radians(azimuth - travel)
            ahead_m = apart_m * np.cos(bearing)
            moved_m = np.clip(along_m + ahead_m, lowest, highest) - along_m
            along_m = along_m + moved_m
            if (np.abs(moved_m) < _SETTLED_M).all():
                break
        aside_m = apart_m * np.sin(bearing)
        distance_m = np.hypot(aside_m, ahead_m - moved_m)
        # At a bend the side is told by the direction half-way through the turn: either segment alone can be wrong.
        travel = np.where(along_m == lowest, self._node_deg[piece], travel)
        travel = np.where(along_m == highest, self._node_deg[piece + 1], travel)
        side = np.where(np.sin(np.radians(azimuth - travel)) < 0.0, -1.0, 1.0)
        return along_m, distance_m, side


def _least_by_point(point: Ints, values: Floats) -> Floats:
    """For each of the pairs, sorted by point, the least value among the pairs of the same point."""
    if not len(point):
        return values
    first = np.flatnonzero(np.diff(point, prepend=-1))
    return np.repeat(np.minimum.reduceat(values, first), np.diff(first, append=len(point)))


def geometry_of(line: Line) -> LineGeometry:
    """The geometry of a line, made once for each course.

    Raises `InputError` for a bench line, which has a length but no place on Earth.
    """
    if not line.coordinates_deg:
        raise InputError(
            f"line {line.id!r}: found a straight bench line (length_m = {line.length_m:g}) where longitude and "
            "latitude are asked for; allowed: a line with a geometry file"
        )
    return _geometry(line.coordinates_deg, "right" if line.outside == "right" else "left")


@lru_cache(maxsize=64)
def _geometry(coordinates_deg: tuple[tuple[float, float], ...], outside: Literal["left", "right"]) -> LineGeometry:
    return LineGeometry(coordinates_deg, outside=outside)
