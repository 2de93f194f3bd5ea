"""Lodge the head of a store outside, so that nobody, not even its owner, can rewrite what was before it."""

import argparse
from pathlib import Path

import msgspec

from linewatch.app.lodging import lodge
from linewatch.errors import InputError
from linewatch.store.stamp import check_stamp


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store; with --check, a head file that was lodged")
    parser.add_argument(
        "--to", action="append", default=[], metavar="PLACE", help="a folder elsewhere, or http(s)://..."
    )
    parser.add_argument("--authority", default="", metavar="URL", help="have the time stamped there (RFC 3161)")
    parser.add_argument("--token-file", type=Path, help="token for web addresses")
    parser.add_argument(
        "--check", type=Path, metavar="ROOTS", help="check the stamp beside a head file, by these roots"
    )


def run(args: argparse.Namespace) -> int:
    """0 when it was lodged, or the stamp holds."""
    if args.check is not None:
        stamp = args.store.with_suffix(".tsr")
        moment = check_stamp(_read(args.store), _read(stamp), args.check, str(stamp))
        print(f"{args.store}: existed at {moment:%Y-%m-%d %H:%M:%S} UTC, says the authority")
        return 0
    token = "" if args.token_file is None else _read(args.token_file).decode().strip()
    done = lodge(args.store, tuple(args.to), authority=args.authority, token=token)
    if args.json:
        print(msgspec.json.encode(done).decode())
        return 0
    print(done.code)
    for place in done.places:
        print(f"  lodged: {place}")
    if done.stamped:
        print(f"  stamped: {done.stamped}")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; allowed: a file that can be read") from error
