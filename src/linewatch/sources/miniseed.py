"""MiniSEED records, versions 2 and 3, to plain values. Needs pymseed, of the extra `seismic`."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymseed import MiniSEEDError, MS3Record, sourceid2nslc

from linewatch.errors import InputError

MOST_RATE_HZ: Final = 100_000.0
"""No geophone or hydrophone gives more."""


class Piece(NamedTuple):
    """One record."""

    stream: str
    """NETWORK_STATION_LOCATION_CHANNEL."""
    start_ns: int
    """UTC nanoseconds of the first sample."""
    rate_hz: float
    """Samples per second, above 0."""
    samples: NDArray[np.float32]
    """(n, 1) as recorded: counts, where the instrument gives counts."""


def read_piece(raw: bytes) -> Piece:
    """One whole record. Raises `InputError` where it is none, is damaged, or holds no samples in time."""
    try:
        record = MS3Record.parse(raw, unpack_data=True)
        return piece_of(record)
    except (MiniSEEDError, ValueError, BufferError) as error:
        raise InputError(f"record: found {_said(error)}; allowed: a MiniSEED record") from error


def piece_of(record: Any) -> Piece:
    """The values of a record that was unpacked. Raises `InputError` as `read_piece`, `ValueError` on foreign names."""
    stream = stream_of(record)
    if record.sampletype not in ("i", "f", "d") or not record.numsamples:
        raise InputError(f"record of {stream}: found no numbers (type {record.sampletype!r}); allowed: samples")
    rate_hz = float(record.samprate)
    if not 0.0 < rate_hz <= MOST_RATE_HZ:
        raise InputError(f"record of {stream}: found {rate_hz:g} samples a second; allowed: up to {MOST_RATE_HZ:g}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is counted as such
        samples = np.array(record.np_datasamples, dtype=np.float32)
    return Piece(stream, int(record.starttime), rate_hz, samples[:, np.newaxis])


def stream_of(record: Any) -> str:
    """Name of a record's stream. Raises `ValueError` where its identifier follows no known rule."""
    return "_".join(sourceid2nslc(record.sourceid))


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
