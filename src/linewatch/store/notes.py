"""Payloads that the store itself writes: to the record chain `open` and `file`, to the audit chain the rest."""

from typing import Final

import msgspec

from linewatch.store.chain import Chain
from linewatch.store.files import FileCited
from linewatch.store.identity import Identity


class Note(msgspec.Struct, frozen=True, tag="audit"):
    """What happened and who did it; `who` and `text` can be erased."""

    who: str
    """Login, seat or program; empty for the watch itself."""
    text: str
    """What happened, in words."""
    about: int | None = None
    """Record entry that it speaks of, such as the act of which it names the person."""


class KeyNote(msgspec.Struct, frozen=True, tag="key"):
    """From here on checkpoints are signed with this key."""

    public_key: bytes
    """Ed25519 public key."""
    signature: bytes
    """The old key's word for it; empty for the first key, and where the old one was lost."""


class CheckpointNote(msgspec.Struct, frozen=True, tag="checkpoint"):
    """Both heads and the states, signed."""

    states: bytes
    """Digest of the states."""
    public_key: bytes
    """Key that signed."""
    signature: bytes
    """Its signature."""


class Erasure(msgspec.Struct, frozen=True, tag="erase"):
    """What was erased, and why: the only licence for a payload to be missing."""

    chain: Chain
    """Chain concerned."""
    ranges: tuple[tuple[int, int], ...]
    """Entries concerned, as inclusive ranges of their positions."""
    piece: str
    """Name of the pieces erased; empty for whole payloads."""
    files: tuple[str, ...]
    """Files erased."""
    reason: str
    """Rule or order under which it was done."""


OPEN: Final = "open"
FILE: Final = "file"
KEY: Final = "key"
CHECKPOINT: Final = "checkpoint"
ERASE: Final = "erase"
RECORD_KINDS: Final = frozenset({OPEN, FILE})
"""Kinds of the record chain that only the store writes; they are never erased."""
AUDIT_KINDS: Final = frozenset({KEY, CHECKPOINT, ERASE})
"""Kinds of the audit chain that only the store writes; they are never erased."""

encode: Final = msgspec.msgpack.Encoder().encode
decode_identity: Final = msgspec.msgpack.Decoder(Identity).decode
decode_file: Final = msgspec.msgpack.Decoder(FileCited).decode
decode_key: Final = msgspec.msgpack.Decoder(KeyNote).decode
decode_checkpoint: Final = msgspec.msgpack.Decoder(CheckpointNote).decode
decode_erasure: Final = msgspec.msgpack.Decoder(Erasure).decode
decode_note: Final = msgspec.msgpack.Decoder(Note).decode
