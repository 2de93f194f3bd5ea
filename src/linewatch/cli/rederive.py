"""Derive an exported incident again, from the inputs and samples in its bundle."""

import argparse
from pathlib import Path

import msgspec

from linewatch.app.rederiving import rederive


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("bundle", type=Path, help="folder written by `linewatch export`")


def run(args: argparse.Namespace) -> int:
    """0 when it is the same again, 1 when it differs or cannot be derived."""
    done = rederive(args.bundle)
    if args.json:
        print(msgspec.json.encode(done).decode())
    else:
        print(done.text)
        for line in done.clips:
            print(f"  {line}")
    return 0 if done.status == "same" else 1
