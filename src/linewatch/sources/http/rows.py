"""The rows that come in by HTTP: their schema, and what they become."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.records import Detection, KnownMover, Weather, quantise
from linewatch.records.health import Condition, Severity
from linewatch.records.vocabulary import Mover
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.sources.arrivals import event_time_ns, health_of, point_detection

_PLACED: Final = ("chainage_m", "chainage_sigma_m", "from_m", "to_m")
_EXTRA: Final = (
    "offset_m",
    "offset_sigma_m",
    "velocity_mps",
    "velocity_sigma_mps",
    "count_low",
    "count_high",
    "duration_s",
    "strength_db",
)


class DetectionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something was sensed. Only the sensor is needed."""

    sensor: str
    """Sensor of the site."""
    time: str | float | None = None
    """When: ISO 8601 with its zone, or seconds since 1970; without it, when it came."""
    id: str = ""
    """Names the row: a second one of this name by this credential is a duplicate, and taken once."""
    probability: float = 0.9
    """Probability that it is real, 0 to 1."""
    strength_db: float = 10.0
    """Signal over noise floor."""
    duration_s: float = 0.0
    """Length of the signal."""
    chainage_m: float | None = None
    """Where along the line; without it, somewhere within the reach of the sensor."""
    chainage_sigma_m: float | None = None
    """Standard deviation of that, above 0."""
    from_m: float | None = None
    """Start of the disturbed stretch."""
    to_m: float | None = None
    """Its end."""
    offset_m: float | None = None
    """Distance from the line, positive on the approach side."""
    offset_sigma_m: float | None = None
    """Standard deviation of that."""
    velocity_mps: float | None = None
    """Speed along the line."""
    velocity_sigma_mps: float | None = None
    """Standard deviation of that."""
    movers: dict[Mover, float] = {}
    """What moves, as shares of at most 1 in all."""
    count_low: int | None = None
    """Fewest movers."""
    count_high: int | None = None
    """Most movers."""
    track: str | None = None
    """The sensor's own id for what it follows."""


class HealthRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor says how it is."""

    sensor: str
    """Sensor of the site."""
    condition: Condition = "heartbeat"
    """What is the matter."""
    severity: Severity = "ok"
    """How bad."""
    text: str = ""
    """In words."""
    time: str | float | None = None
    """When."""
    ends: Condition | None = None
    """With `recovered`: what is over."""
    id: str = ""
    """Names the row."""


class PositionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where own people are: a patrol, a work party. By longitude and latitude, or by chainage."""

    mover: str
    """Call sign or work order, never a person's name; one that the credential may report."""
    time: str | float | None = None
    """When."""
    lon: float | None = None
    """Longitude in degrees (WGS 84)."""
    lat: float | None = None
    """Latitude in degrees (WGS 84)."""
    line: str = ""
    """Line; without it the only one."""
    chainage_m: float | None = None
    """Where along the line."""
    sigma_m: float = 10.0
    """Standard deviation of the position."""
    count: int = 1
    """How many people or vehicles it stands for."""
    id: str = ""
    """Names the row."""


class WeatherRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weather on a line, or a stretch of it."""

    line: str = ""
    """Line; without it the only one."""
    from_m: float | None = None
    """Start of the stretch; without it that of the line."""
    to_m: float | None = None
    """Its end."""
    time: str | float | None = None
    """When."""
    temperature_c: float | None = None
    """Air temperature in degrees Celsius."""
    wind_mps: float | None = None
    """Mean wind speed."""
    gust_mps: float | None = None
    """Gust speed."""
    rain_mm_per_h: float | None = None
    """Rain intensity."""
    visibility_m: float | None = None
    """Meteorological visibility."""
    wet: bool = False
    """Whether people standing there get wet."""
    id: str = ""
    """Names the row."""


Row = DetectionRow | HealthRow | PositionRow | WeatherRow
ROWS: Final[Mapping[str, type[Row]]] = {
    "detections": DetectionRow,
    "health": HealthRow,
    "positions": PositionRow,
    "weather": WeatherRow,
}
"""Lists of the body, by name, with the rows that each holds."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request."""

    detections: tuple[DetectionRow, ...] = ()
    """What was sensed."""
    health: tuple[HealthRow, ...] = ()
    """How sensors are."""
    positions: tuple[PositionRow, ...] = ()
    """Where own people are."""
    weather: tuple[WeatherRow, ...] = ()
    """What the weather is."""


class Rights(msgspec.Struct, frozen=True):
    """What a credential may speak of."""

    name: str
    """Names the credential; never the token."""
    sensors: frozenset[str]
    """Sensors for which it speaks."""
    movers: frozenset[str]
    """Own people whose position it may report; they count as proved."""
    weather: bool
    """Whether it may report weather."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a body."""
    return msgspec.json.schema(Body)


def item_of(row: Row, rights: Rights, site: Site, now_ns: int, oldest_s: float) -> Item:
    """What a row becomes. Raises `InputError` with the reason where it may not, or makes no sense."""
    time_ns, wrong = event_time_ns(stamp_ns(row.time), now_ns, oldest_s)
    if time_ns < 0:
        raise InputError(f"time: {wrong}")
    match row:
        case DetectionRow():
            return _detection(row, rights, site, time_ns)
        case HealthRow():
            _refuse_strange_sensor(row.sensor, rights, site)
            text = row.text[:200] or row.condition
            return health_of(site, row.sensor, time_ns, row.condition, row.severity, text, ends=row.ends)
        case PositionRow():
            return _position(row, rights, site, time_ns)
        case WeatherRow():
            return _weather(row, rights, site, time_ns)


def _refuse_strange_sensor(sensor: str, rights: Rights, site: Site) -> None:
    if not site.has_sensor(sensor):
        raise InputError(f"sensor: found {sensor[:60]!r}; allowed: a sensor of the site")
    if sensor not in rights.sensors:
        raise InputError(f"sensor: found {sensor[:60]!r}; allowed: a sensor for which this credential speaks")


def _detection(row: DetectionRow, rights: Rights, site: Site, time_ns: int) -> Detection:
    _refuse_strange_sensor(row.sensor, rights, site)
    if not 0.0 <= row.probability <= 1.0:
        raise InputError(f"probability: found {row.probability}; allowed: 0 to 1")
    if any(not 0.0 <= share <= 1.0 for share in row.movers.values()) or sum(row.movers.values()) > 1.0 + 1e-6:
        raise InputError("movers: found shares that are not within 0 to 1; allowed: at most 1 in all")
    sensor = site.sensor(row.sensor)
    length_m = site.line(sensor.line).length_m
    plain = point_detection(
        sensor,
        length_m,
        time_ns,
        probability=row.probability,
        movers=tuple(row.movers.items()),
        sensor_track=row.track,
    )
    given = {name: getattr(row, name) for name in (*_PLACED, *_EXTRA) if getattr(row, name) is not None}
    if row.chainage_m is not None:
        sigma_m = plain.chainage_sigma_m if row.chainage_sigma_m is None else row.chainage_sigma_m
        given = {"from_m": row.chainage_m, "to_m": row.chainage_m, **given, "chainage_sigma_m": sigma_m}
    elif any(name in given for name in _PLACED):
        raise InputError("chainage_m: found nothing beside from_m, to_m or chainage_sigma_m; allowed: a place")
    found: Detection = msgspec.structs.replace(plain, **given)
    _check_place(found, length_m)
    return quantise(found)


def _check_place(found: Detection, length_m: float) -> None:
    if not 0.0 <= found.chainage_m <= length_m:
        raise InputError(f"chainage_m: found {found.chainage_m:g}; allowed: 0 to {length_m:g}")
    if not found.from_m <= found.chainage_m <= found.to_m:
        raise InputError(f"from_m, to_m: found {found.from_m:g} to {found.to_m:g}; allowed: a stretch around the place")
    if not found.chainage_sigma_m > 0.0:
        raise InputError(f"chainage_sigma_m: found {found.chainage_sigma_m:g}; allowed: above 0")
    for value, sigma in (("offset_m", "offset_sigma_m"), ("velocity_mps", "velocity_sigma_mps")):
        spread = getattr(found, sigma)
        if getattr(found, value) is not None and (spread is None or not spread > 0.0):
            raise InputError(f"{sigma}: found {spread}; allowed: above 0 beside {value}")


def _line_of(site: Site, named: str) -> str:
    if named and named not in {line.id for line in site.lines}:
        raise InputError(f"line: found {named[:60]!r}; allowed: {', '.join(line.id for line in site.lines)}")
    if not named and len(site.lines) > 1:
        raise InputError(f"line: found nothing; allowed: {', '.join(line.id for line in site.lines)}")
    return named or site.lines[0].id


def _position(row: PositionRow, rights: Rights, site: Site, time_ns: int) -> KnownMover:
    if row.mover not in rights.movers:
        raise InputError(f"mover: found {row.mover[:60]!r}; allowed: one that this credential may report")
    if row.count < 1 or not row.sigma_m > 0.0:
        raise InputError("count, sigma_m: found a number that is too small; allowed: 1 or more, above 0")
    line_id = _line_of(site, row.line)
    chainage_m, offset_m = row.chainage_m, None
    if row.lon is not None and row.lat is not None:
        if not (-180.0 <= row.lon <= 180.0 and -90.0 <= row.lat <= 90.0):
            raise InputError(f"lon, lat: found {row.lon}, {row.lat}; allowed: degrees")
        along, aside = geometry_of(site.line(line_id)).to_chainage(row.lon, row.lat)
        chainage_m, offset_m = float(along), float(aside)
    length_m = site.line(line_id).length_m
    if chainage_m is None:
        raise InputError("position: found nothing; allowed: lon and lat, or chainage_m")
    if not -1000.0 <= chainage_m <= length_m + 1000.0:
        raise InputError(f"chainage_m: found {chainage_m:g}; allowed: 0 to {length_m:g}")
    chainage_m = min(max(chainage_m, 0.0), length_m)
    return quantise(
        KnownMover(row.mover, line_id, time_ns, chainage_m, row.sigma_m, offset_m, count=row.count, authenticated=True)
    )


def _weather(row: WeatherRow, rights: Rights, site: Site, time_ns: int) -> Weather:
    if not rights.weather:
        raise InputError("weather: found a report; allowed: from credentials with weather = true")
    line_id = _line_of(site, row.line)
    length_m = site.line(line_id).length_m
    from_m, to_m = row.from_m or 0.0, length_m if row.to_m is None else row.to_m
    if not 0.0 <= from_m < to_m <= length_m:
        raise InputError(f"from_m, to_m: found {from_m:g} to {to_m:g}; allowed: a stretch within 0 to {length_m:g}")
    ranges = {
        "temperature_c": (-90.0, 70.0),
        "wind_mps": (0.0, 120.0),
        "gust_mps": (0.0, 150.0),
        "rain_mm_per_h": (0.0, 500.0),
        "visibility_m": (0.0, 200_000.0),
    }
    for name, (low, high) in ranges.items():
        value = getattr(row, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"{name}: found {value:g}; allowed: {low:g} to {high:g}")
    values = {name: getattr(row, name) for name in ranges}
    return quantise(Weather(line=line_id, from_m=from_m, to_m=to_m, time_ns=time_ns, wet=row.wet, **values))


def stamp_ns(time: str | float | None) -> int | None:
    """The time of a row, in UTC nanoseconds since 1970; None where it says none. Raises `InputError`."""
    if time is None:
        return None
    try:
        if isinstance(time, str):
            moment = datetime.fromisoformat(time)
            stamped_ns = -1 if moment.tzinfo is None else round(moment.timestamp() * 1e6) * 1_000
        else:
            stamped_ns = round(time * 1e6) * 1_000
    except (ValueError, OverflowError):
        stamped_ns = -1
    if not 0 <= stamped_ns < 2**63:
        raise InputError(f"time: found {str(time)[:40]!r}; allowed: ISO 8601 with its zone, or seconds since 1970")
    return stamped_ns
