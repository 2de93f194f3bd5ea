"""What each file of the archive holds, as the chain says it: one entry right after the one that cites the file."""

import sqlite3
from typing import Final, Literal

import msgspec

SEGMENT: Final = "segment"
"""Kind of the journal's entries that describe a file of the archive; their key is what it holds."""

What = Literal["detections", "health", "hours", "day_hours", "days"]
"""Rows of detections, of findings; rollups by hour since the last of their kind; the same again of a whole day of UTC
in one file; and that day without its hours."""


class Segment(msgspec.Struct, frozen=True, tag="segment"):
    """Payload of a `segment` entry."""

    name: str
    """Name inside the store: `segments/000000000000.parquet`."""
    what: What
    """What its rows are."""
    from_seq: int
    """First entry of the record chain whose rows it may hold."""
    to_seq: int
    """First entry beyond them."""
    rows: int
    """How many rows."""
    first_ns: int
    """Earliest time of a row."""
    last_ns: int
    """Latest time of a row."""


_decode: Final = msgspec.msgpack.Decoder(Segment).decode
encode: Final = msgspec.msgpack.Encoder().encode

# The entry behind a `file` entry tells what is in the file; both stand in one commit. Files of other rooms have none.
_SEGMENTS: Final = (
    "SELECT p.body FROM file f JOIN record_entry e ON e.seq = f.seq + 1 AND e.kind = 'segment' "
    "JOIN record_payload p ON p.seq = e.seq WHERE f.erased <= ? AND f.name LIKE 'segments/%' ORDER BY f.seq"
)


def segments_of(connection: sqlite3.Connection, *, erased: bool = False) -> list[Segment]:
    """All files of the archive that still stand, in the order in which they were written; or the erased ones, too."""
    return [_decode(body) for (body,) in connection.execute(_SEGMENTS, (int(erased),))]
