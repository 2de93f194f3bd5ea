"""A past period under other settings: begun, looked at and ended by people, decided in a process of its own."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from linewatch.comparison_ports import LONGEST_S, ComparisonRun, Comparisons, TriedSetting
from linewatch.console.endpoint import ACTING, Call, Endpoint
from linewatch.console.problem import Problem
from linewatch.errors import LinewatchError

MOST_CHANGES: Final = 50
Millis = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
Step = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Place = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Tables = dict[Step, dict[Step, Any]]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which period, and what shall be otherwise: by step, and by `LINE/SECTION` and step."""

    from_ms: Millis
    to_ms: Millis
    settings: Tables = {}
    sections: dict[Place, Tables] = {}


class Begun(msgspec.Struct, frozen=True):
    """A comparison that has begun."""

    id: str


async def offered(call: Call) -> list[TriedSetting]:
    """What can be tried."""
    try:
        return list(await asyncio.to_thread(_comparisons(call).offered))
    except LinewatchError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error).splitlines()[0]) from None


async def begin(call: Call) -> Begun:
    """Begin a comparison. Who asked for what stands in the audit chain before anything is read."""
    comparisons, body = _comparisons(call), call.body
    changes = _words(body)
    if not 0 < body.to_ms - body.from_ms <= LONGEST_S * 1000:
        allowed = f"longer than 0 and at most {LONGEST_S / 3600:g} h"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the period must be {allowed}")
    if not 0 < len(changes) <= MOST_CHANGES:
        found = f"found {len(changes)} settings; allowed: 1 to {MOST_CHANGES}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, found)
    run = await asyncio.to_thread(comparisons.begin, body.from_ms, body.to_ms, body.settings, body.sections)
    if run is None:
        raise Problem(HTTPStatus.CONFLICT, "another comparison is under way; wait for it or end it")
    text = f"compared {body.from_ms} to {body.to_ms} ms under {'; '.join(changes)}"
    await asyncio.to_thread(call.services.audit.note, "compare", call.session.name, text[:2000])
    return Begun(run)


async def look(call: Call) -> ComparisonRun:
    """How it stands, and what it found."""
    found = _comparisons(call).look(call.path["run"])
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such comparison, or it is no longer remembered")
    return found


async def cancel(call: Call) -> None:
    """End a comparison that is under way."""
    comparisons, run = _comparisons(call), call.path["run"]
    if comparisons.look(run) is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such comparison, or it is no longer remembered")
    if await asyncio.to_thread(comparisons.cancel, run):
        await asyncio.to_thread(call.services.audit.note, "compare", call.session.name, f"ended comparison {run}")


def _comparisons(call: Call) -> Comparisons:
    found = call.services.comparisons
    if found is None:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "this console was started without comparisons")
    return found


def _words(body: Wanted) -> list[str]:
    """Each change in words."""
    tables = [("", body.settings), *((f"{place}: ", each) for place, each in body.sections.items())]
    return [
        f"{where}{step}.{key} = {msgspec.json.encode(value).decode()}"
        for where, steps in tables
        for step, table in steps.items()
        for key, value in table.items()
    ]


ENDPOINTS: Final = (
    Endpoint(
        *(
            "GET",
            "/api/replay/settings",
            "triedSettings",
            "Settings that can be tried on the record, with their values",
        ),
        *(offered, list[TriedSetting]),
        problems=(501, 503),
    ),
    Endpoint(
        *("POST", "/api/replay/comparisons", "compare", "Decide a past period under other settings, beside the watch"),
        *(begin, Begun, ACTING),
        body=Wanted,
        problems=(409, 501),
    ),
    Endpoint(
        *("GET", "/api/replay/comparisons/{run}", "comparison", "How a comparison stands, and what it found"),
        *(look, ComparisonRun),
        problems=(404, 501),
    ),
    Endpoint(
        *("DELETE", "/api/replay/comparisons/{run}", "endComparison", "End a comparison that is under way"),
        *(cancel, None, ACTING),
        problems=(404, 501),
    ),
)
