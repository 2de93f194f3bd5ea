"""A simulated scene, watched: incidents as they rise, with the time of the scene."""

import argparse

from linewatch.app.replay import replay
from linewatch.app.simulated import play, shipped, site_of
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.errors import InputError

DEFAULT_SCENE = "walker-and-wind"
DEFAULT_SPEED = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("--scene", default=DEFAULT_SCENE, help=f"one of {', '.join(shipped())}")
    parser.add_argument("--seed", type=int, default=1, help="seed of all chance")
    parser.add_argument(
        "--speed",
        type=float,
        default=DEFAULT_SPEED,
        metavar="N",
        help="times as fast as it happens; 0: as fast as can be",
    )


def run(args: argparse.Namespace) -> int:
    """0 when the scene is over."""
    if args.scene not in shipped():
        raise InputError(f"--scene: found {args.scene!r}; allowed: {', '.join(shipped())}")
    if not args.speed >= 0:
        raise InputError(f"--speed: found {args.speed:g}; allowed: 0 or more")
    site = site_of(args.scene)
    source = play(args.scene, site, args.seed)
    printer = IncidentPrinter(site, live=not args.json)
    if not args.json:
        length_km = sum(line.length_m for line in site.lines) / 1000
        print(f"{args.scene} on {site.name}: {length_km:.1f} km, {len(site.sensors)} sensors.")
        print(source.simulation.scene.text, end="\n\n")
    done = replay(site, [source], speed=args.speed or None, on_output=printer.show)
    if args.json:
        for incident in done.incidents:
            print(incident_line(incident))
    else:
        print()
        printer.summary(done.incidents)
        print("Nothing here was real: the scene was simulated, the watch was not.")
    return 0
