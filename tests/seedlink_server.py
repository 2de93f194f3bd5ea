"""A SeedLink server on loopback, for tests: real commands, real packets, a ring of records that it keeps.

It speaks version 3 (8-byte headers, no length) or 4 (17-byte headers) as https://docs.fdsn.org/projects/seedlink and
the source of libslink describe them; what it sends are MiniSEED records made by pymseed. Only what a client of one
connection needs is there: HELLO, SLPROTO, USERAGENT, AUTH, CAPABILITIES, STATION, SELECT, DATA, END, INFO, BYE.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymseed import DataEncoding, MS3Record, sourceid2nslc


class Kept(NamedTuple):
    """A record in the ring."""

    number: int
    station: str
    payload: bytes


def records_of(
    samples: NDArray[Any], start_ns: int, rate_hz: float, source_id: str = "FDSN:AM_R1234_00_E_H_Z", version: int = 2
) -> list[bytes]:
    """Samples (n,) as MiniSEED records of 512 bytes, by Steim's second compression."""
    record = MS3Record(reclen=512)
    record.sourceid = source_id
    record.formatversion = version
    record.samprate = rate_hz
    record.encoding = DataEncoding.STEIM2
    record.starttime = start_ns
    return list(record.generate(data_samples=np.asarray(samples, dtype=np.int32), sample_type="i"))


class SeedLinkServer:
    """One server; `feed` puts records into its ring, which go out at once to whoever asked."""

    def __init__(self, version: int = 4, password: str = "", reject: tuple[str, ...] = ()) -> None:
        self.version = version
        self.password = password
        self.reject = reject
        self.ring: list[Kept] = []
        self.asked: list[str] = []
        self.port = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"seedlink://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def stop(self) -> None:
        """Close everything; the ring stays, so that a new start goes on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for sock in (self._listener, *self._links):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            sock.close()  # type: ignore[union-attr]
        for thread in self._threads:
            thread.join(5.0)
        self._links, self._threads = [], []

    def feed(self, *payloads: bytes, station: str = "AM_R1234", number: int | None = None) -> None:
        """Put records into the ring."""
        with self._changed:
            for payload in payloads:
                last = self.ring[-1].number if self.ring else 0
                self.ring.append(Kept(last + 1 if number is None else number, station, payload))
            self._changed.notify_all()

    def forget(self, count: int) -> None:
        """Lose the oldest records of the ring."""
        del self.ring[:count]

    def say(self, raw: bytes) -> None:
        """Send bytes as they are to everybody."""
        for link in self._links:
            link.sendall(raw)

    # --- one connection -------------------------------------------------------------------------------------------

    def _spawn(self, work: Any, *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopping:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._links.append(link)
            self._spawn(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        wanted: dict[str, tuple[list[str], int | None]] = {}
        station = ""
        try:
            for line in _lines(link):
                # Whoever sees in `asked` that a client is there feeds what it is to get.
                begin = self.ring[-1].number + 1 if self.ring else 0
                self.asked.append(line)
                verb, *words = line.split()
                if verb == "HELLO":
                    versions = "SLPROTO:4.0 SLPROTO:3.1" if self.version == 4 else "SLPROTO:3.1"
                    link.sendall(f"SeedLink v3.1 (test) :: {versions}\r\nmade up\r\n".encode())
                elif verb == "AUTH":
                    link.sendall(b"OK\r\n" if words[-1] == self.password else b"ERROR AUTH wrong password\r\n")
                elif verb == "STATION":
                    station = words[0] if self.version == 4 else f"{words[1]}_{words[0]}"
                    known = station not in self.reject
                    if known:
                        wanted[station] = ([], None)
                    link.sendall(b"OK\r\n" if known else b"ERROR\r\n")
                elif verb == "SELECT":
                    wanted[station][0].append(words[0])
                    link.sendall(b"OK\r\n")
                elif verb == "DATA":
                    number = None if not words else int(words[0], 10 if self.version == 4 else 16)
                    wanted[station] = (wanted[station][0], number)
                    link.sendall(b"OK\r\n")
                elif verb == "END":
                    self._spawn(self._stream, link, dict(wanted), begin)
                elif verb in ("INFO", "BYE"):
                    continue
                else:
                    link.sendall(b"OK\r\n")
        except OSError:
            return

    def _stream(self, link: socket.socket, wanted: dict[str, tuple[list[str], int | None]], begin: int) -> None:
        sent: set[int] = set()
        with suppress(OSError):
            while True:
                with self._changed:
                    ready = [
                        kept for kept in list(self.ring) if kept.number not in sent and self._wants(kept, wanted, begin)
                    ]
                    if not ready and not self._stopping:
                        self._changed.wait(0.2)
                    if self._stopping:
                        return
                for kept in ready:
                    sent.add(kept.number)
                    link.sendall(self._packet(kept))

    def _wants(self, kept: Kept, wanted: dict[str, tuple[list[str], int | None]], begin: int) -> bool:
        _selectors, number = wanted.get(kept.station, ([], None))
        return kept.station in wanted and kept.number >= (begin if number is None else number)

    def _packet(self, kept: Kept) -> bytes:
        if self.version == 3:
            return b"SL%06X" % (kept.number & 0xFFFFFF) + kept.payload
        station = kept.station.encode()
        return (
            struct.pack("<2sccIQB", b"SE", b"2", b"D", len(kept.payload), kept.number, len(station))
            + station
            + kept.payload
        )


def station_of(payload: bytes) -> str:
    """NETWORK_STATION of a record."""
    net, sta, _, _ = sourceid2nslc(MS3Record.parse(payload).sourceid)
    return f"{net}_{sta}"


def _lines(link: socket.socket) -> Iterator[str]:
    """Commands, ended by CR, LF or both."""
    held = b""
    while chunk := link.recv(4096):
        held = (held + chunk).replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        *whole, held = held.split(b"\r")
        for line in whole:
            if line:
                yield line.decode("ascii")


@contextmanager
def seedlink_server(**settings: Any) -> Iterator[SeedLinkServer]:
    """A server that runs, and is stopped at the end."""
    server = SeedLinkServer(**settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
