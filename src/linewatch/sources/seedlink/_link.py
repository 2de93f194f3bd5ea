"""The link to a SeedLink server: a thread that stays connected, and asks for what followed the last record it heard."""

import contextlib
import threading
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from seedlink_client import SeedLink, SeedLinkError
from seedlink_client.protocol import Protocol as Version

from linewatch.sources.stream_names import selector_of, station_of

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
_TIMEOUT_S: Final = 10.0
_KEEPALIVE_S: Final = 30.0
_LAST_V3: Final = 0xFFFFFF
# What the client raises when its socket is closed under it by another thread: this is how `stop` ends a wait.
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

    def lost(self, reason: str) -> None:
        """It is broken, or could not be made."""
        ...

    def damaged(self, reason: str) -> None:
        """A record was so damaged that the link had to be made anew behind it."""
        ...

    def packet(self, version: str, station: str, number: int, payload: bytes) -> None:
        """A record."""
        ...


class SeedLinkLink:
    """Keeps the link; `numbers` of the last records heard count in `version` of the protocol."""

    def __init__(
        self, server: Server, streams: Sequence[str], sink: Sink, *, idle_s: float, first_retry_s: float
    ) -> None:
        self._server = server
        self._streams = tuple(streams)
        self._sink = sink
        self._idle_s = idle_s
        self._first_retry_s = first_retry_s
        self._version = ""
        self._numbers: dict[str, int] = {}
        self._heard = False
        self._client: SeedLink | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"seedlink {server.host}", daemon=True)

    def start(self, version: str, numbers: dict[str, int]) -> None:
        """Connect, and go on behind these records."""
        self._version, self._numbers = version, dict(numbers)
        self._thread.start()

    def stop(self) -> None:
        """Leave the server."""
        self._stopping.set()
        client = self._client
        if client is not None:
            with contextlib.suppress(*_CLOSED):
                client.close()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        wait_s = self._first_retry_s
        while not self._stopping.is_set():
            self._heard = False
            try:
                self._listen()
                reason = "the server ended the stream"
            except SeedLinkError as error:
                reason = _said(error)
            except _CLOSED as error:
                reason = f"{type(error).__name__}: {_said(error)}"
            if self._stopping.is_set():
                return
            if "miniSEED" in reason and self._version == Version.V3.value:
                # The protocol of old names no lengths: what cannot be read can only be stepped over by its number.
                self._numbers = {station: number + 1 for station, number in self._numbers.items()}
                self._sink.damaged(reason)
            else:
                self._sink.lost(reason)
            wait_s = self._first_retry_s if self._heard else min(2.0 * wait_s, LONGEST_RETRY_S)
            self._stopping.wait(wait_s)

    def _listen(self) -> None:
        """One connection, to its end."""
        auth = (self._server.username, self._server.password) if self._server.username else None
        client = SeedLink(
            self._server.host,
            self._server.port,
            timeout=_TIMEOUT_S,
            tls=self._server.tls,
            keepalive=_KEEPALIVE_S,
            idle_timeout=self._idle_s,
            clientname="linewatch",
            auth=auth,
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
                if self._stopping.is_set():
                    return
                self._heard = True
                if packet.seqnum is not None:
                    self._numbers[packet.station_id] = packet.seqnum
                    self._sink.packet(self._version, packet.station_id, packet.seqnum, packet.payload)
        finally:
            client.close()
            self._client = None

    def _ask(self, client: SeedLink, version: Version) -> None:
        """Select the streams, behind the last records heard where their numbers still count."""
        if version.value != self._version:
            self._version, self._numbers = version.value, {}
        for station in sorted({station_of(stream) for stream in self._streams}):
            number = self._numbers.get(station)
            if version is Version.V3 and number is not None and number >= _LAST_V3:
                number = -1  # the client asks for the next one, and numbers of 24 bits begin anew
            selectors = [selector_of(stream) for stream in self._streams if station_of(stream) == station]
            client.add_stream(station, selectors, seqnum=number)


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
