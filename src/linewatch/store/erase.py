"""Erasing payloads, pieces and files, so that retention can do its duty and the chains still verify."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from linewatch.store.batch import Statement
from linewatch.store.chain import Chain, erased
from linewatch.store.notes import AUDIT_KINDS, RECORD_KINDS, Erasure
from linewatch.store.payloads import pieces_row, unwrap

_ENTRIES: Final[dict[Chain, str]] = {
    "record": "SELECT seq, kind FROM record_entry WHERE seq BETWEEN ? AND ? ORDER BY seq",
    "audit": "SELECT seq, kind FROM audit_entry WHERE seq BETWEEN ? AND ? ORDER BY seq",
}
_PAYLOADS: Final[dict[Chain, str]] = {
    "record": "SELECT * FROM record_payload WHERE seq BETWEEN ? AND ?",
    "audit": "SELECT * FROM audit_payload WHERE seq BETWEEN ? AND ?",
}
_DELETE: Final[dict[Chain, str]] = {
    "record": "DELETE FROM record_payload WHERE seq BETWEEN ? AND ?",
    "audit": "DELETE FROM audit_payload WHERE seq BETWEEN ? AND ?",
}
_REPLACE: Final[dict[Chain, str]] = {
    "record": "REPLACE INTO record_payload VALUES (?, ?, ?, ?, ?)",
    "audit": "REPLACE INTO audit_payload VALUES (?, ?, ?, ?, ?)",
}


def erase_statements(connection: sqlite3.Connection, erasure: Erasure) -> Iterator[Statement]:
    """What has to be run. Raises `ValueError` for what is not there or may not be erased."""
    for first, last in erasure.ranges:
        _refuse_what_stays(connection, erasure.chain, first, last)
        if erasure.piece:
            yield from _without_piece(connection, erasure, first, last)
            continue
        yield _DELETE[erasure.chain], (first, last)
        if erasure.chain == "record":
            # The table shows what can still be proven: the last version of an incident, or nothing.
            yield "DELETE FROM incident WHERE seq BETWEEN ? AND ?", (first, last)
    for name in erasure.files:
        if connection.execute("SELECT count(*) FROM file WHERE name = ? AND erased = 0", (name,)).fetchone()[0] != 1:
            raise ValueError(f"file {name!r} is not there; allowed: a file that an entry cites")
        yield "UPDATE file SET erased = 1 WHERE name = ?", (name,)


def _refuse_what_stays(connection: sqlite3.Connection, chain: Chain, first: int, last: int) -> None:
    found = connection.execute(_ENTRIES[chain], (first, last)).fetchall()
    if first > last or [seq for seq, _ in found] != list(range(first, last + 1)):
        raise ValueError(f"{chain} entries {first} to {last} are not all there; allowed: committed entries")
    stays = RECORD_KINDS if chain == "record" else AUDIT_KINDS
    for seq, kind in found:
        if kind in stays:
            raise ValueError(f"{chain} entry {seq} is of kind {kind!r}; allowed: any but {', '.join(sorted(stays))}")


def _without_piece(connection: sqlite3.Connection, erasure: Erasure, first: int, last: int) -> Iterator[Statement]:
    names = frozenset({erasure.piece})
    for row in connection.execute(_PAYLOADS[erasure.chain], (first, last)).fetchall():
        pieces = unwrap(row).pieces
        if pieces is not None and any(piece.name in names for piece in pieces.pieces):
            yield _REPLACE[erasure.chain], pieces_row(row[0], erased(pieces, names))
