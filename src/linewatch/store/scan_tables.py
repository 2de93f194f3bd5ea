"""Tables and files against the chains: what is shown and what is proven must be the same."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import ChainError
from linewatch.store.batch import Ends, load_ends
from linewatch.store.files import file_fault
from linewatch.store.payloads import unwrap
from linewatch.store.projection import incident_of, incident_row
from linewatch.store.scan import Break
from linewatch.store.scan_audit import AuditScan
from linewatch.store.scan_record import RecordScan
from linewatch.store.schema import APPLICATION_ID, DDL, FORMAT, SCHEMA_VERSION, number_of, schema_of

_TABLES: Final = {
    "meta": "SELECT * FROM meta ORDER BY name",
    "incident": "SELECT * FROM incident ORDER BY id",
    "outbox": "SELECT * FROM outbox ORDER BY seq",
    "file": "SELECT * FROM file ORDER BY name",
}


def table_breaks(connection: sqlite3.Connection, records: RecordScan, audits: AuditScan) -> Iterator[Break]:
    """Every table that does not say what follows from the chains."""
    try:
        if (fault := _schema_fault(connection)) is not None:
            yield fault
            return
        if (said := connection.execute("PRAGMA integrity_check(incident)").fetchone()[0]) != "ok":
            # The only table with indexes: a damaged one would show less than the table holds.
            yield Break("incident", None, said)
        for table, wanted in _expected(connection, records, audits).items():
            found = connection.execute(_TABLES[table]).fetchall()
            if found != wanted:
                odd = sorted(str(row[0]) for row in set(found) ^ set(wanted))
                yield Break(table, None, f"row {odd[0]} is not what follows from the chain")
        yield from _orphans(connection, records, audits)
        yield from _seal_breaks(connection, records, audits)
    except (sqlite3.Error, ChainError) as error:
        yield Break("tables", None, str(error))


def file_breaks(folder: Path, records: RecordScan, audits: AuditScan) -> Iterator[Break]:
    """Every cited file that is not as it was, and every erased one that is still there."""
    for name, (seq, cited) in records.files.items():
        if name not in audits.erased.files:
            if fault := file_fault(folder, cited):
                yield Break("file", None, f"{name}, cited by record entry {seq}: {fault}")
        elif (folder / name).exists():
            yield Break("file", None, f"{name} was erased on the record, and is here")


def _schema_fault(connection: sqlite3.Connection) -> Break | None:
    numbers = number_of(connection, "application_id"), number_of(connection, "user_version")
    if numbers != (APPLICATION_ID, SCHEMA_VERSION):
        return Break("schema", None, f"application_id and user_version are {numbers}")
    if schema_of(connection) != list(DDL):
        return Break("schema", None, "the tables and indexes are not those of a store")
    return None


def _expected(
    connection: sqlite3.Connection, records: RecordScan, audits: AuditScan
) -> dict[str, list[tuple[Any, ...]]]:
    seqs = [seq for seq in records.incidents.values() if seq is not None]
    payloads = (connection.execute("SELECT * FROM record_payload WHERE seq = ?", (seq,)).fetchone() for seq in seqs)
    incidents = [incident_row(row[0], incident_of(unwrap(row))) for row in payloads]
    files = [
        (name, seq, cited.size, cited.sha256, int(name in audits.erased.files))
        for name, (seq, cited) in records.files.items()
    ]
    return {
        "meta": sorted(_expected_meta(records, audits).items()),
        "incident": sorted(incidents, key=lambda row: str(row[0])),
        "outbox": list(records.changes.items()),
        "file": sorted(files),
    }


def _expected_meta(records: RecordScan, audits: AuditScan) -> dict[str, str]:
    if records.opened is None:
        return {}
    seq, identity = records.opened
    fixed = {"format": FORMAT, "created_ns": str(audits.created_ns), "public_key": audits.key.hex()}
    return {**fixed, "open_seq": str(seq), **msgspec.structs.asdict(identity)}


def _orphans(connection: sqlite3.Connection, records: RecordScan, audits: AuditScan) -> Iterator[Break]:
    # The chains have been found to hold every position from 0 to their ends, so any other has no entry.
    for chain, statement, end in (
        ("record", "SELECT seq FROM record_payload WHERE seq < 0 OR seq >= ? LIMIT 1", records.end.seq),
        ("audit", "SELECT seq FROM audit_payload WHERE seq < 0 OR seq >= ? LIMIT 1", audits.end.seq),
    ):
        if (row := connection.execute(statement, (end,)).fetchone()) is not None:
            yield Break(chain, row[0], "there is a payload and no entry")


def _seal_breaks(connection: sqlite3.Connection, records: RecordScan, audits: AuditScan) -> Iterator[Break]:
    if connection.execute("SELECT count(*) FROM progress").fetchone()[0] != 1:
        yield Break("progress", None, "its row is missing")
        return
    ends: Ends = load_ends(connection)
    if not audits.checkpoints:
        return
    last = audits.checkpoints[-1]
    nothing_since = last.seq == audits.end.seq - 1 and last.record == records.end
    if nothing_since and last.states != ends.states:
        yield Break("state", None, "the states are not those that the last checkpoint signed")
