"""A simulated scene, watched: on a console in the browser, or as lines of text while it lasts."""

import argparse
import importlib
from pathlib import Path

from linewatch.app.demonstration import demonstrate
from linewatch.cli.console import console_arguments, console_settings
from linewatch.errors import InputError

DEFAULT_SCENE = "the-night"
DEFAULT_SPEED = 4.0
FASTEST = 1e6
TEXT_SCENE = "walker-and-wind"
TEXT_SPEED = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("--scene", help=f"a shipped scene (default: {DEFAULT_SCENE}, without a console {TEXT_SCENE})")
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
    if not speed >= 0:
        raise InputError(f"--speed: found {speed:g}; allowed: 0 or more")
    if text:
        # What plays and prints takes seconds to load, which a console does not wait for.
        status: int = importlib.import_module("linewatch.cli.demo_text").show(args, scene, speed)
        return status
    print(f"{scene}, simulated; nothing here is real. Stop it with Ctrl-C.", flush=True)
    return demonstrate(
        scene,
        args.seed,
        speed or FASTEST,
        args.out,
        console_settings(args),
        lambda words: print(words, flush=True),
    )
