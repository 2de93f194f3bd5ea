"""Deletes what nobody will read again: inputs and hand-overs that every state has passed, decisions that are committed.

A gate and a section say, in a file beside their log, how far the last state came that they gave to the engine. Such a
state counts only once the engine goes on from nothing older: so marks are read first, and used when as many checkpoints
as the engine retains were begun after that and are whole. A restart in between makes them void, as the engine then
went on from an older state; so does a mark that is older than the last restart.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from linewatch.app.cluster.plan import Plan, decided_folder, hand_over_folder, inputs_folder
from linewatch.app.cluster.tick_log import prune

RETAINED: Final = 3
"""Checkpoints that the engine retains."""
_SKEW_S: Final = 10.0
"""How far the clocks of the cluster's machines may lie apart."""
_MARK: Final = "kept"


def mark_kept(folder: Path, tick: int) -> None:
    """Say beside a log how far the state came that was given to the engine now. The gate's lies beside the inputs."""
    written = folder / f"{_MARK}.new"
    written.write_text(str(tick))
    written.replace(folder / _MARK)


class Pruner:
    """Looks now and then. `rest` asks the job manager for a path and gives its answer, None where there is none."""

    def __init__(self, run: Path, plan: Plan, rest: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._run, self._plan, self._rest = run, plan, rest
        self._seen: tuple[Any, int] | None = None
        self._marks: dict[tuple[str, str], int] = {}

    def look(self, job: str, committed: int | None = None) -> int:
        """Delete what can be deleted; how many files. `committed`: a tick that the site's store holds for good.

        Raises `StoreError` on damage in a file that was to be deleted; it stays.
        """
        deleted = 0 if committed is None else prune(decided_folder(self._run), committed)
        told = self._rest(f"/jobs/{job}/checkpoints")
        if told is None:
            return deleted
        attempt = (job, told["counts"]["restored"])
        newest = max([each["id"] for each in told["history"]], default=0)
        if self._seen is not None and self._seen[0] == attempt:
            if len([each for each in told["history"] if _is_whole(each) and each["id"] > self._seen[1]]) < RETAINED:
                return deleted
            deleted += self._passed()
        restored = (told["latest"] or {}).get("restored") or {}
        marks = self._read_marks(restored.get("restore_timestamp", 0) / 1e3 + _SKEW_S)
        # Numbers were asked for before the marks were read: a checkpoint that has begun since may lack them.
        after = self._rest(f"/jobs/{job}/checkpoints") or told
        newest = max([newest, *(each["id"] for each in after["history"])])
        self._seen, self._marks = (None, {}) if marks is None else ((attempt, newest), marks)
        return deleted

    def _read_marks(self, not_before_s: float) -> dict[tuple[str, str], int] | None:
        """Marks of the gate (under no name) and of every section; None while one is missing or too old."""
        folders = {(s.line, s.section): hand_over_folder(self._run, s.line, s.section) for s in self._plan.shares}
        marks: dict[tuple[str, str], int] = {}
        for name, folder in {("", ""): inputs_folder(self._run), **folders}.items():
            with contextlib.suppress(OSError, ValueError):
                path = folder / _MARK
                if path.stat().st_mtime >= not_before_s:
                    marks[name] = int(path.read_text())
            if name not in marks:
                return None
        return marks

    def _passed(self) -> int:
        """Delete what all states of the last marks have passed."""
        deleted = prune(inputs_folder(self._run), self._marks["", ""] + 1)
        for share in self._plan.shares:
            # A state of tick k asks for what was handed over at the end of k.
            needed = min(tick for (line, _), tick in self._marks.items() if line == share.line)
            deleted += prune(hand_over_folder(self._run, share.line, share.section), needed)
        return deleted


def _is_whole(checkpoint: Mapping[str, Any]) -> bool:
    return checkpoint["status"] == "COMPLETED" and not checkpoint.get("is_savepoint", False)
