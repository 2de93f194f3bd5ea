"""Seats, notes and the handover of a shift. Everything done here is an act in the record."""

from typing import Annotated, Final

import msgspec

from linewatch.console.acting import act
from linewatch.console.endpoint import ACTING, SEATED, Call, Endpoint
from linewatch.console.incident_view import correction_shapes, incident_shape, mute_shapes, outage_shape
from linewatch.console.picture import NS_PER_MS, Picture
from linewatch.console.seats import INTERRUPTION_NS, Seating, seating_of
from linewatch.console.shapes import ActDone, LoadShape, NoteShape, SeatShape, ShiftShape

SeatName = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class Take(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seat to take, and whether the test tone was heard."""

    seat: SeatName
    sound: bool | None = None
    sections: list[Annotated[str, msgspec.Meta(max_length=80)]] = []


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the seat is left."""

    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something for those who come after."""

    text: Text


class Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is handed over, in the words of who leaves, and to which seat."""

    text: Text
    to: Annotated[str, msgspec.Meta(max_length=80)] = ""


class Presence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the page can be heard and seen."""

    sound: bool
    visible: bool


async def shift(call: Call) -> ShiftShape:
    """What the next shift must know."""
    live = call.services.live
    picture, now_ns = live.picture, live.now_ns()
    seats = seating_of(picture)
    kept = sorted(picture.open.values(), key=lambda k: (k.incident.priority, -k.incident.raised_ns, k.incident.id))
    shapes = [incident_shape(each, call.services.live.picture.pictured) for each in kept]
    return ShiftShape(
        seats=[_seat(seat, found) for seat, found in sorted(seats.items())]
        or [SeatShape(ONLY_SEAT, [], "", None, None)],
        open=[shape for shape in shapes if shape.state != "shelved"],
        shelved=[shape for shape in shapes if shape.state == "shelved"],
        outages=[outage_shape(outage) for outage in picture.outages.values()],
        mutes=mute_shapes(picture),
        corrections=correction_shapes(picture),
        notes=_notes(picture),
        load=_load(picture, seats, now_ns),
    )


def _seat(seat: str, found: Seating) -> SeatShape:
    since_ms = found.since_ns // NS_PER_MS if found.role else None
    return SeatShape(seat, list(found.sections), found.role, since_ms, found.sound)


def _notes(picture: Picture) -> list[NoteShape]:
    return [
        NoteShape(each.time_ns // NS_PER_MS, each.seat, each.role, each.reason)
        for _, each in reversed(picture.site_acts)
        if each.move in ("note", "hand_over") and each.reason
    ]


def _load(picture: Picture, seats: dict[str, Seating], now_ns: int) -> list[LoadShape]:
    """Calls for attention in the last ten minutes, by the seats that keep their sections."""
    recent = [section for time_ns, section, _ in picture.interrupted_at if time_ns > now_ns - INTERRUPTION_NS]
    out = []
    for seat, found in sorted(seats.items()):
        mine = [section for section in recent if not found.sections or section in found.sections]
        out.append(LoadShape(seat, len(mine)))
    return out or [LoadShape("all", len(recent))]


async def take(call: Call) -> ActDone:
    """Take a seat."""
    wish, users = call.body, call.services.users
    assert call.entry is not None
    sat = call._replace(entry=call.entry._replace(session=msgspec.structs.replace(call.session, seat=wish.seat)))
    values = {"sections": ",".join(wish.sections)} if wish.sections else {}
    values |= {} if wish.sound is None else {"sound": _said(wish.sound)}
    seq = await act(sat, "", "take", "", values)
    users.take_seat(call.entry.secret, wish.seat)
    return ActDone(seq)


async def leave(call: Call) -> ActDone:
    """Leave the seat."""
    return await _get_up(call, "leave", call.body.reason, {})


async def note(call: Call) -> ActDone:
    """Leave a note for those who come after."""
    return ActDone(await act(call, "", "note", call.body.text, {}))


async def hand_over(call: Call) -> ActDone:
    """Hand the seat over, saying what the next must know; the next signs by taking it, or by having another seat."""
    return await _get_up(call, "hand_over", call.body.text, {"to": call.body.to} if call.body.to else {})


async def _get_up(call: Call, move: str, reason: str, values: dict[str, str]) -> ActDone:
    seq = await act(call, "", move, reason, values)
    assert call.entry is not None
    call.services.users.take_seat(call.entry.secret, "")
    return ActDone(seq)


async def beat(call: Call) -> None:
    """Say that somebody is there: the page is visible, and can be heard."""
    await act(call, "", "present", "", {"sound": _said(call.body.sound), "visible": _said(call.body.visible)})


def _said(value: bool) -> str:  # noqa: FBT001 - a word for a truth
    return "yes" if value else "no"


ONLY_SEAT: Final = "seat 1"
"""Name of the seat that is offered before any was taken."""
_REFUSED: Final = (409, 503)
ENDPOINTS: Final = (
    Endpoint("GET", "/api/shift", "shift", "What the next shift must know", shift, ShiftShape),
    Endpoint("POST", "/api/shift/take", "takeSeat", "Take a seat", take, ActDone, SEATED, body=Take, problems=_REFUSED),
    Endpoint(
        "POST", "/api/shift/leave", "leaveSeat", "Leave the seat", leave, ActDone, SEATED, body=Leave, problems=_REFUSED
    ),
    Endpoint("POST", "/api/shift/note", "addNote", "Leave a note", note, ActDone, ACTING, body=Note, problems=_REFUSED),
    Endpoint(
        "POST",
        "/api/shift/handover",
        "handOver",
        "Say what the next must know",
        hand_over,
        ActDone,
        SEATED,
        body=Handover,
        problems=_REFUSED,
    ),
    Endpoint(
        "POST",
        "/api/shift/beat",
        "beat",
        "Say that the page is seen and heard",
        beat,
        roles=SEATED,
        body=Presence,
        problems=_REFUSED,
    ),
)
