"""Watch a site for real: its sources in, incidents into the store, notifiers told."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from linewatch.app.console_process import console_beside
from linewatch.app.watch_port import DEFAULT_PORT
from linewatch.app.watching import Around, watch
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.console.settings import DEFAULT_PORT as CONSOLE_PORT
from linewatch.console.settings import ConsoleSettings
from linewatch.records import Incident, Record
from linewatch.site.load import REFERENCE, load_site


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, or the file itself")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="store: a new one, or one to go on with (default: SITE/store)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the watch's own port (beyond loopback only with TLS)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port of /healthz, /metrics and HTTP ingest (default: {DEFAULT_PORT})",
    )
    parser.add_argument("--no-port", action="store_true", help="listen on no port")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="certificate and chain (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate (PEM)")
    parser.add_argument(
        "--console-port", type=int, default=CONSOLE_PORT, help=f"port of the console (default: {CONSOLE_PORT})"
    )
    parser.add_argument("--no-console", action="store_true", help="start no console beside the watch")
    parser.add_argument("--heartbeat", default="", metavar="URL", help="call this address while all is well")
    parser.add_argument("--heartbeat-every", type=float, default=60.0, metavar="S", help="seconds between two calls")


def run(args: argparse.Namespace) -> int:
    """0 when it was told to stop."""
    site = load_site(args.site)
    store = args.out if args.out is not None else Path(site.folder) / "store"
    printer = IncidentPrinter(site, live=not args.json)

    def show(record: Record) -> None:
        if not args.json:
            printer.show(record)
        elif isinstance(record, Incident):
            print(incident_line(record), flush=True)

    around = Around(
        host=args.host,
        port=None if args.no_port else args.port,
        certificate=args.tls_certificate,
        key=args.tls_key,
        heartbeat=args.heartbeat,
        heartbeat_s=args.heartbeat_every,
    )
    with _console(args, store) as start_console_anew:
        watch(
            site,
            store,
            around,
            (lambda _: None) if args.json else (lambda text: print(text, flush=True)),
            show,
            again=lambda: load_site(args.site),
            after_change=lambda _: start_console_anew(),
            file=None if args.site == REFERENCE else Path(args.site),
        )
    return 0


def _console(args: argparse.Namespace, store: Path) -> AbstractContextManager[Callable[[], None]]:
    """A console beside the watch, where one is wanted; what it gives starts it anew."""
    if args.no_console or args.json:
        return nullcontext(lambda: None)
    settings = ConsoleSettings(
        host=args.host, port=args.console_port, tls_certificate=args.tls_certificate, tls_key=args.tls_key
    )
    # A console that cannot be kept up has said why; the watch goes on without it.
    return console_beside(args.site, store, settings, lambda _: None)
