"""A simulated scene, watched: on a console in the browser, or as lines of text while it lasts."""

import argparse
from pathlib import Path

from linewatch.app.demonstration import demonstrate
from linewatch.app.replay import replay
from linewatch.app.simulated import play, shipped, site_of
from linewatch.cli.console import console_arguments, console_settings
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.errors import InputError

DEFAULT_SCENE = "the-night"
DEFAULT_SPEED = 4.0
FASTEST = 1e6
TEXT_SCENE = "walker-and-wind"
TEXT_SPEED = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "--scene", help=f"one of {', '.join(shipped())} (default: {DEFAULT_SCENE}, without a console {TEXT_SCENE})"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of all chance")
    parser.add_argument(
        "--speed",
        type=float,
        metavar="N",
        help=f"times as fast as it happens; 0: as fast as can be (default: {DEFAULT_SPEED:g}, without a console "
        f"{TEXT_SPEED:g})",
    )
    parser.add_argument(
        "--no-console", action="store_true", help="print incidents as they rise, and end with the scene"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the store here (default: removed at the end)")
    console_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 when the scene is over, or the console was stopped."""
    text = args.no_console or args.json
    scene = args.scene or (TEXT_SCENE if text else DEFAULT_SCENE)
    speed = (TEXT_SPEED if text else DEFAULT_SPEED) if args.speed is None else args.speed
    if scene not in shipped():
        raise InputError(f"--scene: found {scene!r}; allowed: {', '.join(shipped())}")
    if not speed >= 0:
        raise InputError(f"--speed: found {speed:g}; allowed: 0 or more")
    return _as_text(args, scene, speed) if text else _in_a_browser(args, scene, speed)


def _in_a_browser(args: argparse.Namespace, scene: str, speed: float) -> int:
    print(f"{scene}, simulated; nothing here is real. Stop it with Ctrl-C.", flush=True)
    return demonstrate(
        scene,
        args.seed,
        speed or FASTEST,
        args.out,
        console_settings(args),
        lambda text: print(text, flush=True),
    )


def _as_text(args: argparse.Namespace, scene: str, speed: float) -> int:
    site = site_of(scene)
    source = play(scene, site, args.seed)
    printer = IncidentPrinter(site, live=not args.json)
    if not args.json:
        length_km = sum(line.length_m for line in site.lines) / 1000
        print(f"{scene} on {site.name}: {length_km:.1f} km, {len(site.sensors)} sensors.")
        print(source.simulation.scene.text, end="\n\n")
    done = replay(site, [source], speed=speed or None, on_output=printer.show)
    if args.json:
        for incident in done.incidents:
            print(incident_line(incident))
    else:
        print()
        printer.summary(done.incidents)
        print("Nothing here was real: the scene was simulated, the watch was not.")
    return 0
