"""When each row of each file was taken, and what is missing between them.

Rows count on from file to file. A stretch with its own start begins a new count (its times are then exact), unless it
starts within half a sample of where the rows before it end. A file whose length is unknown ends its stretch, for
what follows it has no known time, unless all its neighbours are equally long.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from linewatch.records import Health, quantise
from linewatch.records.block import first_sample_at, sample_time_ns
from linewatch.records.health import Condition, Severity
from linewatch.sources.recording._array_files import ArrayFile, UnusableError

NS_PER_S: Final = 1_000_000_000
Opened = ArrayFile | UnusableError


class Piece(NamedTuple):
    """Rows of one file that can be given."""

    file: ArrayFile
    """Where they are."""
    origin_ns: int
    """Time of sample 0 of their count."""
    file_sample: int
    """Index, in that count, of the first row of the file."""
    first_sample: int
    """Index of the first row that is given."""
    end_sample: int
    """Index after the last row that is given."""
    first_row: int
    """Row number of `first_sample`; these count over the whole recording and never repeat."""


class Stretched(NamedTuple):
    """The files of one stretch, as opened."""

    start_ns: int
    """Its declared start."""
    files: tuple[tuple[str, Opened], ...]
    """Name and what was found, in order."""


class Timeline:
    """Lays stretches of files out in time. Made once; `pieces` and `findings` are then in order of time."""

    def __init__(self, line: str, sensor: str, rate_hz: float, first_channel: int) -> None:
        self._line = line
        self._sensor = sensor
        self._rate_hz = rate_hz
        self._first_channel = first_channel
        self._origin_ns = 0
        self._index = 0  # of the next row, in the count that began at the origin
        self._row = 0
        self._given_ns = 0  # rows before this time are given already
        self._lost: Health | None = None
        self.pieces: list[Piece] = []
        self.findings: list[Health] = []

    @property
    def now_ns(self) -> int:
        """Where the next row would lie."""
        return sample_time_ns(self._origin_ns, self._index, self._rate_hz)

    def add(self, stretch: Stretched) -> None:
        """The next stretch."""
        self._begin(stretch.start_ns)
        lengths = [file.rows for _, file in stretch.files if isinstance(file, ArrayFile)]
        usual = lengths[0] if len(lengths) >= 2 and len(set(lengths)) == 1 else None
        for number, (_, file) in enumerate(stretch.files):
            if isinstance(file, ArrayFile):
                self._take(file)
            elif (rows := file.rows if file.rows is not None else usual) is not None:
                self._leave_out(file, rows, guessed=file.rows is None)
            else:
                after = [name for name, _ in stretch.files[number + 1 :]]
                self._lose(file, after)
                return

    def close(self) -> int:
        """The end: nanoseconds after the last row or finding."""
        if self._lost is not None:
            self.findings.append(quantise(self._lost))
            self._lost = None
        self.findings.sort(key=lambda finding: finding.time_ns)
        ends = [sample_time_ns(p.origin_ns, p.end_sample, self._rate_hz) for p in self.pieces]
        ends += [max(f.time_ns + 1, f.until_ns or 0) for f in self.findings]
        return max([self.now_ns, *ends])

    def _begin(self, start_ns: int) -> None:
        if self._lost is not None:
            self.findings.append(self._said_until(self._lost, start_ns))
            self._lost = None
        elif self.pieces or self.findings:
            expected_ns = self.now_ns
            if abs(start_ns - expected_ns) * 2 * self._rate_hz < NS_PER_S:
                return
            if start_ns > (expected_ns := max(expected_ns, self._given_ns)):
                text = f"no samples for {(start_ns - expected_ns) / NS_PER_S:.3f} s, until the next part begins"
                self._find("gap", "failed", expected_ns, text, until_ns=start_ns)
        self._origin_ns, self._index = start_ns, 0

    def _take(self, file: ArrayFile) -> None:
        """A file that can be used, wholly or in part."""
        begin, end = self._index, self._index + file.rows_there
        first = min(max(begin, first_sample_at(self._origin_ns, self._given_ns, self._rate_hz)), end)
        if first > begin:
            text = f"{file.name}: {first - begin} samples lie before the end of the part ahead, which was kept"
            self._find("duplicate", "note", self._given_ns, text, count=first - begin)
        if end > first:
            self.pieces.append(Piece(file, self._origin_ns, begin, first, end, self._row))
            self._given_ns = self._time_of(end)
        self._row += max(end - first, 0)
        self._index = begin + file.rows
        self._tell_missing(file, begin)

    def _tell_missing(self, file: ArrayFile, begin: int) -> None:
        """What the file lacks of what its header says, and rows of it without sense."""
        end_ns = self._time_of(begin + file.rows)
        if file.rows == 0:
            self._find("short_file", "note", end_ns, f"{file.name}: no samples in it")
        if file.rows_there < file.rows:
            text = f"{file.name}: {file.rows_there} samples found, {file.rows} expected by its header"
            missing = file.rows - file.rows_there
            since_ns = self._time_of(begin + file.rows_there)
            self._find("short_file", "failed", since_ns, text, until_ns=end_ns, count=missing)
        if file.channels_there < file.channels and file.rows:
            text = f"{file.name}: {file.channels_there} whole channels found, {file.channels} expected by its header"
            channels = (self._first_channel + file.channels_there, self._first_channel + file.channels - 1)
            missing = file.channels - file.channels_there
            self._find("short_file", "failed", self._time_of(begin), text, end_ns, missing, channels)
        if file.surplus:
            text = f"{file.name}: {file.surplus} bytes behind the array are not read"
            self._find("wrong_shape", "degraded", self._time_of(begin), text)
        if file.odd_rows:
            text = f"{file.name}: {len(file.odd_rows)} rows have another number of cells than the first; taken as NaN"
            since_ns = self._time_of(begin + file.odd_rows[0])
            self._find("wrong_shape", "degraded", since_ns, text, count=len(file.odd_rows))

    def _leave_out(self, file: UnusableError, rows: int, *, guessed: bool) -> None:
        """A file that cannot be used, of known length: what follows keeps its time."""
        start_ns, end_ns = self.now_ns, self._time_of(self._index + rows)
        taken = f"; taken to be as long as its neighbours, {rows} samples" if guessed else ""
        self._find(file.condition, "failed", start_ns, f"{file}{taken}", until_ns=end_ns, count=rows)
        self._index += rows

    def _lose(self, file: UnusableError, after: Sequence[str]) -> None:
        """A file of unknown length: whatever follows it in its stretch has no known time."""
        text = f"{file}; how long it lasted is unknown"
        if after:
            text += f", so that what follows it has no known time and is left out: {', '.join(after)}"
        self._lost = Health(
            line=self._line,
            sensor=self._sensor,
            time_ns=self.now_ns,
            condition=file.condition,
            severity="failed",
            text=text,
            count=1 + len(after),
        )

    def _said_until(self, lost: Health, until_ns: int) -> Health:
        """The finding with its end, which the next stretch tells; it cannot have ended before it began."""
        end_ns = max(until_ns, lost.time_ns)
        return quantise(
            Health(
                line=lost.line,
                sensor=lost.sensor,
                time_ns=lost.time_ns,
                condition=lost.condition,
                severity=lost.severity,
                text=lost.text,
                until_ns=end_ns,
                count=lost.count,
            )
        )

    def _time_of(self, index: int) -> int:
        return sample_time_ns(self._origin_ns, index, self._rate_hz)

    def _find(
        self,
        condition: Condition,
        severity: Severity,
        time_ns: int,
        text: str,
        until_ns: int | None = None,
        count: int = 1,
        channels: tuple[int, int] | tuple[None, None] = (None, None),
    ) -> None:
        finding = Health(
            line=self._line,
            sensor=self._sensor,
            time_ns=time_ns,
            condition=condition,
            severity=severity,
            text=text,
            until_ns=until_ns,
            first_channel=channels[0],
            last_channel=channels[1],
            count=count,
        )
        self.findings.append(quantise(finding))
