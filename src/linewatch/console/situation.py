"""The situation report: one page to print, as of now, that says of itself what it does not know."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from linewatch.console.shapes import CoverageShape, IncidentShape, OutageShape, Position, StateShape
from linewatch.site.model import Site

STYLE: Final = """
body { font: 11pt/1.4 "DejaVu Sans", system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; color: #111; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.1rem; margin-top: 1.6rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 0.25rem 0.5rem 0.25rem 0; }
th { border-bottom: 2px solid #111; } td { border-bottom: 1px solid #bbb; vertical-align: top; }
.plain { color: #444; } .down { border: 3px solid #111; padding: 0.5rem; font-weight: bold; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""


def situation_page(
    site: Site,
    state: StateShape,
    incidents: Sequence[IncidentShape],
    outages: Sequence[OutageShape],
    coverage: Sequence[CoverageShape],
    person: str,
    positions: Mapping[str, Position],
) -> str:
    """The page as HTML; its style stands beside it. `positions` are those of incidents, by id."""
    zone = ZoneInfo(site.timezone)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>Situation report, {escape(site.name)}</title>",
        "<link rel='stylesheet' href='situation.css'></head><body>",
        f"<h1>Situation report, {escape(site.name)}</h1>",
        f"<p class='plain'>As of {_time(state.now_ms, zone)}; printed by {escape(person)}; ",
        f"position {escape(state.run)}-{state.seq} of the record.</p>",
        f"<p class='down'>The watch is down: {escape(state.why)}. What stands below is what was known before.</p>"
        if state.watch == "down"
        else "",
        f"<p>{state.raised} incidents are open: {state.shown} shown, {state.grouped} behind the lead of their group, ",
        f"{state.shelved} shelved.</p>",
        _incidents(incidents, positions, zone),
        _outages(outages, zone),
        *(_coverage(each) for each in coverage),
        "<p class='plain'>Numbers of people are ranges. What happened where nobody was watching is in no number ",
        "above. Nothing here says who anybody is.</p></body></html>",
    ]
    return "".join(parts)


def _incidents(incidents: Sequence[IncidentShape], positions: Mapping[str, Position], zone: ZoneInfo) -> str:
    rows = "".join(
        f"<tr><td>{each.priority}</td><td>{_time(each.raised_ms, zone)}</td><td>{escape(_words(each.kind))}</td>"
        f"<td>{escape(each.line)} {each.from_m:.0f}-{each.to_m:.0f} m"
        f"{', near ' + escape(each.place) if each.place else ''}{_position(positions.get(each.id))}</td>"
        f"<td>{each.count_low}-{each.count_high}</td><td>{escape(_words(each.state))}</td>"
        f"<td>{escape(', '.join(each.hazards))}</td></tr>"
        for each in incidents
    )
    head = "".join(
        f"<th scope='col'>{name}</th>" for name in ("", "Raised", "What", "Where", "How many", "State", "Hazards")
    )
    return f"<h2>Open incidents</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _position(place: Position | None) -> str:
    if place is None:
        return ""
    return f"<br>{place.lat:.5f}, {place.lon:.5f}{'<br>' + escape(place.mgrs) if place.mgrs else ''}"


def _outages(outages: Sequence[OutageShape], zone: ZoneInfo) -> str:
    if not outages:
        return "<h2>Outages</h2><p>None.</p>"
    rows = "".join(
        f"<tr><td>{escape(each.line)} {each.from_m:.0f}-{each.to_m:.0f} m</td><td>{_time(each.since_ms, zone)}</td>"
        f"<td>{'partly' if each.partial else 'not'} watched, {len(each.sensors)} sensors: {escape(each.why)}</td></tr>"
        for each in outages
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Where", "Since", "What"))
    return f"<h2>Outages</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _coverage(each: CoverageShape) -> str:
    weakest = each.weakest_km
    return (
        f"<h2>Line {escape(each.line)}</h2>"
        f"<p>{each.unwatched_m:.0f} of {each.to_m:.0f} m are not watched for a person "
        f"walking now, in {each.gaps_total} gaps ({escape(each.basis)}). Weakest kilometre: from "
        f"{weakest.from_m:.0f} m, mean probability of detection {weakest.mean_pd:.2f}.</p>"
    )


def _time(time_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _words(name: str) -> str:
    return name.replace("_", " ")
