"""The same steps on a distributed engine: `plan` a run, `submit` it, tell its `status`, `stop` it.

`relay` carries a run's frames over a bus, where site and cluster share no folder: one on each side, until it is ended.
"""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from linewatch.app.cluster.running import make_plan, standing, stop, submit
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.cli.times import time_ns_of
from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.site.load import load_site
from linewatch.sources.recording import find_recordings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("does", choices=("plan", "submit", "status", "stop", "relay"), help="what to do")
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("recordings", nargs="*", metavar="REC", help="submit: a recording.toml, or a folder of them")
    parser.add_argument("--run", type=Path, default=Path("cluster"), metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--python",
        type=Path,
        default=Path(os.environ.get("LINEWATCH_FLINK_PYTHON", ".venv-flink/bin/python")),
        help="Python of the workers, which has apache-flink (or LINEWATCH_FLINK_PYTHON)",
    )
    parser.add_argument("--durable", action="store_true", help="plan: every frame is on disk before it counts")
    parser.add_argument("--renew", action="store_true", help="plan: anew, after an upgrade")
    parser.add_argument("--out", type=Path, metavar="DIR", help="submit: leave a store there, or go on with it")
    parser.add_argument("--workers", type=int, default=1, help="submit: slots to spread over")
    parser.add_argument("--spare", type=int, default=0, help="submit: task managers that wait, warm")
    parser.add_argument("--execution", choices=("process", "thread"), default="process", help="submit: how Python runs")
    parser.add_argument("--speed", type=float, metavar="N", help="submit: pace; 1 as it happened")
    parser.add_argument("--bus", default=os.environ.get("LINEWATCH_BUS"), help="relay: URL of a NATS server")
    parser.add_argument("--side", choices=("site", "cluster"), help="relay: which side this is")
    parser.add_argument("--until", metavar="TIME", help="submit: go on in silence until this time (ISO 8601, UTC)")


def run(args: argparse.Namespace) -> int:
    """0 done; of `status`: 1 where the job is not running."""
    return {"plan": _plan, "submit": _submit, "status": _status, "stop": _stop, "relay": _relay}[args.does](args)


def _plan(args: argparse.Namespace) -> int:
    plan = make_plan(args.site, args.run, args.python, durable=args.durable, renew=args.renew)
    if args.json:
        print(msgspec.json.encode(plan).decode())
        return 0
    print(f"{args.run}/plan.json: {len(plan.shares)} sections of {plan.site}")
    for name, version in plan.versions.items():
        print(f"  {name} {version}")
    for share in plan.shares:
        print(f"  {share.line}/{share.section}: slot {share.slot}")
    return 0


def _submit(args: argparse.Namespace) -> int:
    if not args.recordings:
        raise InputError("submit: found no recording; allowed: at least one")
    if args.out is None:
        raise InputError("--out: found nothing; allowed: a folder for the store")
    if args.workers < 1 or args.spare < 0:
        raise InputError(f"--workers, --spare: found {args.workers}, {args.spare}; allowed: at least 1, at least 0")
    site = load_site(args.site)
    printer = IncidentPrinter(site, live=not args.json)
    done = submit(
        args.run,
        args.python,
        lambda: find_recordings(args.recordings, site),
        out=args.out,
        workers=args.workers,
        spare=args.spare,
        execution=args.execution,
        until_ns=None if args.until is None else time_ns_of(args.until, "--until"),
        speed=args.speed,
        on_output=printer.show,
        say=_say,
    )
    if args.json:
        for incident in done.incidents:
            print(incident_line(incident))
    else:
        printer.summary(done.incidents)
    return 0


def _status(args: argparse.Namespace) -> int:
    found = standing(args.run, args.python, WallClock().now_ns())
    if args.json:
        print(msgspec.json.encode(found).decode())
    else:
        for name, value in msgspec.structs.asdict(found).items():
            print(f"{name:<18} {'' if value is None else value}")
    return 0 if found.state == "RUNNING" else 1


def _stop(args: argparse.Namespace) -> int:
    savepoint = stop(args.run, args.python)
    if args.json:
        print(msgspec.json.encode({"savepoint": savepoint}).decode())
    else:
        print(f"stopped; savepoint {savepoint}" if savepoint else "stopped; no job was running")
    return 0


def _relay(args: argparse.Namespace) -> int:
    if not args.bus:
        raise InputError("--bus: found nothing; allowed: a URL like nats://127.0.0.1:4222 (or LINEWATCH_BUS)")
    if args.side is None:
        raise InputError("--side: found nothing; allowed: site, cluster")
    # Only here, so that no other verb needs the client of the bus.
    from linewatch.app.cluster.relaying import relay_until_ended  # noqa: PLC0415

    sent, received = relay_until_ended(args.run, args.bus, at_site=args.side == "site", say=_say)
    told = {"sent": [sent.frames, sent.breaks], "received": [received.frames, received.breaks]}
    print(msgspec.json.encode(told).decode() if args.json else f"frames and breaks: {told}")
    return 0


def _say(words: str) -> None:
    print(f"linewatch cluster: {words}", file=sys.stderr, flush=True)
