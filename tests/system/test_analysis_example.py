"""The example for analysts runs on a store as a replay leaves it."""

import subprocess
import sys
from pathlib import Path

from tests.system.bench import fence, linewatch, write_bench

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "analyse_a_store.py"


def test_the_example_for_analysts_shows_the_event_of_a_bench(tmp_path: Path) -> None:
    made = linewatch("replay", tmp_path, write_bench(tmp_path, fence(3.0)), "--out", tmp_path / "store")
    assert made.returncode == 0, made.stderr
    command = [sys.executable, EXAMPLE, tmp_path / "store"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "bench" in done.stdout and "barrier_contact" in done.stdout
    assert "'section': 'S01', 'attempts': 1" in done.stdout
