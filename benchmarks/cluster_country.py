"""A simulated country: the reference line again and again, each with a chain of its own, on one cluster.

Part of `python -m benchmarks.cluster`. Each line is a run of 11 sections; a few seeds are simulated and the lines take
them in turn. To get through ten minutes of 1,000 sections on two cores, ticks are 5 s long instead of 0.25 s and only
every eighth detection is kept: what is measured is how the cost of a section changes with their number, not how many
two cores carry in real time. All inputs lie there when the job begins; the processor time of the engine and its workers
counts between the moments when a quarter and when 95 % of all ticks are decided.
"""

import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks.cluster_pace import Spent, ship_all, shipped
from benchmarks.reporting import Figures
from linewatch.app.cluster.plan import Plan, decided_folder, plan_of, write_plan
from linewatch.app.cluster.site_run import InputLog
from linewatch.app.cluster.standalone import Standalone
from linewatch.app.cluster.tick_log import TickLogReader
from linewatch.app.cluster.work import Decided, TickInputs, encode
from linewatch.app.pipeline import Input, Pipeline
from linewatch.app.settings import settings_of
from linewatch.records import Detections, canonical_bytes, from_bytes
from linewatch.simulate import SimulatedSource, read_scene, shortened

SEEDS: Final = 4
PERIOD_S: Final = 5.0
KEEP_EVERY: Final = 8
WORKERS: Final = 2
_FROM, _TO = 0.25, 0.95


def thinned(each: TickInputs) -> TickInputs:
    """The same tick with every eighth detection."""
    kept = []
    for kind, key, raw in each.inputs:
        record = from_bytes(raw)
        if isinstance(record, Detections):
            chosen = np.arange(0, len(record), KEEP_EVERY)
            kept.append((kind, key, canonical_bytes(record.take(chosen))))
        else:
            kept.append((kind, key, raw))
    return TickInputs(each.tick, tuple(kept))


class Country:
    """Inputs of every seed, shipped once."""

    def __init__(self, bench: Any, seconds: float) -> None:
        self.bench, self.folder = bench, bench.folder / "country"
        overrides = {"tick": {"period_s": PERIOD_S}}
        self.plan: Plan = plan_of("reference", overrides, versions=bench.versions)
        self.settings = settings_of(bench.site, overrides)
        self.ticks: list[list[TickInputs]] = []
        for seed in range(1, SEEDS + 1):
            scene = shortened(read_scene("the-night", bench.site), bench.site, seed)
            scene = msgspec.structs.replace(scene, duration_s=min(seconds, scene.duration_s))
            run = self.folder / f"seed-{seed}"
            write_plan(run, self.plan)
            ship_all(bench.site, self.settings, run, self.plan, [SimulatedSource(scene, bench.site, seed)])
            self.ticks.append([thinned(each) for each in shipped(run)])

    def expected(self, seed: int) -> list[bytes]:
        """What one process without an engine decides, tick by tick."""
        pipeline = Pipeline(self.bench.site, self.settings)
        states, found = pipeline.initial(), []
        for each in self.ticks[seed]:
            inputs = [Input(kind, key, from_bytes(raw)) for kind, key, raw in each.inputs]
            states, out = pipeline.decide(states, inputs, each.tick)
            found.append(encode(Decided(tuple(canonical_bytes(record) for record in out))))
        return found

    def lines(self, sections: int) -> list[Path]:
        """Runs of so many sections, at least, with all their inputs."""
        number = -(-sections // len(self.plan.shares))
        runs = [self.folder / str(sections) / f"line-{each:03d}" for each in range(number)]
        for each, run in enumerate(runs):
            write_plan(run, self.plan)
            log = InputLog(run, self.plan)
            for tick in self.ticks[each % SEEDS]:
                log.append(tick.tick, [Input(kind, key, from_bytes(raw)) for kind, key, raw in tick.inputs])
            log.close()
        return runs


def cost(country: Country, sections: int, patience_s: float) -> Figures:
    """Processor time of a section's tick with so many sections, and how the cluster came through."""
    bench, label = country.bench, f"country-{sections}"
    runs = country.lines(sections)
    cluster = Standalone(bench.folder / f"{label}-flink", bench.python, bench.args.port)
    seeds = bench.folder / f"{label}-seeds"
    seeds.mkdir()
    for each, run in enumerate(runs):
        (seeds / f"{each:03d}.txt").write_text(f"{run}\n")
    logs = [TickLogReader(decided_folder(run)) for run in runs]
    at, done = [-1] * len(runs), [0] * len(runs)
    total = sum(len(country.ticks[each % SEEDS]) for each in range(len(runs)))
    marks: list[tuple[int, float, float]] = []
    wrong = 0
    expected = country.expected(0)
    begun = time.perf_counter()
    try:
        cluster.start(WORKERS)
        job = cluster.submit(seeds, WORKERS, "--execution", bench.args.execution, "--checkpoint-ms", "10000")
        spent, give_up = Spent(cluster), time.monotonic() + patience_s
        while sum(done) < total:
            if time.monotonic() > give_up:
                print(f"{label}: {sum(done)} of {total} ticks: {cluster.why(job)}", flush=True)
                marks = [*marks[:1], (sum(done), time.perf_counter(), sum(spent.now_s().values()))]
                break
            for each, log in enumerate(logs):
                while (following := log.after(at[each])) is not None:
                    at[each] = following[0]
                    wrong += each % SEEDS == 0 and following[1] != expected[done[each]]
                    done[each] += 1
                    log.forget(at[each])
            if sum(done) >= total * (_TO if marks else _FROM) and len(marks) < 2:
                marks.append((sum(done), time.perf_counter(), sum(spent.now_s().values())))
            time.sleep(0.2)
    finally:
        cluster.stop()
    each_line = len(country.plan.shares)
    figures: Figures = {"sections": len(runs) * each_line, "ticks_decided": sum(done), "of": total, "wrong": wrong}
    if len(marks) == 2:
        (n1, t1, s1), (n2, t2, s2) = marks
        figures["cpu_ms_section_tick"] = round((s2 - s1) / (n2 - n1) / each_line * 1e3, 3)
        figures["section_ticks_per_s"] = round((n2 - n1) * each_line / (t2 - t1))
    return figures | {"wall_s": round(time.perf_counter() - begun, 1), "load": round(os.getloadavg()[0], 1)}


def country(bench: Any) -> Figures:
    """The cost of a section for every asked number of them."""
    made = Country(bench, bench.args.country_seconds)
    told = []
    for sections in (int(each) for each in bench.args.sections.split(",")):
        told.append(cost(made, sections, bench.args.country_patience))
        print(told[-1], flush=True)
    costs = [each["cpu_ms_section_tick"] for each in told if "cpu_ms_section_tick" in each]
    flat = {"country_most_over_least": round(max(costs) / min(costs), 2)} if len(costs) > 1 else {}
    return {"country": told, **flat}
