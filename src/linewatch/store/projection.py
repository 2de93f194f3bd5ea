"""Tables that follow from the chain: the last version of every incident, as columns that can be asked for."""

from typing import Final

import msgspec

from linewatch.errors import ChainError
from linewatch.records import Incident
from linewatch.store.chain import UNREADABLE, Piece, encode
from linewatch.store.payloads import Content

INCIDENT: Final = "incident"
"""Kind of the entries from which the incident table and the outbox follow; their key is the incident's id."""

_COLUMNS: Final = (
    *("line", "section", "raised_ns", "updated_ns", "closed_ns", "kind", "mover", "act", "concern", "chainage_m"),
    *("from_m", "to_m", "count_low", "count_high", "priority", "state", "assessment", "outcome", "settings_id"),
    "merged_into",
)
COLUMNS: Final = ("id", "seq", *_COLUMNS)
"""Columns of the incident table, in order."""

ERASED_TEXT: Final = "[erased]"
"""What people read where a text was erased."""

IncidentRow = tuple[str | int | float | None, ...]

_decode: Final = msgspec.msgpack.Decoder(Incident).decode


def incident_of(content: Content) -> Incident:
    """The incident, with erased texts marked as such. Raises `ChainError` where the payload is no incident."""
    try:
        return _decode(_readable(content))
    except UNREADABLE as error:
        raise ChainError(f"its payload is no incident ({error})") from error


def incident_row(seq: int, incident: Incident) -> IncidentRow:
    """The row of the incident table for this version, written by the record entry `seq`."""
    return (incident.id, seq, *(getattr(incident, name) for name in _COLUMNS))


def _readable(content: Content) -> bytes:
    """The payload, with a mark in the place of every erased text."""
    if content.payload is not None:
        return content.payload
    assert content.pieces is not None  # only a payload in pieces can lack some

    def shown(piece: Piece) -> bytes:
        return encode(piece.name) + encode(ERASED_TEXT) if piece.raw is None else piece.raw

    return content.pieces.head + b"".join(map(shown, content.pieces.pieces))
