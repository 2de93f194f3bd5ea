"""Erase what has been kept as long as the rules allow; on the record, and so that the chains still verify."""

import argparse
import json
from pathlib import Path

from linewatch.cli.times import time_ns_of
from linewatch.clock import WallClock
from linewatch.store.notes import Erasure
from linewatch.store.reopening import reopen_journal
from linewatch.store.retention import Rules, plan, read_rules, retain


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store that no watch is writing")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="days by kind (TOML); defaults in docs/archive.md")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would go")
    parser.add_argument("--now", metavar="TIME", help="count age from this time (ISO 8601, UTC; default: the clock)")


def run(args: argparse.Namespace) -> int:
    """0 when it is done."""
    rules = Rules() if args.rules is None else read_rules(args.rules)
    now_ns = WallClock().now_ns() if args.now is None else time_ns_of(args.now, "--now")
    if args.dry_run:
        due = plan(args.store, now_ns, rules)
    else:
        with reopen_journal(args.store) as journal:
            due = retain(journal, now_ns, rules)
    if args.json:
        print(json.dumps([_plain(each) for each in due]))
        return 0
    for each in due:
        piece = f" ({each.piece})" if each.piece else ""
        print(f"{each.reason}: {_entries(each)} entries{piece}, {len(each.files)} files")
    if not due:
        print("nothing is due")
    return 0


def _plain(erasure: Erasure) -> dict[str, object]:
    return {
        "reason": erasure.reason,
        "chain": erasure.chain,
        "piece": erasure.piece,
        "entries": _entries(erasure),
        "files": len(erasure.files),
    }


def _entries(erasure: Erasure) -> int:
    return sum(last - first + 1 for first, last in erasure.ranges)
