"""Which metres of a line each sensor reaches, and from how far: geometry alone, made once for a site.

The line is cut into steps; step i stands for the crossing at its middle, (i + 0.5) step_m. A mover is taken to cross
square to the line through the strip `STRIP_M`; a sensor reaches the step if its field of view holds some point of that
path within range, and the nearest such point gives the distance. Around each sensor the line is taken to be straight,
in the direction that it has there: good for ranges that are short against the bends, optimistic or pessimistic where a
radar looks around one. Terrain shadow is not known here; it stands in the losses of the terrain class.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.site.geometry import geometry_of
from linewatch.site.grid import Grid
from linewatch.site.model import Line, Site
from linewatch.site.performance import KINDS, gain_db
from linewatch.site.sensor import Sensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRIP_M: Final = (-5.0, 25.0)
"""Offsets between which a crossing can be noticed: the patrol track behind the barrier and the cleared strip before."""


class Reach(msgspec.Struct, frozen=True):
    """The s sensors that reach a line, and the n pairs of a sensor and a step that it reaches (or looks past)."""

    sensors: tuple[Sensor, ...]
    """(s,) sensors, by id."""
    first: Ints
    """(s,) first step of each."""
    stop: Ints
    """(s,) step after its last."""
    start: Ints
    """(s + 1,) where its pairs begin in the arrays below."""
    distance_m: Floats
    """(n,) distance from the nearest visible point of the path; infinite where nothing of it is visible."""
    gain_db: Floats
    """(n,) what that distance adds to the signal at the end of the reach; minus infinity where nothing is visible."""
    idle: tuple[Sensor, ...]
    """Sensors of the line that reach no step of it."""

    def pairs(self, number: int) -> slice:
        """Where the pairs of one sensor lie."""
        return slice(int(self.start[number]), int(self.start[number + 1]))


def reach_of(site: Site, line: Line, grid: Grid, strip_m: tuple[float, float] = STRIP_M) -> Reach:
    """The reach of every sensor that stands on a line."""
    sensors = sorted((sensor for sensor in site.sensors if sensor.line == line.id), key=lambda sensor: sensor.id)
    return reach_of_sensors(sensors, line, grid, strip_m)


def reach_of_sensors(
    sensors: Sequence[Sensor], line: Line, grid: Grid, strip_m: tuple[float, float] = STRIP_M
) -> Reach:
    """The same for sensors given one by one, in their order; a sensor may be one that the site does not have yet."""
    ends = np.array([grid.between(*stretch_m(sensor)) for sensor in sensors], dtype=np.int64).reshape(-1, 2)
    owner, step = _ragged(ends)
    chainage_m: Floats = (step + 0.5) * np.float64(grid.step_m)
    distance_m = _distances(sensors, line, owner, chainage_m, strip_m)
    ends = _trimmed(ends, owner, step, np.isfinite(distance_m))
    inside = (step >= ends[owner, 0]) & (step < ends[owner, 1])
    some = ends[:, 1] > ends[:, 0]
    count = (ends[:, 1] - ends[:, 0])[some]
    distance_m, owner = distance_m[inside], owner[inside]
    return Reach(
        sensors=tuple(sensor for sensor, reaches in zip(sensors, some, strict=True) if reaches),
        first=ends[some, 0],
        stop=ends[some, 1],
        start=np.concatenate(([0], np.cumsum(count))),
        distance_m=distance_m,
        gain_db=_gains(sensors, owner, distance_m),
        idle=tuple(sensor for sensor, reaches in zip(sensors, some, strict=True) if not reaches),
    )


def reach_m(sensor: Sensor) -> float:
    """How far a point sensor reaches; 0 for a span."""
    if _is_stretch(sensor):
        return 0.0
    return KINDS[sensor.kind].reach_m if sensor.range_m is None else sensor.range_m


def stretch_m(sensor: Sensor) -> tuple[float, float]:
    """Lowest and highest chainage that it could reach, all directions taken together."""
    if sensor.is_span:
        return sensor.extent_m()
    if sensor.from_m is not None and sensor.to_m is not None:
        return min(sensor.from_m, sensor.to_m), max(sensor.from_m, sensor.to_m)
    at_m, far_m = _at_m(sensor), reach_m(sensor)
    return at_m - far_m, at_m + far_m


def _is_stretch(sensor: Sensor) -> bool:
    return sensor.is_span or (sensor.from_m is not None and sensor.to_m is not None)


def _at_m(sensor: Sensor) -> float:
    return 0.0 if sensor.at_m is None else sensor.at_m


def _ragged(ends: Ints) -> tuple[Ints, Ints]:
    """(n,) number of the sensor and step of every pair."""
    count = np.maximum(ends[:, 1] - ends[:, 0], 0)
    owner = np.repeat(np.arange(len(ends)), count)
    begin = np.repeat(np.cumsum(count) - count, count)
    return owner, np.arange(len(owner)) - begin + ends[owner, 0]


def _trimmed(ends: Ints, owner: Ints, step: Ints, visible: NDArray[np.bool_]) -> Ints:
    """(s, 2) the same ends without the steps at either side of which nothing is visible."""
    seen_owner, seen_step = owner[visible], step[visible]
    begin = np.searchsorted(seen_owner, np.arange(len(ends)), side="left")
    stop = np.searchsorted(seen_owner, np.arange(len(ends)), side="right")
    out = np.zeros_like(ends)
    some = stop > begin
    out[some, 0] = seen_step[begin[some]]
    out[some, 1] = seen_step[stop[some] - 1] + 1
    return out


def _distances(
    sensors: Sequence[Sensor], line: Line, owner: Ints, chainage_m: Floats, strip_m: tuple[float, float]
) -> Floats:
    """(n,) distance from each pair's sensor to its path; 0 for spans, infinite where out of sight or range."""
    at_m = np.array([_at_m(sensor) for sensor in sensors], dtype=np.float64)
    travel_deg = geometry_of(line).azimuth_deg(at_m) if line.coordinates_deg else np.full(len(at_m), np.nan)
    # Seen from the line, offset grows to the left where the approach side is left; bearings grow clockwise.
    left = 1.0 if line.outside == "left" else -1.0
    wedges = [_wedge(sensor, left, float(deg)) for sensor, deg in zip(sensors, travel_deg, strict=True)]
    facing_rad, half_rad = np.array(wedges, dtype=np.float64).reshape(-1, 2).T
    offset_m = np.array([sensor.offset_m for sensor in sensors], dtype=np.float64)
    far_m = np.array([reach_m(sensor) for sensor in sensors], dtype=np.float64)
    distance_m = np.zeros(len(owner))
    points = np.flatnonzero(~np.array([_is_stretch(sensor) for sensor in sensors], dtype=bool)[owner])
    of = owner[points]
    low_m, high_m = strip_m[0] - offset_m, strip_m[1] - offset_m
    nearest_m = visible_distance_m(chainage_m[points] - at_m[of], of, low_m, high_m, facing_rad, half_rad)
    distance_m[points] = np.where(nearest_m <= far_m[of], nearest_m, np.inf)
    return distance_m


def _wedge(sensor: Sensor, left: float, travel_deg: float) -> tuple[float, float]:
    """Where a sensor faces, measured from the direction of the line towards the approach side, and half its view."""
    # A bearing means nothing on a bench line without geography: there a sensor looks all round.
    if sensor.azimuth_deg is None or sensor.fov_deg is None or np.isnan(travel_deg):
        return 0.0, np.pi
    return float(np.radians(left * (travel_deg - sensor.azimuth_deg))), float(np.radians(sensor.fov_deg / 2.0))


def visible_distance_m(
    along_m: Floats, of: Ints, low_m: Floats, high_m: Floats, facing_rad: Floats, half_rad: Floats
) -> Floats:
    """(n,) distance to the nearest point of a path that lies in the wedge of its sensor; infinite where none does.

    Sensor `of[i]` stands at the origin; path i runs `along_m[i]` ahead of it, from `low_m` to `high_m` across (both, as
    the wedge, by sensor). The wedge opens `half_rad` to either side of `facing_rad`: it is the cut of two half planes
    up to half a turn, their union beyond, and everything from a full turn on.
    """
    nearest_m = _nearest_m(along_m, low_m[of], high_m[of])
    for wide in (False, True):
        some = (half_rad < np.pi) & ((half_rad > np.pi / 2.0) == wide)
        here = np.flatnonzero(some[of])
        if len(here):
            ends = along_m[here], of[here], low_m, high_m
            right = _half_plane(*ends, facing_rad - half_rad, 1.0)
            left = _half_plane(*ends, facing_rad + half_rad, -1.0)
            if wide:
                nearest_m[here] = np.minimum(_nearest_m(along_m[here], *right), _nearest_m(along_m[here], *left))
            else:
                cut = np.maximum(right[0], left[0]), np.minimum(right[1], left[1])
                nearest_m[here] = _nearest_m(along_m[here], *cut)
    return nearest_m


def _half_plane(
    along_m: Floats, of: Ints, low_m: Floats, high_m: Floats, edge_rad: Floats, side: float
) -> tuple[Floats, Floats]:
    """The part of each path to the left (side 1) or right (-1) of a ray from the origin, as low and high end."""
    # cross(edge, point) = cos(edge) * across - sin(edge) * along, times side, must not be negative.
    slope, lift = side * np.cos(edge_rad), side * np.sin(edge_rad)
    flat = np.abs(slope) < 1e-12
    border = along_m * (lift / np.where(flat, 1.0, slope))[of]
    rises, falls = (~flat & (slope > 0.0))[of], (~flat & (slope < 0.0))[of]
    low, high = low_m[of], high_m[of]
    hidden = flat[of] & (along_m * lift[of] > 1e-9)
    low = np.where(rises, np.maximum(low, border), np.where(hidden, np.inf, low))
    return low, np.where(falls, np.minimum(high, border), high)


def _nearest_m(along_m: Floats, low_m: Floats, high_m: Floats) -> Floats:
    across_m = np.maximum(np.minimum(0.0, high_m), low_m)
    return np.where(low_m > high_m, np.inf, np.hypot(along_m, across_m))


def _gains(sensors: Sequence[Sensor], owner: Ints, distance_m: Floats) -> Floats:
    """(n,) gain of each pair; none for spans, whose figures hold all along them."""
    gain = np.zeros(len(distance_m))
    far_m = np.array([reach_m(sensor) for sensor in sensors], dtype=np.float64)
    kinds = [-1 if _is_stretch(sensor) else list(KINDS).index(sensor.kind) for sensor in sensors]
    kind_of_pair = np.array(kinds, dtype=np.int64)[owner]
    for number, kind in enumerate(KINDS):
        here = np.flatnonzero(kind_of_pair == number)
        if len(here):
            gain[here] = gain_db(kind, distance_m[here], far_m[owner[here]])
    return gain
