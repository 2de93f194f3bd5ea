"""Attention: how often each seat is interrupted, when that is a flood, and which sections then hold back.

A load is counted in interruptions within ten minutes at one seat, in the manner of EEMUA 191 and ISA-18.2. Where loud
sections have used up their share, their less urgent incidents go behind a lead from the next tick on; a share is kept
for quiet sections, which are never held back: a noise in one place must not cover what happens in another. Attention
moves incident thresholds and nothing else, and every change of it is a record.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from linewatch.incident.desk import DeskSettings
from linewatch.records import Attention, Incident

WINDOW_NS: Final = 600_000_000_000
ALL: Final = 4
"""Least urgent priority that interrupts at all."""


def key_of(incident: Incident) -> str:
    """The section of an incident, as line/section."""
    return f"{incident.line}/{incident.section}"


def counted(
    calls_ns: Mapping[str, tuple[int, ...]], called: Sequence[Incident], now_ns: int
) -> dict[str, tuple[int, ...]]:
    """Interruptions of the last ten minutes by section, with those of this tick."""
    after = {
        section: kept
        for section, times in calls_ns.items()
        if (kept := tuple(time_ns for time_ns in times if time_ns > now_ns - WINDOW_NS))
    }
    for incident in called:
        section = key_of(incident)
        after[section] = (*after.get(section, ()), now_ns)
    return after


def attend(
    before: Attention | None,
    seat: str,
    sections: Sequence[str],
    calls_ns: Mapping[str, tuple[int, ...]],
    settings: DeskSettings,
    now_ns: int,
) -> Attention:
    """The attention that a seat pays from the next tick on. `before` itself where nothing that matters has changed."""
    calls = {section: len(calls_ns[section]) for section in sections if section in calls_ns}
    total = sum(calls.values())
    was_flood = before is not None and before.flood
    flood = total >= settings.flood_below if was_flood else total > settings.flood_above
    was_loud = before.loud if before is not None else ()
    noisy = [section for section in sections if calls.get(section, 0) >= settings.loud_from or section in was_loud]
    used = sum(calls.get(section, 0) for section in noisy)
    pressed = used >= (settings.flood_below if was_loud else settings.flood_above - settings.quiet_share)
    loud = tuple(noisy) if pressed else ()
    if before is not None and (flood, loud) == (before.flood, before.loud):
        return before
    quiet = total - sum(calls.get(section, 0) for section in loud)
    threshold = settings.loud_threshold if loud else ALL
    said = f"{total} interruptions in ten minutes"
    if flood != was_flood:
        said += ": a flood begins" if flood else ": the flood is over"
    if loud:
        said += f"; {', '.join(loud)}: only priority 1 to {threshold} interrupts, the rest is grouped there"
    return Attention(seat, now_ns, flood, total, quiet, loud, threshold, said)


def held_back(incident: Incident, attention: Mapping[str, Attention]) -> bool:
    """Whether its section is loud and the incident less urgent than what still interrupts from there."""
    section = key_of(incident)
    return any(section in each.loud and incident.priority > each.threshold for each in attention.values())
