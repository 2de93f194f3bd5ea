"""What is no store, or not one that this version can use: one clear line, and nothing damaged."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from linewatch.errors import StoreError
from linewatch.store import open_store, verify
from linewatch.store.schema import APPLICATION_ID, DATABASE, SCHEMA_VERSION
from tests.unit.store.writing import edited, opened, rows_of, tick_at, write_store

Open = Callable[[Path], object]
WAYS: list[Open] = [opened, open_store, verify]
WAY_NAMES = ["to write", "to read", "to verify"]


def refused(way: Open, folder: Path) -> str:
    """The one line with which this store is refused, and that not a byte of the file was changed."""
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(StoreError) as caught:
        way(folder)
    assert (folder / DATABASE).read_bytes() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_a_store_of_a_newer_version_is_refused(tmp_path: Path, way: Open) -> None:
    write_store(tmp_path, 2)
    with edited(tmp_path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert f"user_version: found schema {SCHEMA_VERSION + 1}; allowed: 1 to {SCHEMA_VERSION}" in refused(way, tmp_path)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_an_sqlite_file_of_another_program_is_refused(tmp_path: Path, way: Open) -> None:
    with edited(tmp_path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    line = refused(way, tmp_path)
    assert f"another program (application_id 0x0); allowed: a store written by Linewatch ({APPLICATION_ID:#x})" in line


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, way: Open) -> None:
    (tmp_path / DATABASE).write_bytes(b"a letter home, and a long one\n" * 200)
    assert "found a file that is no SQLite database" in refused(way, tmp_path)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("keep", [0.5, 0.9, "page"])
def test_a_store_that_was_cut_short_is_refused(tmp_path: Path, way: Open, keep: float | str) -> None:
    write_store(tmp_path, 30)
    size = (tmp_path / DATABASE).stat().st_size
    os.truncate(tmp_path / DATABASE, size - 4096 if isinstance(keep, str) else int(size * keep))
    assert "damaged: pages are missing or malformed" in refused(way, tmp_path)


def test_every_page_that_was_torn_is_found(tmp_path: Path) -> None:
    write_store(tmp_path, 30)
    whole = (tmp_path / DATABASE).read_bytes()
    free = rows_of(tmp_path, "PRAGMA freelist_count")[0][0]
    unfound = 0
    for start in range(0, len(whole), 4096):
        torn = bytes(255 - byte for byte in whole[start : start + 4096])
        (tmp_path / DATABASE).write_bytes(whole[:start] + torn + whole[start + 4096 :])
        try:
            unfound += verify(tmp_path).status != "broken"
        except StoreError as error:
            assert "damaged" in str(error) or "no SQLite database" in str(error)  # noqa: PT017 - by the page that was hit
    assert unfound <= free  # a page that holds nothing may hold anything


def test_a_last_frame_of_the_log_that_was_torn_loses_that_commit_alone(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for index in (1, 2, 3):
        journal.append("tick", "", b"%d" % index)
        journal.commit(tick_at(index), {}, {})
    log = tmp_path / f"{DATABASE}-wal"
    raw = log.read_bytes()
    database = (tmp_path / DATABASE).read_bytes()
    journal.abandon()
    (tmp_path / DATABASE).write_bytes(database)
    log.write_bytes(raw[:-1000])
    with opened(tmp_path) as journal:
        found = journal.positions()
    assert found is not None
    assert found.tick == 2
    assert verify(tmp_path).status == "unanchored"


def test_a_database_that_a_crash_left_empty_becomes_a_new_store(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    opened(tmp_path).close()
    assert verify(tmp_path).records == 1


def test_a_database_without_tables_becomes_a_new_store(tmp_path: Path) -> None:
    with edited(tmp_path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    opened(tmp_path).close()
    assert verify(tmp_path).records == 1


@pytest.mark.parametrize("name", ["", "segments", "lock", DATABASE])
def test_a_file_where_a_folder_should_be_and_the_other_way_round_is_told(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "store"
    if name in ("lock", DATABASE):
        (folder / name).mkdir(parents=True)
    else:
        folder.mkdir(exist_ok=True)
        if not name:
            folder.rmdir()
        (folder / name).write_bytes(b"in the way")
    with pytest.raises(StoreError) as caught:
        opened(folder)
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)


MORTAL = """
import sys
from pathlib import Path
from linewatch.errors import StoreError
from linewatch.store import verify
from tests.unit.store.writing import opened
folder, way = Path(sys.argv[1]), sys.argv[2]
try:
    if way == "write":
        opened(folder)
    else:
        print(verify(folder).status)
except StoreError as error:
    print(f"refused: {error}")
"""


def as_mortal(folder: Path, way: str) -> str:
    """What somebody is told for whom permissions hold: they do not for root, unless it lays down that power."""
    lay_down: list[str] = []
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("runs as root, for whom no permission holds, and setpriv is not installed")
        powers = "-dac_override,-dac_read_search"
        lay_down = ["setpriv", "--bounding-set", powers, "--inh-caps", powers]
    done = subprocess.run(
        [*lay_down, sys.executable, "-c", MORTAL, str(folder), way],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A store in a folder that its reader may not write."""
    folder = write_store(tmp_path / "store", 3)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def test_a_folder_that_may_not_be_written_is_told_in_one_line(unwritable: Path) -> None:
    said = as_mortal(unwritable, "write")
    assert said == f"refused: {unwritable}: no permission; allowed: a folder that this user may read and write"


def test_a_store_on_a_read_only_medium_can_still_be_verified(unwritable: Path) -> None:
    assert as_mortal(unwritable, "verify") == "unanchored"


def test_a_database_that_may_not_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    folder = write_store(tmp_path / "store", 3)
    (folder / DATABASE).chmod(0o200)
    said = as_mortal(folder, "verify")
    assert said.startswith(f"refused: {folder / DATABASE}: cannot be opened; allowed: ")


def test_a_busy_file_is_told_in_one_line(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    with opened(tmp_path) as journal:
        journal._connection.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds the file; allowed: one writer"):
            journal.audit("login", 1, "seat 1")
        other.close()
    assert rows_of(tmp_path, "SELECT count(*) FROM audit_entry WHERE kind = 'login'") == [(0,)]
