"""The door: whatever arrives becomes one ordered, quantised batch per source and tick.

How bytes were chopped on their way never gets past here. A source's records wait for order as long as the source may
be late (its `lateness_s`, at most 0.5 s); what comes later still enters at once, is counted, and says so.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.app.blocks import admit_blocks
from linewatch.ports import Item, Source
from linewatch.records import (
    Block,
    Detection,
    Detections,
    Health,
    Record,
    Row,
    Tick,
    batch_of,
    canonical_bytes,
    concatenate,
    quantise,
    quantise_batch,
)
from linewatch.site.model import Site

_NS_PER_S: Final = 1_000_000_000
FAST_LANE_S: Final = 0.5
"""Longest that a fast source may hold records back for order."""
FUTURE_S: Final = 60.0
"""A stamp further ahead than this is a broken clock, not a fast one."""


class DoorState(msgspec.Struct):
    """What has arrived from one source and waits for order."""

    batches: list[Detections]
    """Detections at or after the watermark, one sorted batch a line."""
    rows: list[Row]
    """All other records at or after the watermark, in no order."""
    watermark_ns: int
    """Everything before this has been let in; older arrivals are late."""


class Admitted(msgspec.Struct, frozen=True):
    """What one source gives to one tick."""

    blocks: tuple[Block, ...]
    """Samples, in order of sensor and time, each stretch whole."""
    records: tuple[Record, ...]
    """All else, in order of time."""


class Door:
    """Lets one source in, tick by tick."""

    def __init__(self, source: Source, site: Site) -> None:
        if not 0.0 <= source.lateness_s <= FAST_LANE_S:
            raise ValueError(f"{source.name}: lateness_s is {source.lateness_s}; allowed: 0 to {FAST_LANE_S}")
        self.source = source
        self.site = site
        self._lateness_ns = round(source.lateness_s * _NS_PER_S)

    def initial(self) -> DoorState:
        """Nothing waits."""
        return DoorState(batches=[], rows=[], watermark_ns=0)

    def admit(self, state: DoorState, tick: Tick) -> tuple[DoorState, Admitted]:
        """Everything of this source that belongs to this tick."""
        arrived = list(self.source.poll(tick.time_ns))
        refusals = _Refusals()
        blocks = admit_blocks([i for i in arrived if isinstance(i, Block)], self.site, refusals.add)
        batches = self._detections(arrived, tick, refusals)
        rows = self._rows(arrived, tick, refusals)
        if not (batches or rows or state.batches or state.rows or refusals.counts):
            return DoorState([], [], tick.time_ns - self._lateness_ns), Admitted(tuple(blocks), ())
        return self._ordered(state, blocks, batches, rows, refusals, tick)

    def _ordered(
        self,
        state: DoorState,
        blocks: Sequence[Block],
        batches: list[Detections],
        rows: list[Row],
        refusals: "_Refusals",
        tick: Tick,
    ) -> tuple[DoorState, Admitted]:
        """Split what came, and what waited, into late, due and still waiting."""
        watermark_ns = tick.time_ns - self._lateness_ns
        late = _where(batches, lambda t: t < state.watermark_ns)
        fresh = _by_line([*state.batches, *_where(batches, lambda t: t >= state.watermark_ns)])
        late_rows = [r for r in rows if _time_ns(r) < state.watermark_ns]
        fresh_rows = [*state.rows, *(r for r in rows if _time_ns(r) >= state.watermark_ns)]
        out: list[Record] = [*_where(fresh, lambda t: t < watermark_ns)]
        out += [_received(batch, tick) for batch in _by_line(late)]
        out += sorted(
            [*(r for r in fresh_rows if _time_ns(r) < watermark_ns), *late_rows],
            key=lambda r: (_time_ns(r), canonical_bytes(r)),
        )
        out += self._late_finding(late, late_rows, tick)
        out += refusals.findings(self.source.name, self.site, tick)
        held = DoorState(
            batches=_where(fresh, lambda t: t >= watermark_ns),
            rows=[r for r in fresh_rows if _time_ns(r) >= watermark_ns],
            watermark_ns=watermark_ns,
        )
        return held, Admitted(tuple(blocks), tuple(out))

    def _detections(self, arrived: list[Item], tick: Tick, refusals: "_Refusals") -> list[Detections]:
        """Every detection that came, as sound columns on the archive's grain, one batch a line."""
        singles = [item for item in arrived if isinstance(item, Detection)]
        batches = [item for item in arrived if isinstance(item, Detections)]
        lines = sorted({d.line for d in singles})
        batches += [batch_of(line, [d for d in singles if d.line == line]) for line in lines]
        sound = [self._sound(batch, tick, refusals) for batch in batches]
        return _by_line([quantise_batch(batch) for batch in sound if len(batch)])

    def _sound(self, batch: Detections, tick: Tick, refusals: "_Refusals") -> Detections:
        """The rows that this site can place; every other row is counted by what is wrong with it."""
        lines = {line.id: line.length_m for line in self.site.lines}
        length_m = lines.get(batch.line, -1.0)
        here = np.array(
            [self.site.has_sensor(s) and self.site.sensor(s).line == batch.line for s in batch.sensors], dtype=bool
        )
        checks: tuple[tuple[str, NDArray[np.bool_]], ...] = (
            (
                f"a sensor that does not stand on line {batch.line!r} of the site",
                here[batch.sensor_index] & (length_m >= 0),
            ),
            (f"a time before 1970 or more than {FUTURE_S:g} s ahead", _timely(batch.time_ns, tick)),
            (
                "a number that is not finite, or a probability outside 0 to 1",
                np.isfinite(batch.chainage_m + batch.chainage_sigma_m + batch.from_m + batch.to_m)
                & np.isfinite(batch.strength_db)
                & (batch.probability >= 0)
                & (batch.probability <= 1),
            ),
            (
                f"a place outside the line (0 to {length_m:g} m), an end before its start, or a sigma not above 0",
                (batch.chainage_m >= 0)
                & (batch.chainage_m <= length_m)
                & (batch.from_m <= batch.to_m)
                & (batch.chainage_sigma_m > 0),
            ),
            (
                "an offset or a velocity without a sigma above 0",
                (np.isnan(batch.offset_m) | (batch.offset_sigma_m > 0))
                & (np.isnan(batch.velocity_mps) | (batch.velocity_sigma_mps > 0)),
            ),
        )
        kept = np.ones(len(batch), dtype=bool)
        for text, holds in checks:
            for sensor in np.unique(batch.sensor_index[kept & ~holds]):
                wrong = int((kept & ~holds & (batch.sensor_index == sensor)).sum())
                refusals.add(batch.sensors[int(sensor)], text, wrong)
            kept &= holds
        return batch if kept.all() else batch.take(kept)

    def _rows(self, arrived: list[Item], tick: Tick, refusals: "_Refusals") -> list[Row]:
        kept: list[Row] = []
        for item in arrived:
            if isinstance(item, Block | Detection | Detections):
                continue
            sensor = getattr(item, "sensor", "")
            if sensor and not self.site.has_sensor(sensor):
                refusals.add(sensor, "a sensor that is not in the site", 1)
            elif not 0 < _time_ns(item) <= tick.time_ns + FUTURE_S * _NS_PER_S:
                refusals.add(sensor, f"a time before 1970 or more than {FUTURE_S:g} s ahead", 1)
            else:
                kept.append(quantise(item))
        return kept

    def _late_finding(self, batches: list[Detections], rows: list[Row], tick: Tick) -> list[Record]:
        times = [*(int(b.time_ns.min()) for b in batches), *(_time_ns(r) for r in rows)]
        if not times:
            return []
        count = sum(len(batch) for batch in batches) + len(rows)
        oldest_s = (tick.time_ns - min(times)) / _NS_PER_S
        text = f"{self.source.name}: {count} later than {self.source.lateness_s:g} s, by up to {oldest_s:.1f} s"
        line = self.site.lines[0].id
        return [Health(line, "", tick.time_ns, "late", "note", text, count=count)]


class _Refusals:
    """Counts what was refused, by sensor and cause, so that a flood of bad messages costs one finding a tick."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def add(self, sensor: str, text: str, count: int) -> None:
        self.counts[sensor, text] = self.counts.get((sensor, text), 0) + count

    def findings(self, source: str, site: Site, tick: Tick) -> list[Health]:
        line = site.lines[0].id
        return [
            Health(line, sensor, tick.time_ns, "refused", "note", f"{source}: {text}", count=count)
            for (sensor, text), count in sorted(self.counts.items())
        ]


def _timely(time_ns: NDArray[np.int64], tick: Tick) -> NDArray[np.bool_]:
    return (time_ns > 0) & (time_ns <= tick.time_ns + round(FUTURE_S * _NS_PER_S))


def _time_ns(row: Record) -> int:
    time_ns = getattr(row, "time_ns", None)
    return int(getattr(row, "start_ns", 0) if time_ns is None else time_ns)


def _where(batches: Sequence[Detections], holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> list[Detections]:
    out = []
    for batch in batches:
        mask = holds(batch.time_ns)
        if mask.all():
            out.append(batch)
        elif mask.any():
            out.append(batch.take(mask))
    return [batch for batch in out if len(batch)]


def _by_line(batches: Sequence[Detections]) -> list[Detections]:
    lines = sorted({batch.line for batch in batches})
    return [concatenate(line, [b for b in batches if b.line == line]) for line in lines]


def _received(batch: Detections, tick: Tick) -> Detections:
    """A late detection says when it came, so that every later step sees that it is late."""
    if batch.received_ns is not None:
        return batch
    return msgspec.structs.replace(batch, received_ns=np.full(len(batch), tick.time_ns, dtype=np.int64))
