"""The streams: the live feed, events, and any past period played again."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from starlette.responses import Response

from linewatch.clock import monotonic_s
from linewatch.console.access import enter
from linewatch.console.endpoint import Call, Endpoint
from linewatch.console.events import event, events_of, position_in
from linewatch.console.frames import Frame, gap_frame
from linewatch.console.hub import Hub
from linewatch.console.picture import NS_PER_MS, Changes, Picture, decoded
from linewatch.console.problem import Problem
from linewatch.console.reel import Reel
from linewatch.console.stream import Stream
from linewatch.records import Incident, OperatorAct

Millis = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
STILL_IN_S: Final = 20.0
"""How often a stream looks whether its reader may still come in; that look also keeps the session awake."""
MOST_LISTENERS: Final = 200
_MOST_MISSED: Final = 2_000_000
"""Entries of the record that are read again for somebody who comes back; for more, the page loads all anew."""


class FeedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on: `<run>-<seq>` of the last frame that was read."""

    from_id: Annotated[str, msgspec.Meta(max_length=40)] = msgspec.field(name="from", default="")


class ReplayQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to play, and how fast; speed 0 is as fast as it is read."""

    from_ms: Millis
    to_ms: Millis
    speed: Annotated[float, msgspec.Meta(ge=0.0, le=10_000.0)] = 1.0


async def feed(call: Call) -> Response:
    """Detections, tracks and state, live."""
    live = call.services.live
    room(live.feed)
    asked = call.query.from_id
    seq = position_in(asked, live.run)
    missed = None if seq is None else live.feed.since(seq)
    first = missed or []
    if asked and missed is None:
        first = [gap_frame(live.picture.seq, "what you ask for is of another run, or too long ago")]
    return Stream(_listen(call, live.feed, [*first, *live.whole()]), "application/octet-stream")


async def events(call: Call) -> Response:
    """Incidents, acts, sensors, coverage and state, live."""
    live = call.services.live
    room(live.events)
    last = call.request.headers.get("last-event-id", "")
    return Stream(told_events(call, last), "text/event-stream")


async def told_events(call: Call, last: str) -> AsyncGenerator[bytes, None]:
    """Events from here on, and what was missed since the last one that was read; ends with the session."""
    live = call.services.live
    run, picture, upto = live.run, live.picture, live.picture.seq
    seq = position_in(last, run)
    missed = live.events.since(seq) if seq is not None else None
    listening = _listen(
        call, live.events, [*(missed or []), event(run or "00000000", max(upto, 0), "state", live.state())]
    )
    try:
        # Up to the first piece nothing is awaited: what is published meanwhile is in it, and nothing is missed.
        yield await anext(listening)
        if last and (seq is None or upto - seq > _MOST_MISSED):
            yield event(run or "00000000", max(upto, 0), "reset", {"run": run, "why": "too much was missed"}).raw
        elif seq is not None and missed is None and seq < upto:
            frames = await asyncio.to_thread(_missed, call, picture, run, seq, upto)
            yield b"".join(frame.raw for frame in frames)
        async for piece in listening:
            yield piece
    finally:
        await listening.aclose()


def _missed(call: Call, picture: Picture, run: str, seq: int, upto: int) -> list[Frame]:
    """What happened to incidents between two positions, from the record."""
    changes = Changes({}, [], set(), {})
    history = call.services.open_history()
    try:
        for read in decoded(history.entries(kinds=("incident", "act"), from_seq=seq + 1)):
            if read.entry.seq > upto:
                break
            if isinstance(read.record, OperatorAct):
                changes.acts.append((read.entry.seq, read.record))
            elif isinstance(read.record, Incident) and (kept := picture.incident(read.record.id)):
                changes.incidents[read.record.id] = kept
    finally:
        history.close()
    return events_of(run, picture, changes)


async def _listen(call: Call, hub: Hub, first: list[Frame]) -> AsyncGenerator[bytes, None]:
    listener = hub.listen(first)
    looked_s = monotonic_s()
    try:
        while True:
            piece = await listener.take(1.0)
            if piece:
                yield piece
            if monotonic_s() - looked_s > STILL_IN_S:
                looked_s = monotonic_s()
                try:
                    enter(call.request, call.services.users, call.services.clock, call.services.settings.cookie)
                except Problem:
                    return
    finally:
        hub.leave(listener)


async def replay(call: Call) -> Response:
    """Any past period again: the same frames, with incidents as they were known then."""
    query, services = call.query, call.services
    if query.to_ms < query.from_ms:
        raise Problem(HTTPStatus.BAD_REQUEST, "query: to_ms is before from_ms")
    reel = Reel(services.site, services.open_history, query.from_ms * NS_PER_MS, query.to_ms * NS_PER_MS, query.speed)
    return Stream(reel.play(), "application/octet-stream")


def room(hub: Hub) -> None:
    """Raise a problem 503 where as many listen as may."""
    if len(hub.listeners) >= MOST_LISTENERS:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_LISTENERS} listeners are here already")


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/feed",
        "feed",
        "Detections, tracks and state, live: frames of a length (uint32, big-endian) and a MessagePack map",
        feed,
        query=FeedQuery,
        media_type="application/octet-stream",
        problems=(503,),
    ),
    Endpoint(
        "GET",
        "/api/events",
        "events",
        "Incidents, acts, sensors, coverage and state, live, as server-sent events",
        events,
        media_type="text/event-stream",
        problems=(503,),
    ),
    Endpoint(
        "GET",
        "/api/replay/feed",
        "replayFeed",
        "Any past period played again, as it was known then",
        replay,
        query=ReplayQuery,
        media_type="application/octet-stream",
        problems=(503,),
    ),
)
