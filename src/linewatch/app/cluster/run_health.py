"""How a run on a cluster is, for the console of its store: what the engine says, and how far its logs have come.

Nothing of the engine is imported or started here: its job manager is asked over HTTP, and logs are read from where they
were read last. The store is told of its run by a small file beside it, which is no part of the record.
"""

import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.app.cluster.plan import MAX_WORKERS, Plan, decided_folder, inputs_folder, read_plan
from linewatch.app.cluster.tick_log import epochs, frames
from linewatch.app.console_cluster import RUN_FILE
from linewatch.clock import Clock, monotonic_s
from linewatch.console.cluster_shapes import ClusterShape, UnworkedShape
from linewatch.errors import LinewatchError

LOOK_S: Final = 2.0
"""How often it is looked, while somebody asks."""
_ANSWER_S: Final = 3.0
_NS_PER_MS: Final = 1_000_000
_WORKING: Final = "RUNNING"
_SECTIONS: Final = "section"
"""Name of the step that is keyed by section."""

Ask = Callable[[str, str], dict[str, Any] | None]
"""From the engine's address and a path to what its job manager answers; None where it does not."""


class NamedRun(msgspec.Struct, frozen=True):
    """Which run a store is of."""

    run: str
    """Folder of the run."""
    engine: str
    """Address of the engine's job manager."""


def name_run(store: Path, run: Path, engine: str) -> None:
    """Leave word beside a store of the run that decides it."""
    store.mkdir(parents=True, exist_ok=True)
    (store / RUN_FILE).write_bytes(msgspec.json.encode(NamedRun(str(run.absolute()), engine)))


class RunHealth:
    """How the run of a store is, as it was found at most a few seconds ago. Asking it never waits."""

    def __init__(self, store: Path, clock: Clock, ask: Ask | None = None) -> None:
        self._file = store / RUN_FILE
        self._clock = clock
        self._ask = ask or asked
        self._tails: dict[Path, _Tail] = {}
        self._since_ms: dict[tuple[str, str], int] = {}
        self._found: ClusterShape | None = None
        self._looked_s = -LOOK_S
        self._looking = threading.Lock()

    def __call__(self) -> ClusterShape | None:
        """What was found; None where the store is of no run, or before the first look is over."""
        if monotonic_s() - self._looked_s >= LOOK_S and self._looking.acquire(blocking=False):
            self._looked_s = monotonic_s()
            threading.Thread(target=self._look_on, name="cluster", daemon=True).start()
        return self._found

    def look(self) -> ClusterShape | None:
        """Look now, and wait for what is found."""
        try:
            named = msgspec.json.decode(self._file.read_bytes(), type=NamedRun)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            return _untold(str(self._file), f"{self._file}: found no run ({error})")
        if not named.engine.startswith(("http://", "https://")):
            found = f"{self._file}: engine: found {named.engine!r}"
            return _untold(named.run, f"{found}; allowed: an address that begins with http:// or https://")
        try:
            plan = read_plan(Path(named.run))
            shipped, decided = (self._last(folder(Path(named.run))) for folder in (inputs_folder, decided_folder))
        except (LinewatchError, OSError) as error:
            return _untold(named.run, " ".join(str(error).split()))
        told = self._engine(named, plan)
        if idle := shipped == decided:
            # A run that is over, or for which nothing has come yet, misses no worker.
            self._since_ms.clear()
            told = msgspec.structs.replace(told, without=[])
        behind = None if shipped is None or decided is None else (shipped - decided) * plan.period_ns / 1e9
        return msgspec.structs.replace(told, shipped=shipped, decided=decided, behind_s=behind, idle=idle)

    def _look_on(self) -> None:
        try:
            self._found = self.look()
        finally:
            self._looking.release()

    def _last(self, folder: Path) -> int | None:
        return self._tails.setdefault(folder, _Tail(folder)).last()

    def _engine(self, named: NamedRun, plan: Plan) -> ClusterShape:
        """What the job manager says of the job and of every section's worker."""
        overview = self._ask(named.engine, "/overview")
        jobs = (self._ask(named.engine, "/jobs/overview") or {}).get("jobs", [])
        job = max(jobs, key=lambda each: each["start-time"], default=None)
        state = "no engine" if overview is None else "no job" if job is None else str(job["state"])
        checkpoints: dict[str, Any] = {}
        why, working = "", frozenset[int]()
        parallel = 1
        if job is not None:
            checkpoints = self._ask(named.engine, f"/jobs/{job['jid']}/checkpoints") or {}
            why = self._why(named.engine, job["jid"])
            parallel, working = self._working(named.engine, job["jid"])
        ended_ms = ((checkpoints.get("latest") or {}).get("completed") or {}).get("latest_ack_timestamp")
        now_ms = self._clock.now_ns() // _NS_PER_MS
        return ClusterShape(
            run=named.run,
            state=state,
            why=why,
            workers=None if overview is None else overview.get("taskmanagers"),
            spare=None if overview is None else overview.get("slots-available"),
            restarts=(checkpoints.get("counts") or {}).get("restored"),
            checkpoint_age_s=None if ended_ms is None else round((now_ms - ended_ms) / 1000, 1),
            shipped=None,
            decided=None,
            behind_s=None,
            idle=False,
            sections=len(plan.shares),
            without=self._without(plan, state, parallel, working, now_ms),
        )

    def _working(self, engine: str, job: str) -> tuple[int, frozenset[int]]:
        """How many workers share the sections, and which of them work."""
        vertices = (self._ask(engine, f"/jobs/{job}") or {}).get("vertices", [])
        step = next((each for each in vertices if _SECTIONS in str(each.get("name", "")).split()), None)
        if step is None:
            return 1, frozenset()
        tasks = (self._ask(engine, f"/jobs/{job}/vertices/{step['id']}") or {}).get("subtasks", [])
        return step["parallelism"], frozenset(task["subtask"] for task in tasks if task["status"] == _WORKING)

    def _why(self, engine: str, job: str) -> str:
        told = (self._ask(engine, f"/jobs/{job}/exceptions") or {}).get("exceptionHistory", {}).get("entries", [])
        lines = [line.strip() for line in str(told[0].get("stacktrace", "")).splitlines()] if told else []
        causes = [line for line in lines if "linewatch.errors" in line] or [x for x in lines if "Caused by" in x]
        return (causes or lines or [""])[0 if not causes else -1][:300]

    def _without(
        self, plan: Plan, state: str, parallel: int, working: frozenset[int], now_ms: int
    ) -> list[UnworkedShape]:
        """Sections whose worker is not there, each with when that was noticed."""
        gone = {}
        for share in plan.shares:
            worker = share.slot * parallel // MAX_WORKERS
            if state == _WORKING and worker in working:
                continue
            told = f"worker {worker + 1} of {parallel} is not there" if state == _WORKING else f"the job is: {state}"
            gone[share.line, share.section] = told
        self._since_ms = {key: self._since_ms.get(key, now_ms) for key in gone}
        return [UnworkedShape(*key, self._since_ms[key], why) for key, why in gone.items()]


class _Tail:
    """The last tick of a stream, read on from where it was read last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._epoch = 0
        self._end = 0
        self._last: int | None = None

    def last(self) -> int | None:
        """The last tick; None where there is none yet. Raises `StoreError` on damage."""
        for epoch in epochs(self._folder)[-2:]:
            if epoch < self._epoch:
                continue
            if epoch > self._epoch:
                self._epoch, self._end = epoch, 0
            path = self._folder / f"{epoch:08d}.ticks"
            try:
                with path.open("rb") as file:
                    file.seek(self._end)
                    used, found = frames(file.read(), path, self._end)
            except FileNotFoundError:
                continue  # deleted, as all of it was too old
            self._end += used
            self._last = max([tick for tick, _ in found] + ([] if self._last is None else [self._last]), default=None)
        return self._last


def asked(engine: str, path: str) -> dict[str, Any] | None:
    """What the job manager at this address answers; None where it does not."""
    try:
        with urllib.request.urlopen(f"{engine}{path}", timeout=_ANSWER_S) as answer:  # noqa: S310 - as named by the run
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return None


def _untold(run: str, why: str) -> ClusterShape:
    return ClusterShape(
        run=run,
        state="unreadable",
        why=why,
        workers=None,
        spare=None,
        restarts=None,
        checkpoint_age_s=None,
        shipped=None,
        decided=None,
        behind_s=None,
        idle=False,
        sections=0,
        without=[],
    )
