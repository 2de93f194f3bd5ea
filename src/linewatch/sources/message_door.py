"""A door for messages: datagrams, streams of devices that connect, or a link to a server; in a thread of its own.

A stream is cut into messages by its owner's rule. What has no end, is silent for too long, or comes by too many links
is closed and told. A server that is not there, and a door that fell, is tried again, later and later.
"""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from linewatch.clock import Clock
from linewatch.protocols.farewell import end_stream
from linewatch.records.health import Condition
from linewatch.sources.datagram_door import datagram_socket
from linewatch.sources.link_state import LinkState
from linewatch.sources.worker import LoopWorker, until

MOST_LINKS: Final = 500
"""Devices at once; more are closed at once and counted."""
QUIET_S: Final = 300.0
"""A device's link over which nothing comes for so long is closed."""
GREET_S: Final = 30.0
"""A server is greeted so often, and given up after three times that without a word."""
_READ_BYTES: Final = 65_536


class Address(msgspec.Struct, frozen=True):
    """Where messages come from."""

    scheme: str
    """`udp`, `tcp` or `tls`."""
    host: str
    """Address that is listened on, or host of a server."""
    port: int
    """Its port."""
    is_server: bool
    """Whether there is a server to connect to; else devices come to us."""


class Cut(Protocol):
    """Cuts a stream into messages."""

    thrown_away: int
    """How often too much came without an end."""

    def feed(self, data: bytes) -> list[bytes]:
        """The whole messages that are there now."""
        ...


class Owner(Protocol):
    """Whose door it is. Everything is called in the door's thread."""

    name: str
    """Names it."""

    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bytes | None:
        """Take a message that came from there, with this certificate (its SHA-256); what to answer, where anything."""
        ...

    def trouble(self, condition: Condition, text: str) -> None:
        """Something is not as it should be."""
        ...

    def failed(self, error: Exception) -> None:
        """A message that our own code broke on."""
        ...

    def greeting(self, now_ns: int) -> bytes:
        """What a server is greeted with; empty for nothing."""
        ...


class MessageDoor:
    """Open from `start` to `close`."""

    def __init__(
        self,
        owner: Owner,
        address: Address,
        cut: Callable[[], Cut],
        tls: ssl.SSLContext | None,
        link: LinkState,
        clock: Clock,
    ) -> None:
        """`link` is told whether the door, or the link to the server, stands."""
        self.links = 0
        """Links that stand."""
        self.reason = "nothing has come yet"
        """Why nobody is heard through a door that stands."""
        self.bound = (address.host, address.port)
        """Where it listens."""
        self._owner = owner
        self._address = address
        self._cut = cut
        self._tls = tls
        self._link = link
        self._clock = clock
        self.worker = LoopWorker(owner.name, self._follow if address.is_server else self._serve, link.lost)
        """Its thread."""

    def start(self) -> None:
        """Listen, or begin to connect. Raises `InputError` where the address cannot be taken."""
        if self._address.is_server:
            self.worker.start()
        else:
            self.worker.start_open()

    def datagram(self, raw: bytes, sender: tuple[str, int]) -> None:
        """One message in a datagram: nobody is answered."""
        self._take(raw, self._clock.now_ns(), f"{sender[0]}:{sender[1]}", "")

    def _take(self, raw: bytes, received_ns: int, where: str, certificate: str) -> bytes | None:
        self.worker.well()
        try:
            return self._owner.take(raw, received_ns, where, certificate)
        except Exception as error:  # noqa: BLE001 - what one device sends must not deafen the door to others
            self._owner.failed(error)
            return None

    # --- the thread -----------------------------------------------------------------------------------------------

    async def _serve(self, stop: asyncio.Event) -> str | None:
        """One door, from its opening to its end."""
        closing: asyncio.BaseTransport | asyncio.Server
        host, port = self.bound  # where port 0 was asked for, a door that fell stands again where it stood
        if self._address.scheme == "udp":
            sock = datagram_socket(host, port)
            loop = asyncio.get_running_loop()
            closing, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=sock)
            self.bound = sock.getsockname()[:2]
        else:
            closing = await asyncio.start_server(self._attend, host, port, ssl=self._tls)
            self.bound = closing.sockets[0].getsockname()[:2]
        self._link.back()
        self.worker.opened()
        try:
            return await until(stop)
        finally:
            closing.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The link of one device, from its first byte to its last."""
        if self.links >= MOST_LINKS:
            self._owner.trouble("dropped", f"more than {MOST_LINKS} devices at once")
            await end_stream(writer)
            return
        self.links += 1
        try:
            await self._converse(reader, writer, QUIET_S, fingerprint_of(writer))
        except (OSError, TimeoutError):
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self._owner.failed(error)
        finally:
            self.links -= 1
            if not self.links:
                self.reason = "no device is connected"
            await end_stream(writer)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, quiet_s: float, certificate: str
    ) -> None:
        """Take what comes until the other side ends it, says too much without an end, or nothing for too long."""
        cut = self._cut()
        # Who has gone again already has no address any more.
        where = "{}:{}".format(*(writer.get_extra_info("peername") or ("nowhere", 0))[:2])
        while True:
            async with asyncio.timeout(quiet_s):
                data = await reader.read(_READ_BYTES)
            if not data:
                return
            received_ns = self._clock.now_ns()
            for raw in cut.feed(data):
                answer = self._take(raw, received_ns, where, certificate)
                if answer:
                    writer.write(answer)
            if cut.thrown_away:
                self._owner.trouble("refused", "a message without an end: the link is closed")
                return
            async with asyncio.timeout(quiet_s):
                await writer.drain()

    # --- a server -------------------------------------------------------------------------------------------------

    async def _follow(self, stop: asyncio.Event) -> str | None:
        """One link to a server, from its beginning to its end."""
        try:
            return await until(stop, self._listen_to_server())
        except TimeoutError:
            return f"the server gave no sign of life for {3 * GREET_S:g} s, or did not answer"
        finally:
            self.links = 0

    async def _listen_to_server(self) -> str:
        async with asyncio.timeout(10.0):
            reader, writer = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.links = 1
        self._link.back()
        greeting = asyncio.create_task(self._greet(writer))
        try:
            await self._converse(reader, writer, 3 * GREET_S, "")
        finally:
            greeting.cancel()
            await end_stream(writer)
        return "the server has closed the connection"

    async def _greet(self, writer: asyncio.StreamWriter) -> None:
        while greeting := self._owner.greeting(self._clock.now_ns()):
            writer.write(greeting)
            await asyncio.sleep(GREET_S)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, door: MessageDoor) -> None:
        self._door = door

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._door.datagram(data, addr)


def fingerprint_of(writer: asyncio.StreamWriter) -> str:
    """SHA-256 of the certificate at the other end, in hex; empty for none."""
    link = writer.get_extra_info("ssl_object")
    raw = None if link is None else link.getpeercert(binary_form=True)
    return hashlib.sha256(raw).hexdigest() if raw else ""
