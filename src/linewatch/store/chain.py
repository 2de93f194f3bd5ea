"""What is hashed, and how. Pure functions over bytes; `docs/journal.md` tells the same to others.

    header      canonical MessagePack array that names an entry
    commitment  SHA-256 over the canonical payload, or over salted commitments of its pieces
    entry hash  SHA-256(hash of the entry before || header || commitment)

A payload is committed to and not hashed into the chain itself, so it can be deleted and the chain still verifies. A
payload that may speak of people is cut into pieces with a salt each: one piece can be erased, and neither the chain nor
the commitments to the other pieces suffer.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import msgspec

Chain = Literal["record", "audit"]

GENESIS: Final = bytes(32)
"""Stands for the hash before the first entry of a chain."""
SALT_BYTES: Final = 16
PAYLOAD_TAG: Final = b"linewatch/payload/1\x00"
_PIECE_TAG: Final = b"linewatch/piece/1\x00"
_PIECES_TAG: Final = b"linewatch/pieces/1\x00"
_SALT_TAG: Final = b"linewatch/salt/1\x00"

# Which fields may have to go before the rest does: who and where staff are, and what people wrote. The reader of a
# store does not need this table, since each stored piece carries its name; so it may grow.
_REDACTABLE: Final[dict[bytes, frozenset[str]]] = {
    b"operator_act": frozenset({"seat", "reason", "values"}),
    b"known_mover": frozenset({"id", "line", "chainage_m", "chainage_sigma_m", "offset_m"}),
    b"incident": frozenset({"reason", "assessment_cause", "withdrawn", "seat", "patrol"}),
    b"audit": frozenset({"who", "text"}),
}

UNREADABLE: Final = (ValueError, RecursionError)
"""What decoding bytes raises that are not what they should be."""

encode: Final = msgspec.msgpack.Encoder().encode
_raw_fields: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_sha256: Final = hashlib.sha256


RecordRow = tuple[int, int, str, str, bytes, bytes, bytes]
"""A row of the record chain: seq, tick, kind, key, header, commitment, hash."""


class Piece(NamedTuple):
    """One consecutive part of a payload's bytes."""

    name: str
    """Field that may be erased by itself; empty for the run of fields between two such."""
    secret: bytes
    """Salt while `raw` is there; once it is erased, the piece's commitment."""
    raw: bytes | None
    """Names and values as they stand in the canonical payload; None where erased."""


class Pieces(NamedTuple):
    """A payload cut up: the map's head, then its pieces in order."""

    head: bytes
    """First bytes of the canonical payload: how many fields the map has."""
    pieces: tuple[Piece, ...]
    """Their bytes, one after the other, are the rest of the payload."""


class Link(NamedTuple):
    """The end of a chain: where the next entry goes on."""

    seq: int
    """Position that the next entry gets."""
    hash: bytes
    """Hash of the last entry."""


START: Final = Link(0, GENESIS)
"""The end of a chain that has no entry yet."""


def record_header(seq: int, tick: int, kind: str, key: str) -> bytes:
    """Header of an entry of the record chain."""
    return encode(("record", seq, tick, kind, key))


def audit_header(seq: int, tick: int, kind: str, key: str, wall_ns: int, cited: Link) -> bytes:
    """Header of an entry of the audit chain; it cites the last record entry before `cited`, for good."""
    return encode(("audit", seq, tick, kind, key, wall_ns, cited.seq - 1, cited.hash))


def entry_hash(prev: bytes, header: bytes, commitment: bytes) -> bytes:
    """Hash of an entry: 32 bytes that stand for it and for everything before it."""
    return _sha256(prev + header + commitment).digest()


def whole_commitment(payload: bytes) -> bytes:
    """Commitment to a payload in one."""
    return _sha256(PAYLOAD_TAG + payload).digest()


def piece_commitment(piece: Piece) -> bytes:
    """Commitment to one piece: what stays of it when it is erased."""
    if piece.raw is None:
        return piece.secret
    return _sha256(_PIECE_TAG + piece.secret + _named(piece.name) + piece.raw).digest()


def pieces_commitment(cut: Pieces) -> bytes:
    """Commitment to a payload that is cut into pieces, erased ones or not."""
    parts = [_PIECES_TAG, len(cut.head).to_bytes(1, "big"), cut.head]
    for piece in cut.pieces:
        parts += (_named(piece.name), piece_commitment(piece))
    return _sha256(b"".join(parts)).digest()


def salt_of(salt_key: bytes, chain: Chain, seq: int, index: int) -> bytes:
    """Salt of one piece: derived, so that a replay gives the same chain; kept beside it, so that it can go."""
    message = _SALT_TAG + chain.encode() + b"\x00" + seq.to_bytes(8, "big") + index.to_bytes(2, "big")
    return hmac.digest(salt_key, message, "sha256")[:SALT_BYTES]


def redactable_fields(payload: bytes) -> frozenset[str]:
    """Fields of this payload that may be erased by themselves; empty for nearly all."""
    # A tagged record begins with its tag, so eight bytes tell; decoding each payload to know would cost more.
    start = 3 if payload[:1] == b"\xde" else 1
    if payload[start : start + 5] != b"\xa4type" or payload[start + 5 : start + 6] < b"\xa0":
        return frozenset()
    end = start + 6 + (payload[start + 5] - 0xA0)
    return _REDACTABLE.get(payload[start + 6 : end], frozenset())


def cut(payload: bytes, names: frozenset[str], salt_key: bytes, chain: Chain, seq: int) -> Pieces | None:
    """The payload in pieces, or None where it is not the canonical map it looks like (it is then kept whole)."""
    head = payload[: 3 if payload[:1] == b"\xde" else 1]
    runs: list[tuple[str, list[bytes]]] = []
    try:
        fields = _raw_fields(payload)
    except UNREADABLE:
        return None
    for name, raw in fields.items():
        own = name if name in names else ""
        if own or not runs or runs[-1][0]:
            runs.append((own, []))
        runs[-1][1].extend((encode(name), bytes(raw)))
    pieces = tuple(
        Piece(name, salt_of(salt_key, chain, seq, index), b"".join(parts)) for index, (name, parts) in enumerate(runs)
    )
    result = Pieces(head, pieces)
    return result if joined(result) == payload else None


def joined(cut: Pieces) -> bytes | None:
    """The canonical payload again; None where a piece is erased."""
    parts = [cut.head]
    for piece in cut.pieces:
        if piece.raw is None:
            return None
        parts.append(piece.raw)
    return b"".join(parts)


def erased(cut: Pieces, names: frozenset[str]) -> Pieces:
    """The same with these pieces gone, and the same commitment."""
    return cut._replace(
        pieces=tuple(
            Piece(piece.name, piece_commitment(piece), None) if piece.name in names else piece for piece in cut.pieces
        )
    )


def extend(end: Link, tick: int, entries: Iterable[tuple[str, str, bytes]]) -> tuple[Link, list[RecordRow]]:
    """Chain entries of (kind, key, commitment) of one tick to the record chain: the new end and the rows."""
    rows: list[RecordRow] = []
    seq, prev = end
    for kind, key, commitment in entries:
        header = record_header(seq, tick, kind, key)
        digest = entry_hash(prev, header, commitment)
        rows.append((seq, tick, kind, key, header, commitment, digest))
        seq, prev = seq + 1, digest
    return Link(seq, prev), rows


def _named(name: str) -> bytes:
    raw = name.encode()
    return len(raw).to_bytes(2, "big") + raw
