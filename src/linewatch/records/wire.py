"""Canonical bytes: one record, one sequence of bytes, on every machine and for ten years.

Rows are MessagePack maps in declared field order with their tag first. Batches of detections are columns of
whole quanta in the narrowest little-endian integers that hold them. Nothing here is compressed: what a compressor
writes changes with its version, so a store may compress what it keeps, but never what is hashed. The schema version
is written once into each store, and a reader refuses what is newer than itself.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.block import BlockHeader
from linewatch.records.context import (
    Attention,
    Clip,
    ClipRequest,
    Emergency,
    KnownActivity,
    KnownMover,
    SourcePosition,
    Tick,
    Truth,
    WalkTest,
    Weather,
)
from linewatch.records.detection import Detection, Detections
from linewatch.records.health import Health, Outage
from linewatch.records.incident import Incident, OperatorAct
from linewatch.records.quantise import from_quanta, steps_per_unit, to_quanta
from linewatch.records.track import HandOver, Track
from linewatch.records.vocabulary import ACTS, MOVERS

SCHEMA_VERSION: Final = 1

Row = (
    BlockHeader
    | Detection
    | Track
    | HandOver
    | Incident
    | OperatorAct
    | Health
    | Outage
    | Tick
    | KnownMover
    | Weather
    | ClipRequest
    | Clip
    | WalkTest
    | Truth
    | SourcePosition
    | KnownActivity
    | Attention
    | Emergency
)
Record = Row | Detections

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[Row]] = msgspec.msgpack.Decoder(Row)
_BATCH_MAGIC: Final = b"LWD1"

_FLOAT_COLUMNS: Final = tuple(
    name for name in Detections.__struct_fields__ if steps_per_unit(name) is not None and not name.endswith("_ns")
)


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    line: str
    sensors: tuple[str, ...]
    sensor_tracks: tuple[str | None, ...]
    n: int
    columns: dict[str, bytes]


def _narrow(values: NDArray[Any]) -> bytes:
    """The smallest little-endian integer type that holds all values: one type letter, then the bytes."""
    unknown = np.iinfo(np.int64).min
    known = values[values != unknown]
    for letter, dtype in ((b"b", "<i1"), (b"h", "<i2"), (b"i", "<i4")):
        info = np.iinfo(dtype)
        # The smallest value of each type stands for "not known".
        if not known.size or (int(known.min()) > info.min and int(known.max()) <= info.max):
            out: NDArray[Any] = np.where(values == unknown, info.min, values).astype(dtype)
            return letter + out.tobytes()
    return b"q" + values.astype("<i8").tobytes()


def _widen(raw: bytes) -> NDArray[np.int64]:
    dtype = {b"b": "<i1", b"h": "<i2", b"i": "<i4", b"q": "<i8"}[raw[:1]]
    values = np.frombuffer(raw, dtype=dtype, offset=1)
    return np.where(values == np.iinfo(dtype).min, np.iinfo(np.int64).min, values.astype(np.int64))


def _encode_batch(batch: Detections) -> bytes:
    columns: dict[str, bytes] = {}
    for name in Detections.__struct_fields__:
        value = getattr(batch, name)
        if not isinstance(value, np.ndarray):
            continue
        if name in _FLOAT_COLUMNS:
            steps = steps_per_unit(name)
            assert steps is not None
            value = to_quanta(value, steps)
        elif name.endswith("_ns"):
            first = value[:1]
            columns[name + "0"] = _narrow(first.astype(np.int64))
            value = np.diff(value)
        columns[name] = _narrow(np.ascontiguousarray(value, dtype=np.int64).ravel())
    packed = _ENCODER.encode(_Columns(batch.line, batch.sensors, batch.sensor_tracks, len(batch), columns))
    return _BATCH_MAGIC + packed


def _decode_batch(raw: bytes) -> Detections:
    packed = msgspec.msgpack.decode(raw[len(_BATCH_MAGIC) :], type=_Columns)
    values: dict[str, Any] = {}
    for name in Detections.__struct_fields__:
        if name not in packed.columns:
            continue
        column = _widen(packed.columns[name])
        if name in _FLOAT_COLUMNS:
            steps = steps_per_unit(name)
            assert steps is not None
            values[name] = from_quanta(column, steps)
        elif name.endswith("_ns"):
            values[name] = np.concatenate([_widen(packed.columns[name + "0"]), column]).cumsum()
        else:
            values[name] = column.astype(np.int32)
    for name in ("mover_probabilities", "act_probabilities"):
        values[name] = values[name].reshape(packed.n, -1) if packed.n else values[name].reshape(0, _width(name))
    return Detections(line=packed.line, sensors=packed.sensors, sensor_tracks=packed.sensor_tracks, **values)


def _width(name: str) -> int:
    return len(MOVERS) if name == "mover_probabilities" else len(ACTS)


def canonical_bytes(record: Record) -> bytes:
    """The bytes that are stored and hashed. The record must have passed the door (`quantise`)."""
    if isinstance(record, Detections):
        return _encode_batch(record)
    return _ENCODER.encode(record)


def from_bytes(raw: bytes) -> Record:
    """The record again. Raises `msgspec.DecodeError` on anything that is not canonical bytes."""
    if raw.startswith(_BATCH_MAGIC):
        try:
            return _decode_batch(raw)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise msgspec.DecodeError(f"these bytes are no batch of detections: {error}") from error
    try:
        return _DECODER.decode(raw)
    except UnicodeDecodeError as error:  # msgspec lets these through
        raise msgspec.DecodeError(f"these bytes are no record: {error}") from error


def line_of_json(record: Row | dict[str, Any]) -> str:
    """One line of JSON for people and other programs, in declared field order."""
    return msgspec.json.encode(record).decode()
