"""Moving sources beside a fibre: raw samples in, vehicles out, each with place, speed and direction.

`signals.slant` finds the lines; here are the step around it, its state, and the translation from channels to metres.
A line is known about `Slant.look_ahead_s` (13 s with the settings as they are) after the vehicle has passed, so these
detections come late: they tell what it was and where it was going, and do not raise an alarm first.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import MOVERS, Block, Detection, Record, Tick, batch_of
from linewatch.records.block import first_sample_at
from linewatch.signals.row_means import RowMeansState, new_row_means, row_means
from linewatch.signals.slant import (
    RATE_HZ,
    Slant,
    SlantLines,
    SlantSettings,
    SlantState,
    find_lines,
    fit_slant,
    new_slant_state,
)
from linewatch.site.sensor import Sensor

_ROW_NS: Final = round(1_000_000_000 / RATE_HZ)
_TIME_SIGMA_S: Final = 0.2
"""Of a passing: half of the time between the push and the pull of a vehicle."""
_PROBABILITY_SCALE: Final = 0.15
"""Part of the threshold by which the score must change to change the odds by e."""
_MOVER: Final = {"vehicle": 0.8, "train": 0.1, "unknown": 0.1}
"""A line has a speed, and the speeds that are looked for are those of vehicles. Not calibrated."""

CARD: Final = Card(
    title="Moving sources along a fibre, by slanted lines in chainage and time",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/front-end.md",
    measured={"street": "python -m benchmarks.street --json"},
    limits=(
        "for vehicles near the fibre; two that follow within about 2 s may be one",
        "known 13 s after the passing",
        "needs channels of signed samples (phase or strain rate), not amplitudes",
    ),
)


class _Part(msgspec.Struct):
    """A stretch of channels that arrives together."""

    origin_ns: int
    rate_hz: float
    next_sample: int
    first_row_ns: int
    """Time at which row 0 began."""
    means: RowMeansState
    lines: SlantState


class RoadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roads beside a buried fibre."""

    watched: bool = False
    """Whether fibres also look for vehicles that drive along them."""
    slant: SlantSettings = SlantSettings()
    """How they are found."""


class MovingSourceState(msgspec.Struct):
    """What the step carries."""

    parts: dict[int, _Part]
    """By first channel of each stretch that arrives together."""


class MovingSourceStep:
    """The detector of one sensor."""

    state_type = MovingSourceState
    card = CARD

    def __init__(self, sensor: Sensor, settings: SlantSettings) -> None:
        self.sensor = sensor
        self.settings = settings
        self.key = f"{sensor.id}/moving"
        self._edges_m = sensor.channel_edges_m()

    def initial(self) -> MovingSourceState:
        """Nothing heard."""
        return MovingSourceState(parts={})

    def step(
        self,
        state: MovingSourceState,
        batch: Batch,
        tick: Tick,  # noqa: ARG002 - time comes with the samples
    ) -> tuple[MovingSourceState, tuple[Record, ...]]:
        """Blocks in, one batch of detections out. Takes over the arrays of `state`.

        A stretch with fewer channels than an aperture has is left alone; it is too short to tell a speed. Health
        findings about the rate are those of the vibration step, which gets the same blocks.
        """
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block) and block.n_channels >= self.settings.aperture_channels:
                found += self._block(state, block)
        return state, (batch_of(self.sensor.line, found),) if found else ()

    def _block(self, state: MovingSourceState, block: Block) -> list[Detection]:
        slant = self._slant(block)
        part = state.parts.get(block.first_channel)
        if part is None or not _follows(part, block):
            part = state.parts[block.first_channel] = _Part(
                origin_ns=block.origin_ns,
                rate_hz=block.rate_hz,
                next_sample=block.first_sample,
                first_row_ns=block.start_ns // _ROW_NS * _ROW_NS,
                means=new_row_means(block.n_channels),
                lines=new_slant_state(slant, block.n_channels),
            )
        samples = block.samples
        if block.valid is not None and not block.valid.all():
            samples = np.where(block.valid, samples, np.nan)
        rows = row_means(samples, self._row_ends(block), part.means)
        part.next_sample = block.first_sample + block.n_samples
        lines = find_lines(rows, slant, part.lines)
        return [self._detection(lines, i, part.first_row_ns, block.first_channel) for i in range(len(lines.row))]

    def _slant(self, block: Block) -> Slant:
        edges_m = self._edges_m[block.first_channel : block.first_channel + block.n_channels + 1]
        return fit_slant(self.settings, float(np.median(np.diff(edges_m))), block.n_channels)

    def _row_ends(self, block: Block) -> NDArray[np.int64]:
        """Rows of samples before which the rows of the time grid close; one that closes at the start is closed."""
        rows = []
        edge_ns = (block.start_ns // _ROW_NS + 1) * _ROW_NS
        while edge_ns <= block.end_ns:
            row = first_sample_at(block.origin_ns, edge_ns, block.rate_hz) - block.first_sample
            if row > block.n_samples:
                break
            rows.append(row)
            edge_ns += _ROW_NS
        return np.array(rows, np.int64)

    def _detection(self, lines: SlantLines, i: int, first_row_ns: int, first_channel: int) -> Detection:
        at = first_channel + float(lines.centre[i])
        chainage_m = float(np.interp(at, np.arange(len(self._edges_m)), self._edges_m))
        velocity = float(lines.velocity_mps[i])
        sigma_m = max(abs(velocity) * _TIME_SIGMA_S, abs(float(self._edges_m[1] - self._edges_m[0])))
        low_m, high_m = self.sensor.extent_m()
        score = float(lines.score[i])
        over = score / self.settings.threshold - 1.0
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            # The middle of the row at which it passed.
            time_ns=first_row_ns + int(lines.row[i]) * _ROW_NS + _ROW_NS // 2,
            duration_s=2.0 * _TIME_SIGMA_S,
            chainage_m=chainage_m,
            chainage_sigma_m=sigma_m,
            from_m=max(chainage_m - sigma_m, low_m),
            to_m=min(chainage_m + sigma_m, high_m),
            strength_db=20.0 * float(np.log10(score)),
            probability=1.0 / (1.0 + float(np.exp(-over / _PROBABILITY_SCALE))),
            mover_probabilities=tuple(_MOVER.get(mover, 0.0) for mover in MOVERS),
            velocity_mps=velocity,
            velocity_sigma_mps=float(lines.velocity_sigma_mps[i]),
        )


def _follows(part: _Part, block: Block) -> bool:
    """Whether the block goes on where the part stands; after a gap or another rate all begins anew."""
    same = (part.origin_ns, part.rate_hz, part.next_sample) == (block.origin_ns, block.rate_hz, block.first_sample)
    return same and len(part.means.sums) == block.n_channels
