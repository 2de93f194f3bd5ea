"""A clip of a geophone as MiniSEED 2, which every seismological program opens.

Codes (https://docs.fdsn.org/projects/source-identifiers/): network XX, for tests and private networks; station the
first five letters and digits of the sensor's id; location the channel number; channel a band by rate (C, D, E, S or B),
P for a geophone and Z for vertical. Counts are kept by Steim's second compression, all else as 32-bit floating point;
both give every sample back. Needs pymseed, of the extra `seismic`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pymseed import DataEncoding, MS3Record

from linewatch.evidence.clip_file import ClipData, runs_of
from linewatch.records import Block

RECORD_BYTES: Final = 512
_EXACT: Final = 2**24
"""Whole numbers below this are exact as float32, and steps between them fit into Steim's second compression."""
_BANDS: Final = ((1000.0, "C"), (250.0, "D"), (80.0, "E"), (10.0, "S"), (0.0, "B"))


def seismic_file(clip: ClipData) -> bytes:
    """All samples of a clip, as records in order of channel and time; bad channels are left out."""
    return b"".join(record for run in runs_of(clip.blocks) for record in _records(clip.sensor, [b for _, b in run]))


def _records(sensor: str, blocks: Sequence[Block]) -> Iterator[bytes]:
    first = blocks[0]
    samples = np.concatenate([block.samples for block in blocks])
    for column in range(first.n_channels):
        if first.valid is None or first.valid[column]:
            source = _source_id(sensor, first.first_channel + column, first.rate_hz)
            yield from _channel(source, first.start_ns, first.rate_hz, samples[:, column])


def _source_id(sensor: str, channel: int, rate_hz: float) -> str:
    station = re.sub(r"[^A-Za-z0-9]", "", sensor).upper()[:5] or "X"
    band = next(code for least_hz, code in _BANDS if rate_hz >= least_hz)
    return f"FDSN:XX_{station}_{channel % 100:02d}_{band}_P_Z"


def _channel(source: str, start_ns: int, rate_hz: float, samples: NDArray[np.float32]) -> Iterator[bytes]:
    record = MS3Record(reclen=RECORD_BYTES)
    record.sourceid = source
    record.formatversion = 2
    record.samprate = rate_hz
    record.starttime = start_ns
    if _are_counts(samples):
        record.encoding = DataEncoding.STEIM2
        yield from record.generate(data_samples=samples.astype(np.int32), sample_type="i")
    else:
        record.encoding = DataEncoding.FLOAT32
        yield from record.generate(data_samples=samples.astype(np.float32), sample_type="f")


def _are_counts(samples: NDArray[np.float32]) -> bool:
    if not np.isfinite(samples).all() or np.abs(samples).max(initial=0.0) >= _EXACT:
        return False
    return bool((samples == np.rint(samples)).all())
