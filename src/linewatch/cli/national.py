"""How a report over many stores is made, written and printed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from linewatch.app.national import Period, gather
from linewatch.cli.printing import incident_line
from linewatch.errors import InputError
from linewatch.report.national import Member, National, national_of, open_national, to_json
from linewatch.report.national_page import (
    left_out_words,
    page_of,
    to_national_arrow,
    to_national_csv,
    to_national_html,
)
from linewatch.report.picture import bars, to_png, to_svg
from linewatch.report.report import parquet_of, utc_words
from linewatch.report.sheet import to_pdf
from linewatch.report.table import Row
from linewatch.store.head import Anchor, read_anchor

_SHOWN = 40


def report_nation(args: argparse.Namespace, period: Period, by: Sequence[str], keys: dict[str, str] | None) -> int:
    """0 when every store could be counted, 1 when one could not."""
    if args.site is not None or args.trend is not None:
        option = "--site" if args.site is not None else "--trend"
        raise InputError(f"{option}: found with {len(args.store)} stores; allowed: with one store")
    members, left_out = gather(args.store, period, _heads(args.against))
    national = national_of(members, left_out, by)
    for path in args.out:
        _write(path, members, national)
    if keys is not None:
        for site, known in open_national(members, national, keys, args.figure):
            line = msgspec.json.decode(incident_line(known.incident))
            print(msgspec.json.encode({"site": site, **line}).decode())
    elif args.json:
        print(to_json(national), end="")
    else:
        _print(national)
        for path in args.out:
            print(f"written: {path}")
    return 1 if left_out else 0


def _heads(given: Sequence[str]) -> dict[Path, Anchor]:
    heads = {}
    for text in given:
        folder, mark, head = text.partition("=")
        if not mark:
            raise InputError(f"--against: found {text!r}; allowed: STORE=HEAD, with a store as it is given")
        heads[Path(folder)] = read_anchor(head)
    return heads


def _write(path: Path, members: Sequence[Member], national: National) -> None:
    made = {
        ".csv": lambda: to_national_csv(national).encode(),
        ".parquet": lambda: parquet_of(to_national_arrow(national)),
        ".json": lambda: to_json(national).encode(),
        ".svg": lambda: to_svg(bars(national.sums)).encode(),
        ".png": lambda: to_png(bars(national.sums)),
        ".html": lambda: to_national_html(members, national).encode(),
        ".pdf": lambda: to_pdf(page_of(members, national), max(site.report.as_of_ns for site in national.sites)),
    }[path.suffix]()
    try:
        path.write_bytes(made)
    except OSError as error:
        raise InputError(f"--out: {path}: {error.strerror}; allowed: a file that can be written") from None


def _print(national: National) -> None:
    print(f"{len(national.sites)} sites counted, {len(national.left_out)} not")
    for site in national.sites:
        report = site.report
        print(f"  {site.name}: {utc_words(report.from_ns)} to {utc_words(report.to_ns)}; {site.chain.text}")
    names = ("incidents", "attempts", "persons", "returns", "rate/km day", "not watched")
    head = (*national.table.by, *names)
    rows = [head, *(_cells(row) for row in national.table.rows[-_SHOWN:])]
    if national.sums.by:
        shown = national.sums.rows[-_SHOWN:]
        rows += [("all sites", *(row.keys.get(name, "") for name in national.by), *_figures(row)) for row in shown]
    rows.append(("all sites", *("" for _ in national.by), *_figures(national.table.total)))
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    if len(national.table.rows) > _SHOWN:
        print(f"  the last {_SHOWN} of {len(national.table.rows)} rows by site; all with --json or --out FILE.csv")
    total = national.table.total
    if total.corrected is not None:
        print(f"corrected: {total.corrected:.0f} attempts ({total.corrected_low:.0f} to {total.corrected_high:.0f}).")
        print(f"  {national.table.assumption}")
    print(f"late: {total.late}; withdrawn: {total.withdrawn}; merged: {total.merged}")
    for each in national.left_out:
        print(left_out_words(each))


def _cells(row: Row) -> tuple[str, ...]:
    return (*row.keys.values(), *_figures(row))


def _figures(row: Row) -> tuple[str, ...]:
    rate = "?" if row.rate is None else f"{row.rate:.3g} ({row.rate_low:.3g}-{row.rate_high:.3g})"
    unwatched = "?" if not row.metre_hours else f"{100 * (row.unwatched_metre_hours or 0) / row.metre_hours:.1f} %"
    return (
        str(row.incidents),
        str(row.attempts),
        f"{row.persons_low}-{row.persons_high}",
        str(row.returns),
        rate,
        unwatched,
    )
