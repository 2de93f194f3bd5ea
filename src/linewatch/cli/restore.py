"""A store out of a copy that verifies, in a folder that holds none."""

import argparse
import json
from pathlib import Path

from linewatch.store.copying import restore


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("copy", type=Path, help="folder of a copy")
    parser.add_argument("store", type=Path, help="folder in which the store shall stand")


def run(args: argparse.Namespace) -> int:
    """0 when the store is whole."""
    done = restore(args.copy, args.store)
    if args.json:
        print(json.dumps(done._asdict()))
    else:
        print(f"{args.store}: {done.records} records, {done.files} files")
    return 0
