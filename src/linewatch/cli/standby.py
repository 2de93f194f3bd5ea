"""Follow the journal of another machine, ready to take over; or, on that machine, let others follow."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from linewatch.app.standing_by import Followed, follow, follow_once, leader_at, serve
from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.store.reader import open_store

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of the follower; with --serve, of the store to be followed")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--follow", metavar="ADDRESS", help="http(s)://HOST:PORT of the first machine, or a folder")
    way.add_argument("--serve", metavar="HOST:PORT", help="let others follow this store")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="secret that both machines share")
    parser.add_argument("--once", action="store_true", help="take in what is new, then end")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate to serve with")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key")


def run(args: argparse.Namespace) -> int:
    """0 when it was told to end."""
    token = _token(args.token_file)
    if args.serve is not None:
        return _serve(args, token)
    leader = leader_at(args.follow, token)
    if args.once:
        _say(follow_once(args.store, leader, args.follow, WallClock()))
        return 0
    follow(args.store, leader, args.follow, on_news=_Changes().show)
    return 0


class _Changes:
    """Says when something has changed, and not every second."""

    def __init__(self) -> None:
        self._problem: str | None = None

    def show(self, found: Followed) -> None:
        if found.problem != self._problem:
            self._problem = found.problem
            _say(found)


def _say(found: Followed) -> None:
    if found.problem:
        print(f"not heard of {found.address}: {found.problem}", file=sys.stderr, flush=True)
    else:
        heard = datetime.fromtimestamp(found.heard_ns // 1_000_000_000, UTC)
        print(f"following {found.address}: {found.records} records, as of {heard:%Y-%m-%d %H:%M:%S} UTC", flush=True)


def _serve(args: argparse.Namespace, token: str) -> int:
    host, _, port = args.serve.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--serve: found {args.serve!r}; allowed: HOST:PORT")
    if len(token) < 16:
        raise InputError("--token-file: found no token of 16 characters or more; allowed: a long random one")
    if host.strip("[]") not in _LOOPBACK and (args.tls_cert is None or args.tls_key is None):
        raise InputError(f"--serve: found {host} without TLS; allowed: a loopback address, or --tls-cert and --tls-key")
    open_store(args.store).close()
    serve(args.store, token, host.strip("[]"), int(port), args.tls_cert, args.tls_key)
    return 0


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file: {path}: {error}; allowed: a file with one line of ASCII") from error
