"""`make bench` runs what it finds, goes on after a failure and tells what came of each."""

import json
from pathlib import Path

import pytest

from benchmarks import run_all
from benchmarks.run_all import Outcome, discover, figures_of, main, run_one, table


def test_a_benchmark_is_a_module_with_a_main(tmp_path: Path) -> None:
    (tmp_path / "cfar.py").write_text("def main() -> int:\n    return 0\n")
    (tmp_path / "loaders.py").write_text("def load() -> None: ...\n")
    (tmp_path / "run_all.py").write_text("def main() -> int:\n    return 0\n")
    assert discover(tmp_path) == ["cfar"]


def test_the_figures_are_the_last_line() -> None:
    assert figures_of('warming up\n{"auc": 0.5, "events": null}\n') == {"auc": 0.5, "events": None}


@pytest.mark.parametrize("output", ["", "done\n", '{"auc": 1}\nbye', "[1, 2]", "{"])
def test_output_without_figures_is_told_apart(output: str) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        figures_of(output)


@pytest.fixture
def folder_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a benchmark that breaks and one that measures."""
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "breaks.py").write_text("def main() -> int:\n    return 1\n\nraise SystemExit(main())\n")
    (package / "measures.py").write_text(
        "import sys\ndef main() -> None:\n    print('{\"quick\": %d}' % ('--quick' in sys.argv))\nmain()\n"
    )
    monkeypatch.setattr(run_all, "FOLDER", package)
    monkeypatch.setattr(run_all, "discover", lambda: discover(package))
    return package


def test_a_failing_benchmark_does_not_stop_the_next(folder_of_two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 1
    printed = capsys.readouterr().out
    assert "ended with status 1" in printed
    assert printed.splitlines()[-1].split()[-2:] == ["quick", "1"]


def test_one_benchmark_can_be_asked_for(folder_of_two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "measures", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"measures": {"quick": 0}}


def test_an_unknown_benchmark_is_named_beside_those_that_exist(
    folder_of_two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only", "weather"]) == 2
    assert "no benchmark named weather; there are: breaks, measures" in capsys.readouterr().err


def test_a_benchmark_that_hangs_is_stopped(folder_of_two: Path) -> None:
    (folder_of_two / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    assert run_one("hangs", [], limit_s=0.5).failure == "stopped after 0.5 s"


def test_the_table_has_a_row_for_each_figure_and_each_failure() -> None:
    lines = table([Outcome("a", 3.2, {"x": 0.123456, "y": None}), Outcome("b", 1.0, failure="no data")]).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["a", "(3", "s)", "x", "0.1235"],
        ["y", "null"],
        ["b", "(1", "s)", "FAILED", "no", "data"],
    ]
