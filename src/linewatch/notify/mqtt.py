"""Incidents and the state of each section on an MQTT broker, found by Home Assistant by itself.

Topics under `prefix` (default `linewatch/` and the site's name): `event` each change, not retained; `incident/ID` each
open incident, retained, emptied when it is over; `section/LINE/SECTION` what stands there, retained; `available`
whether we are alive. Discovery: docs of Home Assistant, MQTT integration, `<discovery_prefix>/<component>/<id>/config`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.telling import is_over, told_json
from linewatch.notify.words import title
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.protocols.mqtt_publish import Broker, Publisher, broker_at
from linewatch.records import Incident, Outage, interrupts
from linewatch.site.model import Section, Site

_REFRESH_S: Final = 1.0
_NO_SLUG: Final = re.compile(r"[^a-z0-9_-]+")


class MqttSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "mqtt"`, beside those of all notifiers."""

    url: str
    """`mqtt://HOST[:PORT]`, or `mqtts://` over TLS."""
    username: str = ""
    """Log-in name at the broker."""
    password: str = ""
    """Password, as a reference."""
    authority: str = ""
    """File of certificate authorities (PEM); empty for those of the system."""
    prefix: str = ""
    """Where our topics begin; empty takes `linewatch/` and the site's name."""
    home_assistant: str = "homeassistant"
    """Prefix under which Home Assistant looks for devices; empty announces none."""


def slug(text: str) -> str:
    """A name as it may stand in a topic and in an id."""
    return _NO_SLUG.sub("_", text.lower()).strip("_") or "x"


class Mqtt:
    """Satisfies `notify_ports.Notifier`."""

    refresh_s: Final = _REFRESH_S

    def __init__(self, site: Site, settings: MqttSettings, broker: Broker) -> None:
        self.name = settings.name
        self.from_start = settings.from_start
        self._site = site
        self._settings = settings
        self._broker = broker
        self._prefix = settings.prefix.strip("/") or f"linewatch/{slug(site.name)}"
        self._publisher: Publisher | None = None
        self._said: dict[str, bytes] = {}

    def cares(self, record: Told) -> bool:
        """Whether it wants to be told of this."""
        return chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """Each change as an event, and as the state of its incident; a receipt once the broker has both."""
        publisher = await self._connected()
        for each in news:
            body = told_json(self._site, each)
            if isinstance(each.record, Incident):
                over = is_over(each.record) or each.record.merged_into is not None
                topic = f"{self._prefix}/incident/{each.record.id}"
                await publisher.publish(topic, b"" if over else body, retain=True)
            await publisher.publish(f"{self._prefix}/event", body)
            receipts.delivered(each.seq)

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:  # noqa: ARG002 - nothing to sign for
        """What stands in each section, where it has changed."""
        publisher = await self._connected()
        for section in self._sections():
            topic = self._topic(section)
            state = msgspec.json.encode(self._state(section, situation))
            if self._said.get(topic) != state:
                await publisher.publish(topic, state, retain=True)
                self._said[topic] = state

    async def close(self) -> None:
        """Say that we go, and go."""
        self._said.clear()
        if self._publisher is not None:
            publisher, self._publisher = self._publisher, None
            await publisher.close()

    async def _connected(self) -> Publisher:
        if self._publisher is None:
            client = f"linewatch-{slug(self._site.name)}-{slug(self.name)}"
            self._publisher = await Publisher(self._broker, client, f"{self._prefix}/available").open()
            for topic, config in self._discovery():
                await self._publisher.publish(topic, msgspec.json.encode(config), retain=True)
        return self._publisher

    def _sections(self) -> list[Section]:
        wanted = set(self._settings.sections)
        found = [section for line in self._site.lines for section in line.sections]
        return [s for s in found if not wanted or wanted.intersection((s.name, f"{s.line}/{s.name}"))]

    def _topic(self, section: Section) -> str:
        return f"{self._prefix}/section/{slug(section.line)}/{slug(section.name)}"

    def _state(self, section: Section, situation: Situation) -> dict[str, Any]:
        here = [
            incident
            for incident in situation.incidents
            if (incident.line, incident.section) == (section.line, section.name)
            and self.cares(incident)
            and incident.merged_into is None
        ]
        asking = sorted(
            (incident for incident in here if interrupts(incident)), key=lambda i: (i.priority, i.raised_ns)
        )
        dark = [outage for outage in situation.outages if _touches(outage, section)]
        return {
            "incident": "ON" if asking else "OFF",
            "open": len(here),
            "priority": asking[0].priority if asking else None,
            "kind": asking[0].kind if asking else None,
            "text": title(self._site, asking[0]) if asking else "",
            "unwatched": "ON" if any(outage.remaining_fraction < 0.5 for outage in dark) else "OFF",
            "unwatched_m": round(_metres(dark, section), 1),
        }

    def _discovery(self) -> list[tuple[str, dict[str, Any]]]:
        base = self._settings.home_assistant.strip("/")
        found: list[tuple[str, dict[str, Any]]] = []
        site = slug(self._site.name)
        device = {"identifiers": [f"linewatch_{site}"], "name": f"Linewatch {self._site.name}", "model": "Linewatch"}
        for section in self._sections() if base else []:
            for what, name, kind in (("incident", "incident", "motion"), ("unwatched", "not watched", "problem")):
                unique = f"linewatch_{site}_{slug(section.line)}_{slug(section.name)}_{what}"
                config = {
                    "name": f"{section.name} {name}",
                    "unique_id": unique,
                    "device_class": kind,
                    "state_topic": self._topic(section),
                    "value_template": f"{{{{ value_json.{what} }}}}",
                    "json_attributes_topic": self._topic(section),
                    "availability_topic": f"{self._prefix}/available",
                    "device": device,
                    "origin": {"name": "Linewatch"},
                }
                found.append((f"{base}/binary_sensor/{unique}/config", config))
        return found


def _touches(outage: Outage, section: Section) -> bool:
    return outage.line == section.line and outage.from_m < section.to_m and section.from_m < outage.to_m


def _metres(outages: Sequence[Outage], section: Section) -> float:
    """Metres of the section within the stretches of these outages, each once."""
    total, reached = 0.0, section.from_m
    for low, high in sorted((max(o.from_m, section.from_m), min(o.to_m, section.to_m)) for o in outages):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total


card: Final = Card(
    title="MQTT: each change, open incidents and the state of each section; Home Assistant finds it by itself",
    level="incident, outage",
    licence="Apache-2.0 (paho-mqtt: EPL-2.0 or BSD-3-Clause)",
    docs="docs/notify-mqtt.md",
    limits=("MQTT 3.1.1, QoS 1: a change may arrive twice after a break; `seq` tells.",),
)
settings_type: Final = MqttSettings


def build(site: Site, settings: MqttSettings, folder: Path) -> Mqtt:
    """The notifier. Raises `SiteError` on an address or a prefix that will not do."""
    problems = []
    broker = None
    authority = str(folder / settings.authority) if settings.authority else ""
    try:
        broker = broker_at(settings.url, username=settings.username, password=settings.password, authority=authority)
    except InputError as error:
        found, _, allowed = str(error).partition("; allowed: ")
        problems.append(Problem("site.toml", "notify 'mqtt'", found, allowed))
    if authority and not Path(authority).is_file():
        problems.append(Problem("site.toml", "notify 'mqtt' authority", authority, "a PEM file that is there"))
    for key in ("prefix", "home_assistant"):
        value = getattr(settings, key)
        if any(sign in value for sign in "+#\x00") or len(value) > 200:
            allowed = "a topic without + and #, of at most 200 characters"
            problems.append(Problem("site.toml", f"notify 'mqtt' {key}", repr(value[:60]), allowed))
    if problems or broker is None:
        raise SiteError(problems)
    return Mqtt(site, settings, broker)
