"""Sections, sensors, incidents and unwatched stretches for GIS users, as OGC API - Features (Part 1, core, GeoJSON).

An ASGI part without a framework: a server mounts it under any path. Read only. Whoever mounts it decides who may ask.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

import msgspec

from linewatch.notify.telling import position_of, stretch_of
from linewatch.notify.words import title
from linewatch.records import Incident, Outage
from linewatch.site.model import Site

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Feature = dict[str, Any]
Box = tuple[float, float, float, float]

CONFORMS: Final = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)
_MOST: Final = 10_000
_USUAL: Final = 100
_JSON: Final = "application/json"
_GEOJSON: Final = "application/geo+json"
_TITLES: Final = {
    "sections": "Sections of the line",
    "sensors": "Sensors, where they stand",
    "incidents": "Incidents, where they lie",
    "unwatched": "Stretches that are not, or only partly, watched",
}
_KNOWN: Final = frozenset({"bbox", "datetime", "limit", "offset", "f"})


class Standings(Protocol):
    """What changes: asked anew for every request."""

    def incidents(self) -> Sequence[Incident]:
        """The last version of every incident."""
        ...

    def outages(self) -> Sequence[Outage]:
        """The last version of every outage."""
        ...


class _Refusal(Exception):  # noqa: N818 - an answer to the one who asks, no error of this program
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Query(NamedTuple):
    box: Box | None
    from_ns: int | None
    to_ns: int | None
    limit: int
    offset: int


class Features:
    """The ASGI part."""

    def __init__(self, site: Site, standings: Standings, now_ns: Callable[[], int]) -> None:
        self._site = site
        self._standings = standings
        self._now_ns = now_ns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            kind, body = self._answer(scope)
            status = 200
        except _Refusal as refusal:
            status, kind = refusal.status, _JSON
            body = {"code": "InvalidParameterValue" if status == 400 else "NotFound", "description": str(refusal)}
        raw = msgspec.json.encode(body)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(raw)).encode())]
        await send(
            {"type": "http.response.start", "status": status, "headers": [*headers, (b"cache-control", b"no-store")]}
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else raw})

    def _answer(self, scope: Scope) -> tuple[str, Any]:
        if scope["method"] not in ("GET", "HEAD"):
            raise _Refusal(405, f"found {scope['method']}; allowed: GET")
        root = str(scope.get("root_path", ""))
        path = str(scope["path"]).removeprefix(root).strip("/")
        parts = path.split("/") if path else []
        base = root.rstrip("/")
        match parts:
            case []:
                return _JSON, self._landing(base)
            case ["conformance"]:
                return _JSON, {"conformsTo": list(CONFORMS)}
            case ["collections"]:
                found = [self._collection(base, name) for name in _TITLES]
                return _JSON, {"collections": found, "links": [_link(f"{base}/collections", "self")]}
            case ["collections", name] if name in _TITLES:
                return _JSON, self._collection(base, name)
            case ["collections", name, "items"] if name in _TITLES:
                return _GEOJSON, self._items(base, name, bytes(scope.get("query_string", b"")))
            case ["collections", name, "items", key] if name in _TITLES:
                return _GEOJSON, self._item(base, name, key)
            case _:
                raise _Refusal(404, f"found no {path[:80]!r}; allowed: collections/{{{', '.join(_TITLES)}}}/items")

    def _landing(self, base: str) -> dict[str, Any]:
        links = [_link(f"{base}/", "self"), _link(f"{base}/conformance", "conformance")]
        links.append(_link(f"{base}/collections", "data"))
        return {"title": f"Linewatch: {self._site.name}", "description": "Read only.", "links": links}

    def _collection(self, base: str, name: str) -> dict[str, Any]:
        here = f"{base}/collections/{name}"
        boxes = [b for line in self._site.lines if (b := _box_of(list(line.coordinates_deg)))]
        extent = {"spatial": {"bbox": [list(_around(boxes))]}} if boxes else {}
        links = [_link(here, "self"), _link(f"{here}/items", "items", _GEOJSON)]
        return {"id": name, "title": _TITLES[name], "extent": extent, "itemType": "feature", "links": links}

    def _items(self, base: str, name: str, query_string: bytes) -> dict[str, Any]:
        asked = _read_query(query_string)
        matched = [feature for feature in self._features(name) if _fits(feature, asked)]
        page = matched[asked.offset : asked.offset + asked.limit]
        here = f"{base}/collections/{name}/items"
        links = [_link(f"{here}?{query_string.decode('latin-1')}".rstrip("?"), "self", _GEOJSON)]
        if asked.offset + len(page) < len(matched):
            given = dict(parse_qsl(query_string.decode("latin-1")))
            more = urlencode({**given, "offset": asked.offset + len(page), "limit": asked.limit})
            links.append(_link(f"{here}?{more}", "next", _GEOJSON))
        return {
            "type": "FeatureCollection",
            "features": [_shown(feature) for feature in page],
            "numberMatched": len(matched),
            "numberReturned": len(page),
            "timeStamp": _time_text(self._now_ns()),
            "links": links,
        }

    def _item(self, base: str, name: str, key: str) -> Feature:
        here = f"{base}/collections/{name}"
        for feature in self._features(name):
            if feature["id"] == key:
                links = [_link(f"{here}/items/{key}", "self", _GEOJSON), _link(here, "collection")]
                return {**_shown(feature), "links": links}
        raise _Refusal(404, f"found no item {key[:80]!r} in {name}")

    def _features(self, name: str) -> Iterable[Feature]:
        match name:
            case "sections":
                return self._sections()
            case "sensors":
                return self._sensors()
            case "incidents":
                return map(self._incident, self._standings.incidents())
            case _:
                return map(self._outage, self._standings.outages())

    def _sections(self) -> list[Feature]:
        return [
            _feature(
                f"{line.id}.{section.name}",
                _line_string(stretch_of(self._site, line.id, section.from_m, section.to_m)),
                {"name": section.name, "line": line.id, "from_m": section.from_m, "to_m": section.to_m},
            )
            for line in self._site.lines
            for section in line.sections
        ]

    def _sensors(self) -> list[Feature]:
        found = []
        for sensor in self._site.sensors:
            low_m, high_m = sensor.extent_m()
            shape = (
                _line_string(stretch_of(self._site, sensor.line, low_m, high_m))
                if sensor.is_span
                else _point(position_of(self._site, sensor.line, sensor.at_m or 0.0, sensor.offset_m))
            )
            about = {"kind": sensor.kind, "line": sensor.line, "state": sensor.state, "from_m": low_m, "to_m": high_m}
            found.append(_feature(sensor.id, shape, about))
        return found

    def _incident(self, incident: Incident) -> Feature:
        shape = _point(position_of(self._site, incident.line, incident.chainage_m))
        about = {name: value for name, value in msgspec.to_builtins(incident).items() if name != "type"}
        about["title"] = title(self._site, incident)
        return _feature(incident.id, shape, about, incident.raised_ns, incident.closed_ns)

    def _outage(self, outage: Outage) -> Feature:
        shape = _line_string(stretch_of(self._site, outage.line, outage.from_m, outage.to_m))
        about = {name: value for name, value in msgspec.to_builtins(outage).items() if name != "type"}
        return _feature(outage.id, shape, about, outage.start_ns, outage.end_ns)


def _feature(
    key: str, shape: Any, about: dict[str, Any], from_ns: int | None = None, to_ns: int | None = None
) -> Feature:
    if from_ns is not None:
        about = {**about, "start": _time_text(from_ns), "end": None if to_ns is None else _time_text(to_ns)}
    return {"type": "Feature", "id": key, "geometry": shape, "properties": about, "_time": (from_ns, to_ns)}


def _shown(feature: Feature) -> Feature:
    return {name: value for name, value in feature.items() if name != "_time"}


def _point(place: tuple[float, float] | None) -> Any:
    return None if place is None else {"type": "Point", "coordinates": list(place)}


def _line_string(path: Sequence[tuple[float, float]]) -> Any:
    return {"type": "LineString", "coordinates": [list(each) for each in path]} if len(path) > 1 else None


def _link(href: str, rel: str, kind: str = _JSON) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": kind}


def _read_query(raw: bytes) -> _Query:
    """The parameters. Raises `_Refusal` naming the one that is wrong, as the standard asks."""
    try:
        given = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw)))
    except ValueError:
        raise _Refusal(400, "query: found what is no query; allowed: name=value pairs") from None
    for name in given:
        if name not in _KNOWN:
            raise _Refusal(400, f"{name[:40]}: found an unknown parameter; allowed: {', '.join(sorted(_KNOWN))}")
    if given.get("f", "json") not in ("json", "geojson"):
        raise _Refusal(400, f"f: found {given['f'][:40]!r}; allowed: json")
    from_ns, to_ns = _read_interval(given["datetime"]) if "datetime" in given else (None, None)
    return _Query(
        _read_box(given["bbox"]) if "bbox" in given else None,
        from_ns,
        to_ns,
        min(_read_number("limit", given.get("limit", str(_USUAL)), 1), _MOST),
        _read_number("offset", given.get("offset", "0"), 0),
    )


def _read_number(name: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        raise _Refusal(400, f"{name}: found {text[:40]!r}; allowed: a whole number from {least}")
    return int(text)


def _read_box(text: str) -> Box:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(-360.0 <= n <= 360.0 for n in numbers) or numbers[1] > numbers[3]:
        raise _Refusal(400, f"bbox: found {text[:60]!r}; allowed: west,south,east,north in degrees")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _read_interval(text: str) -> tuple[int | None, int | None]:
    parts = text.split("/")
    if len(parts) > 2:
        raise _Refusal(400, f"datetime: found {text[:60]!r}; allowed: a time, or from/to with .. for open")
    times = [None if part in ("", "..") else _time_ns(part) for part in parts]
    return (times[0], times[-1])


def _time_ns(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _Refusal(400, f"datetime: found {text[:40]!r}; allowed: RFC 3339, such as 2026-11-23T13:00:00Z")
    return int(at.timestamp() * 1e6) * 1000


def _time_text(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fits(feature: Feature, asked: _Query) -> bool:
    from_ns, to_ns = feature["_time"]
    if from_ns is not None:  # what has no time is always there
        if asked.to_ns is not None and from_ns > asked.to_ns:
            return False
        if asked.from_ns is not None and to_ns is not None and to_ns < asked.from_ns:
            return False
    if asked.box is None:
        return True
    shape = feature["geometry"]
    if shape is None:
        return False
    points = [shape["coordinates"]] if shape["type"] == "Point" else shape["coordinates"]
    box = _box_of([(x, y) for x, y in points])
    return box is not None and _overlap(box, asked.box)


def _box_of(points: Sequence[tuple[float, float]]) -> Box | None:
    if not points:
        return None
    lon, lat = zip(*points, strict=True)
    return min(lon), min(lat), max(lon), max(lat)


def _around(boxes: Sequence[Box]) -> Box:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _overlap(box: Box, asked: Box) -> bool:
    if box[3] < asked[1] or box[1] > asked[3]:
        return False
    if asked[0] > asked[2]:  # across the antimeridian
        return box[2] >= asked[0] or box[0] <= asked[2]
    return box[2] >= asked[0] and box[0] <= asked[2]
