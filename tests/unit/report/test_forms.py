"""A report as files: every form says the same, and the page for print is one page."""

import csv
import io
import re
from xml.etree import ElementTree as ET

import msgspec
import pyarrow.parquet as pq
import pytest
from PIL import Image

from linewatch.report.picture import bars, to_png, to_svg
from linewatch.report.report import open_figure, report_of, to_csv, to_json, to_parquet
from linewatch.report.sheet import to_pdf
from linewatch.report.situation import situation_of, to_html
from tests.unit.report.made import SITE, START_NS, attempt, facts, outage

FACTS = facts(
    [
        attempt(n, n * 0.37, section=f"S0{n % 3 + 1}", outcome="turned_back" if n % 4 == 0 else "crossed")
        for n in range(60)
    ],
    outages=(outage(3.0, 9.0),),
)
REPORT = report_of(FACTS, ["day", "section"])


def test_csv_parquet_and_json_hold_the_same_rows() -> None:
    read = list(csv.DictReader(io.StringIO(to_csv(REPORT.table))))
    table = pq.read_table(io.BytesIO(to_parquet(REPORT.table))).to_pylist()
    plain = msgspec.json.decode(to_json(REPORT))["table"]["rows"]
    assert len(read) == len(table) == len(plain) == len(REPORT.table.rows)
    for a, b, c in zip(read, table, plain, strict=True):
        assert (a["day"], a["section"], int(a["attempts"])) == (b["day"], b["section"], b["attempts"])
        assert (b["day"], b["attempts"], b["incident_ids"]) == (c["keys"]["day"], c["attempts"], c["ids"])
        assert b["outcome_turned_back"] == c["outcomes"].get("turned_back", 0)


def test_a_picture_is_svg_and_png_of_the_same_shapes() -> None:
    picture = bars(REPORT.table)
    root = ET.fromstring(to_svg(picture))  # noqa: S314 - our own
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Attempts by day" in words and any("not watched" in str(word) for word in words)
    image = Image.open(io.BytesIO(to_png(picture)))
    assert image.size == (1440, 600) and len(image.getcolors(1 << 20) or []) > 10


def test_the_page_holds_every_figure_with_what_qualifies_it() -> None:
    page = situation_of(FACTS, REPORT)
    html = to_html(page)
    assert html.startswith("<!doctype html>") and "http" not in re.sub(r"http://www.w3.org/2000/svg", "", html)
    for name, value, _ in page.figures:
        assert name in html and value in html
    assert "not watched" in html and FACTS.head in html and "assumes" in html
    assert page.sections[0][2] == str(max(int(row[2]) for row in page.sections))


def test_the_sheet_for_print_is_one_page_and_equal_reports_have_equal_bytes() -> None:
    page = situation_of(FACTS, REPORT)
    made = to_pdf(page, REPORT.as_of_ns)
    assert made.startswith(b"%PDF-") and b"/Count 1" in made
    assert made == to_pdf(page, REPORT.as_of_ns)


def test_the_sheet_can_be_made_without_the_fonts_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linewatch.report.sheet._FONTS", ())
    named = msgspec.structs.replace(FACTS, site=msgspec.structs.replace(SITE, name="Zażółć gęślą jaźń, Łódź"))
    assert b"/Count 1" in to_pdf(situation_of(named, report_of(named)), 0)


def test_a_figure_opens_by_its_keys() -> None:
    row = max(REPORT.table.rows, key=lambda each: each.attempts)
    found = open_figure(FACTS, REPORT, row.keys, "attempts")
    assert len(found) == row.attempts > 0
    assert len(open_figure(FACTS, REPORT, {}, "returns")) == REPORT.table.total.returns == 15


def test_a_report_of_a_short_time_has_no_trend_and_says_so() -> None:
    short = facts([attempt(1, 0.5)], days=1.0, gaps=((START_NS, START_NS + 3_600_000_000_000),))
    report = report_of(short)
    assert report.trend is None and report.not_running_hours == 1.0
    page = situation_of(short, report)
    assert "Too few whole days for a trend." in page.findings
    assert any("Nothing ran for 1.0 hours" in note for note in page.notes)
