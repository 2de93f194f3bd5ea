"""Scopes: somebody looks at one channel while the watch works, for as long as they keep asking.

A scope is asked for over the watch's socket and ends by itself: whoever does not ask again within `LEASE_S` has closed
theirs. It holds levels of frames and never samples, so that nobody can listen. It changes nothing that the
watch decides.
"""

import threading
from collections import deque
from typing import Any, Final, Literal

import msgspec

from linewatch.app.pipeline import Pipeline
from linewatch.clock import monotonic_s
from linewatch.ports import Glimpse, SeenInto
from linewatch.site.model import Site

LEASE_S: Final = 10.0
"""A scope that nobody has asked for so long is closed."""
MOST: Final = 16
"""Channels that may be looked at at once; one more is refused with the reason."""
KEPT: Final = 2_400
"""Frames that are kept of a channel: two minutes of 50 ms."""
MOST_TOLD: Final = 1_200
"""Frames in one answer."""
Basis = Literal["frames", "samples", "none"]
"""What levels are of: a detector's frames, with floor and threshold; the samples alone; or there are none."""


class _Scope(msgspec.Struct):
    asked_s: float
    frames: deque[Glimpse]


class Scopes:
    """Asked from any thread; put into the detectors and taken out of them by the watch, between two ticks."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[str, int], _Scope] = {}
        self._basis: dict[str, Basis] = {}
        self._looking: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, site: Site, sensor: str, channel: int, after_ns: int) -> tuple[dict[str, Any], str]:
        """What was seen of a channel after a time, and from now on is; or why it is not."""
        if not site.has_sensor(sensor):
            return {}, f"sensor: found {sensor!r}; allowed: one of the site"
        channels = site.sensor(sensor).channels or 1
        if not 0 <= channel < channels:
            return {}, f"channel: found {channel}; allowed: 0 to {channels - 1}"
        with self._lock:
            now_s = monotonic_s()
            self._close_idle(now_s)
            key = sensor, channel
            if key not in self._scopes and len(self._scopes) >= MOST:
                return {}, f"{MOST} channels are looked at already"
            scope = self._scopes.setdefault(key, _Scope(now_s, deque(maxlen=KEPT)))
            scope.asked_s = now_s
            frames = [each for each in scope.frames if each.time_ns > after_ns][:MOST_TOLD]
            basis = self._basis.get(sensor, "none")
        return {"basis": basis, "frames": [msgspec.to_builtins(each) for each in frames]}, ""

    def open(self) -> int:
        """How many channels are looked at."""
        with self._lock:
            self._close_idle(monotonic_s())
            return len(self._scopes)

    def put_into(self, pipeline: Pipeline) -> None:
        """Have the detectors keep what is looked at. Called before a tick, in the thread that does it."""
        with self._lock:
            self._close_idle(monotonic_s())
            wanted: dict[str, frozenset[int]] = {}
            for sensor, channel in self._scopes:
                wanted[sensor] = wanted.get(sensor, frozenset()) | {channel}
        for sensor in self._looking | set(wanted):
            for step in pipeline.heard(sensor):
                if isinstance(step, SeenInto):
                    step.look_into(wanted.get(sensor, frozenset()))
        self._looking = set(wanted)

    def take_from(self, pipeline: Pipeline) -> None:
        """Take what they have kept. Called after a tick, in the thread that does it."""
        seen: list[tuple[str, Glimpse]] = []
        basis: dict[str, Basis] = {}
        for sensor in self._looking:
            for step in pipeline.heard(sensor):
                if isinstance(step, SeenInto):
                    basis[sensor] = "frames" if step.has_floor else "samples"
                    seen += [(sensor, glimpse) for glimpse in step.glimpses()]
        with self._lock:
            self._basis = basis
            for sensor, glimpse in seen:
                scope = self._scopes.get((sensor, glimpse.channel))
                if scope is not None:
                    scope.frames.append(glimpse)

    def _close_idle(self, now_s: float) -> None:
        for key in [key for key, scope in self._scopes.items() if now_s - scope.asked_s > LEASE_S]:
            del self._scopes[key]
