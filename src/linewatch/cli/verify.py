"""Check that a store's chains of records are whole; with an outside head, that they are the ones of that day."""

import argparse
import sys
from pathlib import Path

import msgspec

from linewatch.errors import InputError
from linewatch.store.head import read_anchor
from linewatch.store.verify import verify


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store")
    parser.add_argument("--against", metavar="HEAD", help="a head lodged outside: its file, or its short code")


def run(args: argparse.Namespace) -> int:
    """0 when all holds, 1 when something does not."""
    verdict = verify(args.store, None if args.against is None else read_anchor(_text(args.against)))
    if args.json:
        print(msgspec.json.encode(verdict).decode())
        return 1 if verdict.status == "broken" else 0
    print(verdict.text, file=sys.stderr if verdict.status == "broken" else sys.stdout)
    for line in (*verdict.breaks, *verdict.remarks):
        print(f"  {line}")
    return 1 if verdict.status == "broken" else 0


def _text(given: str) -> str:
    """The head itself, or what stands in the file of that name."""
    path = Path(given)
    if not path.is_file():
        return given
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--against: found {given} that cannot be read ({error}); allowed: a head or its code"
        ) from None
