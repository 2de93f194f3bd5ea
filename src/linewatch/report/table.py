"""The table of a report: counts that are never added to each other, by time and place, each beside its watching."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from linewatch.errors import InputError
from linewatch.records import Incident
from linewatch.report.facts import Facts, Known, is_attempt, is_return, stands, within
from linewatch.report.labels import SPANS_BY, TIMES, time_labels
from linewatch.report.rates import poisson_interval
from linewatch.report.watching import Cell, Watching
from linewatch.site.local_time import LocalTime

_Test = Callable[[Incident], bool]
PLACES: Final = ("line", "section")
SORTS: Final = ("kind", "mover", "outcome", "assessment")
DIMENSIONS: Final = (*TIMES, *PLACES, *SORTS)
"""What a table can be by; `hour` is the hour of the day, 0 to 23, as the clock on the wall shows it."""
FIGURES: Final = ("incidents", "attempts", "persons", "returns", "nuisance", "late", "withdrawn", "merged")
"""Figures that open to their incidents."""

ASSUMPTION: Final = (
    "Corrected = attempts x metre-hours / metre-hours weighted with the probability that one crossing is noticed "
    "(model of coverage, a person walking). It assumes that attempts came as often, for each metre and hour, where and "
    "when nobody watched as where and when somebody did, and that every attempt counted was one."
)
"""What must hold for the correction to be right."""


class Row(msgspec.Struct, frozen=True):
    """One row: what is counted, of what, and how much watching stands behind it."""

    keys: dict[str, str]
    """Value of each dimension."""
    detections: int | None
    """Disturbances felt; None where the table is by a property that only incidents have."""
    detections_late: int | None
    """Those of them that came late."""
    incidents: int
    """Incidents that stand."""
    attempts: int
    """Those that are attempts."""
    persons_low: int
    """Persons in these attempts, at least."""
    persons_high: int
    """Persons in these attempts, at most."""
    returns: int
    """Attempts that turned back."""
    outcomes: dict[str, int]
    """Attempts by what became of the people."""
    nuisance: int
    """Incidents that a person judged to be nuisance."""
    late: int
    """Incidents that late evidence opened or changed."""
    withdrawn: int
    """Incidents that no longer stand; in no other count."""
    merged: int
    """Incidents for which another stands; in no other count."""
    metre_hours: float | None
    """All metre-hours of this time and place."""
    unwatched_metre_hours: float | None
    """Those in which nobody was watching."""
    noticed_metre_hours: float | None
    """All, weighted with the probability that one crossing is noticed."""
    rate: float | None
    """Attempts for each kilometre and day that was watched."""
    rate_low: float | None
    """Lower end of its 95 % interval."""
    rate_high: float | None
    """Upper end."""
    corrected: float | None
    """Attempts, corrected for what was not noticed; `ASSUMPTION` says under which assumption."""
    corrected_low: float | None
    """Lower end of its 95 % interval, of chance alone."""
    corrected_high: float | None
    """Upper end."""
    ids: tuple[str, ...]
    """Incidents behind the row, by raising time."""


class Table(msgspec.Struct, frozen=True):
    """A report's table."""

    by: tuple[str, ...]
    """Dimensions, in order."""
    rows: tuple[Row, ...]
    """One for each combination that occurs, or that was watched where the table is by time and place alone."""
    total: Row
    """The whole period."""
    assumption: str = ASSUMPTION
    """What the correction rests on."""

    def row(self, **keys: str) -> Row:
        """The row with these keys. Raises `InputError` where there is none."""
        for row in self.rows:
            if row.keys == keys:
                return row
        raise InputError(f"row: found {keys}; allowed: one of {len(self.rows)} rows by {', '.join(self.by)}")


def tabulate(facts: Facts, by: Sequence[str], watching: Watching | None) -> Table:
    """The table by these dimensions, over the whole period of `facts`. Raises `InputError` on an unknown dimension."""
    for name in by:
        if name not in DIMENSIONS:
            raise InputError(f"--by: found {name!r}; allowed: {', '.join(DIMENSIONS)}")
    if len([name for name in by if name in SPANS_BY]) > 1:
        raise InputError(f"--by: found {','.join(by)}; allowed: one of {', '.join(SPANS_BY)} at a time")
    clock = LocalTime(facts.site.timezone)
    known = within(facts.known, facts.from_ns, facts.to_ns)
    groups = _grouped(known, by, clock)
    felt = None if set(by) & set(SORTS) else _felt(facts, by, clock)
    cells = None if watching is None else watching.cells([name for name in by if name not in SORTS], clock)
    keys = {*groups, *(felt or {})}
    if not set(by) & set(SORTS):
        keys |= set(cells or {})
    rows = tuple(
        _row(dict(zip(by, key, strict=True)), groups.get(key, ()), _sum(felt, key), _cell(cells, by, key))
        for key in sorted(keys)
    )
    everything = None if watching is None else watching.cells([], clock).get(())
    felt_total = None if felt is None else (sum(n for n, _ in felt.values()), sum(n for _, n in felt.values()))
    return Table(tuple(by), rows, _row({}, known, felt_total, everything))


def opened(row: Row, figure: str, known: Mapping[str, Known]) -> tuple[Known, ...]:
    """The incidents behind a figure of a row. Raises `InputError` on a figure that has none."""
    tests: dict[str, _Test] = {
        "incidents": stands,
        "attempts": is_attempt,
        "persons": is_attempt,
        "returns": is_return,
        "nuisance": lambda i: stands(i) and i.assessment == "nuisance",
        "late": lambda i: stands(i) and i.late,
        "withdrawn": lambda i: bool(i.withdrawn),
        "merged": lambda i: not i.withdrawn and i.merged_into is not None,
    }
    if figure not in tests:
        raise InputError(f"figure: found {figure!r}; allowed: {', '.join(FIGURES)}")
    return tuple(known[id_] for id_ in row.ids if tests[figure](known[id_].incident))


def _grouped(known: Sequence[Known], by: Sequence[str], clock: LocalTime) -> dict[tuple[str, ...], list[Known]]:
    times = np.array([each.incident.raised_ns for each in known], dtype=np.int64)
    columns = [_labels(name, times, clock, known) for name in by]
    groups: dict[tuple[str, ...], list[Known]] = {}
    for number, each in enumerate(known):
        groups.setdefault(tuple(column[number] for column in columns), []).append(each)
    return groups


def _labels(name: str, times: Any, clock: LocalTime, known: Sequence[Known]) -> list[str]:
    if name in TIMES:
        return time_labels(name, times, clock)
    return [str(getattr(each.incident, name)) for each in known]


def _felt(facts: Facts, by: Sequence[str], clock: LocalTime) -> dict[tuple[str, ...], tuple[int, int]]:
    hour_ns = 3_600_000_000_000
    rows = [each for each in facts.felt if facts.from_ns - hour_ns < each.hour_ns < facts.to_ns]
    times = np.array([each.hour_ns for each in rows], dtype=np.int64)
    columns = [
        time_labels(name, times, clock) if name not in PLACES else [getattr(each, name) for each in rows] for name in by
    ]
    sums: dict[tuple[str, ...], tuple[int, int]] = {}
    for number, each in enumerate(rows):
        key = tuple(column[number] for column in columns)
        count, late = sums.get(key, (0, 0))
        sums[key] = (count + each.detections, late + each.late)
    return sums


def _sum(felt: Mapping[tuple[str, ...], tuple[int, int]] | None, key: tuple[str, ...]) -> tuple[int, int] | None:
    return None if felt is None else felt.get(key, (0, 0))


def _cell(cells: Mapping[tuple[str, ...], Cell] | None, by: Sequence[str], key: tuple[str, ...]) -> Cell | None:
    """Watching does not depend on what an incident is: rows by kind share that of their time and place."""
    if cells is None:
        return None
    return cells.get(tuple(part for name, part in zip(by, key, strict=True) if name not in SORTS))


def _row(keys: dict[str, str], group: Sequence[Known], felt: tuple[int, int] | None, cell: Cell | None) -> Row:
    incidents = [each.incident for each in sorted(group, key=lambda k: (k.incident.raised_ns, k.incident.id))]
    standing = [incident for incident in incidents if stands(incident)]
    attempts = [incident for incident in standing if is_attempt(incident)]
    outcomes: dict[str, int] = {}
    for incident in attempts:
        outcomes[incident.outcome] = outcomes.get(incident.outcome, 0) + 1
    low, high = poisson_interval(len(attempts))
    watched = None if cell is None else (cell.metre_hours - cell.unwatched) / 24_000.0
    rate = [n / watched if watched else None for n in (len(attempts), low, high)]
    lift = cell.metre_hours / cell.noticed if cell is not None and cell.noticed > 0 else None
    corrected = [None if lift is None else n * lift for n in (len(attempts), low, high)]
    return Row(
        keys=keys,
        detections=None if felt is None else felt[0],
        detections_late=None if felt is None else felt[1],
        incidents=len(standing),
        attempts=len(attempts),
        persons_low=sum(incident.count_low for incident in attempts),
        persons_high=sum(incident.count_high for incident in attempts),
        returns=sum(map(is_return, attempts)),
        outcomes=dict(sorted(outcomes.items())),
        nuisance=sum(incident.assessment == "nuisance" for incident in standing),
        late=sum(incident.late for incident in standing),
        withdrawn=sum(bool(incident.withdrawn) for incident in incidents),
        merged=sum(not i.withdrawn and i.merged_into is not None for i in incidents),
        metre_hours=None if cell is None else cell.metre_hours,
        unwatched_metre_hours=None if cell is None else cell.unwatched,
        noticed_metre_hours=None if cell is None else cell.noticed,
        rate=rate[0],
        rate_low=rate[1],
        rate_high=rate[2],
        corrected=corrected[0],
        corrected_low=corrected[1],
        corrected_high=corrected[2],
        ids=tuple(incident.id for incident in incidents),
    )
