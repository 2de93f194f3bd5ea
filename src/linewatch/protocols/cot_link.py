"""Links over which Cursor-on-Target events go out: datagrams, and streams over TCP or TLS.

A stream carries no receipts. After what was written a ping goes out: a server reads in order, so its answer says that
it has read everything before. A server that answers no pings can only be trusted to have what its kernel took.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from linewatch.errors import DeliveryError, InputError
from linewatch.protocols.cot import PING, PONG, CotEvent, EventStream, from_xml, to_xml
from linewatch.protocols.farewell import end_stream

_READ_BYTES: Final = 65_536
SCHEMES: Final = ("udp", "tcp", "tls")


class CotLink(Protocol):
    """A way out."""

    async def send(self, events: Sequence[CotEvent], ping: CotEvent | None) -> None:
        """Send these, and with a ping wait until the other side has read them. Raises `OSError`."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


def address_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of `udp://`, `tcp://` or `tls://`. Raises `InputError`."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in SCHEMES or not host or not port:
        raise InputError(f"url: found {url[:80]!r}; allowed: udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT")
    return scheme, host, port


def tls_context(authority: str, certificate: str, client_key: str) -> ssl.SSLContext:
    """For a client with a certificate (a path) and its key (PEM text). `authority` is a path. Raises `InputError`."""
    try:
        context = ssl.create_default_context(cafile=authority or None)
        # A TAK server is named by its certificate's issuer, seldom by the host that it runs on.
        context.check_hostname = False
        if certificate:
            with open(certificate, encoding="ascii") as file:  # noqa: PTH123 - beside the descriptor below
                pem = file.read() + "\n" + client_key
            _load_from_memory(context, pem)
    except (OSError, ValueError) as error:
        raise InputError(f"tls: found {error}; allowed: readable PEM files that belong together") from error
    return context


def server_context(authority: str, certificate: str, private_key: str) -> ssl.SSLContext:
    """For a door that asks each client for a certificate of this authority. Raises `InputError`."""
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        with open(certificate, encoding="ascii") as file:  # noqa: PTH123 - beside the descriptor below
            _load_from_memory(context, file.read() + "\n" + private_key)
    except (OSError, ValueError) as error:
        raise InputError(f"tls: found {error}; allowed: readable PEM files that belong together") from error
    return context


def _load_from_memory(context: ssl.SSLContext, pem: str) -> None:
    """The ssl module reads keys from files only: this one never touches a disk."""
    descriptor = os.memfd_create("linewatch", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


class Datagrams:
    """One event in one datagram, to one host or to a multicast group. Nobody says whether it arrived."""

    def __init__(self, host: str, port: int, hops: int) -> None:
        self._address = (host, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.0)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", hops))

    async def send(self, events: Sequence[CotEvent], ping: CotEvent | None) -> None:  # noqa: ARG002 - no answer comes
        """Send these."""
        loop = asyncio.get_running_loop()
        for event in events:
            await loop.sock_sendto(self._socket, to_xml(event), self._address)

    async def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class Stream:
    """A connection to a TAK server. What the server sends on is read and left alone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._answer_s = answer_s
        self._answered = asyncio.Event()
        self._ended = False
        self._reading = asyncio.create_task(self._read())

    async def send(self, events: Sequence[CotEvent], ping: CotEvent | None) -> None:
        """Send these, and with a ping wait until the other side has read them."""
        if self._ended:
            raise DeliveryError("the server has closed the connection")
        self._answered.clear()
        sent = [*events, *([ping] if ping is not None else [])]
        self._writer.write(b"".join(map(to_xml, sent)))
        await self._writer.drain()
        if ping is not None:
            try:
                async with asyncio.timeout(self._answer_s):
                    await self._answered.wait()
            except TimeoutError as error:
                raise DeliveryError(
                    f"no answer to a ping within {self._answer_s:g} s (where this server answers none, "
                    'set confirm = "written")'
                ) from error
        if self._ended:
            raise DeliveryError("the server has closed the connection")

    async def close(self) -> None:
        """End the connection."""
        self._reading.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._reading
        await end_stream(self._writer)

    async def _read(self) -> None:
        stream = EventStream()
        try:
            while data := await self._reader.read(_READ_BYTES):
                for raw in stream.feed(data):
                    if PONG.encode() in raw[:400] and _type_of(raw) == PONG:
                        self._answered.set()
        finally:
            self._ended = True
            self._answered.set()


async def open_link(
    url: str, *, tls: ssl.SSLContext | None = None, hops: int = 1, answer_s: float = 10.0, connect_s: float = 10.0
) -> CotLink:
    """Open the link to this address. Raises `OSError` where it cannot be reached."""
    scheme, host, port = address_of(url)
    if scheme == "udp":
        return Datagrams(host, port, hops)
    async with asyncio.timeout(connect_s):
        reader, writer = await asyncio.open_connection(host, port, ssl=tls if scheme == "tls" else None)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Stream(reader, writer, answer_s)


def ping_of(uid: str, now_ns: int) -> CotEvent:
    """A ping from this client."""
    return CotEvent(uid=uid, type=PING, time_ns=now_ns, start_ns=now_ns, stale_ns=now_ns + 20_000_000_000)


def pong_of(now_ns: int) -> CotEvent:
    """The answer to a client's ping."""
    return CotEvent(uid="takPong", type=PONG, time_ns=now_ns, start_ns=now_ns, stale_ns=now_ns + 20_000_000_000)


def _type_of(raw: bytes) -> str:
    try:
        return from_xml(raw).type
    except InputError:
        return ""
