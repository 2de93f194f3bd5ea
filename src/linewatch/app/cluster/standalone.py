"""A cluster of the engine on one machine: one job manager, task managers with one slot each, all on loopback.

Everything that is started is told by its process id and ended by it, workers in Python and orphans of a killed task
manager included.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.clock import WallClock, monotonic_s
from linewatch.errors import DeliveryError, InputError

REST_PORT: Final = 18081
PACKAGE: Final = Path(__file__).parents[3]
"""Where this very package lies: every worker of a standalone cluster runs the same one."""
_START_S: Final = 90.0
_SETTINGS: Final = {
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.host": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "taskmanager.numberOfTaskSlots": "1",
    "jobmanager.memory.process.size": "900m",
    "taskmanager.memory.process.size": "1300m",
    # How soon a task manager looks for a job manager that has gone: 10 s by default.
    "cluster.registration.error-delay": "500",
    "heartbeat.interval": "500",
    "heartbeat.timeout": "4000",
    # All workers of a job share hand-overs, so a job is one region: it starts again as a whole or not at all.
    "jobmanager.execution.failover-strategy": "full",
    "cluster.evenly-spread-out-slots": "true",
    # The engine only carries here: its compiler's second stage and its parallel collector cost more than they give.
    "env.java.opts.jobmanager": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "env.java.opts.taskmanager": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


class Process(msgspec.Struct):
    """One process of a cluster."""

    role: str
    """`jobmanager` or `taskmanager`."""
    pid: int
    """Its id."""
    started: int
    """When it was started, in ticks of the kernel: tells it from another one that got the same id."""


class Standalone:
    """A cluster whose files lie in one folder; it can be taken up again by another process."""

    def __init__(self, folder: Path, python: Path, port: int = REST_PORT) -> None:
        self.folder = folder
        self.python = python
        self.port = port
        self._home = flink_home(python)
        self._file = folder / "processes.json"
        self.processes: list[Process] = []
        if self._file.exists():
            self.processes = msgspec.json.decode(self._file.read_bytes(), type=list[Process])

    # --- starting and ending ------------------------------------------------------------------------------------

    def start(self, task_managers: int) -> None:
        """One job manager and so many task managers, up to the moment when all slots are there."""
        self._configure()
        self.add("jobmanager")
        for _ in range(task_managers):
            self.add("taskmanager")
        self.wait_for_slots(task_managers)

    def add(self, role: str) -> Process:
        """Start one more process."""
        number = len(self.processes)
        with (self.folder / "logs" / f"{role}-{number}.out").open("wb") as out:
            begun = subprocess.Popen(  # noqa: S603 - the engine's own script
                [str(self._home / "bin" / f"{role}.sh"), "start-foreground"],
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        process = Process(role, begun.pid, _started(begun.pid))
        self.processes.append(process)
        self._write()
        return process

    def wait_for_slots(self, slots: int) -> None:
        """Return once so many slots are there. Raises `DeliveryError` where they do not come."""
        end_s = monotonic_s() + _START_S
        while (self.rest("/overview") or {}).get("slots-total", 0) < slots:
            if monotonic_s() > end_s:
                raise DeliveryError(f"{self.folder}/logs: found no {slots} slots within {_START_S:g} s")
            pause(0.1)

    def stop(self) -> None:
        """End every process of this cluster and whatever they have started."""
        for process in self.processes:
            self.kill(process)
        self.processes = []
        self._write()

    def kill(self, process: Process) -> None:
        """End one process at once, with its workers in Python, as a control group that is reaped whole would."""
        if _started(process.pid) != process.started:
            return
        for pid in [*children(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)

    def alive(self, role: str) -> list[Process]:
        """Processes of a role that are there."""
        return [p for p in self.processes if p.role == role and _started(p.pid) == p.started]

    # --- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, seeds: Path, workers: int, *words: str, savepoint: str | None = None) -> str:
        """Submit the job, from a checkpoint or savepoint where one is given; its id."""
        command = [str(self._home / "bin" / "flink"), "run", "-d", *(["-s", savepoint] if savepoint else [])]
        command += ["-pym", "linewatch.app.cluster.job", str(seeds), "--workers", str(workers), *words]
        command += ["--checkpoints", str(self.folder / "checkpoints")]
        done = subprocess.run(  # noqa: S603 - the engine's own script
            command, env=self.environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        ids = [line.split()[-1] for line in done.stdout.splitlines() if "JobID" in line]
        if not ids:
            (self.folder / "logs" / "submit.out").write_text(done.stdout + done.stderr)
            raise DeliveryError(f"flink run: {_last_words(done.stdout + done.stderr)}")
        return ids[0]

    def job(self) -> dict[str, Any] | None:
        """The newest job of the cluster, as its job manager tells of it."""
        jobs = (self.rest("/jobs/overview") or {}).get("jobs", [])
        return max(jobs, key=lambda job: job["start-time"], default=None)

    def stop_job(self, job: str, patience_s: float = 60.0) -> str:
        """Stop a job with a savepoint; where that lies. Raises `DeliveryError` where it does not come about."""
        body = {"drain": False, "targetDirectory": (self.folder / "savepoints").absolute().as_uri()}
        asked = self.rest(f"/jobs/{job}/stop", body) or {}
        end_s = monotonic_s() + patience_s
        while monotonic_s() < end_s and "request-id" in asked:
            told = self.rest(f"/jobs/{job}/savepoints/{asked['request-id']}") or {}
            if told.get("status", {}).get("id") == "COMPLETED":
                done = told["operation"]
                if "location" in done:
                    return str(done["location"])
                raise DeliveryError(f"savepoint of job {job}: {_last_words(done['failure-cause']['stack-trace'])}")
            pause(0.1)
        raise DeliveryError(f"savepoint of job {job}: found none within {patience_s:g} s; its checkpoints stand")

    def newest_state(self) -> str | None:
        """Where the newest savepoint or checkpoint of any job of this folder lies; None where there is none."""
        marks = [*self.folder.glob("savepoints/*/_metadata"), *self.folder.glob("checkpoints/*/chk-*/_metadata")]
        newest = max(marks, key=lambda mark: mark.stat().st_mtime_ns, default=None)
        return None if newest is None else newest.parent.absolute().as_uri()

    def why(self, job: str) -> str:
        """The first line of what a job failed with last."""
        told = (self.rest(f"/jobs/{job}/exceptions") or {}).get("exceptionHistory", {}).get("entries", [])
        return _last_words(told[0]["stacktrace"]) if told else ""

    def latest_checkpoint(self, job: str) -> str | None:
        """Where the newest whole checkpoint of a job lies."""
        found = [path for path in (self.folder / "checkpoints" / job).glob("chk-*") if (path / "_metadata").exists()]
        return max(found, key=lambda path: int(path.name[4:])).as_uri() if found else None

    def rest(
        self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None
    ) -> dict[str, Any] | None:
        """What the job manager answers; None where it does not."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, json.JSONDecodeError):
            return None

    # --- what lies beneath ------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Environment of the engine's processes."""
        return {
            **os.environ,
            "FLINK_CONF_DIR": str(self.folder / "conf"),
            "FLINK_LOG_DIR": str(self.folder / "logs"),
            "PYFLINK_CLIENT_EXECUTABLE": str(self.python),
            "PATH": f"{self.python.parent}:{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(PACKAGE),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _configure(self) -> None:
        for name in ("logs", "checkpoints", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        conf = self.folder / "conf"
        shutil.copytree(self._home / "conf", conf, dirs_exist_ok=True)
        kept = [line for line in _flat(conf / "config.yaml") if line.startswith("env.java")]
        settings = {
            **_SETTINGS,
            "rest.port": str(self.port),
            "jobmanager.rpc.port": str(self.port + 1),
            "io.tmp.dirs": str(self.folder / "tmp"),
        }
        (conf / "config.yaml").write_text("\n".join([*kept, *(f"{k}: {v}" for k, v in settings.items())]) + "\n")

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file.write_bytes(msgspec.json.encode(self.processes))


def flink_home(python: Path) -> Path:
    """Where the engine lies in the environment of this Python. Raises `InputError` where it has none."""
    done = _asked(python, "import pyflink, pathlib; print(pathlib.Path(pyflink.__file__).parent)")
    if done.returncode:
        raise InputError(f"--python: found {python} without apache-flink; allowed: one with it (see docs/cluster.md)")
    return Path(done.stdout.strip())


def pause(seconds: float) -> None:
    """Wait a moment."""
    clock = WallClock()
    clock.wait_until_ns(clock.now_ns() + round(seconds * 1e9))


def versions_in(python: Path) -> dict[str, str]:
    """Versions of what decides bytes, as a worker with this Python has them. Raises `InputError`."""
    done = _asked(python, "import json, linewatch.app.cluster.plan as plan; print(json.dumps(plan.versions_here()))")
    if done.returncode:
        raise InputError(f"--python: found {python} without what Linewatch needs ({_last_words(done.stderr)})")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _asked(python: Path, words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [str(python), "-c", words]
    try:
        return subprocess.run(  # noqa: S603 - named by the user
            command, capture_output=True, text=True, check=False, env=environment
        )
    except OSError as error:
        raise InputError(f"--python: found {python} ({error.strerror}); allowed: a Python with apache-flink") from error


def children(pid: int) -> list[int]:
    """Ids of all processes that this one has started, and they in turn."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                found += [*children(int(child)), int(child)]
    return found


def _started(pid: int) -> int:
    """When a process was started; 0 where there is none, or only its shell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def _flat(path: Path) -> list[str]:
    """The one line of options for Java that the engine ships, as a flat key."""
    options = [line.strip() for line in path.read_text().splitlines() if line.strip().startswith("all: --add")]
    return [f"env.java.opts.all: {option.removeprefix('all: ')}" for option in options]


def _last_words(text: str) -> str:
    """What an engine said last that is not a line of its stack."""
    said = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(("at ", "..."))]
    causes = [line for line in said if "linewatch.errors" in line] or [line for line in said if "Caused by" in line]
    return (causes or said or ["nothing"])[-1][:500]
