"""Frames of a live stream of fibre samples over ZeroMQ.

One message of a PUB socket has three parts:

    topic     bytes that subscribers choose by; may be empty
    header    JSON: {"version": 1, "seq": 17, "start_ns": 1790000000000000000, "rate_hz": 1000.0,
                     "shape": [100, 600], "dtype": "<f4"}
    samples   shape[0] rows in time of shape[1] channels, row by row, as dtype says: "<f4" or "<i2"

`seq` rises by one from frame to frame; after a restart of the sender it begins anew. `start_ns` is UTC.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError

MOST_BYTES: Final = 67_108_864
"""Longest frame."""
MOST_RATE_HZ: Final = 1_000_000.0
_MOST_HEADER: Final = 4_096
_LATEST_NS: Final = 4_102_444_800 * 1_000_000_000


class FrameHeader(msgspec.Struct, frozen=True):
    """What stands ahead of the samples."""

    version: int
    """1."""
    seq: int
    """Number of the frame."""
    start_ns: int
    """UTC nanoseconds of the first row."""
    rate_hz: float
    """Rows per second."""
    shape: tuple[int, int]
    """Rows, channels."""
    dtype: str
    """`<f4` or `<i2`."""


class Frame(NamedTuple):
    """One message."""

    header: FrameHeader
    """What it says."""
    samples: NDArray[np.float32] | NDArray[np.int16]
    """(rows, channels)."""


def read_frame(parts: Sequence[bytes]) -> Frame:
    """A message again. Raises `InputError` with what was found and what is allowed."""
    if len(parts) != 3:
        raise InputError(f"frame: found {len(parts)} parts; allowed: topic, header and samples")
    if len(parts[1]) > _MOST_HEADER:
        raise InputError(f"frame header: found {len(parts[1])} bytes; allowed: up to {_MOST_HEADER}")
    try:
        header = msgspec.json.decode(parts[1], type=FrameHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"frame header: found what is none ({error}); allowed: JSON as the page on it says") from error
    rows, channels = header.shape
    for what, found, holds, allowed in (
        ("version", header.version, header.version == 1, "1"),
        ("dtype", header.dtype, header.dtype in ("<f4", "<i2"), "<f4, <i2"),
        ("rate_hz", header.rate_hz, 0.0 < header.rate_hz <= MOST_RATE_HZ, f"above 0, up to {MOST_RATE_HZ:.0f}"),
        ("start_ns", header.start_ns, 0 <= header.start_ns < _LATEST_NS, "UTC nanoseconds before 2100"),
        ("shape", header.shape, rows > 0 and channels > 0, "rows and channels above 0"),
    ):
        if not holds:
            raise InputError(f"frame {what}: found {found!r}; allowed: {allowed}")
    dtype = np.dtype(header.dtype)
    if len(parts[2]) != rows * channels * dtype.itemsize:
        allowed = f"{rows * channels * dtype.itemsize}, as shape and dtype say"
        raise InputError(f"frame samples: found {len(parts[2])} bytes; allowed: {allowed}")
    samples = np.frombuffer(parts[2], dtype=dtype).reshape(rows, channels)
    return Frame(header, samples.astype(dtype.newbyteorder("="), copy=False))


def write_frame(
    samples: NDArray[np.float32] | NDArray[np.int16], start_ns: int, rate_hz: float, seq: int
) -> list[bytes]:
    """Parts of a message without a topic, from samples (rows, channels)."""
    dtype = "<f4" if samples.dtype.kind == "f" else "<i2"
    shape = (int(samples.shape[0]), int(samples.shape[1]))
    header = FrameHeader(1, seq, start_ns, rate_hz, shape, dtype)
    return [b"", msgspec.json.encode(header), np.ascontiguousarray(samples, dtype=np.dtype(dtype)).tobytes()]
