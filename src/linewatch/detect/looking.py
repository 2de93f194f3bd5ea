"""How somebody looks into a detector while it works: glimpses of a few channels, kept beside its state and never read.

They are no part of the state: a watch that is stopped forgets them, and nothing that a detector says depends on them.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

import numpy as np

from linewatch.ports import Batch, Glimpse
from linewatch.records import Block
from linewatch.signals.looked import Looked

KEPT: Final = 4_000
"""Glimpses that wait to be taken; beyond it the oldest are forgotten."""


class Peephole:
    """Keeps glimpses for a detector. Satisfies `ports.SeenInto`."""

    has_floor = False

    def __init__(self) -> None:
        self._looking: frozenset[int] = frozenset()
        self._kept: deque[Glimpse] = deque(maxlen=KEPT)

    def look_into(self, channels: frozenset[int]) -> None:
        """As `ports.SeenInto`."""
        self._looking = channels
        if not channels:
            self._kept.clear()

    def glimpses(self) -> list[Glimpse]:
        """As `ports.SeenInto`."""
        out = list(self._kept)
        self._kept.clear()
        return out

    def looked_at(self, here: slice) -> tuple[int, ...]:
        """Columns of the channels of this stretch that somebody looks at."""
        return tuple(sorted(channel - here.start for channel in self._looking if here.start <= channel < here.stop))

    def keep(self, time_ns: int, first_channel: int, looked: Iterable[Looked]) -> None:
        """Keep what a frame showed."""
        for each in looked:
            self._kept.append(
                Glimpse(
                    first_channel + each.channel,
                    time_ns,
                    number_of(each.level_db),
                    number_of(each.floor_db),
                    number_of(each.threshold_db),
                    each.suppressed,
                )
            )

    def keep_levels(self, batch: Batch) -> None:
        """Keep the level of each block as it came, mean square about the mean: for a detector without a floor in dB."""
        for block in batch if self._looking else ():
            if not isinstance(block, Block) or not block.n_samples:
                continue
            here = slice(block.first_channel, block.first_channel + block.n_channels)
            for column in self.looked_at(here):
                samples = block.samples[:, column].astype(np.float64)
                usable = block.valid is None or bool(block.valid[column])
                power = float(np.var(samples)) if usable and np.isfinite(samples).all() else 0.0
                level_db = 10.0 * float(np.log10(power)) if power > 0.0 else None
                self._kept.append(Glimpse(here.start + column, block.end_ns, level_db))


def number_of(level_db: float) -> float | None:
    """A level as it is told: two decimals; None for what there was not."""
    return round(level_db, 2) if np.isfinite(level_db) else None
