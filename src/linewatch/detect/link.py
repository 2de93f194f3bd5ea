"""Radio and microwave links: readings of signal strength in, disturbances between their ends out.

One sensor is a bundle of links, one a channel. What counts as movement is `signals.link_variance`'s; here are the
step, its state, and the place: the middle of the channels that were disturbed where each has a place of its own, else
the middle of the sensor's reach.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.looking import Peephole
from linewatch.detect.recent import samples_of
from linewatch.plugins import Card
from linewatch.ports import Batch
from linewatch.records import Block, Detection, Record, Tick, batch_of
from linewatch.signals.link_variance import (
    ALARM,
    LinkState,
    RunState,
    follow_run,
    link_scores,
    new_link_state,
)
from linewatch.site.sensor import Sensor

CARD: Final = Card(
    title="Movement between the ends of radio or microwave links, by the change of their strength",
    level="block to detection",
    licence="Apache-2.0",
    docs="docs/classification.md",
    measured={"links": "python -m benchmarks.links --json"},
    limits=(
        "says that something moved, not what, and which way only where links have places of their own",
        "thresholds were set on one recording of one room; whatever moves for minutes is one run",
    ),
)
_DB_PER_NEPER: Final = 20.0 / np.log(10.0)


class LinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How readings become detections."""

    every_rows: int = 5
    """While a run lasts, one detection in so many rows; the first at once."""
    least_reach_m: float = 1.0
    """Reach of a sensor that states none."""


class _Part(msgspec.Struct):
    """Links that arrive together."""

    origin_ns: int
    rate_hz: float
    next_sample: int
    links: LinkState
    run: RunState
    felt: NDArray[np.float64]
    """(links,) what each link added to the run that is going on."""


class LinkStepState(msgspec.Struct):
    """What the step carries."""

    parts: dict[int, _Part]
    """By first channel."""


class LinkStep(Peephole):
    """The detector of one bundle of links."""

    state_type = LinkStepState
    card = CARD

    def __init__(self, sensor: Sensor, settings: LinkSettings | None = None) -> None:
        super().__init__()
        self.sensor = sensor
        self.settings = settings or LinkSettings()
        self.key = sensor.id
        low, high = sensor.extent_m()
        middle = (low + high) / 2
        reach = max((high - low) / 2, self.settings.least_reach_m)
        self._extent_m = (middle - reach, middle + reach)
        self._places_m = sensor.channel_centres_m() if sensor.is_span else None

    def initial(self) -> LinkStepState:
        """Nothing heard."""
        return LinkStepState(parts={})

    def step(self, state: LinkStepState, batch: Batch, tick: Tick) -> tuple[LinkStepState, tuple[Record, ...]]:  # noqa: ARG002 - samples bring their own time
        """Blocks in, one batch of detections out. Takes over the arrays of `state`."""
        self.keep_levels(batch)
        found: list[Detection] = []
        for block in batch:
            if isinstance(block, Block):
                found += self._block(self._part(state, block), block)
        return state, ((batch_of(self.sensor.line, found),) if found else ())

    def _part(self, state: LinkStepState, block: Block) -> _Part:
        part = state.parts.get(block.first_channel)
        follows = part is not None and (part.origin_ns, part.rate_hz, part.next_sample, len(part.felt)) == (
            block.origin_ns,
            block.rate_hz,
            block.first_sample,
            block.n_channels,
        )
        if part is None or not follows:
            n = block.n_channels
            part = _Part(block.origin_ns, block.rate_hz, 0, new_link_state(n), RunState(), np.zeros(n))
            state.parts[block.first_channel] = part
        part.next_sample = block.first_sample + block.n_samples
        return part

    def _block(self, part: _Part, block: Block) -> list[Detection]:
        told = link_scores(samples_of(block), part.links)
        found = []
        for row, mean in enumerate(told.means):
            going = follow_run(float(mean), part.run)
            part.felt = part.felt + told.parts[row] if going else np.zeros(len(part.felt))
            since = part.run.rows - 1 - part.run.since_row
            if going and since % self.settings.every_rows == 0:
                time_ns = block.time_of(block.first_sample + row)
                found.append(self._detection(part, block.first_channel, time_ns, since, float(told.scores[row])))
        return found

    def _detection(self, part: _Part, first_channel: int, time_ns: int, since: int, score: float) -> Detection:
        low, high = self._extent_m
        place_m, sigma_m = (low + high) / 2, (high - low) / np.sqrt(12.0)
        weight = np.maximum(part.felt, 0.0)
        if self._places_m is not None and weight.sum() > 0.0:
            at = self._places_m[first_channel : first_channel + len(weight)]
            place_m = float(np.average(at, weights=weight))
        return Detection(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            duration_s=since / part.rate_hz,
            chainage_m=float(place_m),
            chainage_sigma_m=float(sigma_m),
            from_m=float(low),
            to_m=float(high),
            strength_db=max(score, 0.0) * _DB_PER_NEPER,
            probability=float(1.0 / (1.0 + np.exp(2.0 * (ALARM - part.run.level - 1.0)))),
        )
