"""The link to a SeedLink server: one connection after the other asks for what followed the last record heard."""

import contextlib
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from seedlink_client import SeedLinkError
from seedlink_client.protocol import Protocol as Version

from linewatch.sources.seedlink._client import SteadyClient
from linewatch.sources.stream_names import selector_of, station_of

KNOWN: Final = (SeedLinkError, OSError)
"""Errors of the server's side."""
_TIMEOUT_S: Final = 10.0
_KEEPALIVE_S: Final = 30.0
_LAST_V3: Final = 0xFFFFFF
# What the client raises when its socket is closed under it by another thread: this is how `hang_up` ends a wait.
_CLOSED: Final = (OSError, ValueError, TypeError, AttributeError)


class Server(msgspec.Struct, frozen=True):
    """Where the records come from."""

    host: str
    """Name or address."""
    port: int
    """TCP port."""
    tls: bool = False
    """Whether the link is encrypted and the server's certificate checked."""
    username: str = ""
    """Log-in name; empty for none."""
    password: str = ""
    """Password."""


class Sink(Protocol):
    """Who hears of the link, in its thread."""

    def up(self) -> None:
        """The link stands, and streams were asked for."""
        ...

    def damaged(self, reason: str) -> None:
        """A record was so damaged that it was stepped over."""
        ...

    def packet(self, version: str, station: str, number: int, payload: bytes) -> None:
        """A record."""
        ...


class SeedLinkLink:
    """Keeps the link; `numbers` of the last records heard count in `version` of the protocol."""

    def __init__(self, server: Server, streams: Sequence[str], sink: Sink, *, idle_s: float) -> None:
        self._server = server
        self._streams = tuple(streams)
        self._sink = sink
        self._idle_s = idle_s
        self._version = ""
        self._numbers: dict[str, int] = {}
        self._client: SteadyClient | None = None
        self._over = False

    def go_on(self, version: str, numbers: dict[str, int]) -> None:
        """Begin behind these records."""
        self._version, self._numbers = version, dict(numbers)

    def hang_up(self) -> None:
        """Leave the server, from any thread."""
        self._over = True
        client = self._client
        if client is not None:
            with contextlib.suppress(*_CLOSED):
                client.close()

    def listen(self) -> str:
        """One connection, to its end; why it ended."""
        auth = (self._server.username, self._server.password) if self._server.username else None
        client = SteadyClient(
            self._server.host,
            self._server.port,
            timeout=_TIMEOUT_S,
            tls=self._server.tls,
            keepalive=_KEEPALIVE_S,
            idle_timeout=self._idle_s,
            clientname="linewatch",
            auth=auth,
            damaged=self._sink.damaged,
        )
        self._client = client
        try:
            client.connect()
            assert client.protocol is not None
            if auth is not None and client.protocol is not Version.V4:
                raise SeedLinkError("the server speaks SeedLink 3, which knows no log-in, but the site names one")
            self._ask(client, client.protocol)
            client.negotiate()
            self._sink.up()
            for packet in client.collect(reconnect=False):
                if self._over:
                    break
                if packet.seqnum is not None:
                    self._numbers[packet.station_id] = packet.seqnum
                    self._sink.packet(self._version, packet.station_id, packet.seqnum, packet.payload)
        except (ValueError, TypeError, AttributeError):
            if not self._over:
                raise
        finally:
            client.close()
            self._client = None
        return "the server ended the stream"

    def _ask(self, client: SteadyClient, version: Version) -> None:
        """Select the streams, behind the last records heard where their numbers still count."""
        if version.value != self._version:
            self._version, self._numbers = version.value, {}
        for station in sorted({station_of(stream) for stream in self._streams}):
            number = self._numbers.get(station)
            if version is Version.V3 and number is not None and number >= _LAST_V3:
                number = -1  # the client asks for the next one, and numbers of 24 bits begin anew
            selectors = [selector_of(stream) for stream in self._streams if station_of(stream) == station]
            client.add_stream(station, selectors, seqnum=number)
