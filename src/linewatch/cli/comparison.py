"""How a comparison of settings looks in a terminal, and as JSON."""

from typing import Final

import msgspec

from linewatch.app.comparing import Comparison
from linewatch.cli.printing import incident_line
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
