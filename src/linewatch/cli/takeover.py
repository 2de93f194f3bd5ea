"""Make a standby the store that is written: the first machine is gone, and the time since counts as unwatched."""

import argparse
import json
from pathlib import Path

from linewatch.app.settings_history import moment
from linewatch.app.standing_by import take_over


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of the follower")


def run(args: argparse.Namespace) -> int:
    """0 when the store may be written."""
    last = take_over(args.store)
    if args.json:
        print(json.dumps({"address": last.address, "heard_ns": last.heard_ns, "records": last.records}))
        return 0
    print(f"taken over from {last.address} with {last.records} records, last heard of at {moment(last.heard_ns)}")
    print("start the watch on this store now; the time until its first tick counts as unwatched")
    return 0
