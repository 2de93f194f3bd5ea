"""Open a store to write what no watch writes: an erasure, a takeover. It goes on as what it was."""

import secrets
from pathlib import Path

import msgspec

from linewatch.clock import Clock
from linewatch.store.identity import Identity
from linewatch.store.journal import Journal, open_journal
from linewatch.store.reader import open_store


def reopen_journal(folder: Path, clock: Clock | None = None) -> Journal:
    """The journal of a store that is there, under the identity that it has; no watch may be writing it.

    Notes written through it have salts of their own, made for the occasion. Raises `StoreError`.
    """
    with open_store(folder) as reader:
        meta = reader.meta()
    identity = msgspec.convert({name: meta.get(name, "") for name in Identity.__struct_fields__}, Identity)
    return open_journal(folder, identity, salt_key=secrets.token_bytes(32), clock=clock)
