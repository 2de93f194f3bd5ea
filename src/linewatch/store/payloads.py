"""How payloads lie in their table. Nothing of this is hashed into the chain: it may change with a schema version."""

import zlib
from typing import Final, NamedTuple

import msgspec

from linewatch.errors import ChainError
from linewatch.store.chain import (
    UNREADABLE,
    Chain,
    Piece,
    Pieces,
    cut,
    encode,
    joined,
    pieces_commitment,
    redactable_fields,
    whole_commitment,
)

PIECES: Final = 1
"""Bit of a row's form: the body holds pieces, and is not the payload as a whole."""
DEFLATED: Final = 2
"""Bit of a row's form: the body is a zlib stream."""
DEFLATE_FROM_BYTES: Final = 1024
"""Below this, deflating costs more time than the disk it saves."""
LARGEST_BYTES: Final = 1 << 28
"""No canonical payload is larger; a hostile store cannot make us allocate more."""

_LEVEL: Final = 1  # batches are narrow integers already: higher levels were slower and hardly smaller

Row = tuple[int, int, int | None, str | None, bytes]
"""A row of the payload table: seq, form, CRC-32 of a deflated body as stored, location, body."""


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    head: bytes
    pieces: list[tuple[str, bytes, bytes | None]]


_decode_stored: Final = msgspec.msgpack.Decoder(_Stored).decode


class Content(NamedTuple):
    """What a payload row holds."""

    payload: bytes | None
    """Canonical bytes; None where a piece was erased."""
    commitment: bytes
    """What the chain must hold for it."""
    pieces: Pieces | None
    """The pieces, where it is cut into some."""


def wrap(payload: bytes, chain: Chain, seq: int, salt_key: bytes) -> tuple[bytes, Row]:
    """The commitment to a payload, and the row that keeps it."""
    names = redactable_fields(payload)
    if names and (pieces := cut(payload, names, salt_key, chain, seq)) is not None:
        return pieces_commitment(pieces), pieces_row(seq, pieces)
    return whole_commitment(payload), _row(seq, 0, payload)


def pieces_row(seq: int, pieces: Pieces) -> Row:
    """The row that keeps a payload in pieces."""
    return _row(seq, PIECES, encode((pieces.head, pieces.pieces)))


def unwrap(row: Row) -> Content:
    """The content of a payload row. Raises `ChainError`, in a few words, on a row that cannot have been written."""
    _, form, crc32, location, body = row
    if location is not None:
        raise ChainError(f"location: found {location!r}; allowed: none in this version")
    if not 0 <= form <= PIECES | DEFLATED:
        raise ChainError(f"form: found {form}; allowed: 0 to {PIECES | DEFLATED}")
    if form & DEFLATED:
        body = _inflated(body, crc32)
    elif crc32 is not None:
        raise ChainError(f"crc32: found {crc32}; allowed: none where the body is not deflated")
    return _in_pieces(body) if form & PIECES else Content(body, whole_commitment(body), None)


def _in_pieces(body: bytes) -> Content:
    try:
        stored = _decode_stored(body)
    except UNREADABLE as error:
        raise ChainError(f"its pieces cannot be read ({error})") from error
    pieces = Pieces(stored.head, tuple(Piece(*piece) for piece in stored.pieces))
    names_fit = all(len(piece.name) < 1024 for piece in pieces.pieces)
    if encode((pieces.head, pieces.pieces)) != body or len(pieces.head) > 3 or not names_fit:
        raise ChainError("its pieces are not as Linewatch writes them")
    return Content(joined(pieces), pieces_commitment(pieces), pieces)


def _row(seq: int, form: int, body: bytes) -> Row:
    if len(body) >= DEFLATE_FROM_BYTES and len(small := zlib.compress(body, _LEVEL)) < len(body):
        # A deflated stream has bits that inflate the same either way; the sum tells when one of them was changed.
        return seq, form | DEFLATED, zlib.crc32(small), None, small
    return seq, form, None, None, body


def _inflated(body: bytes, crc32: int | None) -> bytes:
    if zlib.crc32(body) != crc32:
        raise ChainError("its stored bytes were changed")
    stream = zlib.decompressobj()
    try:
        payload = stream.decompress(body, LARGEST_BYTES)
    except zlib.error as error:
        raise ChainError(f"its stored bytes cannot be inflated ({error})") from error
    if not stream.eof or stream.unused_data:
        raise ChainError("its stored bytes are no single stream")
    return payload
