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
    checked = check(args.site)
    if args.json:
        name = checked.site.name if checked.site else None
        problems = [problem._asdict() for problem in checked.problems]
        print(json.dumps({"site": name, "problems": problems, "notes": list(checked.notes)}))
    else:
        print(checked, file=sys.stderr if checked.problems else sys.stdout)
    return 2 if checked.problems else 0
