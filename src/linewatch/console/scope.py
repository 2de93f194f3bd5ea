"""Scopes: what the record says of the sensors that somebody looks at now, gathered while they keep asking.

Levels, floors and thresholds come from the watch (`console_ports.Levels`); here are detections and signs of life, which
are in the record anyway.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from linewatch.clock import monotonic_s
from linewatch.console.health_shapes import LifeShape, MarkShape
from linewatch.console.picture import NS_PER_MS, Read
from linewatch.records import Detections, Health

LEASE_S: Final = 10.0
"""A scope that nobody has asked for so long is closed."""
MOST: Final = 64
"""Scopes that may be open at once in this console, whoever looks."""
MOST_EACH: Final = 4
"""Of them by one person: a page opens one at a time, and the former ends by itself."""
KEPT: Final = 600
"""Detections, and findings, that are kept of a sensor."""


class Looking(NamedTuple):
    """Who looks at what."""

    person: str
    sensor: str
    channel: int


class _Gathered:
    """What came of one sensor, numbered from 1 in the order in which it came, which need not be that of its times."""

    def __init__(self) -> None:
        self.last = 0
        self.marks: deque[tuple[int, MarkShape]] = deque(maxlen=KEPT)
        self.life: deque[tuple[int, LifeShape]] = deque(maxlen=KEPT)

    def number(self) -> int:
        """The next number."""
        self.last += 1
        return self.last


class Gathered(NamedTuple):
    """What came of a sensor."""

    cursor: int
    """Number of the last of it."""
    marks: list[MarkShape]
    """Detections, as they came."""
    life: list[LifeShape]
    """Signs of life and findings, as they came."""


class Scopes:
    """What is gathered of the sensors that are looked at. Everything here happens in one event loop."""

    def __init__(self) -> None:
        self._asked_s: dict[Looking, float] = {}
        self._gathered: dict[str, _Gathered] = {}

    def look(self, looking: Looking) -> bool | None:
        """Keep a scope open: whether it was opened by this, or None where too many are open already."""
        now_s = monotonic_s()
        self._close_idle(now_s)
        new = looking not in self._asked_s
        mine = sum(each.person == looking.person for each in self._asked_s)
        if new and (mine >= MOST_EACH or len(self._asked_s) >= MOST):
            return None
        self._asked_s[looking] = now_s
        self._gathered.setdefault(looking.sensor, _Gathered())
        return new

    def gathered(self, sensor: str, after: int) -> Gathered:
        """What came after a cursor; all of it where that is of a scope that has been closed since."""
        found = self._gathered[sensor]
        after = after if after <= found.last else 0
        marks = [mark for number, mark in found.marks if number > after]
        return Gathered(found.last, marks, [life for number, life in found.life if number > after])

    def hear(self, reads: Iterable[Read]) -> None:
        """Go on by these entries."""
        if not self._asked_s:
            return
        self._close_idle(monotonic_s())
        for read in reads:
            match read.record:
                case Detections() as batch:
                    self._detections(batch)
                case Health() as health if health.sensor in self._gathered:
                    life = LifeShape(health.time_ns // NS_PER_MS, health.condition, health.text)
                    here = self._gathered[health.sensor]
                    here.life.append((here.number(), life))
                case _:
                    pass

    def _detections(self, batch: Detections) -> None:
        for number, sensor in enumerate(batch.sensors):
            if sensor not in self._gathered:
                continue
            here = self._gathered[sensor]
            for row in np.flatnonzero(batch.sensor_index == number)[-KEPT:].tolist():
                mark = MarkShape(
                    int(batch.time_ns[row]) // NS_PER_MS,
                    chainage_m=round(float(batch.chainage_m[row]), 3),
                    from_m=round(float(batch.from_m[row]), 3),
                    to_m=round(float(batch.to_m[row]), 3),
                    strength_db=round(float(batch.strength_db[row]), 2),
                    probability=round(float(batch.probability[row]), 4),
                )
                here.marks.append((here.number(), mark))

    def _close_idle(self, now_s: float) -> None:
        self._asked_s = {key: asked_s for key, asked_s in self._asked_s.items() if now_s - asked_s <= LEASE_S}
        open_ones = {each.sensor for each in self._asked_s}
        for sensor in [each for each in self._gathered if each not in open_ones]:
            del self._gathered[sensor]
