"""Where along a fibre the signal ends."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def where_it_ends(lost: NDArray[np.bool_], least: int, share: float, guard: int) -> int | None:
    """First channel of the lost end of a fibre that is lit from channel 0, or None where its end is not lost.

    Args:
        lost: (n_channels,) whether a channel has lost its signal.
        least: channels that must be lost at the end.
        share: least share of lost channels beyond the place.
        guard: channels before the place of which no more than a third may be lost.

    The place is the one that fewest channels contradict: those before it that are lost, and those beyond it that are
    not. Where several do equally well it is the lowest; 0 where the whole fibre is lost.
    """
    n = len(lost)
    if n <= least:
        return None
    before = np.concatenate([[0], np.cumsum(lost)])
    beyond = np.concatenate([np.cumsum((~lost)[::-1])[::-1], [0]])
    place = int(np.argmin(before + beyond))
    if n - place < least or lost[place:].mean() < share:
        return None
    near = lost[max(place - guard, 0) : place]
    return place if not len(near) or near.mean() <= 1.0 / 3.0 else None
