"""Quantisation at the door: every number that enters a record has the grain that the archive keeps.

1 mm, 1 mm/s, 1 us, 0.01 dB, 1/255 of probability (design, the laws). What is in memory after the door is exactly
what comes back from the store, so a replay never sees a digit that the live run did not.
"""

from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

TIME_GRAIN_NS: Final = 1_000
_STEPS_PER_UNIT: Final[tuple[tuple[str, int], ...]] = (
    ("_probability", 255),
    ("_probabilities", 255),
    ("_db", 100),
    ("_m", 1_000),
    ("_mps", 1_000),
    ("_m2ps", 1_000_000),
    ("_m2", 1_000_000),
    ("_s", 1_000_000),
    ("_deg", 10_000_000),
    ("_c", 100),
    ("_fraction", 10_000),
    ("_hz", 1_000_000),
    ("_mm_per_h", 100),
)

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


@lru_cache(maxsize=1024)
def steps_per_unit(name: str) -> int | None:
    """Quanta in one unit of a field, from the unit suffix of its name; None where it is not a float quantity."""
    for suffix, steps in _STEPS_PER_UNIT:
        if name == suffix[1:] or name.endswith(suffix):
            return steps
    return None


def quantise_time_ns(time_ns: int) -> int:
    """The nearest whole microsecond at or below `time_ns`."""
    return time_ns // TIME_GRAIN_NS * TIME_GRAIN_NS


def to_quanta(values: NDArray[np.float64], steps: int) -> NDArray[np.int64]:
    """Whole quanta, rounded half to even; NaN (a value that is not known) becomes the smallest int64."""
    known = np.isfinite(values)
    quanta = np.full(values.shape, np.iinfo(np.int64).min, dtype=np.int64)
    np.rint(np.where(known, values, 0.0) * steps, out=(scaled := np.empty(values.shape)))
    quanta[known] = scaled[known].astype(np.int64)
    return quanta


def from_quanta(quanta: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """The inverse of `to_quanta`."""
    unknown = quanta == np.iinfo(np.int64).min
    return np.where(unknown, np.nan, quanta.astype(np.float64) / steps)


def _quantised(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float | int) and (steps := steps_per_unit(name)) is not None:
        # Adding 0.0 turns a negative zero, which would have other bytes, into zero.
        return round(value * steps) / steps + 0.0
    if isinstance(value, int) and name.endswith("_ns"):
        return quantise_time_ns(value)
    if isinstance(value, tuple) and value and isinstance(value[0], float | int):
        return tuple(_quantised(name, item) for item in value)
    return value


def quantise(record: RecordT) -> RecordT:
    """The same record with every float on its grain and every time on a microsecond; idempotent.

    Raises `ValueError` on a float that is not finite: a record says None where it does not know.
    """
    changed: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        try:
            new = _quantised(name, value)
        except (ValueError, OverflowError):
            kind = type(record).__name__
            raise ValueError(f"{kind}.{name} is {value!r}; allowed are finite numbers, or None") from None
        if new is not value:
            changed[name] = new
    return msgspec.structs.replace(record, **changed) if changed else record
