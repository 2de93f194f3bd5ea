"""One writer: a lock on a file of the store that the operating system lets go of when the process dies."""

import fcntl
import os
from pathlib import Path
from typing import Final, TextIO

from linewatch.errors import StoreError
from linewatch.store.schema import LOCK, errors_told

FOLLOWER: Final = "standby.json"
"""File that marks a store which follows another: whoever wrote to it would tear the two apart."""


def refuse_follower(folder: Path) -> None:
    """Raise `StoreError` where this store follows another one."""
    if (folder / FOLLOWER).exists():
        raise StoreError(f"{folder}: found a store that follows another; allowed: one that was taken over (`takeover`)")


def hold_lock(folder: Path) -> TextIO:
    """The lock of this store, held until the file is closed. Raises `StoreError` when another process holds it."""
    path = folder / LOCK
    with errors_told(path):
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "unknown"
            file.close()
            raise StoreError(f"{folder}: process {holder} is writing this store; allowed: one writer") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file
