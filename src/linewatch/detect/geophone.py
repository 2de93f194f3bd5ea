"""Geophones: samples in, people on foot out. Steps and rhythm are `signals.footsteps`'.

One detection for every step of a walk from its fourth on. Vibration of other kinds is the energy detector's affair.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.looking import Peephole
from linewatch.detect.recent import samples_of
from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Health, Record, Tick, batch_of
from linewatch.records.block import NS_PER_S
from linewatch.records.vocabulary import MOVERS, Mover
from linewatch.signals.footsteps import (
    WALK_STEPS,
    StepState,
    Walk,
    Walks,
    find_steps,
    follow_walks,
    new_step_state,
    new_walks,
)
from linewatch.site.sensor import Sensor

LEAST_RATE_HZ: Final = 100.0

CARD: Final = Card(
    title="Footsteps in geophone channels, by their rhythm",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/classification.md",
    measured={"geophone": "python -m benchmarks.geophone --json"},
    limits=(
        "measured on indoor floors with one walker; reach in soil is another",
        "several walkers hide each other's rhythm",
        "what walks is assumed, not measured: a person in most cases, an animal in some",
        f"needs at least {LEAST_RATE_HZ:g} samples a second, and four steps in rhythm",
    ),
)
# No recording of an animal stands behind these: they say only that four even steps are mostly a person's.
_WALKERS: Final[dict[Mover, float]] = {"person": 0.7, "group": 0.15, "animal": 0.1, "unknown": 0.05}
_MOVER_PROBABILITIES: Final = tuple(_WALKERS.get(mover, 0.0) for mover in MOVERS)


class GeophoneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How footsteps become detections."""

    default_range_m: float = 15.0
    """Reach of a sensor that states none."""


class _Channel(msgspec.Struct):
    """One channel's stream."""

    origin_ns: int
    start_ns: int
    rate_hz: float
    next_sample: int
    steps: StepState
    walks: Walks


class GeophoneState(msgspec.Struct):
    """What the step carries."""

    channels: dict[int, _Channel]
    """By channel."""
    too_slow: bool = False
    """Whether a rate below what footsteps need was told."""


class GeophoneStep(Peephole):
    """The detector of one geophone, or of one string of them."""

    state_type = GeophoneState
    card = CARD

    def __init__(self, sensor: Sensor, settings: GeophoneSettings | None = None) -> None:
        super().__init__()
        self.sensor = sensor
        self.settings = settings or GeophoneSettings()
        self.key = sensor.id
        self._reach_m = sensor.range_m if sensor.range_m is not None else self.settings.default_range_m
        self._places_m = sensor.channel_centres_m() if sensor.is_span else None

    def initial(self) -> GeophoneState:
        """Nothing heard."""
        return GeophoneState(channels={})

    def step(self, state: GeophoneState, batch: Batch, tick: Tick) -> tuple[GeophoneState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out. Takes over the arrays of `state`."""
        self.keep_levels(batch)
        found: list[Detection] = []
        out: list[Record] = []
        for block in batch:
            if not isinstance(block, Block):
                continue
            if block.rate_hz < LEAST_RATE_HZ:
                out += self._too_slow(state, block)
                continue
            samples = samples_of(block)
            for column in range(block.n_channels):
                found += self._channel(state, block, column, samples[:, column])
        if found:
            out.insert(0, batch_of(self.sensor.line, found))
        return state, tuple(out)

    def _too_slow(self, state: GeophoneState, block: Block) -> list[Record]:
        """A rate at which no footstep can be told, said once."""
        if state.too_slow:
            return []
        state.too_slow = True
        text = f"{block.rate_hz:g} samples a second; footsteps need {LEAST_RATE_HZ:g} or more"
        return [
            Health(
                line=self.sensor.line,
                sensor=self.sensor.id,
                time_ns=block.start_ns,
                condition="wrong_rate",
                severity="failed",
                text=text,
            )
        ]

    def _channel(
        self, state: GeophoneState, block: Block, column: int, samples: NDArray[np.float32]
    ) -> list[Detection]:
        number = block.first_channel + column
        channel = state.channels.get(number)
        here = (block.origin_ns, block.rate_hz, block.first_sample)
        if channel is None or (channel.origin_ns, channel.rate_hz, channel.next_sample) != here:
            fresh = new_step_state(block.rate_hz), new_walks()
            channel = _Channel(block.origin_ns, block.start_ns, block.rate_hz, 0, *fresh)
            state.channels[number] = channel
        channel.next_sample = block.first_sample + block.n_samples
        found = []
        for step in find_steps(samples, channel.steps):
            walk = follow_walks(step, channel.walks)
            if walk is not None:
                found.append(self._detection(number, channel, walk, step.ratio))
        return found

    def _detection(self, number: int, channel: _Channel, walk: Walk, ratio: float) -> Detection:
        at_m = float(self._places_m[number]) if self._places_m is not None else float(self.sensor.at_m or 0.0)
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=channel.start_ns + round(walk.last_s * NS_PER_S),
            duration_s=walk.last_s - walk.first_s,
            chainage_m=at_m,
            chainage_sigma_m=self._reach_m / float(np.sqrt(3.0)),
            from_m=at_m - self._reach_m,
            to_m=at_m + self._reach_m,
            strength_db=20.0 * float(np.log10(ratio)),
            # Each further step in rhythm halves the odds that chance put them there.
            probability=1.0 - 0.2 * 0.5 ** (walk.steps - WALK_STEPS),
            mover_probabilities=_MOVER_PROBABILITIES,
        )
