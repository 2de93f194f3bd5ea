"""Recordings or a store to incidents, as they would have been raised at the time."""

import argparse
from pathlib import Path

from linewatch.app.comparing import compare
from linewatch.app.comparing_period import compare_period
from linewatch.app.other_settings import read_changes
from linewatch.app.replay import Replayed, replay, replay_store
from linewatch.cli.comparison import print_comparison, print_period, tell_share
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.cli.times import time_ns_of
from linewatch.errors import InputError
from linewatch.site.load import load_site
from linewatch.site.model import Site
from linewatch.sources.recording import find_recordings
from linewatch.store.reader import open_store
from linewatch.store.schema import DATABASE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("recordings", nargs="+", metavar="REC", help="a recording.toml, a folder of them, or a store")
    parser.add_argument("--out", type=Path, metavar="DIR", help="leave a store there, or go on with the one there")
    parser.add_argument("--speed", type=float, metavar="N", help="pace: 1 as it happened; otherwise as fast as it can")
    parser.add_argument("--compare", type=Path, metavar="SETTINGS", help="a store under other settings: what changes")
    parser.add_argument(
        "--from", dest="from_", metavar="TIME", help="with --compare and --to: decide this period twice, side by side"
    )
    parser.add_argument("--to", metavar="TIME", help="end of that period; SITE is not read: the store says what it was")
    parser.add_argument("--progress", action="store_true", help="with --from: say the share done on stderr")
    parser.add_argument("--until", metavar="TIME", help="go on in silence until this time (ISO 8601, UTC)")


def run(args: argparse.Namespace) -> int:
    """0 when the end of input was reached."""
    if args.from_ is not None or args.to is not None:
        return _compare_period(args)
    site = load_site(args.site)
    if args.compare is not None:
        return _compare(site, args)
    printer = IncidentPrinter(site, live=not args.json)
    done = _replay(site, args, printer)
    if args.json:
        for incident in done.incidents:
            print(incident_line(incident))
    else:
        printer.summary(done.incidents)
    return 0


def _compare(site: Site, args: argparse.Namespace) -> int:
    print_comparison(compare(site, _store(args), read_changes(args.compare)), as_json=args.json)
    return 0


def _compare_period(args: argparse.Namespace) -> int:
    if args.compare is None or args.from_ is None or args.to is None:
        raise InputError("--from, --to: found one without the others; allowed: both, with --compare")
    from_ns, to_ns = time_ns_of(args.from_, "--from"), time_ns_of(args.to, "--to")
    progress = tell_share if args.progress else lambda _: None
    found = compare_period(_store(args), from_ns, to_ns, read_changes(args.compare), progress)
    print_period(found, as_json=args.json)
    return 0


def _store(args: argparse.Namespace) -> Path:
    stores = [Path(path) for path in args.recordings if (Path(path) / DATABASE).exists()]
    if len(args.recordings) != 1 or not stores:
        raise InputError(f"--compare: found {' '.join(args.recordings)}; allowed: one store alone")
    return stores[0]


def _replay(site: Site, args: argparse.Namespace, printer: IncidentPrinter) -> Replayed:
    if args.speed is not None and not args.speed > 0:
        raise InputError(f"--speed: found {args.speed:g}; allowed: a number above 0")
    stores = [path for path in args.recordings if (Path(path) / DATABASE).exists()]
    if stores and len(args.recordings) > 1:
        raise InputError(f"replay: found {stores[0]} beside other recordings; allowed: one store alone")
    if stores:
        with open_store(Path(stores[0])) as reader:
            return replay_store(site, reader, on_output=printer.show)
    return replay(
        site,
        find_recordings(args.recordings, site),
        out=args.out,
        speed=args.speed,
        until_ns=None if args.until is None else time_ns_of(args.until, "--until"),
        on_output=printer.show,
    )
