"""How a benchmark is called and answers: `python -m benchmarks.NAME [--json] [--quick] [--data DIR]`."""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def shared_folder(name: str) -> Path:
    """A folder of real recordings: below `LINEWATCH_SHARED`, or below the folder `shared` beside the checkout."""
    root = Path(os.environ.get("LINEWATCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    return root / "data" / name


def answer(
    measure: Callable[[argparse.Namespace], Figures],
    description: str | None,
    data: str | None = None,
    more: Callable[[argparse.ArgumentParser], object] | None = None,
) -> None:
    """Parse the command line, measure, print a table for people and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print the figures only, as one JSON object")
    parser.add_argument("--quick", action="store_true", help="under a minute, with less to measure")
    if data is not None:
        parser.add_argument("--data", type=Path, default=shared_folder(data), help="a folder laid out like its own")
    if more is not None:
        more(parser)
    args = parser.parse_args()
    if data is not None and not args.data.is_dir():
        parser.exit(2, f"--data: found no folder {args.data}; allowed: a folder of recordings like {data}\n")
    figures = measure(args)
    if not args.json:
        for key, value in figures.items():
            print(f"{key:<28} {value}")
    print(json.dumps(figures))
