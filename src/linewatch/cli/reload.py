"""Let a running watch read its site again, without stopping it: sensors, settings, sources and notifiers."""

import argparse
import sys
from pathlib import Path

import msgspec

from linewatch.app.watch_link import reload


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="store of the watch")


def run(args: argparse.Namespace) -> int:
    """0 when it was taken up, 2 when all stayed as it was."""
    taken_up, said = reload(args.store)
    if args.json:
        print(msgspec.json.encode({"taken_up": taken_up, "said": said}).decode())
    elif taken_up:
        print(f"taken up; changed: {said}" if said != "nothing has changed" else said)
    else:
        print(f"linewatch reload: all stays as it was: {said}", file=sys.stderr)
    return 0 if taken_up else 2
