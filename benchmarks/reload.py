"""How long the reference line takes to take up another site, and what of what it knew goes on.

Movers stand before point sensors all along the line; then sensors are taken out and put back, and settings changed with
them. `swap_ms` is what the watch's own thread does between two ticks (`swap_cpu_ms`: the processor's time alone),
`prepare_s` what is read, checked and built beside it. `tracks_ended` are those that a change ended, of `tracks`.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benchmarks.reporting import Figures, answer
from linewatch.app.reloading import Change, change_of
from linewatch.app.watch import LiveWatch, WatchStatus
from linewatch.clock import HandClock
from linewatch.ports import Delivery, Item
from linewatch.records import Tick, Track, from_bytes
from linewatch.site.model import Site
from linewatch.site.reference import reference_site
from linewatch.sources.arrivals import point_detection
from linewatch.store.reader import open_store

START_NS: Final = 1_790_000_000_000_000_000
S: Final = 1_000_000_000
MOVERS: Final = 400
BETWEEN: Final = 4
"""Ticks between two changes."""


class Movers:
    """Detections of movers that stand still, all prepared."""

    name = "movers"
    delivery: Delivery = "ephemeral"
    lateness_s = 0.0
    sensors: tuple[str, ...] = ()

    def __init__(self, site: Site, seconds: int) -> None:
        length_m = site.lines[0].length_m
        point = [sensor for sensor in site.sensors if sensor.at_m is not None]
        seen = point[:: max(len(point) // MOVERS, 1)][:MOVERS]
        self._waiting = [
            point_detection(sensor, length_m, START_NS + half * S // 2, probability=0.95)
            for half in range(1, 2 * seconds)
            for sensor in seen
        ]

    def poll(self, until_ns: int) -> list[Item]:
        """What happened before this time."""
        due: list[Item] = [item for item in self._waiting if item.time_ns < until_ns]
        self._waiting = self._waiting[len(due) :]
        return due

    def position(self) -> str:
        """There is none."""
        return ""

    def seek(self, position: str) -> None:
        """There is none."""

    def committed(self, position: str) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is held."""


class Jumping(threading.Event):
    """Waiting for a tick moves the clock by as much."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Not at all."""
        self._clock.wait_until_ns(self._clock.now_ns() + round((timeout or 0.0) * S) + 1)
        return self.is_set()


def measure(args: argparse.Namespace) -> Figures:
    """Times of the changes, and what they ended."""
    changes = 4 if args.quick else 16
    site = msgspec.structs.replace(reference_site(), sources=(), notifiers=())
    clock, ended, seen = HandClock(START_NS), list[str](), set[str]()
    with tempfile.TemporaryDirectory(prefix="linewatch-reload-") as folder:
        movers = Movers(site, 10 + changes * BETWEEN // 4)

        def take(record: object) -> None:
            if isinstance(record, Track):
                seen.add(record.id)
                if "taken out of the site" in record.ended_reason:
                    ended.append(record.id)

        watch = LiveWatch(site, Path(folder) / "store", clock, take, [lambda: movers])
        stop, times = Jumping(clock), list[tuple[float, float, float]]()

        def after(status: WatchStatus) -> None:
            number = (status.ticks - 32) // BETWEEN
            if status.ticks >= 32 and status.ticks % BETWEEN == 0 and number < changes:
                times.append(changed(watch, site, number))
            elif number >= changes:
                stop.set()

        watch.run(stop, after)
        with open_store(Path(folder) / "store") as reader:
            raw = [entry.payload for entry in reader.entries(kinds=("tick",))]
        ticks = [tick.index for each in raw if each is not None and isinstance(tick := from_bytes(each), Tick)]
    prepare_s, swap_s, cpu_s = (median(column) for column in zip(*times, strict=True))
    return {
        "sensors": len(site.sensors),
        "changes": len(times),
        "prepare_s": round(prepare_s, 3),
        "swap_ms": round(1e3 * swap_s, 1),
        "swap_most_ms": round(1e3 * max(swap for _, swap, _ in times), 1),
        "swap_cpu_ms": round(1e3 * cpu_s, 1),
        "ticks_left_out": ticks[-1] - ticks[0] + 1 - len(ticks),
        "tracks": len(seen),
        "tracks_ended": len(ended),
    }


def changed(watch: LiveWatch, site: Site, number: int) -> tuple[float, float, float]:
    """Take out some sensors of the end of the list, or put them back; seconds beside the watch, in it, of the core."""
    sensors = site.sensors[: len(site.sensors) - (number % 4) - 1]
    settings = {"incident": {"return_s": 30.0 + number}}
    begun = time.perf_counter()
    change = change_of(watch.pipeline, [], msgspec.structs.replace(site, sensors=sensors, settings=settings))
    assert isinstance(change, Change)
    built, cpu = time.perf_counter(), time.process_time()
    watch.take_up(change._replace(sources=watch.sources))
    return built - begun, time.perf_counter() - built, time.process_time() - cpu


def main() -> None:
    """Measure and answer."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
