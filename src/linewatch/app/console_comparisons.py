"""Comparisons for the console: each a `linewatch replay --compare` of its own, niced, bounded, and ended on request."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from linewatch.comparison_ports import BY_SECTION, DECIDING, DETECTING, ComparisonRun, SettingsCompared, TriedSetting
from linewatch.store.description import description_of
from linewatch.store.reader import open_store

MOST_S: Final = 1200.0
"""Longest time that a comparison may take before it is ended."""
MOST_BYTES: Final = 16_000_000
"""Largest answer that is taken."""
KEPT: Final = 8
"""How many comparisons are remembered."""
NICE: Final = 15
_ANSWER: Final = msgspec.json.Decoder(SettingsCompared)


class _Run:
    """One comparison, with its process."""

    def __init__(self, store: Path, from_ms: int, to_ms: int, changes: dict[str, Any]) -> None:
        self.told = ComparisonRun(secrets.token_hex(8), "running", 0.0, "", None)
        self._folder = tempfile.TemporaryDirectory(prefix="linewatch-compare-")
        wanted = Path(self._folder.name) / "changes.json"
        wanted.write_text(json.dumps(changes), encoding="utf-8")
        self._answer = Path(self._folder.name) / "answer.json"
        words = [sys.executable, "-m", "linewatch", "replay", "-", str(store), "--compare", str(wanted)]
        words += ["--from", _iso(from_ms), "--to", _iso(to_ms), "--json", "--progress"]
        with self._answer.open("wb") as answer:
            self._process = subprocess.Popen(  # noqa: S603 - this package's own verb
                words, stdin=subprocess.DEVNULL, stdout=answer, stderr=subprocess.PIPE, env=_one_thread()
            )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        self._cancelled = False
        self._late = threading.Timer(MOST_S, self._process.kill)
        self._late.daemon = True
        self._late.start()
        self._follower = threading.Thread(target=self._follow, name="comparison", daemon=True)
        self._follower.start()

    def cancel(self) -> None:
        """End it; what it was is `cancelled` from now on."""
        self._cancelled = True
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._follower.join(10.0)

    def _follow(self) -> None:
        """Take what it says until it ends: the share done, or why it cannot."""
        stderr = self._process.stderr
        assert stderr is not None
        said = self._listen(stderr)
        status = self._process.wait()
        late = not self._late.is_alive()
        self._late.cancel()
        self.told = self._outcome(status, said, late=late)
        stderr.close()
        self._folder.cleanup()

    def _listen(self, stderr: IO[bytes]) -> list[str]:
        said: list[str] = []
        for line in stderr:
            text = line.decode("utf-8", "replace").strip()
            try:
                share = min(max(float(text), 0.0), 1.0)
            except ValueError:
                said = [*said[-20:], text.removeprefix("linewatch replay: ")]
            else:
                self.told = msgspec.structs.replace(self.told, progress=share)
        return said

    def _outcome(self, status: int, said: Sequence[str], *, late: bool) -> ComparisonRun:
        if self._cancelled:
            return msgspec.structs.replace(self.told, state="cancelled")
        why = ""
        result: SettingsCompared | None = None
        if status == 0 and self._answer.stat().st_size <= MOST_BYTES:
            result = _ANSWER.decode(self._answer.read_bytes())
        elif status == 0:
            why = f"the answer is larger than {MOST_BYTES // 1_000_000} MB; choose a shorter period"
        elif late:
            why = f"it took longer than {MOST_S / 60:g} minutes and was ended; choose a shorter period"
        else:
            why = "\n".join(said[-10:]) if status == 2 else f"it failed with status {status}"
        if result is None:
            return msgspec.structs.replace(self.told, state="failed", why=why)
        return msgspec.structs.replace(self.told, state="done", progress=1.0, result=result)


class StoredComparisons:
    """Satisfies `comparison_ports.Comparisons` over one store. May be used from several threads."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()

    def offered(self) -> Sequence[TriedSetting]:
        """What can be tried, with the values of the last run. Raises `StoreError`."""
        with open_store(self._store) as reader:
            told = description_of(reader).settings or {}
        names = [(step, key) for step in (*DECIDING, "vibration") for key in told.get(step, {})]
        return [
            TriedSetting(f"{step}.{key}", told[step][key], step in (*BY_SECTION, "vibration"))
            for step, key in names
            if step != "vibration" or key in DETECTING
        ]

    def begin(
        self,
        from_ms: int,
        to_ms: int,
        settings: dict[str, dict[str, Any]],
        sections: dict[str, dict[str, dict[str, Any]]],
    ) -> str | None:
        """Begin one; its name, or None while another is under way."""
        with self._lock:
            if any(run.told.state == "running" for run in self._runs.values()):
                return None
            run = _Run(self._store, from_ms, to_ms, {"settings": settings, "sections": sections})
            self._runs[run.told.id] = run
            while len(self._runs) > KEPT:
                self._runs.popitem(last=False)
        return run.told.id

    def look(self, run: str) -> ComparisonRun | None:
        """How it stands; None for one that is not known (any more)."""
        found = self._runs.get(run)
        return None if found is None else found.told

    def cancel(self, run: str) -> bool:
        """End one; False where it is not under way."""
        found = self._runs.get(run)
        if found is None or found.told.state != "running":
            return False
        found.cancel()
        return True

    def close(self) -> None:
        """End what is under way."""
        for run in list(self._runs.values()):
            if run.told.state == "running":
                run.cancel()


def _one_thread() -> dict[str, str]:
    """The environment of a process that leaves the other cores to the watch."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1")}


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()
