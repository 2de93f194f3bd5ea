"""What stands between a connection's own thread and the tick: a bounded buffer, and records made of plain facts.

Policy: what comes to a full buffer is not taken, counted, and told in one finding a tick. What was taken is never lost.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from linewatch.ports import Heard, Item, SourceStatus
from linewatch.records import MOVERS, Detection, Health, batch_of, quantise
from linewatch.records.health import Condition, Severity
from linewatch.records.vocabulary import Mover, SensorKind
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.worker import blamed_place

MOST_WAITING: Final = 50_000
"""Messages that one source keeps for the next tick."""
MOST_UNPLACED: Final = 500
"""Unknown addresses that are remembered; the rest is counted as one."""
AHEAD_S: Final = 1.0
"""A stamp further ahead of its arrival than this is a wrong clock: the time of arrival counts."""
_NS_PER_S: Final = 1_000_000_000
_REACH_M: Final[dict[SensorKind, float]] = {
    "pir": 12.0,
    "contact": 2.0,
    "camera": 50.0,
    "radar": 100.0,
    "geophone": 30.0,
    "microwave": 50.0,
    "radio_link": 50.0,
}
"""How far a point sensor reaches where the site does not say: assumed round figures."""


class Arrived(msgspec.Struct, frozen=True):
    """What one message became."""

    received_ns: int
    """When it came."""
    items: tuple[Item, ...]
    """What it says; nothing where it is only to be acknowledged."""
    token: Any = None
    """What the source needs to acknowledge it."""


class Arrivals:
    """Filled by one thread and emptied by another."""

    def __init__(self, source: str, site: Site, most: int = MOST_WAITING) -> None:
        self._source = source
        self._site = site
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[Arrived] = deque()
        self._troubles: Counter[tuple[str, Condition, Severity, str]] = Counter()
        self.unplaced: Counter[str] = Counter()
        self.received = self.dropped = self.refused = 0
        self.last_ns: int | None = None
        self.listener: Callable[[Heard], None] | None = None
        """Who wants to see every message; nobody in a watch."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, arrived: Arrived) -> bool:
        """Keep one for the next tick; false where there is no room."""
        with self._lock:
            self.received += 1
            self.last_ns = arrived.received_ns
            if len(self._waiting) >= self._most:
                self.dropped += 1
                text = f"the buffer of {self._most} messages is full; what came is lost"
                self._troubles["", "dropped", "degraded", text] += 1
                return False
            self._waiting.append(arrived)
            return True

    def say(self, time_ns: int, items: tuple[Item, ...]) -> None:
        """Keep what the source itself has to say. It is no message, and has room always: it is said once."""
        with self._lock:
            self._waiting.append(Arrived(time_ns, items))

    def shown(self, time_ns: int, where: str, payload: bytes, items: Sequence[Item], why_not: str) -> None:
        """Show a message to whoever listens."""
        if self.listener is not None:
            text = payload[:400].decode("utf-8", errors="replace")
            self.listener(Heard(time_ns, where, text, tuple(items), why_not))

    def trouble(self, sensor: str, condition: Condition, severity: Severity, text: str) -> None:
        """Count something that is not as it should be; told once a tick however often it happened."""
        with self._lock:
            self.refused += condition == "refused"
            self._troubles[sensor, condition, severity, text] += 1

    def failed(self, error: Exception, sensor: str = "") -> None:
        """Count a message that our own code broke on: it is refused, and what comes after it is not held up."""
        self.trouble(sensor, "refused", "degraded", f"a message that our own code broke on: {blamed_place(error)}")

    def unknown(self, address: str) -> None:
        """A device that is no sensor of the site: offered for placement, and told when it is first heard."""
        with self._lock:
            known = address in self.unplaced
            if not known and len(self.unplaced) >= MOST_UNPLACED:
                address, known = "and others", "and others" in self.unplaced
            self.unplaced[address] += 1
        if not known:
            self.trouble("", "unknown_sensor", "note", f"{address} is no sensor of the site; it can be placed")

    def take(self, until_ns: int) -> list[Arrived]:
        """Everything that came before this time."""
        taken: list[Arrived] = []
        with self._lock:
            while self._waiting and self._waiting[0].received_ns < until_ns:
                taken.append(self._waiting.popleft())
        return taken

    def findings(self, until_ns: int) -> list[Health]:
        """What went wrong since the last poll."""
        with self._lock:
            if not self._troubles:
                return []
            troubles, self._troubles = self._troubles, Counter()
        return [
            health_of(self._site, sensor, until_ns - 1_000, condition, severity, f"{self._source}: {text}", count=count)
            for (sensor, condition, severity, text), count in sorted(troubles.items())
        ]

    def status(self, *, up: bool, reason: str = "") -> SourceStatus:
        """How the source is doing, with what was counted here; `reason` says why it is not up."""
        return SourceStatus(
            up=up,
            reason="" if up else reason,
            last_ns=self.last_ns,
            received=self.received,
            waiting=len(self),
            dropped=self.dropped,
            refused=self.refused,
            unplaced=dict(self.unplaced),
        )


def items_of(arrived: Sequence[Arrived]) -> list[Item]:
    """What messages became: their detections as one batch a line, then all else as it came."""
    detections: dict[str, list[Detection]] = {}
    out: list[Item] = []
    for each in arrived:
        for item in each.items:
            if isinstance(item, Detection):
                detections.setdefault(item.line, []).append(item)
            else:
                out.append(item)
    return [*(batch_of(line, rows) for line, rows in detections.items()), *out]


def health_of(
    site: Site,
    sensor: str,
    time_ns: int,
    condition: Condition,
    severity: Severity,
    text: str,
    *,
    ends: Condition | None = None,
    count: int = 1,
) -> Health:
    """A finding about a sensor, or with an empty sensor about the source itself."""
    line = site.sensor(sensor).line if site.has_sensor(sensor) else site.lines[0].id
    return quantise(Health(line, sensor, time_ns, condition, severity, text, count=count, ends=ends))


def event_time_ns(stamped_ns: int | None, received_ns: int, oldest_s: float) -> tuple[int, str]:
    """The time that counts for an event, and what is wrong with its stamp (empty where nothing is).

    Without a stamp, and where the stamp is ahead of the arrival, the arrival counts. A stamp older than `oldest_s`
    gives -1: it says nothing about now.
    """
    if stamped_ns is None:
        return received_ns, ""
    if stamped_ns < received_ns - round(oldest_s * _NS_PER_S):
        return -1, f"stamped more than {oldest_s:g} s before it came"
    if stamped_ns > received_ns:
        wrong = stamped_ns > received_ns + round(AHEAD_S * _NS_PER_S)
        return received_ns, f"stamped more than {AHEAD_S:g} s after it came" if wrong else ""
    return stamped_ns, ""


def point_detection(
    sensor: Sensor,
    length_m: float,
    time_ns: int,
    *,
    probability: float,
    strength_db: float = 10.0,
    movers: Sequence[tuple[Mover, float]] = (),
    sensor_track: str | None = None,
) -> Detection:
    """What a sensor that only says "there is something" tells: that it is somewhere within reach.

    Without a range of its own it reaches as far as is usual for its kind. Uniform over the reach, so sigma is its
    length over the root of 12. `movers` are shares; what they leave is spread evenly over all kinds.
    """
    low_m, high_m = sensor.extent_m()
    if high_m <= low_m:
        reach_m = _REACH_M.get(sensor.kind, 10.0)
        low_m, high_m = low_m - reach_m, high_m + reach_m
    low_m, high_m = max(low_m, 0.0), min(high_m, length_m)
    middle_m = min(max((low_m + high_m) / 2 if sensor.at_m is None else sensor.at_m, low_m), high_m)
    return quantise(
        Detection(
            line=sensor.line,
            sensor=sensor.id,
            time_ns=time_ns,
            duration_s=0.0,
            chainage_m=middle_m,
            chainage_sigma_m=max((high_m - low_m) / 12**0.5, 0.5),
            from_m=low_m,
            to_m=high_m,
            strength_db=strength_db,
            probability=probability,
            mover_probabilities=_shares(movers) if movers else None,
            sensor_track=sensor_track,
        )
    )


def _shares(movers: Sequence[tuple[Mover, float]]) -> tuple[float, ...]:
    told = dict(movers)
    rest = max(1.0 - sum(told.values()), 0.0) / len(MOVERS)
    shares = [told.get(mover, 0.0) + rest for mover in MOVERS]
    return tuple(share / sum(shares) for share in shares)
