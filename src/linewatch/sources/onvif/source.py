"""Events of one camera by an ONVIF pull point: a thread that subscribes, pulls, renews and begins anew."""

import threading
from contextlib import suppress
from typing import Any, Final

import httpx
import msgspec
from onveef import OnvifClient, OnvifError

from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError
from linewatch.ports import Item, Look, SourceStatus
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrived, event_time_ns, health_of, point_detection
from linewatch.sources.link_state import LinkWords
from linewatch.sources.onvif._meaning import Motion, Reader, Tamper
from linewatch.sources.onvif._presets import go_to, presets_of
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker, said

HEARTBEAT_S: Final = 15.0
_PULL: Final = "PT1S"
AGAIN_S: Final = 1.0
"""A motion that lasts is told so often."""
_TIMEOUT_S: Final = 10.0
_STEER_TIMEOUT_S: Final = 2.5
"""For one question on the way to a preset; who waits for it is answered within 8 s."""
_TERMINATION: Final = "PT60S"
_CAMERAS_FAULT: Final = (OnvifError, httpx.HTTPError, OSError)


class Device(msgspec.Struct, frozen=True):
    """Where the camera is."""

    address: str
    """`http://HOST[:PORT]/onvif/device_service`, or `https://`."""
    username: str = ""
    """Log-in name."""
    password: str = ""
    """Password; sent as a digest."""


class OnvifSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        sensor: Sensor,
        device: Device,
        *,
        oldest_s: float = 60.0,
        pull: str = _PULL,
        first_retry_s: float = FIRST_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords(back="the camera answers again")
        super().__init__(site, name, (sensor.id,), words, lateness_s=0.25, clock=clock)
        self._sensor = sensor
        self._device = device
        self._oldest_s = oldest_s
        self._pull = pull
        self._length_m = site.line(sensor.line).length_m
        self._presets: tuple[str, ...] = ()
        self._steering = threading.Lock()
        self._beat_s = -HEARTBEAT_S
        self._told_s = 0.0
        # Who waits for the camera's answer is not waited for: the subscription ends by itself.
        self._worker = Worker(
            name, self._subscribe, self._link.lost, first_retry_s=first_retry_s, close_s=1.0, known=_CAMERAS_FAULT
        )

    def status(self) -> SourceStatus:
        """How it is doing."""
        return msgspec.structs.replace(
            super().status(), presets={self._sensor.id: self._presets} if self._presets else {}
        )

    def steer(self, look: Look) -> str:
        """Send the camera to a preset, one order after the other; the list is read from the camera each time.

        Raises `InputError` for a preset that the camera does not have, where it refuses, and where it does not answer.
        """
        if not look.preset:
            raise InputError(f"{self.name}: found a place; allowed: a preset, as a camera does not know the line")
        with self._steering:
            try:
                with self._client(_STEER_TIMEOUT_S) as client:
                    presets = presets_of(client)
                    self._presets = tuple(preset.name for preset in presets)
                    return f"{self.name}: {go_to(client, presets, look.preset)}"
            except _CAMERAS_FAULT as error:
                allowed = "a camera that answers and can be turned"
                raise InputError(f"{self.name}: {look.preset!r}: found {said(error)}; allowed: {allowed}") from None

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _subscribe(self) -> None:
        """One subscription, for as long as the camera keeps to it."""
        with self._client(_TIMEOUT_S) as client:
            with suppress(*_CAMERAS_FAULT):  # a camera that cannot be turned still sees
                self._presets = tuple(preset.name for preset in presets_of(client))
            reader = Reader()
            with client.pull_point(termination_time=_TERMINATION, timeout=self._pull) as subscription:
                while not self._worker.stopping.is_set():
                    messages = subscription.pull()
                    self._heard()
                    for message in messages:
                        self.take(message, reader)
                    self._again(reader)

    def _client(self, timeout_s: float) -> OnvifClient:
        device = self._device
        client = OnvifClient(device.address, username=device.username, password=device.password)
        # onveef 0.6 makes a timeout out of a timeout where it pulls, which httpx refuses; out of a number it may.
        vars(client)["_timeout"] = timeout_s
        return client

    def take(self, message: dict[str, Any], reader: Reader) -> None:
        """Take one message."""
        now_ns = self._clock.now_ns()
        meaning, stamped_ns, why_not = reader.read(message, monotonic_s())
        if isinstance(meaning, Motion):
            self._told_s = monotonic_s()
        items: tuple[Item, ...] = ()
        if meaning is not None:
            items, why_not = self._items(meaning, stamped_ns, now_ns)
        self._arrivals.put(Arrived(now_ns, items))
        topic = str(message.get("topic"))[:100]
        self._arrivals.shown(now_ns, topic, msgspec.json.encode(message.get("data")), items, why_not)

    def _again(self, reader: Reader) -> None:
        """What still moves, by the camera's own word."""
        if monotonic_s() - self._told_s < AGAIN_S:
            return
        self._told_s = monotonic_s()
        for motion in reader.lasting(self._told_s):
            now_ns = self._clock.now_ns()
            self._arrivals.put(Arrived(now_ns, self._items(motion, now_ns, now_ns)[0]))

    def _items(self, meaning: Motion | Tamper, stamped_ns: int | None, now_ns: int) -> tuple[tuple[Item, ...], str]:
        time_ns, wrong = event_time_ns(stamped_ns, now_ns, self._oldest_s)
        if wrong:
            self._arrivals.trouble(self._sensor.id, "clock_skew", "note", f"an event {wrong}")
        if time_ns < 0:
            return (), wrong
        if isinstance(meaning, Tamper):
            if meaning.begins:
                text = f"{self.name}: {meaning.text}"
                return (health_of(self._site, self._sensor.id, time_ns, "tamper", "failed", text),), ""
            text = f"{self.name}: {meaning.text} is over"
            return (health_of(self._site, self._sensor.id, time_ns, "recovered", "ok", text, ends="tamper"),), ""
        probability, movers = meaning.probability, meaning.movers
        return (point_detection(self._sensor, self._length_m, time_ns, probability=probability, movers=movers),), ""

    # --- what is told ---------------------------------------------------------------------------------------------

    def _heard(self) -> None:
        """An answer, even an empty one, is a sign of life of a camera that is expected to give some."""
        self._worker.well()
        self._link.back()
        if monotonic_s() - self._beat_s >= HEARTBEAT_S:
            self._beat_s = monotonic_s()
            now_ns = self._clock.now_ns()
            beat = health_of(self._site, self._sensor.id, now_ns, "heartbeat", "ok", "the camera answers")
            self._arrivals.put(Arrived(now_ns, (beat,)))
