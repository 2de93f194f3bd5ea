"""The course of a line out of the files that people have: GeoJSON, KML or GPX."""

import json
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from linewatch.errors import InputError

MOST_BYTES: Final = 20_000_000
_ALLOWED: Final = "one LineString in GeoJSON (.geojson, .json), KML (.kml) or GPX (.gpx, a track or a route)"
Course = tuple[tuple[float, float], ...]


def read_course(path: Path) -> Course:
    """Longitudes and latitudes of the vertices of the first line in a file. Raises `InputError`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: found {path.stat().st_size} bytes; allowed: at most {MOST_BYTES}")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: found no readable text ({error}); allowed: {_ALLOWED}") from error
    try:
        pairs = _read(path, text)
    except (ValueError, ET.ParseError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise InputError(f"{path}: found {error}; allowed: {_ALLOWED}") from error
    course = tuple(pair for number, pair in enumerate(pairs) if number == 0 or pair != pairs[number - 1])
    if len(course) < 2:
        raise InputError(f"{path}: found {len(course)} points; allowed: {_ALLOWED}, with 2 points or more")
    for lon, lat in course:
        if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
            raise InputError(
                f"{path}: found the point {lon:g}, {lat:g}; allowed: longitude, latitude in degrees (WGS 84)"
            )
    return course


def course_as_geojson(course: Course) -> str:
    """The course as a site names it."""
    points = ",\n    ".join(f"[{lon:.8f}, {lat:.8f}]" for lon, lat in course)
    return f'{{\n  "type": "LineString",\n  "coordinates": [\n    {points}\n  ]\n}}\n'


def _read(path: Path, text: str) -> list[tuple[float, float]]:
    match path.suffix.lower():
        case ".geojson" | ".json":
            return _geojson(json.loads(text))
        case ".kml":
            for element in _elements(text, "LineString"):
                for child in element.iter():
                    if _local(child) == "coordinates":
                        return [_pair(*point.split(",")[:2]) for point in (child.text or "").split()]
            raise ValueError("no LineString")
        case ".gpx":
            points = _elements(text, "trkpt") or _elements(text, "rtept")
            return [_pair(point.attrib["lon"], point.attrib["lat"]) for point in points]
        case other:
            raise ValueError(f"a file ending in {other!r}")


def _geojson(value: Any) -> list[tuple[float, float]]:
    if value.get("type") == "FeatureCollection":
        lines = [each for each in value["features"] if (each.get("geometry") or {}).get("type") == "LineString"]
        if len(lines) != 1:
            raise ValueError(f"{len(lines)} LineStrings")
        value = lines[0]
    if value.get("type") == "Feature":
        value = value["geometry"]
    if value.get("type") != "LineString":
        raise ValueError(f"a {value.get('type')}")
    return [_pair(point[0], point[1]) for point in value["coordinates"]]


def _elements(text: str, name: str) -> list[ET.Element]:
    # A document type can define entities that grow without end; no file of this kind needs one.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("a document type definition")
    return [element for element in ET.fromstring(text).iter() if _local(element) == name]  # noqa: S314 - see above


def _local(element: ET.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _pair(lon: Any, lat: Any) -> tuple[float, float]:
    return float(lon), float(lat)
