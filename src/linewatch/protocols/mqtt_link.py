"""A link to an MQTT broker that acknowledges when it is told to, and lives through broken connections.

aiomqtt 2.5 acknowledges each message before anybody has kept it. Here a message of quality of service 1 is
acknowledged only when the caller says so, in the order in which messages came (MQTT 5.0, section 4.6).
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from urllib.parse import unquote, urlsplit

import aiomqtt
import msgspec
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from linewatch.errors import InputError

MOST_IN_FLIGHT: Final = 20_000
"""Messages that the broker may send without an acknowledgement (MQTT 5.0, Receive Maximum)."""
KNOWN: Final = (aiomqtt.MqttError, OSError)
"""Errors of the broker's side."""
_CONNECT_S: Final = 10.0
_AT_ONCE: Final = 65_536
"""Bytes that are read from the broker at once: some hundreds of messages."""
_SCHEMES: Final = {"mqtt": 1883, "mqtts": 8883}


class Broker(msgspec.Struct, frozen=True):
    """Where a broker is, and who we are to it."""

    host: str
    """Host name or address."""
    port: int
    """Port."""
    tls: bool
    """Whether the link is encrypted."""
    client_id: str
    """Stays the same, so that the broker keeps for us what came while we were away."""
    username: str = ""
    """Log-in name; empty for none."""
    password: str = ""
    """Password; empty for none."""
    protocol: Literal["5", "3.1.1"] = "5"
    """Version. Under 3.1.1 the broker's own limit of messages in flight holds."""
    ca_file: str = ""
    """Certificates that are trusted (PEM); empty for those of the system."""
    certificate_file: str = ""
    """Our certificate (PEM); empty for none."""
    key_file: str = ""
    """Its key (PEM)."""
    session_s: int = 604_800
    """How long the broker keeps our session while we are away."""
    availability: str = ""
    """Topic that says `online` while we are connected, and `offline`, by last will, when we are not; empty for none."""


class Incoming(Protocol):
    """Who is told what comes. Called in the link's own thread; must be quick."""

    def connected(self, *, session_kept: bool) -> None:
        """The link stands; whether the broker went on with our session."""
        ...

    def message(self, topic: str, payload: bytes, *, mid: int, qos: int, retained: bool, repeated: bool) -> None:
        """A message. With `qos` 1 the broker waits for `acknowledge(mid)`."""
        ...


def read_broker(url: str, key: str = "url") -> tuple[str, int, bool]:
    """Host, port and whether the link is encrypted, of `mqtt://host[:port]` or `mqtts://...`. Raises `InputError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path not in ("", "/"):
        raise InputError(f"site.toml: {key}: found {url!r}; allowed: mqtt://HOST:PORT or mqtts://HOST:PORT")
    return unquote(parts.hostname), port or _SCHEMES[parts.scheme], parts.scheme == "mqtts"


class _Gathering:
    """A socket that is read in large pieces, and gives them away in small ones.

    What is there already counts as pending, which aiomqtt reads before it waits: so one turn of the loop takes all
    that has come, where it would take one message.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._held = b""
        self._at = 0
        self._pending = getattr(sock, "pending", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, size: int) -> bytes:
        """So many bytes at most; raises what the socket raises where none are there."""
        if self._at == len(self._held):
            self._held, self._at = self._sock.recv(_AT_ONCE), 0
        begin, self._at = self._at, min(self._at + size, len(self._held))
        return self._held[begin : self._at]

    def pending(self) -> int:
        """How many bytes are there without asking the system."""
        return len(self._held) - self._at or (self._pending() if self._pending is not None else 0)


class _Client(aiomqtt.Client):
    """aiomqtt's client, with messages handed on at once and acknowledged by hand."""

    def __init__(self, incoming: Incoming, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stands = False
        self._incoming = incoming
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's signature
        # A paho that has no such part goes on to `_on_message`, which says the same.
        self._paho_publish = getattr(self._client, "_handle_publish", None)
        self._client._handle_publish = self._publish  # type: ignore[method-assign]  # noqa: SLF001 - see `_publish`

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        super()._on_connect(client, userdata, flags, reason_code, properties)
        # Messages of a kept session follow this packet at once: whoever gets them must know of it before.
        if not reason_code.is_failure:
            self.stands = True
            self._incoming.connected(session_kept=bool(flags.session_present))

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        client._sock = _Gathering(sock)  # noqa: SLF001 - paho reads each message in three pieces, each by a call of its own

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:  # noqa: ARG002 - paho's signature
        try:
            topic = str(message.topic)
        except UnicodeDecodeError:
            topic = ""
        self._incoming.message(
            topic,
            bytes(message.payload),
            mid=message.mid,
            qos=message.qos,
            retained=bool(message.retain),
            repeated=bool(message.dup),
        )

    def _publish(self) -> Any:
        """Hand a message on straight from its bytes.

        paho makes objects of its properties, which nobody here reads, and words for its log: much of what one costs.
        """
        packet = self._client._in_packet  # noqa: SLF001 - there is no other way to it
        is_v5 = self._client._protocol == aiomqtt.ProtocolVersion.V5.value  # noqa: SLF001 - as above
        read = read_publish(packet["command"], bytes(packet["packet"]), is_v5=is_v5)
        if read is None:
            assert self._paho_publish is not None
            return self._paho_publish()
        topic, mid, payload = read
        command = packet["command"]
        self._incoming.message(
            topic,
            payload,
            mid=mid,
            qos=(command >> 1) & 3,
            retained=bool(command & 1),
            repeated=bool(command & 8),
        )
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, mids: Sequence[int]) -> None:
        for mid in mids:
            self._client.ack(mid, 1)

    async def gone(self) -> str:
        """Wait until the connection is lost; why."""
        await asyncio.wait({self._disconnected})
        error = None if self._disconnected.cancelled() else self._disconnected.exception()
        return str(error) if error is not None else "the broker closed the connection"


def read_publish(command: int, packet: bytes, *, is_v5: bool) -> tuple[str, int, bytes] | None:
    """Topic, packet id (0 at quality of service 0) and payload of a PUBLISH (MQTT 5.0, section 3.3).

    None for what is left to the library: quality of service 2, topics that are empty or no UTF-8, what is cut off.
    """
    qos = (command >> 1) & 3
    at = 2 + int.from_bytes(packet[:2], "big")
    if qos > 1 or at == 2:
        return None
    try:
        topic = packet[2:at].decode()
        mid = 0
        if qos:
            mid = packet[at] << 8 | packet[at + 1]
            at += 2
        if is_v5:
            length, shift = 0, 0
            while shift < 28:
                byte = packet[at]
                length |= (byte & 127) << shift
                at, shift = at + 1, shift + 7
                if byte < 128:
                    break
            at += length
    except (IndexError, UnicodeDecodeError):
        return None
    return None if at > len(packet) else (topic, mid, packet[at:])


class MqttLink:
    """A subscription over one connection after the other; whoever keeps it says when."""

    def __init__(self, broker: Broker, topics: Sequence[str], qos: int, incoming: Incoming) -> None:
        self._broker = broker
        self._topics = tuple(topics)
        self._qos = qos
        self._incoming = incoming
        self._client: _Client | None = None

    def acknowledge(self, mids: Sequence[int], done: Callable[[bool], None]) -> None:
        """Let the broker forget these; called in the loop. `done` is told whether there was a link to say so on."""
        client = self._client
        stands = client is not None and client.stands
        if client is not None and stands:
            client.acknowledge(mids)
        done(stands)

    async def stay(self, stop: asyncio.Event) -> str | None:
        """One connection; why it was lost, or None once told to stop: then the broker keeps the session.

        Raises one of `KNOWN` where there is no connection to be had.
        """
        try:
            return await self._connected(stop)
        finally:
            self._client = None

    async def _connected(self, stop: asyncio.Event) -> str | None:
        broker = self._broker
        client = _Client(self._incoming, broker.host, broker.port, **_options(broker))
        self._client = client  # known before it stands: what a kept session holds comes before the next line but one
        async with client:
            for topic in self._topics:
                await client.subscribe(topic, qos=self._qos)
            if broker.availability:
                await client.publish(broker.availability, "online", qos=1, retain=True)
            gone, told = asyncio.create_task(client.gone()), asyncio.create_task(stop.wait())
            await asyncio.wait({gone, told}, return_when=asyncio.FIRST_COMPLETED)
            self._client = None
            told.cancel()
            if gone.done():
                return gone.result()
            gone.cancel()
            if broker.availability:
                await client.publish(broker.availability, "offline", qos=1, retain=True)
        return None


def _options(broker: Broker) -> dict[str, Any]:
    options: dict[str, Any] = {
        "identifier": broker.client_id,
        "username": broker.username or None,
        "password": broker.password or None,
        "keepalive": 20,
        "timeout": _CONNECT_S,
        "tls_context": _tls(broker) if broker.tls else None,
    }
    if broker.availability:
        options["will"] = aiomqtt.Will(broker.availability, "offline", qos=1, retain=True)
    if broker.protocol == "3.1.1":
        return {**options, "protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types there
    properties.ReceiveMaximum = MOST_IN_FLIGHT
    properties.SessionExpiryInterval = broker.session_s
    return {**options, "protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}


def _tls(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca_file or None)
    if broker.certificate_file:
        context.load_cert_chain(Path(broker.certificate_file), Path(broker.key_file) if broker.key_file else None)
    return context
