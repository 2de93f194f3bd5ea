"""Seats: who keeps which sections, and what happens when nobody does.

A seat counts as attended while somebody has taken it and its page says, every few seconds, that it is in sight and that
its sound is on. A seat that is not attended is an incident to the supervisor. Nobody is expected before a seat is taken
for the first time; from then on every seat of the settings is.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from linewatch.incident.desk import ONLY_SEAT, DeskSettings
from linewatch.incident.entries import Refusal
from linewatch.incident.policy import PRIORITY
from linewatch.incident.state import Seat
from linewatch.records import Incident, OperatorAct, derive_kind, incident_id
from linewatch.site.model import Site

MOVES: Final = ("take_seat", "leave_seat", "hand_over", "beat")
_ROLES: Final = ("operator", "supervisor")
_NS_PER_S: Final = 1_000_000_000
_ALLOWED_VALUES: Final = {
    "take_seat": {"sections"},
    "leave_seat": set(),
    "hand_over": {"to"},
    "beat": {"sound", "visible"},
}


def sections_of(site: Site) -> tuple[str, ...]:
    """All sections, as line/section, in order."""
    return tuple(f"{line.id}/{section.name}" for line in site.lines for section in line.sections)


def keepers(site: Site, settings: DeskSettings, seats: Mapping[str, Seat]) -> dict[str, str]:
    """The seat that keeps each section now, in order of the sections."""
    base = settings.seats or {ONLY_SEAT: sections_of(site)}
    keeps = {section: seat for seat, sections in base.items() for section in sections}
    for name, seat in seats.items():
        if seat.taken:
            keeps |= dict.fromkeys(seat.sections, name)
    followed = {name: seat.successor for name, seat in seats.items() if seat.successor and not seat.taken}
    return {section: followed.get(keeps[section], keeps[section]) for section in sections_of(site) if section in keeps}


def sit(
    site: Site, settings: DeskSettings, seats: Mapping[str, Seat], act: OperatorAct, now_ns: int
) -> dict[str, Seat] | Refusal:
    """The seats after one of `MOVES`, or why it was not made."""
    values = dict(act.values)
    if act.role not in _ROLES:
        return Refusal(f"{act.move} is not for the role {act.role!r}; it is for {', '.join(_ROLES)}")
    if unknown := sorted(set(values) - _ALLOWED_VALUES[act.move]):
        allowed = ", ".join(sorted(_ALLOWED_VALUES[act.move])) or "none"
        return Refusal(f"{act.move}: found the value {unknown[0]!r}; allowed: {allowed}")
    if act.move == "take_seat":
        return _take(site, settings, seats, act, now_ns)
    seat = seats.get(act.seat)
    if seat is None or not seat.taken:
        return Refusal(f"{act.move}: nobody has taken {act.seat!r}")
    if act.move == "beat":
        if bad := [name for name in ("sound", "visible") if values.get(name) not in ("true", "false")]:
            return Refusal(f"beat: {bad[0]}: found {values.get(bad[0])!r}; allowed: true, false")
        well = values["sound"] == values["visible"] == "true"
        return {**seats, act.seat: msgspec.structs.replace(seat, heard_ns=now_ns if well else seat.heard_ns)}
    successor = values.get("to", "")
    if successor:
        other = seats.get(successor)
        if successor == act.seat or other is None or not other.taken:
            return Refusal(f"hand_over: to: found {successor!r}; allowed: another seat that somebody has taken")
    return {**seats, act.seat: Seat(taken=False, since_ns=now_ns, heard_ns=seat.heard_ns, successor=successor)}


def _take(
    site: Site, settings: DeskSettings, seats: Mapping[str, Seat], act: OperatorAct, now_ns: int
) -> dict[str, Seat] | Refusal:
    names = tuple(settings.seats) or (ONLY_SEAT,)
    if not act.seat or (settings.seats and act.seat not in names):
        return Refusal(f"take_seat: found the seat {act.seat!r}; allowed: {', '.join(names)}")
    standing = seats.get(act.seat)
    if standing is not None and standing.taken and not standing.missed:
        return Refusal(f"take_seat: {act.seat} is taken; it must be left or handed over first")
    sections = tuple(part.strip() for part in dict(act.values).get("sections", "").split(",") if part.strip())
    if unknown := [part for part in sections if part not in sections_of(site)]:
        return Refusal(f"take_seat: found the section {unknown[0]!r}; allowed: {', '.join(sections_of(site))}")
    expected = {name: seats.get(name) or Seat(taken=False, since_ns=now_ns, heard_ns=now_ns) for name in settings.seats}
    missed = "" if standing is None else standing.missed
    seat = Seat(taken=True, since_ns=now_ns, heard_ns=now_ns, sections=sections, missed=missed)
    return {**seats, **expected, act.seat: seat}


def unattended(name: str, seats: Mapping[str, Seat], settings: DeskSettings, now_ns: int) -> str:
    """What is the matter with a seat, in words; empty while it is attended."""
    seat = seats[name]
    if seat.taken:
        silent_s = (now_ns - seat.heard_ns) / _NS_PER_S
        if silent_s <= settings.seat_silence_s:
            return ""
        return f"{name}: no sign of life for {silent_s:.0f} s from a page in sight and with sound on"
    successor = seats.get(seat.successor)
    if successor is not None and successor.taken and not unattended(seat.successor, seats, settings, now_ns):
        return ""
    free_s = (now_ns - seat.since_ns) / _NS_PER_S
    return "" if free_s <= settings.seat_free_s else f"{name}: nobody has sat there for {free_s:.0f} s"


def incident_of(
    site: Site, name: str, sections: tuple[str, ...], reason: str, now_ns: int, settings_id: str
) -> Incident:
    """The incident that an unattended seat raises now, over all of its sections on the first line that it keeps."""
    line = site.line(sections[0].partition("/")[0]) if sections else site.lines[0]
    mine = [section for section in line.sections if f"{line.id}/{section.name}" in sections] or list(line.sections)
    from_m, to_m = mine[0].from_m, mine[-1].to_m
    middle_m = (from_m + to_m) / 2.0
    place = site.nearest_place(line.id, middle_m)
    key = f"seat {name}"
    kind = derive_kind(concern="seat")
    return Incident(
        id=incident_id(site.name, line.id, mine[0].name, now_ns, key),
        line=line.id,
        section=mine[0].name,
        raised_ns=now_ns,
        updated_ns=now_ns,
        closed_ns=None,
        kind=kind,
        kind_probability=1.0,
        mover="unknown",
        act="none",
        concern="seat",
        chainage_m=middle_m,
        chainage_sigma_m=round((to_m - from_m) / 12**0.5, 3),
        from_m=from_m,
        to_m=to_m,
        place=place.name if place else "",
        count_low=0,
        count_high=0,
        priority=PRIORITY[kind],
        state="raised",
        sensors=(),
        reason=f"{reason}; {_named(mine[0].name, mine[-1].name)} without anybody who looks",
        settings_id=settings_id,
        first_detection=key,
    )


def _named(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
