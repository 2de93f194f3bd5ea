"""Which metres of a line each sensor reaches, and from how far: geometry alone, made once for a site.

The line is cut into steps; step i stands for the crossing at its middle, (i + 0.5) step_m. A mover is taken to cross
square to the line through the strip `STRIP_M`; a sensor reaches the step if its field of view holds some point of that
path within range, and the nearest such point gives the distance. Around each sensor the line is taken to be straight,
in the direction that it has there: good for ranges that are short against the bends, optimistic or pessimistic where a
radar looks around one. Terrain shadow is not known here; it stands in the losses of the terrain class.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

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


def reach_of(site: Site, line: Line, grid: Grid, strip_m: tuple[float, float] = STRIP_M) -> Reach:
    """The reach of every sensor that stands on a line."""
    sensors = sorted((sensor for sensor in site.sensors if sensor.line == line.id), key=lambda sensor: sensor.id)
    return reach_of_sensors(sensors, line, grid, strip_m)


def reach_of_sensors(
    sensors: Sequence[Sensor], line: Line, grid: Grid, strip_m: tuple[float, float] = STRIP_M
) -> Reach:
    """The same for sensors given one by one, in their order; a sensor may be one that the site does not have yet."""
    views = _views(sensors, line)
    ends = np.array([grid.between(low, high) for low, high in zip(views.low_m, views.high_m, strict=True)])
    owner, step = _ragged(ends.reshape(-1, 2).astype(np.int64))
    distance_m = _distances(views, owner, (step + 0.5) * np.float64(grid.step_m), strip_m)
    ends = ends.reshape(-1, 2)
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
        gain_db=_gains(sensors, views, owner, distance_m),
        idle=tuple(sensor for sensor, reaches in zip(sensors, some, strict=True) if not reaches),
    )


def reach_m(sensor: Sensor) -> float:
    """How far a point sensor reaches; 0 for a span."""
    if _is_stretch(sensor):
        return 0.0
    return KINDS[sensor.kind].reach_m if sensor.range_m is None else sensor.range_m


def _is_stretch(sensor: Sensor) -> bool:
    return sensor.is_span or (sensor.from_m is not None and sensor.to_m is not None)


class _Views(NamedTuple):
    """Arrays of s: where each sensor stands and looks."""

    span: NDArray[np.bool_]
    """Whether it is a stretch rather than a point."""
    at_m: Floats
    """Where it stands; for spans without meaning."""
    offset_m: Floats
    """Its distance from the line."""
    far_m: Floats
    """How far it sees."""
    low_m: Floats
    """No lower chainage is in reach."""
    high_m: Floats
    """No higher chainage is in reach."""
    facing_rad: Floats
    """Where it faces, measured from the direction of the line towards the approach side."""
    half_rad: Floats
    """Half its field of view."""


def _views(sensors: Sequence[Sensor], line: Line) -> _Views:
    at_m = np.array([0.0 if sensor.at_m is None else sensor.at_m for sensor in sensors], dtype=np.float64)
    far_m = np.array([reach_m(sensor) for sensor in sensors], dtype=np.float64)
    facing_rad, half_rad = _wedges(sensors, line, at_m)
    low_m = at_m - far_m * _along(facing_rad + np.pi, half_rad)
    high_m = at_m + far_m * _along(facing_rad, half_rad)
    span = np.array([_is_stretch(sensor) for sensor in sensors], dtype=bool)
    for number in np.flatnonzero(span).tolist():
        low_m[number], high_m[number] = _stretch_m(sensors[number])
    offset_m = np.array([sensor.offset_m for sensor in sensors], dtype=np.float64)
    return _Views(span, at_m, offset_m, far_m, low_m, high_m, facing_rad, half_rad)


def _stretch_m(sensor: Sensor) -> tuple[float, float]:
    if sensor.is_span:
        return sensor.extent_m()
    assert sensor.from_m is not None and sensor.to_m is not None
    return min(sensor.from_m, sensor.to_m), max(sensor.from_m, sensor.to_m)


def _along(facing_rad: Floats, half_rad: Floats) -> Floats:
    """(s,) how far a view of length 1 reaches along the line, 0 where it looks back; a hair more, for rounding.

    The hair also lets in a path that runs right past the sensor, of which a view across the line sees a part.
    """
    nearest_rad = np.maximum(np.abs((facing_rad + np.pi) % (2.0 * np.pi) - np.pi) - half_rad, 0.0)
    along: Floats = np.maximum(np.cos(nearest_rad), 0.0) + 1e-9
    return along


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


def _distances(views: _Views, owner: Ints, chainage_m: Floats, strip_m: tuple[float, float]) -> Floats:
    """(n,) distance from each pair's sensor to its path; 0 for spans, infinite where out of sight or range."""
    distance_m = np.zeros(len(owner))
    points = np.flatnonzero(~views.span[owner])
    of = owner[points]
    ends = strip_m[0] - views.offset_m, strip_m[1] - views.offset_m
    along_m = chainage_m[points] - views.at_m[of]
    nearest_m = visible_distance_m(along_m, of, *ends, views.facing_rad, views.half_rad)
    distance_m[points] = np.where(nearest_m <= views.far_m[of], nearest_m, np.inf)
    return distance_m


def _wedges(sensors: Sequence[Sensor], line: Line, at_m: Floats) -> tuple[Floats, Floats]:
    """(s,) direction of view and half its width; all round where a bearing is missing or means nothing.

    On a bench line without geography no bearing means anything.
    """
    facing_rad, half_rad = np.zeros(len(sensors)), np.full(len(sensors), np.pi)
    if line.coordinates_deg:
        directed = [i for i, sensor in enumerate(sensors) if None not in (sensor.azimuth_deg, sensor.fov_deg)]
        azimuth_deg = np.array([sensors[i].azimuth_deg for i in directed], dtype=np.float64)
        # Seen from the line, offset grows to the left where the approach side is left; bearings grow clockwise.
        left = 1.0 if line.outside == "left" else -1.0
        facing_rad[directed] = np.radians(left * (geometry_of(line).azimuth_deg(at_m[directed]) - azimuth_deg))
        half_rad[directed] = np.radians(np.array([sensors[i].fov_deg for i in directed], dtype=np.float64) / 2.0)
    return facing_rad, half_rad


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


def _gains(sensors: Sequence[Sensor], views: _Views, owner: Ints, distance_m: Floats) -> Floats:
    """(n,) gain of each pair; none for spans, whose figures hold all along them."""
    gain = np.zeros(len(distance_m))
    order = {kind: number for number, kind in enumerate(KINDS)}
    kinds = np.array([order[sensor.kind] for sensor in sensors], dtype=np.int64)
    kind_of_pair = np.where(views.span, -1, kinds)[owner]
    for kind, number in order.items():
        here = np.flatnonzero(kind_of_pair == number)
        if len(here):
            gain[here] = gain_db(kind, distance_m[here], views.far_m[owner[here]])
    return gain
