"""Which metres are watched, how well, on what basis, and why not: by the plan, or as a store knew it at a time."""

import argparse
import json
from pathlib import Path

import msgspec

from linewatch.app.conditions import conditions_of
from linewatch.app.walk_tests import walk_tests_of
from linewatch.cli.times import time_ns_of
from linewatch.errors import InputError
from linewatch.site.coverage import Coverage
from linewatch.site.coverage_report import coverage_at, coverage_json
from linewatch.site.load import load_site
from linewatch.site.strip_chart import strip_chart

_SHOWN = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("--line", help="line to look at (default: the first)")
    parser.add_argument("--at", metavar="TIME", help="time (ISO 8601, UTC): its light, and what --store knew then")
    parser.add_argument("--store", type=Path, metavar="DIR", help="store whose outages and weather count")
    parser.add_argument("--metre", type=float, metavar="M", help="also tell why this metre is watched as it is")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a strip chart")


def run(args: argparse.Namespace) -> int:
    """0 when it could be computed."""
    site = load_site(args.site)
    lines = {line.id: line for line in site.lines}
    line = args.line or site.lines[0].id
    if line not in lines:
        raise InputError(f"--line: found {line!r}; allowed: {', '.join(lines)}")
    if args.metre is not None and not 0 <= args.metre <= lines[line].length_m:
        raise InputError(f"--metre: found {args.metre:g}; allowed: 0 to {lines[line].length_m:g}")
    outages, weather = conditions_of(args.store) if args.store else ((), ())
    time_ns = None if args.at is None else time_ns_of(args.at, "--at")
    coverage = coverage_at(
        site, line, time_ns=time_ns, outages=outages, weather=weather, walk_tests=walk_tests_of(site)
    )
    if args.svg is not None:
        _draw(coverage, args.svg)
    if args.json:
        told = coverage_json(coverage)
        if args.metre is not None:
            told["metre"] = msgspec.to_builtins(coverage.at(args.metre))
        print(json.dumps(told))
    else:
        _print(coverage, args)
    return 0


def _draw(coverage: Coverage, file: Path) -> None:
    try:
        file.write_text(strip_chart(coverage), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--svg: {file}: {error.strerror}; allowed: a file that can be written") from None


def _print(coverage: Coverage, args: argparse.Namespace) -> None:
    told = coverage_json(coverage)
    person = told["movers"]["person_walking"]
    weakest = person["weakest_kilometre"]
    length_m = coverage.line.length_m
    print(f"{coverage.site.name}, line {coverage.line.id}: {length_m / 1000:.3f} km, for a person walking")
    for name, state in (("watched", "watched_m"), ("weak", "weak_m"), ("not watched", "not_watched_m")):
        print(f"  {name:<12} {person[state]:>9.0f} m  ({100 * person[state] / length_m:.2f} %)")
    print(
        f"  weakest kilometre: from {weakest['from_m']:.0f} m near {weakest['place']}, mean Pd {weakest['mean_pd']:.3f}"
    )
    for gap in sorted(coverage.gaps(), key=lambda g: g.from_m - g.to_m)[:_SHOWN]:
        print(f"  {gap.state.replace('_', ' ')}: {gap.from_m:.0f}-{gap.to_m:.0f} m near {gap.place}: {gap.why}")
    for failure in told["single_failures"]["worst"][:_SHOWN]:
        lost = f"{failure['lost_m']:.0f} m would not be watched"
        print(
            f"  if {failure['kind'].replace('_', ' ')} {failure['name']} fails ({failure['sensors']} sensors): {lost}"
        )
    if args.metre is not None:
        view = coverage.at(args.metre)
        print(f"  at {view.chainage_m:.0f} m, {view.terrain}, near {view.place}: {view.why}")
    if args.svg is not None:
        print(f"drawn: {args.svg}")
