"""`linewatch report` as a user runs it: every form, every figure opened, and one clear line for what it cannot read."""

import json
import sqlite3
from pathlib import Path

import pytest

from linewatch.store.schema import DATABASE
from tests.system.bench import Done, fence, in_process, write_bench
from tests.unit.store.writing import edited, opened, write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one event on a fence."""
    folder = tmp_path_factory.mktemp("watched")
    recording = write_bench(folder, fence(3.0))
    assert in_process("replay", folder, recording, "--out", folder / "store").returncode == 0
    return folder / "store"


def report(*words: object) -> Done:
    """`linewatch report WORDS`."""
    return in_process("report", *words)


def test_all_forms_are_written_at_once_and_say_the_same(store: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"report{suffix}" for suffix in (".csv", ".parquet", ".json", ".svg", ".png", ".html", ".pdf")]
    options = [word for file in files for word in ("--out", file)]
    done = report(store, "--by", "day,section", *options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "report.json").read_text())
    (row,) = told["table"]["rows"]
    assert row["keys"] == {"day": "2021-11-18", "section": "S01"} and row["attempts"] == 1 and row["detections"] > 3
    assert all(file.stat().st_size > 100 for file in files)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_figure_opens_to_its_incident_and_the_past_knows_less(store: Path) -> None:
    found = report(store, "--by", "section", "--open", "section=S01")
    (incident,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert incident["section"] == "S01" and incident["kind"] == "barrier_contact"
    before = report(store, "--by", "section", "--as-of", "2021-11-18T00:00:00.75Z", "--json")
    told = json.loads(before.stdout)
    assert told["table"]["total"]["attempts"] == 0 and told["later"] == 1
    assert told["table"]["total"]["detections"] == 0


def refused(*words: object) -> str:
    done = report(*words)
    assert done.returncode == 2 and not done.stdout, (done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    return line


def test_what_cannot_be_asked_is_one_clear_line(store: Path, tmp_path: Path) -> None:
    assert "--by: found 'weather'; allowed: hour, day" in refused(store, "--by", "weather")
    assert "--out: found 'report.doc'; allowed: a file ending in .csv" in refused(store, "--out", "report.doc")
    assert "No such file" in refused(store, "--out", tmp_path / "nowhere" / "report.csv")
    assert "--open: found 'S01'; allowed: KEY=VALUE" in refused(store, "--by", "section", "--open", "S01")
    assert "figure: found 'arrests'" in refused(
        store, "--by", "section", "--open", "section=S01", "--figure", "arrests"
    )
    assert "--as-of: found" in refused(store, "--as-of", "2020-01-01")
    assert "--as-of: found 'noon'" in refused(store, "--as-of", "noon")
    assert "--trend: found 400 days" in refused(store, "--trend", "400")
    assert "period: found" in refused(store, "--from", "2022-01-01")


def test_what_is_no_store_of_this_version_is_one_clear_line_and_stays_as_it_is(tmp_path: Path) -> None:
    newer, foreign, empty = tmp_path / "newer", tmp_path / "foreign", tmp_path / "empty"
    with edited(write_store(newer, 2)) as connection:
        connection.execute("PRAGMA user_version = 99")
    foreign.mkdir()
    connection = sqlite3.connect(foreign / DATABASE)
    connection.execute("CREATE TABLE letters (text)")
    connection.close()
    opened(empty).close()
    before = [(folder / DATABASE).read_bytes() for folder in (newer, foreign)]
    assert "found schema 99; allowed: 1 to" in refused(newer)
    assert "SQLite file of another program" in refused(foreign)
    assert "found no such file" in refused(tmp_path / "nothing")
    assert "found no description of its site" in refused(empty)
    assert [(folder / DATABASE).read_bytes() for folder in (newer, foreign)] == before
