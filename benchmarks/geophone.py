"""Real geophone recordings: walks found and silences not, single steps, and their rhythm.

Files below a folder named `silence` hold no steps, all others a walk. Steps and cadence are scored on the walks that
were marked by eye, before there was a detector, in footstep_marks.json; a found step within TOLERANCE_S of a mark is
right, and one beside a faint ("doubtful") mark counts neither way.
"""

import argparse
import itertools
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import Figures, answer
from linewatch.detect.geophone import GeophoneStep
from linewatch.records import Block, Detections, Tick
from linewatch.records.block import NS_PER_S
from linewatch.signals.footsteps import SURE, find_steps, new_step_state
from linewatch.site.sensor import Sensor

MARKS = Path(__file__).with_name("footstep_marks.json")
TOLERANCE_S = 0.12
DOUBT_S = 0.24
KEYS = ("walks", "walks_found", "silence_detections", "step_f1", "cadence_err")


class File(NamedTuple):
    """One recording."""

    name: str
    silent: bool
    samples: NDArray[Any]
    rate_hz: float


def files(folder: Path) -> list[File]:
    """Every recording of packets with their sending times."""
    found = []
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as arrays:
            if not {"data", "send_time"} <= set(arrays.files) or len(arrays["data"]) < 2:
                continue
            packets, sent_us = arrays["data"], arrays["send_time"].astype(np.float64)
        rate_hz = packets.shape[1] / (float(np.median(np.diff(sent_us))) / 1e6)
        name = path.relative_to(folder)
        found.append(File(name.as_posix(), "silence" in name.parts, packets.ravel(), round(rate_hz, 3)))
    return found


def detections_in(file: File) -> int:
    """How many detections the step makes of a file."""
    step = GeophoneStep(Sensor(id="g", kind="geophone", line="main", at_m=0.0, range_m=10.0))
    block = Block("main", "g", 0, 0, file.rate_hz, file.samples.astype(np.float32)[:, None])
    _, out = step.step(step.initial(), [block], Tick(index=0, time_ns=0, watermark_ns=0, period_ns=NS_PER_S))
    return sum(len(record) for record in out if isinstance(record, Detections))


def matched(found: list[float], marks: list[float], doubtful: list[float]) -> tuple[int, int, int]:
    """Steps found, found where there is none, and missed."""
    left = list(found)
    right = 0
    for mark in marks:
        near = [t for t in left if abs(t - mark) <= TOLERANCE_S]
        if near:
            left.remove(min(near, key=lambda t: abs(t - mark)))
            right += 1
    false = sum(not any(abs(t - d) <= DOUBT_S for d in doubtful) for t in left)
    return right, false, len(marks) - right


def interval_s(times: list[float]) -> float | None:
    """Median interval of neighbouring steps, those further apart than one may walk left out."""
    gaps = [b - a for a, b in itertools.pairwise(times) if 0.35 <= b - a <= 0.8]
    return statistics.median(gaps) if gaps else None


def measure(args: argparse.Namespace) -> Figures:
    """All figures."""
    everything = files(args.data)
    if not everything:
        return dict.fromkeys(KEYS)
    told = {file.name: detections_in(file) for file in everything}
    marked = {walk["file"]: walk for walk in json.loads(MARKS.read_text())["walks"]}
    counts, errors = [], {}
    for file in everything:
        if file.name not in marked:
            continue
        walk = marked[file.name]
        found = [s.time_s for s in find_steps(file.samples, new_step_state(file.rate_hz)) if s.ratio > SURE]
        counts.append(matched(found, walk["steps_s"], walk["doubtful_s"]))
        ours, theirs = interval_s(found), interval_s(walk["steps_s"])
        if ours is not None and theirs is not None:
            errors[file.name] = round(abs(theirs / ours - 1.0), 4)
    right, false, missed = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    silent = [f for f in everything if f.silent]
    return {
        "walks": sum(not f.silent for f in everything),
        "walks_found": sum(told[f.name] > 0 for f in everything if not f.silent),
        "silence_detections": sum(told[f.name] for f in silent) if silent else None,
        "step_f1": round(2 * right / (2 * right + false + missed), 4) if counts else None,
        "cadence_err": max(errors.values()) if errors else None,
        "silent_files": len(silent),
        "marked_steps": right + missed,
        "step_precision": round(right / max(right + false, 1), 4) if counts else None,
        "step_recall": round(right / max(right + missed, 1), 4) if counts else None,
        "cadence_errors": errors,
        "walks_missed": [f.name for f in everything if not f.silent and not told[f.name]],
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="geophone_footsteps")


if __name__ == "__main__":
    main()
