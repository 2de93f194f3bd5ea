"""The site, its sensors, its health, and which metres are watched."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from linewatch.console.acting import act
from linewatch.console.endpoint import SEATED, Call, Endpoint
from linewatch.console.frames import lonlat
from linewatch.console.incident_view import correction_shapes, mute_shapes, outage_shape
from linewatch.console.picture import NS_PER_MS, Picture
from linewatch.console.problem import Problem
from linewatch.console.shapes import (
    ActDone,
    CoverageShape,
    HealthShape,
    LineShape,
    PlaceShape,
    Position,
    SectionShape,
    SensorColumns,
    SensorHealth,
    SiteShape,
)
from linewatch.records import MOVERS
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line, Site
from linewatch.site.performance import Watched
from linewatch.site.sensor import Sensor

Bins = Annotated[int, msgspec.Meta(ge=1, le=20_000)]


class CoverageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose coverage, and how finely."""

    line: str = ""
    mover: Watched = "person_walking"
    bins: Bins = 2000
    from_m: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    to_m: Annotated[float, msgspec.Meta(gt=0.0)] | None = None


class PositionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Longitude and latitude, WGS 84."""

    lon: Annotated[float, msgspec.Meta(ge=-180.0, le=180.0)]
    lat: Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)]


class LookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a camera or a node shall look: at one of its presets, or at a place on its line."""

    preset: Annotated[str, msgspec.Meta(max_length=100)] = ""
    at_m: Annotated[float, msgspec.Meta(ge=0.0)] | None = None


async def site(call: Call) -> SiteShape:
    """The site as it stands."""
    found = call.services.site
    outside = found.lines[0].outside if found.lines else ""
    lines = [_line(line) for line in found.lines]
    return SiteShape(found.name, found.timezone, outside, lines, MOVERS, site_fingerprint(found))


def _line(line: Line) -> LineShape:
    course: list[tuple[float, float, float]] = []
    if line.coordinates_deg:
        lons, lats = zip(*line.coordinates_deg, strict=True)
        chainages, _ = geometry_of(line).to_chainage(lons, lats)
        course = [
            (lon, lat, round(float(m), 3))
            for (lon, lat), m in zip(line.coordinates_deg, chainages.tolist(), strict=True)
        ]
    lon, lat = lonlat(line, [place.chainage_m for place in line.places])
    return LineShape(
        id=line.id,
        length_m=line.length_m,
        outside=line.outside,
        geometry=course,
        sections=[SectionShape(section.name, section.from_m, section.to_m) for section in line.sections],
        places=[
            PlaceShape(place.name, place.kind, place.chainage_m, x, y)
            for place, x, y in zip(line.places, lon, lat, strict=True)
        ],
    )


async def sensors(call: Call) -> SensorColumns:
    """All sensors, as columns."""
    found, picture = call.services.site, call.services.live.picture
    ordered = [sensor for line in found.lines for sensor in found.sensors if sensor.line == line.id]
    lon: list[float | None] = []
    lat: list[float | None] = []
    for line in found.lines:
        here = [sensor for sensor in ordered if sensor.line == line.id]
        x, y = lonlat(line, [_at_m(sensor) for sensor in here], [sensor.offset_m for sensor in here])
        lon += x
        lat += y
    return SensorColumns(
        id=[sensor.id for sensor in ordered],
        kind=[sensor.kind for sensor in ordered],
        line=[sensor.line for sensor in ordered],
        at_m=[_at_m(sensor) for sensor in ordered],
        offset_m=[sensor.offset_m for sensor in ordered],
        from_m=[_stretch_m(found, sensor)[0] for sensor in ordered],
        to_m=[_stretch_m(found, sensor)[1] for sensor in ordered],
        lon=lon,
        lat=lat,
        state=[picture.sensor_state(sensor.id)[0] for sensor in ordered],
        cabinet=[sensor.cabinet for sensor in ordered],
    )


def _at_m(sensor: Sensor) -> float:
    if sensor.at_m is not None:
        return sensor.at_m
    low, high = sensor.extent_m()
    return (low + high) / 2.0


def _stretch_m(found: Site, sensor: Sensor) -> tuple[float, float]:
    low, high = sensor.extent_m()
    return max(low, 0.0), min(high, found.line(sensor.line).length_m)


async def coverage(call: Call) -> CoverageShape:
    """How well each stretch is watched now."""
    found = call.services.site
    query = call.query
    lines = {line.id: line for line in found.lines}
    line = lines.get(query.line or found.lines[0].id)
    if line is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such line")
    to_m = min(line.length_m if query.to_m is None else query.to_m, line.length_m)
    if query.from_m >= to_m:
        raise Problem(HTTPStatus.BAD_REQUEST, f"query: from_m is {query.from_m:g}; allowed: 0 to less than {to_m:g}")
    return await call.services.watching.coverage(line.id, query.mover, query.bins, (query.from_m, to_m))


async def health(call: Call) -> HealthShape:
    """Sensors that are not well, outages, sources."""
    services = call.services
    live = services.live
    picture = live.picture
    found = (tuple(picture.outages.values()), tuple(picture.findings.values()), tuple(picture.repair_acts.values()))
    states = {sensor.id: picture.sensor_state(sensor.id)[0] for sensor in services.site.sensors}
    unwell = [sensor for sensor in services.site.sensors if states[sensor.id] in ("degraded", "out")]
    return HealthShape(
        sensors=[_sensor_health(picture, sensor) for sensor in unwell],
        well=sum(state == "ok" for state in states.values()),
        never_heard=sum(state == "unknown" for state in states.values()),
        outages=[outage_shape(outage) for outage in sorted(picture.outages.values(), key=lambda o: (o.line, o.from_m))],
        sources=services.live.state().sources,
        repair=[] if services.repairs is None else services.repairs(*found, live.now_ns()),
        mutes=mute_shapes(picture),
        corrections=correction_shapes(picture),
        cluster=None if services.cluster is None else services.cluster(),
    )


def _sensor_health(picture: Picture, sensor: Sensor) -> SensorHealth:
    state, outage = picture.sensor_state(sensor.id)
    heard_ns = picture.heard_ns.get(sensor.id)
    return SensorHealth(
        id=sensor.id,
        kind=sensor.kind,
        state=state,
        why=outage.reason if outage else "taken out of service",
        since_ms=outage.start_ns // NS_PER_MS if outage else None,
        last_heard_ms=None if heard_ns is None else heard_ns // NS_PER_MS,
    )


async def position(call: Call) -> Position:
    """A place on Earth as rescuers are told it."""
    grid, query = call.services.grid, call.query
    return Position(query.lon, query.lat, grid(query.lon, query.lat) if grid else "")


async def look(call: Call) -> ActDone:
    """Send a camera to a preset, or have a node look at a place: on a person's word, and for the record."""
    body = call.body
    values = {"sensor": call.path["sensor"]}
    values |= {"preset": body.preset} if body.preset else {}
    values |= {} if body.at_m is None else {"at_m": f"{body.at_m:.3f}"}
    return ActDone(await act(call, "", "look_at", "", values))


ENDPOINTS: Final = (
    Endpoint("GET", "/api/site", "site", "The site as it stands", site, SiteShape),
    Endpoint("GET", "/api/sensors", "sensors", "All sensors, as columns", sensors, SensorColumns),
    Endpoint(
        "GET",
        "/api/coverage",
        "coverage",
        "How well each stretch is watched now",
        coverage,
        CoverageShape,
        query=CoverageQuery,
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/api/position",
        "position",
        "A place on Earth with its grid reference",
        position,
        Position,
        query=PositionQuery,
    ),
    Endpoint("GET", "/api/health", "health", "Sensors that are not well, outages, sources", health, HealthShape),
    Endpoint(
        "POST",
        "/api/sensors/{sensor}/look",
        "look",
        "Send a camera to a preset, or have a node look at a place",
        look,
        ActDone,
        SEATED,
        body=LookBody,
        problems=(409, 503),
    ),
)
