"""Boxes to tracks: the shipped step, live, on given boxes of pedestrians, scored by py-motmetrics.

A picture is laid along the line as if it showed walkers from the side: the median box is taken for 1.7 m high, which
gives metres per pixel; the middle of a box is chainage, its foot line the offset. A track is reported in a frame only
if that frame showed it, with the box that showed it. Every folder with `det.txt` and `gt.txt` is scored.
"""

import argparse
from pathlib import Path
from typing import Any

import motmetrics
import numpy as np

from benchmarks.reporting import Figures, answer
from linewatch.records import Detection, Tick, batch_of
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Performance, Sensor
from linewatch.track import TrackSettings, TrackStep, estimates

RATE_HZ = 25
FRAME_NS = 1_000_000_000 // RATE_HZ
PERSON_M = 1.7
ORIGIN_M = 500.0
LENGTH_M = 1_000.0
# How far the middle and the foot of a box jump from frame to frame, as shares of its height: second differences of
# boxes that follow each other, over the root of 6, on KITTI-17 and ETH-Sunnyday, which have boxes and no truth (0.026
# and 0.022, 0.048 and 0.050).
MIDDLE_SHARE, FOOT_SHARE = 0.024, 0.049
# A box detector gives about one wrong box a frame, and on a street somebody new comes into its ten metres every few
# seconds: said to the tracker, whose defaults are for a line on which both are rare. Looked at on TUD-Campus.
FALSE_PER_DAY = 2.4e6
STREET = TrackSettings(birth_per_km=300.0, offset_span_m=10.0)


def camera_site() -> Site:
    """A short line under one camera."""
    camera = Sensor(
        "camera",
        "camera",
        "main",
        at_m=ORIGIN_M,
        range_m=50.0,
        performance=Performance(pd_walk_fraction=0.75, far_per_day=FALSE_PER_DAY),
    )
    return Site("bench", "UTC", (Line("main", LENGTH_M, sections=(Section("S01", "main", 0.0, LENGTH_M),)),), (camera,))


def follow(boxes: np.ndarray, frames: int) -> list[list[tuple[int, np.ndarray]]]:
    """By frame, id and box (x, y, width, height in pixels) of every track that the frame showed."""
    metres = PERSON_M / float(np.median(boxes[:, 5]))
    step = TrackStep(camera_site(), "main", "S01", STREET)
    state = step.initial()
    out: list[list[tuple[int, np.ndarray]]] = []
    numbers: dict[int, int] = {}
    for frame in range(1, frames + 1):
        now = boxes[boxes[:, 0] == frame]
        time_ns = frame * FRAME_NS - 1000
        found = [_detection(box, metres, time_ns) for box in now]
        tick = Tick(frame, frame * FRAME_NS, frame * FRAME_NS, FRAME_NS)
        batch = (batch_of("main", found),) if found else ()
        state, _ = step.step(state, batch, tick)
        tracks = estimates(state)
        shown = tracks[tracks["own_ns"] == time_ns]
        out.append(_with_boxes(shown, now, metres, numbers))
    return out


def _detection(box: np.ndarray, metres: float, time_ns: int) -> Detection:
    _, _, x, y, width, height, score = box[:7]
    place, foot = ORIGIN_M + (x + width / 2) * metres, (y + height) * metres
    half = width / 2 * metres
    middle_sigma, foot_sigma = MIDDLE_SHARE * height * metres, FOOT_SHARE * height * metres
    probability = float(np.clip(score, 0.0, 0.97))
    return Detection(
        *("main", "camera", time_ns, 0.0, place, middle_sigma, place - half, place + half, 12.0, probability),
        offset_m=foot,
        offset_sigma_m=foot_sigma,
    )


def _with_boxes(
    tracks: np.ndarray, boxes: np.ndarray, metres: float, numbers: dict[int, int]
) -> list[tuple[int, np.ndarray]]:
    """Each track with the box whose place it took last, by both ends of the stretch that it holds."""
    out = []
    for track in tracks:
        from_m = ORIGIN_M + boxes[:, 2] * metres
        off_m = np.abs(from_m - track["from_m"]) + np.abs(from_m + boxes[:, 4] * metres - track["to_m"])
        nearest = int(np.argmin(off_m))
        number = numbers.setdefault(int(track["id"]), len(numbers) + 1)
        out.append((number, boxes[nearest, 2:6]))
    return out


def one_minus_overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, m) one minus intersection over union of boxes (x, y, width, height); NaN where the boxes may not be paired.

    The library's own function calls what NumPy 2 no longer has.
    """
    a, b = one[:, None], other[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    both = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    distance = 1.0 - both / (np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - both)
    return np.where(distance > 0.5, np.nan, distance)


def score(found: list[list[tuple[int, np.ndarray]]], truth: np.ndarray) -> Any:
    """CLEAR MOT and identity measures at an overlap of one half."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame, tracks in enumerate(found, start=1):
        true = truth[truth[:, 0] == frame]
        distances = one_minus_overlap(true[:, 2:6], np.array([box for _, box in tracks]).reshape(-1, 4))
        accumulator.update(true[:, 1].astype(int).tolist(), [number for number, _ in tracks], distances)
    return accumulator


def measure(args: argparse.Namespace) -> Figures:
    """Every sequence that has boxes and truth; the figures are over all of them together."""
    names, accumulators = [], []
    for folder in sorted(Path(args.data).iterdir()):
        if not (folder / "det.txt").is_file() or not (folder / "gt.txt").is_file():
            continue
        boxes = np.loadtxt(folder / "det.txt", delimiter=",", ndmin=2)
        truth = np.loadtxt(folder / "gt.txt", delimiter=",", ndmin=2)
        frames = int(max(boxes[:, 0].max(), truth[:, 0].max()))
        names.append(folder.name)
        accumulators.append(score(follow(boxes, frames), truth))
    if not names:
        return {"sequences": 0, "mota": None, "idf1": None}
    metrics = ["mota", "idf1", "num_switches", "recall", "precision", "num_false_positives"]
    table = motmetrics.metrics.create().compute_many(accumulators, names=names, metrics=metrics, generate_overall=True)
    whole = table.loc["OVERALL"]
    return {
        "sequences": len(names),
        "mota": round(float(whole["mota"]), 4),
        "idf1": round(float(whole["idf1"]), 4),
        "switches": int(whole["num_switches"]),
        "recall": round(float(whole["recall"]), 4),
        "precision": round(float(whole["precision"]), 4),
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="mot_tracks")


if __name__ == "__main__":
    main()
