"""Format `das`: files of fibre interrogators, in order of their own times, read by dascore (the extra `das`).

The files say time and rate. Each is in memory as a whole while it is being read.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError, Problem
from linewatch.records import Health, quantise
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources._nearest import nearest
from linewatch.sources.recording._array_files import ArrayFile
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._source import Reel
from linewatch.sources.recording._timeline import Stretched, Timeline
from linewatch.sources.recording.formats.array import ArrayReel, like, wrong_first

if TYPE_CHECKING:
    from linewatch.sources.das._reading import DasFile

FACTS: Final = Facts(
    required=frozenset({"sensor", "data", "format"}), optional=frozenset({"first_channel", "channels"})
)
_SAME_RATE: Final = 1e-4


def open_reel(header: Header, site: Site) -> tuple[Reel | None, list[Problem]]:
    """The recording ready to be read, or everything that is wrong with it at the start."""
    file = str(header.file)
    problems = [
        Problem(file, f"data {name!r}", "nothing", f"a file in {header.folder}")
        for name in header.stretches[0].data
        if not (header.folder / name).is_file()
    ]
    if header.sensor is None or not site.has_sensor(header.sensor):
        allowed = nearest(str(header.sensor), (each.id for each in site.sensors), "a site with sensors")
        problems.append(Problem(file, "sensor", repr(header.sensor), allowed))
    if find_spec("dascore") is None:
        found = "the package dascore is not installed"
        problems.append(Problem(file, "format", found, "`pip install 'linewatch[das]'`"))
    if problems or header.sensor is None:
        return None, problems
    files, broken = _scanned([header.folder / name for name in header.stretches[0].data])
    if not files:
        return None, [Problem(file, "data", broken[0], "at least one file that can be read")]
    sensor = site.sensor(header.sensor)
    first = _array_of(files[0])
    problems = wrong_first(header, sensor, first)
    return (None, problems) if problems else (_reel(header, sensor, files, broken), [])


def _scanned(paths: Sequence[Path]) -> tuple[list["DasFile"], list[str]]:
    """Files that can be used, in order of time, and why the others cannot."""
    from linewatch.sources.das._reading import scan_das  # noqa: PLC0415 - takes seconds to import

    files: list[DasFile] = []
    broken: list[str] = []
    for path in paths:
        try:
            files.append(scan_das(path))
        except InputError as error:
            broken.append(str(error))
    return sorted(files, key=lambda file: (file.start_ns, file.path)), broken


def _reel(header: Header, sensor: Sensor, files: Sequence["DasFile"], broken: Sequence[str]) -> Reel:
    first = files[0]
    timeline = Timeline(sensor.line, sensor.id, first.rate_hz, header.first_channel)
    array = _array_of(first)
    for file in files:
        if abs(file.rate_hz / first.rate_hz - 1.0) > _SAME_RATE:
            text = (
                f"{file.path.name}: {file.rate_hz:.6g} samples a second found, {first.rate_hz:.6g} expected; not read"
            )
            found = Health(sensor.line, sensor.id, file.start_ns, "wrong_rate", "failed", text, until_ns=file.end_ns)
            timeline.findings.append(quantise(found))
            continue
        timeline.add(Stretched(file.start_ns, ((file.path.name, like(array, _array_of(file))),)))
    for why in broken:
        timeline.findings.append(quantise(Health(sensor.line, sensor.id, first.start_ns, "unreadable", "failed", why)))
    return ArrayReel(msgspec.structs.replace(header, rate_hz=first.rate_hz), sensor, array, timeline)


def _array_of(file: "DasFile") -> ArrayFile:
    # Headers do not say whether values are whole numbers; taken for floating-point, they are watched for NaN.
    return ArrayFile(file.path.name, file.rows, file.channels, "float", file.rows, file.channels, (), _viewer(file))


def _viewer(file: "DasFile") -> Callable[[], NDArray[Any]]:
    def view() -> NDArray[Any]:
        from linewatch.sources.das._reading import read_pieces  # noqa: PLC0415 - as above

        return np.concatenate([samples for _, samples in read_pieces(file, file.rows)])

    return view
