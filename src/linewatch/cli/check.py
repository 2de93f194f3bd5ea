"""Validate a site: every problem at once, with file, key, what was found and what is allowed."""

import argparse
import json
import sys

from linewatch.app.check import check


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")


def run(args: argparse.Namespace) -> int:
    """0 when nothing is wrong, 2 otherwise."""
    site, problems = check(args.site)
    if args.json:
        print(json.dumps({"site": site.name if site else None, "problems": [p._asdict() for p in problems]}))
    elif site is not None and not problems:
        length_km = sum(line.length_m for line in site.lines) / 1000
        sections = sum(len(line.sections) for line in site.lines)
        print(f"{site.name}: good. {length_km:.3f} km, {sections} sections, {len(site.sensors)} sensors")
    else:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f"{len(problems)} problem{'s' * (len(problems) != 1)}", file=sys.stderr)
    return 2 if problems else 0
