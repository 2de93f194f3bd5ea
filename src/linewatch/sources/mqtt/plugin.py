"""The entry point `mqtt`: messages of a broker as a source of a site."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from linewatch.clock import monotonic_s
from linewatch.errors import InputError
from linewatch.plugins import Card
from linewatch.protocols.mqtt_link import Broker, read_broker
from linewatch.site.model import Site
from linewatch.sources.mqtt.mapping import load_map
from linewatch.sources.mqtt.source import MqttSource
from linewatch.sources.mqtt.stations import Stretch


class MqttSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "mqtt"`."""

    url: str
    """`mqtt://HOST:PORT`, or `mqtts://` with TLS."""
    map: str
    """A shipped map, or a file of the site ending in `.toml`."""
    name: str = ""
    """Names the source; without it the map does."""
    sensors: Mapping[str, str] = {}
    """Address of a device -> sensor. Without any, a device is the sensor of its own name."""
    weather: Mapping[str, Stretch] = {}
    """Address of a weather station -> stretch that it speaks of."""
    base: str = ""
    """First part of the topics, where it is not that of the map."""
    username: str = ""
    """Log-in name."""
    password: str = ""
    """Password, as a reference."""
    client_id: str = ""
    """Our name to the broker; without it made of those of site and source. Two watches never share one."""
    protocol: Literal["5", "3.1.1"] = "5"
    """MQTT version."""
    qos: int | None = None
    """Quality of service, where it is not that of the map."""
    lateness_s: float = 0.25
    """How long messages wait for order, 0 to 0.5."""
    oldest_s: float = 3600.0
    """Events stamped longer before their arrival than this are refused."""
    availability: str | None = None
    """Topic of our own state, by last will; without it `linewatch/NAME/available`; empty for none."""
    ca_file: str = ""
    """Certificates that are trusted (PEM)."""
    certificate_file: str = ""
    """Our certificate (PEM)."""
    key_file: str = ""
    """File of its key (PEM), as a reference to a file name."""

    def __post_init__(self) -> None:
        if self.qos not in (None, 0, 1):
            raise ValueError(f"qos: found {self.qos}; allowed: 0 or 1")
        if not 0.0 <= self.lateness_s <= 0.5:
            raise ValueError(f"lateness_s: found {self.lateness_s}; allowed: 0 to 0.5")
        if not self.oldest_s > 0.0:
            raise ValueError(f"oldest_s: found {self.oldest_s}; allowed: above 0")


card: Final = Card(
    title="MQTT: Zigbee2MQTT, Frigate, ChirpStack, The Things Stack, Meshtastic, Axis, ONVIF, or a map of your own",
    level="detection, health, weather",
    licence="Apache-2.0 (aiomqtt: BSD-3-Clause)",
    docs="docs/source-mqtt.md",
    limits=(
        "A device that stamps nothing is dated by when its message came: what a broker kept for an hour counts as now.",
        "Under MQTT 3.1.1 the broker's own limit of messages in flight holds (mosquitto: 20 unless configured).",
        "Names that a camera system gives to people and number plates are not read.",
    ),
)
settings_type: Final = MqttSettings


def listening(site: Site, settings: MqttSettings, folder: Path) -> MqttSource:
    """A source that only listens, beside a watch: under another name, leaving nothing behind at the broker."""
    name = f"linewatch-listen-{round(monotonic_s() * 1e6)}"
    return build(site, msgspec.structs.replace(settings, client_id=name, qos=0, availability=""), folder, session_s=0)


def build(site: Site, settings: MqttSettings, folder: Path, *, session_s: int = 604_800) -> MqttSource:
    """The source, not yet connected. Raises `InputError`."""
    host, port, tls = read_broker(settings.url)
    chosen = load_map(settings.map, folder, settings.base)
    strange = sorted(sensor for sensor in settings.sensors.values() if not site.has_sensor(sensor))
    if strange:
        raise InputError(f"site.toml: source mqtt sensors: found {strange[0]!r}; allowed: sensors of the site")
    name = settings.name or f"mqtt:{Path(settings.map).stem}"
    availability = f"linewatch/{_plain(name)}/available" if settings.availability is None else settings.availability
    broker = Broker(
        host=host,
        port=port,
        tls=tls,
        client_id=settings.client_id or f"linewatch-{_plain(site.name)}-{_plain(name)}"[:60],
        username=settings.username,
        password=settings.password,
        protocol=settings.protocol,
        ca_file=str(folder / settings.ca_file) if settings.ca_file else "",
        certificate_file=str(folder / settings.certificate_file) if settings.certificate_file else "",
        key_file=str(folder / settings.key_file) if settings.key_file else "",
        availability=availability,
        session_s=session_s,
    )
    return MqttSource(
        site,
        name,
        broker,
        chosen,
        settings.sensors or {sensor.id: sensor.id for sensor in site.sensors if sensor.id not in settings.weather},
        qos=chosen.qos if settings.qos is None else settings.qos,
        lateness_s=settings.lateness_s,
        oldest_s=settings.oldest_s,
        speaks_for=tuple(sorted(set(settings.sensors.values()))),
        weather=settings.weather,
    )


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "site"
