"""What holds at the moment on one line: outages, weather, raised noise floors, masks and light."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Outage, Weather
from linewatch.site.grid import Grid, Stretch
from linewatch.site.model import Line
from linewatch.site.performance import FAMILIES, HEADS, SWAMPED_DB, common_cause_fraction, terrain_db, weather_loss
from linewatch.site.sensor import Sensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class RaisedFloor(msgspec.Struct, frozen=True):
    """A stretch on which the noise floor of a sensor has risen over its usual level."""

    line: str
    """Line concerned."""
    sensor: str
    """Sensor concerned."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    rise_db: float
    """How far it has risen; from `SWAMPED_DB` on the sensor does not watch there at all."""


class Mask(msgspec.Struct, frozen=True):
    """A stretch that was told not to alarm."""

    line: str
    """Line concerned."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    sensors: tuple[str, ...] = ()
    """Sensors concerned, sorted; empty for all."""
    reason: str = ""
    """In words."""


Matter = TypeVar("Matter", Outage, Weather, RaisedFloor, Mask)


class Condition(msgspec.Struct, frozen=True):
    """All that holds at once. What concerns other lines is left out when it is put on a line."""

    outages: tuple[Outage, ...] = ()
    """Outages in force (`in_force` picks them out of a history)."""
    weather: tuple[Weather, ...] = ()
    """Weather by stretch; where two overlap, the later one holds. Elsewhere: calm, open, mild."""
    floors: tuple[RaisedFloor, ...] = ()
    """Raised noise floors; where two overlap on a sensor, the higher one holds."""
    masks: tuple[Mask, ...] = ()
    """Masks in force."""
    light_fraction: float = 0.0
    """0 in the dark, which is the cautious assumption, to 1 by day."""

    def on_line(self, line_id: str) -> "Condition":
        """Only what concerns one line, each thing once."""
        return msgspec.structs.replace(
            self,
            outages=_of_line(self.outages, line_id),
            weather=_of_line(self.weather, line_id),
            floors=_of_line(self.floors, line_id),
            masks=_of_line(self.masks, line_id),
        )


def _of_line(matters: Iterable[Matter], line_id: str) -> tuple[Matter, ...]:
    return tuple(dict.fromkeys(matter for matter in matters if matter.line == line_id))


def in_force(outages: Iterable[Outage], time_ns: int) -> tuple[Outage, ...]:
    """The outages that hold at a time, by id. Of several records with one id the last given counts."""
    last = {outage.id: outage for outage in outages}
    return tuple(
        outage
        for _, outage in sorted(last.items())
        if outage.start_ns <= time_ns and (outage.end_ns is None or time_ns < outage.end_ns)
    )


def last_reported(weather: Iterable[Weather], time_ns: int) -> tuple[Weather, ...]:
    """Weather reported up to a time; of several reports for one stretch only the last, since it replaces the others."""
    past = sorted((spell for spell in weather if spell.time_ns <= time_ns), key=lambda spell: spell.time_ns)
    return tuple({(spell.line, spell.from_m, spell.to_m): spell for spell in past}.values())


def stretch_of_outage(outage: Outage, sensor: Sensor) -> tuple[float, float]:
    """Chainages between which an outage takes from a sensor: its channels, its stretch, or all of the sensor.

    An outage without a stretch, or with one of no length, concerns the whole sensor.
    """
    if sensor.is_span and outage.first_channel is not None and outage.last_channel is not None:
        edges_m = sensor.channel_edges_m()
        last = len(edges_m) - 1
        ends = edges_m[min(max(outage.first_channel, 0), last)], edges_m[min(max(outage.last_channel + 1, 0), last)]
        return float(min(ends)), float(max(ends))
    if outage.to_m > outage.from_m:
        return outage.from_m, outage.to_m
    return -np.inf, np.inf


class SensorCondition(msgspec.Struct, frozen=True):
    """What concerns one sensor, in steps of its line; every part may be empty."""

    outages: tuple[tuple[Stretch, float, str], ...] = ()
    """Stretch, share of the detection probability that is left, and why."""
    floors: tuple[tuple[Stretch, float], ...] = ()
    """Stretch and rise in dB."""
    masks: tuple[tuple[Stretch, str], ...] = ()
    """Stretch and why."""

    def left_of(self, part: Stretch) -> Floats:
        """(part,) share of the detection probability that outages, masks and swamping leave."""
        left = np.ones(part[1] - part[0])
        for stretch, fraction, _ in self.outages:
            here = _within(stretch, part)
            np.minimum(left[here], fraction, out=left[here])
        for stretch, _ in self.masks:
            left[_within(stretch, part)] = 0.0
        for stretch, rise_db in self.floors:
            if rise_db >= SWAMPED_DB:
                left[_within(stretch, part)] = 0.0
        return left

    def rise_db_of(self, part: Stretch) -> Floats:
        """(part,) how far the noise floor has risen."""
        rise = np.zeros(part[1] - part[0])
        for stretch, rise_db in self.floors:
            here = _within(stretch, part)
            np.maximum(rise[here], rise_db, out=rise[here])
        return rise

    def parts(self) -> list[Stretch]:
        """Every stretch that something holds on."""
        floors, masks = [each[0] for each in self.floors], [each[0] for each in self.masks]
        return [*(each[0] for each in self.outages), *floors, *masks]


NOTHING: Final = SensorCondition()


def _within(stretch: Stretch, part: Stretch) -> slice:
    """Where a stretch lies in an array over a part; empty where they do not meet."""
    low = min(max(stretch[0], part[0]), part[1]) - part[0]
    high = min(max(stretch[1], part[0]), part[1]) - part[0]
    return slice(low, max(low, high))


def sensor_condition(number: int, sensor: Sensor, reach: Stretch, grid: Grid, index: "Index") -> SensorCondition:
    """What the condition means to one sensor that reaches these steps."""
    outages = tuple(
        (
            grid.cut(stretch_of_outage(outage, sensor), reach),
            min(max(outage.remaining_fraction, 0.0), 1.0),
            outage.reason,
        )
        for outage in index.outages.get(number, ())
        if outage.rise_db is None
    )
    floors = tuple((grid.cut((f.from_m, f.to_m), reach), f.rise_db) for f in index.floors.get(number, ()))
    # What only noise takes is weighed against what the sensor hears, and not as a share.
    floors += tuple(
        (grid.cut(stretch_of_outage(outage, sensor), reach), outage.rise_db)
        for outage in index.outages.get(number, ())
        if outage.rise_db is not None
    )
    masks = tuple(
        (grid.cut((mask.from_m, mask.to_m), reach), mask.reason)
        for mask in (*index.masks.get(number, ()), *index.all_masks)
    )
    return SensorCondition(
        outages=tuple(each for each in outages if each[0][1] > each[0][0]),
        floors=tuple(each for each in floors if each[0][1] > each[0][0] and each[1] > 0.0),
        masks=tuple(each for each in masks if each[0][1] > each[0][0]),
    )


class Index(msgspec.Struct, frozen=True):
    """A condition by number of the sensor concerned."""

    outages: dict[int, list[Outage]]
    floors: dict[int, list[RaisedFloor]]
    masks: dict[int, list[Mask]]
    all_masks: tuple[Mask, ...]
    """Masks that concern every sensor."""
    unknown: tuple[str, ...]
    """Names in the condition that no sensor reaching the line has, sorted."""


def index_of(condition: Condition, numbers: dict[str, int]) -> Index:
    """Sort a condition by the sensors that it names."""
    index = Index({}, {}, {}, tuple(mask for mask in condition.masks if not mask.sensors), ())
    unknown: set[str] = set()
    named: list[tuple[tuple[str, ...], Outage | RaisedFloor | Mask]] = [
        *((outage.sensors, outage) for outage in condition.outages),
        *(((floor.sensor,), floor) for floor in condition.floors),
        *((mask.sensors, mask) for mask in condition.masks),
    ]
    for names, matter in named:
        for name in names:
            number = numbers.get(name)
            if number is None:
                unknown.add(name)
            elif isinstance(matter, Outage):
                index.outages.setdefault(number, []).append(matter)
            elif isinstance(matter, RaisedFloor):
                index.floors.setdefault(number, []).append(matter)
            else:
                index.masks.setdefault(number, []).append(matter)
    return msgspec.structs.replace(index, unknown=tuple(sorted(unknown)))


class Surroundings(msgspec.Struct, frozen=True):
    """Terrain, weather and light along a line, as pieces on which they are the same."""

    piece: NDArray[np.int32]
    """(steps,) number of the piece that a step belongs to."""
    flat_db: Floats
    """(pieces, heads) loss of each head at any distance."""
    per_m_db: Floats
    """(pieces, heads) loss for each metre of distance."""
    beta: Floats
    """(pieces, families) share of crossings on which a family hits or misses as one."""
    terrain: tuple[str, ...]
    """(pieces,) class of terrain."""
    weather: tuple[Weather | None, ...]
    """(pieces,) weather in force."""


def surroundings_of(line: Line, grid: Grid, weather: Sequence[Weather], light_fraction: float) -> Surroundings:
    """Pieces of a line between which terrain or weather changes."""
    sections = line.sections
    terrain_number = np.zeros(grid.steps, dtype=np.int64)
    for number, section in enumerate(sections):
        low, high = grid.between(section.from_m, section.to_m)
        terrain_number[low:high] = number
    weather_number = np.zeros(grid.steps, dtype=np.int64)
    # The canonical order settles ties, so that the order of arrival never shows.
    spells = sorted(weather, key=lambda spell: (spell.time_ns, msgspec.json.encode(spell)))
    for number, spell in enumerate(spells, start=1):
        low, high = grid.between(spell.from_m, spell.to_m)
        weather_number[low:high] = number
    pairs, piece = np.unique(terrain_number * (len(spells) + 1) + weather_number, return_inverse=True)
    terrains = [sections[pair // (len(spells) + 1)].terrain if sections else "open" for pair in pairs.tolist()]
    winds = [None if (n := pair % (len(spells) + 1)) == 0 else spells[n - 1] for pair in pairs.tolist()]
    losses = [[weather_loss(head, wind, light_fraction) for head in HEADS] for wind in winds]
    ground = np.array([[terrain_db(head, terrain) for head in HEADS] for terrain in terrains])
    return Surroundings(
        piece=piece.astype(np.int32),
        flat_db=np.array([[loss.flat_db for loss in row] for row in losses]) + ground,
        per_m_db=np.array([[loss.per_m_db for loss in row] for row in losses]),
        beta=np.array([[common_cause_fraction(family, wind) for family in FAMILIES] for wind in winds]),
        terrain=tuple(terrains),
        weather=tuple(winds),
    )
