"""Files that a store cites: written whole and safely before any entry names them, swept when none does."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import StoreError
from linewatch.store.schema import ROOMS, errors_told

_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,12}")
_UNFINISHED: Final = ".part"
# A name comes out of a store that may be from elsewhere: nothing may lead outside its rooms.
_NAME: Final = re.compile(rf"(?:{'|'.join(ROOMS)})/\d{{12}}\.[a-z0-9]{{1,12}}")


class FileCited(msgspec.Struct, frozen=True, tag="file"):
    """Payload of a `file` entry: a file that the store vouches for."""

    name: str
    """Name inside the store: `segments/000000000000.parquet`."""
    size: int
    """Its length in bytes."""
    sha256: bytes
    """Its hash."""


def is_name(name: str) -> bool:
    """Whether this is the name of a file inside a store, and leads nowhere else."""
    return _NAME.fullmatch(name) is not None


def write_file(folder: Path, room: str, number: int, suffix: str, write: Callable[[Path], object]) -> FileCited:
    """Let `write` fill a new file, then make it and its folder entry durable. Nothing cites it yet."""
    if room not in ROOMS:
        raise ValueError(f"room is {room!r}; allowed: {', '.join(ROOMS)}")
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"suffix is {suffix!r}; allowed: a dot, then small letters and digits")
    name = f"{room}/{number:012d}{suffix}"
    path = folder / name
    part = path.with_name(path.name + _UNFINISHED)
    with errors_told(part):
        part.unlink(missing_ok=True)
        write(part)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            size = os.fstat(file.fileno()).st_size
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    return FileCited(name, size, digest)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """The folder of a store. One clear `StoreError` where it cannot be made or written."""
    with errors_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError(f"{folder}: no permission; allowed: a folder that this user may read and write")


def make_rooms(folder: Path) -> None:
    """The folders inside a store, durable with all that was made in it so far."""
    for room in ROOMS:
        make_folder(folder / room)
    with errors_told(folder):
        sync_folder(folder)


def strays(folder: Path, cited: Iterable[str]) -> list[str]:
    """Names of files in the rooms that no entry cites."""
    known = set(cited)
    found = (f"{room}/{path.name}" for room in ROOMS if (folder / room).is_dir() for path in (folder / room).iterdir())
    return sorted(name for name in found if name not in known)


def sweep(folder: Path, cited: Iterable[str]) -> list[str]:
    """Remove what a crash, or an erasure that was cut short, has left behind; the names removed."""
    names = strays(folder, cited)
    for name in names:
        with errors_told(folder / name):
            (folder / name).unlink()
    return names


def file_fault(folder: Path, cited: FileCited) -> str:
    """What is wrong with a cited file, in words; empty where nothing is."""
    if not _NAME.fullmatch(cited.name):
        return "is no name of a file of a store"
    path = folder / cited.name
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != cited.size:
                return f"found {size} bytes; allowed: {cited.size}"
            if hashlib.file_digest(file, "sha256").digest() != cited.sha256:
                return "its bytes were changed"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def next_numbers(names: Iterable[str]) -> dict[str, int]:
    """The number that the next file of each room gets: one more than the highest cited, erased ones included."""
    numbers = dict.fromkeys(ROOMS, 0)
    for name in filter(_NAME.fullmatch, names):
        room, _, file = name.partition("/")
        numbers[room] = max(numbers[room], int(file[:12]) + 1)
    return numbers
