"""Files of fibre interrogators, whatever their maker, to plain values. Needs dascore, of the extra `das`.

dascore takes seconds to import, so nothing imports this module before a file is to be read.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import dascore
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError

MOST_RATE_HZ: Final = 1_000_000.0
WHOLE_BYTES: Final = 268_435_456
"""Files that hold no more than this are read in one go: cutting by time makes some of dascore's readers miss a row."""
_NS_PER_S: Final = 1_000_000_000
_FORMATS: Final = "ProdML, Terra15, Silixa, Febus, OptoDAS, AP Sensing, TDMS, SEG-Y, DASDAE and others"
# Foreign bytes make dascore, h5py and what lies beneath them raise nearly anything; no list would stay whole.
_READ_ERRORS: Final = (Exception,)


class DasFile(NamedTuple):
    """What a file says of itself."""

    path: Path
    """Where it is."""
    format: str
    """Format and version, as dascore names them."""
    start_ns: int
    """UTC nanoseconds of the first row."""
    last_ns: int
    """UTC nanoseconds of the last row."""
    rate_hz: float
    """Rows per second."""
    channels: int
    """Samples along the fibre."""
    quantity: str
    """What was measured and its unit, as declared; empty where the file says neither."""
    distance: str
    """Where its channels lie along the fibre, in words."""

    @property
    def rows(self) -> int:
        """Samples in time, where none is missing."""
        return round((self.last_ns - self.start_ns) * self.rate_hz / _NS_PER_S) + 1

    @property
    def end_ns(self) -> int:
        """Time after the last row."""
        return self.last_ns + round(_NS_PER_S / self.rate_hz)


def scan_das(path: Path) -> DasFile:
    """What is in a file, from its header and one row. Raises `InputError` with the reason why it is of no use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dascore.scan(path)
    except _READ_ERRORS as error:
        raise InputError(f"{path.name}: found {_said(error)}; allowed: a file that dascore reads") from error
    if not found:
        raise InputError(f"{path.name}: found no format that dascore knows; allowed: {_FORMATS}")
    arrays = [each for each in found if set(each.dim_tuple) == {"time", "distance"}]
    if len(arrays) != 1:
        allowed = "one array by time and distance"
        raise InputError(f"{path.name}: found {len(found)} arrays, {len(arrays)} of them so; allowed: {allowed}")
    summary = arrays[0]
    time, distance = summary.coords["time"], summary.coords["distance"]
    try:
        start_ns, last_ns = _ns(time.min), _ns(time.max)
        step_ns = _step_ns(time.step)
        fibre = (float(distance.min), float(distance.max))
        spacing = "" if distance.step is None else f", one every {float(distance.step):.3f} m"
    except (TypeError, ValueError) as error:
        allowed = "rows at even times, channels at known places"
        raise InputError(f"{path.name}: found {_said(error)}; allowed: {allowed}") from error
    if not _NS_PER_S / MOST_RATE_HZ <= step_ns <= 10 * _NS_PER_S or last_ns < start_ns:
        raise InputError(f"{path.name}: found a row every {step_ns} ns; allowed: 0.1 to {MOST_RATE_HZ:.0f} a second")
    rows = round((last_ns - start_ns) / step_ns) + 1
    # The step is rounded to a nanosecond; over a whole file the ends say it better.
    rate_hz = (rows - 1) * _NS_PER_S / (last_ns - start_ns) if rows > 1 else _NS_PER_S / step_ns
    words = [str(each) for each in (summary.data_type, summary.data_units) if each not in (None, "")]
    return DasFile(
        path=path,
        format=f"{summary.file_format} {summary.file_version}".strip(),
        start_ns=start_ns,
        last_ns=last_ns,
        rate_hz=rate_hz,
        channels=_channels(path, distance, (start_ns, start_ns + 3 * step_ns), rate_hz),
        quantity=" in ".join(words),
        distance=f"{fibre[0]:.1f} to {fibre[1]:.1f} m of fibre{spacing}",
    )


def _channels(path: Path, distance: Any, window_ns: tuple[int, int], rate_hz: float) -> int:
    if distance.step is None or not float(distance.step):
        return int(_window(path, *window_ns, rate_hz)[1].shape[1])
    return round((float(distance.max) - float(distance.min)) / abs(float(distance.step))) + 1


def read_pieces(file: DasFile, piece_rows: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Time of the first row and rows (rows, channels), int16 or float32, piece after piece to the end of the file.

    Raises `InputError` where the file cannot be read, or is not as its header says.
    """
    if file.rows * file.channels * 4 <= WHOLE_BYTES:
        start_ns, whole = _patch(file.path)
        for row in range(0, len(whole), piece_rows):
            yield start_ns + round(row * _NS_PER_S / file.rate_hz), _sound(file, whole[row : row + piece_rows])
        return
    length_ns = round(piece_rows * _NS_PER_S / file.rate_hz)
    for from_ns in range(file.start_ns, file.end_ns, length_ns):
        start_ns, data = _window(file.path, from_ns, min(from_ns + length_ns, file.end_ns), file.rate_hz)
        yield start_ns, _sound(file, data)


def _sound(file: DasFile, data: NDArray[Any]) -> NDArray[Any]:
    """The samples as a block wants them."""
    if data.shape[1] != file.channels:
        raise InputError(f"{file.path.name}: found {data.shape[1]} channels; allowed: {file.channels} by its header")
    if data.dtype.kind not in "iuf":
        raise InputError(f"{file.path.name}: found values of type {data.dtype}; allowed: numbers")
    if data.dtype.kind == "i" and data.dtype.itemsize == 2:
        return np.ascontiguousarray(data, dtype=np.int16)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is counted as such
        return np.ascontiguousarray(data, dtype=np.float32)


def _window(path: Path, from_ns: int, until_ns: int, rate_hz: float) -> tuple[int, NDArray[Any]]:
    # Some formats hold times as floating-point seconds: half a row's time keeps clear of their rounding.
    half_ns = round(0.5 * _NS_PER_S / rate_hz)
    return _patch(path, time=(np.datetime64(from_ns - half_ns, "ns"), np.datetime64(until_ns - half_ns - 1, "ns")))


def _patch(path: Path, **chosen: Any) -> tuple[int, NDArray[Any]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (patch,) = dascore.read(path, **chosen)
            patch = patch.transpose("time", "distance")
            return _ns(patch.coords.min("time")), np.asarray(patch.data)
    except _READ_ERRORS as error:
        raise InputError(f"{path.name}: found {_said(error)}; allowed: a file that dascore reads") from error


def _ns(time: Any) -> int:
    return int(np.datetime64(time, "ns").astype(np.int64))


def _step_ns(step: Any) -> int:
    if step is None:
        raise ValueError("rows at uneven times, or a single row")
    return int(np.timedelta64(step, "ns").astype(np.int64))


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
