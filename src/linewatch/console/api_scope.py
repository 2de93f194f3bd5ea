"""The scope: one channel while it is watched, with its floor, its threshold and what holds of it."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from linewatch.console.endpoint import Call, Endpoint
from linewatch.console.health_shapes import ScopeFrame, ScopeMatter, ScopeShape
from linewatch.console.picture import NS_PER_MS, Picture
from linewatch.console.problem import Problem
from linewatch.console.scope import MOST, MOST_EACH, Looking
from linewatch.console_ports import Seen
from linewatch.records import Health, Outage
from linewatch.site.sensor import Sensor


class ScopeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which channel; `after_ms` and `after` say what is known already: frames by their time, all else by `cursor`."""

    channel: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    after_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 50)] = 0
    after: Annotated[int, msgspec.Meta(ge=0, le=1 << 50)] = 0


async def scope(call: Call) -> ScopeShape:
    """One channel as it is watched now. Ask again once or twice a second; it ends by itself when nobody does."""
    services, query = call.services, call.query
    if not services.site.has_sensor(call.path["sensor"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such sensor")
    sensor = services.site.sensor(call.path["sensor"])
    channels = sensor.channels or 1
    if query.channel >= channels:
        raise Problem(HTTPStatus.BAD_REQUEST, f"query: channel is {query.channel}; allowed: 0 to {channels - 1}")
    new = services.live.scopes.look(Looking(call.session.name, sensor.id, query.channel))
    if new is None:
        raise Problem(HTTPStatus.CONFLICT, f"you look at {MOST_EACH} channels already, or all of you at {MOST}")
    if new:
        text = f"looked at the level of channel {query.channel} of {sensor.id}"
        await asyncio.to_thread(services.audit.note, "scope", call.session.name, text)
    seen = Seen("none", (), "this console has no way to the watch")
    if services.levels is not None:
        seen = await asyncio.to_thread(services.levels.look, sensor.id, query.channel, query.after_ms * NS_PER_MS)
    return _shape(call, sensor, seen)


def _shape(call: Call, sensor: Sensor, seen: Seen) -> ScopeShape:
    live, query = call.services.live, call.query
    picture = live.picture
    gathered = live.scopes.gathered(sensor.id, query.after)
    from_m, to_m = _stretch(sensor, query.channel)
    corrections = [c for c in picture.corrections_of(sensor.id) if _holds(c, query.channel)]
    heard_ns = picture.heard_ns.get(sensor.id)
    return ScopeShape(
        sensor=sensor.id,
        kind=sensor.kind,
        line=sensor.line,
        channel=query.channel,
        channels=sensor.channels or 1,
        from_m=from_m,
        to_m=to_m,
        now_ms=live.now_ns() // NS_PER_MS,
        last_heard_ms=None if heard_ns is None else heard_ns // NS_PER_MS,
        basis=seen.basis,
        why=seen.why,
        frames=[
            ScopeFrame(f.time_ns // NS_PER_MS, f.level_db, f.floor_db, f.threshold_db, f.suppressed)
            for f in seen.frames
        ],
        # Of a cable only what lies over this channel; the others speak of the whole of their reach.
        detections=[m for m in gathered.marks if not sensor.is_span or (m.from_m <= to_m and m.to_m >= from_m)],
        life=gathered.life,
        cursor=gathered.cursor,
        matters=_matters(picture, sensor, query.channel),
        correction_db=max((c.rise_db or 0.0 for c in corrections), default=0.0),
    )


def _stretch(sensor: Sensor, channel: int) -> tuple[float, float]:
    """Chainages between which a channel feels."""
    if not sensor.is_span:
        low, high = sensor.extent_m()
        return low, high
    edges_m = sensor.channel_edges_m()
    ends = float(edges_m[channel]), float(edges_m[channel + 1])
    return min(ends), max(ends)


def _holds(matter: Outage | Health, channel: int) -> bool:
    """Whether something concerns a channel of its sensor."""
    first, last = matter.first_channel, matter.last_channel
    return first is None or last is None or first <= channel <= last


def _matters(picture: Picture, sensor: Sensor, channel: int) -> list[ScopeMatter]:
    """What takes from this channel now: masks, mutes, raised floors, faults."""
    here = [each for each in picture.outages.values() if sensor.id in each.sensors and _holds(each, channel)]
    return [
        ScopeMatter(each.cause, each.reason, each.start_ns // NS_PER_MS, each.remaining_fraction)
        for each in sorted(here, key=lambda o: (o.start_ns, o.id))
    ]


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/api/sensors/{sensor}/scope",
        "scope",
        "One channel while it is watched: level, floor, threshold, detections, and what holds of it",
        scope,
        ScopeShape,
        query=ScopeQuery,
        problems=(404, 409),
    ),
)
