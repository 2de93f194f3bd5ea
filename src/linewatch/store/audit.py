"""Entries of the audit chain: what happened, who did it, keys, checkpoints and erasures."""

from functools import partial
from typing import Final

from linewatch.store.batch import Batch
from linewatch.store.keys import Signer
from linewatch.store.notes import CHECKPOINT, ERASE, KEY, CheckpointNote, Erasure, KeyNote, Note, encode

CREATED: Final = "created"
OPENED: Final = "opened"
CLOSED: Final = "closed"


def add_note(batch: Batch, kind: str, wall_ns: int, note: Note, key: str = "") -> None:
    """Say what happened."""
    batch.audit(kind, key, wall_ns, partial(_given, encode(note)))


def add_erasure(batch: Batch, wall_ns: int, erasure: Erasure) -> None:
    """Say what was erased."""
    batch.audit(ERASE, erasure.chain, wall_ns, partial(_given, encode(erasure)))


def add_checkpoint(batch: Batch, wall_ns: int, signer: Signer | None) -> None:
    """Sign both heads and the states; nothing where there is no key."""
    if signer is None:
        return
    states = batch.ends.states

    def payload(header: bytes, prev: bytes) -> bytes:
        return encode(CheckpointNote(states, signer.public_key, signer.sign_checkpoint(header, prev, states)))

    batch.audit(CHECKPOINT, "", wall_ns, payload)


def add_key(batch: Batch, wall_ns: int, signer: Signer, old: Signer | None) -> None:
    """Name the key that signs from here on, on the word of the old one where it is still there."""

    def payload(header: bytes, prev: bytes) -> bytes:
        word = b"" if old is None else old.sign_rotation(header, prev, signer.public_key)
        return encode(KeyNote(signer.public_key, word))

    batch.audit(KEY, "", wall_ns, payload)
    batch.meta({"public_key": signer.public_key.hex()})


def _given(payload: bytes, _header: bytes, _prev: bytes) -> bytes:
    return payload
