"""A copy is a store: made while the store is written, renewed, put back; and nothing else is written over."""

import os
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from linewatch.errors import StoreError
from linewatch.store import Erasure, Signer, open_store, verify
from linewatch.store.copying import backup, restore
from linewatch.store.schema import DATABASE
from tests.unit.store.writing import edited, opened, tick_at, write_store, write_tick

SIGNER = Signer(bytes(32))


def same(a: Path, b: Path) -> bool:
    with open_store(a) as one, open_store(b) as two:
        assert one.heads() == two.heads() and one.incidents() == two.incidents() and one.positions() == two.positions()
    names = [sorted(str(p.relative_to(f)) for p in f.rglob("*.bin")) for f in (a, b)]
    return names[0] == names[1]


def test_a_copy_verifies_and_is_equal(tmp_path: Path) -> None:
    write_store(tmp_path / "store", 30, signer=SIGNER)
    done = backup(tmp_path / "store", tmp_path / "copy")
    assert done.files == len(list((tmp_path / "store" / "clips").iterdir())) > 2
    assert same(tmp_path / "store", tmp_path / "copy")
    with open_store(tmp_path / "store") as reader:
        assert verify(tmp_path / "copy", reader.heads()).status == "ok"


def test_a_copy_made_while_the_watch_goes_on_is_whole(tmp_path: Path) -> None:
    write_store(tmp_path / "store", 5, signer=SIGNER)
    stop, failed = threading.Event(), []

    def watch() -> None:
        with opened(tmp_path / "store", signer=SIGNER) as journal:
            for index in range(100, 4000):
                if stop.is_set():
                    break
                write_tick(journal, index)

    writer = threading.Thread(target=watch)
    writer.start()
    try:
        for _ in range(4):
            done = backup(tmp_path / "store", tmp_path / "copy")
            failed += [] if done.records else ["empty"]
    finally:
        stop.set()
        writer.join()
    assert not failed and verify(tmp_path / "copy").status == "unanchored"
    backup(tmp_path / "store", tmp_path / "copy")
    assert same(tmp_path / "store", tmp_path / "copy")


def test_what_was_erased_goes_from_the_older_copy_too(tmp_path: Path) -> None:
    write_store(tmp_path / "store", 30)
    backup(tmp_path / "store", tmp_path / "copy")
    name = "clips/" + min(p.name for p in (tmp_path / "copy" / "clips").iterdir())
    with opened(tmp_path / "store") as journal:
        journal.erase(Erasure("record", (), "", (name,), "30 days"))
        write_tick(journal, 200)
    done = backup(tmp_path / "store", tmp_path / "copy")
    assert done.removed == 1 and not (tmp_path / "copy" / name).exists()
    assert same(tmp_path / "store", tmp_path / "copy")


def test_a_store_comes_back_out_of_its_copy_and_goes_on(tmp_path: Path) -> None:
    write_store(tmp_path / "store", 20)
    backup(tmp_path / "store", tmp_path / "copy")
    shutil.rmtree(tmp_path / "store")
    restore(tmp_path / "copy", tmp_path / "store")
    with opened(tmp_path / "store") as journal:
        write_tick(journal, 100)
    assert verify(tmp_path / "store").status == "unanchored"


def refused(words: str, call: object, *folders: Path) -> None:
    with pytest.raises(StoreError) as caught:
        call(*folders)  # type: ignore[operator]
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_else_is_written_over(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 3)
    other = tmp_path / "other"
    with edited(write_store(other, 3)) as connection:
        connection.execute("UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = 0")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "home.txt").write_text("dear all")
    refused("found a copy of another store", backup, store, other)
    refused("found home.txt; allowed: an empty folder", backup, store, tmp_path / "letters")
    assert (tmp_path / "letters" / "home.txt").read_text() == "dear all"
    refused("found the store itself", backup, store, store)
    refused("found no such file", backup, tmp_path / "nowhere", tmp_path / "copy")
    refused("found a store; allowed: a folder without one", restore, store, other)
    longer = write_store(tmp_path / "longer", 9)
    refused("allowed: no more than", backup, store, longer)
    with opened(tmp_path / "held") as journal:
        journal.commit(tick_at(1), {}, {})
        refused("is writing this store", backup, store, tmp_path / "held")


def test_a_copy_that_was_changed_is_not_restored(tmp_path: Path) -> None:
    backup(write_store(tmp_path / "store", 20), tmp_path / "copy")
    path = min((tmp_path / "copy" / "clips").iterdir())
    path.write_bytes(b"x" + path.read_bytes()[1:])
    refused("its bytes were changed", restore, tmp_path / "copy", tmp_path / "new")
    assert not (tmp_path / "new" / DATABASE).exists()


def test_a_file_that_is_gone_from_the_store_is_told(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 20)
    min((store / "clips").iterdir()).unlink()
    refused("found no such file", backup, store, tmp_path / "copy")
    assert not (tmp_path / "copy" / DATABASE).exists()


def test_a_folder_without_permission_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write_store(tmp_path / "store", 3)
    (tmp_path / "file").write_text("no folder")
    refused("Not a directory", backup, store, tmp_path / "file" / "copy")
    # The superuser, as whom tests may run, is allowed everything: the answer of the system is made up.
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused("no permission", backup, store, tmp_path / "closed")
    assert not (tmp_path / "closed" / DATABASE).exists()


def test_a_full_disk_is_one_clear_line_and_the_older_copy_holds(tmp_path: Path) -> None:
    store, copy = write_store(tmp_path / "store", 10), tmp_path / "copy"
    backup(store, copy)
    with open_store(copy) as reader:
        head = reader.heads()
    with opened(store) as journal:
        for index in range(100, 200):
            write_tick(journal, index)

    assert (store / DATABASE).stat().st_size > 1 << 17

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))

    command = [sys.executable, "-m", "linewatch", "backup", str(store), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=narrow, timeout=110)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert str(copy) in line and "disk" in line
    assert verify(copy, head).status == "ok"
    backup(store, copy)
    assert same(store, copy)
