"""BLOCK: raw samples of one sensor."""

from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000


@lru_cache(maxsize=256)
def _rate(rate_hz: float) -> Fraction:
    return Fraction(rate_hz).limit_denominator(1_000_000)


def sample_time_ns(origin_ns: int, index: int, rate_hz: float) -> int:
    """Time of sample `index` of a stream that began at `origin_ns`, rounded down to a nanosecond, exactly."""
    rate = _rate(rate_hz)
    return origin_ns + index * NS_PER_S * rate.denominator // rate.numerator


def first_sample_at(origin_ns: int, time_ns: int, rate_hz: float) -> int:
    """Index of the first sample at or after `time_ns`; negative where `time_ns` is before the origin."""
    rate = _rate(rate_hz)
    return -((origin_ns - time_ns) * rate.numerator // (NS_PER_S * rate.denominator))


class Block(msgspec.Struct, frozen=True, tag="block", eq=False):
    """Raw samples, time-major, of one sensor: row i was taken at `time_of(first_sample + i)`."""

    line: str
    """Line the sensor stands on."""
    sensor: str
    """Sensor id."""
    origin_ns: int
    """UTC time of sample 0 of the stream; re-cutting a stream never changes it, so times stay exact."""
    first_sample: int
    """Index of the first row since the origin, 0 or more."""
    rate_hz: float
    """Samples per second, above 0."""
    samples: NDArray[Any]
    """(n_samples, n_channels) float32 or int16, C order."""
    first_channel: int = 0
    """Channel number of column 0."""
    valid: NDArray[np.bool_] | None = None
    """(n_channels,) false where a channel is known bad; absent means all good. NaN marks single samples."""

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.samples.shape[0])

    @property
    def n_channels(self) -> int:
        """Number of columns."""
        return int(self.samples.shape[1])

    def time_of(self, index: int) -> int:
        """UTC nanoseconds of the sample with this index since the origin."""
        return sample_time_ns(self.origin_ns, index, self.rate_hz)

    @property
    def start_ns(self) -> int:
        """Time of the first row."""
        return self.time_of(self.first_sample)

    @property
    def end_ns(self) -> int:
        """Time at which the row after the last would be taken."""
        return self.time_of(self.first_sample + self.n_samples)

    def rows(self, start: int, stop: int) -> "Block":
        """The part from row `start` up to, not including, row `stop` (0 <= start <= stop <= n_samples)."""
        return msgspec.structs.replace(self, first_sample=self.first_sample + start, samples=self.samples[start:stop])

    def split_at(self, time_ns: int) -> tuple["Block | None", "Block | None"]:
        """The parts before, and at or after, `time_ns`; a part without rows is None."""
        row = first_sample_at(self.origin_ns, time_ns, self.rate_hz) - self.first_sample
        row = min(max(row, 0), self.n_samples)
        before = self.rows(0, row) if row > 0 else None
        after = self.rows(row, self.n_samples) if row < self.n_samples else None
        return before, after


class BlockHeader(msgspec.Struct, frozen=True, tag="block_header"):
    """What the journal keeps of a `Block`: that these samples came, never the samples."""

    line: str
    """Line the sensor stands on."""
    sensor: str
    """Sensor id."""
    start_ns: int
    """UTC time of the first row."""
    n_samples: int
    """Number of rows."""
    first_channel: int
    """Channel number of column 0."""
    n_channels: int
    """Number of columns."""
    rate_hz: float
    """Samples per second."""
    n_invalid: int
    """Samples that are not numbers or stand in channels marked bad."""


def header_of(block: Block) -> BlockHeader:
    """The journal's view of a block."""
    samples = block.samples
    bad = np.zeros(samples.shape[1], dtype=bool) if block.valid is None else ~block.valid
    n_invalid = int(bad.sum()) * samples.shape[0]
    if samples.dtype.kind == "f":
        n_invalid += int((~np.isfinite(samples[:, ~bad])).sum())
    return BlockHeader(
        line=block.line,
        sensor=block.sensor,
        start_ns=block.start_ns,
        n_samples=block.n_samples,
        first_channel=block.first_channel,
        n_channels=block.n_channels,
        rate_hz=block.rate_hz,
        n_invalid=n_invalid,
    )
