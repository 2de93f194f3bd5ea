"""A connection to an MQTT broker that publishes: every message is on the broker when `publish` returns.

A topic says whether we are there: `online` while the connection stands, `offline` by our last word or, where we die
without one, by the will that the broker keeps.
"""

import contextlib
import ssl
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiomqtt
import msgspec

from linewatch.errors import DeliveryError, InputError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
ONLINE: Final = "online"
OFFLINE: Final = "offline"


class Broker(msgspec.Struct, frozen=True):
    """Where a broker is and how it is spoken to."""

    host: str
    """Name or address."""
    port: int
    """TCP port."""
    tls: bool
    """Whether the connection is encrypted."""
    username: str = ""
    """Empty for none."""
    password: str = ""
    """Empty for none."""
    authority: str = ""
    """File of certificate authorities; empty for those of the system."""


def broker_at(url: str, *, username: str = "", password: str = "", authority: str = "") -> Broker:
    """The broker at `mqtt://HOST[:PORT]` or `mqtts://...`. Raises `InputError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise InputError(
            f"url: found {url.rsplit('@', maxsplit=1)[-1][:80]!r}; allowed: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
        )
    user = username or parts.username or ""
    return Broker(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts", user, password, authority)


class Publisher:
    """An open connection. Use it as an asynchronous context manager, or `open` and `close` it."""

    def __init__(self, broker: Broker, client_id: str, available_topic: str, *, timeout_s: float = 10.0) -> None:
        context = ssl.create_default_context(cafile=broker.authority or None) if broker.tls else None
        self._available_topic = available_topic
        self._where = f"mqtt broker {broker.host}:{broker.port}"
        self._client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username or None,
            password=broker.password or None,
            identifier=client_id,
            clean_session=True,
            will=aiomqtt.Will(available_topic, OFFLINE, qos=1, retain=True),
            timeout=timeout_s,
            keepalive=15,
            tls_context=context,
        )

    async def open(self) -> Self:
        """Connect and say that we are there. Raises `DeliveryError`."""
        try:
            await self._client.__aenter__()
        except (aiomqtt.MqttError, OSError) as error:
            raise DeliveryError(f"{self._where}: {error}") from error
        await self.publish(self._available_topic, ONLINE, retain=True)
        return self

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait until the broker has it. Raises `DeliveryError`."""
        try:
            await self._client.publish(topic, payload, qos=1, retain=retain)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise DeliveryError(f"{self._where}: {error}") from error

    async def close(self) -> None:
        """Say that we go, and go."""
        with contextlib.suppress(DeliveryError):
            await self.publish(self._available_topic, OFFLINE, retain=True)
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            await self._client.__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
