"""A live stream of fibre samples over ZeroMQ: a SUB socket in a thread of its own.

ZeroMQ connects again by itself and says nothing of it, and a slow subscriber loses frames silently: numbers and times
of the frames tell what is missing.
"""

import threading
from typing import Final

import msgspec
import zmq

from linewatch.clock import Clock, WallClock, monotonic_s
from linewatch.errors import InputError
from linewatch.ports import SourceStatus
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrivals, Arrived
from linewatch.sources.das._frames import MOST_BYTES, Frame, read_frame
from linewatch.sources.das._taking import FibreSamples
from linewatch.sources.ephemeral import EphemeralSource

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


class DasStreamSource(EphemeralSource):
    """Satisfies `ports.LiveSource`."""

    lateness_s = 0.0

    def __init__(
        self,
        site: Site,
        name: str,
        sensor: Sensor,
        publisher: Publisher,
        *,
        skip_channels: int = 0,
        silent_s: float = SILENT_S,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.sensors = (sensor.id,)
        self._publisher = publisher
        self._silent_s = silent_s
        self._clock = clock or WallClock()
        self._arrivals = Arrivals(name, site, MOST_FRAMES)
        self._samples = FibreSamples(site, sensor, self._arrivals, skip_channels, None)
        self._up = False
        self._told_lost = False
        self._seq = -1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Connect."""
        self._thread.start()

    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._arrivals.status(up=self._up, reason="no frame comes")

    def close(self) -> None:
        """Leave the publisher."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.RCVHWM, MOST_FRAMES)
            socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
            if self._publisher.server_key:
                socket.curve_serverkey = self._publisher.server_key.encode()
                socket.curve_publickey = self._publisher.public_key.encode()
                socket.curve_secretkey = self._publisher.secret_key.encode()
            socket.setsockopt(zmq.SUBSCRIBE, self._publisher.topic.encode())
            socket.connect(self._publisher.address)
            heard_s = monotonic_s()
            while not self._stopping.is_set():
                if socket.poll(_WAIT_MS):
                    self.take(socket.recv_multipart())
                    heard_s = monotonic_s()
                elif monotonic_s() - heard_s > self._silent_s:
                    self._lost()

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
        if not self._up:
            self._up = True
            self._back(now_ns)
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

    def _lost(self) -> None:
        self._up = False
        if not self._told_lost:
            self._told_lost = True
            text = f"{self.name}: no frame from {self._publisher.address} for {self._silent_s:g} s"
            now_ns = self._clock.now_ns()
            self._arrivals.put(Arrived(now_ns, (self._samples.finding(now_ns, "link_lost", "failed", text),)))

    def _back(self, now_ns: int) -> None:
        if self._told_lost:
            self._told_lost = False
            text = f"{self.name}: frames come again"
            item = self._samples.finding(now_ns, "recovered", "ok", text, ends="link_lost")
            self._arrivals.put(Arrived(now_ns, (item,)))
