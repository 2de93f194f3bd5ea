"""How fast a cluster decides, what of it is the steps' and what the engine's, and how soon a decision is there.

Part of `python -m benchmarks.cluster`. The yardstick is one process without an engine that runs the same steps over the
same inputs, in the same run. On a machine whose two cores also carry the engine's own processes, its clock says how
much was left for the steps; processor time says what each part takes, whatever else runs.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks.reporting import Figures
from linewatch.app.cluster.plan import Plan, decided_folder, inputs_folder
from linewatch.app.cluster.site_run import InputLog, Shipping, replay_on_cluster
from linewatch.app.cluster.standalone import Standalone, children
from linewatch.app.cluster.tick_log import TickLogReader
from linewatch.app.cluster.work import TickInputs
from linewatch.app.pipeline import Input, Pipeline
from linewatch.app.replay import span
from linewatch.app.run import Runner
from linewatch.app.settings import Settings
from linewatch.ports import Recording
from linewatch.records import Detections, from_bytes
from linewatch.site.model import Site

BATCHES_PER_S: Final = 320.0
PATIENCE_S: Final = 300.0
S: Final = 1_000_000_000
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Spent:
    """Processor time of a cluster's processes, by what they are: the engine's (Java) and the steps' (Python)."""

    def __init__(self, cluster: Standalone) -> None:
        self._managers = [process.pid for process in cluster.processes]

    def now_s(self) -> dict[str, float]:
        """Seconds so far."""
        spent = {"java": 0.0, "python": 0.0}
        for manager in self._managers:
            for pid in (manager, *children(manager)):
                try:
                    name, fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)
                except OSError:
                    continue
                used = fields.split()
                spent["java" if "java" in name else "python"] += (int(used[11]) + int(used[12])) / _TICKS_PER_S
        return spent


class WarmClock:
    """A clock that stands still until the first decision: what waits while workers start is no delay of an alarm."""

    def __init__(self) -> None:
        self._still_ns: int | None = time.time_ns()
        self._lost_ns = 0

    def begin(self) -> None:
        """Let it go."""
        if self._still_ns is not None:
            self._lost_ns, self._still_ns = time.time_ns() - self._still_ns, None

    def now_ns(self) -> int:
        """The time, less what was lost while it stood still."""
        return time.time_ns() - self._lost_ns if self._still_ns is None else self._still_ns

    def wait_until_ns(self, time_ns: int) -> None:
        """Wait for so long as lies between."""
        time.sleep(max(time_ns - self.now_ns(), 0) / 1e9)


def latency(
    bench: Any,
    opened: Callable[[], list[Recording]],
    begin: Callable[..., tuple[Standalone, str]],
    workers: int,
) -> Figures:
    """Time from shipping a tick to seeing its decision, at so many batches of sections in a second."""
    label = "latency"
    run, plan = bench.run(label)
    cluster, _ = begin(label, run, workers, workers)
    seen: list[float] = []
    clock = WarmClock()
    speed = bench.args.batches * plan.period_ns / S / len(plan.shares)
    try:
        replay_on_cluster(
            run,
            plan,
            bench.site,
            bench.settings,
            opened,
            out=bench.folder / f"{label}-store",
            speed=speed,
            clock=clock,
            on_decided=lambda _, sent, heard: (clock.begin(), seen.append((heard - sent) / 1e6))[1],
        )
    finally:
        cluster.stop()
    # The first third is left out: there the steps are compiled or read from their cache.
    settled = seen[len(seen) // 3 :]
    return {
        "alarm_batches_per_s": bench.args.batches,
        "alarm_workers": workers,
        "alarm_p50_ms": round(statistics.median(settled), 1),
        "alarm_p99_ms": round(float(np.percentile(settled, 99)), 1),
        "alarm_ticks": len(settled),
    }


def ship_all(site: Site, settings: Settings, run: Path, plan: Plan, recordings: list[Recording]) -> tuple[int, int]:
    """Ship all of it; first and last tick."""
    log = InputLog(run, plan)
    runner = Runner(site, Shipping(site, settings, log), recordings)
    first, last = span(recordings, runner, settings, None)
    for index in range(first, last + 1):
        runner.advance(index)
    log.close()
    return first, last


def shipped(run: Path) -> list[TickInputs]:
    """All that was shipped."""
    log, found, at = TickLogReader(inputs_folder(run)), list[TickInputs](), -1
    while (following := log.after(at)) is not None:
        at, raw = following
        found.append(msgspec.msgpack.decode(raw, type=TickInputs))
    return found


def detections_in(ticks: list[TickInputs], after: int) -> int:
    """How many detections were shipped after this tick."""
    records = (from_bytes(raw) for each in ticks if each.tick.index > after for _, _, raw in each.inputs)
    return sum(len(record) for record in records if isinstance(record, Detections))


def one_process(site: Site, settings: Settings, ticks: list[TickInputs], warm: int) -> Figures:
    """The yardstick: the decisions on the same inputs in this process, no store written; inputs read from bytes too."""
    pipeline = Pipeline(site, settings)
    states = pipeline.initial()
    begun = cpu = 0.0
    for each in ticks:
        inputs = [Input(kind, key, from_bytes(raw)) for kind, key, raw in each.inputs]
        states, _ = pipeline.decide(states, inputs, each.tick)
        if each.tick.index == warm:
            begun, cpu = time.perf_counter(), time.process_time()
    n = ticks[-1].tick.index - warm
    return {"ticks_per_s": n / (time.perf_counter() - begun), "cpu_ms": (time.process_time() - cpu) / n * 1e3}


def throughput(
    label: str, run: Path, begin: Callable[..., tuple[Standalone, str]], workers: int, first: int, last: int, warm: int
) -> Figures:
    """Ticks a second over inputs that are all there, once the workers are warm, and the processor time of a tick."""
    cluster, job = begin(label, run, workers, workers)
    log, spent = TickLogReader(decided_folder(run)), Spent(cluster)
    begun = ended = 0.0
    before = after = {"java": 0.0, "python": 0.0}
    index, give_up = first, time.monotonic() + PATIENCE_S
    try:
        while index <= last:
            if log.get(index) is None:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{label}: tick {index - first} of {last - first}: {cluster.why(job)}")
                time.sleep(0.005)
                continue
            if index == warm:
                begun, before = time.perf_counter(), spent.now_s()
            log.forget(index)
            index += 1
        ended, after = time.perf_counter(), spent.now_s()
    finally:
        cluster.stop()
    ticks = last - warm
    return {
        "ticks_per_s": ticks / (ended - begun),
        **{f"cpu_ms_{name}": (after[name] - before[name]) / ticks * 1e3 for name in before},
    }


def pace(bench: Any, opened: Callable[[], list[Recording]], begin: Callable[..., tuple[Standalone, str]]) -> Figures:
    """One process, then a cluster with one worker and with two, over the same inputs."""
    told: dict[str, Figures] = {}
    ticks: list[TickInputs] = []
    warm = 0
    for workers in (1, 2):
        run, plan = bench.run(f"pace-{workers}")
        first, last = ship_all(bench.site, bench.settings, run, plan, opened())
        warm = first + (last - first) // 4
        if not ticks:
            ticks = shipped(run)
            told["alone"] = one_process(bench.site, bench.settings, ticks, warm)
        told[str(workers)] = throughput(f"pace-{workers}", run, begin, workers, first, last, warm)
        print(f"pace so far: {told}", file=sys.stderr, flush=True)
    alone, one, two = told["alone"], told["1"], told["2"]
    per_tick = detections_in(ticks, warm) / (ticks[-1].tick.index - warm)
    return {
        "pace_detections_per_tick": round(per_tick, 1),
        "detections_per_s": round(per_tick * max(one["ticks_per_s"], two["ticks_per_s"])),
        "detections_per_s_one_process": round(per_tick * alone["ticks_per_s"]),
        "efficiency_2": round(two["ticks_per_s"] / one["ticks_per_s"] / 2, 2),
        # By the clock it also counts that both workers, the engine and this process share two cores; this one does not.
        "efficiency_2_cpu": round(_cpu_ms(one) / _cpu_ms(two), 2),
        "ticks_per_s": {name: round(each["ticks_per_s"], 1) for name, each in told.items()},
        "cpu_ms_of_a_tick": {
            name: {key.removeprefix("cpu_ms_"): round(v, 1) for key, v in each.items() if key.startswith("cpu_ms")}
            for name, each in told.items()
        },
        "load": round(os.getloadavg()[0], 1),
    }


def _cpu_ms(told: Figures) -> float:
    return sum(value for key, value in told.items() if key.startswith("cpu_ms_"))
