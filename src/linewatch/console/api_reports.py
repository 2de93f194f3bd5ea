"""Reports, the situation report, and what this interface says of itself."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from starlette.responses import Response

from linewatch.console.endpoint import NO_STORE, Call, Endpoint
from linewatch.console.incident_view import incident_shape, outage_shape, position_of
from linewatch.console.picture import NS_PER_MS
from linewatch.console.problem import Problem
from linewatch.console.shapes import StateShape
from linewatch.console.situation import STYLE, situation_page
from linewatch.errors import LinewatchError

Millis = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]


class ReportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to count, by what, when, and as of when."""

    by: Annotated[str, msgspec.Meta(max_length=80, pattern="^[a-z]+(,[a-z]+)*$")] = "day,section"
    from_ms: Millis | None = msgspec.field(name="from", default=None)
    to_ms: Millis | None = msgspec.field(name="to", default=None)
    as_of_ms: Millis | None = msgspec.field(name="as_of", default=None)


async def reports(call: Call) -> dict[str, Any]:
    """Counts and rates with their intervals and the unwatched time beside them."""
    wanted, query = call.services.reports, call.query
    if wanted is None:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "this console was started without reports")
    times = [None if each is None else each * NS_PER_MS for each in (query.from_ms, query.to_ms, query.as_of_ms)]
    try:
        told: dict[str, Any] = await asyncio.to_thread(wanted.report, query.by.split(","), *times)
    except LinewatchError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error).splitlines()[0]) from None
    return told


async def situation(call: Call) -> Response:
    """The situation report as a page to print."""
    services = call.services
    live = services.live
    coverage = [await services.watching.coverage(line.id, "person_walking", 100) for line in services.site.lines]
    picture = live.picture
    kept = sorted(picture.open.values(), key=lambda k: (k.incident.priority, -k.incident.raised_ns, k.incident.id))
    page = situation_page(
        services.site,
        live.state(),
        [incident_shape(each) for each in kept],
        [outage_shape(outage) for outage in picture.outages.values()],
        coverage,
        f"{call.session.role} at {call.session.seat or 'no seat'}",
        {each.incident.id: place for each in kept if (place := position_of(picture, each.incident, services.grid))},
    )
    await asyncio.to_thread(services.audit.note, "report", call.session.name, "printed the situation report")
    return Response(page, media_type="text/html; charset=utf-8", headers=NO_STORE)


async def style(_: Call) -> Response:
    """The style of the situation report."""
    return Response(STYLE, media_type="text/css")


async def state(call: Call) -> StateShape:
    """How the watch is, once."""
    return call.services.live.state()


ENDPOINTS: Final = (
    Endpoint("GET", "/api/state", "state", "How the watch is, once", state, StateShape),
    Endpoint(
        "GET",
        "/api/reports",
        "reports",
        "Counts and rates with intervals and unwatched time",
        reports,
        dict[str, Any],
        query=ReportQuery,
        problems=(422, 501),
    ),
    Endpoint("GET", "/api/situation", "situation", "The situation report to print", situation, media_type="text/html"),
    Endpoint("GET", "/api/situation.css", "situationStyle", "Its style", style, roles=(), media_type="text/css"),
)
