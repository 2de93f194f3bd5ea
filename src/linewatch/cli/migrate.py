"""Bring a store that an older version wrote to the schema of this one; the old database is kept beside it."""

import argparse
import json
from pathlib import Path

from linewatch.store.migrate import migrate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store that no watch is writing")


def run(args: argparse.Namespace) -> int:
    """0 when the store has the schema of this version."""
    done = migrate(args.store)
    if args.json:
        print(json.dumps(done._asdict()))
    elif done.kept:
        print(f"schema {done.found} became {done.now}; the old database is kept as {done.kept}")
    else:
        print(f"schema {done.now}: nothing to do")
    return 0
