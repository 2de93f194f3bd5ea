"""What both ways in share: which channels belong to the sensor, the count of samples, and what is told."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.records.health import Condition, Severity
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import AHEAD_S, Arrivals, health_of
from linewatch.sources.continuity import Continuity

_FUTURE_S: Final = 60.0
_NS_PER_S: Final = 1_000_000_000


class FibreSamples:
    """Pieces of samples of one fibre, cut to its sensor's channels and put on one count."""

    def __init__(self, site: Site, sensor: Sensor, arrivals: Arrivals, skip_channels: int, end_ns: int | None) -> None:
        self._site = site
        self._sensor = sensor
        self._arrivals = arrivals
        self._skip = skip_channels
        self._stream = Continuity(sensor.line, sensor.id, 0, self.note, end_ns)

    @property
    def end_ns(self) -> int | None:
        """Time after the last sample; None before the first."""
        return self._stream.end_ns

    def go_on(self, end_ns: int | None) -> None:
        """Go on where an earlier run ended."""
        self._stream.end_ns = end_ns

    def check_channels(self, found: int) -> None:
        """Raises `InputError` where the sensor's channels are not among so many."""
        channels = self._sensor.channels or 1
        if found < self._skip + channels:
            allowed = f"{self._skip + channels} or more: {channels} of sensor {self._sensor.id!r}"
            allowed += f" behind {self._skip} that are skipped" if self._skip else ""
            raise InputError(f"found {found} channels; allowed: {allowed}")

    def wrong_time(self, end_ns: int, now_ns: int, oldest_s: float) -> str:
        """Why samples that end at this time are not taken; empty where they are."""
        if end_ns > now_ns + round(_FUTURE_S * _NS_PER_S):
            return f"samples stamped more than {_FUTURE_S:g} s ahead"
        if end_ns < now_ns - round(oldest_s * _NS_PER_S):
            return f"samples older than {oldest_s:g} s"
        if end_ns > now_ns + round(AHEAD_S * _NS_PER_S):
            self.note("clock_skew", f"samples stamped more than {AHEAD_S:g} s ahead")
        return ""

    def take(self, start_ns: int, rate_hz: float, samples: NDArray[Any]) -> tuple[Item, ...]:
        """The sensor's part of samples (rows, channels), and what is missing ahead of it."""
        channels = self._sensor.channels or 1
        mine = np.ascontiguousarray(samples[:, self._skip : self._skip + channels])
        block, gap = self._stream.take(start_ns, rate_hz, mine)
        return tuple(item for item in (block, gap) if item is not None)

    def note(self, condition: Condition, text: str) -> None:
        """Count something that is not as it should be."""
        self._arrivals.trouble(self._sensor.id, condition, "note", text)

    def finding(
        self, now_ns: int, condition: Condition, severity: Severity, text: str, ends: Condition | None = None
    ) -> Item:
        """A finding about the sensor."""
        return health_of(self._site, self._sensor.id, now_ns, condition, severity, text, ends=ends)
