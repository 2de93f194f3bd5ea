"""Settings of those who deal with incidents: seats, floods, waiting times, rules by section and time of day."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from linewatch.errors import Problem
from linewatch.site.model import Site

ONLY_SEAT: Final = "seat 1"
"""Keeps all sections where a site names no seats."""
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class TimedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What raises an incident otherwise, in some sections, at some hours. What is not given stays as it is."""

    sections: tuple[str, ...] = ()
    """Sections, as line/section; empty for all."""
    from_time: str = "00:00"
    """Begin on the wall clock of the site, as hours and minutes."""
    to_time: str = "00:00"
    """End; before or at the begin, it is that of the next day."""
    raise_probability: float | None = None
    """Existence probability from which a track raises an incident, 0.5 to 1."""
    lone_wait_s: float | None = None
    """How long a lone witness must go on, 0 to 10."""
    lone_detections: int | None = None
    """How often a lone witness must detect, 1 to 20."""
    agreeing_detections: int | None = None
    """How often two kinds of sensor must detect together, 1 to 20."""
    outage_after_s: float | None = None
    """How long an outage lasts before it is an incident, 0 to 600."""

    def __post_init__(self) -> None:
        """Raises `ValueError` on times that are none and values that would blind the watch."""
        for name in ("from_time", "to_time"):
            if not _CLOCK.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: found {getattr(self, name)!r}; allowed: 00:00 to 23:59")
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name}: found {value}; allowed: {low:g} to {high:g}")

    def holds_at(self, minute: int) -> bool:
        """Whether it holds at this minute of the local day, 0 to 1439."""
        begin, end = _minute(self.from_time), _minute(self.to_time)
        return begin <= minute < end if begin < end else minute >= begin or minute < end

    def changes(self) -> dict[str, float | int]:
        """The settings that it sets."""
        return {name: getattr(self, name) for name, _, _ in _BOUNDS if getattr(self, name) is not None}


_BOUNDS: Final = (
    ("raise_probability", 0.5, 1.0),
    ("lone_wait_s", 0.0, 10.0),
    ("lone_detections", 1.0, 20.0),
    ("agreeing_detections", 1.0, 20.0),
    ("outage_after_s", 0.0, 600.0),
)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How people share the work, and how much of it they can take."""

    seats: dict[str, tuple[str, ...]] = {}
    """Sections, as line/section, of each seat; none for one seat that keeps everything."""
    rules: tuple[TimedRule, ...] = ()
    """Rules by section and time of day; later ones go before earlier ones."""
    seat_silence_s: float = 30.0
    """An occupied seat whose page was not heard for so long, in sight and with sound on, is unattended."""
    seat_free_s: float = 60.0
    """So long a seat may be free before that is an incident: time to change over."""
    idle_after_s: tuple[float, ...] = (300.0, 600.0, 1800.0, 3600.0)
    """Time that an acknowledged incident may wait for an assessment or a patrol, by priority 1 to 4."""
    accept_after_s: float = 120.0
    """Time that a patrol has to say yes."""
    flood_above: int = 10
    """A flood begins with more interruptions than this within ten minutes at one seat (ISA-18.2, EEMUA 191) ..."""
    flood_below: int = 5
    """... and ends with fewer than this."""
    quiet_share: int = 4
    """Interruptions of `flood_above` that are kept for quiet sections."""
    loud_from: int = 3
    """A section with so many interruptions within ten minutes is loud while the loud ones use up their share."""
    loud_threshold: int = 2
    """Least urgent priority that still interrupts from a loud section then; the rest goes behind the section's lead."""
    group_near_m: float = 50.0
    """So near, incidents of one kind that nobody has dealt with are one matter."""
    group_around_m: float = 300.0
    """So near to a crowd, less urgent incidents are part of the matter; vehicles and outages among themselves too."""
    group_within_s: float = 600.0
    """A lead that has not changed for so long takes nobody in any more."""
    crowd_count: int = 10
    """From so many on (at most) it is a crowd; one of so many (at least) always stands by itself."""
    amend_count: int = 100
    """So many closed incidents stay at hand for notes and outcomes."""


def desk_problems(site: Site, settings: DeskSettings) -> Iterator[Problem]:
    """Every section that the settings name and the site does not have, and every one that no seat keeps."""
    known = [f"{line.id}/{section.name}" for line in site.lines for section in line.sections]
    named = [(f"settings.desk.seats.{seat}", part) for seat, parts in settings.seats.items() for part in parts]
    named += [(f"settings.desk.rules[{n}].sections", part) for n, r in enumerate(settings.rules) for part in r.sections]
    for key, part in named:
        if part not in known:
            yield Problem("site.toml", key, repr(part), f"sections such as {', '.join(known[:3])}")
    kept = {part for parts in settings.seats.values() for part in parts}
    left = [part for part in known if part not in kept] if settings.seats else []
    if left:
        yield Problem(
            "site.toml", "settings.desk.seats", f"no seat for {', '.join(left[:5])}", "a seat for each section"
        )
