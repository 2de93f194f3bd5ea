"""A stored watch under other settings: alarms gained and lost, against what people judged them to be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from linewatch.app.other_settings import Changes, Unheard, applied
from linewatch.app.replay import replay_store
from linewatch.app.settings import settings_of
from linewatch.records import Incident
from linewatch.site.model import Site
from linewatch.store.reader import open_store

NEAR_S: Final = 60.0
"""Two incidents raised no further apart than this may be the same one, raised earlier or later under other rules."""
NEAR_M: Final = 50.0
"""Likewise where the stretches lie no further apart than this."""


class Pair(msgspec.Struct, frozen=True):
    """The same alarm under both settings."""

    before: Incident
    """As it is in the store."""
    after: Incident
    """As it would have been."""


class Comparison(msgspec.Struct, frozen=True):
    """What other settings would have changed."""

    settings_before: str
    """Id of the settings that the store last ran under."""
    settings_after: str
    """Id of the others."""
    kept: tuple[Pair, ...]
    """Alarms under both."""
    lost: tuple[Incident, ...]
    """Alarms in the store that would not have been raised."""
    gained: tuple[Incident, ...]
    """Alarms that would have been raised besides."""
    lost_by_assessment: dict[str, int]
    """Lost alarms by what a person judged them to be: a lost genuine one is what must not happen."""
    kept_by_assessment: dict[str, int]
    """Kept alarms likewise."""
    earlier_s: float
    """Mean time by which kept alarms would have come earlier; negative for later."""
    priorities_changed: int
    """Kept alarms whose priority would have been another."""


def compare(site: Site, folder: Path, changes: Changes) -> Comparison:
    """Derive a store's incidents again under its site's settings with these changes, and lay both side by side.

    Raises `SiteError` naming every wrong key, `InputError` where the store's inputs are no longer whole.
    """
    was = settings_of(site)
    other, settings = applied(site, was, changes)
    unheard = Unheard(site, was, other, settings)
    with open_store(folder) as reader:
        before = [incident for incident in reader.incidents() if incident.merged_into is None]
        settings_before = reader.meta()["settings_id"]
        again = replay_store(other, reader, settings=settings, change=None if unheard.nothing else unheard.changed)
    after = [incident for incident in again.incidents if incident.merged_into is None]
    kept, lost, gained = matched(before, after)
    earlier_ns = [pair.before.raised_ns - pair.after.raised_ns for pair in kept]
    return Comparison(
        settings_before=settings_before,
        settings_after=again.settings_id,
        kept=tuple(kept),
        lost=tuple(lost),
        gained=tuple(gained),
        lost_by_assessment=_counted(lost),
        kept_by_assessment=_counted([pair.before for pair in kept]),
        earlier_s=sum(earlier_ns) / len(earlier_ns) / 1e9 if earlier_ns else 0.0,
        priorities_changed=sum(pair.before.priority != pair.after.priority for pair in kept),
    )


def matched(before: Sequence[Incident], after: Sequence[Incident]) -> tuple[list[Pair], list[Incident], list[Incident]]:
    """Alarms of the same id, then those nearest in time that overlap in place; each at most once."""
    by_id = {incident.id: incident for incident in after}
    kept = [Pair(incident, by_id[incident.id]) for incident in before if incident.id in by_id]
    paired = {pair.before.id for pair in kept}
    left = [incident for incident in before if incident.id not in paired]
    free = [incident for incident in after if incident.id not in paired]
    near = sorted(
        (abs(a.raised_ns - b.raised_ns), i, j) for i, a in enumerate(left) for j, b in enumerate(free) if _near(a, b)
    )
    taken_left, taken_free = set[int](), set[int]()
    for _, i, j in near:
        if i not in taken_left and j not in taken_free:
            taken_left.add(i)
            taken_free.add(j)
            kept.append(Pair(left[i], free[j]))
    lost = [incident for i, incident in enumerate(left) if i not in taken_left]
    gained = [incident for j, incident in enumerate(free) if j not in taken_free]
    return sorted(kept, key=lambda pair: (pair.before.raised_ns, pair.before.id)), lost, gained


def _near(a: Incident, b: Incident) -> bool:
    return (
        a.line == b.line
        and (a.concern == "outage") == (b.concern == "outage")
        and abs(a.raised_ns - b.raised_ns) <= NEAR_S * 1e9
        and a.from_m - NEAR_M <= b.to_m
        and b.from_m - NEAR_M <= a.to_m
    )


def _counted(incidents: Sequence[Incident]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for incident in incidents:
        counts[incident.assessment] = counts.get(incident.assessment, 0) + 1
    return dict(sorted(counts.items()))
