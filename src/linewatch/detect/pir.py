"""PIR sensors with an analogue output: a waveform in, presence out.

Windows of one second stand on the absolute grid of time, so that how a stream was cut never matters. A sensor that
only says "on" enters as detections by itself and does not come here.
"""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.looking import Peephole
from linewatch.detect.models import shipped_model
from linewatch.detect.recent import Recent, followed_by, trimmed
from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Health, Record, Tick, batch_of
from linewatch.records.block import NS_PER_S, first_sample_at
from linewatch.signals.act_model import ActModel, log_probabilities
from linewatch.signals.pir_features import pir_features, second_of
from linewatch.site.sensor import Sensor

LEAST_RATE_HZ: Final = 20.0

CARD: Final = Card(
    title="Presence in the waveform of passive infra-red sensors",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/classification.md",
    measured={"pir": "python -m benchmarks.pir --json"},
    limits=(
        "fitted on one indoor device, whose counts stand for its gain: another device needs a scale or its own model",
        "says that something warm moves, not what, and not which way",
    ),
)


class PirSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How waveforms become detections."""

    threshold: float = 0.9
    """Least probability of presence that is told."""
    every_s: float = 0.5
    """One window in so many seconds, a whole number of which make a tick or the other way round."""
    counts_scale: float = 1.0
    """What a device's samples are multiplied by to be counts like those of the model's device."""
    default_range_m: float = 10.0
    """Reach of a sensor that states none."""
    stuck_after_s: float = 30.0
    """A waveform that does not move by one count for so long is stuck: a live one always hums."""


class _Part(msgspec.Struct):
    """One channel's stream."""

    recent: Recent
    quiet_counts: float
    """Running deviation of windows without presence, in counts."""
    still: int
    """Windows in a row that never changed."""
    told_stuck: bool


class PirState(msgspec.Struct):
    """What the step carries."""

    parts: dict[int, _Part]
    """By first channel."""
    too_slow: bool = False
    """Whether a rate at which nothing can be told was told."""


class PirStep(Peephole):
    """The detector of one PIR sensor; column 0 of its blocks is the waveform."""

    state_type = PirState
    card = CARD

    def __init__(self, sensor: Sensor, settings: PirSettings | None = None, model: ActModel | None = None) -> None:
        super().__init__()
        self.sensor = sensor
        self.settings = settings or PirSettings()
        self.model = model or shipped_model("pir_presence")
        self.key = sensor.id
        self._every_ns = round(self.settings.every_s * NS_PER_S)
        reach_m = sensor.range_m if sensor.range_m is not None else self.settings.default_range_m
        low, high = sensor.extent_m()
        middle = (low + high) / 2
        self._extent_m = (middle - reach_m, middle + reach_m)

    def initial(self) -> PirState:
        """Nothing heard."""
        return PirState(parts={})

    def step(self, state: PirState, batch: Batch, tick: Tick) -> tuple[PirState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out, with findings beside it."""
        self.keep_levels(batch)
        found: list[Detection] = []
        out: list[Record] = []
        parts, too_slow = dict(state.parts), state.too_slow
        for block in batch:
            if not isinstance(block, Block) or not block.n_samples:
                continue
            if block.rate_hz < LEAST_RATE_HZ:
                if not too_slow:
                    text = f"{block.rate_hz:g} samples a second; allowed: {LEAST_RATE_HZ:g} or more"
                    out.append(self._finding(block.start_ns, "wrong_rate", "failed", text))
                too_slow = True
                continue
            parts[block.first_channel] = self._block(parts.get(block.first_channel), block, found, out)
        if found:
            out.insert(0, batch_of(self.sensor.line, found))
        return PirState(parts, too_slow), tuple(out)

    def _block(self, part: _Part | None, block: Block, found: list[Detection], out: list[Record]) -> _Part:
        recent, follows = followed_by(part.recent if part is not None else None, block)
        if part is None or not follows:
            part = _Part(recent, float("nan"), 0, told_stuck=False)
        quiet, still, told = part.quiet_counts, part.still, part.told_stuck
        length = round(block.rate_hz)
        for time_ns, end in self._ends(block):
            rows = recent.before(end, length)
            # A window with a sample that is not a number says nothing.
            if rows is None or not np.isfinite(rows[:, 0]).all():
                continue
            window = second_of(rows[:, 0]) * self.settings.counts_scale
            still = still + 1 if np.ptp(window) == 0.0 else 0
            stuck = still * self.settings.every_s >= self.settings.stuck_after_s
            if stuck != told:
                what = "does not move at all" if stuck else "moves again"
                condition = ("stuck_channel", "failed") if stuck else ("recovered", "ok")
                out.append(self._finding(time_ns, *condition, f"the waveform {what}"))
            told = stuck
            p = self._presence(window)
            deviation = float(window.std())
            if p >= self.settings.threshold:
                found.append(self._detection(time_ns, p, 1.0 if math.isnan(quiet) else deviation / max(quiet, 0.3)))
            elif p < 0.5:
                quiet = deviation if math.isnan(quiet) else quiet + 0.05 * (deviation - quiet)
        return _Part(trimmed(recent, length), quiet, still, told)

    def _ends(self, block: Block) -> list[tuple[int, int]]:
        """Times of the grid at which a window closes in this block, and the sample before which it does."""
        first = (block.time_of(block.first_sample - 1) if block.first_sample else block.start_ns) // self._every_ns + 1
        ends = []
        for time_ns in range(first * self._every_ns, block.end_ns + self._every_ns, self._every_ns):
            end = first_sample_at(block.origin_ns, time_ns, block.rate_hz)
            if block.first_sample < end <= block.first_sample + block.n_samples:
                ends.append((time_ns, end))
        return ends

    def _presence(self, window: NDArray[np.float64]) -> float:
        log_p = log_probabilities(self.model, pir_features(window[None]))
        return float(np.exp(log_p[0, self.model.classes.index("present")]))

    def _detection(self, time_ns: int, p: float, ratio: float) -> Detection:
        low, high = self._extent_m
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            duration_s=1.0,
            chainage_m=(low + high) / 2,
            chainage_sigma_m=(high - low) / float(np.sqrt(12.0)),
            from_m=low,
            to_m=high,
            strength_db=20.0 * float(np.log10(max(ratio, 1.0))),
            probability=p,
        )

    def _finding(self, time_ns: int, condition: str, severity: str, text: str) -> Health:
        return msgspec.convert(
            {
                "type": "health",
                "line": self.sensor.line,
                "sensor": self.sensor.id,
                "time_ns": time_ns,
                "condition": condition,
                "severity": severity,
                "text": text,
            },
            Health,
        )
