"""The web console over the store of a watch, or over those of several, as a process of its own."""

import argparse
from pathlib import Path

from linewatch.app.console_process import described_site, run_console
from linewatch.app.joint_console import run_joint_console
from linewatch.console.settings import DEFAULT_PORT, ConsoleSettings
from linewatch.errors import InputError
from linewatch.site.load import load_site


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "site", nargs="?", help="folder with site.toml, the file itself, or 'reference' (default: as the store says)"
    )
    parser.add_argument(
        "--store", type=Path, required=True, action="append", metavar="DIR",
        help="store of the watch; given several times, one console shows all those sites",
    )  # fmt: skip
    console_arguments(parser)


def console_arguments(parser: argparse.ArgumentParser) -> None:
    """Where a console listens."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (beyond loopback only with TLS)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to listen on")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="certificate and chain (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate (PEM)")
    parser.add_argument("--name", action="append", default=[], metavar="HOST", help="further host name of the console")
    parser.add_argument("--locale", default="en", choices=("en", "pl"), help="language in which pages begin")


def console_settings(args: argparse.Namespace) -> ConsoleSettings:
    """The same as settings."""
    return ConsoleSettings(
        host=args.host,
        port=args.port,
        tls_certificate=args.tls_certificate,
        tls_key=args.tls_key,
        names=tuple(args.name),
        locale=args.locale,
    )


def run(args: argparse.Namespace) -> int:
    """0 when it was stopped."""

    def say(text: str) -> None:
        print(text, flush=True)

    if len(args.store) > 1:
        if args.site is not None:
            raise InputError(f"site: found {args.site!r} with {len(args.store)} stores; allowed: with one store")
        run_joint_console(args.store, console_settings(args), say)
        return 0
    (store,) = args.store
    site = described_site(store) if args.site is None else load_site(args.site)
    run_console(site, store, console_settings(args), say)
    return 0
