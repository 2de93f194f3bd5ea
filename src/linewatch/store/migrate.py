"""Bring a store that an older version wrote to the schema of this one. What the chains hold is never touched.

A schema is how rows lie in tables; what is hashed has formats of its own, which never change. So a migration is a few
SQL statements, in one transaction, with the old database kept beside the new one.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from linewatch.errors import StoreError
from linewatch.store.lock import hold_lock
from linewatch.store.schema import DATABASE, SCHEMA_VERSION, connect_reader, errors_told, number_of, transaction
from linewatch.store.verify import verify

STEPS: Final[Mapping[int, Sequence[str]]] = {}
"""By schema version: the statements that lead to the next. There has been one schema so far."""


class Migrated(NamedTuple):
    """What was done."""

    found: int
    """Schema that the store had."""
    now: int
    """Schema that it has."""
    kept: str
    """Name of the file with the database as it was; empty where nothing had to be done."""


def migrate(folder: Path, steps: Mapping[int, Sequence[str]] = STEPS, target: int = SCHEMA_VERSION) -> Migrated:
    """Bring the store in this folder to the schema `target`, and verify it.

    Raises `StoreError` where it is no store, newer, being written, or does not verify afterwards; then it is as before.
    """
    path = folder / DATABASE
    reader = connect_reader(path)
    try:
        found = number_of(reader, "user_version")
        if found == target:
            return Migrated(found, target, "")
        if missing := [version for version in range(found, target) if version not in steps]:
            raise StoreError(
                f"{path}: found schema {found}; allowed: one from which a way leads on ({missing[0]} has none)"
            )
        with hold_lock(folder):
            kept = path.with_name(f"{path.name}.schema-{found}")
            with errors_told(kept):
                kept.unlink(missing_ok=True)
                old = sqlite3.connect(kept)
                try:
                    reader.backup(old)
                    old.execute("PRAGMA journal_mode = DELETE")
                finally:
                    old.close()
            _apply(path, [statement for version in range(found, target) for statement in steps[version]], target)
            verdict = verify(folder)
            if verdict.status == "broken":
                _put_back(path, kept)
                raise StoreError(
                    f"{path}: {verdict.breaks[0]}; the store is as before, see `linewatch verify {folder}`"
                )
    finally:
        reader.close()
    return Migrated(found, target, kept.name)


def _apply(path: Path, statements: Sequence[str], target: int) -> None:
    with errors_told(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            with transaction(connection, path):
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {target}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


def _put_back(path: Path, kept: Path) -> None:
    with errors_told(path):
        before, after = sqlite3.connect(kept), sqlite3.connect(path)
        try:
            before.backup(after)
        finally:
            before.close()
            after.close()
