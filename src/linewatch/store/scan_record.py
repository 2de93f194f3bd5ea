"""One pass over the record chain: every hash, every payload, and what the tables must say in the end."""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from linewatch.store import notes
from linewatch.store.chain import GENESIS, PAYLOAD_TAG, START, Link, encode
from linewatch.store.files import FileCited
from linewatch.store.identity import Identity
from linewatch.store.payloads import Content
from linewatch.store.projection import INCIDENT
from linewatch.store.scan import Break, EntryRow, content_of, fault_of
from linewatch.store.scan_audit import AuditScan

_ROWS: Final = (
    "SELECT e.seq, e.header, e.commitment, e.hash, p.form, p.crc32, p.location, p.body, "
    "e.tick, e.kind, e.key FROM record_entry e LEFT JOIN record_payload p ON p.seq = e.seq ORDER BY e.seq"
)
_TOLD: Final = frozenset({INCIDENT, *notes.RECORD_KINDS})


@dataclass
class RecordScan:
    """What the record chain says, up to its first broken entry."""

    audits: AuditScan
    """What the audit chain says of it."""
    end: Link = START
    """Its end."""
    opened: tuple[int, Identity] | None = None
    """Position and payload of the last `open` entry."""
    incidents: dict[str, tuple[int, Content]] = field(default_factory=dict)
    """Position and content of the last version of each incident, where it was not erased."""
    changes: dict[int, str] = field(default_factory=dict)
    """Incident by position of its change."""
    files: dict[str, tuple[int, FileCited]] = field(default_factory=dict)
    """Files cited, by name."""
    erased_payloads: int = 0
    """How many payloads were erased on the record."""
    wanted_hash: bytes | None = None
    """Hash of the entry asked for."""
    broken: Break | None = None
    """Its first broken entry."""

    def fail(self, what: str) -> None:
        """Say what is wrong with the entry after the last good one."""
        self.broken = self.broken or Break("record", self.end.seq, what)

    def take(self, row: EntryRow, stored: tuple[Any, ...], named: tuple[Any, ...], last_tick: int) -> str:
        """Check one entry without haste and learn what it says; what is wrong with it, empty where nothing is."""
        tick, kind, key = named
        what = fault_of(row, encode(("record", row.seq, tick, kind, key)), self.end.seq, self.end.hash)
        if not what and tick < last_tick:
            what = f"it is of tick {tick}, before tick {last_tick} of the entry ahead of it"
        if not what and self.audits.cited.get(row.seq, row.hash) != row.hash:
            what = "it has another hash than the audit chain cites"
        if what:
            return what
        content, what = content_of("record", row, stored, self.audits.erased)
        if not what and content is None:
            self.erased_payloads += 1
        return what or self._learn(row.seq, kind, key, content)

    def _learn(self, seq: int, kind: str, key: str, content: Content | None) -> str:
        if kind not in _TOLD:
            return ""
        if kind == INCIDENT:
            self._incident(seq, key, content)
            return ""
        try:
            if content is None or content.payload is None:
                return f"a payload of kind {kind} is never erased, and this one is missing"
            if kind == notes.OPEN:
                self.opened = (seq, notes.decode_identity(content.payload))
            else:
                cited = notes.decode_file(content.payload)
                self.files[cited.name] = (seq, cited)
        except msgspec.DecodeError as error:
            return f"its payload is no {kind} ({error})"
        return ""

    def _incident(self, seq: int, name: str, content: Content | None) -> None:
        self.changes[seq] = name
        if content is None:
            self.incidents.pop(name, None)
        else:
            self.incidents[name] = (seq, content)


def scan_records(connection: sqlite3.Connection, audits: AuditScan, wanted: int | None) -> RecordScan:
    """Walk the record chain up to its first broken entry, and remember the hash at the position `wanted`."""
    scan = RecordScan(audits)
    try:
        _walk(scan, connection.execute(_ROWS), audits, wanted)
    except sqlite3.Error as error:
        scan.fail(f"cannot be read ({error})")
    if scan.broken is None and scan.end.seq <= (cited_to := max(audits.cited, default=-1)):
        scan.fail(f"it is missing; the audit chain cites entries up to {cited_to}")
    return scan


def _walk(scan: RecordScan, rows: Iterable[Any], audits: AuditScan, wanted: int | None) -> None:
    sha256, tag, told, cited = hashlib.sha256, PAYLOAD_TAG, _TOLD, audits.cited
    careful = audits.erased.of_chain("record")
    expected, head, last_tick = 0, GENESIS, 0
    try:
        for row in rows:
            seq, header, commitment, digest, form, crc32, location, body, tick, kind, key = row
            # The usual entry in as few steps as can be: this loop decides how long a season takes to verify. Whatever
            # is unusual, or does not hold, is looked at once more by `take`, which has time for words.
            if not (
                seq == expected
                and form == 0
                and crc32 is None
                and location is None
                and not careful
                and tick >= last_tick
                and kind not in told
                and seq not in cited
                and sha256(head + header + commitment).digest() == digest
                and sha256(tag + body).digest() == commitment
                and encode(("record", seq, tick, kind, key)) == header
            ):
                scan.end = Link(expected, head)
                if what := scan.take(EntryRow(*row[:4]), row[4:8], row[8:], last_tick):
                    scan.fail(what)
                    return
            if seq == wanted:
                scan.wanted_hash = digest
            expected, head, last_tick = seq + 1, digest, tick
    finally:
        scan.end = Link(expected, head)
