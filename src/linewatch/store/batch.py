"""One transaction in the making: rows are chained in memory, then written all at once."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from linewatch.errors import ChainError
from linewatch.store import payloads
from linewatch.store.chain import START, Chain, Link, audit_header, entry_hash, extend
from linewatch.store.notes import FILE, decode_file
from linewatch.store.projection import COLUMNS, INCIDENT, IncidentRow, incident_of, incident_row
from linewatch.store.state import Key, Progress, Space, change, cursors_digest, row_digest, seal_of, states_digest
from linewatch.store.state import Row as StateRow

_INSERT_RECORD: Final = "INSERT INTO record_entry VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_AUDIT: Final = "INSERT INTO audit_entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_PAYLOAD: Final[dict[Chain, str]] = {
    "record": "INSERT INTO record_payload VALUES (?, ?, ?, ?, ?)",
    "audit": "INSERT INTO audit_payload VALUES (?, ?, ?, ?, ?)",
}
_REPLACE_INCIDENT: Final = "REPLACE INTO incident VALUES ({})".format(", ".join("?" * len(COLUMNS)))  # noqa: S608 - our own table, only marks


Statement = tuple[str, tuple[object, ...]]
"""One SQL statement and its values."""


class Ends(NamedTuple):
    """Where a store stands: everything that the next transaction goes on from."""

    record: Link
    """End of the record chain."""
    audit: Link
    """End of the audit chain."""
    progress: Progress
    """How far the run has come."""
    digests: dict[Key, bytes]
    """Digest of every state row, sorted."""

    @property
    def states(self) -> bytes:
        """Digest of all states."""
        return states_digest(self.progress, self.digests)

    @property
    def seal(self) -> bytes:
        """The seal that belongs to this."""
        return seal_of(self.record, self.audit, self.states, cursors_digest(self.digests))


NOTHING: Final = Ends(START, START, Progress(None, None), {})
"""Where an empty store stands."""


class Batch:
    """Rows of one transaction. `ends` is where the store stands once it is written."""

    def __init__(self, ends: Ends, salt_key: bytes) -> None:
        self.ends = ends
        self._salt_key = salt_key
        self._records: list[tuple[object, ...]] = []
        self._audits: list[tuple[object, ...]] = []
        self._payloads: dict[Chain, list[payloads.Row]] = {"record": [], "audit": []}
        self._incidents: dict[str, IncidentRow] = {}
        self._outbox: list[tuple[int, str]] = []
        self._files: list[tuple[str, int, int, bytes]] = []
        self._states: list[StateRow] = []
        self._states_gone: list[Key] = []
        self._more: list[Statement] = []

    def records(self, tick: int, entries: Iterable[tuple[str, str, bytes]]) -> None:
        """Chain entries of (kind, key, payload) to the record chain."""
        committed: list[tuple[str, str, bytes]] = []
        rows = self._payloads["record"]
        for seq, (kind, key, payload) in enumerate(entries, self.ends.record.seq):
            commitment, row = payloads.wrap(payload, "record", seq, self._salt_key)
            committed.append((kind, key, commitment))
            rows.append(row)
            if kind == INCIDENT:
                self._project(seq, key, row)
            elif kind == FILE:
                cited = decode_file(payload)
                self._files.append((cited.name, seq, cited.size, cited.sha256))
        end, chained = extend(self.ends.record, tick, committed)
        self._records += chained
        self.ends = self.ends._replace(record=end)

    def audit(self, kind: str, key: str, wall_ns: int, payload: Callable[[bytes, bytes], bytes]) -> None:
        """Chain one entry to the audit chain. `payload` is given its header and the hash before it, for signatures."""
        seq, prev = self.ends.audit
        tick = self.ends.progress.tick or 0
        header = audit_header(seq, tick, kind, key, wall_ns, self.ends.record)
        commitment, row = payloads.wrap(payload(header, prev), "audit", seq, self._salt_key)
        digest = entry_hash(prev, header, commitment)
        cited = (self.ends.record.seq - 1, self.ends.record.hash)
        self._audits.append((seq, tick, kind, key, header, commitment, digest, wall_ns, *cited))
        self._payloads["audit"].append(row)
        self.ends = self.ends._replace(audit=Link(seq + 1, digest))

    def states(self, new: Mapping[Space, Mapping[str, bytes]], replaced: Collection[Space] = ()) -> None:
        """Make these states hold."""
        changed = change(self.ends.digests, new, replaced)
        self._states += changed.rows
        self._states_gone += changed.gone
        self.ends = self.ends._replace(digests=changed.digests)

    def progress(self, progress: Progress) -> None:
        """Say how far the run has come."""
        self.ends = self.ends._replace(progress=progress)

    def meta(self, values: Mapping[str, str]) -> None:
        """Set rows of the table of what the store is of."""
        self._more += [("REPLACE INTO meta VALUES (?, ?)", (name, value)) for name, value in values.items()]

    def also(self, statements: Iterable[Statement]) -> None:
        """Run more statements in the same transaction."""
        self._more += statements

    def apply(self, connection: sqlite3.Connection) -> None:
        """Write all rows and the seal; the caller opens and ends the transaction."""
        write = connection.executemany
        write(_INSERT_RECORD, self._records)
        write(_INSERT_AUDIT, self._audits)
        for chain, rows in self._payloads.items():
            write(_INSERT_PAYLOAD[chain], rows)
        if self._incidents:
            write(_REPLACE_INCIDENT, self._incidents.values())
            write("INSERT INTO outbox VALUES (?, ?)", self._outbox)
        write("INSERT INTO file VALUES (?, ?, ?, ?, 0)", self._files)
        write("DELETE FROM state WHERE space = ? AND key = ?", self._states_gone)
        write("REPLACE INTO state VALUES (?, ?, ?)", self._states)
        for statement, values in self._more:
            connection.execute(statement, values)
        progress = self.ends.progress
        connection.execute(
            "REPLACE INTO progress VALUES (1, ?, ?, ?)", (progress.tick, progress.signal_tick, self.ends.seal)
        )

    def _project(self, seq: int, key: str, row: payloads.Row) -> None:
        incident = incident_of(payloads.unwrap(row))
        if incident.id != key:
            # The key stays when the payload is erased: by it the table is known to have no row for good reason.
            raise ValueError(f"key of an incident entry is {key!r}; allowed: the incident's id, {incident.id!r}")
        self._incidents[key] = incident_row(seq, incident)
        self._outbox.append((seq, key))


def load_ends(connection: sqlite3.Connection) -> Ends:
    """Where a store stands. Raises `ChainError` where its states are not those that were sealed."""
    row = connection.execute("SELECT tick, signal_tick, seal FROM progress").fetchone()
    if row is None:
        return NOTHING
    digests = {
        (space, key): row_digest(space, key, body)
        for space, key, body in connection.execute("SELECT space, key, body FROM state ORDER BY space, key")
    }
    ends = Ends(end_of(connection, "record"), end_of(connection, "audit"), Progress(row[0], row[1]), digests)
    if ends.seal != row[2]:
        raise ChainError("the last entries or the states were changed outside Linewatch (the seal does not fit)")
    return ends


def end_of(connection: sqlite3.Connection, chain: Chain) -> Link:
    """End of one chain."""
    row = connection.execute(_LAST[chain]).fetchone()
    if row is not None and row[0] < 0:
        raise ChainError(f"{chain} entry {row[0]}: found a position below 0")
    return START if row is None else Link(row[0] + 1, row[1])


_LAST: Final[dict[Chain, str]] = {
    "record": "SELECT seq, hash FROM record_entry ORDER BY seq DESC LIMIT 1",
    "audit": "SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1",
}
