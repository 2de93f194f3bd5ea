"""Counts, rates and trends of a store, each beside the time in which nobody was watching, as known at any moment."""

import argparse
from pathlib import Path
from typing import Final

from linewatch.app.national import Period
from linewatch.app.reporting import facts_of
from linewatch.cli.national import report_nation
from linewatch.cli.printing import incident_line
from linewatch.cli.times import time_ns_of
from linewatch.errors import InputError
from linewatch.report.facts import Facts
from linewatch.report.picture import bars, to_png, to_svg
from linewatch.report.report import Report, open_figure, period_words, report_of, to_csv, to_json, to_parquet, utc_words
from linewatch.report.sheet import to_pdf
from linewatch.report.situation import situation_of, to_html
from linewatch.report.table import DIMENSIONS, FIGURES, Row
from linewatch.site.load import load_site

_SHOWN: Final = 40
_SUFFIXES: Final = (".csv", ".parquet", ".json", ".svg", ".png", ".html", ".pdf")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, nargs="+", help="folder of a store; of several: one report over all sites")
    parser.add_argument("--by", default="month", help=f"dimensions, with commas: {', '.join(DIMENSIONS)}")
    parser.add_argument("--as-of", metavar="TIME", help="as it was known at this time (ISO 8601, UTC)")
    parser.add_argument("--from", dest="begin", metavar="TIME", help="begin of the period (default: all)")
    parser.add_argument("--to", dest="end", metavar="TIME", help="end of the period")
    parser.add_argument("--trend", type=int, metavar="DAYS", help="compare the last days with as many before")
    parser.add_argument("--open", metavar="KEY=VALUE,...", help="the incidents behind a row; empty for the total")
    parser.add_argument("--figure", default="attempts", help=f"with --open: {', '.join(FIGURES)}")
    parser.add_argument(
        "--against", action="append", default=[], metavar="STORE=HEAD",
        help="with several stores: a head of one, lodged outside (may be repeated)",
    )  # fmt: skip
    parser.add_argument("--site", help="site, for a store that does not describe its own")
    parser.add_argument(
        "--out", type=Path, action="append", default=[], metavar="FILE",
        help="also write this (may be repeated): .csv .parquet .json table, .svg .png picture, .html .pdf one page",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """0 when it could be told."""
    for path in args.out:
        if path.suffix not in _SUFFIXES:
            raise InputError(f"--out: found {path.name!r}; allowed: a file ending in {', '.join(_SUFFIXES)}")
    times = {
        option: None if text is None else time_ns_of(text, option)
        for option, text in (("--as-of", args.as_of), ("--from", args.begin), ("--to", args.end))
    }
    by = [name for name in args.by.split(",") if name]
    if len(args.store) > 1:
        keys = None if args.open is None else _keys(args.open)
        return report_nation(args, Period(times["--from"], times["--to"], times["--as-of"]), by, keys)
    if args.against:
        raise InputError("--against: found with one store; allowed: with several (of one: linewatch verify --against)")
    facts = facts_of(
        args.store[0],
        site=None if args.site is None else load_site(args.site),
        as_of_ns=times["--as-of"],
        from_ns=times["--from"],
        to_ns=times["--to"],
    )
    report = report_of(facts, by, trend_days=args.trend)
    for path in args.out:
        _write(path, facts, report)
    if args.open is not None:
        for known in open_figure(facts, report, _keys(args.open), args.figure):
            print(incident_line(known.incident))
    elif args.json:
        print(to_json(report), end="")
    else:
        _print(report)
        for path in args.out:
            print(f"written: {path}")
    return 0


def _write(path: Path, facts: Facts, report: Report) -> None:
    made = {
        ".csv": lambda: to_csv(report.table).encode(),
        ".parquet": lambda: to_parquet(report.table),
        ".json": lambda: to_json(report).encode(),
        ".svg": lambda: to_svg(bars(report.table)).encode(),
        ".png": lambda: to_png(bars(report.table)),
        ".html": lambda: to_html(situation_of(facts, report)).encode(),
        ".pdf": lambda: to_pdf(situation_of(facts, report), report.as_of_ns),
    }[path.suffix]()
    try:
        path.write_bytes(made)
    except OSError as error:
        raise InputError(f"--out: {path}: {error.strerror}; allowed: a file that can be written") from None


def _keys(text: str) -> dict[str, str]:
    keys = {}
    for part in filter(None, text.split(",")):
        name, mark, value = part.partition("=")
        if not mark:
            raise InputError(f"--open: found {part!r}; allowed: KEY=VALUE, with the keys of --by")
        keys[name] = value
    return keys


def _print(report: Report) -> None:
    print(f"{report.site}, {period_words(report)}, as known at {utc_words(report.as_of_ns)}")
    names = (
        *report.table.by,
        "detections",
        "incidents",
        "attempts",
        "persons",
        "returns",
        "rate/km day",
        "not watched",
    )
    rows = [names, *(_cells(row) for row in report.table.rows[-_SHOWN:]), _cells(report.table.total, report.table.by)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(names))]
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    if len(report.table.rows) > _SHOWN:
        print(f"  the last {_SHOWN} of {len(report.table.rows)} rows; all with --json or --out FILE.csv")
    total = report.table.total
    if total.corrected is not None:
        print(f"corrected: {total.corrected:.0f} attempts ({total.corrected_low:.0f} to {total.corrected_high:.0f}).")
        print(f"  {report.table.assumption}")
    if report.trend is not None:
        print(f"trend: {report.trend.words}\n  {report.trend.seasonality}")
    if report.displacement is not None:
        print(f"displacement: {report.displacement.words}")
    for change in report.changes:
        print(f"change: on {change.day} from {change.before:.3g} to {change.after:.3g} attempts a watched km and day")
    print(f"late: {total.late}; withdrawn: {total.withdrawn}; merged: {total.merged}; changed since: {report.later}")
    print(f"head: {report.head}")


def _cells(row: Row, by: tuple[str, ...] = ()) -> tuple[str, ...]:
    keys = tuple(row.keys.values()) or ("total", *("" for _ in by[1:]))[: len(by)]
    rate = "?" if row.rate is None else f"{row.rate:.3g} ({row.rate_low:.3g}-{row.rate_high:.3g})"
    unwatched = "?" if not row.metre_hours else f"{100 * (row.unwatched_metre_hours or 0) / row.metre_hours:.1f} %"
    detections = "" if row.detections is None else str(row.detections)
    persons = f"{row.persons_low}-{row.persons_high}"
    return (*keys, detections, str(row.incidents), str(row.attempts), persons, str(row.returns), rate, unwatched)
