"""Listens to a broker with all maps at once, and tells which devices are there that a site could use."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.clock import monotonic_s
from linewatch.errors import InputError
from linewatch.protocols.mqtt_link import KNOWN, Broker, MqttLink, read_broker
from linewatch.records.vocabulary import SensorKind
from linewatch.sources.mqtt.mapping import Mapper, load_map, map_names
from linewatch.sources.worker import LoopWorker

_CONNECT_S: Final = 10.0
_KINDS: Final[dict[str, SensorKind]] = {"frigate": "camera", "onvif": "camera"}
_BY_KEY: Final[dict[str, SensorKind]] = {
    "occupancy": "pir",
    "presence": "pir",
    "contact": "contact",
    "vibration": "geophone",
}
"""What a Zigbee device is, by the keys that it publishes."""


class Device(msgspec.Struct, frozen=True):
    """A device that was heard, or that its bridge knows."""

    map: str
    """Map by which it is understood."""
    address: str
    """Its address in that map."""
    kind: SensorKind
    """What it most likely is."""
    messages: int
    """How often it was heard."""


class Scout:
    """Satisfies `mqtt_link.Incoming`."""

    def __init__(self) -> None:
        self.up = threading.Event()
        self.reason = ""
        self.messages = 0
        self.found: dict[tuple[str, str], Device] = {}
        self._mappers = {name: Mapper(load_map(name, Path())) for name in map_names()}

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics of all maps, each once."""
        return tuple(dict.fromkeys(topic for mapper in self._mappers.values() for topic in mapper.topics))

    def connected(self, *, session_kept: bool) -> None:  # noqa: ARG002 - a scout has no session
        """The link stands."""
        self.up.set()

    def lost(self, reason: str) -> None:
        """There is no link."""
        self.reason = reason

    def message(self, topic: str, payload: bytes, *, mid: int, qos: int, retained: bool, repeated: bool) -> None:  # noqa: ARG002 - of no interest here
        """A message: see whose it is."""
        self.messages += 1
        if topic.endswith("/bridge/devices"):
            self._bridge(payload)
            return
        for name, mapper in self._mappers.items():
            read = mapper.read(topic, payload, retained=retained)
            for address in read.addresses:
                kind = _KINDS.get(name, "pir")
                if name == "zigbee2mqtt":
                    of_keys = _zigbee_kind(payload)
                    if of_keys is None:
                        continue
                    kind = of_keys
                self._note(name, address, kind, heard=1)

    def _bridge(self, payload: bytes) -> None:
        """Zigbee2MQTT's own list of devices, which it keeps for newcomers."""
        try:
            devices = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for device in devices if isinstance(devices, list) else ():
            if not isinstance(device, dict) or not isinstance(device.get("friendly_name"), str):
                continue
            kind = _kind_of(_exposed(device.get("definition")))
            if kind is not None:
                self._note("zigbee2mqtt", device["friendly_name"], kind, heard=0)

    def _note(self, name: str, address: str, kind: SensorKind, *, heard: int) -> None:
        before = self.found.get((name, address))
        messages = heard + (0 if before is None else before.messages)
        self.found[name, address] = Device(name, address, kind if before is None else before.kind, messages)


def scout(url: str, seconds: float, *, username: str = "", password: str = "") -> tuple[tuple[Device, ...], int]:
    """What is heard at a broker within some seconds: devices, and the number of all messages.

    Raises `InputError` where there is no such broker, or it does not let us in.
    """
    host, port, tls = read_broker(url, "--mqtt")
    name = f"linewatch-scout-{round(monotonic_s() * 1e6)}"
    broker = Broker(host, port, tls, name, username=username, password=password, session_s=0)
    listener = Scout()
    link = LoopWorker(name, MqttLink(broker, listener.topics, 0, listener).stay, listener.lost, known=KNOWN)
    link.start()
    try:
        if not listener.up.wait(_CONNECT_S):
            raise InputError(f"--mqtt: found no broker at {host}:{port} ({listener.reason or 'no answer'})")
        threading.Event().wait(seconds)
    finally:
        link.close()
    return tuple(listener.found[key] for key in sorted(listener.found)), listener.messages


def _zigbee_kind(payload: bytes) -> SensorKind | None:
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _kind_of(value) if isinstance(value, dict) else None


def _kind_of(keys: Mapping[str, Any]) -> SensorKind | None:
    return next((kind for key, kind in _BY_KEY.items() if key in keys), None)


def _exposed(definition: Any) -> dict[str, Any]:
    """The keys that a device publishes, by its definition."""
    exposes = definition.get("exposes") if isinstance(definition, dict) else None
    found: dict[str, Any] = {}
    for each in exposes if isinstance(exposes, list) else ():
        if isinstance(each, dict) and isinstance(each.get("property"), str):
            found[each["property"]] = True
    return found
