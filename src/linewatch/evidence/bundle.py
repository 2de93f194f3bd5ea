"""Writes a bundle: files in a new folder, each with its hash in `bundle.json`, which is written last."""

import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError, StoreError
from linewatch.evidence.pictures import Picture

README: Final = """One incident, exported by Linewatch.

index.html    the incident, for people; opens offline
check.py      checks this bundle: python3 check.py [--against HEAD]   (Python 3.9 or newer, nothing else)
bundle.json   what is in here, hash by hash, and under what it was recorded
incident.json every version of the incident, as the chain holds it
head.json     the head that the proof leads to: compare it, or its code, with the one that was lodged outside
proof/        links of both chains, and the payloads that are shown, as they were hashed
clips/        raw samples (HDF5; of geophones MiniSEED, too), pictures/ what they look like
rederive/     states to go on from: linewatch rederive FOLDER
"""


class Exhibited(msgspec.Struct, frozen=True):
    """One clip of the incident, or why there is none."""

    request: str
    """Request that it answers."""
    sensor: str
    """Sensor it is from."""
    seq: int = -1
    """Position of the answer in the record chain; -1 where there is none yet."""
    cited: str = ""
    """Name inside the store."""
    sha256: str = ""
    """Hash of the file, as the chain holds it."""
    refusal: str = ""
    """Why there never was a file."""
    file: str = ""
    """Name inside the bundle; empty where it is not here."""
    left_out: str = ""
    """Why it is not here though the store had it."""
    pictures: tuple[dict[str, Any], ...] = ()
    """Pictures drawn from it: file, kind, title and what the ends of the axes mean."""


class BundleWriter:
    """A bundle in the making."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises `InputError` where it holds anything, `StoreError` where it cannot be made."""
        self.folder = folder
        self._hashes: dict[str, str] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise InputError(f"--out: found files in {folder}; allowed: a new or empty folder")
        except OSError as error:
            if isinstance(error, InputError):
                raise
            raise StoreError(f"{folder}: {error.strerror or error}") from error

    def raw(self, name: str, content: bytes) -> None:
        """A file of these bytes. Raises `StoreError` where it cannot be written."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror or error}") from error
        self._hashes[name] = hashlib.sha256(content).hexdigest()

    def text(self, name: str, content: str) -> None:
        """A file of this text."""
        self.raw(name, content.encode())

    def json(self, name: str, value: Any) -> None:
        """A JSON file that people can read as well."""
        self.text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def lines(self, name: str, rows: Iterable[Any]) -> None:
        """A JSON value a line, packed with gzip; the same rows give the same bytes."""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=6) as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")
        self.raw(name, packed.getvalue())

    def copy(self, name: str, source: Path) -> None:
        """A copy of a file."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            with path.open("rb") as file:
                self._hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror or error}") from error

    def picture(self, name: str, picture: Picture) -> dict[str, Any]:
        """A picture, and what the page says of it."""
        self.raw(name, picture.png)
        return {
            "file": name,
            "kind": picture.kind,
            "title": picture.title,
            "bottom": list(picture.bottom),
            "side": list(picture.side),
        }

    def finish(self, told: dict[str, Any]) -> None:
        """Say what is in it. Nothing may be added afterwards."""
        self.text("README.txt", README)
        files = dict(sorted(self._hashes.items()))
        self.json("bundle.json", told | {"files": files})
