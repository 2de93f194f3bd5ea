"""What is checked of every entry, whichever chain it is in, and the words in which a fault is told."""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from linewatch.errors import ChainError
from linewatch.store.chain import Chain, entry_hash
from linewatch.store.notes import Erasure
from linewatch.store.payloads import Content, Row, unwrap


class Break(NamedTuple):
    """One thing that does not hold."""

    where: str
    """Chain or table."""
    seq: int | None
    """Entry of the chain; None where a table or a file is meant."""
    what: str
    """What differs, in words."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.seq is None else f"{self.where} entry {self.seq}: {self.what}"


class Erased:
    """What the audit chain says was erased: the only licence for something to be missing."""

    def __init__(self, erasures: Sequence[Erasure]) -> None:
        self.erasures = tuple(erasures)
        self.files = frozenset(name for erasure in erasures for name in erasure.files)
        self._firsts: dict[tuple[str, str], list[int]] = {}
        self._lasts: dict[tuple[str, str], list[int]] = {}
        for chain, piece in {(erasure.chain, erasure.piece) for erasure in erasures}:
            ranges = _merged(
                [pair for each in erasures if (each.chain, each.piece) == (chain, piece) for pair in each.ranges]
            )
            self._firsts[chain, piece] = [first for first, _ in ranges]
            self._lasts[chain, piece] = [last for _, last in ranges]

    def of_chain(self, chain: Chain) -> bool:
        """Whether anything of this chain was erased."""
        return any(name == chain for name, _ in self._firsts)

    def covers(self, chain: Chain, seq: int, piece: str = "") -> bool:
        """Whether this payload, or this piece of it, was erased on the record."""
        index = bisect_right(self._firsts.get((chain, piece), ()), seq) - 1
        return index >= 0 and seq <= self._lasts[chain, piece][index]


class EntryRow(NamedTuple):
    """An entry as it is stored, whichever chain it is in."""

    seq: int
    """Its position."""
    header: bytes
    """Its header as stored."""
    commitment: bytes
    """Its commitment as stored."""
    hash: bytes
    """Its hash as stored."""


def fault_of(row: EntryRow, header: bytes, expected: int, head: bytes) -> str:
    """What is wrong with an entry by itself and towards the one before; empty where nothing is.

    `header` is what its columns say that its header must be, `head` the hash of the entry before it.
    """
    if row.seq != expected:
        return "it is missing" if row.seq > expected else f"found position {row.seq} in its place"
    if row.header != header:
        return "its columns are not what its header says"
    if entry_hash(head, row.header, row.commitment) != row.hash:
        return "its header, commitment or hash was changed"
    return ""


def content_of(chain: Chain, row: EntryRow, stored: Sequence[Any], erased: Erased) -> tuple[Content | None, str]:
    """The payload of an entry, None where it was erased; and what is wrong with it, empty where nothing is."""
    licensed = erased.covers(chain, row.seq)
    if stored[0] is None:
        return None, "" if licensed else "its payload is missing, and no erasure says why"
    if licensed:
        return None, "its payload was erased on the record, and is here"
    payload: Row = (row.seq, *stored)
    try:
        content = unwrap(payload)
    except ChainError as error:
        return None, str(error)
    if content.commitment != row.commitment:
        return None, "its payload is not the one that was committed to"
    for piece in content.pieces.pieces if content.pieces else ():
        if (piece.raw is None) != bool(piece.name and erased.covers(chain, row.seq, piece.name)):
            how = "missing, and no erasure says why" if piece.raw is None else "here, though erased on the record"
            return None, f"its piece {piece.name!r} is {how}"
    return content, ""


def rows_of(connection: sqlite3.Connection, statement: str, failed: Callable[[str], None]) -> Iterator[Any]:
    """Rows of a query; what SQLite cannot read ends them and is told through `failed`."""
    try:
        yield from connection.execute(statement)
    except sqlite3.Error as error:
        failed(f"cannot be read ({error})")


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
