"""What each sensor of a line misses at the moment, step by step: terrain, weather, light, outages, floors and masks."""

from collections.abc import Iterable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from linewatch.site.condition import (
    NOTHING,
    Condition,
    SensorCondition,
    Surroundings,
    index_of,
    sensor_condition,
    stretch_of_outage,
    surroundings_of,
)
from linewatch.site.grid import Grid, Stretch
from linewatch.site.model import Line
from linewatch.site.performance import (
    FAMILIES,
    HEADS,
    KINDS,
    MOST_PD,
    WATCHED,
    Family,
    family_of,
    heads_of,
    margins_of,
)
from linewatch.site.reach import Reach

Floats = NDArray[np.float64]
Misses = NDArray[np.float32]
Ints = NDArray[np.int64]

Matter = TypeVar("Matter")

_AT_ONCE: Final = 131_072  # pairs of sensor and step worked on at a time


class Sensing:
    """The sensors of one line under one condition.

    Every number of a pair of sensor and step follows from that pair alone, by operations that give the same bits
    wherever they stand in an array. So it does not matter when, or beside what, a pair was last computed.
    """

    def __init__(self, line: Line, grid: Grid, reach: Reach) -> None:
        self._line = line
        self._grid = grid
        self.reach = reach
        self.ends: list[Stretch] = list(zip(reach.first.tolist(), reach.stop.tolist(), strict=True))
        """First step of each sensor and step after its last."""
        self._begin: list[int] = (reach.start[:-1] - reach.first).tolist()
        self._numbers = {sensor.id: number for number, sensor in enumerate(reach.sensors)}
        margins = [margins_of(sensor) for sensor in reach.sensors]
        self._margins = np.ascontiguousarray(np.array(margins, dtype=np.float64).reshape(-1, len(WATCHED)).T)
        self._members = [self._members_of(family) for family in FAMILIES]
        self._clear: Misses = np.ones((len(WATCHED), len(reach.distance_m)), dtype=np.float32)
        self._conditions: dict[int, SensorCondition] = {}
        self.around: Surroundings
        """Terrain, weather and light in force."""
        self.unknown: tuple[str, ...] = ()
        """Sensors that the condition names and that do not reach the line."""

    # ------------------------------------------------------------------------------------------------ asking

    def condition_of(self, number: int) -> SensorCondition:
        """What concerns one sensor at the moment."""
        return self._conditions.get(number, NOTHING)

    def reaching(self, family: int, part: Stretch) -> list[int]:
        """Numbers of the sensors of a family that are in service and reach some of a part, rising."""
        return self._overlapping(self._members[family], part)

    def all_reaching(self, part: Stretch) -> list[int]:
        """The same for all families, and for sensors that are not in service as well."""
        return self._overlapping(np.arange(len(self.ends)), part)

    def beta(self, family: int, part: Stretch) -> Misses:
        """(part,) share of crossings on which a family hits or misses as one."""
        of_piece = self.around.beta[:, family].astype(np.float32)
        beta: Misses = of_piece[self.around.piece[part[0] : part[1]]]
        return beta

    def miss_of(self, number: int, part: Stretch) -> Misses | None:
        """(movers, part) probability that one sensor misses, on a part that it reaches; None where it is blind there.

        Whether the sensor is in service is not asked here.
        """
        begin = self._begin[number]
        clear = self._clear[:, begin + part[0] : begin + part[1]]
        concerns = self._conditions.get(number)
        if concerns is None or all(s[0] >= part[1] or s[1] <= part[0] for s in concerns.parts()):
            return clear
        left = concerns.left_of(part)
        if not left.any():
            return None
        pd = np.float32(1.0) - clear
        untouched = left == 1.0
        if concerns.floors:
            rise_db = concerns.rise_db_of(part)
            raised = rise_db > 0.0
            steps = np.arange(*part)[raised]
            pd[:, raised] = self._pd_in(np.full(len(steps), number), steps, rise_db[raised])
            untouched &= ~raised
        miss: Misses = np.float32(1.0) - left.astype(np.float32) * pd
        # 1 - (1 - q) is not always q: steps that nothing concerns keep the very bits of the clear sensor.
        np.copyto(miss, clear, where=untouched)
        return miss

    # ---------------------------------------------------------------------------------------------- changing

    def settle(self, condition: Condition) -> None:
        """Take a condition, forgetting what held before."""
        self.around = surroundings_of(self._line, self._grid, condition.weather, condition.light_fraction)
        self._look((number, *ends) for number, ends in enumerate(self.ends))
        index = index_of(condition, self._numbers)
        concerned = {*index.outages, *index.floors, *index.masks}
        self._conditions = {}
        self._take(condition, range(len(self.ends)) if index.all_masks else sorted(concerned))

    def change(self, old: Condition, new: Condition) -> list[list[Stretch]]:
        """Take a condition in the place of another; gives the steps whose misses change, by family."""
        touched: list[list[Stretch]] = [[] for _ in FAMILIES]
        if new.weather != old.weather or new.light_fraction != old.light_fraction:
            stretches = self._change_air(old, new)
            touched = [list(stretches) for _ in FAMILIES]
        changed = self._changed_parts(old, new)
        for number, part in changed:
            touched[FAMILIES.index(family_of(self.reach.sensors[number]))].append(part)
        self._take(new, {number for number, _ in changed})
        return touched

    def _take(self, condition: Condition, numbers: Iterable[int]) -> None:
        """Note what concerns these sensors now."""
        index = index_of(condition, self._numbers)
        self.unknown = index.unknown
        for number in numbers:
            concerns = sensor_condition(number, self.reach.sensors[number], self.ends[number], self._grid, index)
            if concerns == NOTHING:
                self._conditions.pop(number, None)
            else:
                self._conditions[number] = concerns

    def _changed_parts(self, old: Condition, new: Condition) -> list[tuple[int, Stretch]]:
        """Sensors and steps that outages, floors and masks concern now and did not before, or the other way round."""
        named: list[tuple[int, tuple[float, float]]] = []
        for outage in _differing(old.outages, new.outages):
            named += [(n, stretch_of_outage(outage, self.reach.sensors[n])) for n in self._known(outage.sensors)]
        for floor in _differing(old.floors, new.floors):
            named += [(n, (floor.from_m, floor.to_m)) for n in self._known((floor.sensor,))]
        for mask in _differing(old.masks, new.masks):
            named += [(n, (mask.from_m, mask.to_m)) for n in self._known(mask.sensors or self._numbers)]
        parts = [(number, self._grid.cut(stretch_m, self.ends[number])) for number, stretch_m in named]
        return [(number, part) for number, part in parts if part[1] > part[0]]

    def _known(self, names: Iterable[str]) -> list[int]:
        return [self._numbers[name] for name in names if name in self._numbers]

    def _change_air(self, old: Condition, new: Condition) -> list[Stretch]:
        self.around = surroundings_of(self._line, self._grid, new.weather, new.light_fraction)
        stretches = [self._grid.between(spell.from_m, spell.to_m) for spell in _differing(old.weather, new.weather)]
        if new.light_fraction != old.light_fraction:
            stretches = [(0, self._grid.steps)]
        for part in stretches:
            reaching = ((number, self.ends[number]) for number in self.all_reaching(part))
            self._look((number, max(part[0], ends[0]), min(part[1], ends[1])) for number, ends in reaching)
        return stretches

    # ------------------------------------------------------------------------------------------------- the model

    def _members_of(self, family: Family) -> Ints:
        numbers = [
            number
            for number, sensor in enumerate(self.reach.sensors)
            if sensor.state == "in_service" and family_of(sensor) == family
        ]
        return np.array(numbers, dtype=np.int64)

    def _overlapping(self, members: Ints, part: Stretch) -> list[int]:
        inside = (self.reach.first[members] < part[1]) & (self.reach.stop[members] > part[0])
        out: list[int] = members[inside].tolist()
        return out

    def _look(self, parts: Iterable[tuple[int, int, int]]) -> None:
        """Compute what sensors miss under these surroundings; a part is a sensor, a first step and one after a last."""
        groups: dict[tuple[str, bool], list[tuple[int, int, int]]] = {}
        for part in parts:
            sensor = self.reach.sensors[part[0]]
            groups.setdefault((sensor.kind, sensor.performance.thermal), []).append(part)
        for group in groups.values():
            table = np.array(group, dtype=np.int64)
            count = table[:, 2] - table[:, 1]
            number = np.repeat(table[:, 0], count)
            step = np.arange(len(number)) + np.repeat(table[:, 1] - (np.cumsum(count) - count), count)
            pair = step + (self.reach.start[number] - self.reach.first[number])
            for low in range(0, len(number), _AT_ONCE):
                here = slice(low, low + _AT_ONCE)
                first, count_alike = self._alike(number[here], step[here], pair[here])
                miss = 1.0 - self._pd_in(number[here][first], step[here][first], 0.0)
                self._clear[:, pair[here]] = np.repeat(miss, count_alike, axis=1)

    def _alike(self, number: Ints, step: Ints, pair: Ints) -> tuple[Ints, Ints]:
        """Runs of neighbouring pairs that have everything in common, as along a fibre: first of each, and length."""
        new = np.ones(len(pair), dtype=bool)
        piece, gain_db, distance_m = self.around.piece[step], self.reach.gain_db[pair], self.reach.distance_m[pair]
        new[1:] = (number[1:] != number[:-1]) | (piece[1:] != piece[:-1])
        new[1:] |= (gain_db[1:] != gain_db[:-1]) | (distance_m[1:] != distance_m[:-1])
        first = np.flatnonzero(new)
        return first, np.diff(first, append=len(pair))

    def _pd_in(self, number: Ints, step: Ints, rise_db: Floats | float) -> Floats:
        """(movers, n) Pd of n sensors of one kind, each at a step that it reaches, before outages and masks."""
        if not len(number):
            return np.ones((len(WATCHED), 0))
        sensor = self.reach.sensors[int(number[0])]
        pair = step + (self.reach.start[number] - self.reach.first[number])
        gain_db, piece = self.reach.gain_db[pair], self.around.piece[step]
        distance_m = np.where(np.isfinite(gain_db), self.reach.distance_m[pair], 0.0)
        loss_db = np.full(len(step), np.inf)
        for head in heads_of(sensor):
            column = HEADS.index(head)
            each_db = self.around.flat_db[piece, column] + self.around.per_m_db[piece, column] * distance_m
            np.minimum(loss_db, each_db, out=loss_db)
        level = (gain_db - loss_db - rise_db) / KINDS[sensor.kind].scatter_db
        pd: Floats = np.minimum(ndtr(self._margins[:, number] + level), MOST_PD)
        return pd


def _differing(old: Iterable[Matter], new: Iterable[Matter]) -> set[Matter]:
    return set(old) ^ set(new)
