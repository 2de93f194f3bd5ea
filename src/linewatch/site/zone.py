"""Time zones: whether one exists, and where on Earth its people live.

The second serves one purpose: numbers cannot tell whether somebody wrote latitude before longitude, but a site at
Warsaw's time whose line runs through Arabia, and through Poland once each pair is swapped, can.
"""

import importlib.resources
import re
import zoneinfo
from pathlib import Path
from typing import Final

from linewatch.site.vertices import WGS84

_FAR_M: Final = 2_000_000.0
_NEAR_M: Final = 1_000_000.0
_POSITION: Final = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?([+-])(\d\d\d)(\d\d)(\d\d)?")


def is_zone(name: str) -> bool:
    """Whether this is a time zone of the IANA database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def looks_swapped(name: str, lon_deg: float, lat_deg: float) -> bool:
    """Whether a place far from where this time is kept would lie near it with its two numbers swapped."""
    home = _home(name)
    if home is None or abs(lon_deg) > 90.0:
        return False
    as_written_m, swapped_m = (WGS84.inv(*home, *place)[2] for place in ((lon_deg, lat_deg), (lat_deg, lon_deg)))
    return bool(as_written_m > _FAR_M and swapped_m < _NEAR_M)


def _home(name: str) -> tuple[float, float] | None:
    """Longitude and latitude of the place after which a zone is named, from the database's own table."""
    for line in _table().splitlines():
        country_place_zone = line.split("\t")
        if len(country_place_zone) >= 3 and country_place_zone[2].strip() == name:
            found = _POSITION.fullmatch(country_place_zone[1])
            if found:
                ns, lat, lat_min, lat_s, ew, lon, lon_min, lon_s = found.groups(default="0")
                return _degrees(ew, lon, lon_min, lon_s), _degrees(ns, lat, lat_min, lat_s)
    return None


def _degrees(sign: str, whole: str, minutes: str, seconds: str) -> float:
    return float(sign + "1") * (int(whole) + int(minutes) / 60 + int(seconds) / 3600)


def _table() -> str:
    """The table of the system, else that of the package `tzdata`; empty where there is neither."""
    for folder in zoneinfo.TZPATH:
        if (table := Path(folder) / "zone1970.tab").is_file():
            return table.read_text(encoding="utf-8")
    try:
        return (importlib.resources.files("tzdata") / "zoneinfo" / "zone1970.tab").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        return ""
