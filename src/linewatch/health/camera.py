"""Cameras that lose their view: dazzled, strobed, covered, defocused, moved, frozen, fogged, dark - told apart.

A step on the same blocks as the video detector: pictures in, findings out. Every picture is compared with the usual one
by cells (`signals.view`); a view is lost when every picture of `hold_s` says so, and is back after `recover_s` of clear
ones. What a finding is about began with the first picture that was not clear, and that is its time.
"""

import math
from collections import Counter
from itertools import pairwise
from typing import Final, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.ports import Batch
from linewatch.records import Block, Health, Record, Tick
from linewatch.records.health import Condition
from linewatch.signals.picture_cells import COLUMNS, ROWS, Cells, cells_of, picture_shape
from linewatch.signals.view import View, ViewFigures, ViewLimits, compare, glare_centre, judge, learn
from linewatch.site.sensor import Sensor

_NS_PER_S: Final = 1_000_000_000
_VIEWS: Final[tuple[View, ...]] = get_args(View)
_WIDEST_DEG: Final = 150.0
_FLAT_LEVELS: Final = 3.0  # a picture whose cells differ by less shows nothing
_BLACK_LEVEL: Final = 12.0
_WORDS: Final[dict[str, str]] = {
    "dazzled": "light shines into the lens",
    "strobed": "light flashes into the lens",
    "covered": "something covers the lens",
    "defocused": "edges are gone: out of focus",
    "moved": "it looks elsewhere than before",
    "frozen": "the same picture comes again and again",
    "fogged": "contrast is lost to fog, or to a film on the glass",
    "dark": "hardly any light is left",
}


class CameraHealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a view counts as lost, and as back."""

    width_px: int | None = None
    """Width of the half-size picture; None finds it by the number of pixels, as the video detector does."""
    warm_up_s: float = 1.0
    """How long the usual picture is learned before the first word, after a start or a gap."""
    hold_s: float = 0.5
    """A view is lost when every picture of so long says so."""
    recover_s: float = 1.5
    """A view is back when every picture of so long is clear."""
    least_pictures: int = 3
    """Fewer pictures than this say nothing, however long they took."""
    memory_s: float = 60.0
    """Time constant with which the usual picture follows the light of the day."""
    new_view_s: float = 10.0
    """A camera that has looked elsewhere for so long is compared with its new view; it stays told as moved."""
    flash_levels: float = 12.0
    """Step of the mean level, up and down again, that counts as a flash."""
    report_s: float = 60.0
    """Longest silence of the pictures over which the usual one is kept."""
    limits: ViewLimits = ViewLimits()
    """From where on one picture is not clear."""


class _Seen(msgspec.Struct):
    """One picture that was looked at."""

    time_ns: int
    view: int
    level: float
    lit: bool


class CameraHealthState(msgspec.Struct):
    """What the step carries."""

    pixels: int = -1
    """Pixels of the last block's pictures; -1 before the first."""
    next_ns: int = 0
    """Time at which the picture after the last is due."""
    previous: NDArray[np.int16] = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.int16))
    """(height, width) the last picture."""
    usual: NDArray[np.float32] = msgspec.field(default_factory=lambda: np.zeros((4, ROWS, COLUMNS), np.float32))
    """(4, rows, columns) cells of the usual picture."""
    learned: int = 0
    """Pictures that it was learned from."""
    learned_since_ns: int = 0
    """Time of the first of them."""
    seen: list[_Seen] = msgspec.field(default_factory=list)
    """The last pictures, as far back as any rule asks."""
    told: str = ""
    """Condition that was told and is not over; empty where the view is clear."""
    told_ns: int = 0
    """Time of the picture at which it was told."""
    moved: bool = False
    """Whether it was told as moved and is compared with its new view."""
    longest_still_s: float = 0.0
    """Longest run of repeated pictures that was not told: what this camera does when all is well."""


class CameraHealthStep:
    """Watches over one camera."""

    state_type = CameraHealthState

    def __init__(self, sensor: Sensor, settings: CameraHealthSettings) -> None:
        self.sensor = sensor
        self.settings = settings
        self.key = f"{sensor.id}/health"
        self._hold_ns = round(settings.hold_s * _NS_PER_S)
        self._recover_ns = round(settings.recover_s * _NS_PER_S)
        self._gap_ns = round(settings.report_s * _NS_PER_S)

    def initial(self) -> CameraHealthState:
        """Nothing seen."""
        return CameraHealthState()

    def step(self, state: CameraHealthState, batch: Batch, tick: Tick) -> tuple[CameraHealthState, tuple[Record, ...]]:  # noqa: ARG002 - pictures bring their own time
        """Blocks in, findings out. Takes over the arrays of `state`."""
        out: list[Record] = []
        for block in batch:
            if isinstance(block, Block) and block.first_channel == 0:
                out += self._block(state, block)
        return state, tuple(out)

    def _block(self, state: CameraHealthState, block: Block) -> list[Record]:
        shape = self._shape_of(block.n_channels)
        if shape is None or shape[0] < ROWS or shape[1] < COLUMNS:
            return []  # the detector of the same camera says what is wrong with its shape
        if state.pixels != block.n_channels:
            state.pixels, state.learned, state.seen = block.n_channels, 0, []
            state.previous = np.zeros(shape, np.int16)
        out: list[Record] = []
        for row in range(block.n_samples):
            frame = block.samples[row]
            if block.valid is not None and not block.valid.all():
                frame = np.where(block.valid, frame, np.zeros(1, frame.dtype))
            out += self._picture(state, frame.reshape(shape), block.time_of(block.first_sample + row))
            state.next_ns = block.time_of(block.first_sample + row + 1)
        return out

    def _shape_of(self, pixels: int) -> tuple[int, int] | None:
        width = self.settings.width_px
        if width is None:
            return picture_shape(pixels)
        return (pixels // width, width) if width > 0 and pixels % width == 0 else None

    # ------------------------------------------------------------------------------------------------- one picture

    def _picture(self, state: CameraHealthState, frame: NDArray[np.float32], time_ns: int) -> list[Record]:
        gap = time_ns > state.next_ns + self._hold_ns
        if gap:
            state.seen = []
        if state.learned == 0 or time_ns > state.next_ns + self._gap_ns:
            state.learned, state.learned_since_ns = 0, time_ns
        cells = cells_of(frame, state.previous, first=gap or state.learned == 0)
        usual = Cells(*state.usual)
        if time_ns - state.learned_since_ns < round(self.settings.warm_up_s * _NS_PER_S):
            self._learn(state, usual, cells, 1.0 / (state.learned + 1))
            return []
        figures = compare(cells, usual, self.settings.limits)
        view = judge(figures, self.settings.limits)
        self._note(state, figures, view, time_ns)
        out = self._told(state, figures, cells, usual, time_ns)
        # Any doubt about the view is a reason not to learn from it.
        if view == "clear" and (not state.told or state.told == "moved"):
            interval_s = max(state.seen[-1].time_ns - state.seen[-2].time_ns, 1) / 1e9 if len(state.seen) > 1 else 0.0
            rate = min(interval_s / self.settings.memory_s, 1.0)
            self._learn(state, usual, cells, max(rate, 1.0 / (state.learned + 1)))
        return out

    @staticmethod
    def _learn(state: CameraHealthState, usual: Cells, cells: Cells, rate: float) -> None:
        """`usual` are views of the state's own array, which they change."""
        learn(usual, cells, rate)
        state.learned += 1

    def _note(self, state: CameraHealthState, figures: ViewFigures, view: View, time_ns: int) -> None:
        limits = self.settings.limits
        lit = figures.full >= limits.full and figures.bright >= limits.bright
        before = _still_s(state.seen)
        state.seen.append(_Seen(time_ns, _VIEWS.index(view), figures.level, lit))
        if before and view != "frozen" and state.told != "frozen":
            state.longest_still_s = max(state.longest_still_s, before)
        oldest_ns = time_ns - 2 * max(self._hold_ns, self._recover_ns, _NS_PER_S)
        while state.seen[0].time_ns < oldest_ns:
            state.seen.pop(0)

    def _told(
        self, state: CameraHealthState, figures: ViewFigures, cells: Cells, usual: Cells, time_ns: int
    ) -> list[Record]:
        """What is told at this picture: a view lost, another reason for it, or a view that is back."""
        if self._is_back(state, time_ns):
            ended = state.told
            state.told = ""
            return [self._finding("recovered", time_ns, "the usual picture is back", ends=ended)]
        condition = self._condition(state, time_ns)
        if state.told == "moved" and time_ns - state.told_ns > round(self.settings.new_view_s * _NS_PER_S):
            # The old view will not come back by itself: what happens next is judged by the new one.
            state.moved, state.told = True, ""
            state.learned, state.learned_since_ns, state.seen = 0, time_ns, []
            return []
        if not condition or condition == state.told or (state.told == "strobed" and condition == "dazzled"):
            return []
        began_ns = self._began_ns(state)
        before, state.told, state.told_ns = state.told, condition, time_ns
        text = f"{_WORDS[condition]}; noticed after {max(time_ns - began_ns, 0) / 1e9:.1f} s"
        if before:
            text += f"; taken for {before} at first"
        light = self._light_of(cells, usual) if condition in ("dazzled", "strobed") else None
        if light is not None:
            text += f"; it comes from {light[0]:.0f} degrees"
        left = figures.usable if condition in ("dazzled", "fogged", "defocused") else 0.0
        return [self._finding(condition, began_ns, text, left=left, light=light)]

    def _is_back(self, state: CameraHealthState, time_ns: int) -> bool:
        if not state.told:
            return False
        recent = [s for s in state.seen if s.time_ns > time_ns - self._recover_ns]
        long_enough = time_ns - state.told_ns >= self._recover_ns
        return long_enough and len(recent) >= self.settings.least_pictures and all(s.view == 0 for s in recent)

    def _condition(self, state: CameraHealthState, time_ns: int) -> Condition | None:
        """What the last pictures agree on, if they do."""
        if self._flashes(state, time_ns):
            return "strobed"
        recent = [s for s in state.seen if s.time_ns > time_ns - self._hold_ns]
        whole = bool(state.seen) and state.seen[0].time_ns <= time_ns - self._hold_ns
        if len(recent) < self.settings.least_pictures or not whole or any(s.view == 0 for s in recent):
            return None
        # The later half decides: what is under way while a cover is drawn over the lens looks like many things.
        later = Counter(s.view for s in recent[len(recent) // 2 :])
        view = _VIEWS[max(sorted(later), key=lambda v: later[v])]
        if view == "frozen" and _still_s(state.seen) < max(self.settings.hold_s, 2.0 * state.longest_still_s):
            return None
        return None if view == "clear" else view

    def _flashes(self, state: CameraHealthState, time_ns: int) -> bool:
        """Whether a light went on twice within the last second, or its level went up, down and up."""
        last = [s for s in state.seen if s.time_ns > time_ns - _NS_PER_S]
        rises = sum(b.lit and not a.lit for a, b in pairwise(last))
        if rises + (bool(last) and last[0].lit and not all(s.lit for s in last)) >= 2 and rises:
            return True
        steps = [
            b.level > a.level
            for a, b in pairwise(last)
            if abs(b.level - a.level) >= self.settings.flash_levels and (a.lit or b.lit)
        ]
        turns = sum(a != b for a, b in pairwise(steps))
        return turns >= 2

    def _began_ns(self, state: CameraHealthState) -> int:
        """Time of the first picture after the last one that was clear for a while."""
        began_ns = state.seen[-1].time_ns
        clear = 0
        for seen in reversed(state.seen):
            clear = clear + 1 if seen.view == 0 else 0
            if clear >= self.settings.least_pictures and began_ns - seen.time_ns > self._hold_ns // 2:
                break
            if seen.view:
                began_ns = seen.time_ns
        return began_ns

    # ---------------------------------------------------------------------------------------------- what is told

    def _light_of(self, cells: Cells, usual: Cells) -> tuple[float, float] | None:
        """Bearing of a light in degrees and its standard deviation, where lens and aim are known."""
        centre = glare_centre(cells, usual)
        fov_deg, azimuth_deg = self.sensor.fov_deg, self.sensor.azimuth_deg
        if centre is None or fov_deg is None or azimuth_deg is None or fov_deg > _WIDEST_DEG:
            return None
        across, _, width = centre
        half = math.tan(math.radians(fov_deg) / 2.0)
        bearing_deg = (azimuth_deg + math.degrees(math.atan((2.0 * across - 1.0) * half))) % 360.0
        # The aim of a camera is rarely known to better than a degree; the middle of a core, to a tenth of its width.
        return bearing_deg, math.hypot(1.0, 0.1 * width * fov_deg)

    def _finding(
        self,
        condition: Condition,
        time_ns: int,
        text: str,
        *,
        left: float | None = None,
        light: tuple[float, float] | None = None,
        ends: str = "",
    ) -> Health:
        back = condition == "recovered"
        return Health(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            condition=condition,
            severity="ok" if back else "failed" if left is None or left < 0.5 else "degraded",
            text=text,
            ends=ends or None,  # type: ignore[arg-type]  # one of this step's own conditions
            remaining_fraction=left,
            bearing_deg=None if light is None else light[0],
            bearing_sigma_deg=None if light is None else light[1],
        )


def _still_s(seen: list[_Seen]) -> float:
    """For how long the last pictures have repeated the one before them."""
    frozen = _VIEWS.index("frozen")
    if not seen or seen[-1].view != frozen:
        return 0.0
    first = len(seen) - 1
    while first > 0 and seen[first - 1].view == frozen:
        first -= 1
    return (seen[-1].time_ns - seen[max(first - 1, 0)].time_ns) / _NS_PER_S
