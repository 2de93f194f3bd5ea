"""Events of own people's devices: a door for datagrams, one for streams, or a link to a TAK server."""

import asyncio
import contextlib
import hashlib
import random
import socket
import ssl
import threading
from typing import Final

import msgspec

from linewatch.clock import Clock, WallClock
from linewatch.errors import InputError
from linewatch.ports import SourceStatus
from linewatch.protocols.cot import PING, EventStream, from_xml, to_xml
from linewatch.protocols.cot_link import ping_of, pong_of
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrivals, Arrived, health_of
from linewatch.sources.cot._reading import Reader
from linewatch.sources.datagram_door import datagram_socket
from linewatch.sources.ephemeral import EphemeralSource

MOST_LINKS: Final = 500
"""Devices at once; more are closed at once and counted."""
QUIET_S: Final = 300.0
"""A device's link over which nothing comes for so long is closed."""
PING_S: Final = 30.0
"""A server is asked for a sign of life so often, and given up after three times that."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
_READ_BYTES: Final = 65_536


class Address(msgspec.Struct, frozen=True):
    """Where events come from."""

    scheme: str
    """`udp`, `tcp` or `tls`."""
    host: str
    """Address that is listened on, or host of a server."""
    port: int
    """Its port."""
    is_server: bool
    """Whether there is a server to connect to; else devices come to us."""


class CotSource(EphemeralSource):
    """Satisfies `ports.LiveSource`."""

    sensors: tuple[str, ...] = ()

    def __init__(
        self,
        site: Site,
        name: str,
        address: Address,
        reader: Reader,
        tls: ssl.SSLContext | None,
        *,
        lateness_s: float = 0.25,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.lateness_s = lateness_s
        self.address = (address.host, address.port)
        self._from = address
        self._site = site
        self._reader = reader
        self._tls = tls
        self._clock = clock or WallClock()
        self._arrivals = Arrivals(name, site)
        self._links = 0
        self._reason = "nothing has come yet" if not address.is_server else "not connected yet"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failed = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen, or begin to connect. Raises `InputError` where the address cannot be taken."""
        self._thread.start()
        self._started.wait(10.0)
        if self._failed:
            raise InputError(f"{self.name}: listen: {self._failed}; allowed: an address that is free here")

    def status(self) -> SourceStatus:
        """How it is doing."""
        up = self._links > 0 if self._from.scheme != "udp" else self._arrivals.last_ns is not None
        return self._arrivals.status(up=up, reason=self._reason)

    def close(self) -> None:
        """Close all links."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            self._thread.join(10.0)

    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bool:
        """Take one event; true where it was a ping that wants an answer."""
        try:
            event = from_xml(raw)
        except InputError as error:
            self._arrivals.trouble("", "refused", "note", "a message that is no event of Cursor on Target")
            self._arrivals.shown(received_ns, where, raw, (), str(error))
            return False
        became = self._reader.read(event, received_ns, certificate)
        if became.trouble is not None:
            condition, text = became.trouble
            self._arrivals.trouble("", condition, "note", text)
        if became.unknown:
            self._arrivals.unknown(became.unknown)
        self._arrivals.put(Arrived(received_ns, became.items))
        self._arrivals.shown(received_ns, where, raw, became.items, became.why_not)
        return event.type == PING

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
        if self._from.scheme == "udp":
            sock = datagram_socket(self._from.host, self._from.port)
            closing, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=sock)
            self.address = sock.getsockname()[:2]
        elif self._from.is_server:
            following = asyncio.create_task(self._follow())
        else:
            closing = await asyncio.start_server(self._attend, self._from.host, self._from.port, ssl=self._tls)
            self.address = closing.sockets[0].getsockname()[:2]
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
            await asyncio.sleep(0)  # closed links give back their sockets in the next round of the loop

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The link of one device, from its first byte to its last."""
        if self._links >= MOST_LINKS:
            self._arrivals.trouble("", "dropped", "degraded", f"more than {MOST_LINKS} devices at once")
            writer.close()
            return
        self._links += 1
        try:
            await self._converse(reader, writer, QUIET_S, fingerprint_of(writer))
        except (OSError, TimeoutError):
            pass
        finally:
            self._links -= 1
            if not self._links:
                self._reason = "no device is connected"
            writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, quiet_s: float, certificate: str
    ) -> None:
        """Take what comes until the other side ends it, says too much without an end, or nothing for too long."""
        stream = EventStream()
        where = "{}:{}".format(*writer.get_extra_info("peername")[:2])
        while True:
            async with asyncio.timeout(quiet_s):
                data = await reader.read(_READ_BYTES)
            if not data:
                return
            received_ns = self._clock.now_ns()
            for raw in stream.feed(data):
                if self.take(raw, received_ns, where, certificate):
                    writer.write(to_xml(pong_of(received_ns)))
            if stream.thrown_away:
                self._arrivals.trouble("", "refused", "note", "an event without an end: the link is closed")
                return
            async with asyncio.timeout(quiet_s):
                await writer.drain()

    # --- a server -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Stay connected to a server, later and later where it is not there."""
        chance = random.Random(self.name)  # noqa: S311 - spreads retries; nothing secret
        wait_s = FIRST_RETRY_S
        while True:
            began = self._arrivals.received
            try:
                await self._listen_to_server()
                reason = "the server has closed the connection"
            except TimeoutError:
                reason = f"the server gave no sign of life for {3 * PING_S:g} s, or did not answer"
            except (OSError, ssl.SSLError) as error:
                reason = str(error) or type(error).__name__
            if self._links or not self._reason.startswith("lost"):
                self._tell_link("link_lost", f"no link to the server: {reason}")
            self._links, self._reason = 0, f"lost: {reason}"
            wait_s = FIRST_RETRY_S if self._arrivals.received > began else min(2.0 * wait_s, LONGEST_RETRY_S)
            await asyncio.sleep(wait_s * chance.uniform(0.5, 1.0))

    async def _listen_to_server(self) -> None:
        async with asyncio.timeout(10.0):
            reader, writer = await asyncio.open_connection(self._from.host, self._from.port, ssl=self._tls)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._reason.startswith("lost"):
            self._tell_link("recovered", "the link to the server stands again")
        self._links, self._reason = 1, ""
        pinging = asyncio.create_task(self._ping(writer))
        try:
            await self._converse(reader, writer, 3 * PING_S, "")
        finally:
            pinging.cancel()
            writer.close()

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(to_xml(ping_of(f"linewatch.{self._site.name}.listener", self._clock.now_ns())))
            await asyncio.sleep(PING_S)

    def _tell_link(self, condition: str, text: str) -> None:
        now_ns = self._clock.now_ns()
        lost = condition == "link_lost"
        told = health_of(
            self._site,
            "",
            now_ns,
            "link_lost" if lost else "recovered",
            "degraded" if lost else "ok",
            f"{self.name}: {text}",
            ends=None if lost else "link_lost",
        )
        self._arrivals.put(Arrived(now_ns, (told,)))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, source: CotSource) -> None:
        self._source = source

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._source.take(data, self._source._clock.now_ns(), f"{addr[0]}:{addr[1]}")  # noqa: SLF001 - one thing with it


def fingerprint_of(writer: asyncio.StreamWriter) -> str:
    """SHA-256 of the certificate at the other end, in hex; empty for none."""
    link = writer.get_extra_info("ssl_object")
    raw = None if link is None else link.getpeercert(binary_form=True)
    return hashlib.sha256(raw).hexdigest() if raw else ""
