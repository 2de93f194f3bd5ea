"""Sorts the rows of detection files by when they arrived, and counts what was refused of them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Detections, Health, quantise, quantise_batch, quantise_time_ns
from linewatch.records.health import Condition
from linewatch.records.quantise import TIME_GRAIN_NS
from linewatch.site.model import Site
from linewatch.sources.recording._array_files import UnusableError
from linewatch.sources.recording._detection_files import NO_TIME, Columns, DetectionFile
from linewatch.sources.recording._detection_rules import NS_PER_S, Window, broken_rules

_FAILED: Final = ("unreadable", "wrong_shape")


class DetectionLog:
    """Takes files in order; gives detections by line, and findings."""

    def __init__(self, site: Site, sensor: str | None, window: Window) -> None:
        self._site = site
        self._sensor = sensor
        self._window = window
        self._now_ns = quantise_time_ns(window.from_ns)
        self._batches: dict[str, list[Detections]] = {}
        self._unreadable: list[tuple[int, UnusableError]] = []
        self._findings: list[Health] = []

    def add(self, file: DetectionFile | UnusableError) -> None:
        """The next file."""
        if isinstance(file, UnusableError):
            self._unreadable.append((self._now_ns, file))
            return
        columns = file.columns
        by_row = self._arrivals(file)
        arrival = by_row[columns.row]
        kept = np.ones(len(arrival), dtype=bool)
        for rule in broken_rules(columns, self._site, self._sensor, self._window):
            kept &= ~rule.rows
            text = f"{file.name}: {rule.text}"
            self._count(arrival[rule.rows], columns.sensor[rule.rows], rule.condition, text)
        early = kept & (columns.received_ns != NO_TIME) & (columns.received_ns < columns.time_ns)
        text = f"{file.name}: received before its own time; taken as received at once"
        self._count(arrival[early], columns.sensor[early], "clock_skew", text)
        self._count_unread(file, by_row)
        received_ns = np.where(early, NO_TIME, columns.received_ns)
        for line in sorted(set(columns.line[kept])):
            rows = np.flatnonzero(kept & (columns.line == line))
            self._batches.setdefault(line, []).append(_batch(line, columns, received_ns, rows))
        self._now_ns = max(self._now_ns, int(by_row.max(initial=self._now_ns)))

    def lines(self) -> dict[str, list[Detections]]:
        """Everything that was let in, by line, a batch for each file, in no order of time."""
        return self._batches

    def findings(self, arrivals_ns: NDArray[np.int64]) -> list[Health]:
        """Everything that was found, in order of time. `arrivals_ns` are the sorted arrivals of all that was let in."""
        found = list(self._findings)
        for since_ns, unusable in self._unreadable:
            after = arrivals_ns[np.searchsorted(arrivals_ns, since_ns, side="right") :]
            until_ns = int(after[0]) if len(after) else None
            found.append(self._finding(unusable.condition, since_ns, str(unusable), "", 1, until_ns))
        return sorted(found, key=lambda finding: finding.time_ns)

    def refused(self, time_ns: int, text: str) -> Health:
        """A finding about one line that was refused, of no sensor."""
        return self._finding("refused", time_ns, text, "", 1)

    def _arrivals(self, file: DetectionFile) -> NDArray[np.int64]:
        """(rows,) when each row of the file had arrived; one without a usable time came with the latest before it."""
        columns = file.columns
        sound = (columns.time_ns >= self._window.from_ns) & (columns.time_ns < self._window.until_ns)
        late = sound & (columns.received_ns > columns.time_ns)
        own = np.where(late, np.minimum(columns.received_ns, self._window.until_ns), columns.time_ns)
        arrival = np.full(file.rows, NO_TIME, dtype=np.int64)
        arrival[columns.row[sound]] = own[sound] // TIME_GRAIN_NS * TIME_GRAIN_NS
        latest = np.maximum(np.maximum.accumulate(arrival), self._now_ns) if file.rows else arrival
        return np.where(arrival == NO_TIME, latest, arrival)

    def _count_unread(self, file: DetectionFile, by_row: NDArray[np.int64]) -> None:
        if file.unread:
            rows = np.array([row for row, _ in file.unread], dtype=np.int64)
            text = f"{file.name}: no detection; the first: {file.unread[0][1]}"
            self._count(by_row[rows], np.full(len(rows), "", dtype=object), "refused", text)
        for field, first, count in file.foreign:
            text = f"{file.name}: {field!r} is no field of a detection and was not read"
            time_ns = int(by_row[first]) if count else self._now_ns
            self._findings.append(self._finding("refused", time_ns, text, "", max(count, 1)))

    def _count(
        self, arrival_ns: NDArray[np.int64], sensors: NDArray[np.object_], condition: Condition, text: str
    ) -> None:
        """One finding a second and sensor, at the last row that it counts: it never knows of rows to come."""
        tally: dict[tuple[int, str], tuple[int, int]] = {}
        for time_ns, sensor in zip(arrival_ns.tolist(), sensors, strict=True):
            key = (time_ns // NS_PER_S, sensor)
            count, last_ns = tally.get(key, (0, time_ns))
            tally[key] = (count + 1, max(last_ns, time_ns))
        for (_, sensor), (count, last_ns) in tally.items():
            self._findings.append(self._finding(condition, last_ns, text, sensor, count))

    def _finding(
        self, condition: Condition, time_ns: int, text: str, sensor: str, count: int, until_ns: int | None = None
    ) -> Health:
        named = sensor or self._sensor or ""
        known = self._site.has_sensor(named)
        return quantise(
            Health(
                line=self._site.sensor(named).line if known else self._site.lines[0].id,
                sensor=named if known else "",
                time_ns=time_ns,
                condition=condition,
                severity="failed" if condition in _FAILED else "note",
                text=text if known or not named else f"{text}: {named!r}",
                until_ns=until_ns,
                count=count,
            )
        )


def _batch(line: str, columns: Columns, received_ns: NDArray[np.int64], rows: NDArray[np.int64]) -> Detections:
    """These rows on the grain of the archive, in the order given."""
    sensors, index = np.unique(columns.sensor[rows].astype(str), return_inverse=True)
    received = received_ns[rows]
    values: dict[str, Any] = {name: column[rows] for name, column in (columns.floats | columns.matrices).items()}
    values |= {name: column[rows].astype(np.int32) for name, column in columns.counts.items()}
    tracks = columns.sensor_track[rows]
    return quantise_batch(
        Detections(
            line=line,
            sensors=tuple(sensors.tolist()),
            sensor_index=index.astype(np.int32),
            time_ns=columns.time_ns[rows],
            sensor_tracks=tuple(tracks) if any(track is not None for track in tracks) else (),
            received_ns=received if (received != NO_TIME).any() else None,
            **values,
        )
    )
