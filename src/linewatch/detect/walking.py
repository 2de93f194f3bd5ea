"""People on foot beside a buried fibre: raw samples in, one detection each half second for whoever walks there.

The fused front end gives the power in the band of footsteps; `signals.footfalls` finds rhythm in it; here are the step
around them, its state, and the translation from channels to metres. Loud things of every other kind are the energy
detector's affair, which hears the same blocks.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import MOVERS, Block, Detection, Record, Tick, batch_of
from linewatch.signals.footfalls import FRAME_S, Footfalls, FootfallState, footfalls, new_footfalls
from linewatch.signals.front_end import (
    MIN_BLOCK,
    FrontEnd,
    FrontEndSettings,
    FrontEndState,
    fit_front_end,
    new_front_end_state,
    run_front_end,
)
from linewatch.site.sensor import Sensor

_NS_PER_S: Final = 1_000_000_000
_TELL_FRAMES: Final = 10
_SKIRT: Final = 0.5
"""Neighbours with this share of the best channel's rhythm belong to the same walker."""
_REACH_CHANNELS: Final = 3
"""... within so many channels of it."""
_MOST_BAD: Final = 0.5
# Assumed, not measured: no recording of an animal or a crowd on a fibre stands behind these.
_WALKER: Final = {"person": 0.75, "group": 0.1, "animal": 0.1, "unknown": 0.05}
_CROWD: Final = {"person": 0.3, "group": 0.5, "animal": 0.1, "unknown": 0.1}
_HOOVES: Final = {"person": 0.25, "animal": 0.6, "group": 0.05, "unknown": 0.1}

CARD: Final = Card(
    title="Footsteps beside a buried fibre, by their rhythm in noise",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/detection.md",
    measured={"scene": "python -m benchmarks.scene --quick --json --scene storm-raw"},
    limits=(
        "measured on simulated storms only: the threshold knows their noise, and no real fibre's",
        f"needs {MIN_BLOCK / FRAME_S:g} samples a second or more, and about three seconds of steps",
        "what walks is assumed from the interval of the steps, not measured",
    ),
)


class WalkingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How footsteps beside a fibre become detections."""

    watched: bool = True
    """Whether fibres listen for footsteps."""
    low_hz: float = 10.0
    """Lower edge of the band of footsteps."""
    high_hz: float = 45.0
    """Upper edge; lower where the rate asks for it."""
    threshold_db: float = 0.22
    """Rhythm at which somebody walks there as likely as not."""
    decade_db: float = 0.08
    """Rhythm by which the odds change by ten."""


class _Part(msgspec.Struct):
    """A stretch of channels that arrives together."""

    origin_ns: int
    rate_hz: float
    next_sample: int
    first_sample: int
    """Sample with which frame 0 began."""
    frames: int
    front: FrontEndState
    steps: FootfallState
    since: NDArray[np.int64]
    """(n_channels,) frame since which each channel has had rhythm; -1 for none."""


class WalkingState(msgspec.Struct):
    """What the step carries."""

    parts: dict[int, _Part]
    """By first channel of each stretch that arrives together."""


class WalkingStep:
    """The detector of one fibre."""

    state_type = WalkingState
    card = CARD

    def __init__(self, sensor: Sensor, settings: WalkingSettings | None = None) -> None:
        self.sensor = sensor
        self.settings = settings or WalkingSettings()
        self.key = f"{sensor.id}/walking"
        self._edges_m = sensor.channel_edges_m() if sensor.is_span else np.array(sensor.extent_m())
        self._fitted: dict[float, FrontEnd] = {}

    def initial(self) -> WalkingState:
        """Nothing heard."""
        return WalkingState(parts={})

    def step(self, state: WalkingState, batch: Batch, tick: Tick) -> tuple[WalkingState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out. Takes over the arrays of `state`.

        At a rate too low for footsteps it says nothing; findings about rates are the vibration step's.
        """
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block) and round(block.rate_hz * FRAME_S) >= MIN_BLOCK:
                found += self._block(state, block)
        return state, (batch_of(self.sensor.line, found),) if found else ()

    def _block(self, state: WalkingState, block: Block) -> list[Detection]:
        front = self._front_end(block.rate_hz)
        part = state.parts.get(block.first_channel)
        if part is None or not _follows(part, block):
            part = state.parts[block.first_channel] = _Part(
                origin_ns=block.origin_ns,
                rate_hz=block.rate_hz,
                next_sample=block.first_sample,
                first_sample=block.first_sample,
                frames=0,
                front=new_front_end_state(block.n_channels),
                steps=new_footfalls(block.n_channels),
                since=np.full(block.n_channels, -1, np.int64),
            )
        part.next_sample = block.first_sample + block.n_samples
        blocks = run_front_end(block.samples, front, part.front)
        usable = blocks.usable(int(_MOST_BAD * front.block))
        if block.valid is not None:
            usable &= block.valid
        heard = footfalls(blocks.power, usable, part.steps)
        found: list[Detection] = []
        for row in range(len(heard.rhythm_db)):
            part.frames += 1
            over = heard.rhythm_db[row] >= self.settings.threshold_db
            part.since = np.where(over, np.where(part.since < 0, part.frames, part.since), -1)
            if part.frames % _TELL_FRAMES == 0 and over.any():
                time_ns = block.time_of(part.first_sample + part.frames * front.block)
                found += self._told(part, heard, row, block.first_channel, time_ns)
        return found

    def _front_end(self, rate_hz: float) -> FrontEnd:
        if rate_hz not in self._fitted:
            chosen = self.settings
            band = {"low_hz": max(chosen.low_hz, rate_hz / 500.0), "high_hz": min(chosen.high_hz, 0.45 * rate_hz)}
            self._fitted[rate_hz] = fit_front_end(FrontEndSettings(block_s=FRAME_S, **band), rate_hz)
        return self._fitted[rate_hz]

    def _told(self, part: _Part, heard: Footfalls, row: int, first_channel: int, time_ns: int) -> list[Detection]:
        """Walkers of one frame, the clearest first; each takes its neighbours with it."""
        rhythm_db = heard.rhythm_db[row].copy()
        found: list[Detection] = []
        while (best := int(rhythm_db.argmax())) >= 0 and rhythm_db[best] >= self.settings.threshold_db:
            near = slice(max(best - _REACH_CHANNELS, 0), best + _REACH_CHANNELS + 1)
            here = np.arange(near.start, min(near.stop, len(rhythm_db)))
            weight = np.where(rhythm_db[here] >= _SKIRT * rhythm_db[best], rhythm_db[here], 0.0)
            centre = float((weight * here).sum() / weight.sum())
            found.append(self._detection(part, heard, row, best, first_channel + centre, time_ns))
            rhythm_db[here] = 0.0
        return found

    def _detection(self, part: _Part, heard: Footfalls, row: int, best: int, centre: float, time_ns: int) -> Detection:
        at_m = float(np.interp(centre + 0.5, np.arange(len(self._edges_m)), self._edges_m))
        pitch_m = abs(float(np.median(np.diff(self._edges_m))))
        low_m, high_m = self.sensor.extent_m()
        sigma_m = max(pitch_m / 2.0, 2.0)
        strength = float(heard.rhythm_db[row, best])
        decades = (strength - self.settings.threshold_db) / self.settings.decade_db
        movers = _movers(strength, float(heard.hooves_db[row, best]), float(heard.least_db[row, best]))
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            duration_s=(part.frames - int(part.since[best]) + 1) * FRAME_S,
            chainage_m=at_m,
            chainage_sigma_m=sigma_m,
            from_m=max(at_m - pitch_m, low_m),
            to_m=min(at_m + pitch_m, high_m),
            strength_db=float(heard.height_db[row, best]),
            probability=1.0 / (1.0 + 10.0 ** -min(decades, 3.0)),
            mover_probabilities=movers,
        )


def _movers(walk_db: float, hooves_db: float, least_db: float) -> tuple[float, ...]:
    """What walks, by which intervals come back: only a walk's; also those of hooves, with nothing between; or all."""
    shares = _WALKER
    if hooves_db >= 0.8 * walk_db:
        shares = _HOOVES if least_db < 0.5 * walk_db else _CROWD
    return tuple(shares.get(mover, 0.0) for mover in MOVERS)


def _follows(part: _Part, block: Block) -> bool:
    """Whether the block goes on where the part stands; after a gap or another rate all begins anew."""
    same = (part.origin_ns, part.rate_hz, part.next_sample) == (block.origin_ns, block.rate_hz, block.first_sample)
    return same and len(part.since) == block.n_channels
