"""A test that needs real recordings is skipped where they are absent, but can never pass CI by being skipped."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import CHECKOUT


def closing_line(folder: Path, **environment: str) -> str:
    """What pytest says last of one test that asks for the recordings in `folder`."""
    (folder / "test_planted.py").write_text(
        "from pathlib import Path\n\n\ndef test_reads(shared_data: Path) -> None:\n    assert shared_data.is_dir()\n"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "LINEWATCH_REQUIRE_SHARED"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", str(CHECKOUT / "pyproject.toml")),
            *("-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)),
        ],
        cwd=CHECKOUT,
        env={**inherited, "LINEWATCH_SHARED": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()[-1].strip("= ")


def test_without_recordings_the_test_is_skipped(tmp_path: Path) -> None:
    assert closing_line(tmp_path).startswith("1 skipped")


def test_without_recordings_the_test_fails_where_they_are_required(tmp_path: Path) -> None:
    assert closing_line(tmp_path, LINEWATCH_REQUIRE_SHARED="1").startswith("1 error")


def test_with_recordings_the_test_runs(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert closing_line(tmp_path, LINEWATCH_REQUIRE_SHARED="1").startswith("1 passed")
