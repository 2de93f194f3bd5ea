"""Play a scene on a site and write down what its sensors would give, with the truth beside it."""

import argparse
import json
from pathlib import Path

from linewatch.app.simulated import write
from linewatch.site.load import load_site


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, the file itself, or 'reference'")
    parser.add_argument("scene", help="a scene file, or the name of a shipped scene")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or an empty folder")
    parser.add_argument("--seed", type=int, default=0, help="seed of all chance")


def run(args: argparse.Namespace) -> int:
    """0 when all is written."""
    recording, truth = write(args.scene, load_site(args.site), args.seed, args.out)
    if args.json:
        print(json.dumps({"recording": str(recording), "truth": str(truth)}))
    else:
        print(f"recording: {recording}\ntruth: {truth}")
    return 0
