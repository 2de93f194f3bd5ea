"""The last samples of a stream, in order: what a detector looks back on. A gap or another rate begins it anew."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Block


class Recent(msgspec.Struct):
    """Rows of one stretch of channels that follow each other without a gap."""

    origin_ns: int
    """Time of sample 0 of the stream."""
    rate_hz: float
    """Samples a second."""
    next_sample: int
    """Index after the last row."""
    rows: NDArray[np.float32]
    """(n, channels) the last rows; NaN where a sample was not a number or its channel was marked bad."""

    @property
    def first_sample(self) -> int:
        """Index of the first row that is kept."""
        return self.next_sample - len(self.rows)

    def before(self, end_sample: int, n: int) -> NDArray[np.float32] | None:
        """The `n` rows before this index, or None where they are not all here."""
        start = end_sample - n - self.first_sample
        if start < 0 or end_sample > self.next_sample:
            return None
        return self.rows[start : start + n]


def samples_of(block: Block) -> NDArray[np.float32]:
    """The samples (rows, channels), with NaN for whatever is not a finite number or marked bad."""
    rows: NDArray[Any] = block.samples.astype(np.float32)
    if rows.size and not np.isfinite(rows.sum()):
        rows[~np.isfinite(rows)] = np.nan
    if block.valid is not None:
        rows[:, ~block.valid] = np.nan
    return rows


def followed_by(recent: Recent | None, block: Block) -> tuple[Recent, bool]:
    """The rows so far with those of the block, and whether the block followed what was there."""
    new = samples_of(block)
    follows = (
        recent is not None
        and (recent.origin_ns, recent.rate_hz, recent.next_sample)
        == (block.origin_ns, block.rate_hz, block.first_sample)
        and recent.rows.shape[1] == block.n_channels
    )
    rows = np.concatenate([recent.rows, new]) if recent is not None and follows else new
    return Recent(block.origin_ns, block.rate_hz, block.first_sample + block.n_samples, rows), follows


def trimmed(recent: Recent, keep: int) -> Recent:
    """The same with its last `keep` rows only."""
    return msgspec.structs.replace(recent, rows=recent.rows[max(len(recent.rows) - keep, 0) :].copy())
