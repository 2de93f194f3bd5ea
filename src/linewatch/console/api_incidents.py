"""Incidents: the queue, one with all about it, its evidence, and the moves that people make."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec
from starlette.responses import Response

from linewatch.console.acting import act, found_incident, versions_of
from linewatch.console.endpoint import ACTING, NO_STORE, Call, Endpoint
from linewatch.console.incident_view import (
    cameras_near,
    checklist,
    incident_shape,
    position_of,
    should_have_seen,
    timeline,
)
from linewatch.console.picture import NS_PER_MS, Kept
from linewatch.console.problem import Problem
from linewatch.console.shapes import AllowedMove, EvidenceShape, IncidentDetail, IncidentList, Moved
from linewatch.records.vocabulary import Assessment, Hazard, Outcome, Role

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern="^[a-z_]+$")]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
_MOST: Final = 1000
_MOST_OPEN: Final = 10_000
UNDO: Final = "undo"
"""Takes back the last move of the same seat; whether there is one, the watch knows."""


class IncidentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents; `before` is a raising time in milliseconds.

    Of `all`, a page holds at most 1,000; what is open is paged through by `skip`.
    """

    state: Literal["open", "all"] = "open"
    limit: Annotated[int, msgspec.Meta(ge=1, le=_MOST_OPEN)] = 500
    skip: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    before: Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)] | None = None


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A move, and what it sets."""

    move: Word
    reason: Text = ""
    assessment: Assessment | None = None
    assessment_cause: Text | None = None
    outcome: Outcome | None = None
    hazards: list[Hazard] | None = None
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)] | None = None
    patrol: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    into: Annotated[str, msgspec.Meta(max_length=64)] | None = None

    def values(self) -> dict[str, str]:
        """What it sets, as words."""
        plain = {
            "assessment": self.assessment,
            "assessment_cause": self.assessment_cause,
            "outcome": self.outcome,
            "hazards": None if self.hazards is None else ",".join(sorted(set(self.hazards))),
            "until_ns": None if self.until_ms is None else str(self.until_ms * NS_PER_MS),
            "patrol": self.patrol,
            "into": self.into,
        }
        return {name: value for name, value in plain.items() if value is not None}


async def incidents(call: Call) -> IncidentList:
    """The queue, most pressing first; or all, latest first."""
    query, live = call.query, call.services.live
    picture, counters = live.picture, live.picture.counters()
    before_ns = None if query.before is None else query.before * NS_PER_MS
    if query.state == "all":
        kept = await asyncio.to_thread(_page, call, before_ns, min(query.limit, _MOST))
    else:
        kept = [k for k in picture.open.values() if before_ns is None or k.incident.raised_ns < before_ns]
        kept = sorted(kept, key=lambda k: (k.incident.priority, -k.incident.raised_ns, k.incident.id))[query.skip :][
            : query.limit
        ]
    return IncidentList(
        incidents=[incident_shape(each, picture.pictured) for each in kept],
        raised=counters.raised,
        shown=counters.shown,
        grouped=counters.grouped,
        shelved=counters.shelved,
        run=live.run,
        seq=max(picture.seq, 0),
    )


def _page(call: Call, before_ns: int | None, limit: int) -> list[Kept]:
    history = call.services.open_history()
    try:
        return [Kept(seq, incident) for seq, incident in history.incident_page(before_ns, limit)]
    finally:
        history.close()


async def incident(call: Call) -> IncidentDetail:
    """One incident with all that one needs to deal with it."""
    services, key = call.services, call.path["id"]
    picture = services.live.picture
    kept = await found_incident(call, key)
    found = kept.incident
    versions = await asyncio.to_thread(versions_of, call, key)
    view = await services.watching.metre(found.line, found.chainage_m)
    shape = incident_shape(kept, picture.pictured)
    return IncidentDetail(
        **msgspec.structs.asdict(shape),
        timeline=timeline(versions, picture.acts.get(key, ())),
        allowed=_allowed(call, kept),
        sensors_saw=list(found.sensors),
        sensors_should=should_have_seen(view, found),
        cameras=cameras_near(picture, view, found),
        evidence=await asyncio.to_thread(_exhibits, call, key),
        position=position_of(picture, found, services.grid),
        checklist=checklist(found),
    )


def _allowed(call: Call, kept: Kept) -> list[AllowedMove]:
    offered = call.services.desk.allowed(kept.incident, call.session.role)
    return [
        AllowedMove(each.move, each.label, each.needs_reason, each.undo_s, each.needs, each.takes) for each in offered
    ]


def _exhibits(call: Call, key: str) -> list[EvidenceShape]:
    ring = call.services.evidence
    root = call.request.scope.get("root_path", "")  # a site that shares a console stands under a path of its own
    return (
        []
        if ring is None
        else [
            EvidenceShape(each.id, each.kind, each.title, f"{root}/api/incidents/{key}/evidence/{each.id}")
            for each in ring.exhibits(key)
        ]
    )


async def exhibit(call: Call) -> Response:
    """One piece of evidence. That somebody looked stands in the audit chain."""
    services, key, name = call.services, call.path["id"], call.path["exhibit"]
    await found_incident(call, key)
    ring = services.evidence
    exhibits = () if ring is None else await asyncio.to_thread(ring.exhibits, key)
    found = next((each for each in exhibits if each.id == name), None)
    raw = None if ring is None or found is None else await asyncio.to_thread(ring.read, key, name)
    if raw is None or found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such piece of evidence")
    await asyncio.to_thread(services.audit.note, "evidence", call.session.name, f"looked at {name} of incident {key}")
    return Response(raw, media_type=found.media_type, headers=NO_STORE)


async def thumbnail(call: Call) -> Response:
    """A small picture of an incident, for its row. That somebody saw it is recorded, once a minute at most."""
    services, key = call.services, call.path["id"]
    await found_incident(call, key)
    ring = services.evidence
    png = None if ring is None else await asyncio.to_thread(ring.thumbnail, key)
    if png is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this incident has no picture")
    if services.looked.is_new(call.session.name, key, services.clock.now_ns()):
        text = f"saw the small picture of incident {key}"
        await asyncio.to_thread(services.audit.note, "evidence", call.session.name, text)
    return Response(png, media_type="image/png", headers={"cache-control": "private, max-age=60"})


async def move(call: Call) -> Moved:
    """Make a move. Refused moves say why; who may not make it at all is told so."""
    wish, key = call.body, call.path["id"]
    kept = await found_incident(call, key)
    if wish.move != UNDO and wish.move not in {each.move for each in _allowed(call, kept)}:
        _refuse(call, kept, wish.move)
    seq = await act(call, key, wish.move, wish.reason, wish.values())
    picture = call.services.live.picture
    return Moved(seq, incident_shape(picture.incident(key) or kept, picture.pictured))


def _refuse(call: Call, kept: Kept, name: str) -> None:
    """Say whether it is the role or the state that is in the way."""
    role, desk = call.session.role, call.services.desk
    others: tuple[Role, ...] = ("operator", "supervisor", "maintainer")
    who = [other for other in others if name in {each.move for each in desk.allowed(kept.incident, other)}]
    if who:
        raise Problem(HTTPStatus.FORBIDDEN, f"{name} is not for the role {role!r}; it is for {', '.join(who)}")
    taken = f", taken at {kept.incident.seat}" if kept.incident.seat else ""
    can = ", ".join(each.move for each in _allowed(call, kept)) or "none"
    raise Problem(
        HTTPStatus.CONFLICT, f"{name} is not allowed while it is {kept.incident.state}{taken}; allowed now: {can}"
    )


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/incidents",
        "incidents",
        "The queue, most pressing first; or all, latest first",
        incidents,
        IncidentList,
        query=IncidentQuery,
    ),
    Endpoint(
        "GET",
        "/api/incidents/{id}",
        "incident",
        "One incident with all about it",
        incident,
        IncidentDetail,
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/api/incidents/{id}/evidence/{exhibit}",
        "exhibit",
        "One piece of evidence; that somebody looked is recorded",
        exhibit,
        media_type="*/*",
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/api/incidents/{id}/thumbnail",
        "thumbnail",
        "A small picture of an incident, for its row",
        thumbnail,
        media_type="image/png",
        problems=(404,),
    ),
    Endpoint(
        "POST",
        "/api/incidents/{id}/moves",
        "move",
        "Make a move",
        move,
        Moved,
        ACTING,
        body=Move,
        problems=(404, 409, 503),
    ),
)
