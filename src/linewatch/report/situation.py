"""The situation on one page: what came, what became of it, how well it was watched, how sure that is."""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from linewatch.records import Incident
from linewatch.report.facts import Facts, stands, within
from linewatch.report.picture import Picture, bars, to_svg
from linewatch.report.report import Report, period_words, utc_words
from linewatch.report.table import ASSUMPTION, Row, tabulate
from linewatch.report.trend import Change
from linewatch.report.watching import Watching

_SECTIONS: Final = 8
_OPEN: Final = frozenset({"raised", "acknowledged", "assessed", "responding", "returned", "shelved"})


class Situation(NamedTuple):
    """Everything on the page, as words."""

    title: str
    """Site and what this is."""
    period: str
    """Period and moment as of which it was known."""
    figures: tuple[tuple[str, str, str], ...]
    """Name, value and what qualifies it."""
    findings: tuple[str, ...]
    """Sentences."""
    head: tuple[str, ...]
    """Head of the table of sections."""
    sections: tuple[tuple[str, ...], ...]
    """Its rows, the busiest first."""
    picture: Picture
    """Attempts over time."""
    notes: tuple[str, ...]
    """What has to be known to read the page rightly."""


def situation_of(facts: Facts, report: Report) -> Situation:
    """The page for these facts; `report` is the one of the same facts, by some span of time."""
    watching = Watching(facts)
    by_section = tabulate(facts, ["line", "section"], watching)
    busiest = sorted(by_section.rows, key=lambda row: (-row.attempts, row.keys["line"], row.keys["section"]))
    total = report.table.total
    return Situation(
        title=f"{report.site}: situation report",
        period=f"{period_words(report)}, as known at {utc_words(report.as_of_ns)}",
        figures=figures_of([known.incident for known in within(facts.known, facts.from_ns, facts.to_ns)], total),
        findings=_findings(report),
        head=("Line", "Section", "Attempts", "Persons", "Returns", "Rate / km day", "Not watched"),
        sections=tuple(_section(row) for row in busiest[:_SECTIONS]),
        picture=bars(report.table, width=720, height=230),
        notes=_notes(facts, report, len(busiest)),
    )


def to_html(page: Situation) -> str:
    """The page as HTML that opens offline and prints on one sheet."""
    cards = "".join(
        f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span><i>{escape(beside)}</i></div>'
        for name, value, beside in page.figures
    )
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in page.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in page.sections)
    findings = "".join(f"<li>{escape(words)}</li>" for words in page.findings)
    notes = "".join(f"<p>{escape(words)}</p>" for words in page.notes)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(page.title)}</h1>"
        f'<p class="period">{escape(page.period)}</p><section class="cards" aria-label="Figures">{cards}</section>'
        f"<figure>{to_svg(page.picture)}</figure><ul>{findings}</ul>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"<footer>{notes}</footer></main></body></html>\n"
    )


def figures_of(incidents: Sequence[Incident], total: Row) -> tuple[tuple[str, str, str], ...]:
    """Name, value and what qualifies it, of all incidents of a period and their total."""
    standing = [incident for incident in incidents if stands(incident)]
    waiting = sum(incident.state in _OPEN for incident in standing)
    distress = sum(incident.concern == "distress" for incident in standing)
    watched = share_words(total)
    rate = "unknown" if total.rate is None else f"{total.rate:.3g}"
    between = "" if total.rate is None else f"{total.rate_low:.3g} to {total.rate_high:.3g} (95 %)"
    corrected = "unknown" if total.corrected is None else f"{total.corrected:,.0f}"
    span = "" if total.corrected is None else f"{total.corrected_low:,.0f} to {total.corrected_high:,.0f}; see note"
    return (
        ("attempts", f"{total.attempts:,}", f"of {total.incidents:,} incidents"),
        ("persons in them", f"{total.persons_low:,} to {total.persons_high:,}", "lowest and highest counts"),
        ("returns", f"{total.returns:,}", _outcomes(total)),
        ("distress", f"{distress:,}", f"{waiting:,} incidents still open"),
        ("attempts / km day watched", rate, between),
        ("not watched", watched, f"{total.unwatched_metre_hours or 0:,.0f} metre-hours"),
        ("attempts, corrected", corrected, span),
        ("detections", f"{total.detections or 0:,}", f"{total.detections_late or 0:,} late; no attempts by themselves"),
    )


def _findings(report: Report) -> tuple[str, ...]:
    out = []
    if report.trend is not None:
        out.append(f"{report.trend.words} Note: {report.trend.seasonality}")
    else:
        out.append("Too few whole days for a trend.")
    if report.displacement is not None:
        moved = report.displacement
        places = ", ".join(f"{section} ({ratio.ratio:.1f} times)" for _, section, ratio in moved.gained)
        out.append(moved.words + (f" Most gained: {places}." if places and moved.sure else ""))
    return (*out, *map(_change, report.changes[-2:]))


def _change(change: Change) -> str:
    ratio = change.ratio
    return (
        f"The rate changed on {change.day}: from {change.before:.3g} to {change.after:.3g} attempts a watched "
        f"kilometre and day ({ratio.ratio:.2f} times, {ratio.low:.2f} to {ratio.high:.2f})."
    )


def _notes(facts: Facts, report: Report, sections: int) -> tuple[str, ...]:
    total = report.table.total
    notes = [
        f"{ASSUMPTION} Its interval is that of chance alone.",
        f"Left out of all counts: {total.withdrawn} withdrawn and {total.merged} merged incidents.",
        f"Opened or changed by late evidence: {total.late}. Raised or changed after this moment: {report.later}.",
    ]
    if report.not_running_hours > 0:
        notes.append(f"Nothing ran for {report.not_running_hours:.1f} hours of the period; they count as not watched.")
    if sections > _SECTIONS:
        notes.append(f"The {_SECTIONS} busiest of {sections} sections are shown.")
    notes.append(
        f"Head of the record: {facts.head}. `linewatch verify STORE --against` this code tells if it is whole."
    )
    return tuple(notes)


def _section(row: Row) -> tuple[str, ...]:
    return (row.keys["line"], row.keys["section"], *section_cells(row))


def section_cells(row: Row) -> tuple[str, ...]:
    """Attempts, persons, returns, rate and share not watched."""
    rate = "unknown" if row.rate is None else f"{row.rate:.3g} ({row.rate_low:.3g} to {row.rate_high:.3g})"
    persons = f"{row.persons_low:,} to {row.persons_high:,}"
    return (f"{row.attempts:,}", persons, f"{row.returns:,}", rate, share_words(row))


def share_words(row: Row) -> str:
    """The share of its metre-hours in which nobody was watching."""
    if not row.metre_hours or row.unwatched_metre_hours is None:
        return "unknown"
    return f"{100 * row.unwatched_metre_hours / row.metre_hours:.1f} %"


def _outcomes(row: Row) -> str:
    words = [f"{name.replace('_', ' ')} {count:,}" for name, count in row.outcomes.items()]
    return ", ".join(words)


_STYLE: Final = (
    "@page{size:A4;margin:12mm}body{font:10pt/1.35 system-ui,'Segoe UI',Arial,sans-serif;color:#1d2733;margin:0;"
    "background:#fff}main{max-width:190mm;margin:0 auto;padding:4mm}h1{font-size:17pt;margin:0}"
    ".period{margin:1mm 0 3mm;color:#5b6b7a}.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:2mm}"
    ".card{border:1px solid #d5dde4;border-radius:2mm;padding:2mm 3mm;display:flex;flex-direction:column}"
    ".card b{font-size:14pt}.card i{font-style:normal;color:#5b6b7a;font-size:8pt}figure{margin:3mm 0}"
    "figure svg{width:100%;height:auto}ul{margin:2mm 0;padding-left:5mm}table{border-collapse:collapse;width:100%;"
    "font-size:9pt}th,td{text-align:left;padding:.8mm 2mm;border-bottom:1px solid #d5dde4}"
    "footer{color:#5b6b7a;font-size:8pt;margin-top:2mm}footer p{margin:.6mm 0}"
)
