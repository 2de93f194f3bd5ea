"""One array on disk: what its header says, how much of it is there, and its rows. Nothing is ever unpickled.

`.npy` files are mapped, not read. An array in an `.npz` is compressed and checked as a whole, so it is read as a whole;
`.csv` is text and read as a whole too.
"""

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linewatch.records.health import Condition
from linewatch.sources.recording._csv import read_csv

# Foreign bytes make numpy, zipfile and pyarrow raise nearly anything, down to errors of Python's own tokeniser; no
# list of them would stay whole. What is called under it is small: these libraries, and a few lines of ours.
READ_ERRORS: Final = (Exception,)
_KEYED: Final = re.compile(r"(?P<file>.*\.(?:npz|mseed|miniseed|msd))(?::(?P<key>.+))?", re.IGNORECASE)


class UnusableError(Exception):
    """An array that cannot be used, and what of it is known all the same."""

    def __init__(self, condition: Condition, text: str, rows: int | None = None) -> None:
        self.condition = condition
        self.rows = rows
        super().__init__(text)


class ArrayFile(NamedTuple):
    """One array, time-major, whatever its order on disk."""

    name: str
    """As the description names it."""
    rows: int
    """Samples by its header."""
    channels: int
    """Channels by its header."""
    kind: str
    """`int16`, `integer` or `float`: how its values are meant."""
    rows_there: int
    """Samples that are really there."""
    channels_there: int
    """Channels that are really there."""
    odd_rows: tuple[int, ...]
    """Rows without sense, given as NaN."""
    view: Callable[[], NDArray[Any]]
    """(rows_there, channels_there) view of the values as stored; may raise anything."""
    surplus: int = 0
    """Bytes behind the array, which nobody reads."""
    mapped: tuple[Path, int] | None = None
    """The file behind the view and the bytes that it must keep, where the view is a map of it."""

    def check_still_there(self) -> None:
        """Raises `OSError` where a mapped file has been cut off: touching a page that is gone would end the process."""
        if self.mapped is not None:
            path, size = self.mapped
            if path.stat().st_size < size:
                raise OSError(f"the file has become shorter since it was opened; {size} bytes were in use")


class _Layout(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


def split_name(name: str) -> tuple[str, str | None]:
    """File and, for those that hold several, the key of the array or the name of the stream in it."""
    match = _KEYED.fullmatch(name)
    return (match["file"], match["key"]) if match else (name, None)


def open_array(folder: Path, name: str, layout: str) -> ArrayFile:
    """Look at one array. Raises `UnusableError`."""
    file, key = split_name(name)
    path = folder / file
    try:
        if path.suffix.lower() == ".csv":
            return _from_csv(path, name, layout)
        if path.suffix.lower() == ".npz":
            return _from_npz(path, name, key, layout)
        return _from_npy(path, name, layout)
    except UnusableError:
        raise
    except READ_ERRORS as cause:
        raise UnusableError("unreadable", f"{name}: {_said(cause)}") from cause


def keys_of(path: Path) -> list[str]:
    """Names of the arrays in an `.npz`. May raise anything."""
    with zipfile.ZipFile(path) as archive:
        return [member.removesuffix(".npy") for member in archive.namelist()]


def block_samples(view: NDArray[Any]) -> NDArray[Any]:
    """(n_samples, n_channels) as a block wants it: int16 as it is, all else float32; copied only where it must be."""
    if view.dtype.kind == "i" and view.dtype.itemsize == 2:
        return np.ascontiguousarray(view, dtype=np.int16)
    with np.errstate(over="ignore"):  # What float32 cannot hold becomes infinite, and is then counted as such.
        return np.ascontiguousarray(view, dtype=np.float32)


def _from_csv(path: Path, name: str, layout: str) -> ArrayFile:
    table = read_csv(path)
    values = table.values if layout == "time_channel" else table.values.T
    odd = table.odd_rows if layout == "time_channel" else ()
    rows, channels = values.shape
    return ArrayFile(name, rows, channels, "float", rows, channels, odd, lambda: values)


def _from_npy(path: Path, name: str, layout: str) -> ArrayFile:
    with path.open("rb") as stream:
        found = _header(stream)
        size = stream.seek(0, 2)
    rows, channels, kind = _meaning(found, name, layout)
    item = found.dtype.itemsize
    elements = min((size - found.offset) // item, rows * channels)
    by_time = _time_first(found, layout)
    width = channels if by_time else rows
    majors = elements // width if width else 0

    def view() -> NDArray[Any]:
        if not majors:
            return np.empty((0, channels) if by_time else (rows, 0), dtype=found.dtype)
        # Copy on write: nothing can reach the file, and kernels see the same kind of array as from a live source.
        mapped = np.memmap(path, found.dtype, mode="c", offset=found.offset, shape=(majors, width))
        flat = np.asarray(mapped)
        return flat if by_time else flat.T

    there = (majors, channels) if by_time else (rows, majors)
    surplus = max(size - found.offset - rows * channels * item, 0)
    mapped = (path, found.offset + majors * width * item)
    return ArrayFile(name, rows, channels, kind, *there, (), view, surplus, mapped)


def _from_npz(path: Path, name: str, key: str | None, layout: str) -> ArrayFile:
    with zipfile.ZipFile(path) as archive:
        member = f"{key}.npy" if key is not None else archive.namelist()[0]
        with archive.open(member) as stream:
            found = _header(stream)
    rows, channels, kind = _meaning(found, name, layout)

    def view() -> NDArray[Any]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            values = np.lib.format.read_array(stream, allow_pickle=False)
            stream.read()  # to the end, where the checksum of the whole is compared
        return _two_axes(values, layout)

    return ArrayFile(name, rows, channels, kind, rows, channels, (), view)


def _header(stream: IO[bytes]) -> _Layout:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"array format {version[0]}.{version[1]}; numbers are stored in 1.0 or 2.0")
    return _Layout(shape, fortran, dtype, stream.tell())


def _meaning(found: _Layout, name: str, layout: str) -> tuple[int, int, str]:
    """Rows, channels and kind of values, or why it cannot be samples."""
    if len(found.shape) not in (1, 2) or any(length < 0 for length in found.shape):
        raise UnusableError("wrong_shape", f"{name}: an array of shape {found.shape}; allowed: one or two axes")
    shape = found.shape if len(found.shape) == 2 else (found.shape[0], 1)
    rows, channels = shape if layout == "time_channel" or len(found.shape) == 1 else shape[::-1]
    dtype = found.dtype
    if dtype.kind not in "iuf":
        allowed = "integers and real floating-point numbers"
        raise UnusableError("wrong_shape", f"{name}: values of type {dtype}; allowed: {allowed}", rows)
    if dtype.kind == "f":
        return rows, channels, "float"
    return rows, channels, "int16" if dtype.kind == "i" and dtype.itemsize == 2 else "integer"


def _time_first(found: _Layout, layout: str) -> bool:
    """Whether whole rows, each one moment, follow each other on disk."""
    if len(found.shape) == 1:
        return True
    return (layout == "time_channel") != found.fortran


def _two_axes(values: NDArray[Any], layout: str) -> NDArray[Any]:
    if values.ndim == 1:
        return values[:, np.newaxis]
    return values if layout == "time_channel" else values.T


def _said(cause: BaseException) -> str:
    """An error in words; some say nothing of themselves."""
    text = str(cause).strip() or type(cause).__name__
    return text.splitlines()[0]


def wrong_names(names: Sequence[str], folder: Path) -> list[tuple[str, str, str]]:
    """What a person wrote wrongly, whatever the files hold: name, what was found, what is allowed."""
    wrong = []
    for name in names:
        file, key = split_name(name)
        path = folder / file
        if path.suffix.lower() not in (".npy", ".npz", ".csv"):
            wrong.append((name, "another kind of file", ".npy, .npz (with :key) or .csv"))
        elif not path.is_file():
            wrong.append((name, "nothing", f"a file in {folder}"))
        elif path.suffix.lower() == ".npz" and (found := _wrong_key(path, key)):
            wrong.append((name, *found))
    return wrong


def _wrong_key(path: Path, key: str | None) -> tuple[str, str] | None:
    try:
        keys = keys_of(path)
    except READ_ERRORS:
        return None  # Not a matter of names; told when the file is opened.
    shown = ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "")
    if key is None and len(keys) != 1:
        return f"{len(keys)} arrays", f":key behind the name, one of {shown}"
    if key is not None and key not in keys:
        return f"no array {key!r}", f"one of {shown}"
    return None
