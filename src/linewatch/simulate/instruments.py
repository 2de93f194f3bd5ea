"""The sensors of one line as arrays: where each can feel something, and what it hangs on."""

import hashlib
import math
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import SENSOR_KINDS, SensorKind
from linewatch.simulate.manners import MANNERS
from linewatch.simulate.physics import soil_db_per_m
from linewatch.site.model import TERRAINS, Line, Site
from linewatch.site.performance import KINDS, terrain_db
from linewatch.site.sensor import Sensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LINKS: Final[tuple[SensorKind, ...]] = ("microwave", "radio_link")
"""Kinds that only say that something is between their ends."""
_RADAR_BEYOND: Final = 1.5  # a strong target shows beyond the range stated for a person


class Kind(msgspec.Struct, frozen=True):
    """The j sensors of one kind, by where their reach begins."""

    kind: SensorKind
    """The kind."""
    index: Ints
    """(j,) number of each in `Instruments.ids`."""
    key: NDArray[np.uint64]
    """(j,) number made from its id, for chance that belongs to it and one mover."""
    low_m: Floats
    """(j,) lowest chainage that it can feel."""
    high_m: Floats
    """(j,) highest chainage that it can feel."""
    at_m: Floats
    """(j,) where it stands; the middle of a span."""
    offset_m: Floats
    """(j,) distance from the line."""
    range_m: Floats
    """(j,) how far it reaches; half the length of a link."""
    width_m: Floats
    """(j,) width of a channel of a span, else 0."""
    facing_deg: Floats
    """(j,) direction of view against the line's own direction, anticlockwise; NaN for all round."""
    half_fov_deg: Floats
    """(j,) half the field of view."""
    pd: Floats
    """(j, 3) share of walkers, crawlers and vehicles that it can notice at all."""
    thermal: NDArray[np.bool_]
    """(j,) whether a camera position has a thermal head."""
    false_per_day: Floats
    """(j,) false reports a day in calm air."""
    longest_m: float
    """Longest reach of any."""

    def near(self, chainage_m: Floats) -> tuple[Ints, Ints]:
        """Pairs of row and sensor number (within this kind) whose reach holds the row's chainage."""
        begin = np.searchsorted(self.low_m, chainage_m - self.longest_m, side="left")
        end = np.searchsorted(self.low_m, chainage_m, side="right")
        many = end - begin
        rows = np.repeat(np.arange(len(chainage_m)), many)
        starts = np.repeat(np.cumsum(many) - many, many)
        sensors = np.arange(len(rows)) - starts + np.repeat(begin, many)
        inside = self.high_m[sensors] >= chainage_m[rows]
        return rows[inside], sensors[inside]


class Instruments(msgspec.Struct, frozen=True, dict=True):
    """All sensors of one line that are in service."""

    ids: tuple[str, ...]
    """(s,) ids, sorted."""
    kinds: tuple[Kind, ...]
    """Kinds present, in the order of `SENSOR_KINDS`."""
    soil_edges_m: Floats
    """Ends of the sections."""
    soil_db_per_m: Floats
    """Attenuation of the ground in each section."""
    terrain_db: dict[SensorKind, Floats]
    """What the terrain of each section takes from a kind of sensor, beyond the soil."""

    def soil_at(self, chainage_m: Floats) -> Floats:
        """Attenuation of the ground at these points."""
        section = np.searchsorted(self.soil_edges_m, chainage_m, side="right")
        return self.soil_db_per_m[np.minimum(section, len(self.soil_db_per_m) - 1)]

    def terrain_at(self, kind: SensorKind, chainage_m: Floats) -> Floats:
        """What the terrain at these points takes from a kind of sensor, beyond the soil."""
        section = np.searchsorted(self.soil_edges_m, chainage_m, side="right")
        return self.terrain_db[kind][np.minimum(section, len(self.soil_db_per_m) - 1)]

    @cached_property
    def _number_by_id(self) -> dict[str, int]:
        return {sensor: number for number, sensor in enumerate(self.ids)}

    def numbers(self, sensors: tuple[str, ...]) -> Ints:
        """Numbers of these sensors in `ids`; those that are not in service are left out."""
        found = (self._number_by_id.get(sensor) for sensor in sensors)
        return np.array([number for number in found if number is not None], dtype=np.int64)


def instruments_of(site: Site, line_id: str) -> Instruments:
    """The sensors of a line as arrays."""
    line = site.line(line_id)
    sensors = sorted(
        (sensor for sensor in site.sensors if sensor.line == line_id and sensor.state == "in_service"),
        key=lambda sensor: sensor.id,
    )
    kinds = tuple(
        _kind(kind, line, [(number, sensor) for number, sensor in enumerate(sensors) if sensor.kind == kind])
        for kind in SENSOR_KINDS
        if any(sensor.kind == kind for sensor in sensors)
    )
    sections = line.sections
    terrains = [section.terrain for section in sections] or ["open"]
    return Instruments(
        ids=tuple(sensor.id for sensor in sensors),
        kinds=kinds,
        soil_edges_m=np.array([section.to_m for section in sections] or [line.length_m]),
        soil_db_per_m=np.array([soil_db_per_m(terrain) for terrain in terrains]),
        terrain_db={kind.kind: np.array([_terrain_db(kind.kind, terrain) for terrain in terrains]) for kind in kinds},
    )


def _terrain_db(kind: SensorKind, terrain: str) -> float:
    """The loss of `site.performance`; of a camera, that of its thermal head. What soil takes is in the wave itself."""
    if kind in ("fibre_das", "geophone") or terrain not in TERRAINS:
        return 0.0
    return terrain_db(KINDS[kind].heads[-1], terrain)


def _kind(kind: SensorKind, line: Line, sensors: list[tuple[int, Sensor]]) -> Kind:
    rows = [_row(kind, line, sensor) for _, sensor in sensors]
    order = np.argsort([row[0] for row in rows], kind="stable")
    table = np.array(rows)[order]
    index = np.array([number for number, _ in sensors])[order]
    keys = [int.from_bytes(hashlib.sha256(sensor.id.encode()).digest()[:8], "little") for _, sensor in sensors]
    low_m, high_m = table[:, 0], table[:, 1]
    return Kind(
        kind=kind,
        index=index,
        key=np.array(keys, dtype=np.uint64)[order],
        low_m=low_m,
        high_m=high_m,
        at_m=table[:, 2],
        offset_m=table[:, 3],
        range_m=table[:, 4],
        width_m=table[:, 5],
        facing_deg=table[:, 6],
        half_fov_deg=table[:, 7],
        pd=table[:, 8:11],
        thermal=table[:, 12] > 0,
        false_per_day=table[:, 11],
        longest_m=float((high_m - low_m).max()),
    )


def _row(kind: SensorKind, line: Line, sensor: Sensor) -> tuple[float, ...]:
    manner = MANNERS[kind]
    width_m, facing_deg, half_fov_deg = 0.0, math.nan, 180.0
    if sensor.is_span:
        low_m, high_m = sensor.extent_m()
        at_m, range_m = (low_m + high_m) / 2.0, (high_m - low_m) / 2.0
        width_m = (high_m - low_m) / (sensor.channels or 1)
        if kind == "geophone":
            low_m, high_m = low_m - manner.reach_m, high_m + manner.reach_m
    elif sensor.from_m is not None and sensor.to_m is not None:
        low_m, high_m = sensor.from_m, sensor.to_m
        at_m, range_m = (low_m + high_m) / 2.0, (high_m - low_m) / 2.0
    else:
        at_m = sensor.at_m or 0.0
        range_m = manner.reach_m if sensor.range_m is None else sensor.range_m
        reach_m = range_m * (_RADAR_BEYOND if kind == "radar" else 1.0)
        low_m, high_m = at_m - reach_m, at_m + reach_m
    if sensor.azimuth_deg is not None and sensor.fov_deg is not None and line.coordinates_deg:
        # A bearing grows clockwise, an angle against the line anticlockwise, as the offset grows to the left.
        side = 1.0 if line.outside == "left" else -1.0
        facing_deg, half_fov_deg = side * (bearing_deg(line, at_m) - sensor.azimuth_deg), sensor.fov_deg / 2.0
    stated = sensor.performance
    pds = (stated.pd_walk_fraction, stated.pd_crawl_fraction, stated.pd_vehicle_fraction)
    pd = [manner.pd_walk if value is None else value for value in pds]
    length_km = 2.0 * range_m / 1_000.0 if sensor.is_span else 1.0
    false = manner.false_per_day * length_km if stated.far_per_day is None else stated.far_per_day
    return (
        low_m,
        high_m,
        at_m,
        sensor.offset_m,
        range_m,
        width_m,
        facing_deg,
        half_fov_deg,
        *pd,
        false,
        stated.thermal,
    )


def bearing_deg(line: Line, chainage_m: float) -> float:
    """Direction of travel of the line at a point, clockwise from north; on a sphere, which is enough for a view."""
    points = np.radians(np.array(line.coordinates_deg))
    east = np.diff(points[:, 0]) * np.cos((points[1:, 1] + points[:-1, 1]) / 2.0)
    north = np.diff(points[:, 1])
    ends = np.cumsum(np.hypot(east, north))
    leg = int(np.searchsorted(ends, chainage_m / line.length_m * ends[-1], side="right"))
    leg = min(leg, len(ends) - 1)
    return math.degrees(math.atan2(east[leg], north[leg])) % 360.0
