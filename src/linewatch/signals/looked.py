"""What the energy detector saw of the few channels that somebody looks at: level, floor and threshold, frame by frame.

Looking is free of consequences: nothing here is read by the detector again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Looked(NamedTuple):
    """One channel in one frame; levels in dB over one squared sample unit, NaN for what there was not."""

    channel: int
    """Which."""
    level_db: float
    """Energy of the frame; NaN where the channel was dead or gave too few samples."""
    floor_db: float
    """The floor that it was compared with: its own, once that is proven, else that across channels."""
    threshold_db: float
    """The level from which on it counted as disturbed."""
    suppressed: bool
    """Whether it was over that and raised nothing: under a mask, or because most channels rose at once."""


def looked_at(
    channels: Sequence[int],
    level_db: NDArray[np.float64],
    floors_db: tuple[NDArray[np.float64], NDArray[np.float64]],
    height_db: NDArray[np.float64],
    *,
    common: bool,
    hushed: bool,
    masked: NDArray[np.bool_],
) -> tuple[Looked, ...]:
    """What one frame showed of these channels.

    Args:
        channels: numbers below the length of the arrays, which are all (n_channels,).
        level_db: level of each channel.
        floors_db: floor across channels and own floor, NaN where there is none.
        height_db: how far a level must stand over its floor.
        common: whether a rise is common to all channels, so that own floors rest.
        hushed: whether channels over their threshold raised nothing because most were.
        masked: channels that raise nothing.
    """
    across_db, own_db = floors_db
    out = []
    for channel in channels:
        lone = bool(np.isnan(across_db[channel]))
        own = not np.isnan(own_db[channel]) and (lone or not common)
        floor_db = float(own_db[channel] if own else across_db[channel])
        threshold_db = floor_db + float(height_db[channel])
        level = float(level_db[channel])
        suppressed = level > threshold_db and (hushed or bool(masked[channel]))
        out.append(Looked(channel, level, floor_db, threshold_db, suppressed))
    return tuple(out)
