"""Vibration channels (fibre, fence cable, geophones): samples in, disturbed stretches out.

Energy by frames of the absolute time grid, floors, threshold and runs are `signals`' work; here are the step around
them, its state, and the translation from channels to metres.
"""

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Health, Record, Tick, batch_of
from linewatch.records.block import first_sample_at
from linewatch.records.health import Severity
from linewatch.signals.energy import AMPLITUDE, RAW, EnergyState, accumulate_energy, new_energy_state
from linewatch.signals.energy_detector import (
    DisturbedRuns,
    EnergyDetectorSettings,
    EnergyDetectorState,
    detect_frames,
    live_channels,
    new_energy_detector_state,
)
from linewatch.site.sensor import Sensor

_NS_PER_S: Final = 1_000_000_000
_RAW_BLOCK_S: Final = 0.001
_LEAST_PITCH_M: Final = 0.1

CARD: Final = Card(
    title="Energy detector for vibration channels: fibre, fence cable, geophones",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/detection.md",
    measured={
        "fence_localise": "python -m benchmarks.fence_localise --json",
        "quiet": "python -m benchmarks.quiet --json",
    },
    limits=(
        "says that and where something shakes, not what it is",
        "a lone channel needs 30 s of quiet to have a floor",
    ),
)


class VibrationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How vibration becomes detections. Lengths of time; the thresholds are those of the energy detector."""

    frame_s: float = 0.05
    """Length of a frame; a whole number of frames makes a tick."""
    min_excess_db: float = 15.0
    """Least height over the floor across channels."""
    own_min_excess_db: float = 9.0
    """Least height over a channel's own floor, once that is proven."""
    least_share: float = 0.5
    """A frame counts for a channel that gave at least this share of its samples."""
    amplitude_kinds: tuple[Literal["fibre_das", "fibre_vibration", "geophone"], ...] = ("fibre_vibration",)
    """Kinds of sensor whose samples are amplitudes, zero or more; all others deliver signed or offset samples."""


class _Part(msgspec.Struct):
    """A stretch of channels that arrives together."""

    origin_ns: int
    rate_hz: float
    next_sample: int
    n_channels: int
    frames: int
    energy: EnergyState
    detector: EnergyDetectorState
    disturbed_frames: NDArray[np.int64]
    common: bool


class VibrationState(msgspec.Struct):
    """What the step carries, by the first channel of each stretch that arrives together."""

    parts: dict[int, _Part]
    """By first channel."""


class VibrationStep:
    """The detector of one sensor."""

    state_type = VibrationState
    card = CARD

    def __init__(self, sensor: Sensor, settings: VibrationSettings) -> None:
        self.sensor = sensor
        self.settings = settings
        self.key = sensor.id
        self.measure = AMPLITUDE if sensor.kind in settings.amplitude_kinds else RAW
        self._frame_ns = round(settings.frame_s * _NS_PER_S)
        self._edges_m = sensor.channel_edges_m() if sensor.is_span else np.array(sensor.extent_m())
        pitch_m = float(np.median(np.abs(np.diff(self._edges_m))))
        fitted = EnergyDetectorSettings.for_sensor(max(pitch_m, _LEAST_PITCH_M), settings.frame_s)
        self._thresholds = msgspec.structs.replace(
            fitted, min_excess_db=settings.min_excess_db, own_min_excess_db=settings.own_min_excess_db
        )

    def initial(self) -> VibrationState:
        """Nothing heard."""
        return VibrationState(parts={})

    def step(self, state: VibrationState, batch: Batch, tick: Tick) -> tuple[VibrationState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out, with findings beside it. Takes over the arrays of `state`."""
        out: list[Record] = []
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block):
                part, block_out = self._part(state, block)
                out += block_out
                out += self._block(part, block, found)
        if found:
            out.insert(0, batch_of(self.sensor.line, found))
        return state, tuple(out)

    def _part(self, state: VibrationState, block: Block) -> tuple[_Part, list[Record]]:
        """The state that this block goes on with; a new beginning of the frame where it does not follow."""
        part = state.parts.get(block.first_channel)
        out: list[Record] = []
        if part is None or part.n_channels != block.n_channels:
            part = _Part(
                origin_ns=block.origin_ns,
                rate_hz=block.rate_hz,
                next_sample=block.first_sample,
                n_channels=block.n_channels,
                frames=0,
                energy=new_energy_state(block.n_channels),
                detector=new_energy_detector_state(block.n_channels),
                disturbed_frames=np.zeros(block.n_channels, np.int64),
                common=False,
            )
            state.parts[block.first_channel] = part
        if part.rate_hz != block.rate_hz:
            text = f"{block.rate_hz:g} samples a second; {part.rate_hz:g} before"
            out.append(self._finding("wrong_rate", "note", block.start_ns, text))
        follows = (part.origin_ns, part.rate_hz, part.next_sample) == (
            block.origin_ns,
            block.rate_hz,
            block.first_sample,
        )
        if not follows:
            part.energy = new_energy_state(block.n_channels)
            part.origin_ns, part.rate_hz = block.origin_ns, block.rate_hz
        part.next_sample = block.first_sample + block.n_samples
        return part, out

    def _block(self, part: _Part, block: Block, found: list[Detection]) -> list[Record]:
        times_ns, ends = self._frame_ends(block)
        per_block = max(round(block.rate_hz * _RAW_BLOCK_S), 1) if self.measure == RAW else 1
        energy, count, moving = accumulate_energy(block.samples, ends, self.measure, per_block, part.energy)
        expected = self.settings.frame_s * block.rate_hz / per_block
        valid = live_channels(energy, count, moving, max(round(expected * self.settings.least_share), 1))
        if block.valid is not None:
            valid &= block.valid
        out: list[Record] = []
        for time_ns, runs in zip(times_ns, detect_frames(energy, valid, self._thresholds, part.detector), strict=True):
            part.frames += 1
            found += self._detections(part, block.first_channel, runs, time_ns)
            out += self._common(part, runs, time_ns)
        return out

    def _frame_ends(self, block: Block) -> tuple[list[int], NDArray[np.int64]]:
        """Times at which frames close in this block, and the rows before which they do."""
        first = block.time_of(block.first_sample - 1) // self._frame_ns + 1 if block.first_sample else None
        edge_ns = (block.start_ns // self._frame_ns + 1 if first is None else first) * self._frame_ns
        times_ns: list[int] = []
        rows: list[int] = []
        while True:
            row = first_sample_at(block.origin_ns, edge_ns, block.rate_hz) - block.first_sample
            if row > block.n_samples:
                return times_ns, np.array(rows, dtype=np.int64)
            # A frame that closes before the first row was closed by the block before this one.
            if row > 0:
                times_ns.append(edge_ns)
                rows.append(row)
            edge_ns += self._frame_ns

    def _detections(self, part: _Part, first_channel: int, found: DisturbedRuns, time_ns: int) -> list[Detection]:
        first, end = found.runs.first, found.runs.end
        in_run = np.zeros(part.n_channels, dtype=bool)
        for i in range(len(first)):
            in_run[first[i] : end[i]] = True
        part.disturbed_frames = np.where(in_run, part.disturbed_frames + 1, 0)
        return [self._detection(part, first_channel, found, i, time_ns) for i in range(len(first))]

    def _detection(self, part: _Part, first_channel: int, found: DisturbedRuns, i: int, time_ns: int) -> Detection:
        first, end = int(found.runs.first[i]), int(found.runs.end[i])
        ends_m = self._edges_m[first_channel + first], self._edges_m[first_channel + end]
        centre = first_channel + float(found.centre[i]) + 0.5
        chainage_m = float(np.interp(centre, np.arange(len(self._edges_m)), self._edges_m))
        spacing_m = abs(ends_m[1] - ends_m[0]) / (end - first)
        frames = int(part.disturbed_frames[first:end].max())
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            duration_s=frames * self.settings.frame_s,
            chainage_m=chainage_m,
            chainage_sigma_m=float(found.centre_sigma[i]) * spacing_m,
            from_m=float(min(ends_m)),
            to_m=float(max(ends_m)),
            strength_db=float(found.strength_db[i]),
            probability=float(found.probability[i]),
        )

    def _common(self, part: _Part, found: DisturbedRuns, time_ns: int) -> list[Record]:
        """A rise of all channels at once is told when it begins and when it is over."""
        common = found.common_db > 0.0
        if common == part.common:
            return []
        part.common = common
        text = f"all channels rose by {found.common_db:.0f} dB at once" if common else "the common rise is over"
        return [self._finding("common_mode", "note", time_ns, text)]

    def _finding(
        self,
        condition: Literal["wrong_rate", "common_mode"],
        severity: Severity,
        time_ns: int,
        text: str,
    ) -> Health:
        return Health(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            condition=condition,
            severity=severity,
            text=text,
        )
