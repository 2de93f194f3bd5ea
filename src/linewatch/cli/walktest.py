"""Score passes of a walk test against a store, and keep what they say of detection: somebody crossed on purpose."""

import argparse
import json
from pathlib import Path
from typing import Any, Final, get_args

from linewatch.app import walk_tests
from linewatch.app.watch_link import WatchLink
from linewatch.cli.times import time_ns_of
from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.records import WalkTest
from linewatch.records.vocabulary import Gait, Mover, Role
from linewatch.site.load import load_site
from linewatch.site.walk_passes import Pass, PassScore
from linewatch.site.walk_test import clopper_pearson
from linewatch.store.users import open_users

_LEAST_M: Final = 25.0  # a test speaks for the sensors there, not for one metre


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="store of the watch that saw the test")
    parser.add_argument("--passes", type=Path, required=True, metavar="CSV", help="time,chainage_m of every crossing")
    parser.add_argument("--role", required=True, choices=get_args(Role), help="role of whoever walked, never a name")
    parser.add_argument("--mover", default="person", choices=get_args(Mover), help="what moved (default: person)")
    parser.add_argument("--gait", default="walk", choices=get_args(Gait), help="how (default: walk)")
    parser.add_argument("--how", default="", help="more on how it was walked, in words")
    parser.add_argument("--line", help="line that was crossed (default: the first)")
    parser.add_argument("--from", dest="from_m", type=float, metavar="M", help="start of the stretch it speaks for")
    parser.add_argument("--to", dest="to_m", type=float, metavar="M", help="end of the stretch it speaks for")
    parser.add_argument("--no-keep", action="store_true", help="score only; do not add it to the site's walk tests")
    parser.add_argument("--report", action="store_true", help="tell the running watch, and mark what rose an exercise")


def run(args: argparse.Namespace) -> int:
    """0 when it was scored, 1 when the watch refused what it was told."""
    site = load_site(args.site)
    lines = {line.id: line for line in site.lines}
    line = args.line or site.lines[0].id
    if line not in lines:
        raise InputError(f"--line: found {line!r}; allowed: {', '.join(lines)}")
    passes = walk_tests.read_passes(args.passes, lines[line].length_m, time_ns_of)
    score = walk_tests.score_store(args.store, line, passes)
    test = _test(args, line, lines[line].length_m, passes, score)
    kept = None if args.no_keep else walk_tests.keep(site, test)
    refused = _report(args, test, score) if args.report else []
    low, high = clopper_pearson(test.found, test.passes)
    told = {
        "line": line,
        "from_m": test.from_m,
        "to_m": test.to_m,
        "passes": test.passes,
        "found": test.found,
        "pd": test.found / test.passes,
        "pd_low": low,
        "pd_high": high,
        "raised": sum(score.raised),
        "exercise": list(score.incidents),
        "controls": score.controls,
        "controls_found": score.controls_found,
        "kept": None if kept is None else str(kept),
        "refused": refused,
    }
    print(json.dumps(told)) if args.json else _print(told, passes, score)
    return 1 if refused else 0


def _test(args: argparse.Namespace, line: str, length_m: float, passes: tuple[Pass, ...], score: PassScore) -> WalkTest:
    places_m = [one.chainage_m for one in passes]
    from_m = max(min(places_m) - _LEAST_M, 0.0) if args.from_m is None else args.from_m
    to_m = min(max(places_m) + _LEAST_M, length_m) if args.to_m is None else args.to_m
    if not 0.0 <= from_m <= min(places_m) or not max(places_m) <= to_m <= length_m:
        allowed = f"0 to {length_m:g}, around all passes ({min(places_m):g} to {max(places_m):g})"
        raise InputError(f"--from, --to: found {from_m:g} to {to_m:g}; allowed: {allowed}")
    return WalkTest(
        line=line,
        from_m=from_m,
        to_m=to_m,
        start_ns=passes[0].time_ns,
        end_ns=passes[-1].time_ns,
        mover=args.mover,
        passes=len(passes),
        found=sum(score.found),
        gait=args.gait,
        role=args.role,
        how=args.how,
    )


def _report(args: argparse.Namespace, test: WalkTest, score: PassScore) -> list[str]:
    clock = WallClock()
    users = open_users(args.store)
    link = WatchLink(args.store, users, clock)
    refused = []
    for act in walk_tests.acts_of(test, score, args.role, clock.now_ns()):
        answer = link.offer(act, walk_tests.person())
        if answer.seq is None:
            refused.append(f"{act.move} {act.incident}".strip() + f": {answer.reason}")
    return refused


def _print(told: dict[str, Any], passes: tuple[Pass, ...], score: PassScore) -> None:
    share = f"{told['found']} of {told['passes']} found: Pd {told['pd']:.2f}"
    print(f"{told['line']} {told['from_m']:.0f}-{told['to_m']:.0f} m: {share}")
    print(f"  95 % interval {told['pd_low']:.2f} to {told['pd_high']:.2f} (Clopper-Pearson)")
    print(f"  {told['raised']} raised an incident; beside the passes {told['controls_found']} of {told['controls']}")
    for one, found in zip(passes, score.found, strict=True):
        if not found:
            print(f"  not found: {one.chainage_m:.0f} m")
    for incident in told["exercise"]:
        print(f"  exercise: {incident}")
    if told["kept"]:
        print(f"kept in {told['kept']}: coverage counts it from now on")
    for line in told["refused"]:
        print(f"refused: {line}")
