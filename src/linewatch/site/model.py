"""A site: its lines with their sections and places, and the sensors that watch them. Data only; `load` reads it."""

import bisect
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec

from linewatch.site.sensor import Sensor

TERRAINS: Final = ("open", "forest", "wetland", "river", "town")
"""Terrain classes that performance models and scenes know."""


class Place(msgspec.Struct, frozen=True):
    """A point that people name on the radio: a post, gate, stream, access road."""

    name: str
    """What people say."""
    kind: str
    """Post, gate, stream, road, ..."""
    chainage_m: float
    """Where along the line."""


class Section(msgspec.Struct, frozen=True):
    """A named interval of a line with its own people, rules and settings."""

    name: str
    """Unique within its line."""
    line: str
    """Line it belongs to."""
    from_m: float
    """Start."""
    to_m: float
    """End, above `from_m`; the interval is half open: a point on the border belongs to the next section."""
    terrain: str = "open"
    """Terrain class, one of `TERRAINS`, for performance models."""
    settings: Mapping[str, Any] = {}
    """Settings that differ here, by step."""


class Line(msgspec.Struct, frozen=True):
    """One watched course."""

    id: str
    """Unique within the site."""
    length_m: float
    """Length along the line, above 0."""
    coordinates_deg: tuple[tuple[float, float], ...] = ()
    """Longitude and latitude (WGS 84) of its vertices; empty for a straight bench line without geography."""
    outside: str = "left"
    """Side of travel that is the approach side: left or right."""
    sections: tuple[Section, ...] = ()
    """In order, without gap or overlap, covering the line."""
    places: tuple[Place, ...] = ()
    """By chainage."""
    stated_length_m: float | None = None
    """Length that the geometry's own file states, where it does; only for telling that it differs."""


class SourceSpec(msgspec.Struct, frozen=True):
    """A source as the site asks for it."""

    plugin: str
    """Name of the plug-in."""
    settings: Mapping[str, Any]
    """Its settings as written; secrets are references."""


class NotifierSpec(msgspec.Struct, frozen=True):
    """A notifier as the site asks for it."""

    plugin: str
    """Name of the plug-in."""
    settings: Mapping[str, Any]
    """Its settings as written; secrets are references."""


class Site(msgspec.Struct, frozen=True, dict=True):
    """Everything that stands still."""

    name: str
    """Name of the site; part of every incident's id."""
    timezone: str
    """IANA time zone in which people there live."""
    lines: tuple[Line, ...]
    """Its lines."""
    sensors: tuple[Sensor, ...] = ()
    """Its sensors, by id."""
    sources: tuple[SourceSpec, ...] = ()
    """Where records come from in a live watch."""
    notifiers: tuple[NotifierSpec, ...] = ()
    """Where incidents go."""
    settings: Mapping[str, Any] = {}
    """Settings that differ from the defaults, by step."""
    folder: str = "."
    """Folder that relative paths start from."""

    @cached_property
    def _line_by_id(self) -> dict[str, Line]:
        return {line.id: line for line in self.lines}

    @cached_property
    def _sensor_by_id(self) -> dict[str, Sensor]:
        return {sensor.id: sensor for sensor in self.sensors}

    @cached_property
    def _places_along(self) -> dict[str, tuple[list[Place], list[float]]]:
        """The places of each line from its start on, the first named of two at one point, and their chainages."""
        along: dict[str, tuple[list[Place], list[float]]] = {}
        for line in self.lines:
            first = {place.chainage_m: place for place in reversed(line.places)}
            places = sorted(first.values(), key=lambda place: place.chainage_m)
            along[line.id] = (places, [place.chainage_m for place in places])
        return along

    def line(self, line_id: str) -> Line:
        """The line with this id. Raises `KeyError`."""
        return self._line_by_id[line_id]

    def sensor(self, sensor_id: str) -> Sensor:
        """The sensor with this id. Raises `KeyError`."""
        return self._sensor_by_id[sensor_id]

    def has_sensor(self, sensor_id: str) -> bool:
        """Whether a sensor of this id is part of the site."""
        return sensor_id in self._sensor_by_id

    def section_at(self, line_id: str, chainage_m: float) -> Section:
        """The section that owns a point; points beyond the ends belong to the outermost sections."""
        sections = self.line(line_id).sections
        for section in sections:
            if chainage_m < section.to_m:
                return section
        return sections[-1]

    def nearest_place(self, line_id: str, chainage_m: float) -> Place | None:
        """The place nearest to a point, the lower one of two that are as near; None on a line without places."""
        places, chainages_m = self._places_along[line_id]
        above = bisect.bisect_left(chainages_m, chainage_m)
        near = places[max(above - 1, 0) : above + 1]
        return min(near, key=lambda place: (abs(place.chainage_m - chainage_m), place.chainage_m), default=None)
