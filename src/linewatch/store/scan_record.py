"""One pass over the record chain: every hash, every payload, and what the tables must say in the end."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from linewatch.store import notes
from linewatch.store.chain import GENESIS, PAYLOAD_TAG, START, UNREADABLE, Link, encode
from linewatch.store.files import FileCited
from linewatch.store.identity import Identity
from linewatch.store.payloads import Content
from linewatch.store.projection import INCIDENT
from linewatch.store.scan import Break, EntryRow, Erased, content_of, fault_of

FIRST: Final = -(1 << 63)
LAST: Final = (1 << 63) - 1
"""Bounds of what a position could be in a file that somebody has edited."""

_ROWS: Final = (
    "SELECT e.seq, e.header, e.commitment, e.hash, p.form, p.crc32, p.location, p.body, e.tick, e.kind, e.key "
    "FROM record_entry e LEFT JOIN record_payload p ON p.seq = e.seq WHERE e.seq BETWEEN ? AND ? ORDER BY e.seq"
)
_TOLD: Final = frozenset({INCIDENT, *notes.RECORD_KINDS})


class RecordScan(msgspec.Struct):
    """What the record chain says, or a stretch of it, up to its first broken entry."""

    start: Link = START
    """Where the stretch begins: its first position, and the hash before it."""
    start_tick: int = 0
    """Tick of the entry before it."""
    end: Link = START
    """Where it ends."""
    end_tick: int = 0
    """Tick of its last entry."""
    opened: tuple[int, Identity] | None = None
    """Position and payload of the last `open` entry."""
    incidents: dict[str, int | None] = msgspec.field(default_factory=dict)
    """Position of the last version of each incident; None where that was erased."""
    changes: dict[int, str] = msgspec.field(default_factory=dict)
    """Incident by position of its change."""
    files: dict[str, tuple[int, FileCited]] = msgspec.field(default_factory=dict)
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

    def follow(self, after: "RecordScan") -> None:
        """Take in the stretch that comes after this one."""
        if self.broken is not None:
            return
        if self.end != after.start or self.end_tick != after.start_tick:
            self.fail(
                "it is missing" if self.end.seq < after.start.seq else "it is not what the entries after it follow"
            )
            return
        self.end, self.end_tick, self.broken = after.end, after.end_tick, after.broken
        self.opened = after.opened or self.opened
        self.incidents |= after.incidents
        self.changes |= after.changes
        self.files |= after.files
        self.erased_payloads += after.erased_payloads
        self.wanted_hash = self.wanted_hash or after.wanted_hash


class RecordWalk:
    """Walks the record chain, knowing what the audit chain says of it."""

    def __init__(self, cited: Mapping[int, bytes], erased: Erased, wanted: int | None) -> None:
        self._cited = cited
        self._erased = erased
        self._wanted = wanted

    def stretch(self, connection: sqlite3.Connection, first: int, last: int) -> RecordScan:
        """Walk the entries from position `first` to `last`, up to the first broken one."""
        scan = RecordScan()
        try:
            if first > 0:
                before = connection.execute(
                    "SELECT hash, tick FROM record_entry WHERE seq = ?", (first - 1,)
                ).fetchone()
                digest, scan.start_tick = before or (GENESIS, 0)
                scan.start = Link(first, digest)
            scan.end, scan.end_tick = scan.start, scan.start_tick
            self._walk(scan, connection.execute(_ROWS, (first, last)))
        except sqlite3.Error as error:
            scan.fail(f"cannot be read ({error})")
        return scan

    def _walk(self, scan: RecordScan, rows: Iterable[Any]) -> None:
        sha256, tag, told, cited, wanted = hashlib.sha256, PAYLOAD_TAG, _TOLD, self._cited, self._wanted
        careful = self._erased.of_chain("record")
        (expected, head), last_tick = scan.start, scan.start_tick
        try:
            for row in rows:
                seq, header, commitment, digest, form, crc32, location, body, tick, kind, key = row
                # The usual entry in as few steps as can be: this loop decides how long a season takes to verify.
                # Whatever is unusual, or does not hold, is looked at once more by `_take`, which has time for words.
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
                    scan.end, scan.end_tick = Link(expected, head), last_tick
                    if what := self._take(scan, EntryRow(*row[:4]), row[4:8], row[8:]):
                        scan.fail(what)
                        return
                if seq == wanted:
                    scan.wanted_hash = digest
                expected, head, last_tick = seq + 1, digest, tick
        finally:
            scan.end, scan.end_tick = Link(expected, head), last_tick

    def _take(self, scan: RecordScan, row: EntryRow, stored: tuple[Any, ...], named: tuple[Any, ...]) -> str:
        """Check one entry without haste and learn what it says; what is wrong with it, empty where nothing is."""
        tick, kind, key = named
        what = fault_of(row, encode(("record", row.seq, tick, kind, key)), scan.end.seq, scan.end.hash)
        if not what and tick < scan.end_tick:
            what = f"it is of tick {tick}, before tick {scan.end_tick} of the entry ahead of it"
        if not what and self._cited.get(row.seq, row.hash) != row.hash:
            what = "it has another hash than the audit chain cites"
        if what:
            return what
        content, what = content_of("record", row, stored, self._erased)
        if not what and content is None:
            scan.erased_payloads += 1
        return what or _learn(scan, row.seq, kind, key, content)


def _learn(scan: RecordScan, seq: int, kind: str, key: str, content: Content | None) -> str:
    if kind not in _TOLD:
        return ""
    if kind == INCIDENT:
        scan.changes[seq] = key
        scan.incidents[key] = None if content is None else seq
        return ""
    if content is None or content.payload is None:
        return f"a payload of kind {kind} is never erased, and this one is missing"
    try:
        if kind == notes.OPEN:
            scan.opened = (seq, notes.decode_identity(content.payload))
        else:
            cited = notes.decode_file(content.payload)
            scan.files[cited.name] = (seq, cited)
    except UNREADABLE as error:
        return f"its payload is no {kind} ({error})"
    return ""


def beyond_the_end(scan: RecordScan, cited: Mapping[int, bytes]) -> None:
    """Find a record chain that is shorter than what the audit chain cites of it."""
    if scan.broken is None and scan.end.seq <= (last := max(cited, default=-1)):
        scan.fail(f"it is missing; the audit chain cites entries up to {last}")
