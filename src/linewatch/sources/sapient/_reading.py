"""What a detection report, an alert or a status report says, in the terms of a line."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.protocols.sapient_terms import BEARING_UNITS, LOCATION_UNITS
from linewatch.records import MOVERS, Detection, quantise
from linewatch.records.vocabulary import Mover
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.site.vertices import WGS84
from linewatch.sources.ground import detection_at

_FASTEST_MPS: Final = 100.0
"""A speed beyond this is no speed of anything beside a line."""
_MOVER: Final[dict[str, Mover]] = {"human": "person", "animal": "animal", "land vehicle": "vehicle"}
_DEFAULT_CONFIDENCE: Final = 0.8
"""Of a report that does not say how sure it is (*assumed*)."""
_DEFAULT_SIGMA_M: Final = 10.0


def detection_of(site: Site, sensor: Sensor, report: Any, time_ns: int, received_ns: int) -> Detection:
    """The detection in a detection report. Raises `InputError` where it says no place beside the line."""
    lon, lat, sigma_m = place_of(site, sensor, report)
    confidence = report.detection_confidence if report.HasField("detection_confidence") else _DEFAULT_CONFIDENCE
    found = detection_at(
        site,
        sensor,
        (lon, lat),
        sigma_m,
        time_ns,
        confidence,
        mover_probabilities=_movers(report.classification),
        sensor_track=report.object_id,
        received_ns=received_ns if received_ns - time_ns > 1_000_000_000 else None,
    )
    if not report.HasField("enu_velocity"):
        return found
    azimuth = math.radians(float(geometry_of(site.line(sensor.line)).azimuth_deg(found.chainage_m)))
    velocity = report.enu_velocity
    along_mps = velocity.east_rate * math.sin(azimuth) + velocity.north_rate * math.cos(azimuth)
    if not abs(along_mps) < _FASTEST_MPS:
        return found
    return quantise(msgspec.structs.replace(found, velocity_mps=along_mps, velocity_sigma_mps=1.0))


def alert_of(site: Site, sensor: Sensor, alert: Any, time_ns: int) -> Detection:
    """The detection in an alert that says where. Raises `InputError` as `detection_of` does."""
    lon, lat, sigma_m = place_of(site, sensor, alert)
    confidence = alert.confidence if alert.HasField("confidence") else _DEFAULT_CONFIDENCE
    return detection_at(site, sensor, (lon, lat), sigma_m, time_ns, confidence)


def place_of(site: Site, sensor: Sensor, report: Any) -> tuple[float, float, float]:
    """Longitude and latitude in degrees, and standard deviation in metres. Raises `InputError`."""
    kind = report.WhichOneof("location_oneof")
    if kind == "location":
        place = report.location
        scale = LOCATION_UNITS.get(place.coordinate_system)
        if scale is None:
            raise InputError("location.coordinate_system: found UTM; allowed: LAT_LNG_DEG_M, LAT_LNG_RAD_M")
        lon, lat = place.x * scale, place.y * scale
        if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
            raise InputError(f"location: found x={place.x:g}, y={place.y:g}; allowed: longitude and latitude")
        return lon, lat, _sigma_m(place.x_error, place.y_error)
    if kind == "range_bearing":
        return _by_bearing(site, sensor, report.range_bearing)
    raise InputError("location_oneof: found nothing; allowed: location or range_bearing")


def _by_bearing(site: Site, sensor: Sensor, bearing: Any) -> tuple[float, float, float]:
    units = BEARING_UNITS.get(bearing.coordinate_system)
    if units is None or not bearing.HasField("range") or not bearing.HasField("azimuth"):
        raise InputError("range_bearing: found no range or azimuth; allowed: both, in degrees or radians, m or km")
    if sensor.at_m is None:
        raise InputError(f"range_bearing: found no place of {sensor.id!r} in the site; allowed: a sensor with at_m")
    to_degrees, to_metres = units
    range_m, azimuth_deg = bearing.range * to_metres, bearing.azimuth * to_degrees
    if not 0.0 <= range_m <= 100_000.0:
        raise InputError(f"range_bearing.range: found {range_m:g} m; allowed: 0 to 100000")
    lon, lat = geometry_of(site.line(sensor.line)).to_lonlat(sensor.at_m, sensor.offset_m)
    east, north, _ = WGS84.fwd(float(lon), float(lat), azimuth_deg, range_m)
    across_m = math.radians(abs(bearing.azimuth_error * to_degrees)) * range_m
    return float(east), float(north), _sigma_m(bearing.range_error * to_metres, across_m)


def _sigma_m(*errors: float) -> float:
    return min(max(max(map(abs, errors)) or _DEFAULT_SIGMA_M, 0.5), 1000.0)


def _movers(classes: Sequence[Any]) -> tuple[float, ...] | None:
    """Shares of the movers, from those classes that we have a word for; None where it says nothing."""
    shares = dict.fromkeys(MOVERS, 0.0)
    for each in classes:
        share = min(max(each.confidence, 0.0), 1.0) if each.HasField("confidence") else 1.0
        shares[_MOVER.get(each.type.strip().lower(), "unknown")] += share
    total = sum(shares.values())
    if total <= 0.0:
        return None
    if total < 1.0:
        shares["unknown"] += 1.0 - total
        total = 1.0
    return tuple(share / total for share in shares.values())
