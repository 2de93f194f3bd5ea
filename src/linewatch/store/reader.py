"""Reads what was committed, beside a writer or alone."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from linewatch.errors import ChainError, StoreError
from linewatch.ports import Entry, Positions
from linewatch.records import Incident
from linewatch.store.archive.segments import Segment, segments_of
from linewatch.store.batch import end_of
from linewatch.store.chain import Chain
from linewatch.store.head import Head
from linewatch.store.payloads import Content, Row, unwrap
from linewatch.store.projection import incident_of
from linewatch.store.schema import DATABASE, connect_reader, errors_told

_CURSOR: Final = re.compile(rb"-1|\d{1,18}")
_ENTRIES: Final = (
    "SELECT e.seq, e.tick, e.kind, e.key, e.commitment, p.form, p.crc32, p.location, p.body "
    "FROM record_entry e LEFT JOIN record_payload p ON p.seq = e.seq WHERE e.seq >= ? {kinds} ORDER BY e.seq"
)
_AUDITS: Final = (
    "SELECT e.seq, e.tick, e.kind, e.key, e.commitment, p.form, p.crc32, p.location, p.body, e.wall_ns, "
    "e.record_seq FROM audit_entry e LEFT JOIN audit_payload p ON p.seq = e.seq WHERE e.seq >= ? ORDER BY e.seq"
)
_INCIDENTS: Final = (
    "SELECT i.seq, p.form, p.crc32, p.location, p.body "
    "FROM incident i JOIN record_payload p ON p.seq = i.seq ORDER BY i.raised_ns, i.id"
)


class AuditEntry(NamedTuple):
    """One entry of the audit chain."""

    entry: Entry
    """Position, tick of the record head, kind, key and payload (None where erased)."""
    wall_ns: int
    """Wall time at which it was written."""
    record_seq: int
    """Record entry that it cites."""


class StoreReader:
    """A store that is read. Every method sees what was committed when it was called."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._path = folder / DATABASE

    def entries(self, *, kinds: Sequence[str] = (), from_seq: int = 0) -> Iterator[Entry]:
        """Entries of the record chain in order, of these kinds (all where empty), each against its commitment."""
        chosen = f"AND e.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        with errors_told(self._path):
            for row in self._connection.execute(_ENTRIES.format(kinds=chosen), (from_seq, *kinds)):
                yield _entry("record", row)

    def audits(self, *, from_seq: int = 0) -> Iterator[AuditEntry]:
        """Entries of the audit chain in order."""
        with errors_told(self._path):
            for *row, wall_ns, record_seq in self._connection.execute(_AUDITS, (from_seq,)):
                yield AuditEntry(_entry("audit", row), wall_ns, record_seq)

    def incidents(self) -> Sequence[Incident]:
        """The last version of every incident, by raising time, then id."""
        with errors_told(self._path):
            return [incident_of(unwrap(row)) for row in self._connection.execute(_INCIDENTS)]

    def incident_versions(self, at_seq: int | None = None) -> Iterator[tuple[int, Incident]]:
        """The last version of every incident, or the last up to a position of the record chain, with its own position.

        By position. What retention has erased is left out.
        """
        statement = (
            "SELECT p.seq, p.form, p.crc32, p.location, p.body FROM "
            "(SELECT max(seq) AS seq FROM outbox WHERE seq <= ? GROUP BY incident) o "
            "JOIN record_payload p ON p.seq = o.seq ORDER BY p.seq"
        )
        with errors_told(self._path):
            until = (1 << 62) if at_seq is None else at_seq
            for row in self._connection.execute(statement, (until,)):
                yield row[0], incident_of(unwrap(row))

    def last_seq(self) -> int:
        """Position of the last committed entry of the record chain; -1 where there is none."""
        with errors_told(self._path):
            return int(self._connection.execute("SELECT coalesce(max(seq), -1) FROM record_entry").fetchone()[0])

    def seq_of_tick(self, tick: int) -> int:
        """Position of the first entry of the first tick at or after this one; the next position where none is.

        Ticks rise with positions, and positions have no gaps: a search by halves.
        """
        low, high = 0, self.last_seq() + 1
        with errors_told(self._path):
            while low < high:
                middle = (low + high) // 2
                row = self._connection.execute("SELECT tick FROM record_entry WHERE seq = ?", (middle,)).fetchone()
                low, high = (middle + 1, high) if row is not None and row[0] < tick else (low, middle)
        return low

    def incident_history(self, incident: str) -> Sequence[tuple[int, Incident]]:
        """Every version of one incident that still stands, oldest first, each with its position."""
        statement = (
            "SELECT o.seq, p.form, p.crc32, p.location, p.body FROM outbox o "
            "JOIN record_payload p ON p.seq = o.seq WHERE o.incident = ? ORDER BY o.seq"
        )
        with errors_told(self._path):
            return [(row[0], incident_of(unwrap(row))) for row in self._connection.execute(statement, (incident,))]

    def incident_page(self, before_ns: int | None, limit: int) -> Sequence[tuple[int, Incident]]:
        """The last version of at most `limit` incidents raised before a time, latest raised first."""
        statement = (
            "SELECT i.seq, p.form, p.crc32, p.location, p.body FROM incident i JOIN record_payload p ON p.seq = i.seq "
            "WHERE i.raised_ns < ? ORDER BY i.raised_ns DESC, i.id DESC LIMIT ?"
        )
        before = (1 << 62) if before_ns is None else before_ns
        with errors_told(self._path):
            rows = self._connection.execute(statement, (before, limit))
            return [(row[0], incident_of(unwrap(row))) for row in rows]

    def incidents_changed_after(self, seq: int) -> int:
        """How many incidents were raised or changed after a position of the record chain."""
        statement = "SELECT count(DISTINCT incident) FROM outbox WHERE seq > ?"
        with errors_told(self._path):
            return int(self._connection.execute(statement, (seq,)).fetchone()[0])

    def raised_by_section(self) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
        """Raising times of all incidents, by line and section, from the index alone, as one text a section.

        That takes a fifth of the time that a row for each incident would take.
        """
        statement = "SELECT line, section, group_concat(raised_ns) FROM incident GROUP BY line, section"
        with errors_told(self._path):
            for line, section, times in self._connection.execute(statement):
                yield line, section, np.fromstring(times, dtype=np.int64, sep=",")

    def outbox(self, channel: str, limit: int = 1000) -> list[tuple[int, Incident]]:
        """Incident changes that this channel has not delivered yet, oldest first: record position and incident."""
        statement = (
            "SELECT o.seq, p.form, p.crc32, p.location, p.body FROM outbox o "
            "JOIN record_payload p ON p.seq = o.seq WHERE o.seq > ? ORDER BY o.seq LIMIT ?"
        )
        with errors_told(self._path):
            body = self._one("SELECT body FROM state WHERE space = 'outbox' AND key = ?", (channel,)) or b"-1"
            if not _CURSOR.fullmatch(body):
                raise ChainError(
                    f"state outbox {channel!r}: found {body[:20]!r}; allowed: a position in decimal digits"
                )
            after = int(body)
            return [(row[0], incident_of(unwrap(row))) for row in self._connection.execute(statement, (after, limit))]

    def delivered_to(self, channel: str) -> int | None:
        """How far this channel has delivered, as a position of the record chain; None for a new channel."""
        with errors_told(self._path):
            body = self._one("SELECT body FROM state WHERE space = 'outbox' AND key = ?", (channel,))
        if body is not None and not _CURSOR.fullmatch(body):
            raise ChainError(f"state outbox {channel!r}: found {body[:20]!r}; allowed: a position in decimal digits")
        return None if body is None else int(body)

    def segments(self, *, erased: bool = False) -> list[Segment]:
        """Files of the archive that still stand, in the order in which they were written; or the erased ones, too."""
        with errors_told(self._path):
            return segments_of(self._connection, erased=erased)

    def files(self, room: str) -> list[tuple[str, int]]:
        """Files of a room that still stand, each with the entry that cites it."""
        statement = "SELECT name, seq FROM file WHERE erased = 0 AND name LIKE ? ORDER BY name"
        with errors_told(self._path):
            return self._connection.execute(statement, (f"{room}/%",)).fetchall()

    def kept(self, kinds: Sequence[str], last: int, *, whole: bool = False) -> Iterator[int]:
        """Entries of the record chain of these kinds, up to a position, whose payload is here (`whole`: all of it)."""
        statement = (
            "SELECT e.seq, p.form, p.crc32, p.location, p.body FROM record_entry e "  # noqa: S608 - only marks
            f"JOIN record_payload p ON p.seq = e.seq WHERE e.kind IN ({', '.join('?' * len(kinds))}) AND e.seq <= ? "
            "ORDER BY e.seq"
        )
        with errors_told(self._path):
            for row in self._connection.execute(statement, (*kinds, last)):
                if not whole or unwrap(row).payload is not None:
                    yield row[0]

    def closed_incidents(self, before_ns: int) -> list[int]:
        """Entries of all versions of incidents that were closed before a time, whose payload is here."""
        statement = (
            "SELECT o.seq FROM outbox o JOIN incident i ON i.id = o.incident JOIN record_payload p ON p.seq = o.seq "
            "WHERE i.closed_ns IS NOT NULL AND i.closed_ns < ? ORDER BY o.seq"
        )
        with errors_told(self._path):
            return [seq for (seq,) in self._connection.execute(statement, (before_ns,))]

    def seq_at(self, tick: int) -> int:
        """Last entry of the record chain that was written up to this tick; -1 where there is none."""
        with errors_told(self._path):
            low, high = -1, end_of(self._connection, "record").seq - 1
            while low < high:
                middle = (low + high + 1) // 2
                row = self._connection.execute("SELECT tick FROM record_entry WHERE seq = ?", (middle,)).fetchone()
                low, high = (middle, high) if row is not None and row[0] <= tick else (low, middle - 1)
            return low

    def restarts(self) -> list[tuple[int, int]]:
        """For every start but the first: the last tick before it, and the first after; where both are known."""
        statement = (
            "SELECT a.tick, (SELECT r.tick FROM record_entry r WHERE r.seq > a.record_seq AND r.kind = 'tick' "
            "ORDER BY r.seq LIMIT 1) FROM audit_entry a WHERE a.kind = 'opened' ORDER BY a.seq"
        )
        with errors_told(self._path):
            found = self._connection.execute(statement).fetchall()
        return [(before, after) for before, after in found if before and after is not None]

    def positions(self) -> Positions | None:
        """Where a run goes on; None before the first commit."""
        with errors_told(self._path):
            row = self._connection.execute("SELECT tick, signal_tick FROM progress").fetchone()
            if row is None or row[0] is None:
                return None
            spaces: dict[str, dict[str, bytes]] = {}
            for space, key, body in self._connection.execute("SELECT space, key, body FROM state"):
                spaces.setdefault(space, {})[key] = body
        return Positions(
            tick=row[0],
            sources=_texts("source", spaces),
            states=spaces.get("decision", {}),
            signal_tick=row[0] if row[1] is None else row[1],
            signal_sources=_texts("signal_source", spaces),
            signal_states=spaces.get("signal", {}),
        )

    def head(self) -> str:
        """Hex hash of the last entry of the record chain; zeros where there is none."""
        with errors_told(self._path):
            return end_of(self._connection, "record").hash.hex()

    def heads(self) -> Head:
        """Where both chains stand: what to lodge outside."""
        statement = (
            "SELECT r.seq, r.hash, a.seq, a.hash, a.wall_ns FROM "
            "(SELECT seq, hash FROM record_entry ORDER BY seq DESC LIMIT 1) r, "
            "(SELECT seq, hash, wall_ns FROM audit_entry ORDER BY seq DESC LIMIT 1) a"
        )
        with errors_told(self._path):
            row = self._connection.execute(statement).fetchone()
        if row is None:
            raise StoreError(f"{self._path}: found no entries; allowed: a store that was begun")
        return Head(row[0], row[1].hex(), row[2], row[3].hex(), row[4], self.meta().get("public_key", ""))

    def meta(self) -> dict[str, str]:
        """What the store is of: site, settings, versions, machine."""
        with errors_told(self._path):
            return dict(self._connection.execute("SELECT name, value FROM meta ORDER BY name").fetchall())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, statement: str, values: tuple[object, ...]) -> bytes | None:
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]


def open_store(folder: Path) -> StoreReader:
    """A store to read. Raises `StoreError` in one line where there is none that this version can read."""
    return StoreReader(folder, connect_reader(folder / DATABASE))


def _texts(space: str, spaces: dict[str, dict[str, bytes]]) -> dict[str, str]:
    try:
        return {key: body.decode() for key, body in spaces.get(space, {}).items()}
    except UnicodeDecodeError as error:
        raise ChainError(f"state {space}: found bytes that are no text; allowed: a position of a source") from error


def _entry(chain: Chain, row: Sequence[object]) -> Entry:
    seq, tick, kind, key, commitment, form, *rest = row
    payload = None
    if form is not None:
        stored: Row = (seq, form, *rest)  # type: ignore[assignment]
        payload = _checked(chain, stored, commitment).payload
    return Entry(seq, tick, kind, key, payload)  # type: ignore[arg-type]


def _checked(chain: Chain, row: Row, commitment: object) -> Content:
    try:
        content = unwrap(row)
    except ChainError as error:
        raise ChainError(f"{chain} entry {row[0]}: {error}") from error
    if content.commitment != commitment:
        raise ChainError(f"{chain} entry {row[0]}: its payload is not the one that was committed to")
    return content
