"""One incident as a bundle that stands alone: a page, its records and clips, and the proof that nothing was changed."""

import argparse
from pathlib import Path

import msgspec

from linewatch.app.exporting import export


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store")
    parser.add_argument("--incident", required=True, metavar="ID", help="id of the incident")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument(
        "--redacted", action="store_true", help="leave out who staff are, free text, pictures of people"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the bundle is written."""
    done = export(args.store, args.incident, args.out, redacted=args.redacted)
    if args.json:
        print(msgspec.json.encode(done).decode())
        return 0
    print(f"{done.folder}: incident {done.incident}, {done.clips} clips, {done.entries} entries of proof")
    print(f"  open {Path(done.folder) / 'index.html'}; check with: python3 {Path(done.folder) / 'check.py'}")
    print(f"  head: {done.code}")
    if done.rederive:
        print(f"  cannot be derived again: {done.rederive}")
    return 0
