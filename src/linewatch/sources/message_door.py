"""A door for messages: datagrams, streams of devices that connect, or a link to a server; in a thread of its own.

A stream is cut into messages by its owner's rule. What has no end, is silent for too long, or comes by too many links
is closed and told. A server that is not there is tried again, later and later.
"""

import asyncio
import contextlib
import hashlib
import random
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.protocols.farewell import end_stream
from linewatch.records.health import Condition
from linewatch.sources.datagram_door import datagram_socket

MOST_LINKS: Final = 500
"""Devices at once; more are closed at once and counted."""
QUIET_S: Final = 300.0
"""A device's link over which nothing comes for so long is closed."""
GREET_S: Final = 30.0
"""A server is greeted so often, and given up after three times that without a word."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
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

    def link(self, now_ns: int, text: str, *, lost: bool) -> None:
        """The link to a server is lost, or stands again."""
        ...

    def greeting(self, now_ns: int) -> bytes:
        """What a server is greeted with; empty for nothing."""
        ...


class MessageDoor:
    """Open from `start` to `close`."""

    def __init__(
        self, owner: Owner, address: Address, cut: Callable[[], Cut], tls: ssl.SSLContext | None, clock: Clock
    ) -> None:
        self.links = 0
        """Links that stand."""
        self.reason = "not connected yet" if address.is_server else "nothing has come yet"
        """Why there is none."""
        self.bound = (address.host, address.port)
        """Where it listens."""
        self._owner = owner
        self._address = address
        self._cut = cut
        self._tls = tls
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failed = ""
        self._heard = 0
        self._thread = threading.Thread(target=self._run, name=owner.name, daemon=True)

    def start(self) -> None:
        """Listen, or begin to connect. Raises `InputError` where the address cannot be taken."""
        self._thread.start()
        self._started.wait(10.0)
        if self._failed:
            raise InputError(f"{self._owner.name}: listen: {self._failed}; allowed: an address that is free here")

    def close(self) -> None:
        """Close all links."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            self._thread.join(10.0)

    def datagram(self, raw: bytes, sender: tuple[str, int]) -> None:
        """One message in a datagram: nobody is answered."""
        self._owner.take(raw, self._clock.now_ns(), f"{sender[0]}:{sender[1]}")

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failed = str(error)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        closing: asyncio.BaseTransport | asyncio.Server | None = None
        following: asyncio.Task[None] | None = None  # kept, so that it is not collected while it runs
        host, port = self._address.host, self._address.port
        if self._address.scheme == "udp":
            sock = datagram_socket(host, port)
            closing, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=sock)
            self.bound = sock.getsockname()[:2]
        elif self._address.is_server:
            following = asyncio.create_task(self._follow())
        else:
            closing = await asyncio.start_server(self._attend, host, port, ssl=self._tls)
            self.bound = closing.sockets[0].getsockname()[:2]
        self._started.set()
        try:
            await self._stop.wait()
        finally:
            if closing is not None:
                closing.close()
            if following is not None:
                following.cancel()
            await asyncio.sleep(0)  # a link that was taken this moment begins, so that it can also end and let go
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
                self._heard += 1
                answer = self._owner.take(raw, received_ns, where, certificate)
                if answer:
                    writer.write(answer)
            if cut.thrown_away:
                self._owner.trouble("refused", "a message without an end: the link is closed")
                return
            async with asyncio.timeout(quiet_s):
                await writer.drain()

    # --- a server -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Stay connected to a server, later and later where it is not there."""
        chance = random.Random(self._owner.name)  # noqa: S311 - spreads retries; nothing secret
        wait_s = FIRST_RETRY_S
        while True:
            began = self._heard
            try:
                await self._listen_to_server()
                reason = "the server has closed the connection"
            except TimeoutError:
                reason = f"the server gave no sign of life for {3 * GREET_S:g} s, or did not answer"
            except (OSError, ssl.SSLError) as error:
                reason = str(error) or type(error).__name__
            if self.links or not self.reason.startswith("lost"):
                self._owner.link(self._clock.now_ns(), f"no link to the server: {reason}", lost=True)
            self.links, self.reason = 0, f"lost: {reason}"
            wait_s = FIRST_RETRY_S if self._heard > began else min(2.0 * wait_s, LONGEST_RETRY_S)
            await asyncio.sleep(wait_s * chance.uniform(0.5, 1.0))

    async def _listen_to_server(self) -> None:
        async with asyncio.timeout(10.0):
            reader, writer = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.reason.startswith("lost"):
            self._owner.link(self._clock.now_ns(), "the link to the server stands again", lost=False)
        self.links, self.reason = 1, ""
        greeting = asyncio.create_task(self._greet(writer))
        try:
            await self._converse(reader, writer, 3 * GREET_S, "")
        finally:
            greeting.cancel()
            await end_stream(writer)

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
