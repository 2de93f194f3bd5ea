"""Mutes, masks and corrected thresholds: what people take from a sensor, or from channels of it, for good reasons."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from linewatch.console.acting import act
from linewatch.console.endpoint import Call, Endpoint
from linewatch.console.problem import Problem
from linewatch.console.shapes import ActDone
from linewatch.records.vocabulary import Role

MUTERS: Final[tuple[Role, ...]] = ("operator", "maintainer")
TUNERS: Final[tuple[Role, ...]] = ("supervisor", "maintainer")
Channel = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Mute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long and why; both channels for a part of a cable, none for the whole sensor."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=240)]
    reason: Reason
    first_channel: Channel = None
    last_channel: Channel = None


class Mask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same for days."""

    days: Annotated[int, msgspec.Meta(ge=1, le=30)]
    reason: Reason
    first_channel: Channel = None
    last_channel: Channel = None


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how much the threshold stands higher (above 0) or lower than the settings say; 0 sets it back."""

    correction_db: Annotated[float, msgspec.Meta(ge=-6.0, le=12.0)]
    reason: Reason
    first_channel: Channel = None
    last_channel: Channel = None


class Unmute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a mute ends before its time, and which."""

    reason: Reason
    first_channel: Channel = None
    last_channel: Channel = None


async def mute(call: Call) -> ActDone:
    """Mute a sensor: what it says is counted and kept, decides nothing, and its stretch counts as not watched."""
    return await _said(call, "mute", {"minutes": str(call.body.minutes)})


async def unmute(call: Call) -> ActDone:
    """End a mute before its time."""
    return await _said(call, "unmute", {})


async def mask(call: Call) -> ActDone:
    """Mask a sensor: as a mute, for days."""
    return await _said(call, "mask", {"days": str(call.body.days)})


async def unmask(call: Call) -> ActDone:
    """Lift a mask before its time."""
    return await _said(call, "unmask", {})


async def threshold(call: Call) -> ActDone:
    """Correct a threshold: from the next tick on, and raised it counts as watched less well at once."""
    return await _said(call, "correct_threshold", {"db": f"{call.body.correction_db:.2f}"})


async def _said(call: Call, move: str, values: dict[str, str]) -> ActDone:
    body, sensor = call.body, call.path["sensor"]
    if not call.services.site.has_sensor(sensor):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such sensor")
    values = {"sensor": sensor, **values}
    values |= {} if body.first_channel is None else {"first_channel": str(body.first_channel)}
    values |= {} if body.last_channel is None else {"last_channel": str(body.last_channel)}
    return ActDone(await act(call, "", move, body.reason, values))


_PROBLEMS: Final = (404, 409, 503)
ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/sensors/{sensor}/mute", "mute", "Mute a sensor, or channels of it, for some minutes"),
        *(mute, ActDone, MUTERS),
        body=Mute,
        problems=_PROBLEMS,
    ),
    Endpoint(
        *("POST", "/api/sensors/{sensor}/unmute", "unmute", "End a mute before its time"),
        *(unmute, ActDone, MUTERS),
        body=Unmute,
        problems=_PROBLEMS,
    ),
    Endpoint(
        *("POST", "/api/sensors/{sensor}/mask", "mask", "Mask a sensor, or channels of it, for some days"),
        *(mask, ActDone, TUNERS),
        body=Mask,
        problems=_PROBLEMS,
    ),
    Endpoint(
        *("POST", "/api/sensors/{sensor}/unmask", "unmask", "Lift a mask before its time"),
        *(unmask, ActDone, TUNERS),
        body=Unmute,
        problems=_PROBLEMS,
    ),
    Endpoint(
        *("POST", "/api/sensors/{sensor}/threshold", "correctThreshold", "Raise, lower or set back a threshold"),
        *(threshold, ActDone, TUNERS),
        body=Threshold,
        problems=_PROBLEMS,
    ),
)
