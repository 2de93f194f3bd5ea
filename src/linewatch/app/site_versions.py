"""Versions of a site: every change that people make on the screen keeps the files that it replaced, and can be undone.

They lie beside the site's file, in `site-versions/NNNN/`: `version.json` says what was changed, by which role and seat,
why and at which position of the record; `before-N` are the files as they were. Who it was stands in the audit chain.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError
from linewatch.site.rewrite import text_of

FOLDER: Final = "site-versions"


class Kept(msgspec.Struct, frozen=True):
    """One file that a version replaced."""

    file: str
    """Its path from the site's folder."""
    before: str
    """SHA-256 of what it held before."""
    after: str
    """SHA-256 of what it holds since."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a site."""

    number: int
    """From 1 on."""
    time_ns: int
    """When it was asked for."""
    role: str
    """By which role."""
    seat: str
    """At which seat."""
    reason: str
    """Why."""
    seq: int
    """Position of the act in the record."""
    what: tuple[str, ...]
    """In words."""
    files: tuple[Kept, ...]
    """What it replaced."""
    undoes: int | None = None
    """Number of the version that it took back."""


class SiteVersions:
    """The files of one site, and what they were before. Not for several threads at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._folder = file.parent / FOLDER

    def all(self) -> tuple[Version, ...]:
        """Every version, the first one first. Raises `InputError` on one that cannot be read."""
        out = []
        for path in sorted(self._folder.glob("[0-9]*/version.json")):
            try:
                out.append(msgspec.json.decode(path.read_bytes(), type=Version))
            except (OSError, msgspec.ValidationError, msgspec.DecodeError) as error:
                raise InputError(f"{path}: {error}; allowed: a version of a site as it was written") from None
        return tuple(out)

    def last(self) -> Version | None:
        """The change that can be undone now: the last one that was not."""
        versions = self.all()
        undone = {version.undoes for version in versions}
        left = [each for each in versions if each.undoes is None and each.number not in undone]
        return left[-1] if left else None

    def next_number(self) -> int:
        """Number of the version that comes next."""
        versions = self.all()
        return versions[-1].number + 1 if versions else 1

    def before(self, version: Version) -> Mapping[Path, str]:
        """The texts that a version replaced. Raises `InputError` where its files were changed since, or lost."""
        out = {}
        for number, kept in enumerate(version.files):
            path = self.file.parent / kept.file
            if _hash(text_of(path)) != kept.after:
                raise InputError(
                    f"{kept.file}: found other words than version {version.number} wrote; allowed: by hand"
                )
            text = text_of(self._folder / f"{version.number:04d}" / f"before-{number}")
            if _hash(text) != kept.before:
                raise InputError(f"version {version.number}: found a damaged copy of {kept.file}; allowed: by hand")
            out[path] = text
        return out

    def keep(self, version: Version, texts: Mapping[Path, str]) -> Version:
        """Keep what is there, then put these texts in its place. Raises `InputError` where that cannot be written."""
        folder = self._folder / f"{version.number:04d}"
        files, former = [], {}
        try:
            folder.mkdir(parents=True)
            for number, (path, text) in enumerate(texts.items()):
                former[path] = text_of(path)
                _write(folder / f"before-{number}", former[path])
                name = Path(os.path.relpath(path, self.file.parent)).as_posix()
                files.append(Kept(name, _hash(former[path]), _hash(text)))
            version = msgspec.structs.replace(version, files=tuple(files))
            for path, text in texts.items():
                _replace(path, text)
            _write(folder / "version.json", msgspec.json.format(msgspec.json.encode(version)).decode())
        except OSError as error:
            self._put_back(former, folder)
            raise InputError(f"{error.filename}: {error.strerror}; allowed: a site that can be written") from None
        return version

    def take_back(self, version: Version) -> None:
        """Forget a version that was not taken up, with its files as they were before."""
        folder = self._folder / f"{version.number:04d}"
        texts = {
            self.file.parent / kept.file: text_of(folder / f"before-{number}")
            for number, kept in enumerate(version.files)
        }
        self._put_back(texts, folder)

    @staticmethod
    def _put_back(texts: Mapping[Path, str], folder: Path) -> None:
        for path, text in texts.items():
            _replace(path, text)
        shutil.rmtree(folder, ignore_errors=True)


def writable(file: Path) -> str:
    """Why the files of a site cannot be changed; empty where they can."""
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        return f"{file} cannot be written by the watch"
    return ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    with path.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    """Put a text in the place of a file at once, with the rights that the file has."""
    if text_of(path) == text:
        return
    new = path.with_name(f".{path.name}.new")
    _write(new, text)
    shutil.copymode(path, new)
    new.replace(path)
