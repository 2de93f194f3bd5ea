"""How a comparison of settings looks in a terminal, and as JSON."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from linewatch.app.comparing import Comparison
from linewatch.cli.printing import incident_line
from linewatch.comparison_ports import ComparedIncident, SettingsCompared
from linewatch.records import Incident

_SHOWN: Final = 20


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """Alarms gained and lost, the lost ones first that people had judged genuine."""
    if as_json:
        plain = {
            name: getattr(found, name)
            for name in Comparison.__struct_fields__
            if name not in ("kept", "lost", "gained")
        }
        plain |= {"kept": len(found.kept)}
        for name in ("lost", "gained"):
            plain[name] = [msgspec.Raw(incident_line(incident).encode()) for incident in getattr(found, name)]
        print(msgspec.json.encode(plain).decode())
        return
    print(f"settings {found.settings_before} against {found.settings_after}")
    print(f"kept: {len(found.kept)} ({_words(found.kept_by_assessment)})")
    if found.kept:
        when = "earlier" if found.earlier_s >= 0 else "later"
        print(f"  {abs(found.earlier_s):.2f} s {when} on average, {found.priorities_changed} with another priority")
    print(f"lost: {len(found.lost)} ({_words(found.lost_by_assessment)})")
    order = {"genuine": 0, "undetermined": 1}
    _list(sorted(found.lost, key=lambda i: (order.get(i.assessment, 2), i.priority, i.raised_ns)))
    print(f"gained: {len(found.gained)} (nobody has judged them)")
    _list(sorted(found.gained, key=lambda i: (i.priority, i.raised_ns)))


def _list(incidents: list[Incident]) -> None:
    for incident in incidents[:_SHOWN]:
        where = f"{incident.line} {incident.from_m:.0f}-{incident.to_m:.0f} m"
        print(f"  [{incident.priority}] {incident.kind}, {where}, judged {incident.assessment}  ({incident.id[:6]})")
    if len(incidents) > _SHOWN:
        print(f"  and {len(incidents) - _SHOWN} more; all with --json")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"


def print_period(found: SettingsCompared, *, as_json: bool) -> None:
    """A period under both settings: what changed, how many each raised, and what only one of them did."""
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    print(f"settings {found.settings_before} against {found.settings_after}")
    for each in found.changed:
        print(f"  {each.name}: {each.before} -> {each.after}")
    print(f"from {_time(found.from_ms)} to {_time(found.to_ms)}, both begun at {_time(found.begun_ms)}")
    print(f"raised: {found.raised_before} against {found.raised_after}; by priority 1 to 5: ", end="")
    print(f"{_numbers(found.by_priority_before)} against {_numbers(found.by_priority_after)}")
    when = "later" if found.later_s > 0 else "earlier"
    print(f"both: {len(found.both)}, {abs(found.later_s):.2f} s {when} on average under the others, ", end="")
    print(f"{found.priorities_changed} with another priority")
    for name, rows in (("only under the watch's own", found.only_before), ("only under the others", found.only_after)):
        print(f"{name}: {len(rows)}")
        _rows(rows)


def tell_share(share: float) -> None:
    """How much is done, for whoever started this. Ends this process where nobody listens any more."""
    print(f"{share:.4f}", file=sys.stderr, flush=True)


def _rows(rows: Sequence[ComparedIncident]) -> None:
    for row in rows[:_SHOWN]:
        where = f"{row.line} {row.from_m:.0f}-{row.to_m:.0f} m"
        print(f"  {_time(row.raised_ms)} [{row.priority}] {row.kind}, {where}, judged {row.assessment}  ({row.id[:6]})")
    if len(rows) > _SHOWN:
        print(f"  and {len(rows) - _SHOWN} more; all with --json")


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _numbers(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts))
