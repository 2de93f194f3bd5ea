"""Detections on disk, one file at a time, as columns: `.jsonl` (one `Detection` a line) and `.parquet`.

Columns and keys are the fields of `linewatch.records.Detection`. Values are taken as they stand; whether they make
sense is judged in `_detection_rules`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Detection
from linewatch.sources.recording._array_files import READ_ERRORS, UnusableError

NO_TIME: Final = int(np.iinfo(np.int64).min)
FLOATS: Final = (
    *("duration_s", "chainage_m", "chainage_sigma_m", "from_m", "to_m", "strength_db", "probability"),
    *("offset_m", "offset_sigma_m", "velocity_mps", "velocity_sigma_mps"),
)
COUNTS: Final = ("count_low", "count_high")
WIDTHS: Final = {"mover_probabilities": len(MOVERS), "act_probabilities": len(ACTS)}
REQUIRED: Final = ("line", "sensor", "time_ns", *FLOATS[:7])
_FIELDS: Final = Detection.__struct_fields__
_NOT_PROBABILITIES: Final = -1.0


class Columns(NamedTuple):
    """Rows of one file, n of them, in its order."""

    row: NDArray[np.int64]
    """(n,) number of the row in the file, from 0; numbers that are missing could not be read."""
    line: NDArray[np.object_]
    """(n,) line each names."""
    sensor: NDArray[np.object_]
    """(n,) sensor each names."""
    time_ns: NDArray[np.int64]
    """(n,) time; the smallest int64 where there is none."""
    received_ns: NDArray[np.int64]
    """(n,) arrival; the smallest int64 for at once."""
    floats: dict[str, NDArray[np.float64]]
    """(n,) each of `FLOATS`; NaN where the sensor cannot say."""
    counts: dict[str, NDArray[np.int64]]
    """(n,) each of `COUNTS`; -1 where the sensor cannot say."""
    matrices: dict[str, NDArray[np.float64]]
    """(n, width) each of `WIDTHS`; a row of NaN where the sensor cannot say, of -1 where there are too many or few."""
    sensor_track: NDArray[np.object_]
    """(n,) the sensor's own id, or None."""


class DetectionFile(NamedTuple):
    """What one file holds."""

    name: str
    """As the description names it."""
    rows: int
    """Rows in it, those included that could not be read."""
    columns: Columns
    """Those that could."""
    unread: tuple[tuple[int, str], ...]
    """Row number and reason of each that could not."""
    foreign: tuple[tuple[str, int, int], ...]
    """Fields that no detection has: name, first row, number of rows."""


def open_detections(path: Path, name: str) -> DetectionFile:
    """All rows of one file. Raises `UnusableError`."""
    try:
        return _read_jsonl(path, name) if path.suffix.lower() == ".jsonl" else _read_parquet(path, name)
    except UnusableError:
        raise
    except READ_ERRORS as cause:
        text = str(cause).strip() or type(cause).__name__
        raise UnusableError("unreadable", f"{name}: {text.splitlines()[0]}") from cause


class _Strict(Detection, frozen=True, tag="detection", forbid_unknown_fields=True):
    pass


_STRICT: Final = msgspec.json.Decoder(_Strict)
_LENIENT: Final = msgspec.json.Decoder(Detection)


def _read_jsonl(path: Path, name: str) -> DetectionFile:
    lines = path.read_bytes().split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    good: list[Detection] = []
    rows: list[int] = []
    unread: list[tuple[int, str]] = []
    foreign: dict[str, list[int]] = {}
    for row, line in enumerate(lines):
        try:
            detection = _decoded(line, row, foreign)
        except (msgspec.DecodeError, OverflowError, RecursionError) as cause:
            unread.append((row, f"line {row + 1}: {cause}"))
            continue
        good.append(detection)
        rows.append(row)
    if unread and not good:
        raise UnusableError("unreadable", f"{name}: no line is a detection; {unread[0][1]}")
    extra = tuple((field, found[0], len(found)) for field, found in sorted(foreign.items()))
    return DetectionFile(name, len(lines), _columns_of(good, rows), tuple(unread), extra)


def _decoded(line: bytes, row: int, foreign: dict[str, list[int]]) -> Detection:
    detection: Detection
    try:
        detection = _STRICT.decode(line)
    except msgspec.ValidationError:
        detection = _LENIENT.decode(line)
        for field in msgspec.json.decode(line, type=dict[str, Any]).keys() - {*_FIELDS, "type"}:
            foreign.setdefault(field, []).append(row)
    whole = (detection.time_ns, detection.received_ns, detection.count_low, detection.count_high)
    if any(value is not None and not NO_TIME <= value < -NO_TIME for value in whole):
        raise OverflowError("a whole number that no column of 64 bits holds")
    return detection


def _columns_of(rows: Sequence[Detection], numbers: Sequence[int]) -> Columns:
    def column(field: str, absent: Any, dtype: Any) -> NDArray[Any]:
        values = (getattr(row, field) for row in rows)
        return np.array([absent if value is None else value for value in values], dtype=dtype)

    return Columns(
        row=np.array(numbers, dtype=np.int64),
        line=column("line", "", object),
        sensor=column("sensor", "", object),
        time_ns=column("time_ns", NO_TIME, np.int64),
        received_ns=column("received_ns", NO_TIME, np.int64),
        floats={field: column(field, np.nan, np.float64) for field in FLOATS},
        counts={field: column(field, -1, np.int64) for field in COUNTS},
        matrices={field: _matrix([getattr(row, field) for row in rows], width) for field, width in WIDTHS.items()},
        sensor_track=column("sensor_track", None, object),
    )


def _matrix(rows: Sequence[tuple[float, ...] | None], width: int) -> NDArray[np.float64]:
    out = np.full((len(rows), width), np.nan)
    for index, row in enumerate(rows):
        if row is not None:
            out[index] = row if len(row) == width else _NOT_PROBABILITIES
    return out


def _read_parquet(path: Path, name: str) -> DetectionFile:
    with pq.ParquetFile(path) as file:
        present = file.schema_arrow.names
        missing = [field for field in REQUIRED if field not in present]
        if missing:
            raise UnusableError("wrong_shape", f"{name}: no column {', '.join(missing)}; each detection has them")
        table = file.read(columns=[field for field in _FIELDS if field in present])
    n = len(table)
    columns = Columns(
        row=np.arange(n),
        line=_strings(table, "line", ""),
        sensor=_strings(table, "sensor", ""),
        time_ns=_whole(table, "time_ns", NO_TIME, name),
        received_ns=_whole(table, "received_ns", NO_TIME, name),
        floats={field: _floats(table, field, name) for field in FLOATS},
        counts={field: _whole(table, field, -1, name) for field in COUNTS},
        matrices={field: _lists(table, field, width, name) for field, width in WIDTHS.items()},
        sensor_track=_strings(table, "sensor_track", None),
    )
    foreign = tuple((field, 0, n) for field in present if field not in _FIELDS)
    return DetectionFile(name, n, columns, (), foreign)


def _cast(table: Any, field: str, kind: Any, name: str) -> Any:
    column = table.column(field)
    try:
        return column.cast(kind)
    except pa.ArrowException as cause:
        text = f"{name}: column {field} of type {column.type}; allowed: {kind}"
        raise UnusableError("wrong_shape", text) from cause


def _strings(table: Any, field: str, absent: str | None) -> NDArray[np.object_]:
    if field not in table.column_names:
        return np.full(len(table), absent, dtype=object)
    values = np.empty(len(table), dtype=object)
    values[:] = [absent if value is None else str(value) for value in table.column(field).to_pylist()]
    return values


def _whole(table: Any, field: str, absent: int, name: str) -> NDArray[np.int64]:
    if field not in table.column_names:
        return np.full(len(table), absent, dtype=np.int64)
    values: NDArray[np.int64] = pc.fill_null(_cast(table, field, pa.int64(), name), absent).to_numpy()
    return values


def _floats(table: Any, field: str, name: str) -> NDArray[np.float64]:
    if field not in table.column_names:
        return np.full(len(table), np.nan)
    values: NDArray[np.float64] = pc.fill_null(_cast(table, field, pa.float64(), name), np.nan).to_numpy()
    return values


def _lists(table: Any, field: str, width: int, name: str) -> NDArray[np.float64]:
    out = np.full((len(table), width), np.nan)
    if field not in table.column_names:
        return out
    column = _cast(table, field, pa.list_(pa.float64()), name)
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy()
    out[(lengths != width) & (lengths >= 0)] = _NOT_PROBABILITIES
    whole = lengths == width
    flat = pc.list_flatten(column.filter(pa.array(whole)))
    out[whole] = pc.fill_null(flat, np.nan).to_numpy().reshape(-1, width)
    return out
