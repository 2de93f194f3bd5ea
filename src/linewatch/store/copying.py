"""Copies of a store: a backup while the watch goes on, and the way back. A copy is a store, and verifies as one."""

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from linewatch.errors import StoreError
from linewatch.store.files import FileCited, file_fault, make_folder, make_rooms, strays, sync_folder
from linewatch.store.lock import hold_lock
from linewatch.store.schema import DATABASE, connect_reader, errors_told
from linewatch.store.verify import Verdict, verify

_PART: Final = f"{DATABASE}.part"
_TRIES: Final = 3


class Copied(NamedTuple):
    """What a copy took."""

    records: int
    """Entries of the record chain in it."""
    files: int
    """Files that had to be copied; those that were there already are left."""
    removed: int
    """Files in an older copy that have been erased since, and were therefore removed."""
    bytes: int
    """Bytes copied."""


def backup(source: Path, target: Path) -> Copied:
    """Copy a store, while it is written or not, to a new folder or over an older copy of the same store.

    Files go first, the database last and at once, so that the older copy holds until the new one is whole; then the
    copy is verified. Raises `StoreError` where the target holds something else, or the copy does not verify.
    """
    make_folder(target)
    with hold_lock(target):
        _refuse_others(source, target)
        make_rooms(target)
        for attempt in range(_TRIES):
            cited = _copy_database(source, target)
            try:
                copied, size = _copy_files(source, target, cited)
                break
            except FileNotFoundError as error:
                # Retention erased a file between the database and the files; the next database says so.
                if attempt == _TRIES - 1:
                    raise StoreError(
                        f"{error.filename}: found no such file; see `linewatch verify {source}`"
                    ) from error
        with errors_told(target):
            (target / _PART).replace(target / DATABASE)
            sync_folder(target)
        gone = strays(target, [each.name for each in cited])
        for name in gone:
            with errors_told(target / name):
                (target / name).unlink()
        verdict = _verified(target)
    return Copied(verdict.records, copied, len(gone), size + (target / DATABASE).stat().st_size)


def restore(copy: Path, target: Path) -> Copied:
    """A store out of a copy that verifies, in a folder that holds none. Raises `StoreError`; then nothing was made."""
    if (target / DATABASE).exists():
        raise StoreError(f"{target}: found a store; allowed: a folder without one (nothing is written over)")
    _verified(copy)
    return backup(copy, target)


def _verified(folder: Path) -> Verdict:
    verdict = verify(folder)
    if verdict.status == "broken":
        raise StoreError(f"{folder}: {verdict.breaks[0]}; see `linewatch verify {folder}`")
    return verdict


def _refuse_others(source: Path, target: Path) -> None:
    """A copy goes over an older copy of the same store and over nothing else."""
    if source.resolve() == target.resolve():
        raise StoreError(f"{target}: found the store itself; allowed: another folder")
    begun = _beginning(source)
    if (target / DATABASE).exists():
        there = _beginning(target)
        if there[0] != begun[0]:
            raise StoreError(
                f"{target}: found a copy of another store; allowed: an empty folder, or a copy of {source}"
            )
        if there[1] > begun[1]:
            raise StoreError(f"{target}: found {there[1]} entries; allowed: no more than {source} has ({begun[1]})")
        return
    own = {"lock", "segments", "clips", _PART}
    if others := sorted(path.name for path in target.iterdir() if path.name not in own):
        raise StoreError(f"{target}: found {others[0]}; allowed: an empty folder, or a copy of {source}")


def _beginning(folder: Path) -> tuple[bytes, int]:
    """What tells one store from another (its first audit entry holds the wall time), and how long it is."""
    path = folder / DATABASE
    connection = connect_reader(path)
    try:
        with errors_told(path):
            first = connection.execute("SELECT hash FROM audit_entry WHERE seq = 0").fetchone()
            (last,) = connection.execute("SELECT coalesce(max(seq), -1) FROM record_entry").fetchone()
    finally:
        connection.close()
    if first is None:
        raise StoreError(f"{path}: found no entries; allowed: a store that was begun")
    return first[0], last + 1


def _copy_database(source: Path, target: Path) -> list[FileCited]:
    """The database as it stands at one moment, beside the older one; the files that it cites."""
    part = target / _PART
    with errors_told(part):
        part.unlink(missing_ok=True)
        reader = connect_reader(source / DATABASE)
        writer = sqlite3.connect(part, isolation_level=None)
        try:
            reader.backup(writer)
            # The copy stands alone: no log beside it.
            writer.execute("PRAGMA journal_mode = DELETE")
            rows = writer.execute("SELECT name, size, sha256 FROM file WHERE erased = 0 ORDER BY name").fetchall()
        finally:
            writer.close()
            reader.close()
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return [FileCited(*row) for row in rows]


def _copy_files(source: Path, target: Path, cited: list[FileCited]) -> tuple[int, int]:
    """Every cited file that the target lacks; how many, and how many bytes."""
    copied = size = 0
    for each in cited:
        if not file_fault(target, each):
            continue
        path = target / each.name
        part = path.with_name(path.name + ".part")
        try:
            shutil.copyfile(source / each.name, part)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{error.filename or part}: {error.strerror or error}") from error
        with errors_told(part), part.open("rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != each.sha256:
                raise StoreError(f"{source / each.name}: its bytes were changed; see `linewatch verify {source}`")
            os.fsync(file.fileno())
        part.replace(path)
        copied, size = copied + 1, size + each.size
    for room in {each.name.partition("/")[0] for each in cited}:
        sync_folder(target / room)
    return copied, size
