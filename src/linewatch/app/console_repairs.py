"""The list of repairs as the console shows it."""

from collections.abc import Sequence
from typing import Final

from linewatch.console.health_shapes import RepairShape
from linewatch.health.repairs import repair_list
from linewatch.records import Health, OperatorAct, Outage
from linewatch.site.model import Site

_NS_PER_MS = 1_000_000
BY_PEOPLE: Final = ("masked", "corrected_threshold")
"""Causes of outages that a person has made on purpose."""


class SiteRepairs:
    """What is to be repaired at one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(
        self, outages: Sequence[Outage], healths: Sequence[Health], acts: Sequence[OperatorAct], now_ns: int
    ) -> list[RepairShape]:
        """What costs most first. What people have masked, muted or corrected is no fault, and is not on it."""
        faults = [outage for outage in outages if outage.cause not in BY_PEOPLE]
        return [
            RepairShape(
                outage=row.outage,
                sensors=row.sensors,
                cause=row.cause,
                why=row.reason,
                line=row.line,
                from_m=row.from_m,
                to_m=row.to_m,
                place=row.place,
                since_ms=row.since_ns // _NS_PER_MS,
                lost_metre_hours=row.lost_metre_hours,
                owner=row.owner,
                due_ms=None if row.due_ns is None else row.due_ns // _NS_PER_MS,
                overdue=row.overdue,
                waits_for_retest=row.waits_for_retest,
            )
            for row in repair_list(self._site, faults, healths, acts, now_ns)
        ]
