"""Verification: both chains from their first entry, every table that must follow from them, every file they cite.

What it can say without help from outside is that a store is whole in itself. Whether it is the one that was there
yesterday only a head lodged outside can tell: the owner of the key could have written everything anew. Without such a
head the answer is therefore "unanchored since ...", and never "ok".
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from linewatch.store.files import strays
from linewatch.store.head import Anchor, Head, ShortHead, code_of
from linewatch.store.scan import Break
from linewatch.store.scan_audit import AuditScan, scan_audits
from linewatch.store.scan_parallel import scan_records
from linewatch.store.scan_record import RecordScan
from linewatch.store.scan_tables import file_breaks, table_breaks
from linewatch.store.schema import DATABASE, connect_reader, errors_told

Status = Literal["broken", "unanchored", "ok"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(msgspec.Struct, frozen=True):
    """What verification found."""

    status: Status
    """`broken`: something does not hold; `unanchored`: all holds, but no outside head vouches for it; `ok`."""
    text: str
    """The answer in one sentence."""
    breaks: tuple[str, ...] = ()
    """What does not hold: the first broken entry of each chain, or every table and file that differs."""
    remarks: tuple[str, ...] = ()
    """What a person should know though nothing is broken."""
    records: int = 0
    """Entries of the record chain that hold."""
    audits: int = 0
    """Entries of the audit chain that hold."""
    files: int = 0
    """Files that were read and hold."""
    erased_payloads: int = 0
    """Payloads of the record chain that were erased on the record."""
    checkpoints: int = 0
    """Signed checkpoints that hold."""
    code: str = ""
    """Short code of the head that was verified; empty where broken."""
    unanchored_since: str = ""
    """Since when nobody outside vouches: UTC time; empty where the outside head is the last."""


def verify(folder: Path, against: Anchor | None = None) -> Verdict:
    """Verify a store, a running one too. Raises `StoreError` where there is none that this version can read."""
    connection = connect_reader(folder / DATABASE)
    try:
        with errors_told(folder / DATABASE):
            connection.execute("BEGIN")  # one moment of a store that may be growing
        return verify_connection(connection, folder, against, folder / DATABASE)
    finally:
        connection.close()


def verify_connection(
    connection: sqlite3.Connection, folder: Path, against: Anchor | None = None, path: Path | None = None
) -> Verdict:
    """Verify what this connection sees; with the `path` of the database, on more than one core."""
    audits = scan_audits(connection, None if against is None else against.audit_seq)
    records = scan_records(connection, audits, None if against is None else against.record_seq, path)
    breaks = [each for each in (records.broken, audits.broken) if each is not None]
    files = 0
    if not breaks:
        breaks = [*table_breaks(connection, records, audits), *file_breaks(folder, records, audits)]
        files = sum(name not in audits.erased.files for name in records.files)
    if against is not None:
        breaks += _anchor_breaks(against, records, audits)
    if breaks:
        text = f"broken: {breaks[0]}"
        return Verdict("broken", text, tuple(map(str, breaks)), tuple(audits.remarks), records.end.seq, audits.end.seq)
    code = code_of(records.end.seq - 1, records.end.hash, audits.end.seq - 1, audits.end.hash)
    status, text, since = _standing(against, records, audits)
    return Verdict(
        status=status,
        text=text,
        remarks=(*audits.remarks, *_stray_remarks(folder, records)),
        records=records.end.seq,
        audits=audits.end.seq,
        files=files,
        erased_payloads=records.erased_payloads,
        checkpoints=len(audits.checkpoints),
        code=code,
        unanchored_since=since,
    )


def _standing(against: Anchor | None, records: RecordScan, audits: AuditScan) -> tuple[Status, str, str]:
    """Status, sentence and the time since which nobody outside vouches."""
    whole = f"{records.end.seq} record entries and {audits.end.seq} audit entries hold"
    if against is None:
        since = _time(audits.created_ns)
        return "unanchored", f"unanchored since {since}: {whole}, but no head lodged outside vouches for them", since
    vouched = f"the head lodged outside vouches for record entry {against.record_seq} and all before it"
    if against.record_seq == records.end.seq - 1 and against.audit_seq == audits.end.seq - 1:
        return "ok", f"ok: {whole}; {vouched}", ""
    since = _time(against.wall_ns) if isinstance(against, Head) else f"record entry {against.record_seq}"
    return "ok", f"ok: {whole}; {vouched}; what came later is unanchored since {since}", since


def _anchor_breaks(against: Anchor, records: RecordScan, audits: AuditScan) -> Iterator[Break]:
    record_hash, audit_hash = (against.record_hash, against.audit_hash) if isinstance(against, Head) else ("", "")
    pairs = (
        ("record", against.record_seq, records.wanted_hash, record_hash, records.end),
        ("audit", against.audit_seq, audits.wanted_hash, audit_hash, audits.end),
    )
    for chain, seq, found, lodged, end in pairs:
        if found is None:
            yield Break(
                chain, seq, f"it is missing, and the head lodged outside has it (here entry {end.seq - 1} is last)"
            )
        elif lodged and found.hex() != lodged:
            yield Break(chain, seq, "it has another hash than in the head lodged outside")
    if isinstance(against, ShortHead) and records.wanted_hash is not None and audits.wanted_hash is not None:
        code = code_of(against.record_seq, records.wanted_hash, against.audit_seq, audits.wanted_hash)
        if code != against.code:
            yield Break("record", against.record_seq, f"its code is {code}; the one lodged outside is {against.code}")


def _stray_remarks(folder: Path, records: RecordScan) -> tuple[str, ...]:
    names = strays(folder, records.files)
    return (f"files that no entry cites: {', '.join(names)}",) if names else ()


def _time(wall_ns: int | None) -> str:
    moment = _EPOCH + timedelta(microseconds=(wall_ns or 0) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
