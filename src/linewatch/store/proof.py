"""What an outsider needs to check a part of a store: every link of its chains, and chosen payloads as they were hashed.

A payload that is kept in pieces can be shown without some of them: what is left out is replaced by its commitment, and
the rest still proves to be what the chain holds.
"""

import base64
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from linewatch.errors import ChainError
from linewatch.store.chain import GENESIS, Chain, Piece, erased
from linewatch.store.payloads import Content, unwrap
from linewatch.store.schema import DATABASE, connect_reader, errors_told

_LINKS: Final[dict[Chain, str]] = {
    "record": "SELECT seq, tick, kind, key, commitment FROM record_entry WHERE seq BETWEEN ? AND ? ORDER BY seq",
    "audit": (
        "SELECT seq, tick, kind, key, wall_ns, record_seq, record_hash, commitment FROM audit_entry "
        "WHERE seq BETWEEN ? AND ? ORDER BY seq"
    ),
}
_HASH: Final[dict[Chain, str]] = {
    "record": "SELECT hash FROM record_entry WHERE seq = ?",
    "audit": "SELECT hash FROM audit_entry WHERE seq = ?",
}
_PAYLOAD: Final[dict[Chain, str]] = {
    "record": "SELECT * FROM record_payload WHERE seq = ?",
    "audit": "SELECT * FROM audit_payload WHERE seq = ?",
}
_NAMED: Final = "SELECT seq, tick, kind, key FROM record_entry WHERE seq BETWEEN ? AND ? AND kind IN ({}) ORDER BY seq"

Link = tuple[Any, ...]
"""Seq, tick, kind, key; in the audit chain wall_ns, record_seq, record_hash (hex); then the commitment (hex)."""


class ProofReader:
    """Reads chains and payloads as they were hashed."""

    def __init__(self, folder: Path) -> None:
        """Open a store. Raises `StoreError` where there is none that this version can read."""
        self._path = folder / DATABASE
        self._connection = connect_reader(self._path)

    def links(self, chain: Chain, first: int, last: int) -> Iterator[Link]:
        """Entries of a chain without their payloads, in order."""
        with errors_told(self._path):
            for row in self._connection.execute(_LINKS[chain], (first, last)):
                yield tuple(value.hex() if isinstance(value, bytes) else value for value in row)

    def hash_before(self, chain: Chain, seq: int) -> bytes:
        """Hash of the entry before this one; zeros before the first."""
        with errors_told(self._path):
            row = self._connection.execute(_HASH[chain], (seq - 1,)).fetchone()
        return GENESIS if row is None else bytes(row[0])

    def named(self, kinds: Collection[str], first: int, last: int) -> Iterator[tuple[int, int, str, str]]:
        """Seq, tick, kind and key of the record entries of these kinds."""
        statement = _NAMED.format(", ".join("?" * len(kinds)))
        with errors_told(self._path):
            yield from self._connection.execute(statement, (first, last, *sorted(kinds)))

    def shown(self, chain: Chain, seq: int, without: Collection[str] = ()) -> dict[str, Any] | None:
        """A payload for a bundle, without the pieces of these names; None where it was erased."""
        content = self._content(chain, seq)
        if content is None:
            return None
        told: dict[str, Any] = {"chain": chain, "seq": seq}
        if content.pieces is None:
            assert content.payload is not None
            return told | {"whole": _text(content.payload)}
        left = erased(content.pieces, frozenset(without))
        return told | {"head": _text(left.head), "pieces": [_piece(piece) for piece in left.pieces]}

    def _content(self, chain: Chain, seq: int) -> Content | None:
        with errors_told(self._path):
            row = self._connection.execute(_PAYLOAD[chain], (seq,)).fetchone()
        if row is None:
            return None
        try:
            return unwrap(row)
        except ChainError as error:
            raise ChainError(f"{chain} entry {seq}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def payload_shown(row: Mapping[str, Any]) -> bytes | None:
    """The canonical payload that a bundle shows; None where pieces of it were left out."""
    if "whole" in row:
        return base64.b64decode(row["whole"])
    parts = [row["head"], *(raw for _, _, raw in row["pieces"])]
    return None if None in parts else b"".join(base64.b64decode(part) for part in parts)


def _piece(piece: Piece) -> tuple[str, str, str | None]:
    return piece.name, _text(piece.secret), None if piece.raw is None else _text(piece.raw)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
