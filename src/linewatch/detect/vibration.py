"""Vibration channels (fibre, fence cable, geophones): samples in, disturbed stretches out.

Energy by frames of the absolute time grid, floors, threshold and runs are `signals`' work; here are the step around
them, its state, and the translation from channels to metres.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.corrections import Correction, by_channel_db, corrections_in
from linewatch.detect.looking import Peephole
from linewatch.detect.masks import MaskedStretch, by_channel_of
from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Health, Record, Tick, batch_of
from linewatch.records.block import first_sample_at
from linewatch.records.health import Severity
from linewatch.signals.energy import AMPLITUDE, RAW, EnergyState, accumulate_energy, new_energy_state
from linewatch.signals.energy_detector import (
    ByChannel,
    DisturbedRuns,
    EnergyDetectorSettings,
    EnergyDetectorState,
    detect_frames,
    live_channels,
    new_energy_detector_state,
)
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
_RAW_BLOCK_S: Final = 0.001
_LEAST_PITCH_M: Final = 0.1
_TELL_S: Final = 60.0

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
    """Kinds of sensor whose samples are amplitudes, zero or more; all others deliver signed or offset samples.
    One of these whose first samples are negative somewhere delivers signed samples all the same."""
    low_hz: float = 8.0
    """Lower edge of the band in which such a sensor is listened to: wind sways a fence below it."""
    high_hz: float = 100.0
    """Upper edge; lower where the rate asks for it."""
    masks: tuple[MaskedStretch, ...] = ()
    """Stretches that raise nothing."""


BY_SECTION: Final = ("min_excess_db", "own_min_excess_db", "masks")
"""Settings that may differ from section to section; the others are those of the whole sensor."""


class _Part(msgspec.Struct):
    """A stretch of channels that arrives together."""

    origin_ns: int
    rate_hz: float
    next_sample: int
    n_channels: int
    frames: int
    swings: bool
    """Whether a sensor of amplitudes gives signed samples all the same, as its first row tells."""
    energy: EnergyState
    """Of what does not go through the front end."""
    front: FrontEndState
    """Of a fence that swings."""
    front_sample: int
    """Sample with which the open frame of the front end began."""
    detector: EnergyDetectorState
    disturbed_frames: NDArray[np.int64]
    common: bool
    hushed: dict[str, int]
    """What was suppressed since that was last told, by why."""
    masked: dict[str, str]
    """Masks that were told and are not over: reason by channels."""


class VibrationState(msgspec.Struct):
    """What the step carries, by the first channel of each stretch that arrives together."""

    parts: dict[int, _Part]
    """By first channel."""
    corrected: tuple[Correction, ...] = ()
    """Thresholds that people have corrected."""


class VibrationStep(Peephole):
    """The detector of one sensor."""

    state_type = VibrationState
    card = CARD
    has_floor = True

    def __init__(
        self,
        sensor: Sensor,
        settings: VibrationSettings,
        sections: Sequence[tuple[float, float, VibrationSettings]] = (),
    ) -> None:
        """`sections`: start, end and settings of stretches that have their own."""
        super().__init__()
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
        whole = (-np.inf, np.inf, settings)
        self._by_channel, self._masks = by_channel_of(sensor.id, self._edges_m, [whole, *sections])
        self._fitted: dict[float, FrontEnd | None] = {}
        self._tell_frames = max(round(_TELL_S / settings.frame_s), 1)

    def initial(self) -> VibrationState:
        """Nothing heard."""
        return VibrationState(parts={})

    def step(self, state: VibrationState, batch: Batch, tick: Tick) -> tuple[VibrationState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out, with findings beside it. Takes over the arrays of `state`."""
        state.corrected = corrections_in(batch, state.corrected)
        correction_db = by_channel_db(state.corrected, len(self._edges_m) - 1)
        out: list[Record] = []
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block):
                part, block_out = self._part(state, block)
                out += block_out
                out += self._block(part, block, found, correction_db)
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
                swings=self.measure == AMPLITUDE and bool((block.samples[:1] < 0).any()),
                energy=new_energy_state(block.n_channels),
                front=new_front_end_state(block.n_channels),
                front_sample=block.first_sample,
                detector=new_energy_detector_state(block.n_channels),
                disturbed_frames=np.zeros(block.n_channels, np.int64),
                common=False,
                hushed={},
                masked={},
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
            part.front, part.front_sample = new_front_end_state(block.n_channels), block.first_sample
            part.origin_ns, part.rate_hz = block.origin_ns, block.rate_hz
        part.next_sample = block.first_sample + block.n_samples
        return part, out

    def _block(
        self, part: _Part, block: Block, found: list[Detection], correction_db: NDArray[np.float64]
    ) -> list[Record]:
        times_ns, energy, valid = self._frames(part, block)
        if block.valid is not None:
            valid &= block.valid
        out = self._masked(part, block)
        here = slice(block.first_channel, block.first_channel + block.n_channels)
        own = self._by_channel
        heights_db = own.min_excess_db[here], own.own_min_excess_db[here]
        by_channel = ByChannel(*heights_db, own.masked[here], correction_db[here])
        look_at = self.looked_at(here)
        frames = detect_frames(energy, valid, self._thresholds, part.detector, by_channel, look_at)
        for time_ns, runs in zip(times_ns, frames, strict=True):
            part.frames += 1
            self.keep(time_ns, here.start, runs.looked)
            found += self._detections(part, block.first_channel, runs, time_ns)
            self._count(part, runs)
            out += self._common(part, runs, time_ns)
            out += self._suppressed(part, block.first_channel, time_ns)
        return out

    def _frames(self, part: _Part, block: Block) -> tuple[list[int], NDArray[np.float32], NDArray[np.bool_]]:
        """Frames that close in this block: when, their energy, and in which channels it means something.

        A fence that swings goes through the front end, whose frames count from the first sample; all else is summed up
        between the edges of the absolute time grid. Fibres too: the band of footsteps holds what lasers do (measured on
        quiet recordings: two incidents instead of none), so there differences go first.
        """
        front = self._front_end(block.rate_hz) if part.swings else None
        if front is not None:
            blocks = run_front_end(block.samples, front, part.front)
            ends = part.front_sample + front.block * np.arange(1, len(blocks.power) + 1)
            part.front_sample += front.block * len(blocks.power)
            most_bad = int((1.0 - self.settings.least_share) * front.block)
            return [block.time_of(int(end)) for end in ends], blocks.power, blocks.usable(most_bad)
        times_ns, rows = self._frame_ends(block)
        measure = RAW if part.swings else self.measure
        per_block = max(round(block.rate_hz * _RAW_BLOCK_S), 1) if measure == RAW else 1
        energy, count, moving = accumulate_energy(block.samples, rows, measure, per_block, part.energy)
        expected = self.settings.frame_s * block.rate_hz / per_block
        least = max(round(expected * self.settings.least_share), 1)
        return times_ns, energy, live_channels(energy, count, moving, least)

    def _front_end(self, rate_hz: float) -> FrontEnd | None:
        """The front end for this rate; None where frames or band are too short for it."""
        if rate_hz not in self._fitted:
            low_hz, high_hz = max(self.settings.low_hz, rate_hz / 500.0), min(self.settings.high_hz, 0.45 * rate_hz)
            fits = round(rate_hz * self.settings.frame_s) >= MIN_BLOCK and low_hz < 0.5 * high_hz
            chosen = FrontEndSettings(low_hz=low_hz, high_hz=high_hz, block_s=self.settings.frame_s)
            self._fitted[rate_hz] = fit_front_end(chosen, rate_hz) if fits else None
        return self._fitted[rate_hz]

    @staticmethod
    def _count(part: _Part, found: DisturbedRuns) -> None:
        """Add up what this frame had and raised nothing."""
        why = {
            "frames in which most channels rose at once": int(found.hushed),
            "narrow ones": found.runs.narrow,
            "skirts of stronger ones": found.runs.skirts,
            "frames with disturbances under a mask": int(found.masked),
        }
        for words, count in why.items():
            if count:
                part.hushed[words] = part.hushed.get(words, 0) + count

    def _suppressed(self, part: _Part, first_channel: int, time_ns: int) -> list[Record]:
        """What was suppressed in the last minute, where anything was."""
        if part.frames % self._tell_frames or not part.hushed:
            return []
        counts = ", ".join(f"{count} {words}" for words, count in sorted(part.hushed.items()))
        text = f"channels from {first_channel} on, in the last {_TELL_S:.0f} s: {counts} raised nothing"
        finding = self._finding("suppressed", "note", time_ns, text, count=sum(part.hushed.values()))
        part.hushed = {}
        return [finding]

    def _masked(self, part: _Part, block: Block) -> list[Record]:
        """Masks that begin to hold here, and those that are in the settings no longer."""
        first, last = block.first_channel, block.first_channel + block.n_channels - 1
        here = {
            f"{max(low, first)}-{min(high, last)}": why
            for low, high, why in self._masks
            if low <= last and high >= first
        }
        if here == part.masked:
            return []
        out: list[Record] = []
        for span in sorted(part.masked.keys() - here.keys()):
            text = f"channels {span} are masked no longer"
            found = self._finding("recovered", "ok", block.start_ns, text, span=span)
            out.append(msgspec.structs.replace(found, ends="masked"))
        for span in sorted(here.keys() - part.masked.keys()):
            text = f"channels {span} are masked: {here[span]}"
            out.append(self._finding("masked", "failed", block.start_ns, text, span=span))
        part.masked = here
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
        if not common:
            over = self._finding("recovered", "ok", time_ns, "the common rise is over")
            return [msgspec.structs.replace(over, ends="common_mode")]
        # What rises everywhere hides what happens in it, so the sensor watches less from this moment on.
        text = f"all channels rose by {found.common_db:.0f} dB at once"
        return [
            msgspec.structs.replace(self._finding("common_mode", "degraded", time_ns, text), rise_db=found.common_db)
        ]

    def _finding(
        self,
        condition: Literal["wrong_rate", "common_mode", "recovered", "suppressed", "masked"],
        severity: Severity,
        time_ns: int,
        text: str,
        *,
        count: int = 1,
        span: str = "",
    ) -> Health:
        first, last = (int(end) for end in span.split("-")) if span and self.sensor.is_span else (None, None)
        return Health(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            condition=condition,
            severity=severity,
            text=text,
            count=count,
            first_channel=first,
            last_channel=last,
        )
