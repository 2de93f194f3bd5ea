"""One pass over the audit chain: hashes, signatures, keys, erasures, and what it cites of the record chain."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from linewatch.store import notes
from linewatch.store.chain import START, UNREADABLE, Link, audit_header
from linewatch.store.keys import checkpoint_holds, rotation_holds
from linewatch.store.payloads import Content, unwrap
from linewatch.store.scan import Break, EntryRow, Erased, content_of, fault_of, rows_of

_ROWS: Final = (
    "SELECT e.seq, e.header, e.commitment, e.hash, p.form, p.crc32, p.location, p.body, "
    "e.tick, e.kind, e.key, e.wall_ns, e.record_seq, e.record_hash "
    "FROM audit_entry e LEFT JOIN audit_payload p ON p.seq = e.seq ORDER BY e.seq"
)
_ERASURES: Final = (
    "SELECT p.* FROM audit_entry e JOIN audit_payload p ON p.seq = e.seq WHERE e.kind = 'erase' ORDER BY e.seq"
)


class Checkpoint(NamedTuple):
    """A checkpoint whose signature holds."""

    seq: int
    """Its position in the audit chain."""
    record: Link
    """Record head that it cites."""
    states: bytes
    """Digest of the states at that moment."""
    wall_ns: int
    """When it was signed."""


@dataclass
class AuditScan:
    """What the audit chain says, up to its first broken entry."""

    erased: Erased
    """What was erased on the record."""
    wanted: int | None
    """Position of the entry whose hash is asked for."""
    end: Link = START
    """Its end."""
    cited: dict[int, bytes] = field(default_factory=dict)
    """Hash by position of the record entries that it cites."""
    key: bytes = b""
    """Public key in force at the end; empty where there is none."""
    created_ns: int | None = None
    """Wall time of its first entry."""
    last_ns: int | None = None
    """Wall time of its last entry."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    """Checkpoints whose signatures hold."""
    remarks: list[str] = field(default_factory=list)
    """What a person should know though nothing is broken: clocks that went back, keys that were lost."""
    wanted_hash: bytes | None = None
    """Hash of the entry asked for."""
    broken: Break | None = None
    """Its first broken entry."""
    _last_tick: int = 0
    _last_cited: int = -1

    def fail(self, what: str) -> None:
        """Say what is wrong with the entry after the last good one."""
        self.broken = self.broken or Break("audit", self.end.seq, what)

    def take(self, row: EntryRow, stored: tuple[Any, ...], named: tuple[Any, ...]) -> str:
        """Check one entry and learn what it says; what is wrong with it, empty where nothing is."""
        tick, kind, key, wall_ns, record_seq, record_hash = named
        cited = Link(record_seq + 1, record_hash)
        header = audit_header(row.seq, tick, kind, key, wall_ns, cited)
        what = fault_of(row, header, self.end.seq, self.end.hash)
        if not what and (tick < self._last_tick or record_seq < self._last_cited):
            what = "it cites what is older than what the entry before it cites"
        if not what and self.cited.setdefault(record_seq, record_hash) != record_hash:
            what = f"it cites record entry {record_seq} with another hash than an entry before it"
        if what:
            return what
        content, what = content_of("audit", row, stored, self.erased)
        if what or (what := self._note(row, kind, content, cited, wall_ns)):
            return what
        self.end = Link(row.seq + 1, row.hash)
        self._last_tick, self._last_cited = tick, record_seq
        self._time(row.seq, wall_ns)
        if row.seq == self.wanted:
            self.wanted_hash = row.hash
        return ""

    def _note(self, row: EntryRow, kind: str, content: Content | None, cited: Link, wall_ns: int) -> str:
        if kind not in notes.AUDIT_KINDS:
            return ""
        if content is None or content.payload is None:
            return f"a payload of kind {kind} is never erased, and this one is missing"
        try:
            if kind == notes.KEY:
                return self._new_key(row, notes.decode_key(content.payload))
            if kind == notes.CHECKPOINT:
                return self._checkpoint(row, notes.decode_checkpoint(content.payload), cited, wall_ns)
            notes.decode_erasure(content.payload)
        except UNREADABLE as error:
            return f"its payload is no {kind} ({error})"
        return ""

    def _new_key(self, row: EntryRow, note: notes.KeyNote) -> str:
        if note.signature and not rotation_holds(self.key, note.signature, row.header, self.end.hash, note.public_key):
            return "the old key's signature under the new key does not hold"
        if self.key and not note.signature:
            self.remarks.append(f"from audit entry {row.seq} on another key signs, without the word of the one before")
        self.key = note.public_key
        return ""

    def _checkpoint(self, row: EntryRow, note: notes.CheckpointNote, cited: Link, wall_ns: int) -> str:
        if note.public_key != self.key:
            return "it is signed with a key that is not in force"
        if not checkpoint_holds(note.public_key, note.signature, row.header, self.end.hash, note.states):
            return "its signature does not hold"
        self.checkpoints.append(Checkpoint(row.seq, cited, note.states, wall_ns))
        return ""

    def _time(self, seq: int, wall_ns: int) -> None:
        if self.created_ns is None:
            self.created_ns = wall_ns
        elif self.last_ns is not None and wall_ns < self.last_ns:
            self.remarks.append(f"the clock went back by {(self.last_ns - wall_ns) / 1e9:.6f} s at audit entry {seq}")
        self.last_ns = wall_ns


def scan_audits(connection: sqlite3.Connection, wanted: int | None) -> AuditScan:
    """Walk the audit chain up to its first broken entry, and remember the hash at the position `wanted`."""
    scan = AuditScan(Erased(_erasures(connection)), wanted)
    for row in rows_of(connection, _ROWS, scan.fail):
        if what := scan.take(EntryRow(*row[:4]), row[4:8], row[8:]):
            scan.fail(what)
            break
    return scan


def _erasures(connection: sqlite3.Connection) -> list[notes.Erasure]:
    # An erasure speaks of entries before it, so it has to be known before them; the pass itself then proves it.
    found = []
    for row in rows_of(connection, _ERASURES, lambda _: None):
        try:
            found.append(notes.decode_erasure(unwrap(row).payload or b""))
        except UNREADABLE:  # told, with its position, by the pass itself
            continue
    return found
