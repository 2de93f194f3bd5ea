"""Cameras that lose their view: overlays on real clips recognised as blinding, as the right kind, and how soon.

Overlays are those of `benchmarks.overlays`, at least 40 of each kind and clip, seeded. Limits were chosen on two clips
(`TUNED_ON`) and the headline figures are of the others; with `--data DIR` every clip of the folder counts. Untouched
clips are the negatives, each in full. A recognised event is one told within 1 s of its beginning; its kind is the one
that was told first. `*_dark_moved` are two more kinds that need no overlay of light or glass.

Partial dazzle: a mover outside the core is still to be detected. The detections of the untouched clip are the truth;
of those outside the core and its halo the share is given that the dazzled clip still has at IoU 0.3.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.overlays import KINDS, dazzle
from benchmarks.reporting import Figures, answer, shared_folder
from benchmarks.video import decoded, ours, recall_precision
from linewatch.detect.video import VideoSettings
from linewatch.evaluate import clopper_pearson
from linewatch.health.camera import CameraHealthSettings, CameraHealthStep
from linewatch.records import Block, Health, Tick
from linewatch.site.sensor import Sensor

CLIPS: Final = ("video_pets_vtest", "video_traffic_bgs", "video_nuisance_tree")
TUNED_ON: Final = ("video_pets_vtest", "video_nuisance_tree")
BEFORE_S, AFTER_S, WITHIN_S = 2.0, 1.6, 1.0
EACH, EACH_QUICK = 40, 10
SENSOR: Final = Sensor("camera", "camera", "main", at_m=50.0, range_m=80.0)
LIGHT_AND_GLASS: Final = ("dazzled", "strobed", "covered", "defocused", "frozen", "fogged")
PARTIAL_FRAMES: Final = 60

Pictures = Sequence[NDArray[Any]]


def rate_of(path: Path) -> float:
    """Frames a second that the file states; 10 where it states none."""
    clip = cv2.VideoCapture(str(path))
    rate_hz = float(clip.get(cv2.CAP_PROP_FPS))
    clip.release()
    return rate_hz if 1.0 <= rate_hz <= 120.0 else 10.0


def findings(pictures: Pictures, rate_hz: float) -> list[tuple[float, Health]]:
    """What the step tells of pictures, each with the seconds at which it was told."""
    rows, columns = pictures[0].shape
    step = CameraHealthStep(SENSOR, CameraHealthSettings(width_px=columns))
    state = step.initial()
    out: list[tuple[float, Health]] = []
    for number, picture in enumerate(pictures):
        samples = np.asarray(picture, np.float32).reshape(1, rows * columns)
        block = Block("main", SENSOR.id, 0, number, rate_hz, samples)
        state, found = step.step(state, (block,), Tick(number, block.end_ns, block.end_ns, 1))
        out += [(number / rate_hz, record) for record in found if isinstance(record, Health)]
    return out


def event(pictures: Pictures, rate_hz: float, kind: str, seed: int) -> tuple[str | None, float | None]:
    """One overlay at a random place of a clip: the kind first told within reach and its delay, or neither.

    Something told before the overlay begins counts as not recognised.
    """
    rng = np.random.default_rng(seed)
    before, after = round(BEFORE_S * rate_hz), round(AFTER_S * rate_hz) + 1
    first = int(rng.integers(0, max(len(pictures) - before - after, 0) + 1))
    part = pictures[first : first + before + after]
    height, width = part[0].shape
    overlay = KINDS[kind]((height, width), rng)
    seen = [
        overlay(np.asarray(picture, np.float32), (number - before) / rate_hz)
        if number >= before or kind == "moved"
        else picture
        for number, picture in enumerate(part)
    ]
    for told_s, health in findings(seen, rate_hz):
        if health.severity == "ok":
            continue
        delay_s = told_s - before / rate_hz
        return (None, None) if delay_s < 0 or delay_s > WITHIN_S else (health.condition, delay_s)
    return None, None


def partial(pictures: Pictures, seed: int) -> tuple[int, int]:
    """Boxes of movers outside a partial dazzle in the untouched clip, and how many of them the dazzled one has."""
    rng = np.random.default_rng(seed)
    height, width = pictures[0].shape
    first = int(rng.integers(0, max(len(pictures) - 2 * PARTIAL_FRAMES, 0) + 1))
    part = pictures[first : first + 2 * PARTIAL_FRAMES]
    overlay = dazzle((height, width), rng, partial=True)
    clean, dazzled = (ours(VideoSettings(), (height, width)) for _ in range(2))
    truth, found = [], []
    for number, picture in enumerate(part):
        plain = np.asarray(picture, np.float32)
        lit = overlay(plain, (number - PARTIAL_FRAMES) / 10.0) if number >= PARTIAL_FRAMES else plain
        boxes, others = clean(plain), dazzled(lit)
        if number >= PARTIAL_FRAMES + 20:
            outside = [box for box in boxes if not _washed(lit - plain, box)]
            truth.append(np.array(outside).reshape(-1, 4))
            found.append(others)
    total = sum(map(len, truth))
    recall, _ = recall_precision(truth, found, 0.3)
    return total, round(recall * total)


def _washed(added: NDArray[Any], box: NDArray[Any]) -> bool:
    left, top, right, bottom = (int(edge) for edge in box)
    return bool(added[top:bottom, left:right].mean() > 40.0)


def clip_figures(path: Path, each: int) -> dict[str, Any]:
    """All of one clip: events by kind, and what the untouched clip raises."""
    pictures, rate_hz = list(decoded(path)), rate_of(path)
    clean = [health for _, health in findings(pictures, rate_hz) if health.severity != "ok"]
    kinds: dict[str, list[tuple[str | None, float | None]]] = {
        kind: [event(pictures, rate_hz, kind, 1000 * number + seed) for seed in range(each)]
        for number, kind in enumerate(KINDS)
    }
    counts = [partial(pictures, seed) for seed in range(max(each // 10, 1))] if len(pictures) > 150 else []
    return {
        "clip": path.name,
        "seconds": len(pictures) / rate_hz,
        "false": [health.condition for health in clean],
        "kinds": kinds,
        "outside": sum(n for n, _ in counts),
        "outside_found": sum(n for _, n in counts),
    }


def summed(clips: Sequence[dict[str, Any]], kinds: Sequence[str], suffix: str = "") -> Figures:
    """Recall, right kind and delay over clips."""
    all_events = [(kind, told) for clip in clips for kind in kinds for told in clip["kinds"][kind]]
    told = [(kind, found, delay_s) for kind, (found, delay_s) in all_events if found is not None]
    delays = sorted(delay_s for _, _, delay_s in told if delay_s is not None)
    right = sum(kind == found for kind, found, _ in told)
    n = len(all_events)
    return {
        f"events{suffix}": n,
        f"recall{suffix}": round(len(told) / n, 4) if n else None,
        f"recall_low{suffix}": round(clopper_pearson(len(told), n)[0], 4) if n else None,
        f"right_kind{suffix}": round(right / n, 4) if n else None,
        f"delay_s{suffix}": round(delays[len(delays) // 2], 3) if delays else None,
        f"delay_p95_s{suffix}": round(delays[int(0.95 * (len(delays) - 1))], 3) if delays else None,
    }


def measure(args: argparse.Namespace) -> Figures:
    """Every clip, each kind of overlay on it, and the clip itself."""
    own = args.data is None
    folders = [shared_folder(name) for name in CLIPS] if own else [args.data]
    paths = [(folder, path) for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]
    each = EACH_QUICK if args.quick else EACH
    clips = [clip_figures(path, each) | {"tuned": own and folder.name in TUNED_ON} for folder, path in paths]
    scored = [clip for clip in clips if not clip["tuned"]]
    outside = sum(clip["outside"] for clip in clips)
    by_kind = {
        kind: {
            key: value for key, value in summed(scored, (kind,)).items() if key in ("events", "recall", "right_kind")
        }
        for kind in KINDS
    }
    return {
        "clips": len(clips),
        "each": each,
        **summed(scored, LIGHT_AND_GLASS),
        "false_on_clean": sum(len(clip["false"]) for clip in clips),
        "clean_s": round(sum(clip["seconds"] for clip in clips), 1),
        **summed(scored, ("dark", "moved"), "_dark_moved"),
        **summed([clip for clip in clips if clip["tuned"]], tuple(KINDS), "_tuned"),
        "outside_bloom": outside,
        "outside_bloom_found": round(sum(c["outside_found"] for c in clips) / outside, 4) if outside else None,
        "by_kind": by_kind,
        "mistaken": _mistaken(clips),
        "false": [f"{clip['clip']}: {condition}" for clip in clips for condition in clip["false"]],
    }


def _mistaken(clips: Sequence[dict[str, Any]]) -> dict[str, int]:
    """What was taken for what, or missed, over all clips."""
    out: dict[str, int] = {}
    for clip in clips:
        for kind, told in clip["kinds"].items():
            for found, _ in told:
                if found != kind:
                    name = f"{clip['clip']}: {kind} as {found or 'nothing'}"
                    out[name] = out.get(name, 0) + 1
    return out


SUFFIXES: Final = (".avi", ".mp4", ".mkv", ".mov", ".webm")


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=None, help="any folder of clips (default: the three shared ones)")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
