"""A second store that follows a first: what is new over there, and how it is taken in here.

What goes over is rows as they lie in the first store's tables, so both are equal, erasures included. Each part is taken
in as one transaction, its entries are chained again, and the last part must fit the seal, which covers everything.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import ChainError, StoreError
from linewatch.store.batch import end_of, load_ends
from linewatch.store.chain import Chain, entry_hash
from linewatch.store.erase import erase_statements
from linewatch.store.files import FileCited, file_fault, sync_folder
from linewatch.store.notes import ERASE, decode_erasure
from linewatch.store.payloads import unwrap
from linewatch.store.projection import COLUMNS, INCIDENT, incident_of, incident_row
from linewatch.store.schema import DATABASE, connect_reader, errors_told, transaction
from linewatch.store.state import row_digest

MOST_ENTRIES: Final = 20_000
"""Entries of the record chain in one part."""


class Standing(msgspec.Struct, frozen=True):
    """How far a follower has come."""

    record_next: int
    """Position of the record entry that it wants next."""
    audit_next: int
    """Position of the audit entry that it wants next."""
    states: dict[str, bytes]
    """Digest of every state row, by `space/key`."""


class Part(msgspec.Struct, frozen=True):
    """What is new, from one moment of the first store."""

    entries: dict[str, list[tuple[object, ...]]]
    """Rows of both entry tables, by chain."""
    payloads: dict[str, list[tuple[object, ...]]]
    """Rows of both payload tables, by chain."""
    files: list[tuple[str, int, int, bytes, int]]
    """Rows of the table of files."""
    last: bool
    """Whether this brings the follower to where the first store stood."""
    meta: list[tuple[str, str]] = []
    """All rows of what the store is of; with the last part only, as all below."""
    states: list[tuple[str, str, bytes]] = []
    """State rows that differ."""
    gone: list[tuple[str, str]] = []
    """State rows that are no longer there."""
    progress: tuple[int | None, int | None, bytes] | None = None
    """How far the run has come, and the seal."""


_ENTRY_TABLES: Final[dict[Chain, tuple[str, str]]] = {
    "record": ("record_entry", "record_payload"),
    "audit": ("audit_entry", "audit_payload"),
}


def standing_of(folder: Path) -> Standing:
    """How far this store has come; the beginning where there is none. Raises `StoreError`."""
    if not (folder / DATABASE).exists():
        return Standing(0, 0, {})
    connection = connect_reader(folder / DATABASE)
    try:
        with errors_told(folder / DATABASE):
            states = connection.execute("SELECT space, key, body FROM state").fetchall()
            return Standing(
                end_of(connection, "record").seq,
                end_of(connection, "audit").seq,
                {f"{space}/{key}": row_digest(space, key, body) for space, key, body in states},
            )
    finally:
        connection.close()


def part_after(folder: Path, standing: Standing, most: int = MOST_ENTRIES) -> Part:
    """What a follower lacks, as of one moment. Raises `StoreError`, also where the follower is ahead."""
    path = folder / DATABASE
    connection = connect_reader(path)
    try:
        with errors_told(path):
            connection.execute("BEGIN")
            record_end, audit_end = end_of(connection, "record").seq, end_of(connection, "audit").seq
            if standing.record_next > record_end or standing.audit_next > audit_end:
                raise StoreError(f"{path}: found {record_end} records; the follower has {standing.record_next}")
            until = min(standing.record_next + most, record_end)
            last = until == record_end
            spans = {"record": (standing.record_next, until), "audit": (standing.audit_next, audit_end if last else 0)}
            part = Part(
                {chain: _rows(connection, tables[0], spans[chain]) for chain, tables in _ENTRY_TABLES.items()},
                {chain: _rows(connection, tables[1], spans[chain]) for chain, tables in _ENTRY_TABLES.items()},
                connection.execute("SELECT * FROM file WHERE seq >= ? AND seq < ?", spans["record"]).fetchall(),
                last,
            )
            return _with_states(connection, part, standing) if last else part
    finally:
        connection.close()


def fetch_files(folder: Path, part: Part, fetch: Callable[[str, Path], None]) -> None:
    """Bring in the files that a part cites and this folder lacks: `fetch(name, path)` fills each. They go first."""
    for name, _, size, sha256, erased in part.files:
        cited = FileCited(name, size, sha256)
        if erased or not file_fault(folder, cited):
            continue
        path = folder / name
        arriving = path.with_name(path.name + ".part")
        with errors_told(arriving):
            fetch(name, arriving)
            arriving.replace(path)
            sync_folder(path.parent)
        if fault := file_fault(folder, cited):
            path.unlink(missing_ok=True)
            raise StoreError(f"{path}: {fault} (as it came over)")


def take_in(connection: sqlite3.Connection, folder: Path, part: Part) -> None:
    """Add a part to the follower, all or nothing. Raises `StoreError` where it does not follow on what is here."""
    path = folder / DATABASE
    erasures = [decode_erasure(unwrap(row).payload or b"") for row in _erasing(part)]  # type: ignore[arg-type]
    connection.execute("PRAGMA secure_delete = ON")
    try:
        with transaction(connection, path):
            _chain_again(connection, part)
            for chain, tables in _ENTRY_TABLES.items():
                _insert(connection, tables[0], part.entries[chain])
                _insert(connection, tables[1], part.payloads[chain])
            _insert(connection, "file", part.files)
            _project(connection, part)
            for erasure in erasures:
                for statement, values in erase_statements(connection, msgspec.structs.replace(erasure, files=())):
                    connection.execute(statement, values)
                marked = [(name,) for name in erasure.files]
                connection.executemany("UPDATE file SET erased = 1 WHERE name = ?", marked)
            if part.last:
                _take_states(connection, part)
    except (ChainError, ValueError, msgspec.DecodeError) as error:
        raise StoreError(f"{path}: what came over does not follow on what is here ({error})") from error
    for name in (name for erasure in erasures for name in erasure.files):
        (folder / name).unlink(missing_ok=True)


def _rows(connection: sqlite3.Connection, table: str, span: tuple[int, int]) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {table} WHERE seq >= ? AND seq < ? ORDER BY seq", span).fetchall()  # noqa: S608 - our own tables


def _with_states(connection: sqlite3.Connection, part: Part, standing: Standing) -> Part:
    rows = connection.execute("SELECT space, key, body FROM state").fetchall()
    here = {f"{space}/{key}" for space, key, _ in rows}
    return msgspec.structs.replace(
        part,
        meta=connection.execute("SELECT name, value FROM meta").fetchall(),
        states=[row for row in rows if standing.states.get(f"{row[0]}/{row[1]}") != row_digest(*row)],
        gone=[tuple(name.split("/", 1)) for name in standing.states if name not in here],
        progress=connection.execute("SELECT tick, signal_tick, seal FROM progress").fetchone(),
    )


def _erasing(part: Part) -> list[tuple[object, ...]]:
    """Payload rows of the erasures in a part."""
    seqs = {row[0] for row in part.entries["audit"] if row[2] == ERASE}
    return [row for row in part.payloads["audit"] if row[0] in seqs]


def _chain_again(connection: sqlite3.Connection, part: Part) -> None:
    """Every new entry must follow on the one before it."""
    for chain in _ENTRY_TABLES:
        seq, head = end_of(connection, chain)
        for row in part.entries[chain]:
            if row[0] != seq or entry_hash(head, row[4], row[5]) != row[6]:  # type: ignore[arg-type]
                raise ChainError(f"{chain} entry {row[0]} does not follow on entry {seq - 1}")
            seq, head = seq + 1, row[6]


def _project(connection: sqlite3.Connection, part: Part) -> None:
    """The incident table and the outbox, as they follow from the new entries."""
    payloads = {row[0]: row for row in part.payloads["record"]}
    replace = "REPLACE INTO incident VALUES ({})".format(", ".join("?" * len(COLUMNS)))  # noqa: S608 - as above
    for row in part.entries["record"]:
        if row[2] != INCIDENT:
            continue
        connection.execute("INSERT INTO outbox VALUES (?, ?)", (row[0], row[3]))
        if (payload := payloads.get(row[0])) is None:
            connection.execute("DELETE FROM incident WHERE id = ?", (row[3],))
        else:
            found = incident_of(unwrap(payload))  # type: ignore[arg-type]
            connection.execute(replace, incident_row(row[0], found))  # type: ignore[arg-type]


def _take_states(connection: sqlite3.Connection, part: Part) -> None:
    connection.execute("DELETE FROM meta")
    _insert(connection, "meta", part.meta)
    connection.executemany("DELETE FROM state WHERE space = ? AND key = ?", part.gone)
    connection.executemany("REPLACE INTO state VALUES (?, ?, ?)", part.states)
    assert part.progress is not None
    connection.execute("REPLACE INTO progress VALUES (1, ?, ?, ?)", part.progress)
    load_ends(connection)  # raises where the seal does not fit all of this


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    rows = list(rows)
    if rows:
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 - as above
