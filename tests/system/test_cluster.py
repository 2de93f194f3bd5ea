"""The distributed engine: its environment can run the steps, and the verb runs a scene on it."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from linewatch.app.cluster.plan import versions_here
from tests.conftest import CHECKOUT
from tests.system.bench import fence, incidents, linewatch, write_bench
from tests.system.test_replay import chain
from tests.unit.app.cluster.walks import digest, three_sections

PINS = ("numpy==2.1.3", "pyarrow==16.1.0")
"""What apache-flink 2.3.0 installs."""
DIGEST = (
    "import sys, pathlib; from tests.unit.app.cluster.walks import digest; print(digest(pathlib.Path(sys.argv[1])))"
)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the engine has no package for this Python")
def test_the_steps_run_with_the_libraries_that_the_engine_pins_and_give_the_same_bytes(tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--target", str(pins), *PINS], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, str(tmp_path / "a")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{pins}:{CHECKOUT}"},
    )
    assert done.returncode == 0, done.stderr
    with_pins, here = done.stdout.split(), digest(tmp_path / "b").split()
    assert with_pins[0] == "2.1.3" != here[0]
    assert with_pins[1] == here[1]


@pytest.mark.slow
@pytest.mark.skipif(
    "LINEWATCH_FLINK_PYTHON" not in os.environ, reason="LINEWATCH_FLINK_PYTHON names no Python with apache-flink"
)
def test_a_worker_of_the_engine_refuses_a_plan_for_other_versions_before_it_reads_a_state(tmp_path: Path) -> None:
    three_sections(tmp_path, {**versions_here(), "numpy": "1.26.0", "linewatch": "0.0.1"})
    words = "import sys; from linewatch.app.cluster import keyed; keyed._run(sys.argv[1])"
    done = subprocess.run(
        [os.environ["LINEWATCH_FLINK_PYTHON"], "-c", words, str(tmp_path / "run")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}/src"},
    )
    assert done.returncode == 1
    for name, planned in (("linewatch", "0.0.1"), ("numpy", "1.26.0")):
        assert f"versions.{name}: found" in done.stderr and f"allowed: {planned}, as planned" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(
    "LINEWATCH_FLINK_PYTHON" not in os.environ, reason="LINEWATCH_FLINK_PYTHON names no Python with apache-flink"
)
def test_a_scene_submitted_by_the_verb_leaves_the_store_of_a_replay(tmp_path: Path) -> None:
    recording = write_bench(tmp_path / "site", fence(3.0))
    alone = linewatch("replay", tmp_path / "site", recording, "--json", "--out", tmp_path / "alone")
    told = ("--run", tmp_path / "run", "--json")
    site = tmp_path / "site"
    assert linewatch("cluster", "plan", site, *told).returncode == 0
    seen: list[dict[str, object]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(2.0):
            seen.append(json.loads(linewatch("cluster", "status", site, *told).stdout))

    looking = threading.Thread(target=look)
    looking.start()
    command = [sys.executable, "-m", "linewatch", "cluster", "submit", site, recording, *told]
    try:
        begun = time.monotonic()
        done = subprocess.run(
            [*map(str, command), "--out", str(tmp_path / "out")],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        over.set()
        looking.join()
        stopped = linewatch("cluster", "stop", site, *told)
    assert time.monotonic() - begun < 300
    assert incidents(alone) and done.stdout == alone.stdout, done.stderr
    assert chain(tmp_path / "out") == chain(tmp_path / "alone")
    assert {"no engine", "RUNNING"} <= {each["state"] for each in seen}
    assert json.loads(stopped.stdout)["savepoint"].startswith("file:")
    assert linewatch("cluster", "status", site, *told).returncode == 1
