"""What one failure costs: each cabinet, feed and switch, each fibre cut at its worst place, each trench dug through.

A failure takes the sensors that hang on the thing that failed. A cut takes of a fibre all channels from the cut on,
away from its interrogator, which is where channel 0 lies; a cut through the whole trench does so to every fibre that
passes there. What is lost is counted in metres that were watched and are not any more.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import SensorKind
from linewatch.site.gaps import NOT_WATCHED_BELOW, chainages, place_near
from linewatch.site.grid import Stretch
from linewatch.site.pd_field import PdField, merged
from linewatch.site.performance import Watched
from linewatch.site.sensor import Sensor

Floats = NDArray[np.float64]

FIBRES: Final[tuple[SensorKind, ...]] = ("fibre_das", "fibre_vibration")
"""Kinds that are read along one fibre, so that a cut takes all that lies beyond it."""
FailureKind = Literal["cabinet", "power", "network", "fibre_cut", "trench_cut", "sensor"]


class Failure(msgspec.Struct, frozen=True):
    """One thing that fails, and what that costs."""

    kind: FailureKind
    """What fails."""
    name: str
    """Which: the name of a cabinet, feed or switch, the id of a sensor, the fibres of a trench."""
    sensors: int
    """How many sensors it takes with it."""
    lost_m: float
    """Metres that are watched now and would not be."""
    expected_lost_m: float
    """Sum over metres of what the Pd would fall by."""
    from_m: float
    """Start of the first metre lost; of the first touched where none is lost."""
    to_m: float
    """End of the last metre lost; of the last touched where none is lost."""
    place: str
    """Place nearest to the cut, or to the middle of what is lost."""
    cut_m: float | None = None
    """For a cut: the chainage at which it costs most."""
    mean_lost_m: float | None = None
    """For a cut: mean of `lost_m` over all places at which it could happen."""


def single_failures(
    field: PdField,
    mover: Watched = "person_walking",
    below: float = NOT_WATCHED_BELOW,
    *,
    sensors: bool = False,
) -> tuple[Failure, ...]:
    """Every single failure, the most metres lost first; with `sensors`, each sensor by itself as well."""
    failures = [
        _failure(field, mover, below, kind, name, numbers)
        for kind in ("cabinet", "power", "network")
        for name, numbers in groups_of(field, kind).items()
    ]
    cuts = [cut for number in _fibres(field) if (cut := _cut(field, mover, below, [number])) is not None]
    trenches = [cut for numbers in _trenches(field) if (cut := _cut(field, mover, below, numbers)) is not None]
    if sensors:
        failures += [
            _failure(field, mover, below, "sensor", sensor.id, frozenset([number]))
            for number, sensor in enumerate(field.sensing.reach.sensors)
            if sensor.state == "in_service"
        ]
    return ranked([*failures, *cuts, *trenches])


def ranked(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """The most metres lost first, then the most Pd lost, then by name."""

    def order(failure: Failure) -> tuple[float, float, str, str]:
        return -failure.lost_m, -round(failure.expected_lost_m, 6), failure.kind, failure.name

    return tuple(sorted(failures, key=order))


def groups_of(field: PdField, kind: Literal["cabinet", "power", "network"]) -> dict[str, frozenset[int]]:
    """Numbers of the sensors in service that hang on each cabinet, feed or switch, by name."""
    groups: dict[str, set[int]] = {}
    for number, sensor in enumerate(field.sensing.reach.sensors):
        name: str | None = getattr(sensor, kind)
        if name is not None and sensor.state == "in_service":
            groups.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in sorted(groups.items())}


def failures_json(failures: Sequence[Failure], most: int | None = None) -> list[dict[str, Any]]:
    """The worst failures as plain values, ready for JSON."""
    return [msgspec.to_builtins(failure) for failure in failures[:most]]


def _failure(
    field: PdField, mover: Watched, below: float, kind: FailureKind, name: str, numbers: frozenset[int]
) -> Failure:
    lost_m, expected_m, steps = 0.0, 0.0, _Hull()
    touched = merged(field.sensing.ends[number] for number in numbers)
    for part in touched:
        now, then = pd_without(field, mover, part, numbers)
        widths = field.widths_m[part[0] : part[1]]
        lost = (now >= below) & (then < below)
        lost_m += float(widths[lost].sum())
        expected_m += float((widths * (now - then)).sum())
        steps.add(part[0] + np.flatnonzero(lost))
    from_m, to_m = chainages(field, steps.ends or (touched[0][0], touched[-1][1]))
    return Failure(
        kind=kind,
        name=name,
        sensors=len(numbers),
        lost_m=lost_m,
        expected_lost_m=expected_m,
        from_m=from_m,
        to_m=to_m,
        place=place_near(field, (from_m + to_m) / 2.0),
    )


def pd_without(field: PdField, mover: Watched, part: Stretch, numbers: frozenset[int]) -> tuple[Floats, Floats]:
    """(part,) Pd now, and as it would be if these sensors were dead."""
    now = field.pd_between(part, mover)
    then = field.pd_of_miss(field.miss_without(part, numbers), part, mover)
    return now, then


class _Hull:
    """First step and step after the last of what was added."""

    def __init__(self) -> None:
        self.ends: Stretch | None = None

    def add(self, steps: NDArray[np.int64]) -> None:
        if len(steps):
            low, high = int(steps[0]), int(steps[-1]) + 1
            self.ends = (low, high) if self.ends is None else (min(low, self.ends[0]), max(high, self.ends[1]))


# ------------------------------------------------------------------------------------------------------------- cuts


def _fibres(field: PdField) -> list[int]:
    return [
        number
        for number, sensor in enumerate(field.sensing.reach.sensors)
        if sensor.kind in FIBRES and sensor.is_span and sensor.state == "in_service"
    ]


def _trenches(field: PdField) -> list[list[int]]:
    """Sets of two and more fibres that lie side by side somewhere."""
    fibres = _fibres(field)
    ends = field.sensing.ends
    borders = sorted({end for number in fibres for end in ends[number]})
    sets = {
        tuple(number for number in fibres if ends[number][0] <= low and ends[number][1] >= high)
        for low, high in pairwise(borders)
    }
    return [list(each) for each in sorted(sets) if len(each) > 1]


def _runs_up(sensor: Sensor) -> bool:
    """Whether chainage rises with the channel number."""
    edges_m = sensor.channel_edges_m()
    return bool(edges_m[-1] >= edges_m[0])


def _cut(field: PdField, mover: Watched, below: float, numbers: list[int]) -> Failure | None:
    """A cut through fibres that lie side by side, at the worst step of the stretch that they share.

    The steps above the cut lose the fibres that run up, those below it the fibres that run down; so the loss of a cut
    at every step is a sum from there on and one up to there. None where none of the fibres notices anything.
    """
    ends, sensors = field.sensing.ends, field.sensing.reach.sensors
    start, stop = min(ends[n][0] for n in numbers), max(ends[n][1] for n in numbers)
    up = frozenset(n for n in numbers if _runs_up(sensors[n]))
    lost_up, fallen_up = _lost(field, mover, below, up, (start, stop))
    lost_down, fallen_down = _lost(field, mover, below, frozenset(numbers) - up, (start, stop))
    # Borders between steps, counted from `start`, at which every one of the fibres can be cut.
    cuts = np.arange(max(ends[n][0] for n in numbers), min(ends[n][1] for n in numbers) + 1) - start
    lost_m = _from_on(lost_up)[cuts] + _up_to(lost_down)[cuts]
    expected_m = _from_on(fallen_up)[cuts] + _up_to(fallen_down)[cuts]
    if not expected_m.any():
        return None
    worst = int(np.lexsort((-expected_m, -lost_m))[0])
    cut = int(cuts[worst])
    both = np.concatenate((lost_down[:cut], lost_up[cut:])), np.concatenate((fallen_down[:cut], fallen_up[cut:]))
    steps = start + np.flatnonzero(both[0] if both[0].any() else both[1])
    from_m, to_m = chainages(field, (int(steps[0]), int(steps[-1]) + 1))
    cut_m = min((start + cut) * field.grid.step_m, field.line.length_m)
    return Failure(
        kind="fibre_cut" if len(numbers) == 1 else "trench_cut",
        name=" + ".join(sensors[n].id for n in numbers),
        sensors=len(numbers),
        lost_m=float(lost_m[worst]),
        expected_lost_m=float(expected_m[worst]),
        from_m=from_m,
        to_m=to_m,
        place=place_near(field, cut_m),
        cut_m=cut_m,
        mean_lost_m=float(lost_m.mean()),
    )


def _up_to(values: Floats) -> Floats:
    """(n + 1,) sum of what lies below each border."""
    return np.concatenate(([0.0], np.cumsum(values)))


def _from_on(values: Floats) -> Floats:
    """(n + 1,) sum of what lies above each border."""
    return np.concatenate((np.cumsum(values[::-1])[::-1], [0.0]))


def _lost(
    field: PdField, mover: Watched, below: float, numbers: frozenset[int], hull: Stretch
) -> tuple[Floats, Floats]:
    """(hull,) metres lost, and Pd lost times metres, on each step of a stretch, if these fibres were dead."""
    lost, fallen = np.zeros(hull[1] - hull[0]), np.zeros(hull[1] - hull[0])
    for part in merged(field.sensing.ends[number] for number in numbers):
        now, then = pd_without(field, mover, part, numbers)
        here, widths = slice(part[0] - hull[0], part[1] - hull[0]), field.widths_m[part[0] : part[1]]
        lost[here] = np.where((now >= below) & (then < below), widths, 0.0)
        fallen[here] = widths * (now - then)
    return lost, fallen
