"""Where a light stands that blinds cameras: the crossing of the bearings at which they see it.

Least squares over the lines of sight, each weighted by what its bearing's error comes to at the distance of the
crossing (R. G. Stansfield, J. IEE 94 IIIA (1947) 762-770), in a plane about the first camera; sights are short, so the
plane errs by centimetres.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line
from linewatch.site.sensor import Sensor
from linewatch.site.vertices import WGS84

Floats = NDArray[np.float64]

FARTHEST_M: Final = 10_000.0
_ROUNDS: Final = 8
_LEAST_ANGLE: Final = 0.05  # sine of the least angle at which two lines of sight still cross at a place


class Sight(msgspec.Struct, frozen=True):
    """One camera that sees the light."""

    sensor: Sensor
    """The camera."""
    bearing_deg: float
    """Where it sees the light, clockwise from north."""
    sigma_deg: float
    """Standard deviation of the bearing, above 0."""


class LightPlace(msgspec.Struct, frozen=True):
    """Where the light stands."""

    chainage_m: float
    """Along the line."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`."""
    offset_m: float
    """From the line, positive on the approach side."""
    offset_sigma_m: float
    """Standard deviation of `offset_m`."""


def locate(sights: Sequence[Sight], line: Line) -> LightPlace | None:
    """The place on which the bearings agree; None where geometry does not allow one.

    It does not where the line has no geography, where there are fewer than two cameras with a place, where the lines of
    sight run side by side or part, where they miss each other by more than three standard deviations, or where the
    crossing lies behind a camera or farther than 10 km.
    """
    if not line.coordinates_deg or len(sights) < 2:
        return None
    geometry = geometry_of(line)
    lon, lat = geometry.to_lonlat(
        np.array([s.sensor.at_m or 0.0 for s in sights]), np.array([s.sensor.offset_m for s in sights])
    )
    n = len(sights)
    azimuth, _, distance = WGS84.inv(np.full(n, lon[0]), np.full(n, lat[0]), lon, lat)
    at = np.asarray(distance)[:, None] * np.column_stack((np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))))
    angle = np.radians([s.bearing_deg for s in sights])
    sigma = np.radians([s.sigma_deg for s in sights])
    ahead = np.column_stack((np.sin(angle), np.cos(angle)))
    across = np.column_stack((np.cos(angle), -np.sin(angle)))
    crossing = _crossing(at, ahead, across, sigma)
    if crossing is None:
        return None
    point, covariance = crossing
    away = math.hypot(*point)
    light_lon, light_lat, _ = WGS84.fwd(lon[0], lat[0], math.degrees(math.atan2(point[0], point[1])), away)
    chainage_m, offset_m = geometry.to_chainage(np.array([light_lon]), np.array([light_lat]))
    along = math.radians(float(geometry.azimuth_deg(float(chainage_m[0]))))
    course = np.array([math.sin(along), math.cos(along)])
    square = np.array([course[1], -course[0]])
    return LightPlace(
        chainage_m=float(chainage_m[0]),
        chainage_sigma_m=max(math.sqrt(float(course @ covariance @ course)), 1.0),
        offset_m=float(offset_m[0]),
        offset_sigma_m=max(math.sqrt(float(square @ covariance @ square)), 1.0),
    )


def _crossing(at: Floats, ahead: Floats, across: Floats, sigma: Floats) -> tuple[Floats, Floats] | None:
    """Point nearest to all lines of sight, and its covariance."""
    turns = np.abs(ahead[:, None, 0] * ahead[None, :, 1] - ahead[:, None, 1] * ahead[None, :, 0])
    if turns.max() < _LEAST_ANGLE:
        return None
    away = np.ones(len(at))
    point = np.zeros(2)
    for _ in range(_ROUNDS):
        weight = 1.0 / (sigma * away) ** 2
        normal = (across * weight[:, None]).T @ across
        point = np.linalg.solve(normal, (across * weight[:, None]).T @ (across * at).sum(axis=1))
        away = np.maximum(((point - at) * ahead).sum(axis=1), 1.0)
    sight_m = ((point - at) * ahead).sum(axis=1)
    miss_m = ((point - at) * across).sum(axis=1)
    if sight_m.min() <= 0.0 or sight_m.max() > FARTHEST_M or (np.abs(miss_m) > 3.0 * sigma * away + 1.0).any():
        return None
    covariance: Floats = np.asarray(np.linalg.inv((across / (sigma * away)[:, None] ** 2).T @ across), np.float64)
    return point, covariance
