"""When a picture was taken, and which pictures are kept: arithmetic on time stamps, without any video in it.

A stream's own stamps are even and begin anywhere; the times of arrival are true and uneven. The least delay seen of
late joins the two: what is on its way for the shortest time says best where the stamps stand.
"""

import itertools
from typing import Final, NamedTuple

_NS_PER_S: Final = 1_000_000_000
_WINDOW_NS: Final = 30 * _NS_PER_S
JUMP_S: Final = 5.0
"""Stamps that part from the arrivals by more than this begin anew: the camera was restarted."""
MARGIN: Final = 0.98
"""The grid of a camera that gives no more pictures than are wanted is this much slower, so that none is missing."""
LEAST_PICTURES: Final = 10
"""Pictures from which the rate of a camera is judged."""
_NEXT_FROM: Final = 0.5
_NEXT_UNTIL: Final = 1.75


class StampClock:
    """Stream stamps to UTC nanoseconds."""

    def __init__(self) -> None:
        self._least: list[tuple[int, int]] = []

    def taken_ns(self, stamp_ns: int | None, received_ns: int) -> int:
        """When a picture was taken; without a stamp, when it came."""
        if stamp_ns is None:
            return received_ns
        delay_ns = received_ns - stamp_ns
        if self._least and abs(delay_ns - self.offset_ns) > JUMP_S * _NS_PER_S:
            self._least = []
        bucket = received_ns // _WINDOW_NS
        if self._least and self._least[-1][0] == bucket:
            self._least[-1] = (bucket, min(self._least[-1][1], delay_ns))
        else:
            self._least = [*self._least[-1:], (bucket, delay_ns)]
        return stamp_ns + self.offset_ns

    @property
    def offset_ns(self) -> int:
        """What lies between stamps and times; only after a stamp."""
        return min(least for _, least in self._least)

    def lag_s(self, stamp_ns: int | None, received_ns: int) -> float:
        """How much later than the promptest of late a picture comes."""
        if stamp_ns is None or not self._least:
            return 0.0
        lag_s = (received_ns - stamp_ns - self.offset_ns) / _NS_PER_S
        return lag_s if lag_s <= JUMP_S else 0.0


class Slot(NamedTuple):
    """Where a picture stands on the grid."""

    origin_ns: int
    """Time of slot 0."""
    number: int
    """Which slot, from 0."""
    missing: int
    """Slots without a picture ahead of it."""


class Grid:
    """Pictures at an even rate: of those that fall into one slot the first is kept.

    A picture at the border of two slots goes into the one that follows the last: a little unevenness makes no hole.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._origin_ns: int | None = None
        self._last = -1

    def place(self, taken_ns: int) -> Slot | None:
        """Its slot; None where that has its picture already."""
        if self._origin_ns is None:
            self._origin_ns, self._last = taken_ns, 0
            return Slot(taken_ns, 0, 0)
        ahead = (taken_ns - self._origin_ns) * self.rate_hz / _NS_PER_S - self._last
        if ahead < _NEXT_FROM:
            return None
        index = self._last + (1 if ahead < _NEXT_UNTIL else round(ahead))
        missing, self._last = index - self._last - 1, index
        return Slot(self._origin_ns, index, missing)


def rate_of(taken_ns: list[int]) -> float | None:
    """Pictures a second by the times of some in a row; None where they are too few or all at once."""
    if len(taken_ns) < LEAST_PICTURES or taken_ns[-1] <= taken_ns[0]:
        return None
    steps = sorted(after - before for before, after in itertools.pairwise(taken_ns))
    middle = steps[len(steps) // 2]
    return _NS_PER_S / middle if middle > 0 else None


def grid_rate_hz(camera_hz: float, wanted_hz: float) -> float:
    """Rate of the grid for a camera of this rate."""
    return min(wanted_hz, MARGIN * camera_hz)
