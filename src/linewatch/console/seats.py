"""Who keeps which seat, as the acts in the record say."""

from typing import Final, NamedTuple

from linewatch.console.picture import Picture

INTERRUPTION_NS: Final = 600_000_000_000
"""Span over which the load of a seat is counted (EEMUA 191, ISA-18.2: ten minutes)."""


class Seating(NamedTuple):
    """A seat as it was last taken or left."""

    role: str
    """Role of who keeps it; empty where it was left."""
    sections: tuple[str, ...]
    """Sections it looks after; none means all."""
    since_ns: int
    """Since when."""
    sound: bool | None
    """Whether it can be heard; None where nothing was said of it."""


def seating_of(picture: Picture) -> dict[str, Seating]:
    """Every seat that was ever taken, by name."""
    seats: dict[str, Seating] = {}
    for _, act in sorted([*picture.site_acts, *picture.beats.values()], key=lambda each: each[0]):
        values = dict(act.values)
        if act.move == "take":
            sections = tuple(part for part in values.get("sections", "").split(",") if part)
            sound = None if "sound" not in values else values["sound"] == "yes"
            seats[act.seat] = Seating(act.role, sections, act.time_ns, sound)
        elif act.move in ("leave", "hand_over") and act.seat in seats:
            seats[act.seat] = seats[act.seat]._replace(role="", since_ns=act.time_ns, sound=None)
        elif act.move == "present" and act.seat in seats:
            heard = values.get("sound") == values.get("visible") == "yes"
            seats[act.seat] = seats[act.seat]._replace(sound=heard)
    return seats
