"""Format `detections`: what sensors, or boxes of sensors, have already found, in `.jsonl` and `.parquet` files.

Beside them may lie a file of what else was told at the time: findings, weather, positions of own people.

Files are read as a whole. A detection is given when it had arrived: at `received_ns` where it has one, else at its own
time. Rows that make no sense are refused at the door and counted, by second, sensor and reason.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import Problem
from linewatch.ports import Item
from linewatch.records import Detections, Health, concatenate, quantise_time_ns
from linewatch.records.quantise import TIME_GRAIN_NS
from linewatch.site.model import Site
from linewatch.sources._nearest import nearest
from linewatch.sources.recording._array_files import UnusableError
from linewatch.sources.recording._beside import Found, read_beside
from linewatch.sources.recording._detection_files import NO_TIME, DetectionFile, open_detections
from linewatch.sources.recording._detection_log import DetectionLog
from linewatch.sources.recording._detection_rules import window_of
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._source import Carry, Reel

FACTS: Final = Facts(
    required=frozenset({"data", "format"}),
    optional=frozenset({"sensor", "start", "end", "layout", "rate_hz", "first_channel", "beside"}),
)
_SUFFIXES: Final = (".jsonl", ".parquet")


def open_reel(header: Header, site: Site) -> tuple[Reel | None, list[Problem]]:
    """The recording ready to be read, or everything that is wrong with it at the start."""
    name = str(header.file)
    names = header.stretches[0].data
    problems = [Problem(name, f"data {each!r}", *wrong) for each in names if (wrong := _wrong_name(header, each))]
    if header.sensor is not None and not site.has_sensor(header.sensor):
        allowed = nearest(header.sensor, (each.id for each in site.sensors), "a site with sensors")
        problems.append(Problem(name, "sensor", repr(header.sensor), allowed))
    if problems:
        return None, problems
    files = [_opened(header, each) for each in names]
    if isinstance(files[0], UnusableError):
        allowed = "detections as records.Detection describes them"
        return None, [Problem(name, f"data {names[0]!r}", str(files[0]), allowed)]
    times = [file.columns.time_ns for file in files if isinstance(file, DetectionFile)]
    window = window_of(np.concatenate(times), header.stretches[0].start_ns, header.end_ns)
    if window is None:
        allowed = "a time, where no detection has one between 2000 and 2100"
        return None, [Problem(name, "start", "nothing", allowed)]
    log = DetectionLog(site, header.sensor, window)
    for file in files:
        log.add(file)
    found, missing = _found_beside(header)
    if missing is not None:
        return None, [missing]
    return DetectionReel(log, window.from_ns, header.end_ns, found), []


def _found_beside(header: Header) -> tuple[Found, Problem | None]:
    nothing = Found((), ())
    if header.beside is None:
        return nothing, None
    try:
        return read_beside(header.folder / header.beside, header.beside), None
    except OSError as cause:
        allowed = f"a file of records, one a line of JSON, in {header.folder}"
        return nothing, Problem(str(header.file), f"beside {header.beside!r}", str(cause.strerror or cause), allowed)


def _wrong_name(header: Header, name: str) -> tuple[str, str] | None:
    path = header.folder / name
    if path.suffix.lower() not in _SUFFIXES:
        return "another kind of file", ".parquet or .jsonl"
    return None if path.is_file() else ("nothing", f"a file in {header.folder}")


def _opened(header: Header, name: str) -> DetectionFile | UnusableError:
    try:
        return open_detections(header.folder / name, name)
    except UnusableError as unusable:
        return unusable


class DetectionReel:
    """The detections of a recording, and what was refused of it, as a function of time."""

    def __init__(self, log: DetectionLog, start_ns: int, end_ns: int | None, beside: Found) -> None:
        self._lines: list[tuple[NDArray[np.int64], Detections]] = []
        for line, batches in sorted(log.lines().items()):
            whole = concatenate(line, batches)
            arrival_ns = _arrival_ns(whole)
            order = np.argsort(arrival_ns, kind="stable")
            self._lines.append((arrival_ns[order], whole.take(order)))
        arrivals = [arrival_ns for arrival_ns, _ in self._lines]
        self._findings = log.findings(np.sort(np.concatenate(arrivals)) if arrivals else np.zeros(0, dtype=np.int64))
        self._findings += [log.refused(max(time_ns, start_ns), text) for time_ns, text in beside.refused]
        self._findings.sort(key=lambda finding: finding.time_ns)
        self._beside = beside.records
        self._beside_ns = np.array([record.time_ns for record in self._beside], dtype=np.int64)
        self._found_ns = np.array([finding.time_ns for finding in self._findings], dtype=np.int64)
        last = [int(times[-1]) for times in (*arrivals, self._found_ns, self._beside_ns) if len(times)]
        last += [finding.until_ns for finding in self._findings if finding.until_ns is not None]
        self.start_ns = quantise_time_ns(start_ns)
        self.end_ns = quantise_time_ns(max(end_ns or 0, max(last, default=self.start_ns) + TIME_GRAIN_NS))

    def between(self, from_ns: int, until_ns: int, carry: Carry) -> tuple[list[Item], Carry]:
        """Detections that arrived in [from_ns, until_ns), one batch a line, what lies beside, and findings."""
        items: list[Item] = []
        for arrival_ns, whole in self._lines:
            low, high = np.searchsorted(arrival_ns, [from_ns, until_ns])
            if high > low:
                items.append(_compact(whole, int(low), int(high)))
        low, high = np.searchsorted(self._found_ns, [from_ns, until_ns])
        found: list[Health] = self._findings[low:high]
        low, high = np.searchsorted(self._beside_ns, [from_ns, until_ns])
        return [*items, *self._beside[low:high], *found], carry

    def close(self) -> None:
        """Nothing is open: files were read as a whole."""


def _arrival_ns(batch: Detections) -> NDArray[np.int64]:
    if batch.received_ns is None:
        return batch.time_ns
    return np.where(batch.received_ns == NO_TIME, batch.time_ns, batch.received_ns)


def _compact(whole: Detections, low: int, high: int) -> Detections:
    """Rows `low` to `high` as `batch_of` would give them: in its order, naming no sensor that is not among them."""
    rows = np.arange(low, high)
    order = np.lexsort((whole.chainage_m[rows], whole.sensor_index[rows], whole.time_ns[rows]))
    batch = whole.take(rows[order])
    used, index = np.unique(batch.sensor_index, return_inverse=True)
    received = batch.received_ns
    return msgspec.structs.replace(
        batch,
        sensors=tuple(whole.sensors[int(i)] for i in used),
        sensor_index=index.astype(np.int32),
        sensor_tracks=batch.sensor_tracks if any(track is not None for track in batch.sensor_tracks) else (),
        received_ns=received if received is not None and (received != NO_TIME).any() else None,
    )
