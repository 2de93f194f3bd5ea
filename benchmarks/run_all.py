"""Run every benchmark of this folder, go on after a failing one, and print one table of what was measured.

A benchmark is a module of this package with a function `main`; each runs in a process of its own, so that one cannot
warm up, slow down or take down the next. Options that this program does not know are handed on to each of them.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIMIT_S = 3600.0
"""One benchmark may take this long; all together are meant to end within three hours."""
# One thread per library, so that figures are per core and one benchmark measures like another.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Outcome:
    """What came of one benchmark."""

    name: str
    seconds: float
    figures: dict[str, object] = field(default_factory=dict)
    """The JSON object on the last line of its output; empty when it failed."""
    failure: str = ""
    """Why there are no figures; empty when there are some."""


def discover(folder: Path = FOLDER) -> list[str]:
    """Names of the modules in `folder` that define `main` at their top, in alphabetical order, this one left out."""
    return sorted(
        path.stem
        for path in folder.glob("*.py")
        if path.stem != Path(__file__).stem
        and any(
            isinstance(node, ast.FunctionDef) and node.name == "main"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    )


def figures_of(output: str) -> dict[str, object]:
    """The JSON object on the last line of `output`; ValueError says what stands there instead."""
    lines = output.strip().splitlines()
    last = lines[-1] if lines else ""
    try:
        figures = json.loads(last)
    except json.JSONDecodeError:
        figures = None
    if not isinstance(figures, dict):
        raise ValueError(f"the last line of its output is no JSON object: {last[:120]!r}")  # noqa: TRY004 - the text is wrong, not a type
    return figures


def run_one(name: str, options: Sequence[str], limit_s: float = LIMIT_S) -> Outcome:
    """Run one benchmark in its own process and read its figures."""
    begun_s = time.perf_counter()

    def failed(why: str) -> Outcome:
        return Outcome(name, time.perf_counter() - begun_s, failure=why)

    try:
        done = subprocess.run(  # noqa: S603 - our own modules, named by their files
            [sys.executable, "-m", f"benchmarks.{name}", "--json", *options],
            cwd=FOLDER.parent,
            env={**ONE_THREAD, **os.environ},
            stdout=subprocess.PIPE,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return failed(f"stopped after {limit_s:g} s")
    if done.returncode != 0:
        return failed(f"ended with status {done.returncode}")
    try:
        figures = figures_of(done.stdout)
    except ValueError as error:
        return failed(str(error))
    return Outcome(name, time.perf_counter() - begun_s, figures)


def shown(value: object) -> str:
    """A figure as it stands in the table: four digits are enough to read, the rest is noise."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)


def table(outcomes: Sequence[Outcome]) -> str:
    """One row per figure; a failed benchmark is one row that says why."""
    rows = [("benchmark", "figure", "value")]
    for outcome in outcomes:
        head = f"{outcome.name} ({outcome.seconds:.0f} s)"
        if outcome.failure:
            rows.append((head, "FAILED", outcome.failure))
        for key, value in outcome.figures.items():
            rows.append((head, key, shown(value)))
            head = ""
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-----"))
    return "\n".join(f"{first:<{widths[0]}}  {second:<{widths[1]}}  {third}" for first, second, third in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all; 0 when each measured, 1 when one did not, 2 when a name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_all", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", action="append", help="run this one (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    asked, handed_on = parser.parse_known_args(arguments)
    known = discover()
    if unknown := sorted(set(asked.only or ()) - set(known)):
        print(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    outcomes = []
    for name in asked.only or known:
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes.append(run_one(name, handed_on))
    if asked.json:
        print(json.dumps({each.name: each.figures or {"failure": each.failure} for each in outcomes}))
    else:
        print(table(outcomes))
    return int(any(each.failure for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())
