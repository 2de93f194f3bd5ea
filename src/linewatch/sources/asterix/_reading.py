"""ASTERIX datagrams to plots: categories 015, 034, 048 and 062, each by the editions that libasterix brings.

Items read: 010 and 015 (who), 140, 070 or 145 (time of day, 1/128 s since midnight UTC), 040 (RHO in nautical miles,
THETA in degrees from north), 161 or 040 of category 062 (track number), 105 of category 062 (WGS 84).
"""

from functools import cache
from typing import Any, Final, NamedTuple

from asterix import base, generated

from linewatch.errors import InputError

CATEGORIES: Final = (15, 34, 48, 62)
MOST_BYTES: Final = 65_507
"""Longest datagram."""
_NM_M: Final = 1852.0


class Plot(NamedTuple):
    """One record."""

    category: int
    """Category."""
    origin: tuple[int, int]
    """SAC and SIC."""
    day_s: float | None
    """Time of day, UTC."""
    range_m: float | None = None
    """Slant range."""
    azimuth_deg: float | None = None
    """Clockwise from north."""
    lon: float | None = None
    """Longitude in degrees."""
    lat: float | None = None
    """Latitude in degrees."""
    track: int | None = None
    """Track number."""


class Datagram(NamedTuple):
    """What one datagram held."""

    plots: tuple[Plot, ...]
    """Records of the categories that are read."""
    passed_over: int
    """Blocks of other categories."""
    faults: tuple[str, ...]
    """Blocks that could not be read, each with the reason."""


def read_datagram(raw: bytes) -> Datagram:
    """Everything in a datagram. Raises `InputError` where it is no ASTERIX at all."""
    if not raw or len(raw) > MOST_BYTES:
        raise InputError(f"datagram: found {len(raw)} bytes; allowed: 1 to {MOST_BYTES}")
    blocks = base.RawDatablock.parse(base.Bits.from_bytes(raw))
    if isinstance(blocks, ValueError):
        raise InputError(f"datagram: found no blocks of category and length ({blocks}); allowed: ASTERIX blocks")
    plots: list[Plot] = []
    faults: list[str] = []
    passed_over = 0
    for block in blocks:
        category = block.get_category()
        if category not in CATEGORIES:
            passed_over += 1
            continue
        try:
            records = _parser(category)(block.get_raw_records())
        except (ValueError, IndexError, KeyError, AssertionError, TypeError) as error:
            records = ValueError(f"{type(error).__name__}: {error}")
        if isinstance(records, ValueError):
            faults.append(f"category {category:03d}: found records that do not follow its edition ({records})"[:200])
            continue
        plots += [_plot(category, record) for record in records]
    return Datagram(tuple(plots), passed_over, tuple(faults))


@cache
def _parser(category: int) -> Any:
    """The parser of the newest edition."""
    catalogue: Any = generated.manifest["CATS"]
    spec = catalogue[category][-1]
    uap = getattr(spec, "cv_uap", None)
    if uap is None or not hasattr(uap, "parse"):
        raise InputError(f"category {category:03d}: found no single way to read its records")
    return uap.parse


def _plot(category: int, record: Any) -> Plot:
    origin = record.get_item("010")
    who = (_uint(origin, "SAC"), _uint(origin, "SIC")) if origin is not None else (0, 0)
    day_s = _quantity(record.get_item({62: "070", 15: "145", 34: "030"}.get(category, "140")), "s")
    if category == 62:
        place, number = record.get_item("105"), record.get_item("040")
        lat, lon = _quantity(place, "°", "LAT"), _quantity(place, "°", "LON")
        return Plot(category, who, day_s, lon=lon, lat=lat, track=None if number is None else number.as_uint())
    if category == 48:
        polar = record.get_item("040")
        rho = _quantity(polar, "NM", "RHO")
        number = record.get_item("161")
        return Plot(
            category,
            who,
            day_s,
            range_m=None if rho is None else rho * _NM_M,
            azimuth_deg=_quantity(polar, "°", "THETA"),
            track=None if number is None else (number.as_uint() & 0xFFF),
        )
    if category == 15:
        place = record.get_item("600")
        return Plot(category, who, day_s, lon=_quantity(place, "°", "LON"), lat=_quantity(place, "°", "LAT"))
    return Plot(category, who, day_s)


def _uint(item: Any, name: str) -> int:
    return int(item.variation.get_item(name).as_uint())


def _quantity(item: Any, unit: str, name: str | None = None) -> float | None:
    """A number in this unit; None where the item is not there or is no such number."""
    if item is None:
        return None
    try:
        inner = item if name is None else item.variation.get_item(name)
        return float(inner.variation.content.as_quantity(unit))
    except (AttributeError, AssertionError, KeyError, ValueError, TypeError):
        return None
