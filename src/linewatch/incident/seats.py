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

MOVES: Final = ("take", "leave", "hand_over", "present")
_ROLES: Final = ("operator", "supervisor")
_NS_PER_S: Final = 1_000_000_000
_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "take": ("sections", "sound"),
    "leave": (),
    "hand_over": ("to",),
    "present": ("sound", "visible"),
}


def sections_of(site: Site) -> tuple[str, ...]:
    """All sections, as line/section, in order."""
    return tuple(f"{line.id}/{section.name}" for line in site.lines for section in line.sections)


def keeping(site: Site, settings: DeskSettings, seats: Mapping[str, Seat]) -> dict[str, tuple[str, ...]]:
    """The sections that each seat keeps now, in their order; some may be kept by two seats.

    A seat keeps what it was given when it was taken, else what the settings say, else (in a site without seats) all. A
    free seat of the settings keeps its own all the same: what happens there concerns nobody else.
    """
    everything = sections_of(site)
    keeps: dict[str, set[str]] = {seat: set(sections) for seat, sections in settings.seats.items()}
    for name, seat in seats.items():
        mine = own(site, settings, name, seat)
        if seat.taken:
            keeps[name] = keeps[name] | mine if name in keeps and not seat.sections else mine
        elif seat.successor in seats and seats[seat.successor].taken:
            keeps[seat.successor] = keeps.get(seat.successor, set()) | mine
            keeps.pop(name, None)
    if not keeps:
        keeps = {ONLY_SEAT: set(everything)}
    return {seat: tuple(part for part in everything if part in sections) for seat, sections in keeps.items()}


def own(site: Site, settings: DeskSettings, name: str, seat: Seat) -> set[str]:
    """The sections that a seat was given: when it was taken, by the settings, or, in a site without seats, all."""
    if seat.sections:
        return set(seat.sections)
    return set(settings.seats.get(name, ()) if settings.seats else sections_of(site))


def sit(
    site: Site, settings: DeskSettings, seats: Mapping[str, Seat], act: OperatorAct, now_ns: int
) -> dict[str, Seat] | Refusal:
    """The seats after one of `MOVES`, or why it was not made."""
    values = dict(act.values)
    if act.role not in _ROLES:
        return Refusal(f"{act.move} is not for the role {act.role!r}; it is for {', '.join(_ROLES)}")
    if unknown := sorted(set(values) - set(_VALUES[act.move])):
        allowed = ", ".join(_VALUES[act.move]) or "none"
        return Refusal(f"{act.move}: found the value {unknown[0]!r}; allowed: {allowed}")
    for name in ("sound", "visible"):
        if name in _VALUES[act.move] and values.get(name, "no" if act.move == "take" else "") not in ("yes", "no"):
            return Refusal(f"{act.move}: {name}: found {values.get(name)!r}; allowed: yes, no")
    if act.move == "take":
        return _take(site, settings, seats, act, now_ns)
    seat = seats.get(act.seat)
    if seat is None or not seat.taken:
        return Refusal(f"{act.move}: nobody has taken {act.seat!r}")
    if act.move == "present":
        well = values["sound"] == values["visible"] == "yes"
        return {**seats, act.seat: msgspec.structs.replace(seat, heard_ns=now_ns if well else seat.heard_ns)}
    successor = values.get("to", "")
    if successor:
        other = seats.get(successor)
        if successor == act.seat or other is None or not other.taken:
            return Refusal(f"hand_over: to: found {successor!r}; allowed: another seat that somebody has taken")
    left = msgspec.structs.replace(seat, taken=False, since_ns=now_ns, successor=successor)
    return {**seats, act.seat: left}


def _take(
    site: Site, settings: DeskSettings, seats: Mapping[str, Seat], act: OperatorAct, now_ns: int
) -> dict[str, Seat] | Refusal:
    if not act.seat or (settings.seats and act.seat not in settings.seats):
        named = ", ".join(settings.seats) or "any name"
        return Refusal(f"take: found the seat {act.seat!r}; allowed: {named}")
    standing = seats.get(act.seat)
    if standing is not None and standing.taken and not standing.missed:
        return Refusal(f"take: {act.seat} is taken; it must be left or handed over first")
    known = sections_of(site)
    sections: list[str] = []
    for part in (each.strip() for each in dict(act.values).get("sections", "").split(",")):
        found = [section for section in known if part and part in (section, section.partition("/")[2])]
        if part and not found:
            return Refusal(f"take: found the section {part!r}; allowed: {', '.join(known)}")
        sections += found
    expected = {name: Seat(taken=False, since_ns=now_ns, heard_ns=now_ns) for name in settings.seats}
    missed = "" if standing is None else standing.missed
    seat = Seat(taken=True, since_ns=now_ns, heard_ns=now_ns, sections=tuple(sections), missed=missed)
    return {**expected, **seats, act.seat: seat}


def unattended(site: Site, settings: DeskSettings, name: str, seats: Mapping[str, Seat], now_ns: int) -> str:
    """What is the matter with a seat, in words; empty while it is attended, or others keep all of its sections."""
    seat = seats[name]
    silent_s = (now_ns - seat.heard_ns) / _NS_PER_S
    if seat.taken:
        late = silent_s > settings.seat_silence_s
        return f"{name}: no sign of life for {silent_s:.0f} s from a page in sight and with sound on" if late else ""
    free_s = (now_ns - seat.since_ns) / _NS_PER_S
    keeps = keeping(site, settings, seats)
    looked_at = {section for other in seats if seats[other].taken for section in keeps.get(other, ())}
    if free_s <= settings.seat_free_s or own(site, settings, name, seat) <= looked_at:
        return ""
    return f"{name}: nobody has sat there for {free_s:.0f} s"


def incident_of(site: Site, name: str, sections: set[str], reason: str, now_ns: int, settings_id: str) -> Incident:
    """The incident that an unattended seat raises now, over all of its sections on the first line that it keeps."""
    kept = [section for line in site.lines for section in line.sections if f"{line.id}/{section.name}" in sections]
    line = site.line(kept[0].line) if kept else site.lines[0]
    mine = [section for section in kept if section.line == line.id] or list(line.sections)
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
