"""One camera as a live source: a thread that decodes, keeps pictures at an even rate, and never lags for long.

What comes late because this machine is too slow is dropped undecoded up to the next key frame; what is missing of the
even rate is counted; a longer hole is a gap. A file is played in its own time.
"""

from typing import Final

import msgspec

from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError
from linewatch.records import Block, Health, quantise
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import Arrived
from linewatch.sources.link_state import LinkWords
from linewatch.sources.video._pace import LEAST_PICTURES, Grid, Slot, StampClock, grid_rate_hz, rate_of
from linewatch.sources.video._pictures import Picture, Skipped, pictures
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker

MOST_WAITING: Final = 40
"""Pictures that wait for a tick."""
GAP_S: Final = 2.0
"""A hole that is longer is a gap; shorter ones are counted as dropped pictures."""
_NS_PER_S: Final = 1_000_000_000


class Camera(msgspec.Struct, frozen=True):
    """Where its pictures come from, and how they are wanted."""

    address: str
    """`rtsp://...` with log-in, or path of a file."""
    shown: str
    """The same without log-in, as it is told."""
    rate_hz: float = 10.0
    """Pictures a second that are kept, at most."""
    scale: int = 2
    """What both sides of a picture are divided by."""
    most_lag_s: float = 1.0
    """Pictures that come later than this after their time are dropped."""
    is_file: bool = False
    """Whether it is played in its own time, and ends."""
    loop: bool = False
    """Whether a file begins anew at its end."""


class VideoSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        sensor: Sensor,
        camera: Camera,
        *,
        first_retry_s: float = FIRST_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords(lost=f"{camera.shown}: ", at_first="no picture yet")
        super().__init__(site, name, (sensor.id,), words, most=MOST_WAITING, clock=clock)
        self._sensor = sensor
        self._camera = camera
        self._stamps = StampClock()
        self._first: list[int] = []
        self._grid: Grid | None = None
        self._last_ns: int | None = None
        self._began: tuple[int, float] | None = None
        self._slot: Slot | None = None
        self._taken_ns = 0
        self._worker = Worker(name, self._play, self._link.lost, first_retry_s=first_retry_s, close_s=15.0)

    # --- in its own thread ----------------------------------------------------------------------------------------

    def _play(self) -> str | None:
        """One opening of the stream, or a file again and again; why it ended, or None where a file did."""
        while True:
            reason = "the stream ended"
            try:
                self._watch()
            except InputError as error:
                reason = str(error)
            if not self._camera.is_file or self._grid is None:
                return reason
            if self._worker.stopping.is_set():
                return None
            if not self._camera.loop:
                self._link.lost(reason, "end_of_input")
                return None

    def _watch(self) -> None:
        """One opening of the stream, to its end. What is learned of its stamps and its rate holds for that."""
        self._stamps, self._grid, self._first, self._began = StampClock(), None, [], None
        camera = self._camera
        for each in pictures(camera.address, camera.scale, self._is_behind, self._is_wanted):
            if self._worker.stopping.is_set():
                return
            if isinstance(each, Skipped):
                self._note("dropped", f"pictures that came more than {camera.most_lag_s:g} s after their time")
            else:
                self._take(each)

    def _is_behind(self, stamp_ns: int | None) -> bool:
        if self._camera.is_file:
            self._keep_time(stamp_ns)
            return False
        return self._stamps.lag_s(stamp_ns, self._clock.now_ns()) > self._camera.most_lag_s

    def _keep_time(self, stamp_ns: int | None) -> None:
        """Wait until a picture of a file is due."""
        if stamp_ns is None:
            return
        if self._began is None:
            self._began = (stamp_ns, monotonic_s())
        due_s = self._began[1] + (stamp_ns - self._began[0]) / _NS_PER_S
        self._worker.stopping.wait(max(due_s - monotonic_s(), 0.0))

    def _is_wanted(self, stamp_ns: int | None) -> bool:
        """Place a picture on the grid, before its pixels are worked on."""
        now_ns = self._clock.now_ns()
        self._taken_ns = self._stamps.taken_ns(stamp_ns, now_ns)
        if self._grid is None:
            # Stamps are even even where the first pictures come all at once.
            self._first.append(self._taken_ns if stamp_ns is None else stamp_ns)
            rate_hz = rate_of(self._first[-LEAST_PICTURES:])
            if rate_hz is None:
                return False
            self._grid = Grid(grid_rate_hz(rate_hz, self._camera.rate_hz))
            self._worker.well()
            self._link.back(f"pictures come again, {rate_hz:.1f} a second")
        self._slot = self._grid.place(self._taken_ns)
        return self._slot is not None

    def _take(self, picture: Picture) -> None:
        slot, grid = self._slot, self._grid
        assert slot is not None
        assert grid is not None
        now_ns = self._clock.now_ns()
        if len(self._arrivals) >= MOST_WAITING - 1:
            self._note("dropped", f"the buffer of {MOST_WAITING} pictures is full; what came is lost")
            return
        block = Block(
            line=self._sensor.line,
            sensor=self._sensor.id,
            origin_ns=slot.origin_ns,
            first_sample=slot.number,
            rate_hz=grid.rate_hz,
            samples=picture.pixels.reshape(1, -1),
        )
        gap = self._gap(block.start_ns, slot.missing, grid.rate_hz)
        items = (block,) if gap is None else (block, gap)
        self._last_ns = block.end_ns
        self._arrivals.put(Arrived(now_ns, items))
        height, width = picture.pixels.shape
        self._arrivals.shown(now_ns, self._camera.shown, f"picture {width} by {height}".encode(), items, "")

    # --- what is told ---------------------------------------------------------------------------------------------

    def _gap(self, start_ns: int, missing: int, rate_hz: float) -> Health | None:
        """What is missing ahead of a picture: a gap where it is long, else so many dropped pictures."""
        since_ns = self._last_ns
        if since_ns is not None and start_ns - since_ns > round(GAP_S * _NS_PER_S):
            text = f"{self.name}: no pictures for {(start_ns - since_ns) / _NS_PER_S:.1f} s"
            count = max(round((start_ns - since_ns) * rate_hz / _NS_PER_S), 1)
            about = Health(self._sensor.line, self._sensor.id, since_ns, "gap", "failed", text, until_ns=start_ns)
            return quantise(msgspec.structs.replace(about, count=count))
        for _ in range(missing):
            self._note("dropped", "pictures that never came, or came too unevenly")
        return None

    def _note(self, condition: Condition, text: str) -> None:
        self._arrivals.trouble(self._sensor.id, condition, "note", text)
