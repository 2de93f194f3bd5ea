"""The tables of a store, and what one line an SQLite error becomes."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from linewatch.errors import StoreError

SCHEMA_VERSION: Final = 1
"""Kept as `user_version`; a reader refuses a store of a higher one."""
APPLICATION_ID: Final = 0x4C574A31
"""`LWJ1`: tells a store from any other SQLite file."""
FORMAT: Final = "linewatch-store/1"
"""Kept in the table `meta`, for people."""
DATABASE: Final = "linewatch.sqlite"
LOCK: Final = "lock"
ROOMS: Final = ("segments", "clips")
"""Folders of a store that hold files cited by the chain."""

_ENTRY: Final = """
    seq INTEGER PRIMARY KEY, tick INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, header BLOB NOT NULL,
    commitment BLOB NOT NULL, hash BLOB NOT NULL"""
_CITED: Final = "wall_ns INTEGER NOT NULL, record_seq INTEGER NOT NULL, record_hash BLOB NOT NULL"
_STATE: Final = "space TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (space, key)"
_PROGRESS: Final = "one INTEGER PRIMARY KEY CHECK (one = 1), tick INTEGER, signal_tick INTEGER, seal BLOB NOT NULL"
_FILE: Final = """
    name TEXT PRIMARY KEY, seq INTEGER NOT NULL, size INTEGER NOT NULL, sha256 BLOB NOT NULL, erased INTEGER NOT NULL"""
_PAYLOAD: Final = """
    seq INTEGER PRIMARY KEY, form INTEGER NOT NULL, crc32 INTEGER, location TEXT, body BLOB NOT NULL"""
_INCIDENT: Final = """
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, line TEXT NOT NULL, section TEXT NOT NULL,
    raised_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, closed_ns INTEGER, kind TEXT NOT NULL,
    mover TEXT NOT NULL, act TEXT NOT NULL, concern TEXT NOT NULL, chainage_m REAL NOT NULL, from_m REAL NOT NULL,
    to_m REAL NOT NULL, count_low INTEGER NOT NULL, count_high INTEGER NOT NULL, priority INTEGER NOT NULL,
    state TEXT NOT NULL, assessment TEXT NOT NULL, outcome TEXT NOT NULL, settings_id TEXT NOT NULL, merged_into TEXT"""

DDL: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    f"CREATE TABLE record_entry ({_ENTRY}) STRICT",
    f"CREATE TABLE record_payload ({_PAYLOAD}) STRICT",
    f"CREATE TABLE audit_entry ({_ENTRY}, {_CITED}) STRICT",
    f"CREATE TABLE audit_payload ({_PAYLOAD}) STRICT",
    f"CREATE TABLE state ({_STATE}) STRICT, WITHOUT ROWID",
    f"CREATE TABLE progress ({_PROGRESS}) STRICT",
    f"CREATE TABLE incident ({_INCIDENT}) STRICT, WITHOUT ROWID",
    "CREATE INDEX incident_raised ON incident (raised_ns, id)",
    "CREATE INDEX incident_section ON incident (line, section, raised_ns)",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, incident TEXT NOT NULL) STRICT",
    f"CREATE TABLE file ({_FILE}) STRICT, WITHOUT ROWID",
)

_REASONS: Final[dict[str, str]] = {
    "SQLITE_FULL": "the disk is full; nothing of the unfinished tick was kept",
    "SQLITE_READONLY": "found a read-only file or folder; allowed: one that can be written",
    "SQLITE_PERM": "no permission; allowed: a file that this user may read and write",
    "SQLITE_CANTOPEN": "cannot be opened; allowed: an existing store in a folder that this user may enter and write",
    "SQLITE_BUSY": "another program holds the file; allowed: one writer",
    "SQLITE_LOCKED": "another program holds the file; allowed: one writer",
    "SQLITE_CORRUPT": "damaged: pages are missing or malformed; restore it from a backup",
    "SQLITE_NOTADB": "found a file that is no SQLite database; allowed: a store written by Linewatch",
    "SQLITE_IOERR": "the disk refused a read or a write; nothing of the unfinished tick was kept",
    "SQLITE_TOOBIG": "a record is larger than a row may be",
}


@contextmanager
def errors_told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system say into one `StoreError` line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if not name:  # not the file's fault: a call that this module should not have made
            raise
        reason = next((text for key, text in _REASONS.items() if name.startswith(key)), "cannot be used")
        raise StoreError(f"{path}: {reason} ({error})") from error
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {error.strerror or error}") from error


def connect_writer(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection that writes. Makes the tables where the file is new; refuses what is foreign, newer or damaged."""
    with errors_told(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            if not _is_blank(connection):
                _refuse_strangers(connection, path)
                _refuse_older(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            if _is_blank(connection):
                _create(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Works beside a writer, and on a read-only medium."""
    if not path.is_file():
        raise StoreError(f"{path}: found no such file; allowed: a store written by Linewatch")
    # Where no writer is at work and the folder cannot be written, SQLite may not make its index of the write-ahead log.
    still = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if still else "")
    with errors_told(path):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA query_only = ON")
            _refuse_strangers(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """All or nothing, and on disk when this ends without an error."""
    with errors_told(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def schema_of(connection: sqlite3.Connection) -> list[str]:
    """What the file says it holds, in words that SQLite keeps as they were written."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    return [str(sql) for (sql,) in rows]


def number_of(connection: sqlite3.Connection, pragma: str) -> int:
    """A pragma that is one number."""
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _is_blank(connection: sqlite3.Connection) -> bool:
    return (
        not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        and number_of(connection, "application_id") == 0
        and number_of(connection, "user_version") == 0
    )


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in DDL:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    application, version = number_of(connection, "application_id"), number_of(connection, "user_version")
    if application != APPLICATION_ID:
        raise StoreError(
            f"{path}: found an SQLite file of another program (application_id {application:#x}); "
            f"allowed: a store written by Linewatch ({APPLICATION_ID:#x})"
        )
    if not 1 <= version <= SCHEMA_VERSION:
        raise StoreError(
            f"{path}: user_version: found schema {version}; allowed: 1 to {SCHEMA_VERSION} (use a newer Linewatch)"
        )
    _refuse_cut(connection, path)


def _refuse_older(connection: sqlite3.Connection, path: Path) -> None:
    """An older schema can be read; whoever writes must first bring it to this one."""
    if (version := number_of(connection, "user_version")) != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: user_version: found schema {version}; allowed: {SCHEMA_VERSION} to write "
            "(see `linewatch migrate`)"
        )


def _refuse_cut(connection: sqlite3.Connection, path: Path) -> None:
    pages, size = number_of(connection, "page_count"), number_of(connection, "page_size")
    log = path.with_name(f"{path.name}-wal")
    # With a write-ahead log beside it the file may rightly be shorter than the database.
    if (not log.exists() or not log.stat().st_size) and path.stat().st_size < pages * size:
        raise StoreError(f"{path}: found {path.stat().st_size} bytes; allowed: {pages * size} (the file was cut short)")
