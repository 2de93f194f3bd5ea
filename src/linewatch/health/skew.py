"""Clocks that are wrong: times that are behind, always by the same. A slow link is late by ever different amounts."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class SkewSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a clock counts as wrong."""

    least_s: float = 2.0
    """Lag from which it is."""
    right_s: float = 1.0
    """Lag under which it is right again."""
    spread_s: float = 0.25
    """Mean deviation of the lag under which it is always the same; ticks alone scatter it by an eighth of a second."""
    messages: int = 8
    """Messages that it takes to tell."""


class Lags(msgspec.Struct):
    """How late each sensor's own times are when they come in; arrays are (sensors,)."""

    lag_s: NDArray[np.float64]
    """Running mean of the lag."""
    spread_s: NDArray[np.float64]
    """Running mean of its deviation from that."""
    messages: NDArray[np.int32]
    """Messages seen."""
    told: NDArray[np.bool_]
    """Whether it was told that the clock is wrong."""


def new_lags(sensors: int) -> Lags:
    """Nothing heard."""
    return Lags(np.zeros(sensors), np.zeros(sensors), np.zeros(sensors, np.int32), np.zeros(sensors, np.bool_))


def note_lag(lags: Lags, number: int, lag_s: float, settings: SkewSettings) -> None:
    """One message; changes `lags`."""
    note_lags(lags, np.array([number]), np.array([lag_s]), settings)


def note_lags(lags: Lags, numbers: NDArray[np.int64], lag_s: NDArray[np.float64], settings: SkewSettings) -> None:
    """Messages of a tick, one sensor's taken together by the smallest lag; changes `lags`."""
    if not len(numbers):
        return
    order = np.lexsort((lag_s, numbers))
    first = np.concatenate([[True], np.diff(numbers[order]) > 0])
    sensor, lag = numbers[order][first], lag_s[order][first]
    n = lags.messages[sensor]
    rate = 1.0 / (np.minimum(n, settings.messages) + 1.0)
    away: Any = lag - lags.lag_s[sensor]
    lags.spread_s[sensor] += np.where(n > 0, rate * (np.abs(away) - lags.spread_s[sensor]), 0.0)
    lags.lag_s[sensor] += rate * away
    lags.messages[sensor] = n + 1


def skews(lags: Lags, settings: SkewSettings) -> list[tuple[int, float | None]]:
    """Sensors whose clock has just been found wrong, with the lag, or right again, with None; changes `lags`."""
    enough = lags.messages >= settings.messages
    wrong = enough & ~lags.told & (lags.lag_s >= settings.least_s) & (lags.spread_s < settings.spread_s)
    right = lags.told & (lags.lag_s < settings.right_s)
    if not (wrong.any() or right.any()):
        return []
    lags.told = (lags.told | wrong) & ~right
    return [(int(n), float(lags.lag_s[n])) for n in np.flatnonzero(wrong)] + [
        (int(n), None) for n in np.flatnonzero(right)
    ]
