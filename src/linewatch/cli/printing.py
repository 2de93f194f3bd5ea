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
_STATE_WORDS: Final = {"returned": "gone quiet, not yet seen by anybody", "raised": "is back"}


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
            self._say(record.end_ns or record.noticed_ns, "   ", f"{verb}: {stretch}: {record.reason}")
        elif isinstance(record, Health) and record.severity != "ok":
            self._say(record.time_ns, "   ", f"{record.sensor or 'system'}: {record.text}")

    def summary(self, incidents: Sequence[Incident]) -> None:
        """The end of a replay."""
        print(f"{len(incidents)} incident{'s' * (len(incidents) != 1)}")
        for incident in incidents:
            print(f"  {incident.id}  [{incident.priority}] {self._what(incident)}")

    def _incident(self, incident: Incident) -> None:
        before = self._seen.get(incident.id)
        self._seen[incident.id] = incident
        mark = f"[{incident.priority}]"
        if before is None:
            self._say(incident.raised_ns, mark, f"{self._what(incident)}  ({incident.id[:6]})")
            print(f"{'':14}{incident.reason}", flush=True)
        elif before.escalations != incident.escalations:
            self._say(incident.updated_ns, mark, f"nobody acted: {self._name(incident)} is passed on")
        elif before.state != incident.state:
            words = _STATE_WORDS.get(incident.state, f"is {incident.state}")
            self._say(incident.updated_ns, mark, f"{self._name(incident)}: {words}")
        elif before.priority > incident.priority:
            self._say(incident.updated_ns, mark, f"now {self._what(incident)}  ({incident.id[:6]})")
            print(f"{'':14}{incident.reason}", flush=True)

    def _say(self, time_ns: int, mark: str, words: str) -> None:
        moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(self._zone)
        print(f"{moment:%H:%M:%S}  {mark} {words}", flush=True)

    def _name(self, incident: Incident) -> str:
        near = f" near {incident.place}" if incident.place else ""
        return f"{_kind_words(incident)}{near} ({incident.id[:6]})"

    def _what(self, incident: Incident) -> str:
        people = f" of {incident.count_low} to {incident.count_high}" if incident.count_high > 1 else ""
        near = f" near {incident.place}" if incident.place else ""
        stretch = f"{incident.line} {incident.from_m:.0f}-{incident.to_m:.0f} m"
        return f"{_kind_words(incident)}{people}, {stretch}{near}"


def _kind_words(incident: Incident) -> str:
    """The kind, or what moves where its doings are not known yet."""
    if incident.kind == "unknown" and incident.mover != "unknown":
        return f"{incident.mover} moving"
    return incident.kind.replace("_", " ")
