"""A watch that is killed at random moments and started again ends as if nothing had been: `python -m benchmarks.crash`.

Ten minutes cut out of the scene `the-night`, on the sensors and the section of a stretch of the line (`--whole-line`
takes all of it, at ten times the cost), are watched once undisturbed, then `--runs` times by processes that are
killed with SIGKILL at random moments, one to three times each, started again each time, and let finish. A run counts
as `identical` when its record chain (head, entries and payloads), its incidents with their ids, the decision states
and every file that the chain cites are those of the undisturbed run, and the store verifies.

A run begins at a copy of the undisturbed store, as it stood at one of `SNAPSHOTS` moments drawn at random (the first
is the empty folder), and is killed after it: what came before would be the same twice. `--from-start` begins every run
at the empty folder instead. The kill comes after a random time on the clock, so it meets opening, deciding, commits,
files of the archive, resuming and closing; `killed_ticks` tells how many different ticks were met. Processes are
forked from one that has loaded everything, which saves their start. `--from` moves the cut, `--minutes` shortens it.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.reporting import Figures, answer
from linewatch.app.replay import replay
from linewatch.ports import Item
from linewatch.simulate import SimulatedSource, read_scene
from linewatch.simulate.scene import Load, Scene
from linewatch.site.load import load_site
from linewatch.site.model import Site
from linewatch.store import open_store, verify
from linewatch.store.identity import library_lock
from linewatch.store.schema import DATABASE

SCENE: Final = "the-night"
RUNS, QUICK_RUNS = 20, 4
MINUTES, QUICK_MINUTES = 10.0, 1.0
FROM_S: Final = 7_500.0
"""Beginning of the cut: the first crowd comes to the barrier elsewhere, single parties try along the whole line."""
STRETCH_M: Final = (100_000.0, 104_000.0)
"""Stretch whose sensors are watched."""
SNAPSHOTS: Final = 12
KILLS: Final = (1, 1, 2, 3)
NS_PER_S: Final = 1_000_000_000
WARM_S: Final = 20.0


class Cut:
    """A stretch of the scene, as a recording with a beginning and an end of its own."""

    delivery: Final = "replayable"
    lateness_s: Final = 0.0

    def __init__(self, site: Site, scene: Scene, from_s: float, seconds: float) -> None:
        self._whole = SimulatedSource(scene, site, 1)
        self.name = self._whole.name
        self.start_ns = self._whole.start_ns + round(from_s * NS_PER_S)
        self.end_ns = self.start_ns + round(seconds * NS_PER_S)
        self.fingerprint = f"{self._whole.fingerprint} {self.start_ns} {self.end_ns}"
        self.on_commit: Callable[[int], None] | None = None
        self._whole.seek(str(self.start_ns))

    def poll(self, until_ns: int) -> Iterable[Item]:
        """What the scene gives, up to the end of the cut."""
        return self._whole.poll(min(until_ns, self.end_ns))

    def position(self) -> str:
        """The time up to which it has been asked."""
        return self._whole.position()

    def seek(self, position: str) -> None:
        """Go on from a time."""
        self._whole.seek(position)

    def committed(self, position: str) -> None:
        """The tick is on disk."""
        if self.on_commit is not None:
            self.on_commit(int(position))

    def close(self) -> None:
        """Let go of what was made ahead."""
        self._whole.close()


def setting(*, whole_line: bool) -> tuple[Site, Scene]:
    """The site and the scene; of a stretch, with the faults that concern its sensors."""
    site = load_site("reference")
    scene = read_scene(SCENE, site)
    if whole_line:
        return site, scene
    low, high = STRETCH_M
    here = [sensor for sensor in site.sensors if sensor.extent_m()[0] < high and sensor.extent_m()[1] > low]
    names = {sensor.id for sensor in here}
    faults = tuple(fault for fault in scene.faults if names.issuperset(fault.sensors))
    lines = tuple(
        msgspec.structs.replace(line, sections=tuple(s for s in line.sections if s.from_m < high and s.to_m > low))
        for line in site.lines
    )
    trimmed = msgspec.structs.replace(site, sensors=tuple(here), lines=lines)
    loads = tuple(load for each in scene.loads if (load := _share_of(each, low, high)) is not None)
    return trimmed, msgspec.structs.replace(scene, faults=faults, loads=loads)


def _share_of(load: Load, low_m: float, high_m: float) -> Load | None:
    """What falls on a stretch of a load; None where it lies elsewhere."""
    first, last = load.stretch_m
    from_m, to_m = max(first, low_m), min(last, high_m)
    if from_m >= to_m:
        return None
    rate = load.detections_per_s * (to_m - from_m) / (last - first)
    return msgspec.structs.replace(load, stretch_m=(from_m, to_m), detections_per_s=rate)


def in_a_child(work: Callable[[], None]) -> int:
    """The id of a process that does this and ends; forked, so that nothing has to be loaded again."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - whatever ends a child must not go on as its parent
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)


def finish(child: int) -> None:
    """Wait for a child; it must have ended well."""
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"a run ended with status {os.waitstatus_to_exitcode(status)}")


def kill_after(child: int, seconds: float) -> bool:
    """Kill a child after so long; whether it was still at work."""
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        time.sleep(min(0.01, max(end_s - time.perf_counter(), 0.0)))
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if os.waitstatus_to_exitcode(status) != 0:
                raise RuntimeError(f"a run ended with status {os.waitstatus_to_exitcode(status)}")
            return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def undisturbed(site: Site, source: Cut, seconds: float, folder: Path) -> None:
    """The run that nothing happens to; it leaves copies of its store as it stood between two ticks."""
    step_ns = round(seconds * NS_PER_S / SNAPSHOTS)
    due = [source.start_ns + number * step_ns for number in range(1, SNAPSHOTS)]

    def copy_when_due(time_ns: int) -> None:
        # Sources are told once the tick is committed, so nothing is half written now.
        if due and time_ns >= due[0]:
            due.pop(0)
            shutil.copytree(folder / "whole", folder / f"at-{len(due)}")

    source.on_commit = copy_when_due
    replay(site, [source], out=folder / "whole")


def print_of(store: Path) -> tuple[object, ...]:
    """All that must be equal: chain, incidents, states, files."""
    with open_store(store) as reader:
        chain = [(e.seq, e.tick, e.kind, e.key, e.payload) for e in reader.entries()]
        head, incidents, positions = reader.head(), reader.incidents(), reader.positions()
    files = {path.name: path.read_bytes() for room in ("segments", "clips") for path in (store / room).iterdir()}
    return head, chain, incidents, positions, files


def last_tick(store: Path) -> int | None:
    """The last tick that is committed in a store, which may not have been begun."""
    if not (store / DATABASE).exists():
        return None
    connection = sqlite3.connect(store / DATABASE)
    try:
        row = connection.execute("SELECT tick FROM progress").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return None if row is None else row[0]


class Trial:
    """Kills runs and compares what they leave."""

    def __init__(self, site: Site, source: Cut, args: argparse.Namespace, folder: Path, whole_s: float) -> None:
        self.site, self.args, self.folder, self.whole_s = site, args, folder, whole_s
        # Made once, and as good as new in every process: a forked process has its own copy.
        self.source = source
        self.wanted = print_of(folder / "whole")
        self.chance = random.Random(args.seed)  # noqa: S311 - moments to kill at
        self.killed_ticks: set[int | None] = set()
        self.kills = 0

    def start(self, store: Path) -> int:
        """A process that watches the cut into this store."""

        def work() -> None:
            replay(self.site, [self.source], out=store)

        return in_a_child(work)

    def run(self, number: int) -> bool:
        """One run, killed and started again; whether it left what the undisturbed one left."""
        store = self.folder / f"run-{number}"
        left = SNAPSHOTS if self.args.from_start else self.chance.randint(1, SNAPSHOTS)
        if left < SNAPSHOTS:
            # at-N was copied with N twelfths still to come, less one
            shutil.copytree(self.folder / f"at-{left - 1}", store)
        kills = self.chance.choice(KILLS)
        remaining_s = self.whole_s * left / SNAPSHOTS
        for kill in range(kills):
            # Part of them at once: opening, resuming and the first ticks are the moments that differ most.
            most_s = 0.5 if self.chance.random() < 0.2 else remaining_s / (kills - kill)
            if not kill_after(self.start(store), self.chance.uniform(0.0, most_s)):
                break
            self.kills += 1
            self.killed_ticks.add(last_tick(store))
        finish(self.start(store))
        same = print_of(store) == self.wanted and verify(store).status == "unanchored"
        if same or not self.args.keep:
            shutil.rmtree(store)
        return same


def measure(args: argparse.Namespace) -> Figures:
    """Watch once, then kill and compare."""
    site, scene = setting(whole_line=args.whole_line)
    minutes = args.minutes or (QUICK_MINUTES if args.quick else MINUTES)
    runs = args.runs or (QUICK_RUNS if args.quick else RUNS)
    # Loads and compiles everything that the children need. No store: its libraries would leave threads behind.
    replay(site, [Cut(site, scene, args.from_s, WARM_S)])
    library_lock()
    source = Cut(site, scene, args.from_s, minutes * 60.0)
    folder = Path(tempfile.mkdtemp(prefix="linewatch-crash-", dir=args.folder))
    try:
        begun_s = time.perf_counter()
        finish(in_a_child(lambda: undisturbed(site, source, minutes * 60.0, folder)))
        whole_s = time.perf_counter() - begun_s
        trial = Trial(site, source, args, folder, whole_s)
        taken_s, identical = [], 0
        for number in range(runs):
            begun_s = time.perf_counter()
            identical += trial.run(number)
            taken_s.append(time.perf_counter() - begun_s)
            if args.progress:
                sys.stderr.write(f"{number + 1} runs, {identical} identical, {sum(taken_s):.0f} s\n")
        return {
            "runs": runs,
            "identical": identical,
            "kills": trial.kills,
            "killed_ticks": len(trial.killed_ticks),
            "records": len(trial.wanted[1]),  # type: ignore[arg-type]
            "incidents": len(trial.wanted[2]),  # type: ignore[arg-type]
            "simulated_s": minutes * 60.0,
            "whole_s": whole_s,
            "run_median_s": statistics.median(taken_s),
        }
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=0, help=f"how many runs are killed ({RUNS})")
    parser.add_argument("--minutes", type=float, default=0.0, help=f"length of the cut ({MINUTES:g})")
    parser.add_argument("--from", dest="from_s", type=float, default=FROM_S, help="where the cut begins, in seconds")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments")
    parser.add_argument("--from-start", action="store_true", help="begin every run at the empty folder")
    parser.add_argument("--keep", action="store_true", help="leave the stores of runs that differ")
    parser.add_argument("--whole-line", action="store_true", help="all sensors of the line, not those of a stretch")
    parser.add_argument("--folder", type=Path, default=None, help="where stores are written; a temporary folder")
    parser.add_argument("--progress", action="store_true", help="tell on standard error after every run")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
