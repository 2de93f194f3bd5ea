"""Copy a store while it is written, to a new folder or over an older copy; the copy is verified."""

import argparse
import json
from pathlib import Path

from linewatch.store.copying import backup


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store")
    parser.add_argument("copy", type=Path, help="a new folder, or an older copy of the same store")


def run(args: argparse.Namespace) -> int:
    """0 when the copy is whole."""
    done = backup(args.store, args.copy)
    if args.json:
        print(json.dumps(done._asdict()))
    else:
        print(f"{args.copy}: {done.records} records, {done.files} files copied, {done.removed} erased ones removed")
    return 0
