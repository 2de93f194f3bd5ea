"""What is told, as plain values: the record, where on Earth it lies, and what has changed."""

from typing import Any, Final

import msgspec

from linewatch.notify_ports import News, Told
from linewatch.records import Incident
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site

SCHEMA: Final = "linewatch.news/1"
_QUIET: Final = frozenset({"updated_ns"})


def position_of(site: Site, line_id: str, chainage_m: float, offset_m: float = 0.0) -> tuple[float, float] | None:
    """Longitude and latitude in degrees; None on a line without geography."""
    line = site.line(line_id)
    if not line.coordinates_deg:
        return None
    lon, lat = geometry_of(line).to_lonlat(chainage_m, offset_m)
    return round(float(lon), 7), round(float(lat), 7)


def stretch_of(site: Site, line_id: str, from_m: float, to_m: float) -> list[tuple[float, float]]:
    """Points along a stretch of a line: its ends, and one at least every kilometre. Empty without geography."""
    line = site.line(line_id)
    if not line.coordinates_deg:
        return []
    pieces = max(1, int(abs(to_m - from_m) // 1000.0) + 1)
    chainages = [from_m + (to_m - from_m) * k / pieces for k in range(pieces + 1)]
    lon, lat = geometry_of(line).to_lonlat(chainages, [0.0] * len(chainages))
    return [(round(float(x), 7), round(float(y), 7)) for x, y in zip(lon, lat, strict=True)]


def middle_m(record: Told) -> float:
    """Where to point at."""
    if record.chainage_m is not None:
        return record.chainage_m
    return (record.from_m + record.to_m) / 2.0


def is_over(record: Told) -> bool:
    """Whether nothing more is expected of it."""
    return record.closed_ns is not None if isinstance(record, Incident) else record.end_ns is not None


def changes(news: News) -> list[str]:
    """Names of the fields that differ from the version before; empty for the first version."""
    before = news.before
    if before is None:
        return []
    names = news.record.__struct_fields__
    return [n for n in names if n not in _QUIET and getattr(news.record, n) != getattr(before, n)]


def event_of(news: News) -> str:
    """What happened: `incident.raised`, `.changed`, `.closed`; `outage.began`, `.changed`, `.ended`."""
    if isinstance(news.record, Incident):
        word = "closed" if is_over(news.record) else "changed" if news.before is not None else "raised"
        return f"incident.{word}"
    word = "ended" if is_over(news.record) else "changed" if news.before is not None else "began"
    return f"outage.{word}"


def told_values(site: Site, news: News) -> dict[str, Any]:
    """One change as plain values."""
    record = news.record
    position = position_of(site, record.line, middle_m(record))
    return {
        "schema": SCHEMA,
        "type": event_of(news),
        "site": site.name,
        "seq": news.seq,
        "time_ns": record.updated_ns if isinstance(record, Incident) else (record.end_ns or record.noticed_ns),
        "position": None if position is None else {"lon": position[0], "lat": position[1]},
        "changed": changes(news),
        "data": msgspec.to_builtins(record),
    }


def told_json(site: Site, news: News) -> bytes:
    """The same as JSON."""
    return msgspec.json.encode(told_values(site, news))


def where_in_words(site: Site, line_id: str, chainage_m: float) -> str:
    """The nearest place with the distance along the line, as people say it; else the kilometre."""
    place = site.nearest_place(line_id, chainage_m)
    km = f"km {chainage_m / 1000.0:.3f}"
    if place is None:
        return km
    away_m = chainage_m - place.chainage_m
    if abs(away_m) < 1.0:
        return f"at {place.name}, {km}"
    return f"{abs(away_m):.0f} m {'past' if away_m > 0 else 'before'} {place.name}, {km}"
