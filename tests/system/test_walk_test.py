"""A walk test by command: scored against the store that saw it, kept beside the site, counted by coverage."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.system.bench import SITE, T0_NS, fence, linewatch, write_bench

S = 1_000_000_000


def passes_csv(path: Path, *crossings: tuple[float, float]) -> Path:
    rows = [f"{datetime.fromtimestamp(T0_NS / S + seconds, UTC).isoformat()},{at_m}" for seconds, at_m in crossings]
    path.write_text("time,chainage_m\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that saw one crossing in the middle of the stretch 40 to 60 m."""
    folder = tmp_path_factory.mktemp("watch")
    linewatch("replay", folder, write_bench(folder, fence(3.0)), "--out", folder / "store")
    return folder / "store"


@pytest.fixture(autouse=True)
def site(tmp_path: Path) -> None:
    """The site, in a folder of its own for every test."""
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")


def test_passes_are_scored_kept_and_counted_by_coverage(tmp_path: Path, store: Path) -> None:
    csv = passes_csv(tmp_path / "passes.csv", (1.5, 50.0), (2_000.0, 50.0))
    done = linewatch("walktest", tmp_path, "--store", store, "--passes", csv, "--role", "maintainer", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (told["passes"], told["found"], told["raised"]) == (2, 1, 1)
    assert told["pd_low"] < 0.5 < told["pd_high"] and len(told["exercise"]) == 1
    assert (tmp_path / "walk_tests.jsonl").read_text(encoding="utf-8").count("\n") == 1
    covered = json.loads(linewatch("coverage", tmp_path, "--metre", "50", "--json").stdout)
    basis = covered["metre"]["basis"]["person_walking"]
    assert (basis["kind"], basis["found"], basis["passes"], basis["date"]) == ("walk_test", 1, 2, "2021-11-18")


def test_with_no_keep_nothing_is_written(tmp_path: Path, store: Path) -> None:
    csv = passes_csv(tmp_path / "passes.csv", (1.5, 50.0))
    linewatch("walktest", tmp_path, "--store", store, "--passes", csv, "--role", "maintainer", "--no-keep")
    assert not (tmp_path / "walk_tests.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,metre\n", "found columns ['time', 'metre']; allowed: time and chainage_m"),
        ("time,chainage_m\n", "found no pass; allowed: at least one row"),
        ("time,chainage_m\n2021-11-18T00:00:00Z,-3\n", "2: chainage_m: found '-3'; allowed: 0 to"),
        ("time,chainage_m\nsoon,3\n", "2: time: found 'soon'; allowed: a time such as"),
    ],
)
def test_bad_passes_are_refused_with_file_row_and_column(tmp_path: Path, store: Path, text: str, words: str) -> None:
    csv = tmp_path / "passes.csv"
    csv.write_text(text, encoding="utf-8")
    done = linewatch("walktest", tmp_path, "--store", store, "--passes", csv, "--role", "maintainer")
    assert done.returncode == 2 and f"{csv}" in done.stderr and words in done.stderr


def test_a_line_that_is_no_walk_test_is_named(tmp_path: Path) -> None:
    (tmp_path / "walk_tests.jsonl").write_text('{"type": "walk_test"}\n', encoding="utf-8")
    done = linewatch("coverage", tmp_path)
    assert done.returncode == 2 and "walk_tests.jsonl:1" in done.stderr
