"""Corrections of thresholds that people have made, as a detector takes them: all that hold of its sensor, or none."""

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.ports import Batch
from linewatch.records import Health


class Correction(msgspec.Struct, frozen=True):
    """A threshold that stands higher, or lower, than the settings say."""

    first: int | None
    """First channel; None for the whole sensor."""
    last: int | None
    """Last channel."""
    db: float
    """By how much, above 0 for higher."""


def corrections_in(batch: Batch, before: tuple[Correction, ...]) -> tuple[Correction, ...]:
    """What holds after this batch: what it says, or, where it says nothing, what held before.

    A batch tells of all that hold at once, or, with a recovery, that none does any more.
    """
    told = [item for item in batch if isinstance(item, Health)]
    found = [item for item in told if item.condition == "corrected_threshold" and item.rise_db is not None]
    if found:
        return tuple(Correction(each.first_channel, each.last_channel, each.rise_db or 0.0) for each in found)
    return () if any(item.ends == "corrected_threshold" for item in told) else before


@lru_cache(maxsize=256)
def by_channel_db(corrections: tuple[Correction, ...], n_channels: int) -> NDArray[np.float64]:
    """(n_channels,) what is added to each threshold; where two overlap the higher one holds. Not to be written to."""
    out = np.full(n_channels, np.nan)
    for each in corrections:
        here = slice(0, n_channels) if each.first is None or each.last is None else slice(each.first, each.last + 1)
        out[here] = np.fmax(out[here], each.db)
    out[np.isnan(out)] = 0.0
    out.flags.writeable = False
    return out
