"""What a stopped run goes on from, and the seal that ties it to the heads of both chains.

States are no part of the record chain: they follow from it. The seal is a plain hash over everything in the database
that does not follow from the chains by itself; it finds damage and careless hands, and every signed checkpoint signs
the digest of the states with the heads.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

from linewatch.store.chain import Link, encode

Space = Literal["decision", "signal", "source", "signal_source", "outbox"]
"""Decision states; detectors' states; positions of sources at either; how far each outbox channel has delivered."""

OUTBOX: Final = "outbox"
_ROW_TAG: Final = b"linewatch/state-row/1\x00"
_STATES_TAG: Final = b"linewatch/states/1\x00"
_CURSORS_TAG: Final = b"linewatch/cursors/1\x00"
_SEAL_TAG: Final = b"linewatch/seal/1\x00"

Key = tuple[str, str]
Row = tuple[str, str, bytes]
"""A row of the state table: space, key, body."""


class Progress(NamedTuple):
    """How far the run has come."""

    tick: int | None
    """Last committed tick; None before the first."""
    signal_tick: int | None
    """Last tick at which the signal states were kept."""


class Change(NamedTuple):
    """What one commit does to the state table."""

    rows: list[Row]
    """Rows that are new or differ."""
    gone: list[Key]
    """Rows that go: signal states are kept as a whole set."""
    digests: dict[Key, bytes]
    """Digest of every row afterwards, sorted by space and key."""


def row_digest(space: str, key: str, body: bytes) -> bytes:
    """Digest of one row."""
    return hashlib.sha256(_ROW_TAG + encode((space, key)) + body).digest()


def change(
    digests: Mapping[Key, bytes],
    new: Mapping[Space, Mapping[str, bytes]],
    replaced: Collection[Space] = (),
) -> Change:
    """Rows to write so that `new` holds. Spaces in `replaced` keep nothing but what is new."""
    after = dict(digests)
    rows: list[Row] = []
    for space, bodies in new.items():
        for key, body in bodies.items():
            digest = row_digest(space, key, body)
            if after.get((space, key)) != digest:
                after[space, key] = digest
                rows.append((space, key, body))
    kept = {(space, key) for space in replaced for key in new.get(space, ())}
    gone = [row for row in after if row[0] in replaced and row not in kept]
    for row in gone:
        del after[row]
    if gone or len(after) != len(digests):
        after = dict(sorted(after.items()))
    return Change(rows, gone, after)


def states_digest(progress: Progress, digests: Mapping[Key, bytes]) -> bytes:
    """Digest of progress and of all states and positions; `digests` must be sorted by space and key.

    How far the outbox has delivered is left out: that moves on its own, between ticks, and no run goes on from it.
    """
    rows = [digest for (space, _), digest in digests.items() if space != OUTBOX]
    return hashlib.sha256(_STATES_TAG + encode(progress) + b"".join(rows)).digest()


def cursors_digest(digests: Mapping[Key, bytes]) -> bytes:
    """Digest of how far each outbox channel has delivered."""
    rows = [digest for (space, _), digest in digests.items() if space == OUTBOX]
    return hashlib.sha256(_CURSORS_TAG + b"".join(rows)).digest()


def seal_of(record: Link, audit: Link, states: bytes, cursors: bytes) -> bytes:
    """The seal: both heads, the digest of the states and that of the cursors."""
    parts = (record.seq.to_bytes(8, "big"), record.hash, audit.seq.to_bytes(8, "big"), audit.hash, states, cursors)
    return hashlib.sha256(_SEAL_TAG + b"".join(parts)).digest()
