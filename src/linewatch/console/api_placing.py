"""Where sensors stand: looked at, moved and placed by people; each change is a new version that can be undone."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from linewatch.console.acting import act
from linewatch.console.endpoint import Call, Endpoint
from linewatch.console.picture import NS_PER_MS
from linewatch.console.problem import Problem
from linewatch.console.shapes import ActDone
from linewatch.console_ports import SiteStanding, SiteVersion, Unplaced
from linewatch.errors import InputError
from linewatch.records.vocabulary import Role, SensorKind
from linewatch.site.difference import Difference
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.placing import MOST, Placement

PLACERS: Final[tuple[Role, ...]] = ("administrator", "maintainer")
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Short = Annotated[str, msgspec.Meta(max_length=200)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Metres = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)] | None
Degrees = Annotated[float, msgspec.Meta(ge=0.0, le=360.0)] | None


class PlacementBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one sensor is to stand; what is left out stays as it is. `kind` makes it a new sensor."""

    sensor: Id
    at_m: Metres = None
    from_m: Metres = None
    to_m: Metres = None
    offset_m: Metres = None
    range_m: Metres = None
    azimuth_deg: Degrees = None
    fov_deg: Degrees = None
    kind: SensorKind | None = None
    line: Short = ""
    source: Short = ""
    address: Short = ""

    def placement(self) -> Placement:
        """The same as the site knows it."""
        return Placement(**msgspec.structs.asdict(self))


Several = Annotated[list[PlacementBody], msgspec.Meta(min_length=1, max_length=MOST)]


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is thought of."""

    placements: Several


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed and why. `base` is the version that was looked at."""

    placements: Several
    reason: Reason
    base: Annotated[str, msgspec.Meta(max_length=64)]


class Undo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a change is undone."""

    reason: Reason


class VersionShape(msgspec.Struct, frozen=True):
    """One change of the site."""

    number: int
    time_ms: int
    role: str
    seat: str
    reason: str
    what: tuple[str, ...]
    undoes: int | None


class PlacingShape(msgspec.Struct, frozen=True):
    """What can be changed of the site now. `here` is the version that this console shows, `base` that of the watch."""

    here: str
    base: str
    why_not: str
    undo: int | None
    versions: list[VersionShape]
    unplaced: tuple[Unplaced, ...]


class SensorPlace(msgspec.Struct, frozen=True):
    """Where one sensor stands, as the site describes it."""

    id: str
    kind: str
    line: str
    at_m: float | None
    from_m: float | None
    to_m: float | None
    offset_m: float
    range_m: float | None
    azimuth_deg: float | None
    fov_deg: float | None
    channels: int | None
    calibrated: bool
    state: str


async def placing(call: Call) -> PlacingShape:
    """What can be changed of the site now: by whom it was changed before, and which devices wait for a place."""
    stands = await _standing(call)
    return PlacingShape(
        here=site_fingerprint(call.services.site),
        base=stands.base,
        why_not=stands.why_not,
        undo=stands.undo,
        versions=[_version(each) for each in stands.versions],
        unplaced=stands.unplaced,
    )


async def _standing(call: Call) -> SiteStanding:
    files = call.services.site_files
    if files is None:
        return SiteStanding(why_not="this console has no watch that could change its site")
    return await asyncio.to_thread(files.standing)


def _version(each: SiteVersion) -> VersionShape:
    told: dict[str, Any] = {
        name: getattr(each, name) for name in ("number", "role", "seat", "reason", "what", "undoes")
    }
    return VersionShape(time_ms=each.time_ns // NS_PER_MS, **told)


async def place(call: Call) -> SensorPlace:
    """Where one sensor stands."""
    site, key = call.services.site, call.path["sensor"]
    if not site.has_sensor(key):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such sensor")
    sensor = site.sensor(key)
    named = (
        "id",
        "kind",
        "line",
        "at_m",
        "from_m",
        "to_m",
        "offset_m",
        "range_m",
        "azimuth_deg",
        "fov_deg",
        "channels",
    )
    told: dict[str, Any] = {name: getattr(sensor, name) for name in (*named, "state")}
    return SensorPlace(calibrated=bool(sensor.calibration), **told)


async def preview(call: Call) -> list[Difference]:
    """What a change would cost or win, before anybody makes it: with all in order, in the dark, in calm weather."""
    placements = [each.placement() for each in call.body.placements]
    try:
        return list(await call.services.watching.difference(placements))
    except InputError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


async def change(call: Call) -> ActDone:
    """Place and move sensors: a new version of the site, which the watch takes up before this is answered."""
    await _changeable(call)
    told = msgspec.json.encode([each.placement() for each in call.body.placements]).decode()
    return ActDone(await act(call, "", "place_sensors", call.body.reason, {"placements": told, "base": call.body.base}))


async def undo(call: Call) -> ActDone:
    """Undo the last change that was not undone: its files are put back as they were."""
    await _changeable(call)
    return ActDone(await act(call, "", "undo_placing", call.body.reason, {"version": call.path["version"]}))


async def _changeable(call: Call) -> None:
    """Refuse before anything stands in the record, where it is known that nothing would come of it."""
    if why_not := (await _standing(call)).why_not:
        down = call.services.live.state().watch == "down"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.CONFLICT, why_not)


ENDPOINTS: Final = (
    Endpoint(
        *("GET", "/api/site/placing", "placing", "What can be changed of the site now, and what waits for a place"),
        *(placing, PlacingShape),
    ),
    Endpoint(
        *("GET", "/api/site/sensors/{sensor}", "sensor_place", "Where one sensor stands"),
        *(place, SensorPlace),
        problems=(404,),
    ),
    Endpoint(
        *("POST", "/api/site/preview", "preview_placing", "What a change of the site would cost or win"),
        *(preview, list[Difference], PLACERS),
        body=Preview,
    ),
    Endpoint(
        *("POST", "/api/site/versions", "change_site", "Place and move sensors: a new version of the site"),
        *(change, ActDone, PLACERS),
        body=Change,
        problems=(409, 503),
    ),
    Endpoint(
        *("POST", "/api/site/versions/{version}/undo", "undo_site", "Undo the last change of the site"),
        *(undo, ActDone, PLACERS),
        body=Undo,
        problems=(409, 503),
    ),
)
