"""The same steps on Apache Flink, against one machine, byte for byte, while its parts are killed.

    python -m benchmarks.cluster --python ENGINE_PYTHON [--json] [--quick]

Needs Java and a Python with apache-flink (docs/cluster.md). `identical` counts scenes whose store from 1 and from 2
workers is the embedded run's: incidents, ids and every entry of the record chain. The kills (SIGKILL of a task manager
with all its workers, of one Python worker, of the job manager) meet a paced run with two workers and a warm spare;
`lost`, `wrong` and `doubled` count entries of its record chain against the embedded run's. `outage_s` is the longest
time from a tick's shipping to its decision around a kill of a task manager or a worker; `outage_s_jm` around a kill of
the job manager, which has no standby here and is resubmitted from its last checkpoint. `detections_per_s` and
`efficiency_2` run as fast as they can over inputs that are there; `alarm_p99_ms` at 320 batches of sections a second.
"""

import argparse
import contextlib
import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.cluster_country import country
from benchmarks.cluster_pace import BATCHES_PER_S, latency, pace
from benchmarks.reporting import Figures, answer
from linewatch.app.cluster.plan import Plan, plan_of, write_plan
from linewatch.app.cluster.site_run import replay_on_cluster
from linewatch.app.cluster.standalone import Standalone, children, versions_in
from linewatch.app.replay import replay
from linewatch.app.settings import settings_of
from linewatch.ports import Recording
from linewatch.simulate import SimulatedSource, read_scene, shortened
from linewatch.site.load import load_site
from linewatch.store import open_store

SITE: Final = "reference"
S: Final = 1_000_000_000


class Bench:
    """Where everything lies, and what all parts share."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.python = Path(args.python)
        self.versions = versions_in(self.python)
        self.site = load_site(SITE)
        self.settings = settings_of(self.site)

    def run(self, name: str) -> tuple[Path, Plan]:
        """Folder and plan of a new run."""
        plan = plan_of(SITE, versions=self.versions)
        write_plan(self.folder / name, plan)
        return self.folder / name, plan

    def cluster(self, name: str, run: Path, workers: int, task_managers: int) -> tuple[Standalone, str]:
        """A cluster that works on a run, and its job."""
        cluster = Standalone(self.folder / f"{name}-flink", self.python, self.args.port)
        seeds = self.folder / f"{name}-seeds"
        seeds.mkdir()
        (seeds / "run.txt").write_text(f"{run}\n")
        try:
            cluster.start(task_managers)
            job = cluster.submit(seeds, workers, "--execution", self.args.execution)
        except BaseException:
            cluster.stop()
            raise
        return cluster, job


def scene(bench: Bench, name: str, seconds: float) -> Callable[[], list[Recording]]:
    """A scene of so many seconds from where most happens, opened anew at each call."""
    whole = shortened(read_scene(name, bench.site), bench.site, 1)
    cut = msgspec.structs.replace(whole, duration_s=min(seconds, whole.duration_s))
    return lambda: [SimulatedSource(cut, bench.site, 1)]


def entries(store: Path) -> list[tuple[int, str, str, bytes | None]]:
    """The record chain, entry by entry."""
    with open_store(store) as reader:
        return [(entry.tick, entry.kind, entry.key, entry.payload) for entry in reader.entries()]


def head(store: Path) -> str:
    """Hash of the last entry."""
    with open_store(store) as reader:
        return reader.head()


def judged(alone: Path, other: Path) -> dict[str, int]:
    """Entries of `other` that are missing, that should not be there, and that are there twice."""
    expected, found = Counter(entries(alone)), Counter(entries(other))
    lost, extra = expected - found, found - expected
    doubled = sum(count for entry, count in extra.items() if entry in expected)
    return {"lost": lost.total(), "wrong": extra.total() - doubled, "doubled": doubled}


def embedded(bench: Bench, name: str, opened: Callable[[], list[Recording]]) -> tuple[Path, float]:
    """The store that one machine leaves, and the time it took."""
    out = bench.folder / f"{name}-alone"
    begun = time.perf_counter()
    replay(bench.site, opened(), out=out, settings=bench.settings)
    return out, time.perf_counter() - begun


def identical(bench: Bench, name: str, opened: Callable[[], list[Recording]], alone: Path, workers: int) -> bool:
    """Whether so many workers leave the same store."""
    label = f"{name}-{workers}"
    run, plan = bench.run(label)
    cluster, job = bench.cluster(label, run, workers, workers)
    out = bench.folder / f"{label}-store"
    try:
        replay_on_cluster(run, plan, bench.site, bench.settings, opened, out=out)
    except BaseException:
        print(f"{label}: {cluster.why(job)}", flush=True)
        raise
    finally:
        cluster.stop()
    return head(out) == head(alone) and entries(out) == entries(alone)


# --- kills ----------------------------------------------------------------------------------------------------------


class Killer(threading.Thread):
    """Kills one part after the other, a while apart, and sees to it that each comes back."""

    def __init__(self, cluster: Standalone, job: str, seeds: Path, plan: Sequence[str], apart_s: float) -> None:
        super().__init__(daemon=True)
        self.cluster, self.job, self.seeds = cluster, job, seeds
        self.plan, self.apart_s = plan, apart_s
        self.kills: list[tuple[str, int]] = []
        self.begun, self.stopped = threading.Event(), threading.Event()

    def run(self) -> None:
        """One kill after the other, once the first decision is there."""
        self.begun.wait()
        for role in self.plan:
            if self.stopped.wait(self.apart_s):
                return
            self.kills.append((role, time.time_ns()))
            getattr(self, f"_{role}")()

    def _busy(self) -> list[Any]:
        managers = self.cluster.alive("taskmanager")
        return [m for m in managers if _workers(m.pid)] or managers

    def _tm(self) -> None:
        victim = self._busy()[0]
        self.cluster.kill(victim)
        self.cluster.add("taskmanager")

    def _py(self) -> None:
        workers = [pid for manager in self._busy() for pid in _workers(manager.pid)]
        for pid in workers[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _jm(self) -> None:
        for manager in self.cluster.alive("jobmanager"):
            self.cluster.kill(manager)
        self.cluster.add("jobmanager")
        self.cluster.wait_for_slots(2)
        self.job = self.cluster.submit(self.seeds, 2, savepoint=self.cluster.latest_checkpoint(self.job))


def _workers(pid: int) -> list[int]:
    """Python workers below a task manager."""
    found = []
    for child in children(pid):
        with contextlib.suppress(OSError):
            if b"beam_sdk_worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def killed(bench: Bench, opened: Callable[[], list[Recording]], alone: Path, plan: Sequence[str]) -> Figures:
    """A paced run with two workers and a warm spare whose parts are killed."""
    run, made = bench.run("kills")
    cluster, job = bench.cluster("kills", run, 2, 3)
    seen: list[tuple[int, int]] = []
    out = bench.folder / "kills-store"
    killer = Killer(cluster, job, bench.folder / "kills-seeds", plan, bench.args.apart)
    (source,) = opened()
    # A job manager takes its time to come back: the run has to last beyond the last kill.
    wall_s = bench.args.apart * (len(plan) + 1) + 25.0 * plan.count("jm")
    speed = (source.end_ns - source.start_ns) / S / wall_s
    try:
        killer.start()
        done = replay_on_cluster(
            run,
            made,
            bench.site,
            bench.settings,
            opened,
            out=out,
            speed=speed,
            on_decided=lambda _, sent, heard: (killer.begun.set(), seen.append((sent, heard)))[1],
            patience_s=120.0,
        )
    except BaseException:
        print(f"kills: {killer.kills} {cluster.job()} {cluster.why(killer.job)}", flush=True)
        raise
    finally:
        killer.stopped.set()
        killer.begun.set()
        killer.join()
        cluster.stop()
    worst: dict[str, float] = {}
    for number, (role, at_ns) in enumerate(killer.kills):
        until_ns = killer.kills[number + 1][1] if number + 1 < len(killer.kills) else seen[-1][1]
        after = sorted(heard for _, heard in seen if heard >= at_ns)
        # Up to the first decision after the next kill: where that came too soon, the outage went on beyond it.
        times = [at_ns, *after[: sum(heard < until_ns for heard in after) + 1]]
        gap = max(((b - a) / S for a, b in itertools.pairwise(times)), default=0.0)
        worst[role] = max(worst.get(role, 0.0), gap)
    return {
        "kills": len(killer.kills),
        **judged(alone, out),
        "repeats_dropped": done.repeats,
        "outage_s": round(max(worst.get("tm", 0.0), worst.get("py", 0.0)), 1),
        "outage_s_by_part": {role: round(gap, 1) for role, gap in sorted(worst.items())},
    }


def measure(args: argparse.Namespace) -> Figures:
    """All parts, or those that are asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no cluster outlives this
    with tempfile.TemporaryDirectory(prefix="cluster-", dir=args.folder) as folder:
        bench = Bench(args, Path(folder))
        parts = args.parts.split(",")
        figures: Figures = {"versions": bench.versions, "execution": args.execution}
        opened = scene(bench, "the-night", 60.0 if args.quick else args.seconds)
        if {"identical", "kills"} & set(parts):
            alone, figures["embedded_s"] = embedded(bench, "night", opened)
            figures["entries"] = len(entries(alone))
        if "identical" in parts:
            same = {workers: identical(bench, "night", opened, alone, workers) for workers in (1, 2)}
            figures |= {"identical": sum(same.values()), "identical_of": len(same)}
        if "kills" in parts:
            figures |= killed(bench, opened, alone, args.kills.split(","))
        if "latency" in parts:
            figures |= latency(bench, opened, bench.cluster, args.workers)
        if "pace" in parts:
            figures |= pace(bench, opened, bench.cluster)
        if "country" in parts:
            figures |= country(bench)
        return figures


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", default=os.environ.get("LINEWATCH_FLINK_PYTHON", ".venv-flink/bin/python"))
    parser.add_argument("--execution", choices=("process", "thread"), default="process")
    parser.add_argument("--parts", default="identical,kills,latency,pace")
    parser.add_argument("--kills", default="py,tm,py,tm,jm,py,tm,py,tm,jm")
    parser.add_argument("--apart", type=float, default=15.0, help="seconds between two kills")
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the scene")
    parser.add_argument("--workers", type=int, default=1, help="of the latency part")
    parser.add_argument("--batches", type=float, default=BATCHES_PER_S, help="of sections a second, latency part")
    parser.add_argument("--sections", default="32,100,320,1000", help="how many, one after the other: country part")
    parser.add_argument("--country-seconds", type=float, default=600.0, help="simulated time of the country part")
    parser.add_argument("--country-patience", type=float, default=1_000.0, help="longest time for one number of them")
    parser.add_argument("--port", type=int, default=18081)
    parser.add_argument("--folder", default=None, help="where to work")


if __name__ == "__main__":
    answer(measure, __doc__, more=_more)
