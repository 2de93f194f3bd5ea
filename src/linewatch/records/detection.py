"""DETECTION: now, this stretch was disturbed. One as a `Detection`, a batch as columns in `Detections`."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.quantise import TIME_GRAIN_NS, from_quanta, steps_per_unit, to_quanta
from linewatch.records.vocabulary import ACTS, MOVERS


class Detection(msgspec.Struct, frozen=True, tag="detection"):
    """One disturbance, as one sensor felt it. None means: this sensor cannot say."""

    line: str
    """Line it lies on."""
    sensor: str
    """Sensor id."""
    time_ns: int
    """UTC time at which the position below held: the end of the frame or the moment of the event."""
    duration_s: float
    """Length of the signal it rests on, up to `time_ns`; 0 for an event without length."""
    chainage_m: float
    """Best estimate of where along the line."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`, above 0."""
    from_m: float
    """Start of the disturbed stretch."""
    to_m: float
    """End of the disturbed stretch, at or after `from_m`."""
    strength_db: float
    """Signal over noise floor."""
    probability: float
    """Probability that this is a real disturbance and not noise, 0 to 1."""
    mover_probabilities: tuple[float, ...] | None = None
    """Probabilities in the order of `MOVERS`, adding up to 1; None where the sensor cannot tell movers apart."""
    act_probabilities: tuple[float, ...] | None = None
    """Probabilities in the order of `ACTS`, adding up to 1; None where the sensor cannot tell acts apart."""
    offset_m: float | None = None
    """Distance from the line, positive on the approach side."""
    offset_sigma_m: float | None = None
    """Standard deviation of `offset_m`; given wherever that is."""
    velocity_mps: float | None = None
    """Speed along the line, positive towards higher chainage."""
    velocity_sigma_mps: float | None = None
    """Standard deviation of `velocity_mps`; given wherever that is."""
    count_low: int | None = None
    """Fewest movers the sensor takes this for."""
    count_high: int | None = None
    """Most movers the sensor takes this for."""
    sensor_track: str | None = None
    """The sensor's own id for what it follows, where it follows."""
    received_ns: int | None = None
    """When it reached us, where that is later than its time; None means at once."""

    @property
    def key(self) -> str:
        """Names this detection by its content: sensor, time and place."""
        place_mm = round(self.chainage_m * 1000)
        return f"{self.sensor}@{self.time_ns // TIME_GRAIN_NS}/{place_mm}"


_FLOATS: Final = (
    "duration_s",
    "chainage_m",
    "chainage_sigma_m",
    "from_m",
    "to_m",
    "strength_db",
    "probability",
    "offset_m",
    "offset_sigma_m",
    "velocity_mps",
    "velocity_sigma_mps",
)
_COUNTS: Final = ("count_low", "count_high")
_NO_TIME: Final = np.iinfo(np.int64).min


class Detections(msgspec.Struct, frozen=True, tag="detections", eq=False):
    """A batch of n detections as columns, in the order of time, then sensor, then place.

    NaN stands in a float column, -1 in a count, a row of NaN in a probability matrix where a sensor cannot say.
    """

    line: str
    """Line they lie on."""
    sensors: tuple[str, ...]
    """Dictionary of sensor ids."""
    sensor_index: NDArray[np.int32]
    """(n,) index into `sensors`."""
    time_ns: NDArray[np.int64]
    """(n,) UTC time of each."""
    duration_s: NDArray[np.float64]
    """(n,) length of the signal each rests on."""
    chainage_m: NDArray[np.float64]
    """(n,) where along the line."""
    chainage_sigma_m: NDArray[np.float64]
    """(n,) standard deviation of `chainage_m`."""
    from_m: NDArray[np.float64]
    """(n,) start of the disturbed stretch."""
    to_m: NDArray[np.float64]
    """(n,) end of the disturbed stretch."""
    strength_db: NDArray[np.float64]
    """(n,) signal over noise floor."""
    probability: NDArray[np.float64]
    """(n,) probability of being real."""
    mover_probabilities: NDArray[np.float64]
    """(n, len(MOVERS)) rows adding up to 1, or NaN."""
    act_probabilities: NDArray[np.float64]
    """(n, len(ACTS)) rows adding up to 1, or NaN."""
    offset_m: NDArray[np.float64]
    """(n,) distance from the line."""
    offset_sigma_m: NDArray[np.float64]
    """(n,) standard deviation of `offset_m`."""
    velocity_mps: NDArray[np.float64]
    """(n,) speed along the line."""
    velocity_sigma_mps: NDArray[np.float64]
    """(n,) standard deviation of `velocity_mps`."""
    count_low: NDArray[np.int32]
    """(n,) fewest movers."""
    count_high: NDArray[np.int32]
    """(n,) most movers."""
    sensor_tracks: tuple[str | None, ...] = ()
    """n of the sensors' own track ids, or empty where none has one."""
    received_ns: NDArray[np.int64] | None = None
    """(n,) arrival time, where that is not the time itself; absent means at once."""

    def __len__(self) -> int:
        return int(self.time_ns.shape[0])

    def sensor_of(self, row: int) -> str:
        """Sensor id of one row."""
        return self.sensors[int(self.sensor_index[row])]

    def key(self, row: int) -> str:
        """The same key as `Detection.key` of that row."""
        place_mm = round(float(self.chainage_m[row]) * 1000)
        return f"{self.sensor_of(row)}@{int(self.time_ns[row]) // TIME_GRAIN_NS}/{place_mm}"

    def take(self, rows: NDArray[Any]) -> "Detections":
        """The named rows (an index array or a boolean mask), as a batch."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        columns = {name: getattr(self, name)[index] for name in (*_FLOATS, *_COUNTS, *_MATRICES, *_KEYS)}
        tracks = tuple(self.sensor_tracks[int(i)] for i in index) if self.sensor_tracks else ()
        received = None if self.received_ns is None else self.received_ns[index]
        return msgspec.structs.replace(self, **columns, sensor_tracks=tracks, received_ns=received)

    def rows(self) -> Iterator[Detection]:
        """Each row as a `Detection`."""
        for row in range(len(self)):
            yield self._row(row)

    def _row(self, row: int) -> Detection:
        values: dict[str, Any] = {
            name: None if math.isnan(value := float(getattr(self, name)[row])) else value for name in _FLOATS
        }
        values |= {name: None if (count := int(getattr(self, name)[row])) < 0 else count for name in _COUNTS}
        for name in _MATRICES:
            line = getattr(self, name)[row]
            values[name] = None if math.isnan(float(line[0])) else tuple(float(p) for p in line)
        received = None if self.received_ns is None else int(self.received_ns[row])
        return Detection(
            line=self.line,
            sensor=self.sensor_of(row),
            time_ns=int(self.time_ns[row]),
            sensor_track=self.sensor_tracks[row] if self.sensor_tracks else None,
            received_ns=None if received in (None, _NO_TIME) else received,
            **values,
        )


_MATRICES: Final = ("mover_probabilities", "act_probabilities")
_KEYS: Final = ("sensor_index", "time_ns")


def _matrix(rows: Sequence[tuple[float, ...] | None], width: int) -> NDArray[np.float64]:
    empty = (math.nan,) * width
    return np.array([empty if row is None else row for row in rows], dtype=np.float64).reshape(-1, width)


def batch_of(line: str, detections: Iterable[Detection]) -> Detections:
    """The columns of these detections, sorted by time, sensor and place, and quantised."""
    rows = sorted(detections, key=lambda d: (d.time_ns, d.sensor, d.chainage_m, d.strength_db))
    sensors = tuple(sorted({d.sensor for d in rows}))
    where = {sensor: index for index, sensor in enumerate(sensors)}
    floats: dict[str, Any] = {
        name: np.array([math.nan if (v := getattr(d, name)) is None else v for d in rows], dtype=np.float64)
        for name in _FLOATS
    }
    counts: dict[str, Any] = {
        name: np.array([-1 if (v := getattr(d, name)) is None else v for d in rows], dtype=np.int32) for name in _COUNTS
    }
    received = None
    if any(d.received_ns is not None for d in rows):
        received = np.array([_NO_TIME if d.received_ns is None else d.received_ns for d in rows], dtype=np.int64)
    tracks = tuple(d.sensor_track for d in rows) if any(d.sensor_track for d in rows) else ()
    return quantise_batch(
        Detections(
            line=line,
            sensors=sensors,
            sensor_index=np.array([where[d.sensor] for d in rows], dtype=np.int32),
            time_ns=np.array([d.time_ns for d in rows], dtype=np.int64),
            mover_probabilities=_matrix([d.mover_probabilities for d in rows], len(MOVERS)),
            act_probabilities=_matrix([d.act_probabilities for d in rows], len(ACTS)),
            sensor_tracks=tracks,
            received_ns=received,
            **floats,
            **counts,
        )
    )


def quantise_batch(batch: Detections) -> Detections:
    """The same batch on the grain of the archive; idempotent."""
    columns: dict[str, Any] = {"time_ns": batch.time_ns // TIME_GRAIN_NS * TIME_GRAIN_NS}
    for name in (*_FLOATS, *_MATRICES):
        steps = steps_per_unit(name)
        assert steps is not None
        columns[name] = from_quanta(to_quanta(getattr(batch, name), steps), steps)
    if batch.received_ns is not None:
        known = batch.received_ns != _NO_TIME
        columns["received_ns"] = np.where(known, batch.received_ns // TIME_GRAIN_NS * TIME_GRAIN_NS, batch.received_ns)
    return msgspec.structs.replace(batch, **columns)


def concatenate(line: str, batches: Sequence[Detections]) -> Detections:
    """One sorted batch out of several of one line."""
    if not batches:
        return batch_of(line, ())
    if len(batches) == 1:
        return _sorted(batches[0])
    sensors = tuple(sorted({sensor for batch in batches for sensor in batch.sensors}))
    where = {sensor: index for index, sensor in enumerate(sensors)}
    remapped = [
        np.array([where[s] for s in batch.sensors], dtype=np.int32)[batch.sensor_index]
        if len(batch)
        else batch.sensor_index
        for batch in batches
    ]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("time_ns", *_FLOATS, *_COUNTS, *_MATRICES)
    }
    columns["sensor_index"] = np.concatenate(remapped)
    received = None
    if any(batch.received_ns is not None for batch in batches):
        received = np.concatenate(
            [
                np.full(len(batch), _NO_TIME, dtype=np.int64) if batch.received_ns is None else batch.received_ns
                for batch in batches
            ]
        )
    tracks: tuple[str | None, ...] = ()
    if any(batch.sensor_tracks for batch in batches):
        tracks = tuple(t for batch in batches for t in (batch.sensor_tracks or (None,) * len(batch)))
    whole = Detections(line=line, sensors=sensors, sensor_tracks=tracks, received_ns=received, **columns)
    return _sorted(whole)


def order_of(
    time_ns: NDArray[Any], sensor: NDArray[Any], place_m: NDArray[Any], strength_db: NDArray[Any]
) -> NDArray[Any]:
    """The one order of detections, as row numbers: by time, sensor (its rank by id), place and strength.

    Strength is last so that two detections of one sensor, moment and place do not keep the order in which they came.
    """
    order: NDArray[Any] = np.lexsort((strength_db, place_m, sensor, time_ns))
    return order


def _sorted(batch: Detections) -> Detections:
    order = order_of(batch.time_ns, batch.sensor_index, batch.chainage_m, batch.strength_db)
    return batch if (order[:-1] < order[1:]).all() else batch.take(order)
