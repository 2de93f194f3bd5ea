"""Fixed cameras: movers found in real clips, foliage left alone, and the cost beside OpenCV's MOG2 in the same run.

The truth of the street clip is the boxes of a person detector, not marks by hand. Settings were chosen on its frames
201 to 400; figures that end in `_unseen` are of the frames after those, figures that end in `_first` of those before.
Both methods get the same half-size grey pictures and end with boxes; times are processor time on one thread, taken in
turns. One stream is ten frames a second.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.reporting import Figures, answer, shared_folder
from linewatch.clock import cpu_s
from linewatch.detect.camera import Pose
from linewatch.detect.video import VideoSettings, VideoStep
from linewatch.records import Block, Tick
from linewatch.signals.blobs import BlobSettings, find_blobs
from linewatch.site.model import Line
from linewatch.site.sensor import Sensor

Boxes = NDArray[np.float64]
Picture = NDArray[np.uint8]

STREAM_HZ: Final = 10.0
AT_ONCE: Final = 25  # pictures that one way sees before it is the next one's turn
FIRST_SCORED, LAST_CHOSEN, QUICK_LAST = 201, 400, 400
# Nobody has surveyed these cameras. Height and tilt fit the detector's boxes of frames 201 to 400 for people of 1.7 m;
# the width of the view is assumed, and the fit hardly depends on it.
STREET: Final = VideoSettings(height_m=5.3, tilt_deg=17.5, fov_deg=45.0)
FOLIAGE: Final = VideoSettings()
# Seen by eye in the foliage clip, frames counted from 1: a hand in 55 to 68, a fingertip at the edge of 54.
HAND: Final = range(55, 69)
HAND_FREE_END: Final = 54
SENSOR: Final = Sensor("camera-1", "camera", "main", at_m=50.0, range_m=80.0)
LINE: Final = Line("main", 100.0)
FIGURES: Final = (
    *("recall_03", "precision_03", "recall_05", "precision_05", "ratio_mog2", "foliage_frames", "hand_frames_found"),
    "streams_per_core",
)


def decoded(path: Path, last: int | None = None) -> Iterator[Picture]:
    """The pictures of a clip, grey and half size, until it can be read no further, whatever its header says."""
    clip = cv2.VideoCapture(str(path))
    count = 0
    while last is None or count < last:
        more, picture = clip.read()
        if not more:
            break
        count += 1
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        half = (grey.shape[1] // 2, grey.shape[0] // 2)
        yield np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), np.uint8)
    clip.release()


def overlaps(a: Boxes, b: Boxes) -> Boxes:
    """(n, m) intersection over union of boxes given as left, top, right, bottom."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None, :] - shared), np.float64)


def recall_precision(truth: Sequence[Boxes], found: Sequence[Boxes], least: float) -> tuple[float, float]:
    """Both over all frames, with the one-to-one matching of each frame that has most pairs over `least`."""
    hits = 0
    for here, there in zip(truth, found, strict=True):
        enough = overlaps(here, there) >= least
        rows, columns = linear_sum_assignment(enough, maximize=True)
        hits += int(enough[rows, columns].sum())
    return hits / max(sum(map(len, truth)), 1), hits / max(sum(map(len, found)), 1)


def detector_boxes(path: Path, frames: int) -> list[Boxes]:
    """Boxes of each frame in full-size pixels, from a file of `frame, -1, x, y, width, height, ...` counted from 1."""
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    table[:, 4:6] += table[:, 2:4]
    return [table[table[:, 0] == number][:, 2:6] for number in range(1, frames + 1)]


class Watch:
    """Looks at pictures one by one and keeps the boxes and the processor time."""

    def __init__(self, look: Callable[[Any], Boxes]) -> None:
        self.look = look
        self.boxes: list[Boxes] = []
        self.seconds = 0.0

    def see(self, picture: Any) -> None:
        """One picture."""
        begun_s = cpu_s()
        boxes = self.look(picture)
        self.seconds += cpu_s() - begun_s
        self.boxes.append(2.0 * boxes)


def ours(settings: VideoSettings, shape: tuple[int, int]) -> Callable[[Any], Boxes]:
    """The picture's part of the step: everything but the way from pixels to metres."""
    step = VideoStep(SENSOR, LINE, settings)
    state = step.begin(*shape)
    return lambda picture: step.look(picture, state).boxes.astype(np.float64)


def mog2(finish: Callable[[Picture], Boxes]) -> Callable[[Any], Boxes]:
    """OpenCV's mixture of Gaussians with the settings of its tutorials, shadows off, which is faster."""
    model = cv2.createBackgroundSubtractorMOG2(history=200, varThreshold=16, detectShadows=False)
    return lambda picture: finish(model.apply(picture))


def cv_boxes(mask: Picture) -> Boxes:
    """What its users do with the mask: open it, take connected components above a size."""
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(opened)
    large = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= 60]
    return np.concatenate((large[:, :2], large[:, :2] + large[:, 2:4]), axis=1).astype(np.float64)


def own_boxes(person_px: NDArray[np.float64]) -> Callable[[Picture], Boxes]:
    """MOG2's mask with our way from mask to boxes."""

    def finish(mask: Picture) -> Boxes:
        blobs, _ = find_blobs((mask > 0).astype(np.uint8), person_px, BlobSettings())
        return blobs.boxes.astype(np.float64)

    return finish


def compared(pictures: Sequence[Picture]) -> dict[str, Watch]:
    """Each way over the same pictures, in turns, after it has seen some to compile or to load what was compiled."""
    shape = pictures[0].shape[0], pictures[0].shape[1]
    person_px = Pose(STREET.height_m, STREET.tilt_deg or 0.0, STREET.fov_deg, *shape).upright_px(STREET.person_m)

    def ways() -> dict[str, Watch]:
        return {
            "ours": Watch(ours(STREET, shape)),
            "mog2": Watch(mog2(cv_boxes)),
            "mog2_own_boxes": Watch(mog2(own_boxes(person_px))),
            "mog2_mask": Watch(mog2(lambda _: np.empty((0, 4)))),
        }

    out = ways()
    for watches, seen in ((ways(), pictures[:AT_ONCE]), (out, pictures)):
        for first in range(0, len(seen), AT_ONCE):
            for name, watch in watches.items():
                for picture in seen[first : first + AT_ONCE]:
                    watch.see(picture.astype(np.int16) if name == "ours" else picture)
    return out


def step_s(pictures: Sequence[Picture]) -> float:
    """Processor seconds a frame of the whole step, blocks of ten frames in and places along the line out."""
    course = Line("main", 200.0, coordinates_deg=((21.0, 52.0), (21.003, 52.0)))
    sensor = msgspec.structs.replace(SENSOR, azimuth_deg=90.0, fov_deg=STREET.fov_deg)
    step = VideoStep(sensor, course, STREET)
    state = step.initial()
    begun_s = cpu_s()
    for first in range(0, len(pictures), 10):
        samples = np.stack(pictures[first : first + 10]).astype(np.int16)
        block = Block("main", SENSOR.id, 0, first, STREAM_HZ, samples.reshape(len(samples), -1))
        state, _ = step.step(state, (block,), Tick(first, 0, 0, 1))
    return (cpu_s() - begun_s) / len(pictures)


def street(last: int | None) -> Figures:
    """The street clip: boxes against the detector's, and the cost of each way."""
    folder = shared_folder("video_pets_vtest")
    clips, labels = sorted(folder.glob("*.avi")), sorted(folder.glob("*_det.txt"))
    if not clips or not labels:
        return {}
    begun_s = cpu_s()
    pictures = list(decoded(clips[0], last))
    decode_s = (cpu_s() - begun_s) / len(pictures)
    truth = detector_boxes(labels[0], len(pictures))
    watches = compared(pictures)
    out: Figures = {"frames": len(pictures)}
    parts = {"": (FIRST_SCORED - 1, None), "_first": (0, FIRST_SCORED - 1), "_unseen": (LAST_CHOSEN, None)}
    for name, prefix in (("ours", ""), ("mog2", "mog2_"), ("mog2_own_boxes", "mog2_own_boxes_")):
        for part, (begin, end) in parts.items():
            for least in (0.3, 0.5):
                pair = recall_precision(truth[begin:end], watches[name].boxes[begin:end], least)
                for figure, value in zip(("recall", "precision"), pair, strict=True):
                    known = round(value, 4) if truth[begin:end] else None
                    out[f"{prefix}{figure}_{least:.1f}{part}".replace("0.", "0")] = known
    seconds = {name: watch.seconds / len(pictures) for name, watch in watches.items()}
    whole_s = step_s(pictures)
    return out | {
        "ratio_mog2": round(seconds["mog2"] / seconds["ours"], 2),
        "ratio_mog2_mask": round(seconds["mog2_mask"] / seconds["ours"], 2),
        "ms_per_frame": round(seconds["ours"] * 1e3, 4),
        "mog2_ms_per_frame": round(seconds["mog2"] * 1e3, 4),
        "mog2_mask_ms_per_frame": round(seconds["mog2_mask"] * 1e3, 4),
        "step_ms_per_frame": round(whole_s * 1e3, 4),
        "decode_ms_per_frame": round(decode_s * 1e3, 4),
        "streams_per_core": round(1.0 / STREAM_HZ / (whole_s + decode_s), 1),
        "streams_per_core_decoded": round(1.0 / STREAM_HZ / whole_s, 1),
    }


def foliage() -> Figures:
    """The foliage clip: frames with a detection, without and with a hand; the first frames warm up."""
    clips = sorted(shared_folder("video_nuisance_tree").glob("*.avi"))
    if not clips:
        return {}
    pictures = list(decoded(clips[0]))
    shape = pictures[0].shape[0], pictures[0].shape[1]
    out: Figures = {}
    for name, make in (("", ours(FOLIAGE, shape)), ("mog2_", mog2(cv_boxes))):
        told = [bool(len(make(picture.astype(np.int16) if not name else picture))) for picture in pictures]
        free = told[FOLIAGE.warm_up_frames : HAND_FREE_END - 1]
        out |= {f"{name}foliage_frames": sum(free), "foliage_frames_of": len(free)}
        out |= {f"{name}hand_frames_found": sum(told[n - 1] for n in HAND), "hand_frames_of": len(HAND)}
    return out


def measure(args: argparse.Namespace) -> Figures:
    """Both clips, or what of them is there."""
    cv2.setNumThreads(1)
    return dict.fromkeys(FIGURES) | foliage() | street(QUICK_LAST if args.quick else None)


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
