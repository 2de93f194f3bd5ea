"""Lines as a site describes them: their geometry, places and sections."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from linewatch.site.geometry import LineGeometry
from linewatch.site.model import TERRAINS, Line, Place, Section
from linewatch.site.problems import Fields, Findings, read_text, shown
from linewatch.site.secrets import find_literal_secrets
from linewatch.site.table import read_rows
from linewatch.site.vertices import faults_of
from linewatch.site.zone import looks_swapped

END_M: Final = 0.1
"""A chainage beyond the end of a line by less than this is taken for the end: lengths are seldom round."""
_JOINT_M: Final = 0.001
_LONGEST_M: Final = 40_000_000.0
_LENGTH_RATIO: Final = 0.01
_GEOMETRY: Final = "a GeoJSON file with one LineString, longitude before latitude"
_PLACES: Final = "a CSV file with the columns name, kind, chainage_m"


class Course(NamedTuple):
    """What a geometry file says."""

    coordinates_deg: tuple[tuple[float, float], ...]
    """Vertices, longitude first."""
    length_m: float
    """Geodesic length, to the millimetre."""
    stated_length_m: float | None
    """Length that the file itself states."""


def read_line(fields: Fields, folder: Path, timezone: str) -> Line | None:
    """A `[[line]]` with its places but without sections; None where it has no length, with the problems noted."""
    line_id = fields.text("id", required=True)
    outside = fields.choice("outside", ("left", "right")) or "left"
    geometry, places_file = fields.text("geometry"), fields.text("places")
    bench_m = fields.number("length_m", above=0.0, high=_LONGEST_M)
    has_length = fields.get("length_m") is not None
    course = None
    if geometry is not None and has_length:
        fields.refuse("length_m", "a length beside a geometry", "either of the two: a geometry has its own length")
    elif geometry is None and not has_length and fields.get("geometry") is None:
        fields.refuse("geometry", "nothing", f"{_GEOMETRY}, or length_m for a straight bench line")
    elif geometry is not None:
        course = _read_course(fields.findings, folder / geometry, geometry, timezone)
    elif bench_m is not None:
        course = Course((), bench_m, None)
    places = _read_places(fields.findings, folder / places_file, places_file, course) if places_file else ()
    if line_id is None or course is None:
        return None
    return Line(
        id=line_id,
        length_m=course.length_m,
        coordinates_deg=course.coordinates_deg,
        outside=outside,
        places=places,
        stated_length_m=course.stated_length_m,
    )


def _read_course(findings: Findings, path: Path, file: str, timezone: str) -> Course | None:
    text = read_text(findings, path, file, _GEOMETRY)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        findings.add(f"{file}:{error.lineno}", f"column {error.colno}", error.msg, "JSON")
        return None
    except (ValueError, RecursionError) as error:
        findings.add(file, "file", str(error), "JSON")
        return None
    feature = _only_line(document)
    if feature is None:
        findings.add(file, "type", _kinds_in(document), _GEOMETRY)
        return None
    positions = feature["geometry"].get("coordinates")
    vertices = _vertices(findings, file, positions)
    if vertices is None:
        return None
    faults = faults_of(vertices)
    for fault in faults:
        findings.add(file, *fault)
    if not faults and looks_swapped(timezone, *vertices[0]):
        findings.add(
            file,
            "coordinates",
            f"{shown_place(vertices[0])}, far from {timezone}",
            "longitude first: they look swapped",
        )
        return None
    return None if faults else _course(findings, file, vertices, feature.get("properties"))


def shown_place(place: tuple[float, float]) -> str:
    """A longitude and a latitude as a GeoJSON file shows them."""
    return f"[{place[0]:.10g}, {place[1]:.10g}]"


def _only_line(document: Any) -> dict[str, Any] | None:
    """The one feature that is a LineString; a bare geometry is made a feature."""
    if not isinstance(document, dict):
        return None
    if document.get("type") == "FeatureCollection" and isinstance(document.get("features"), list):
        lines = [line for item in document["features"] if (line := _only_line(item)) is not None]
        return lines[0] if len(lines) == 1 else None
    if document.get("type") == "LineString":
        return {"geometry": document}
    geometry = document.get("geometry")
    is_line = document.get("type") == "Feature" and isinstance(geometry, dict) and geometry.get("type") == "LineString"
    return document if is_line else None


def _kinds_in(document: Any) -> str:
    if not isinstance(document, dict):
        return shown(document)
    features = document.get("features")
    if document.get("type") == "FeatureCollection" and isinstance(features, list):
        lines = sum(_only_line(item) is not None for item in features)
        return f"{len(features)} features, {lines} of them LineStrings"
    geometry = document.get("geometry")
    return shown(geometry.get("type") if isinstance(geometry, dict) else document.get("type"))


def _vertices(findings: Findings, file: str, positions: Any) -> list[tuple[float, float]] | None:
    """Longitude and latitude of each position; heights are let pass, since a line is followed along the ground."""
    if not isinstance(positions, list):
        findings.add(file, "coordinates", shown(positions), "a list of [longitude, latitude]")
        return None
    for number, position in enumerate(positions):
        numbers = isinstance(position, list) and len(position) in (2, 3)
        if not numbers or any(isinstance(x, bool) or not isinstance(x, int | float) for x in position):
            findings.add(file, f"coordinates[{number}]", shown(position), "[longitude, latitude] in degrees")
            return None
    return [(float(position[0]), float(position[1])) for position in positions]


def _course(findings: Findings, file: str, vertices: list[tuple[float, float]], properties: Any) -> Course | None:
    length_m = round(LineGeometry(vertices).length_m, 3)
    stated = Fields(findings, file, "properties.", properties if isinstance(properties, dict) else {})
    stated_m = stated.number("length_m", above=0.0)
    if stated_m is not None and abs(stated_m - length_m) > _LENGTH_RATIO * length_m:
        stated.refuse("length_m", f"{stated_m:g}", f"within 1 % of {length_m:g}, which the coordinates measure")
    return Course(tuple(vertices), length_m, stated_m)


def _read_places(findings: Findings, path: Path, file: str, course: Course | None) -> tuple[Place, ...]:
    high = course.length_m if course else None
    places: dict[str, Place] = {}
    for row in read_rows(findings, path, file, _PLACES, ("name", "chainage_m")):
        name, kind = row.text("name", required=True), row.text("kind") or "place"
        chainage_m = row.number("chainage_m", required=True, low=0.0, high=high, slack=END_M)
        row.close()
        if name is not None and name in places:
            row.refuse("name", shown(name), "a name that no other place of the line has")
        elif name is not None and chainage_m is not None:
            places[name] = Place(name, kind, min(chainage_m, course.length_m) if course else chainage_m)
    return tuple(sorted(places.values(), key=lambda place: (place.chainage_m, place.name)))


def read_section(fields: Fields, line_id: str | None, line: Line | None) -> Section | None:
    """A `[[section]]` of this line; None where it is not usable, with the problems noted."""
    high = line.length_m if line else None
    name = fields.text("name", required=True)
    from_m = fields.number("from_m", required=True, low=0.0, high=high, slack=END_M)
    to_m = fields.number("to_m", required=True, above=from_m if from_m is not None else 0.0, high=high, slack=END_M)
    terrain = fields.choice("terrain", TERRAINS) or "open"
    settings = fields.table("settings")
    read_settings(fields, settings)
    if name is None or from_m is None or to_m is None or line_id is None:
        return None
    return Section(name=name, line=line_id, from_m=from_m, to_m=to_m, terrain=terrain, settings=settings)


def read_settings(fields: Fields, settings: Any) -> None:
    """Note what is wrong with a table of settings: it holds one table for each step, and no secret."""
    for step, values in settings.items():
        if not isinstance(values, dict):
            fields.refuse(
                f"settings.{step}", shown(values), f"a table [settings.{step}] with the settings of that step"
            )
    find_literal_secrets(fields.findings, fields.file, f"{fields.prefix}settings.", settings)


def with_sections(line: Line, sections: list[tuple[Fields, Section]]) -> Line:
    """The line with its sections, which must cover it without gap or overlap; one over all of it where there are none.

    Ends within a hair of where they should be are put there.
    """
    if not sections:
        whole = Section(name=line.id, line=line.id, from_m=0.0, to_m=line.length_m)
        return msgspec.structs.replace(line, sections=(whole,))
    placed: list[Section] = []
    end_m, before = 0.0, "the start of the line"
    for fields, section in sorted(sections, key=lambda pair: pair[1].from_m):
        if abs(section.from_m - end_m) > _JOINT_M:
            fault = "a gap" if section.from_m > end_m else "an overlap"
            fields.refuse("from_m", f"{section.from_m:.10g} ({fault})", f"{end_m:.10g}, {before}")
        placed.append(msgspec.structs.replace(section, from_m=end_m))
        end_m, before = section.to_m, f"the end of section {section.name!r}"
    if abs(end_m - line.length_m) > END_M:
        fields.refuse("to_m", f"{end_m:.10g} (a gap)", f"{line.length_m:.10g}, the end of the line")
    placed[-1] = msgspec.structs.replace(placed[-1], to_m=line.length_m)
    return msgspec.structs.replace(line, sections=tuple(placed))
