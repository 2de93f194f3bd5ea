"""Where the next sensors do most, and what it costs to take one away."""

import argparse
import json

from linewatch.errors import InputError
from linewatch.site.coverage import Coverage
from linewatch.site.load import load_site
from linewatch.site.planner import plan, plan_json, removal_costs
from linewatch.site.single_failure import failures_json

_SHOWN = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("--line", help="line to plan for (default: the first)")
    parser.add_argument("--budget", type=float, metavar="COST", help="what may be spent; without it, up to the target")
    parser.add_argument("--target", type=float, default=0.9, metavar="PD", help="detection probability to reach")
    parser.add_argument("--removals", action="store_true", help="also tell what removing each sensor would cost")


def run(args: argparse.Namespace) -> int:
    """0 when a plan was made."""
    site = load_site(args.site)
    lines = [line.id for line in site.lines]
    line = args.line or lines[0]
    if line not in lines:
        raise InputError(f"--line: found {line!r}; allowed: {', '.join(lines)}")
    field = Coverage(site, line)
    try:
        made = plan_json(plan(field, budget=args.budget, target_pd=args.target))
    except ValueError as error:
        raise InputError(f"plan: {error}") from None
    if args.removals:
        made["removals"] = failures_json(removal_costs(field), _SHOWN)
    if args.json:
        print(json.dumps(made))
        return 0
    print(f"not watched: {made['not_watched_before_m']:.0f} m before, {made['not_watched_after_m']:.0f} m after")
    print(f"{len(made['placements'])} sensors for {made['cost']:g}; {made['candidates']} places were tried")
    for placement in made["placements"][:_SHOWN]:
        print("  " + ", ".join(f"{key} {value}" for key, value in placement.items()))
    return 0
