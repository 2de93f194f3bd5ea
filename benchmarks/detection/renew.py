"""Renew the table of detection scores: `python -m benchmarks.detection.renew`.

Every row is a scene over several seeds, at least 300 single crossings where the scene is about them, once with the
usual nuisances and once with three times as many; and one storm from raw samples. The score of each seed is kept in
`runs/` as soon as it is there, under the version of Linewatch and the settings of the watch, so that a renewal that was
stopped goes on where it was. `--shortened` plays all seeds of the shortened scenes, with every event and less time
between them; `--quick` takes one seed of each of those, to see that it works.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.scene import figures_of, play_and_score
from linewatch import __version__
from linewatch.app.settings import settings_id, settings_of
from linewatch.records import content_id
from linewatch.simulate import read_scene
from linewatch.site.load import load_site

FOLDER = Path(__file__).resolve().parent


class Row(NamedTuple):
    """One row: a scene, how many seeds, and how many nuisances."""

    scene: str
    seeds: int
    nuisance_factor: float


ROWS = (
    Row("quiet-night", 8, 1.0),  # 40 people walk in each: 320 crossings, and 160 of other sorts
    Row("quiet-night", 8, 3.0),
    Row("storm", 10, 1.0),  # 30 in each: 300
    Row("storm", 10, 3.0),
    Row("the-night", 5, 1.0),  # about 85 attempts in each, of which some 30 by single people
    Row("the-night", 5, 3.0),
    Row("stillness", 3, 1.0),
    Row("diversion", 3, 1.0),
    Row("storm-raw", 1, 1.0),
)
_COLUMNS = (
    ("crossings", "{:d}"),
    ("pd_person", "{:.3f}"),
    ("pd_person_low", "{:.3f}"),
    ("nuisance_km_day", "{:.2f}"),
    ("nuisance_km_day_low", "{:.2f}"),
    ("nuisance_km_day_high", "{:.2f}"),
    ("nuisance_full_km_day", "{:.2f}"),
    ("latency_p95_contact_s", "{:.1f}"),
    ("latency_p95_steps_s", "{:.1f}"),
    ("location_error_m", "{:.1f}"),
    ("groups", "{:d}"),
    ("groups_right", "{:d}"),
    ("distress", "{:d}"),
    ("distress_found", "{:d}"),
    ("distress_false_full_day", "{:.1f}"),
    ("events_never_shown", "{:d}"),
    ("peak_interruptions_10min", "{:d}"),
)


def result_of(row: Row, seed: int, folder: Path, *, quick: bool, played: bool = False) -> dict[str, Any] | None:
    """The score of one seed, from `folder` where it is there already; with `played`, None where it is not."""
    site = load_site("reference")
    scene = json.dumps(str(read_scene(row.scene, site)))
    key = content_id(
        "run", __version__, settings_id(settings_of(site), site), scene, str(row.nuisance_factor), seed, str(quick)
    )
    file = folder / f"{row.scene}-x{row.nuisance_factor:g}-{seed}-{key}.json"
    if file.is_file():
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    if played:
        return None
    result = play_and_score(row.scene, seed, quick=quick, nuisance_factor=row.nuisance_factor, gospa=False)
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result), encoding="utf-8")
    return result


def table_of(rows: list[tuple[Row, dict[str, Any]]], mode: str) -> str:
    """The rows as Markdown."""
    head = ["scene", "nuisances", "seeds", *(name for name, _ in _COLUMNS)]
    command = " ".join(["python -m benchmarks.detection.renew", *([f"--{mode}"] if mode else [])])
    lines = [
        "# Detection scores",
        "",
        f"Made by `{command}` with Linewatch {__version__}. Columns: [the score](../../docs/score.md); rows:",
        "[the scenes](../../docs/scenes.md), seeds from 1. Counts are sums over seeds, percentiles and peaks the worst",
        "seed's. All rows but `storm-raw` begin at detections and say nothing of the detectors. *full* takes what has",
        "an event behind it for the length of the whole scene, and what has none for the length that was played.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for row, figures in rows:
        cells = [row.scene, f"x{row.nuisance_factor:g}", str(figures["seeds"])]
        cells += ["-" if figures[name] is None else form.format(figures[name]) for name, form in _COLUMNS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Play what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed of each shortened scene")
    parser.add_argument("--shortened", action="store_true", help="all seeds of the shortened scenes")
    parser.add_argument("--played", action="store_true", help="play nothing: the table of what has been played so far")
    parser.add_argument("--only", action="append", default=[], metavar="SCENE", help="these scenes only")
    args = parser.parse_args()
    rows = []
    for row in ROWS:
        if args.only and row.scene not in args.only:
            continue
        seeds = range(1, 2 if args.quick else row.seeds + 1)
        short = args.quick or args.shortened
        kept = [result_of(row, seed, FOLDER / "runs", quick=short, played=args.played) for seed in seeds]
        results = [result for result in kept if result is not None]
        if not results:
            continue
        rows.append((row, figures_of(results)))
        print(f"{row.scene} x{row.nuisance_factor:g}: {len(results)} seeds", flush=True)
    mode = "quick" if args.quick else "shortened" if args.shortened else ""
    name = f"{mode or 'table'}.md"
    (FOLDER / name).write_text(table_of(rows, mode), encoding="utf-8")
    print(f"written: {FOLDER / name}")


if __name__ == "__main__":
    main()
