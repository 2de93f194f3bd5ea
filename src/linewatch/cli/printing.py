"""How incidents look in a terminal, and as lines of JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from linewatch.records import Health, Incident, Outage, Record
from linewatch.site.model import Site

_FIELDS: Final = (
    "id",
    "line",
    "section",
    "raised_ns",
    "updated_ns",
    "closed_ns",
    "kind",
    "kind_probability",
    "mover",
    "act",
    "concern",
    "chainage_m",
    "chainage_sigma_m",
    "from_m",
    "to_m",
    "place",
    "count_low",
    "count_high",
    "priority",
    "state",
    "sensors",
    "reason",
    "settings_id",
)


def incident_line(incident: Incident) -> str:
    """One incident as one line of JSON: the contract of `linewatch replay --json`."""
    return msgspec.json.encode({name: getattr(incident, name) for name in _FIELDS}).decode()


class IncidentPrinter:
    """Prints what a person should hear of, as it happens."""

    def __init__(self, site: Site, *, live: bool = True) -> None:
        self._zone = ZoneInfo(site.timezone)
        self._live = live
        self._seen: dict[str, Incident] = {}

    def show(self, record: Record) -> None:
        """One line for a new incident, an escalation, a return, an outage; nothing for the rest."""
        if not self._live:
            return
        if isinstance(record, Incident):
            self._incident(record)
        elif isinstance(record, Outage):
            verb = "not watched" if record.end_ns is None else "watched again"
            stretch = f"{record.line} {record.from_m:.0f}-{record.to_m:.0f} m"
            print(f"{self._time(record.end_ns or record.noticed_ns)}  {verb}: {stretch}: {record.reason}", flush=True)
        elif isinstance(record, Health) and record.severity != "ok":
            print(f"{self._time(record.time_ns)}  {record.sensor or 'system'}: {record.text}", flush=True)

    def summary(self, incidents: Sequence[Incident]) -> None:
        """The end of a replay."""
        print(f"{len(incidents)} incident{'s' * (len(incidents) != 1)}")
        for incident in incidents:
            print(f"  {incident.id}  {self._what(incident)}")

    def _incident(self, incident: Incident) -> None:
        before = self._seen.get(incident.id)
        self._seen[incident.id] = incident
        if before is None:
            print(f"{self._time(incident.raised_ns)}  [{incident.priority}] {self._what(incident)}", flush=True)
            print(f"{'':10}{incident.reason}", flush=True)
        elif before.escalations != incident.escalations:
            print(f"{self._time(incident.updated_ns)}  nobody acted: {incident.id} escalated", flush=True)
        elif before.state != incident.state:
            print(f"{self._time(incident.updated_ns)}  {incident.id} is now {incident.state}", flush=True)

    def _what(self, incident: Incident) -> str:
        people = f" of {incident.count_low}-{incident.count_high}" if incident.count_high > 1 else ""
        near = f" near {incident.place}" if incident.place else ""
        return (
            f"{incident.kind.replace('_', ' ')}{people}, {incident.line} "
            f"{incident.from_m:.0f}-{incident.to_m:.0f} m{near}"
        )

    def _time(self, time_ns: int) -> str:
        moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(self._zone)
        return moment.strftime("%H:%M:%S")
