"""Admit: detections come through this door, or are refused with a count, and fall into scans.

A *scan* is what can be associated at once, one detection to one mover: detections of one slot of the time grid
whose sensors do not overlap, and of one sensor only those of one moment.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Detections, Health, Tick, concatenate
from linewatch.track.performance import Watch
from linewatch.track.settings import TrackSettings
from linewatch.track.state import MEASUREMENT, NS_PER_S

LEAST_SIGMA_M = 0.05
REASONS = {
    "outside": ("refused", "outside the line"),
    "sigma": ("refused", "without a standard deviation above zero, or with a stretch that ends before it begins"),
    "probability": ("refused", "with a probability outside 0 to 1"),
    "future": ("refused", "ahead of time: check the sensor's clock"),
    "late": ("late", "later than the window in which they could still be used"),
    "unknown": ("unknown_sensor", "of a sensor that the site does not have on this line"),
    "flood": ("dropped", "beyond the bound of one tick; the strongest were kept"),
}


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


def refuse(
    batch: Detections, watch: Watch, settings: TrackSettings, tick: Tick, length_m: float, oldest_ns: int
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.bool_]]]:
    """Which rows are good, and by reason which are not; a row has the first reason that applies."""
    known = np.array([sensor in watch.index for sensor in batch.sensors], dtype=bool)[batch.sensor_index]
    x, sigma = batch.chainage_m, batch.chainage_sigma_m
    with np.errstate(invalid="ignore"):
        sane = np.isfinite(sigma) & (sigma > 0.0) & (batch.to_m >= batch.from_m)
        inside = (x >= -settings.margin_m) & (x <= length_m + settings.margin_m)
        possible = (batch.probability >= 0.0) & (batch.probability <= 1.0)
    future = batch.time_ns > tick.time_ns + int(settings.future_s * NS_PER_S)
    bad = {
        "unknown": ~known,
        "outside": ~inside,
        "sigma": ~sane,
        "probability": ~possible,
        "future": future,
        "late": batch.time_ns < oldest_ns,
    }
    good = np.ones(len(batch), dtype=bool)
    for reason, rows in bad.items():
        bad[reason] = rows & good
        good &= ~rows
    if int(good.sum()) > settings.max_detections:
        order = np.lexsort((np.arange(len(batch)), -batch.strength_db, -batch.probability, ~good))
        flood = np.zeros(len(batch), dtype=bool)
        flood[order[settings.max_detections : int(good.sum())]] = True
        bad["flood"] = flood
        good &= ~flood
    return good, bad


def health_of(
    batch: Detections, bad: dict[str, NDArray[np.bool_]], tick: Tick, counted: NDArray[np.bool_]
) -> list[Health]:
    """One record for each sensor and reason, counting the rows that are this section's own to count."""
    out: list[Health] = []
    for reason, rows in bad.items():
        mine = np.flatnonzero(rows & counted)
        per_sensor = Counter(batch.sensor_of(int(row)) for row in mine)
        condition, words = REASONS[reason]
        for sensor in sorted(per_sensor):
            first = next(int(row) for row in mine if batch.sensor_of(int(row)) == sensor)
            out.append(
                Health(
                    line=batch.line,
                    sensor=sensor,
                    time_ns=tick.time_ns,
                    condition=condition,  # type: ignore[arg-type]
                    severity="note",
                    text=f"{per_sensor[sensor]} detections {words}; the first: {batch.key(first)}",
                    count=per_sensor[sensor],
                )
            )
    return out


def measurements(batch: Detections, watch: Watch, settings: TrackSettings) -> NDArray[Any]:
    """The rows of the batch as `MEASUREMENT`s in the order of their scans."""
    out = np.zeros(len(batch), dtype=MEASUREMENT)
    sensor = np.array([watch.index.get(name, -1) for name in batch.sensors], dtype=np.int64)[batch.sensor_index]
    time_ns = batch.time_ns
    if settings.clock_skew_s:
        skew_s = np.array([settings.clock_skew_s.get(name, 0.0) for name in batch.sensors])[batch.sensor_index]
        time_ns = time_ns - np.rint(skew_s * NS_PER_S).astype(np.int64)
    out["time_ns"] = time_ns
    out["place_mm"] = np.rint(batch.chainage_m * 1000.0)
    for name in ("chainage_m", "from_m", "to_m", "duration_s", "strength_db", "probability", "offset_m"):
        out[name] = getattr(batch, name)
    for name in ("velocity_mps", "count_low", "count_high"):
        out[name] = getattr(batch, name)
    out["variance_m2"] = np.maximum(batch.chainage_sigma_m, LEAST_SIGMA_M) ** 2
    out["offset_variance_m2"] = np.maximum(batch.offset_sigma_m, LEAST_SIGMA_M) ** 2
    out["velocity_variance"] = np.maximum(batch.velocity_sigma_mps, 0.01) ** 2
    out["mover"] = batch.mover_probabilities
    out["act"] = batch.act_probabilities
    out["sensor"] = sensor
    out["clutter_per_m"] = watch.clutter_per_m[sensor]
    out["look_s"] = watch.look_s[sensor]
    out["start_speed_variance"] = np.where(
        watch.touch[sensor], settings.touch_speed_mps**2, settings.top_speed_mps**2 / 3.0
    )
    out["detect"] = watch.detect[sensor]
    if batch.sensor_tracks:
        out["vendor"] = [
            0 if track is None else 1 + crc32(f"{batch.sensor_of(row)}/{track}".encode())
            for row, track in enumerate(batch.sensor_tracks)
        ]
    return _into_scans(out, watch, settings)


def _into_scans(rows: NDArray[Any], watch: Watch, settings: TrackSettings) -> NDArray[Any]:
    """Number the scans and sort by them; inside a scan by place."""
    slot = rows["time_ns"] // int(settings.slot_s * NS_PER_S)
    if len(rows) and (rows["time_ns"] == rows["time_ns"][0]).all() and (rows["sensor"] == rows["sensor"][0]).all():
        return rows[np.argsort(rows["chainage_m"], kind="stable")]
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
