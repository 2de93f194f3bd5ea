"""Admit: detections come through this door, or are refused with a count, and fall into scans.

A *scan* is what can be associated at once, one detection to one mover: detections of one slot of the time grid
whose sensors do not overlap, and of one sensor only those of one moment.
"""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import Detections, Health, Tick, concatenate
from linewatch.records.health import Condition
from linewatch.track.performance import STEPS, Watch
from linewatch.track.settings import TrackSettings
from linewatch.track.state import MEASUREMENT, NS_PER_S

LEAST_SIGMA_M: Final = 0.05
NUMBERS: Final = (
    *("chainage_m", "from_m", "to_m", "duration_s", "strength_db", "probability", "offset_m", "velocity_mps"),
    *("chainage_sigma_m", "offset_sigma_m", "velocity_sigma_mps"),
)
REASONS: Final[tuple[tuple[Condition, str], ...]] = (
    ("unknown_sensor", "of a sensor that the site does not have on this line"),
    ("refused", "outside the line"),
    ("refused", "without a standard deviation above zero, or with a stretch that ends before it begins"),
    ("refused", "with a probability outside 0 to 1"),
    ("refused", "ahead of time: check the sensor's clock"),
    ("late", "later than the window in which they could still be put in order; used on arrival, as corroboration"),
    ("dropped", "beyond the bound of one tick; the strongest were kept"),
    ("late", "too old to say anything about now"),
)
SLOW: Final = 5
FLOOD: Final = 6
TOO_OLD: Final = 7
GOOD: Final = 10
LATE_BUT_GOOD: Final = 11


def only_of(batches: Sequence[Detections], line: str, from_m: float, to_m: float) -> Detections | None:
    """What of these batches lies on the line between two chainages, in one sorted batch; None where nothing."""
    kept = []
    for batch in batches:
        if batch.line != line or not len(batch):
            continue
        inside = (batch.chainage_m >= from_m) & (batch.chainage_m < to_m)
        # A place that is not a number belongs to whoever asks, so that it is refused and counted.
        inside |= ~np.isfinite(batch.chainage_m)
        kept.append(batch if inside.all() else batch.take(inside))
    kept = [batch for batch in kept if len(batch)]
    if not kept:
        return None
    return concatenate(line, kept)


@njit(cache=True, nogil=True)
def _verdicts(
    known: NDArray[np.bool_],
    chainage_m: NDArray[np.float64],
    sigma_m: NDArray[np.float64],
    from_m: NDArray[np.float64],
    to_m: NDArray[np.float64],
    probability: NDArray[np.float64],
    time_ns: NDArray[np.int64],
    low_m: float,
    high_m: float,
    newest_ns: int,
    too_old_ns: int,
    oldest_ns: int,
    in_time_ns: int,
) -> NDArray[np.int8]:
    """One word on each row: the index into `REASONS` of the first that applies, `LATE_BUT_GOOD` or `GOOD`.

    Every comparison is written so that NaN fails it.
    """
    out = np.empty(len(chainage_m), dtype=np.int8)
    for i in range(len(chainage_m)):
        if not known[i]:
            out[i] = 0
        elif not low_m <= chainage_m[i] <= high_m:
            out[i] = 1
        elif not (0.0 < sigma_m[i] < np.inf and from_m[i] <= to_m[i]):
            out[i] = 2
        elif not 0.0 <= probability[i] <= 1.0:
            out[i] = 3
        elif time_ns[i] > newest_ns:
            out[i] = 4
        elif time_ns[i] < too_old_ns:
            out[i] = TOO_OLD
        elif time_ns[i] < oldest_ns:
            out[i] = SLOW
        elif time_ns[i] < in_time_ns:
            out[i] = LATE_BUT_GOOD
        else:
            out[i] = GOOD
    return out


def verdicts(
    batch: Detections, watch: Watch, settings: TrackSettings, tick: Tick, length_m: float, oldest_ns: int
) -> NDArray[np.int8]:
    """A word on every row: `GOOD`, `LATE_BUT_GOOD` (inside the window), or the index of a reason, `SLOW` among them."""
    known = np.array([sensor in watch.index for sensor in batch.sensors], dtype=bool)[batch.sensor_index]
    words = np.asarray(
        _verdicts(
            known,
            batch.chainage_m,
            batch.chainage_sigma_m,
            batch.from_m,
            batch.to_m,
            batch.probability,
            batch.time_ns,
            -settings.margin_m,
            length_m + settings.margin_m,
            tick.time_ns + int(settings.future_s * NS_PER_S),
            tick.time_ns - int(settings.slow_s * NS_PER_S),
            oldest_ns,
            tick.time_ns - tick.period_ns,
        )
    )
    usable = (words >= GOOD) | (words == SLOW)
    if len(batch) > settings.max_detections and int(usable.sum()) > settings.max_detections:
        order = np.lexsort((np.arange(len(batch)), -batch.strength_db, -batch.probability, ~usable))
        words[order[settings.max_detections : int(usable.sum())]] = FLOOD
    return words


def on_arrival(batch: Detections, tick: Tick, settings: TrackSettings) -> Detections:
    """Detections that came too late for their own time as what they say about now.

    Whoever was there may have gone on since, so the place is wider, and a speed says nothing any more.
    """
    # `measurements` takes the error of each clock off again.
    skews_ns = [int(settings.clock_skew_s.get(name, 0.0) * NS_PER_S) for name in batch.sensors]
    skew_ns = np.array(skews_ns, dtype=np.int64)[batch.sensor_index]
    gone_m = settings.slow_mps * (tick.time_ns - batch.time_ns + skew_ns) / NS_PER_S
    return msgspec.structs.replace(
        batch,
        time_ns=tick.time_ns - 1 + skew_ns,
        chainage_sigma_m=np.hypot(batch.chainage_sigma_m, gone_m),
        offset_sigma_m=np.hypot(batch.offset_sigma_m, gone_m),
        velocity_mps=np.full(len(batch), np.nan),
        velocity_sigma_mps=np.full(len(batch), np.nan),
    )


def health_of(batch: Detections, words: NDArray[np.int8], tick: Tick, counted: NDArray[np.bool_]) -> list[Health]:
    """One record for each reason and sensor, counting the rows that are this section's own to count."""
    out: list[Health] = []
    for reason, (condition, text) in enumerate(REASONS):
        mine = np.flatnonzero((words == reason) & counted)
        if not len(mine):
            continue
        sensors, first, counts = np.unique(batch.sensor_index[mine], return_index=True, return_counts=True)
        for sensor, row, count in zip(sensors.tolist(), first.tolist(), counts.tolist(), strict=True):
            name = batch.sensors[sensor]
            place = f"the first at {batch.chainage_m[mine[row]]:.3f} m, time_ns {batch.time_ns[mine[row]]}"
            out.append(
                Health(
                    line=batch.line,
                    sensor=name,
                    time_ns=tick.time_ns,
                    condition=condition,
                    severity="note",
                    text=f"{count} detections {text}; {place}",
                    count=count,
                )
            )
    return out


@njit(cache=True, nogil=True)
def _fill(
    out: NDArray[Any],
    index: NDArray[np.int32],
    of_sensor: NDArray[np.float64],
    time_ns: NDArray[np.int64],
    numbers: Any,
    counts: Any,
    mover: NDArray[np.float64],
    act: NDArray[np.float64],
    footprint_db_per_m: float,
    footprint_floor_db: float,
) -> None:
    """Columns to rows; `of_sensor` has a row for every sensor of the batch, `numbers` are in the order of NUMBERS."""
    for i in range(len(out)):
        z = out[i]
        sensor = of_sensor[index[i]]
        z.sensor = int(sensor[0])
        z.clutter_per_m, z.look_s, z.detect, z.start_speed_variance = sensor[1], sensor[2], sensor[3], sensor[4]
        z.feels, z.kind, z.pieces = int(sensor[5]), int(sensor[6]), 1
        z.time_ns = time_ns[i] - int(sensor[7])
        z.chainage_m, z.from_m, z.to_m = numbers[0][i], numbers[1][i], numbers[2][i]
        z.place_mm = int(np.rint(z.chainage_m * 1000.0))
        z.duration_s, z.strength_db, z.probability = numbers[3][i], numbers[4][i], numbers[5][i]
        reach_m = max(z.strength_db - footprint_floor_db, 0.0) / footprint_db_per_m if z.feels == STEPS else 0.0
        z.core_from_m, z.core_to_m = z.from_m + reach_m, z.to_m - reach_m
        z.offset_m, z.velocity_mps = numbers[6][i], numbers[7][i]
        z.variance_m2 = max(numbers[8][i], LEAST_SIGMA_M) ** 2
        # An offset or speed without its error says nothing.
        z.offset_variance_m2 = max(numbers[9][i], LEAST_SIGMA_M) ** 2
        z.velocity_variance = max(numbers[10][i], 0.01) ** 2
        if np.isnan(numbers[9][i]):
            z.offset_m = np.nan
        if np.isnan(numbers[10][i]):
            z.velocity_mps = np.nan
        z.count_low, z.count_high = counts[0][i], counts[1][i]
        for k in range(mover.shape[1]):
            z.mover[k] = mover[i, k]
        for k in range(act.shape[1]):
            z.act[k] = act[i, k]


def measurements(
    batch: Detections, watch: Watch, facts: Sequence[tuple[float, ...]], settings: TrackSettings
) -> NDArray[Any]:
    """The rows of the batch, all of known sensors, as `MEASUREMENT`s in the order of their scans."""
    out = np.zeros(len(batch), dtype=MEASUREMENT)
    of_sensor = np.array(
        [(*facts[watch.index.get(name, 0)], settings.clock_skew_s.get(name, 0.0) * NS_PER_S) for name in batch.sensors]
    )
    numbers = tuple(getattr(batch, name) for name in NUMBERS)
    counts = (batch.count_low, batch.count_high)
    _fill(
        out,
        batch.sensor_index,
        of_sensor,
        batch.time_ns,
        numbers,
        counts,
        batch.mover_probabilities,
        batch.act_probabilities,
        settings.footprint_db_per_m,
        settings.footprint_floor_db,
    )
    if batch.sensor_tracks:
        out["vendor"] = [
            0 if track is None else 1 + crc32(f"{batch.sensor_of(row)}/{track}".encode())
            for row, track in enumerate(batch.sensor_tracks)
        ]
    return _into_scans(out, len(batch.sensors), watch, settings)


def _into_scans(rows: NDArray[Any], n_sensors: int, watch: Watch, settings: TrackSettings) -> NDArray[Any]:
    """Number the scans and sort by them; inside a scan by place."""
    if n_sensors == 1 and rows["time_ns"][0] == rows["time_ns"][-1]:
        return rows  # one frame: the batch is sorted already
    slot = rows["time_ns"] // int(settings.slot_s * NS_PER_S)
    order = np.lexsort((rows["chainage_m"], rows["time_ns"], rows["sensor"], slot))
    rows, slot = rows[order], slot[order]
    # Within a slot and a sensor, the how-manieth moment it is.
    new_sensor = np.r_[True, (np.diff(rows["sensor"]) != 0) | (np.diff(slot) != 0)]
    new_moment = new_sensor | np.r_[True, np.diff(rows["time_ns"]) != 0]
    moment = np.cumsum(new_moment)
    moment -= moment[np.maximum.accumulate(np.where(new_sensor, np.arange(len(rows)), 0))]
    colour = watch.colour[rows["sensor"]]
    order = np.lexsort((rows["chainage_m"], colour, moment, slot))
    rows = rows[order]
    keys = np.stack([slot[order], moment[order], colour[order]])
    rows["scan"] = np.cumsum(np.r_[False, (np.diff(keys, axis=1) != 0).any(axis=0)])
    return rows
