"""What the console tells of a run on a cluster: each section's worker, how far decisions are behind, and why."""

from pathlib import Path
from typing import Any

import pytest

from linewatch.app.cluster.plan import decided_folder, inputs_folder
from linewatch.app.cluster.run_health import RunHealth, name_run
from linewatch.app.cluster.tick_log import TickLogWriter
from linewatch.app.console_cluster import RUN_FILE, StoreRun
from linewatch.clock import WallClock
from tests.unit.app.cluster.walks import three_sections
from tests.unit.console.bench import wait_for

ENGINE = "http://127.0.0.1:18081"


class Engine:
    """A job manager that answers as it was told to: two workers, of which some work."""

    def __init__(self, state: str = "RUNNING", working: tuple[int, ...] = (0, 1)) -> None:
        self.there = True
        self.state = state
        self.working = working

    def __call__(self, engine: str, path: str) -> dict[str, Any] | None:
        assert engine == ENGINE
        if not self.there:
            return None
        tasks = [{"subtask": n, "status": "RUNNING" if n in self.working else "SCHEDULED"} for n in range(2)]
        return {
            "/overview": {"taskmanagers": 3, "slots-available": 1},
            "/jobs/overview": {"jobs": [{"jid": "j1", "start-time": 1, "state": self.state}]},
            "/jobs/j1": {"vertices": [{"id": "v0", "name": "gate", "parallelism": 2},
                                      {"id": "v1", "name": "section", "parallelism": 2}]},
            "/jobs/j1/vertices/v1": {"subtasks": tasks},
            "/jobs/j1/checkpoints": {"counts": {"restored": 4}, "latest": {"completed": {"latest_ack_timestamp": 0}}},
            "/jobs/j1/exceptions": {"exceptionHistory": {"entries": [{"stacktrace": "x\nCaused by: it burnt\n"}]}},
        }[path]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A planned run of three sections, named beside a store."""
    three_sections(tmp_path)
    log = TickLogWriter(inputs_folder(tmp_path / "run"), "t", {})
    log.append(0, b"felt")
    log.close()
    name_run(tmp_path / "store", tmp_path / "run", ENGINE)
    return tmp_path / "run"


def health(run: Path, engine: Engine) -> RunHealth:
    return RunHealth(run.parent / "store", WallClock(), engine)


def test_where_all_work_every_section_has_a_worker_and_the_engine_is_told(run: Path) -> None:
    found = health(run, Engine()).look()
    assert found is not None
    assert (found.state, found.workers, found.spare, found.restarts) == ("RUNNING", 3, 1, 4)
    assert (found.sections, found.without, found.why) == (3, [], "Caused by: it burnt")
    assert found.checkpoint_age_s is not None and found.checkpoint_age_s > 1e9


def test_sections_of_a_worker_that_is_gone_are_told_each_since_it_was_noticed(run: Path) -> None:
    engine = Engine(working=(1,))
    looked = health(run, engine)
    first = looked.look()
    assert first is not None and [each.section for each in first.without] == ["S01", "S02"]
    assert first.without[0].why == "worker 1 of 2 is not there"
    again = looked.look()
    assert again is not None and again.without == first.without
    engine.working = (0, 1)
    back = looked.look()
    assert back is not None and back.without == []


@pytest.mark.parametrize("state", ["RESTARTING", "no engine"])
def test_a_job_that_does_not_run_leaves_every_section_without_a_worker(run: Path, state: str) -> None:
    engine = Engine(state=state)
    engine.there = state != "no engine"
    found = health(run, engine).look()
    assert found is not None and found.state == state
    assert [each.why for each in found.without] == [f"the job is: {state}"] * 3
    assert (found.workers is None) == (state == "no engine")


def test_what_was_shipped_and_not_decided_is_how_far_the_cluster_is_behind(run: Path) -> None:
    looked = health(run, Engine())
    logs = [TickLogWriter(folder(run), "t", {}) for folder in (inputs_folder, decided_folder)]
    for tick in range(1, 10):
        logs[0].append(tick, b"felt")
    found = looked.look()
    assert found is not None and (found.shipped, found.decided, found.behind_s) == (9, None, None)
    logs[1].append(0, b"decided")
    logs[0].append(10, b"felt")
    for log in logs:
        log.close()
    TickLogWriter(decided_folder(run), "t", {}).close()
    found = looked.look()
    assert found is not None and (found.shipped, found.decided) == (10, 0) and found.behind_s == pytest.approx(2.5)


def test_a_run_that_is_over_misses_no_worker(run: Path) -> None:
    engine = Engine()
    engine.there = False
    looked = health(run, engine)
    waits = looked.look()
    assert waits is not None and len(waits.without) == 3 and not waits.idle
    log = TickLogWriter(decided_folder(run), "t", {})
    log.append(0, b"decided")
    log.close()
    over = looked.look()
    assert over is not None and (over.without, over.idle, over.state) == ([], True, "no engine")


def test_a_run_that_cannot_be_read_is_told_and_a_store_of_none_says_nothing(run: Path) -> None:
    (run / "plan.json").unlink()
    found = health(run, Engine()).look()
    assert found is not None and found.state == "unreadable" and "found no plan" in found.why
    (run.parent / "store" / RUN_FILE).write_text("{}")
    found = health(run, Engine()).look()
    assert found is not None and found.state == "unreadable" and RUN_FILE in found.why
    assert StoreRun(run, WallClock())() is None


def test_the_console_asks_again_and_again_and_never_waits(run: Path) -> None:
    store_run = StoreRun(run.parent / "store", WallClock())
    assert store_run() is None
    wait_for(lambda: store_run() is not None)
    found = store_run()
    assert found is not None and found.state == "no engine" and len(found.without) == 3
