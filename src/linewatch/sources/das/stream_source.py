"""A live stream of fibre samples over ZeroMQ: a SUB socket in a thread of its own.

ZeroMQ connects again by itself and says nothing of it, and a slow subscriber loses frames silently: numbers and times
of the frames tell what is missing.
"""

from typing import Final

import msgspec
import zmq

from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrived
from linewatch.sources.das._frames import MOST_BYTES, Frame, read_frame
from linewatch.sources.das._taking import FibreSamples
from linewatch.sources.link_state import LinkWords
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker

MOST_FRAMES: Final = 64
"""Frames that ZeroMQ keeps for us, and frames that wait for a tick."""
OLDEST_S: Final = 60.0
SILENT_S: Final = 5.0
"""Without a frame for so long the link is taken for lost."""
_WAIT_MS: Final = 200


class Publisher(msgspec.Struct, frozen=True):
    """Where the frames come from."""

    address: str
    """`tcp://HOST:PORT`."""
    topic: str = ""
    """Beginning of the topics that are taken; empty for all."""
    server_key: str = ""
    """The publisher's public CURVE key; empty for a link in the clear."""
    public_key: str = ""
    """Our public key."""
    secret_key: str = ""
    """Our secret key."""


class DasStreamSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        sensor: Sensor,
        publisher: Publisher,
        *,
        skip_channels: int = 0,
        silent_s: float = SILENT_S,
        first_retry_s: float = FIRST_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords(back="frames come again", at_first="no frame comes")
        super().__init__(site, name, (sensor.id,), words, most=MOST_FRAMES, clock=clock)
        self._publisher = publisher
        self._silent_s = silent_s
        self._samples = FibreSamples(site, sensor, self._arrivals, skip_channels, None)
        self._seq = -1
        known = (OSError, InputError, zmq.ZMQError)
        self._worker = Worker(
            name, self._subscribe, self._link.lost, first_retry_s=first_retry_s, close_s=5.0, known=known
        )

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _subscribe(self) -> None:
        """One socket, for as long as it holds."""
        with zmq.Context() as context, open_socket(context, self._publisher) as socket:
            heard_s = monotonic_s()
            while not self._worker.stopping.is_set():
                if socket.poll(_WAIT_MS):
                    self.take(socket.recv_multipart())
                    heard_s = monotonic_s()
                elif monotonic_s() - heard_s > self._silent_s:
                    self._link.lost(f"no frame from {self._publisher.address} for {self._silent_s:g} s")

    def take(self, parts: list[bytes]) -> None:
        """Take one message."""
        now_ns = self._clock.now_ns()
        try:
            frame = read_frame(parts)
            self._samples.check_channels(frame.header.shape[1])
        except InputError as error:
            # Told in one text whatever was found: findings are counted by their text.
            self._samples.note("refused", "a frame that is none, or of another shape than the sensor")
            self._arrivals.shown(now_ns, self._publisher.address, b"", (), str(error))
            return
        self._worker.well()
        self._link.back()
        self._count(frame)
        self._give(frame, now_ns)

    def _count(self, frame: Frame) -> None:
        """Frames that are missing by their numbers; their samples are told as a gap by their times."""
        missing = frame.header.seq - self._seq - 1
        if self._seq >= 0 and missing > 0:
            self._samples.note("dropped", "frames lost on their way, by their numbers")
        self._seq = frame.header.seq

    def _give(self, frame: Frame, now_ns: int) -> None:
        header = frame.header
        end_ns = header.start_ns + round(header.shape[0] / header.rate_hz * 1e9)
        wrong = self._samples.wrong_time(end_ns, now_ns, OLDEST_S)
        if wrong:
            self._samples.note("refused", wrong)
            self._arrivals.shown(now_ns, self._publisher.address, b"", (), wrong)
            return
        if len(self._arrivals) >= MOST_FRAMES - 2:
            self._samples.note("dropped", f"the buffer of {MOST_FRAMES} frames is full; what came is lost")
            return
        items = self._samples.take(header.start_ns, header.rate_hz, frame.samples)
        self._arrivals.put(Arrived(now_ns, items))
        self._arrivals.shown(now_ns, self._publisher.address, f"frame {header.seq}".encode(), items, "")


def open_socket(context: "zmq.Context[zmq.Socket[bytes]]", publisher: Publisher) -> "zmq.Socket[bytes]":
    """A socket that hears a publisher, as soon as that is there."""
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, MOST_FRAMES)
    socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
    if publisher.server_key:
        socket.curve_serverkey = publisher.server_key.encode()
        socket.curve_publickey = publisher.public_key.encode()
        socket.curve_secretkey = publisher.secret_key.encode()
    socket.setsockopt(zmq.SUBSCRIBE, publisher.topic.encode())
    socket.connect(publisher.address)
    return socket
