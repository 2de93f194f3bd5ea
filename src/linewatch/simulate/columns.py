"""Detections in the making: columns that grow part by part, and become one sorted, quantised batch."""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Detections, order_of
from linewatch.simulate.manners import ACT_CONFUSION, MOVER_CONFUSION

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN_MOVER: Final = -1
"""Row of a sensor that cannot tell movers or acts apart."""

_MM: Final = 1_000.0


class Reports(msgspec.Struct, frozen=True):
    """n reports as arrays of n; NaN where a sensor cannot say."""

    sensor: Ints
    """Number of the sensor on its line."""
    time_s: Floats
    """When, by the sensor's clock, in seconds from the start of the scene."""
    due_s: Floats
    """When it arrives."""
    duration_s: Floats
    """Length of the signal it rests on."""
    chainage_m: Floats
    """Where."""
    chainage_sigma_m: Floats
    """Standard deviation of `chainage_m`."""
    half_extent_m: Floats
    """Half of the stretch disturbed."""
    strength_db: Floats
    """Signal over noise."""
    probability: Floats
    """Of being real."""
    looks: Ints
    """Row of `LOOKS`: what the sensor takes it for."""
    act: Ints
    """Act it takes it for, or `UNKNOWN_MOVER`."""
    offset_m: Floats
    """Distance from the line."""
    offset_sigma_m: Floats
    """Standard deviation of `offset_m`."""
    velocity_mps: Floats
    """Speed along the line."""
    velocity_sigma_mps: Floats
    """Standard deviation of `velocity_mps`."""
    count_low: NDArray[np.int32]
    """Fewest, or -1."""
    count_high: NDArray[np.int32]
    """Most, or -1."""

    def __len__(self) -> int:
        return len(self.time_s)

    def take(self, rows: NDArray[np.bool_] | Ints) -> "Reports":
        """The named rows."""
        return Reports(*(getattr(self, name)[rows] for name in self.__struct_fields__))


_KINDS: Final = tuple(MOVER_CONFUSION)
LOOKS: Final = np.concatenate(
    [MOVER_CONFUSION[kind].posterior for kind in _KINDS] + [np.full((1, len(MOVERS)), np.nan)]
)
"""Every probability row that a sensor can state; the last one says nothing."""
_ACT_ROWS: Final = np.concatenate([ACT_CONFUSION.posterior, np.full((1, len(ACTS)), np.nan)])


def looks_of(kind: str, taken_for: Ints) -> Ints:
    """Row of `LOOKS` for what a sensor of this kind takes each for; the last row where it cannot tell."""
    if kind not in MOVER_CONFUSION:
        return np.full(len(taken_for), len(LOOKS) - 1)
    return taken_for + _KINDS.index(kind) * len(MOVERS)


def join(parts: list[Reports]) -> Reports:
    """All parts, one after another."""
    return Reports(*(np.concatenate([getattr(part, name) for part in parts]) for name in Reports.__struct_fields__))


def nothing() -> Reports:
    """No reports."""
    columns: dict[str, NDArray[Any]] = {name: np.zeros(0) for name in Reports.__struct_fields__}
    columns |= {name: np.zeros(0, dtype=np.int64) for name in ("sensor", "looks", "act")}
    columns |= {name: np.zeros(0, dtype=np.int32) for name in ("count_low", "count_high")}
    return Reports(**columns)


def batch_of_reports(
    line: str, length_m: float, ids: tuple[str, ...], start_ns: int, reports: Reports
) -> tuple[Detections, Ints]:
    """The reports as a batch in order of time, sensor and place, and (n,) the time at which each arrives."""
    time_ns = start_ns + np.rint(reports.time_s * 1e6).astype(np.int64) * 1_000
    due_ns = start_ns + np.rint(reports.due_s * 1e6).astype(np.int64) * 1_000
    chainage_m = np.clip(np.rint(reports.chainage_m * _MM) / _MM, 0.0, np.floor(length_m * _MM) / _MM)
    order = order_of(time_ns, reports.sensor, chainage_m, reports.strength_db)
    r = reports.take(order)
    time_ns, due_ns, chainage_m = time_ns[order], due_ns[order], chainage_m[order]
    half_m = np.maximum(r.half_extent_m, 0.0)
    used, sensor_index = np.unique(r.sensor, return_inverse=True)
    late = due_ns > time_ns
    batch = Detections(
        line=line,
        sensors=tuple(ids[number] for number in used),
        sensor_index=sensor_index.astype(np.int32),
        time_ns=time_ns,
        duration_s=r.duration_s,
        chainage_m=chainage_m,
        chainage_sigma_m=np.maximum(np.rint(r.chainage_sigma_m * _MM), 1.0) / _MM,
        from_m=np.rint(np.maximum(chainage_m - half_m, 0.0) * _MM) / _MM,
        to_m=np.rint(np.minimum(chainage_m + half_m, length_m) * _MM) / _MM,
        strength_db=np.rint(r.strength_db * 100.0) / 100.0,
        probability=np.rint(r.probability * 255.0) / 255.0,
        mover_probabilities=LOOKS[r.looks],
        act_probabilities=_ACT_ROWS[r.act],
        offset_m=np.rint(r.offset_m * _MM) / _MM + 0.0,
        offset_sigma_m=np.rint(r.offset_sigma_m * _MM) / _MM,
        velocity_mps=np.rint(r.velocity_mps * _MM) / _MM + 0.0,
        velocity_sigma_mps=np.rint(r.velocity_sigma_mps * _MM) / _MM,
        count_low=r.count_low,
        count_high=r.count_high,
        received_ns=np.where(late, due_ns, np.iinfo(np.int64).min) if late.any() else None,
    )
    return batch, np.maximum(due_ns, 0)
