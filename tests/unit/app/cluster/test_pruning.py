"""Old files are deleted once nobody will read them again, and not before: the store stays the one of one machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from linewatch.app.cluster import pruning, tick_log, work
from linewatch.app.cluster.plan import Plan, decided_folder, hand_over_folder, inputs_folder
from linewatch.app.cluster.pruning import Pruner, mark_kept
from linewatch.app.cluster.site_run import replay_on_cluster
from linewatch.app.cluster.tick_log import TickLogReader, TickLogWriter, epochs
from linewatch.app.replay import replay
from linewatch.clock import WallClock
from linewatch.errors import StoreError
from tests.unit.app.cluster.by_hand import ByHand
from tests.unit.app.cluster.test_same_bytes import Turns, chain
from tests.unit.app.cluster.walks import three_sections, walks

JOB = "a-job"


class Engine:
    """Tells of checkpoints as the job manager does."""

    def __init__(self) -> None:
        self.restored, self.restored_ms, self.history = 0, 0, list[dict[str, Any]]()

    def checkpoint(self, status: str = "COMPLETED", *, savepoint: bool = False) -> None:
        self.history.insert(0, {"id": len(self.history) + 1, "status": status, "is_savepoint": savepoint})

    def restart(self, at_ms: int) -> None:
        self.restored, self.restored_ms = self.restored + 1, at_ms

    def rest(self, path: str) -> dict[str, Any]:
        assert path == f"/jobs/{JOB}/checkpoints"
        restored = {"restored": {"restore_timestamp": self.restored_ms}} if self.restored else {}
        return {"counts": {"restored": self.restored}, "latest": restored, "history": self.history[:10]}


def logs(folder: Path, monkeypatch: pytest.MonkeyPatch, marks: dict[str, int]) -> tuple[Path, Pruner, Engine]:
    """A run whose logs hold ticks 0 to 39, one file each, and a mark of the gate and of every section."""
    _, _, plan = three_sections(folder)
    run, engine = folder / "run", Engine()
    monkeypatch.setattr(tick_log, "ROLL_BYTES", 1)
    for name, tick in marks.items():
        fill(inputs_folder(run) if name == "gate" else hand_over_folder(run, "main", name))
        mark_kept(inputs_folder(run) if name == "gate" else hand_over_folder(run, "main", name), tick)
    return run, Pruner(run, plan, engine.rest), engine


def fill(folder: Path) -> None:
    writer = TickLogWriter(folder, "test", {})
    for tick in range(40):
        writer.append(tick, b"x")
    writer.close()


def oldest(folder: Path) -> int:
    found = TickLogReader(folder).after(-1)
    assert found is not None
    return found[0]


MARKS = {"gate": 30, "S01": 20, "S02": 16, "S03": 25}


def test_what_every_state_has_passed_goes_once_the_engine_retains_nothing_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, pruner, engine = logs(tmp_path, monkeypatch, MARKS)
    engine.checkpoint("IN_PROGRESS")
    assert pruner.look(JOB) == 0
    for _ in range(pruning.RETAINED - 1):
        engine.checkpoint()
        engine.checkpoint("FAILED")
        engine.checkpoint(savepoint=True)
        assert pruner.look(JOB) == 0
    engine.checkpoint()
    assert pruner.look(JOB) > 0
    assert oldest(inputs_folder(run)) == 31
    # The section that is furthest behind asks its neighbours for tick 16 next.
    assert [oldest(hand_over_folder(run, "main", name)) for name in ("S01", "S02", "S03")] == [16, 16, 16]


def test_a_restart_makes_marks_void_until_every_key_has_given_a_newer_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, pruner, engine = logs(tmp_path, monkeypatch, MARKS)
    assert pruner.look(JOB) == 0
    mark = inputs_folder(run) / "kept"
    engine.restart(round(mark.stat().st_mtime * 1e3) + 1)
    for _ in range(3 * pruning.RETAINED):
        engine.checkpoint()
        assert pruner.look(JOB) == 0
    later = mark.stat().st_mtime + 60
    for path in run.rglob("kept"):
        os.utime(path, (later, later))
    assert pruner.look(JOB) == 0
    for _ in range(pruning.RETAINED):
        engine.checkpoint()
    assert pruner.look(JOB) > 0


def test_without_a_mark_of_every_key_or_without_a_job_manager_only_what_is_committed_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, pruner, engine = logs(tmp_path, monkeypatch, {name: MARKS[name] for name in ("gate", "S01", "S03")})
    fill(decided_folder(run))
    for _ in range(5):
        engine.checkpoint()
        pruner.look(JOB, 12)
    assert oldest(decided_folder(run)) == 12 and oldest(inputs_folder(run)) == 0
    monkeypatch.setattr(pruner, "_rest", lambda _: None)
    assert pruner.look(JOB, 13) == 1


def test_a_damaged_old_file_is_named_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, pruner, _ = logs(tmp_path, monkeypatch, MARKS)
    fill(decided_folder(run))
    path = decided_folder(run) / "00000003.ticks"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match=r"00000003.ticks: byte \d+: found a damaged frame of tick 1"):
        pruner.look(JOB, 30)
    assert path.exists() and epochs(decided_folder(run))[0] == 3


class Pruned(Turns):
    """Checkpoints, kills and deletes; the engine retains only the last checkpoint, from which it also goes on."""

    def __init__(self, cluster: ByHand, plan: Plan, kill_every: int) -> None:
        super().__init__(cluster, kill_every)
        self.engine = Engine()
        self.pruner = Pruner(cluster.run, plan, self.engine.rest)
        self.deleted = 0

    def wait_until_ns(self, time_ns: int) -> None:
        before, kept = self.kills, self.kept
        super().wait_until_ns(time_ns)
        if self.kept is not kept:
            self.engine.checkpoint()
        if self.kills > before:
            self.engine.restart(WallClock().now_ns() // 1_000_000 + 1)
        self.deleted += self.pruner.look(JOB)


def test_a_cluster_whose_old_files_go_while_it_is_killed_leaves_the_store_of_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "RETAINED", 1)
    monkeypatch.setattr(pruning, "_SKEW_S", 0.0)
    monkeypatch.setattr(tick_log, "ROLL_BYTES", 2_000)
    monkeypatch.setattr(work, "_HAND_OVER_ROLL_BYTES", 300)
    site, settings, plan = three_sections(tmp_path / "cluster")
    replay(site, [walks(3)], out=tmp_path / "alone", settings=settings)
    cluster = ByHand(tmp_path / "cluster" / "run", plan, site, settings, 3)
    turns = Pruned(cluster, plan, 23)
    try:
        done = replay_on_cluster(
            cluster.run, plan, site, settings, lambda: [walks(3)], out=tmp_path / "store", clock=turns
        )
    finally:
        cluster.close()
    assert turns.kills >= 2 and turns.deleted > 20 and done.repeats > 0
    assert chain(tmp_path / "store") == chain(tmp_path / "alone")
