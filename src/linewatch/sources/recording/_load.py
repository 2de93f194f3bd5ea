"""From paths to recordings: what a folder holds, and everything that is wrong with any of it, at once."""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Final

from linewatch.errors import Problem, SiteError
from linewatch.ports import Recording
from linewatch.site.model import Site
from linewatch.sources.recording._array_files import split_name
from linewatch.sources.recording._header import Header, read_header
from linewatch.sources.recording._source import RecordingSource, Reel
from linewatch.sources.recording.formats import FORMATS

_NAME: Final = "recording.toml"
_NS_PER_S: Final = 1_000_000_000
AnyPath = str | PathLike[str]


def load_recording(path: AnyPath, site: Site) -> Recording:
    """The recording that a `recording.toml`, or the folder of one, describes.

    Raises `SiteError` with every problem that can be known before reading begins; from then on whatever is wrong
    becomes a `Health` record.
    """
    file = Path(path)
    recording, problems = _load(file / _NAME if file.is_dir() else file, site)
    if recording is None:
        raise SiteError(problems)
    return recording


def find_recordings(paths: Iterable[AnyPath], site: Site) -> tuple[Recording, ...]:
    """The recordings that these files and folders hold; what lies in a folder, at any depth, is taken in order of name.

    In a folder every `.toml` file with a key `data` is a recording. Raises `SiteError` with the problems of all.
    """
    found: dict[str, Path] = {}
    recordings: list[RecordingSource] = []
    problems: list[Problem] = []
    for file in _files([Path(path) for path in paths], problems):
        recording, wrong = _load(file, site)
        problems += wrong
        if recording is None:
            continue
        if recording.name in found:
            allowed = f"each recording once; {found[recording.name]} is of the same sensor, channels and start"
            problems.append(Problem(str(file), "sensor", recording.name, allowed))
        found[recording.name] = file
        recordings.append(recording)
    if problems:
        for opened in recordings:
            opened.close()
        raise SiteError(problems)
    return tuple(recordings)


def _load(file: Path, site: Site) -> tuple[RecordingSource | None, list[Problem]]:
    header, problems = read_header(file, {name: each.facts for name, each in FORMATS.items()})
    if header is None:
        return None, problems
    reel, problems = FORMATS[header.format].open_reel(header, site)
    if reel is None:
        return None, problems
    names = [name for stretch in header.stretches for name in stretch.data]
    names += [] if header.beside is None else [header.beside]
    files = dict.fromkeys(header.folder / split_name(name)[0] for name in names)
    return RecordingSource(_name(header, reel), reel, header.facts, tuple(files)), []


def _name(header: Header, reel: Reel) -> str:
    """Who and since when: the same wherever the files lie, so that a journal does not depend on a folder's name."""
    who = header.sensor or Path(split_name(header.stretches[0].data[0])[0]).stem
    who = f"{who}/{header.first_channel}" if header.first_channel else who
    seconds, rest = divmod(reel.start_ns, _NS_PER_S)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{who}@{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _files(paths: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """Every `recording.toml`, each once, folders opened."""
    files: dict[Path, Path] = {}
    for path in paths:
        inside = _in_folder(path) if path.is_dir() else [path]
        if not inside:
            problems.append(Problem(str(path), "folder", "no recording", f"at least one {_NAME}"))
        for file in inside:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _in_folder(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.toml")) if path.name == _NAME or _describes_data(path)]


def _describes_data(file: Path) -> bool:
    """Whether it is meant as a recording; a file that is not even TOML is shown rather than passed over."""
    try:
        return "data" in tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True
