"""What differs along one sensor: thresholds by section, and stretches that raise nothing."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.signals.energy_detector import ByChannel


class MaskedStretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch that raises nothing: counted, and not watched while the mask stands in the settings."""

    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    reason: str
    """Why, in words."""
    sensors: tuple[str, ...] = ()
    """Sensors that it concerns; empty for all."""


class BySection(Protocol):
    """Settings that may differ from section to section."""

    @property
    def min_excess_db(self) -> float:
        """Least height over the floor across channels."""
        ...

    @property
    def own_min_excess_db(self) -> float:
        """Least height over a channel's own floor."""
        ...

    @property
    def masks(self) -> tuple[MaskedStretch, ...]:
        """Stretches that raise nothing."""
        ...


def by_channel_of(
    sensor: str, edges_m: NDArray[np.float64], stretches: Sequence[tuple[float, float, BySection]]
) -> tuple[ByChannel, list[tuple[int, int, str]]]:
    """Thresholds and masks by channel, and first and last channel and reason of every mask.

    `stretches`: start, end and settings, those of later ones before those of earlier ones; together they hold all of
    the sensor. `edges_m`: (channels + 1,).
    """
    centres_m = (edges_m[:-1] + edges_m[1:]) / 2.0
    least, own_least, masked = np.zeros(len(centres_m)), np.zeros(len(centres_m)), np.zeros(len(centres_m), np.bool_)
    masks: set[tuple[int, int, str]] = set()
    for from_m, to_m, settings in stretches:
        here = (centres_m >= from_m) & (centres_m < to_m)
        least[here], own_least[here] = settings.min_excess_db, settings.own_min_excess_db
        for mask in settings.masks:
            hidden = np.flatnonzero(here & (centres_m >= mask.from_m) & (centres_m < mask.to_m))
            if len(hidden) and (not mask.sensors or sensor in mask.sensors):
                masked[hidden] = True
                masks.add((int(hidden[0]), int(hidden[-1]), mask.reason))
    return ByChannel(least, own_least, masked, np.zeros(len(centres_m))), sorted(masks)
