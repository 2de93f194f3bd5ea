"""Bytes and rows that outlive the process: journal, archive, outbox and users.

`open_journal` writes a store, `open_store` reads one, `verify` proves one. `docs/journal.md` tells the format so that
others can prove it, too.
"""

from linewatch.store.files import FileCited
from linewatch.store.head import Anchor, Head, read_anchor
from linewatch.store.identity import Identity, identity_of
from linewatch.store.journal import Journal, open_journal
from linewatch.store.keys import Signer, replay_salt_key, salt_key_at
from linewatch.store.notes import Erasure
from linewatch.store.reader import AuditEntry, StoreReader, open_store
from linewatch.store.verify import Verdict, verify

__all__ = [
    "Anchor",
    "AuditEntry",
    "Erasure",
    "FileCited",
    "Head",
    "Identity",
    "Journal",
    "Signer",
    "StoreReader",
    "Verdict",
    "identity_of",
    "open_journal",
    "open_store",
    "read_anchor",
    "replay_salt_key",
    "salt_key_at",
    "verify",
]
