"""A store, or a truth file against itself, measured against the truth of a scene."""

import argparse
import json
from pathlib import Path
from typing import Any

from linewatch.app.scoring import score_store, score_truth
from linewatch.site.load import load_site
from linewatch.store.schema import DATABASE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("out", type=Path, help="a store written by `replay --out`, or a truth.jsonl (self-check)")
    parser.add_argument("truth", type=Path, help="truth.jsonl of the scene")
    parser.add_argument("--site", default="reference", help="site on which it happened (default: reference)")


def run(args: argparse.Namespace) -> int:
    """0 when it could be scored."""
    site = load_site(args.site)
    is_store = (args.out / DATABASE).exists()
    figures = score_store(args.out, args.truth, site) if is_store else score_truth(args.out, args.truth, site)
    if args.json:
        print(json.dumps(figures))
    else:
        _print(figures, "")
    return 0


def _print(value: Any, indent: str) -> None:
    for key, part in value.items():
        if isinstance(part, dict):
            print(f"{indent}{key}")
            _print(part, indent + "  ")
        else:
            shown = f"{part:.4g}" if isinstance(part, float) else part
            print(f"{indent}{key:<26} {shown}")
