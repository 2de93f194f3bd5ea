"""What is done to a fence: the vibration detector's stretches, with acts and movers told by their samples.

The step around `detect.vibration` looks at the samples behind each detection, in windows of rows that stand on the
stream's own grid, takes the strongest neighbouring cells within the stretch, and writes probabilities into the
detection. Place, extent, strength and number of detections stay as they are.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.models import shipped_act_model
from linewatch.detect.recent import Recent, followed_by, trimmed
from linewatch.detect.seen_windows import SeenWindows, answers_of, new_windows, still_read
from linewatch.detect.vibration import VibrationSettings, VibrationState, VibrationStep
from linewatch.plugins import Card
from linewatch.ports import Batch, Glimpse
from linewatch.records import Block, Detections, Record, Tick
from linewatch.records.block import first_sample_at
from linewatch.records.detection import quantise_batch
from linewatch.records.vocabulary import ACTS, MOVERS
from linewatch.signals.act_model import ActModel, strangeness, together, unknown_probability
from linewatch.signals.fence_features import CELLS, ROWS, strongest_cells
from linewatch.site.sensor import Sensor

WIND: Final = "wind"
HOP_ROWS: Final = 32
STRANGENESS_WINDOWS: Final = 5

CARD: Final = Card(
    title="Acts on a fence cable: climb, knock, saw, shake, drill, and wind",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/classification.md",
    measured={"classify": "python -m benchmarks.classify --json"},
    limits=(
        "fitted on 22 recordings of one installation, where class, day and place go together",
        "rows are taken as they come: another row rate is another rhythm",
        f"needs {CELLS} cells and {ROWS} rows",
    ),
)


class ClassifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How acts are told."""

    features: Literal["shape", "level"] = "shape"
    """`shape` knows no offset and no gain and so carries over to other cables; `level` knows those of one cable."""
    decision_rows: int = 4 * ROWS
    """Rows that one answer rests on, at most; at least 128."""


class ClassifyState(msgspec.Struct):
    """What the step carries."""

    vibration: VibrationState
    """The detector's own."""
    recent: dict[int, Recent]
    """Last rows, by the first channel of each stretch that arrives together."""
    seen: dict[int, SeenWindows]
    """Windows of these rows that were looked at: decisions overlap, and each window is looked at once."""


class ActProbabilities(msgspec.Struct, frozen=True):
    """What the samples behind a detection say."""

    acts: tuple[float, ...]
    """In the order of `ACTS`. What the answer does not know is spread evenly."""
    movers: tuple[float, ...]
    """In the order of `MOVERS`: weather where it is wind, a person where it is an act, unknown where it is strange."""


def act_probabilities(features: NDArray[np.float64], log_p: NDArray[np.float64], model: ActModel) -> ActProbabilities:
    """Acts and movers of one decision over windows in order of time, n at least 1: features (n, all), log_p (n, k)."""
    p = together(log_p, model.pooling)
    late = slice(-STRANGENESS_WINDOWS, None)
    strange = strangeness(model, features[late], together(log_p[late], model.pooling))
    unknown = unknown_probability(model, strange)
    wind = float(p[model.classes.index(WIND)])
    by_act = {"none" if name == WIND else name: float(share) for name, share in zip(model.classes, p, strict=True)}
    acts = tuple((1.0 - unknown) * by_act.get(act, 0.0) + unknown / len(ACTS) for act in ACTS)
    by_mover = {"weather": (1.0 - unknown) * wind, "person": (1.0 - unknown) * (1.0 - wind), "unknown": unknown}
    return ActProbabilities(acts, tuple(by_mover.get(mover, 0.0) for mover in MOVERS))


class ClassifyStep:
    """The vibration detector of one sensor, which also tells acts."""

    state_type = ClassifyState
    card = CARD
    has_floor = True

    def __init__(
        self,
        sensor: Sensor,
        vibration: VibrationSettings,
        settings: ClassifySettings | None = None,
        model: ActModel | None = None,
        sections: Sequence[tuple[float, float, VibrationSettings]] = (),
    ) -> None:
        self.sensor = sensor
        self.settings = settings or ClassifySettings()
        self.model = model or shipped_act_model("fence_acts", self.settings.features)
        self.vibration = VibrationStep(sensor, vibration, sections)
        self.key = sensor.id
        self._tells = sensor.is_span and sensor.kind in vibration.amplitude_kinds
        self._centres_m = sensor.channel_centres_m() if sensor.is_span else np.zeros(0)

    def initial(self) -> ClassifyState:
        """Nothing heard."""
        return ClassifyState(self.vibration.initial(), {}, {})

    def look_into(self, channels: frozenset[int]) -> None:
        """As `ports.SeenInto`: the vibration detector's levels."""
        self.vibration.look_into(channels)

    def glimpses(self) -> list[Glimpse]:
        """As `ports.SeenInto`."""
        return self.vibration.glimpses()

    def step(self, state: ClassifyState, batch: Batch, tick: Tick) -> tuple[ClassifyState, tuple[Record, ...]]:
        """Blocks in; detections with acts out, with findings beside them. Takes over the arrays of `state`."""
        recent, seen = dict(state.recent), dict(state.seen)
        if self._tells:
            for block in batch:
                if isinstance(block, Block):
                    first = block.first_channel
                    recent[first], follows = followed_by(recent.get(first), block)
                    if not follows:
                        seen[first] = new_windows(self.model)
        vibration, out = self.vibration.step(state.vibration, batch, tick)
        if self._tells:
            # Only amplitudes look like what the model has seen.
            told = {first: rows for first, rows in recent.items() if not vibration.parts[first].swings}
            out = tuple(self._told(told, seen, r) if isinstance(r, Detections) else r for r in out)
            keep = self.settings.decision_rows + ROWS
            recent = {first: trimmed(rows, keep) for first, rows in recent.items()}
            seen = {first: still_read(windows, recent[first]) for first, windows in seen.items()}
        return ClassifyState(vibration, recent, seen), out

    def _told(self, recent: dict[int, Recent], seen: dict[int, SeenWindows], found: Detections) -> Detections:
        acts, movers = found.act_probabilities.copy(), found.mover_probabilities.copy()
        done: dict[tuple[int, int, int, int], ActProbabilities | None] = {}
        for row in range(len(found)):
            where = self._cells(found, row, recent)
            if where is None:
                continue
            first, low, high = where
            rows = recent[first]
            end = first_sample_at(rows.origin_ns, int(found.time_ns[row]), rows.rate_hz) // ROWS * ROWS
            key = (first, low, high, end)
            if key not in done:
                wanted = self._windows(rows, low, high, end)
                if wanted:
                    seen[first], features, log_p = answers_of(seen[first], rows, wanted, self.model)
                    done[key] = act_probabilities(features, log_p, self.model)
                else:
                    done[key] = None
            told = done[key]
            if told is not None:
                acts[row], movers[row] = told.acts, told.movers
        return quantise_batch(msgspec.structs.replace(found, act_probabilities=acts, mover_probabilities=movers))

    def _cells(self, found: Detections, row: int, recent: dict[int, Recent]) -> tuple[int, int, int] | None:
        """First channel of the part that holds this detection, and its cells in there, at least CELLS of them."""
        centre = int(np.argmin(np.abs(self._centres_m - found.chainage_m[row])))
        inside = np.flatnonzero((self._centres_m >= found.from_m[row]) & (self._centres_m <= found.to_m[row]))
        for first, rows in recent.items():
            cells = rows.rows.shape[1]
            if first <= centre < first + cells and cells >= CELLS:
                low = int(min(inside.min(), centre) if len(inside) else centre) - first
                high = int(max(inside.max(), centre) if len(inside) else centre) + 1 - first
                missing = max(CELLS - (high - low), 0)
                low = min(max(low - missing // 2, 0), cells - CELLS)
                return first, low, min(max(high, low + CELLS), cells)
        return None

    def _windows(self, recent: Recent, low: int, high: int, end: int) -> list[tuple[int, int]]:
        """End and first cell of the windows of one decision, which end at or before `end` on the stream's grid."""
        windows = []
        for last in range(end, end - self.settings.decision_rows + ROWS - 1, -HOP_ROWS):
            rows = recent.before(last, ROWS)
            if rows is None:
                break
            cells = rows[:, low:high]
            # A window with holes in it does not look like anything that was learnt.
            if np.isfinite(cells).all():
                windows.append((last, low + strongest_cells(cells)))
        return windows[::-1]
