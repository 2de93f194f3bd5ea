"""Cameras: grey pictures in, movers on the ground out.

A block of a camera holds one picture a row: grey, half the size of the camera's own in both directions (the mean of two
by two pixels), flattened row by row, levels 0 to 255 as float32 or int16. Background, restless pixels, common gain and
blobs are `signals`' work; here are the step, what is left out and why, and the way from the picture to the line.
"""

import math
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.camera import WIDEST_DEG, Places, Pose, places_of
from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Health, Record, Tick, batch_of
from linewatch.records.health import Condition, Severity
from linewatch.signals.background import (
    BackgroundSettings,
    BackgroundState,
    PatchFigures,
    heal_patches,
    learn_frame,
    new_background_state,
    patch_figures,
    restless_share,
)
from linewatch.signals.blobs import BlobSettings, ages_of, find_blobs
from linewatch.signals.picture_cells import picture_shape
from linewatch.site.model import Line
from linewatch.site.sensor import Sensor

CARD: Final = Card(
    title="Movers in the picture of a fixed camera",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/video.md",
    measured={"video": "python -m benchmarks.video --json"},
    limits=(
        "says that and where something moves, not what it is",
        "places suppose flat ground and a known height and tilt of the camera",
        "one core carries tens of cameras, not thousands: bring the detections of a video recorder where there is one",
    ),
)

FLOOR_LEVELS: Final = 1.0  # no pixel is quieter than the last digit of its number
RESTLESS_LOOK: Final = 32  # frames between two counts of restless pixels
SURE: Final = 0.95  # what a blob that stays comes to
_NO_BOXES: Final = np.zeros((0, 4), np.int64)
_NO_AGES: Final = np.zeros(0, np.int64)
_WORDS: Final = {
    "small": "too small",
    "light": "light or shade",
    "ghosts": "ghosts",
    "brief": "gone at once",
    "whole": "changes of the whole picture",
    "crowded": "frames with too much in them",
}


class VideoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How pictures become detections."""

    height_m: float = 5.0
    """Height of the camera above the ground."""
    tilt_deg: float | None = None
    """How far its middle looks below the horizontal; None where it looks at the ground half-way to its range."""
    fov_deg: float = 60.0
    """Width of the field of view where the sensor states none, or one wider than a pinhole can be."""
    width_px: int | None = None
    """Width of the half-size picture; None finds it by the number of pixels (4:3, 16:9, 5:4, 3:2, 16:10, 11:9)."""
    person_m: float = 1.7
    """Height of a person, by which blobs are cut and small ones left out."""
    warm_up_frames: int = 15
    """Frames before the first detection, after a start and after a change of the whole picture."""
    least_frames: int = 2
    """Frames in a row, in places that overlap, before a blob is told: rain, snow and insects are gone sooner."""
    most_share: float = 0.5
    """Share of straying pixels beyond which the picture as a whole has changed and is learned anew."""
    ghost_border: float = 0.5
    """A still patch is a ghost where the picture has less than this share of the model's contrast at its border."""
    still_levels: float = 6.0
    """Mean change since the frame before, in grey levels, below which a patch is still."""
    least_likeness: float = 0.8
    """Correlation of picture and model beyond which a patch is light or shade on what is always there."""
    least_texture: float = 10.0
    """Standard deviation of the model over a patch, in grey levels, without which likeness says nothing."""
    most_restless_share: float = 0.02
    """Share of restless pixels beyond which the sensor is told to be partly blind."""
    foot_px: float = 2.0
    """Standard deviation of where a blob's foot is found, in pixels."""
    tilt_sigma_deg: float = 0.5
    """Standard deviation of the camera's tilt."""
    report_s: float = 60.0
    """How often the number of blobs left out is told."""
    background: BackgroundSettings = BackgroundSettings()
    """How the usual picture is learned."""
    blobs: BlobSettings = BlobSettings()
    """How straying pixels become blobs."""


class LeftOut(msgspec.Struct):
    """Blobs that were not told, since the last report."""

    small: int = 0
    """Too small for a person there."""
    light: int = 0
    """Light or shade on what is always there."""
    ghosts: int = 0
    """Left in the model by what has gone."""
    brief: int = 0
    """Not there a frame before."""
    whole: int = 0
    """Frames in which the whole picture changed."""
    crowded: int = 0
    """Frames with more blobs than are looked at."""


class VideoState(msgspec.Struct):
    """What the step carries."""

    layout: tuple[int, int] = (0, -1)
    """First channel and number of channels of the last block; -1 before the first."""
    next_sample: int = 0
    """Sample that follows the last block."""
    learned: int = 0
    """Frames since the start or the last change of the whole picture."""
    background: BackgroundState | None = None
    """The model; None before the first picture."""
    boxes: NDArray[np.int64] = msgspec.field(default_factory=_NO_BOXES.copy)
    """(n, 4) left, top, right, bottom of the blobs of the last frame."""
    ages: NDArray[np.int64] = msgspec.field(default_factory=_NO_AGES.copy)
    """(n,) frames in a row in which each was there."""
    left_out: LeftOut = msgspec.field(default_factory=LeftOut)
    """Counts."""
    report: int = 0
    """Number of the last interval whose counts were told."""
    restless: bool = False
    """Whether it was told that much of the picture is restless."""
    blind: bool = False
    """Whether it was told that the picture is learned anew."""


class Found(msgspec.Struct):
    """The blobs of one frame that are told; every array (n,)."""

    boxes: NDArray[np.int64]
    """(n, 4) left, top, right, bottom in pixels of the half-size picture."""
    ages: NDArray[np.int64]
    """Frames in a row."""
    strength_db: NDArray[np.float64]
    """Mean distance from the model over its mean standard deviation."""


class VideoStep:
    """The detector of one camera."""

    state_type = VideoState
    card = CARD

    def __init__(self, sensor: Sensor, line: Line, settings: VideoSettings) -> None:
        self.sensor = sensor
        self.line = line
        self.settings = settings
        self.key = sensor.id
        self._fov_deg = settings.fov_deg
        if sensor.fov_deg is not None and sensor.fov_deg <= WIDEST_DEG:
            self._fov_deg = sensor.fov_deg
        self._at_m = sensor.at_m or 0.0
        self._range_m = sensor.range_m or 100.0
        half_way_deg = math.degrees(math.atan2(settings.height_m, self._range_m / 2.0))
        self._tilt_deg = half_way_deg if settings.tilt_deg is None else settings.tilt_deg
        pinhole = sensor.fov_deg is not None and sensor.fov_deg <= WIDEST_DEG
        self._on_ground = pinhole and sensor.azimuth_deg is not None and bool(line.coordinates_deg)
        self._shape: tuple[int, int] | None = None
        self._pose: Pose | None = None
        self._person_px = np.zeros(1)

    def initial(self) -> VideoState:
        """Nothing seen."""
        return VideoState()

    def step(self, state: VideoState, batch: Batch, tick: Tick) -> tuple[VideoState, tuple[Record, ...]]:  # noqa: ARG002 - frames bring their own time
        """Blocks in, one batch of detections out, with findings beside it. Takes over the arrays of `state`."""
        out: list[Record] = []
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block):
                out += self._block(state, block, found)
        if found:
            out.insert(0, batch_of(self.sensor.line, found))
        return state, tuple(out)

    # ------------------------------------------------------------------------------------------------- pictures

    def _block(self, state: VideoState, block: Block, found: list[Detection]) -> list[Record]:
        out = self._fit(state, block)
        if self._pose is None or state.background is None:
            return out
        if block.first_sample != state.next_sample:
            state.boxes, state.ages = _NO_BOXES, _NO_AGES
        state.next_sample = block.first_sample + block.n_samples
        samples = block.samples
        if block.valid is not None and not block.valid.all():
            samples = np.where(block.valid, samples.astype(np.float32), np.float32(np.nan))
        seen: list[tuple[int, Found]] = []
        for row in range(block.n_samples):
            time_ns = block.time_of(block.first_sample + row)
            blind = state.learned < self.settings.warm_up_frames
            seen.append((time_ns, self.look(samples[row].reshape(self._pose.rows, self._pose.columns), state)))
            out += self._findings(state, time_ns, blind=blind)
        found += self._detections(self._pose, [one for one in seen if len(one[1].ages)], block.rate_hz)
        return out

    def _fit(self, state: VideoState, block: Block) -> list[Record]:
        """Make model and pose fit a block; a change is told once."""
        layout = block.first_channel, block.n_channels
        self._set_shape(self._shape_of(block))
        if state.layout == layout:
            return []
        before, state.layout = state.layout[1], layout
        state.boxes, state.ages, state.learned = _NO_BOXES, _NO_AGES, 0
        if self._pose is None:
            state.background = None
            text = (
                f"found {block.n_channels} pixels from number {block.first_channel} on; allowed: whole pictures of "
                "4:3, 16:9, 5:4, 3:2, 16:10 or 11:9, or any other whose width is set as width_px"
            )
            return [self._finding("wrong_shape", "failed", block.start_ns, text)]
        state.background = new_background_state(self._pose.rows, self._pose.columns, self.settings.background)
        if before <= 0:
            return []
        text = f"pictures of {block.n_channels} pixels, {before} before: learned anew"
        return [self._finding("wrong_shape", "note", block.start_ns, text)]

    def _shape_of(self, block: Block) -> tuple[int, int] | None:
        """Height and width of a block's pictures."""
        width, pixels = self.settings.width_px, block.n_channels
        if block.first_channel or not pixels:
            return None
        if width is None:
            return picture_shape(pixels)
        return (pixels // width, width) if width > 0 and pixels % width == 0 else None

    def _set_shape(self, shape: tuple[int, int] | None) -> None:
        """Pose and sizes follow from settings and shape alone: they are no state."""
        if shape == self._shape:
            return
        self._shape = shape
        self._pose = None if shape is None else Pose(self.settings.height_m, self._tilt_deg, self._fov_deg, *shape)
        if self._pose is not None:
            self._person_px = self._pose.upright_px(self.settings.person_m)

    def begin(self, rows: int, columns: int) -> VideoState:
        """A state for pictures of this shape, and this step made ready for them."""
        self._set_shape((rows, columns))
        model = new_background_state(rows, columns, self.settings.background)
        return VideoState(layout=(0, rows * columns), background=model)

    # --------------------------------------------------------------------------------------------- what moves

    def look(self, frame: NDArray[np.float32] | NDArray[np.int16], state: VideoState) -> Found:
        """Learn one picture and give the boxes of what moves in it. Changes `state`, whose model must fit the frame."""
        chosen, model, out = self.settings, state.background, state.left_out
        assert model is not None
        strays = learn_frame(frame, chosen.background, model)
        state.learned += 1
        if np.count_nonzero(strays.mask) > chosen.most_share * frame.size:
            out.whole += 1
            state.learned = 0
            # What has been learned of each pixel's unrest holds in the new light as well.
            state.background = msgspec.structs.replace(
                model,
                mean=np.full_like(model.mean, np.nan),
                sigma=np.full_like(model.sigma, chosen.background.first_sigma),
                frames=0,
            )
            return self._keep(state, _NO_BOXES, np.zeros(0))
        blobs, cleaned = find_blobs(strays.mask, self._person_px, chosen.blobs)
        out.small += blobs.small
        out.crowded += blobs.overflow
        figures = patch_figures(frame, cleaned, blobs.boxes, strays.gain, model)
        kept: list[int] = []
        strength_db: list[float] = []
        for i in range(len(blobs)):
            # Light first: healed as a ghost, it would be learned, and be missed when it has gone.
            if figures.likeness[i] > chosen.least_likeness and figures.model_spread[i] > chosen.least_texture:
                out.light += 1
            elif self._is_ghost(figures, i):
                out.ghosts += 1
                heal_patches(frame, cleaned, blobs.boxes[i : i + 1], model)
            else:
                kept.append(i)
                over = figures.contrast[i] / max(figures.noise[i], FLOOR_LEVELS)
                strength_db.append(20.0 * math.log10(max(over, 1.0)))
        return self._keep(state, blobs.boxes[kept], np.array(strength_db))

    def _is_ghost(self, figures: PatchFigures, i: int) -> bool:
        """Whether patch i lies still and has its border in the model, not in the picture."""
        edgeless = figures.border[i] < self.settings.ghost_border * figures.model_border[i]
        return bool(edgeless and figures.motion[i] < self.settings.still_levels)

    def _keep(self, state: VideoState, boxes: NDArray[np.int64], strength_db: NDArray[np.float64]) -> Found:
        """Count for how many frames each box has been there, and tell those that have been for long enough."""
        ages = ages_of(boxes, state.boxes, state.ages)
        state.boxes, state.ages = boxes, ages
        told = ages >= self.settings.least_frames
        state.left_out.brief += len(told) - int(np.count_nonzero(told))
        if state.learned <= self.settings.warm_up_frames:
            return Found(_NO_BOXES, _NO_AGES, np.zeros(0))
        return Found(boxes[told], ages[told], strength_db[told])

    # -------------------------------------------------------------------------------------------- what is told

    def _detections(self, pose: Pose, seen: list[tuple[int, Found]], rate_hz: float) -> Iterator[Detection]:
        """What was found in the frames of one block: the geodesy costs as much for one place as for many."""
        if not seen:
            return
        boxes = np.concatenate([each.boxes for _, each in seen]).astype(np.float64)
        ages = np.concatenate([each.ages for _, each in seen])
        strength_db = np.concatenate([each.strength_db for _, each in seen])
        times_ns = [time_ns for time_ns, each in seen for _ in each.ages]
        places = self._places(pose, boxes)
        for i, time_ns in enumerate(times_ns):
            found = Detection(
                line=self.sensor.line,
                sensor=self.sensor.id,
                time_ns=time_ns,
                duration_s=float(ages[i]) / rate_hz,
                # Somewhere within reach: the standard deviation of an even chance over it.
                chainage_m=self._at_m,
                chainage_sigma_m=self._range_m / math.sqrt(3.0),
                from_m=self._at_m - self._range_m,
                to_m=self._at_m + self._range_m,
                strength_db=float(strength_db[i]),
                probability=_probability(int(ages[i])),
            )
            yield found if places is None else places.put(found, i)

    def _places(self, pose: Pose, boxes: NDArray[np.float64]) -> Places | None:
        """Where the feet of these boxes stand, None where only the camera's reach is known."""
        if not self._on_ground:
            return None
        errors = self.settings.foot_px, self.settings.tilt_sigma_deg
        return places_of(pose, self.sensor, self.line, boxes[:, 0], boxes[:, 2], boxes[:, 3], *errors)

    def _findings(self, state: VideoState, time_ns: int, *, blind: bool) -> list[Record]:
        """What changed in how well the camera sees, and from time to time what was left out."""
        out: list[Record] = []
        if state.learned == 0 and not state.blind:
            text = f"more than {self.settings.most_share:.0%} of the picture changed at once: learned anew"
            out.append(self._finding("common_mode", "degraded", time_ns, text))
            state.blind = True
        elif state.blind and blind and state.learned == self.settings.warm_up_frames:
            out.append(self._over("common_mode", time_ns, "the picture is learned"))
            state.blind = False
        assert state.background is not None
        if state.background.frames % RESTLESS_LOOK == 0:
            share = restless_share(state.background)
            if (share > self.settings.most_restless_share) != state.restless:
                state.restless = not state.restless
                text = f"{share:.1%} of the picture moves to and fro without end and is left out"
                found = self._finding("noisy_channel", "degraded", time_ns, text)
                out.append(found if state.restless else self._over("noisy_channel", time_ns, text))
        return out + self._left_out(state, time_ns)

    def _left_out(self, state: VideoState, time_ns: int) -> list[Record]:
        report = time_ns // round(self.settings.report_s * 1e9)
        if report == state.report:
            return []
        counts = {name: getattr(state.left_out, name) for name in LeftOut.__struct_fields__}
        state.report, state.left_out = report, LeftOut()
        told = ", ".join(f"{count} {_WORDS[name]}" for name, count in counts.items() if count)
        if not told:
            return []
        return [self._finding("dropped", "note", time_ns, f"left out: {told}", sum(counts.values()))]

    def _over(self, condition: Condition, time_ns: int, text: str) -> Health:
        """The end of one condition; whatever else is the matter with the camera goes on."""
        return msgspec.structs.replace(self._finding("recovered", "ok", time_ns, text), ends=condition)

    def _finding(self, condition: Condition, severity: Severity, time_ns: int, text: str, count: int = 1) -> Health:
        return Health(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            condition=condition,
            severity=severity,
            text=text,
            count=count,
        )


def _probability(age: int) -> float:
    """Chance that a blob is a mover, by the frames in a row in which it has been there."""
    return SURE - (SURE - 0.5) * 0.5 ** (age - 1)
