"""Many sites on one page, and as a table: figures of all, each site beside them, and what could not be counted."""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Final

import pyarrow as pa

from linewatch.records import Incident
from linewatch.report.facts import Known
from linewatch.report.national import SITE, LeftOut, Member, National, SiteReport
from linewatch.report.picture import bars
from linewatch.report.report import cell_text, period_words, to_arrow, utc_words
from linewatch.report.situation import Situation, figures_of, section_cells, share_words, to_html
from linewatch.report.table import ASSUMPTION, Row, opened
from linewatch.site.local_time import LocalTime

_SITES: Final = 12
_LEFT_OUT: Final = 6
_MOST: Final = 2000
"""Incidents that one row of the page opens to at most; all are in JSON."""


def page_of(members: Sequence[Member], national: National) -> Situation:
    """The page for print, of these sites."""
    busiest = sorted(national.sites, key=lambda site: (-site.report.table.total.attempts, site.name))
    total = national.table.total
    known = [each for member in members for each in _counted(member)]
    return Situation(
        title=f"{len(national.sites)} sites: situation report",
        period=_period(national),
        figures=figures_of([each.incident for each in known], total),
        findings=tuple(_left_out_words(national.left_out)) or ("Every store that was given is counted.",),
        head=("Site", "Chain", "Attempts", "Persons", "Returns", "Rate / km day", "Not watched"),
        sections=tuple(_site_cells(site) for site in busiest[:_SITES]),
        picture=bars(national.sums, width=720, height=230),
        notes=_notes(national),
    )


def to_national_html(members: Sequence[Member], national: National) -> str:
    """The page as HTML that opens offline: every site opens to its rows, and every row to its incidents."""
    page = to_html(page_of(members, national))
    held = {member.name: member for member in members}
    parts = [_site_html(site, held[site.name], national.by) for site in national.sites]
    parts += [_left_out_html(each) for each in national.left_out]
    opening = f"<style>{_STYLE}</style><section aria-label=Sites><h2>Each site</h2>{''.join(parts)}</section>"
    return page.replace("<footer>", f"{opening}<footer>", 1)


def to_national_arrow(national: National) -> pa.Table:
    """The rows by site with the state of each chain; a site left out has a row with nothing in it."""
    table = to_arrow(national.table)
    chains = {site.name: site.chain.status for site in national.sites}
    sites = table[SITE].to_pylist()
    table = table.add_column(1, "chain", pa.array([chains[name] for name in sites], pa.string()))
    missing = {
        SITE: [each.name for each in national.left_out],
        "chain": [f"left out: {e.chain.status}" for e in national.left_out],
    }
    return pa.concat_tables(
        [table, pa.table(missing, schema=pa.schema([(n, pa.string()) for n in missing]))], promote_options="default"
    )


def to_national_csv(national: National) -> str:
    """The same as CSV with a head line (RFC 4180); what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    arrow = to_national_arrow(national).drop_columns(["incident_ids"])
    writer.writerow(arrow.column_names)
    for row in arrow.to_pylist():
        writer.writerow([cell_text(value) for value in row.values()])
    return out.getvalue()


def left_out_words(each: LeftOut) -> str:
    """One site that is in no figure, in a sentence."""
    said = ""
    if each.said is not None:
        counts = f"{each.said.attempts:,} attempts of {each.said.incidents:,} incidents"
        said = f" It says of itself {counts}; nothing vouches for them."
    return f"Not counted: {each.name} ({each.store}): {each.why}.{said}"


def _left_out_words(left_out: Sequence[LeftOut]) -> list[str]:
    words = [left_out_words(each) for each in left_out[:_LEFT_OUT]]
    if len(left_out) > _LEFT_OUT:
        words.append(f"Not counted either: {len(left_out) - _LEFT_OUT} more sites, named in HTML, CSV and JSON.")
    return words


def _period(national: National) -> str:
    first = min(site.report.from_ns for site in national.sites)
    last = max(site.report.to_ns for site in national.sites)
    return f"{utc_words(first)} to {utc_words(last)}; each site over its own part of it, in its own time zone"


def _counted(member: Member) -> list[Known]:
    facts = member.facts
    return [each for each in facts.known if facts.from_ns <= each.incident.raised_ns < facts.to_ns]


def _site_cells(site: SiteReport) -> tuple[str, ...]:
    return (site.name, site.chain.status, *section_cells(site.report.table.total))


def _notes(national: National) -> tuple[str, ...]:
    total = national.table.total
    heads = "; ".join(f"{site.name} {site.report.head}" for site in national.sites[:_SITES])
    notes = [
        "A rate is all attempts over all watched kilometre-days of the sites counted; no share is ever averaged.",
        f"{ASSUMPTION} It is made for each site and added up; its interval is that of chance alone.",
        f"Left out of all counts: {total.withdrawn} withdrawn and {total.merged} merged incidents.",
        f"Left out as sites: {len(national.left_out)}. Heads of the records: {heads}.",
    ]
    if len(national.sites) > _SITES:
        notes.insert(
            1, f"The {_SITES} busiest of {len(national.sites)} sites are shown; all are in HTML, CSV and JSON."
        )
    return tuple(notes)


def _site_html(site: SiteReport, member: Member, by: Sequence[str]) -> str:
    report = site.report
    clock = LocalTime(report.timezone)
    known = {each.incident.id: each for each in member.facts.known}
    rows = "".join(_row_html(row, known, clock) for row in report.table.rows if row.ids or row.detections)
    quiet = sum(not row.ids and not row.detections for row in report.table.rows)
    total = report.table.total
    words = f"{total.attempts:,} attempts of {total.incidents:,} incidents; not watched {share_words(total)}"
    about = (
        f"<p>{escape(period_words(report))} ({escape(report.timezone)}), as known at {utc_words(report.as_of_ns)}. "
        f"{escape(site.chain.text)}. Head {escape(report.head)}. Store {escape(site.store)}.</p>"
    )
    nothing = (
        f"<p>{quiet} more rows by {escape(', '.join(by) or 'nothing')} in which nothing came.</p>" if quiet else ""
    )
    name = f"<b>{escape(site.name)}</b> {escape(words)} <i>{escape(site.chain.status)}</i>"
    return f"<details><summary>{name}</summary>{about}{rows}{nothing}</details>"


def _row_html(row: Row, known: dict[str, Known], clock: LocalTime) -> str:
    keys = " · ".join(row.keys.values()) or "all"
    rate = "" if row.rate is None else f", {row.rate:.3g} ({row.rate_low:.3g} to {row.rate_high:.3g}) a watched km day"
    words = (
        f"{row.attempts:,} attempts, {row.persons_low:,} to {row.persons_high:,} persons, {row.returns:,} returns, of "
        f"{row.incidents:,} incidents{rate}; not watched {share_words(row)}"
    )
    incidents = [each.incident for each in opened(row, "incidents", known)]
    lines = "".join(_incident_html(incident, clock) for incident in incidents[:_MOST])
    more = f"<p>{len(incidents) - _MOST} more are in JSON.</p>" if len(incidents) > _MOST else ""
    table = f"<table><thead><tr>{_INCIDENT_HEAD}</tr></thead><tbody>{lines}</tbody></table>{more}" if lines else ""
    return f"<details><summary><b>{escape(keys)}</b> {escape(words)}</summary>{table}</details>"


def _incident_html(incident: Incident, clock: LocalTime) -> str:
    cells = (
        clock.text(incident.raised_ns),
        incident.id,
        f"{incident.section or incident.line} {incident.chainage_m / 1000:.3f} km",
        incident.kind.replace("_", " "),
        f"{incident.count_low} to {incident.count_high}",
        incident.outcome.replace("_", " "),
        incident.state.replace("_", " "),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _left_out_html(each: LeftOut) -> str:
    return f"<p class=out role=note>{escape(left_out_words(each))}</p>"


_INCIDENT_HEAD: Final = "".join(
    f"<th scope=col>{name}</th>" for name in ("Raised", "Incident", "Where", "Kind", "Persons", "Outcome", "State")
)
_STYLE: Final = (
    "h2{font-size:12pt;margin:4mm 0 1mm}details{border-left:2px solid #d5dde4;padding-left:3mm;margin:1mm 0}"
    "summary{cursor:pointer}summary i{color:#5b6b7a}.out{border:2px solid #a4262c;padding:2mm 3mm;margin:1mm 0}"
)
