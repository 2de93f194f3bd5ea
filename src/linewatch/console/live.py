"""What is live: the picture of now, the two streams drawn from it, and how the watch is."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from linewatch.clock import Clock, monotonic_s
from linewatch.console.cluster_shapes import ClusterShape
from linewatch.console.events import event, events_of
from linewatch.console.follow import Follower
from linewatch.console.frames import Filming, Frame, frame_of, gap_frame, known_frame, track_frame, weather_frame
from linewatch.console.hub import Hub
from linewatch.console.picture import NS_PER_MS, Picture, Read
from linewatch.console.scope import Scopes
from linewatch.console.shapes import StateShape
from linewatch.console_ports import Audit, History, Pulse
from linewatch.site.model import Site

STATE_S: Final = 0.5
"""Time between two states."""
QUIET_S: Final = 2.5
"""A watch that has committed no tick for so long does not count as up ..."""
UNANSWERED_S: Final = 1.25
"""... and one that does not answer either, after so long: a killed one is told within 3 s."""
_NS_PER_S: Final = 1_000_000_000
_FAR_NS: Final = 3_600 * _NS_PER_S
"""A record that is an hour away from the clock is one that is played."""


def whole(picture: Picture) -> list[Frame]:
    """All that stands in a picture, as frames: tracks that live, own people, weather."""
    tracks = [track for track in picture.tracks.values() if track.state != "ended"]
    return [
        track_frame(picture.site, picture.seq, picture.time_ns, tracks, whole=True),
        known_frame(picture.seq, picture.time_ns, picture.known.values()),
        weather_frame(picture.seq, picture.time_ns, picture.weather.values()),
    ]


class Live:
    """Holds the picture of now. Everything here happens in one event loop."""

    def __init__(
        self,
        site: Site,
        open_history: Callable[[], History],
        audit: Audit,
        clock: Clock,
        cluster: Callable[[], ClusterShape | None] | None = None,
    ) -> None:
        self.site = site
        self._cluster = cluster
        self.run = ""
        self.picture = Picture(site)
        self.feed = Hub(lambda seq, lost: gap_frame(seq, f"{lost} frames left out: this listener is too slow"))
        self.events = Hub(lambda seq, lost: event(self.run, seq, "gap", {"why": f"{lost} events left out"}))
        self.scopes = Scopes()
        self.coverage_version: dict[str, int] = {}
        self._audit = audit
        self._clock = clock
        self._filming = Filming(site)
        self._follower = Follower(site, open_history, self._begin, self._go_on)
        self._pulse = Pulse(up=False, reason="not asked yet")
        self._ticked_s = monotonic_s()
        self._tick_ns = 0
        self._pace = 0.0
        self._reached: list[tuple[int, asyncio.Event]] = []
        self._tasks: list[asyncio.Task[None]] = []

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the record and to tell the state."""
        self._follower.start(asyncio.get_running_loop())
        self._tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._feel_pulse())]

    async def stop(self) -> None:
        """Stop both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._follower.stop)

    # --- asking ---------------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """Why nothing is followed; empty while all is well."""
        return self._follower.trouble

    def now_ns(self) -> int:
        """What time it is where the record is: the clock, or, where something is played, the time played."""
        if not self._played():
            return self._clock.now_ns()
        since_s = min(monotonic_s() - self._ticked_s, 1.0)
        return self._tick_ns + round(since_s * max(self._pace, 0.0) * _NS_PER_S)

    def state(self) -> StateShape:
        """How the watch is."""
        counters = self.picture.counters()
        tick = self.picture.tick
        quiet_s = monotonic_s() - self._ticked_s
        up = bool(self.run) and quiet_s < (QUIET_S if self._pulse.up else UNANSWERED_S)
        why = "" if up else (self.trouble or self._pulse.reason or f"no tick for {quiet_s:.0f} s")
        wall_ns = self._clock.now_ns()
        behind_s = quiet_s if self._played() else max(wall_ns - self._tick_ns, 0) / _NS_PER_S
        return StateShape(
            run=self.run,
            seq=self.picture.seq,
            tick_ms=None if tick is None else tick.time_ns // NS_PER_MS,
            watermark_ms=None if tick is None else tick.watermark_ns // NS_PER_MS,
            now_ms=self.now_ns() // NS_PER_MS,
            wall_ms=wall_ns // NS_PER_MS,
            lag_s=round(behind_s, 3),
            played=self._played(),
            raised=counters.raised,
            shown=counters.shown,
            grouped=counters.grouped,
            shelved=counters.shelved,
            sources=list(self._pulse.sources),
            watch="up" if up else "down",
            why=why,
            unworked=self._unworked(),
        )

    def _unworked(self) -> int:
        """Sections that no worker of the cluster works on."""
        found = None if self._cluster is None else self._cluster()
        return 0 if found is None else len(found.without)

    def whole(self) -> list[Frame]:
        """All that stands, for a listener who has just come: tracks that live, own people, weather."""
        return whole(self.picture)

    async def reached(self, seq: int, within_s: float) -> bool:
        """Wait until the picture holds this position of the record; False where it does not in time."""
        if self.picture.seq >= seq:
            return True
        here = asyncio.Event()
        self._reached.append((seq, here))
        try:
            await asyncio.wait_for(here.wait(), within_s)
        except TimeoutError:
            return False
        finally:
            self._reached = [each for each in self._reached if each[1] is not here]
        return True

    # --- following ------------------------------------------------------------------------------------------------

    def _begin(self, run: str, picture: Picture) -> None:
        self.run, self.picture = run, picture
        self._tick_ns = picture.time_ns
        self._ticked_s = monotonic_s()
        self.feed.begin(picture.seq)
        self.events.begin(picture.seq)
        self.feed.publish(self.whole(), keep=False)
        self._tell_state()

    def _go_on(self, reads: list[Read]) -> None:
        before_ns = self.picture.time_ns
        changes = self.picture.apply(reads)
        if self.picture.time_ns > before_ns:
            self._clock_in(before_ns)
        self.scopes.hear(reads)
        self.coverage_version |= changes.outage_lines
        self.feed.publish(self._filming.frames(reads))
        self.events.publish(events_of(self.run, self.picture, changes))
        for seq, here in self._reached:
            if self.picture.seq >= seq:
                here.set()

    def _clock_in(self, before_ns: int) -> None:
        """Note when a tick came, and how fast time goes where something is played."""
        now_s = monotonic_s()
        passed_s = max(now_s - self._ticked_s, 1e-3)
        if before_ns:
            pace = (self.picture.time_ns - before_ns) / _NS_PER_S / passed_s
            self._pace += 0.2 * (pace - self._pace) if self._pace else pace
        self._ticked_s, self._tick_ns = now_s, self.picture.time_ns

    def _played(self) -> bool:
        """Whether the record is of another time than now: a scene or a recording that is played."""
        return self._tick_ns > 0 and self._pulse.lag_s is None and abs(self._clock.now_ns() - self._tick_ns) > _FAR_NS

    async def _tell(self) -> None:
        while True:
            self._tell_state()
            await asyncio.sleep(STATE_S)

    def _tell_state(self) -> None:
        state = self.state()
        body: dict[str, Any] = msgspec.to_builtins(state)
        self.events.publish([event(self.run or "00000000", max(state.seq, 0), "state", state)], keep=False)
        self.feed.publish([frame_of(state.seq, {"t": "s", **body})], keep=False)

    async def _feel_pulse(self) -> None:
        while True:
            self._pulse = await asyncio.to_thread(self._audit.pulse)
            await asyncio.sleep(1.0)
