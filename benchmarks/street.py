"""Vehicles beside a fibre, as slanted lines, on real samples; where marks made by eye exist, scored against those.

Times are seconds from the first sample of the first file, at channel 20. A vehicle is found where a line passes channel
20 within a second of its mark; each mark and each line counts once.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import Figures, answer
from linewatch.detect.street import MovingSourceStep
from linewatch.records import Block, Detections, Tick
from linewatch.signals.slant import SlantSettings
from linewatch.site.sensor import Sensor

RATE_HZ = 625.0
PITCH_M = 5.1065
CHANNEL = 20
TOLERANCE_S = 1.0
MARKS = Path(__file__).with_name("street_marks.json")
CHUNK = 1250


def found_in(samples: NDArray[Any], settings: SlantSettings) -> list[Any]:
    """Detections of the whole recording, fed in pieces of two seconds."""
    n_channels = samples.shape[1]
    sensor = Sensor(
        id="street", kind="fibre_das", line="main", from_m=0.0, to_m=PITCH_M * n_channels, channels=n_channels
    )
    step = MovingSourceStep(sensor, settings)
    state, found = step.initial(), []
    for first in range(0, len(samples), CHUNK):
        part = np.ascontiguousarray(samples[first : first + CHUNK])
        block = Block(line="main", sensor="street", origin_ns=0, first_sample=first, rate_hz=RATE_HZ, samples=part)
        state, out = step.step(
            state, (block,), Tick(index=first, time_ns=block.end_ns, watermark_ns=block.end_ns, period_ns=CHUNK)
        )
        found += [row for record in out if isinstance(record, Detections) for row in record.rows()]
    return found


def at_channel(found: list[Any]) -> list[tuple[float, float]]:
    """Time at channel 20 and velocity, of the lines of the aperture whose centre is nearest to it."""
    wanted_m = (CHANNEL + 0.5) * PITCH_M
    if not found:
        return []
    nearest_m = min({row.chainage_m for row in found}, key=lambda m: abs(m - wanted_m))
    return sorted(
        (row.time_ns / 1e9 + (wanted_m - row.chainage_m) / row.velocity_mps, row.velocity_mps)
        for row in found
        if row.chainage_m == nearest_m
    )


def matched(times_s: list[float], marks_s: list[float]) -> list[float]:
    """The marks that were found: nearest pairs first."""
    pairs = sorted((abs(t - m), i, k) for i, t in enumerate(times_s) for k, m in enumerate(marks_s))
    used_i: set[int] = set()
    used_k: set[int] = set()
    for apart, i, k in pairs:
        if apart <= TOLERANCE_S and i not in used_i and k not in used_k:
            used_i.add(i)
            used_k.add(k)
    return [marks_s[k] for k in sorted(used_k)]


def scored(times_s: list[float], marks: Any) -> Figures:
    """Precision and recall inside the marked stretch."""
    inside = [t for t in times_s if marks["from_s"] <= t < marks["to_s"]]
    every = [v["time_s"] for v in marks["vehicles"]]
    hits = matched(inside, every)
    figures: Figures = {
        "precision": len(hits) / len(inside) if inside else None,
        "recall": len(hits) / len(every),
        "marked": len(every),
        "marked_found": len(hits),
        "found_in_marked_stretch": len(inside),
    }
    for strength in ("strong", "medium", "faint"):
        of_it = [v["time_s"] for v in marks["vehicles"] if v["strength"] == strength]
        figures |= {f"{strength}": len(of_it), f"{strength}_found": len(set(of_it) & set(hits))}
    return figures | {"missed_s": sorted(set(every) - set(hits))}


def measure(args: argparse.Namespace) -> Figures:
    """All files in the order of their names, as one recording."""
    files = sorted(Path(args.data).glob("*.npz"))
    if args.quick:
        files = files[:14]
    samples = np.concatenate([np.load(file)["x"] for file in files])
    found = found_in(samples, SlantSettings())
    lines = at_channel(found)
    marks = json.loads(MARKS.read_text())
    times_s = [t for t, _ in lines]
    unknown: Figures = {"precision": None, "recall": None}
    return {
        "seconds": len(samples) / RATE_HZ,
        "vehicles": len(lines),
        "times_s": [round(t, 2) for t in times_s],
        "speeds_mps": [round(abs(v), 1) for _, v in lines],
        "wrong_way": sum(v > 0 for _, v in lines),
        "wrong_way_anywhere": sum(row.velocity_mps > 0 for row in found),
        "lines_anywhere": len(found),
        **(scored(times_s, marks) if files and files[0].name == marks["first_file"] else unknown),
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="das_street_vehicles")


if __name__ == "__main__":
    main()
