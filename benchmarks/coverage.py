"""How fast coverage is computed: the whole reference line at 1 m for all movers, and one sensor's change.

`full_ms`: median time to build the coverage of the line from nothing. `update_ms`: a sensor goes out or comes back; the
median of each kind of sensor is taken, and this is that of the slowest kind (`update_ms_by_kind` holds them all).
The same with `cpu` counts the processor's time alone.
`whole_fibre_ms`: the same for a fibre along the whole line, longer than any interrogator reads. After all updates the
numbers are compared with those of a fresh build: `identical` says whether every bit is the same.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from statistics import median

import msgspec
import numpy as np

from benchmarks.reporting import Figures, answer
from linewatch.records import Outage, Weather
from linewatch.site.coverage import WATCHED, Coverage
from linewatch.site.model import Site
from linewatch.site.planner import plan
from linewatch.site.reference import reference_site
from linewatch.site.sensor import Sensor
from linewatch.site.single_failure import single_failures
from linewatch.site.strip_chart import strip_chart
from linewatch.site.unwatched import unwatched_metre_hours

SEED = 11
_HOUR_NS = 3_600_000_000_000


Time = tuple[float, float]
"""Milliseconds by the clock on the wall, and those of the processor, which other programs slow down less."""


def timed(work: Callable[[], object]) -> Time:
    """What a piece of work takes."""
    begun, begun_cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - begun) * 1000.0, (time.process_time() - begun_cpu) * 1000.0


def middle(times: Sequence[Time]) -> Time:
    """The median of both."""
    return median(wall for wall, _ in times), median(cpu for _, cpu in times)


def outage(*sensors: str, start_ns: int = 0, end_ns: int | None = None) -> Outage:
    """Sensors that do not watch at all."""
    name = f"{'-'.join(sensors)}/{start_ns}"
    return Outage(name, "main", sensors, "silent", 0.0, 0.0, start_ns, start_ns, end_ns, 0.0, "silent")


def change(coverage: Coverage, sensors: Sequence[Sensor], times: int, chance: random.Random) -> Time:
    """An update in which one of these sensors goes out or comes back, with those out that the coverage holds."""
    held = coverage.condition.outages
    taken = []
    for _ in range(times):
        more = [*held, outage(chance.choice(sensors).id)]
        taken.append(timed(lambda more=more: coverage.update(outages=more)))
        taken.append(timed(lambda: coverage.update(outages=held)))
    return middle(taken)


def season(site: Site, events: int, chance: random.Random) -> list[Outage]:
    """Outages of single sensors over a day, at any time."""
    starts = [chance.randrange(24 * _HOUR_NS) for _ in range(events)]
    return [
        outage(chance.choice(site.sensors).id, start_ns=start, end_ns=start + chance.randrange(_HOUR_NS))
        for start in starts
    ]


def with_fibre(site: Site) -> Site:
    """The site with one fibre along the whole line besides."""
    length_m = site.lines[0].length_m
    fibre = Sensor(id="das-whole", kind="fibre_das", line="main", from_m=0.0, to_m=length_m, channels=20_117)
    return msgspec.structs.replace(site, sensors=(*site.sensors, fibre))


def measure(args: argparse.Namespace) -> Figures:
    """All of it on the reference site, one thread."""
    runs, times = (3, 20) if args.quick else (15, 200)
    chance = random.Random(SEED)  # noqa: S311 - a seeded choice of sensors
    site = reference_site()
    full = middle([timed(lambda: Coverage(site)) for _ in range(runs)])
    coverage = Coverage(site)
    coverage.update(outages=[outage(sensor.id) for sensor in chance.sample(site.sensors, 60)])
    kinds = sorted({sensor.kind for sensor in site.sensors})
    by_kind = {
        kind: change(coverage, [sensor for sensor in site.sensors if sensor.kind == kind], times, chance)
        for kind in kinds
    }
    built = Coverage(site, condition=coverage.condition)
    identical = all(np.array_equal(coverage.pd(mover), built.pd(mover)) for mover in WATCHED)
    whole = Coverage(with_fibre(site))
    fibre = change(whole, [whole.site.sensor("das-whole")], max(5, times // 10), chance)
    storm = Weather("main", 0.0, coverage.line.length_m, 0, gust_mps=20.0, rain_mm_per_h=6.0, visibility_m=800.0)
    events = 100 if args.quick else 1_000
    outages = season(site, events, chance)
    coverage.update(outages=[])
    return {
        "full_ms": round(full[0], 1),
        "full_cpu_ms": round(full[1], 1),
        "update_ms": round(max(wall for wall, _ in by_kind.values()), 3),
        "update_cpu_ms": round(max(cpu for _, cpu in by_kind.values()), 3),
        "update_ms_by_kind": {kind: round(wall, 3) for kind, (wall, _) in by_kind.items()},
        "whole_fibre_ms": round(fibre[0], 2),
        "whole_fibre_cpu_ms": round(fibre[1], 2),
        "identical": identical,
        "metres": coverage.grid.steps,
        "movers": len(WATCHED),
        "sensors": len(site.sensors),
        "single_failures_ms": round(timed(lambda: single_failures(coverage))[0], 1),
        "unwatched_ms_per_event": round(
            timed(lambda: unwatched_metre_hours(coverage, 0, 24 * _HOUR_NS, outages))[0] / (2 * events), 3
        ),
        "storm_update_ms": round(timed(lambda: coverage.update(weather=[storm]))[0], 1),
        "plan_ms": round(timed(lambda: plan(coverage, budget=100.0))[0], 1),
        "picture_ms": round(timed(lambda: strip_chart(coverage))[0], 1),
        "json_ms": round(timed(coverage.to_json)[0], 1),
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
