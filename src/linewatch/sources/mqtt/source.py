"""Messages of a broker as a source: kept in a bounded buffer, acknowledged when what they became is on disk.

A message that the broker repeats after a broken link or a crash is known by its packet id and content, and is not taken
twice: the position that stands with every commit names those that were taken and perhaps not yet acknowledged.
"""

import base64
import json
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.protocols.mqtt_link import KNOWN, MOST_IN_FLIGHT, Broker, MqttLink
from linewatch.records.quantise import quantise_time_ns
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrived, event_time_ns, health_of, items_of, point_detection
from linewatch.sources.link_state import LinkWords
from linewatch.sources.mqtt.language import Map
from linewatch.sources.mqtt.mapping import Event, Mapper
from linewatch.sources.mqtt.stations import Stations, Stretch
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import LoopWorker

if TYPE_CHECKING:
    from linewatch.records import Detection

MOST_WAITING: Final = 4 * MOST_IN_FLIGHT
_DIGEST_BYTES: Final = 8
_FIRST_RETRY_S: Final = 0.5
_LONGEST_RETRY_S: Final = 30.0
_MOST_LIKE: Final = 20_000
_POLLS_KEPT: Final = 3
"""Polls whose messages the position names: their acknowledgements may not have reached the broker."""


class MqttSource(WorkedSource):
    """Satisfies `ports.LiveSource`, and `mqtt_link.Incoming` towards the link."""

    def __init__(
        self,
        site: Site,
        name: str,
        broker: Broker,
        chosen: Map,
        addresses: Mapping[str, str],
        *,
        qos: int = 1,
        lateness_s: float = 0.25,
        oldest_s: float = 3600.0,
        speaks_for: Sequence[str] = (),
        weather: Mapping[str, Stretch] | None = None,
    ) -> None:
        words = LinkWords("no link to the broker: ")
        super().__init__(site, name, speaks_for, words, lateness_s=lateness_s, most=MOST_WAITING)
        self.delivery: Delivery = "acknowledged" if qos else "ephemeral"
        self._mapper = Mapper(chosen)
        self._addresses = {address: site.sensor(sensor) for address, sensor in addresses.items()}
        self._stations = Stations(site, name, weather or {})
        self._lengths_m = {line.id: line.length_m for line in site.lines}
        self._oldest_s = oldest_s
        self._broker = MqttLink(broker, self._mapper.topics, qos, self)
        self._worker = self._loop = LoopWorker(
            name,
            self._broker.stay,
            self._link.lost,
            first_retry_s=_FIRST_RETRY_S,
            longest_retry_s=_LONGEST_RETRY_S,
            known=KNOWN,
        )
        self._session = _Session()
        self._given: list[tuple[int, int]] = []
        self._recent: deque[bytes] = deque(maxlen=_POLLS_KEPT)
        # What a sensor says differs from one time to the next by its time alone, mostly.
        self._like: dict[tuple[object, ...], Detection] = {}

    # --- for the watch --------------------------------------------------------------------------------------------

    def poll(self, until_ns: int) -> list[Item]:
        """What came before this time, as one batch of detections a line and findings."""
        arrived = self._arrivals.take(until_ns)
        tokens = [each.token for each in arrived if each.token is not None]
        self._given += [(epoch, mid) for epoch, mid, _ in tokens]
        if tokens:
            self._recent.append(b"".join(digest for _, _, digest in tokens))
        return [*items_of(arrived), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """Which messages were taken and may come again."""
        return json.dumps({"taken": [base64.b64encode(each).decode() for each in self._recent]})

    def seek(self, position: str) -> None:
        """Go on after a stop. Raises `InputError` where this is no position of such a source."""
        try:
            taken = json.loads(position)["taken"]
            raw = [base64.b64decode(each, validate=True) for each in taken]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.name}: position: found {position[:80]!r}; allowed: one of its own") from error
        self._recent = deque(raw, maxlen=_POLLS_KEPT)
        self._session.taken_before(
            piece[at : at + _DIGEST_BYTES] for piece in raw for at in range(0, len(piece), _DIGEST_BYTES)
        )

    def committed(self, position: str) -> None:  # noqa: ARG002 - all that was polled is in it
        """What was given is on disk: the broker may forget it."""
        given, self._given = self._given, []
        if given:
            mids = self._session.ending(given)
            self._acknowledge(mids)

    def _acknowledge(self, mids: Sequence[int]) -> None:
        self._loop.call(self._broker.acknowledge, mids, lambda said: self._session.ended(mids, said=said))

    # --- from the link, in its thread -----------------------------------------------------------------------------

    def connected(self, *, session_kept: bool) -> None:
        """The link stands."""
        self._session.connected(kept=session_kept)
        self._worker.well()
        self._link.back()

    def message(self, topic: str, payload: bytes, *, mid: int, qos: int, retained: bool, repeated: bool) -> None:
        """A message: read it, and keep what it says."""
        now_ns = self._clock.now_ns()
        token = None
        if qos:
            digest = blake2b(topic.encode() + b"\0" + payload, digest_size=_DIGEST_BYTES, key=mid.to_bytes(2, "big"))
            epoch, known, done = self._session.arrived(mid, digest.digest(), repeated=repeated)
            if known:
                if done:
                    self._acknowledge((mid,))
                return
            token = (epoch, mid, digest.digest())
        try:
            items = self._read(topic, payload, now_ns, retained=retained)
        except Exception as error:  # noqa: BLE001 - one message must not hold up those behind it for ever
            self._arrivals.failed(error)
            items = []
        if items or token is not None or not retained:
            self._arrivals.put(Arrived(now_ns, tuple(items), token))

    def _read(self, topic: str, payload: bytes, now_ns: int, *, retained: bool) -> list[Item]:
        read = self._mapper.read(topic, payload, retained=retained)
        sensor = next((self._addresses[a].id for a in read.addresses if a in self._addresses), "")
        why_not = [read.wrong] if read.wrong else []
        if not read.matched:
            why_not.append(f"no rule of the map knows the topic {topic[:80]!r}")
        for text in why_not:
            self._arrivals.trouble(sensor, "refused", "note", text)
        if read.duplicate:
            why_not.append("a message that had come before")
            self._arrivals.trouble(sensor, "duplicate", "note", why_not[-1])
        for address in read.addresses:
            if address not in self._addresses and address not in self._stations:
                why_not.append(f"{address} is no sensor of the site")
                self._arrivals.unknown(address)
        items = [item for event in read.events if (item := self._item(event, now_ns)) is not None]
        if self._arrivals.listener is not None:
            why_not += ["kept by the broker: old news"] if retained else []
            why_not += ["nothing happened by it"] if not items and not why_not else []
            self._arrivals.shown(now_ns, topic, payload, items, "; ".join(why_not))
        return items

    def _weather(self, event: Event, now_ns: int) -> Item | None:
        if event.address not in self._stations or not event.weather:
            return None
        time_ns, wrong = event_time_ns(event.stamped_ns, now_ns, self._oldest_s)
        if time_ns < 0:
            self._arrivals.trouble("", "refused", "note", f"weather {wrong}")
            return None
        try:
            return self._stations.told(event, time_ns)
        except InputError as error:
            self._arrivals.trouble("", "refused", "note", f"{event.address[:40]}: {str(error).partition(';')[0]}")
            return None

    def _item(self, event: Event, now_ns: int) -> Item | None:
        if event.rule.gives == "weather":
            return self._weather(event, now_ns)
        sensor = self._addresses.get(event.address)
        if sensor is None:
            return None
        time_ns, wrong = event_time_ns(event.stamped_ns, now_ns, self._oldest_s)
        if wrong:
            self._arrivals.trouble(sensor.id, "clock_skew" if time_ns >= 0 else "refused", "note", wrong)
        if time_ns < 0:
            return None
        rule = event.rule
        if rule.gives == "health":
            return health_of(self._site, sensor.id, time_ns, rule.condition, rule.severity, event.text, ends=rule.ends)
        key = (sensor.id, event.probability, rule.strength_db, event.movers)
        like = self._like.get(key)
        if like is None:
            like = point_detection(
                sensor,
                self._lengths_m[sensor.line],
                time_ns,
                probability=event.probability,
                strength_db=rule.strength_db,
                movers=event.movers,
            )
            if len(self._like) < _MOST_LIKE:
                self._like[key] = like
        return msgspec.structs.replace(like, time_ns=quantise_time_ns(time_ns), sensor_track=event.track)


class _Session:
    """Which messages of a session are held, were acknowledged lately, or were taken before a stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = 0
        self._held: dict[int, bytes] = {}
        self._ending: dict[int, bytes] = {}
        self._ended: OrderedDict[int, bytes] = OrderedDict()
        self._before: set[bytes] = set()

    def taken_before(self, digests: Iterable[bytes]) -> None:
        with self._lock:
            self._before = set(digests)

    def connected(self, *, kept: bool) -> None:
        with self._lock:
            if not kept:  # packet ids begin anew: what is held from before is never acknowledged
                self._epoch += 1
                self._held.clear()
                self._ending.clear()
                self._ended.clear()
                self._before.clear()

    def arrived(self, mid: int, digest: bytes, *, repeated: bool) -> tuple[int, bool, bool]:
        """The epoch; whether this message is known; and whether it may be acknowledged at once."""
        with self._lock:
            if self._held.get(mid) == digest:
                return self._epoch, True, False
            known = self._ending.get(mid) == digest
            if repeated:
                known |= self._ended.get(mid) == digest or digest in self._before
            if known:
                self._before.discard(digest)
                self._ending[mid] = digest
                return self._epoch, True, True
            self._held[mid] = digest
            return self._epoch, False, False

    def ending(self, given: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        """Those of these messages that the present session can still acknowledge."""
        with self._lock:
            mids = tuple(mid for epoch, mid in given if epoch == self._epoch and mid in self._held)
            for mid in mids:
                self._ending[mid] = self._held.pop(mid)
            return mids

    def ended(self, mids: Sequence[int], *, said: bool) -> None:
        """They were acknowledged, or the link was down: then the broker repeats them."""
        if not said:
            return
        with self._lock:
            for mid in mids:
                digest = self._ending.pop(mid, None)
                if digest is not None:
                    self._ended[mid] = digest
                    self._ended.move_to_end(mid)
            while len(self._ended) > MOST_IN_FLIGHT:
                self._ended.popitem(last=False)
