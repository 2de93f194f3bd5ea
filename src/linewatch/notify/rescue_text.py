"""The rescue message: everything that somebody needs to go there, in one SMS of 160 characters, without the console.

Order: where (degrees and grid reference, 1 sigma), when last seen, how many, how cold and since when, hazards, place
and access. The felt temperature is the wind chill of JAG/TI (2001), valid to 10 degrees C and from 4.8 km/h:
13.12 + 0.6215 T - 11.37 v^0.16 + 0.3965 T v^0.16, T in degrees C and v in km/h at 10 m.
"""

import re
from collections.abc import Sequence
from typing import Final

import mgrs

from linewatch.notify.telling import position_of
from linewatch.notify.words import people_in_words
from linewatch.records import Incident, Weather
from linewatch.site.model import Place, Site

ONE_SMS: Final = 160
"""Characters of the 7-bit alphabet of GSM 03.38 in one message."""
_NS_PER_MIN: Final = 60_000_000_000
_ACCESS: Final = ("access", "road", "gate", "track", "helipad")
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 .,:;/+\-()'=?!&*#%]")
_SPELT: Final = str.maketrans(
    {**dict(zip("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "acelnoszzACELNOSZZ", strict=True)), "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
)


def felt_c(temperature_c: float, wind_mps: float | None) -> float:
    """Felt temperature in degrees C: wind chill where its formula holds, else the air's."""
    wind_kmh = (wind_mps or 0.0) * 3.6
    if temperature_c > 10.0 or wind_kmh < 4.8:
        return temperature_c
    power: float = wind_kmh**0.16
    return 13.12 + 0.6215 * temperature_c - 11.37 * power + 0.3965 * temperature_c * power


def grid_reference(lon: float, lat: float) -> str:
    """MGRS to the metre, as it is read out: zone and square, easting, northing."""
    text = str(mgrs.MGRS().toMGRS(lat, lon, MGRSPrecision=5))
    return f"{text[:-10]} {text[-10:-5]} {text[-5:]}"


def weather_at(weather: Sequence[Weather], line: str, chainage_m: float) -> Weather | None:
    """The latest report for a point."""
    here = [w for w in weather if w.line == line and w.from_m <= chainage_m <= w.to_m]
    return max(here, key=lambda w: w.time_ns, default=None)


def nearest_access(site: Site, line: str, chainage_m: float) -> Place | None:
    """The nearest place by which people get there."""
    ways = [place for place in site.line(line).places if place.kind.lower() in _ACCESS]
    return min(ways, key=lambda place: abs(place.chainage_m - chainage_m), default=None)


def rescue_message(
    site: Site,
    incident: Incident,
    now_ns: int,
    *,
    weather: Sequence[Weather] = (),
    seen_ns: int | None = None,
    link: str = "",
) -> str:
    """The message, at most 160 characters of the GSM alphabet. What gives way first, stands last."""
    parts = ["RESCUE", *_where(site, incident), _when(seen_ns or incident.updated_ns, now_ns)]
    parts.append(f"{people_in_words(incident.count_low, incident.count_high)}p".replace(" to ", "-"))
    parts += _weather(incident, now_ns, weather_at(weather, incident.line, incident.chainage_m))
    parts += [f"HAZ {'/'.join(incident.hazards)}"] if incident.hazards else []
    tail = [plain(text) for text in _places(site, incident)]
    parts = [plain(part) for part in parts]
    room = ONE_SMS - (len(link) + 1 if link else 0)
    while tail and len(" ".join([*parts, *tail])) > room:
        tail.pop()
    text = " ".join([*parts, *tail])[:room].rstrip()
    return f"{text} {link}" if link else text


def plain(text: str) -> str:
    """The text in letters that every phone sends in the short alphabet."""
    return _PLAIN.sub("", text.translate(_SPELT))


def _where(site: Site, incident: Incident) -> list[str]:
    sigma = f"+-{max(incident.chainage_sigma_m, 1.0):.0f}m"
    position = position_of(site, incident.line, incident.chainage_m, incident.front_m or 0.0)
    if position is None:
        return [f"{incident.line} km{incident.chainage_m / 1000:.3f}", sigma]
    lon, lat = position
    degrees = f"{abs(lat):.5f}{'N' if lat >= 0 else 'S'} {abs(lon):.5f}{'E' if lon >= 0 else 'W'}"
    return [degrees, grid_reference(lon, lat), sigma]


def _when(seen_ns: int, now_ns: int) -> str:
    minutes = max(0, (now_ns - seen_ns) // _NS_PER_MIN)
    return "seen now" if minutes < 1 else f"seen {minutes}min ago" if minutes < 120 else f"seen {minutes // 60}h ago"


def _weather(incident: Incident, now_ns: int, weather: Weather | None) -> list[str]:
    out_min = max(0, (now_ns - incident.raised_ns) // _NS_PER_MIN)
    out = f"out {out_min}min" if out_min < 120 else f"out {out_min // 60}h"
    if weather is None or weather.temperature_c is None:
        return ["temp ?", out]
    feels = felt_c(weather.temperature_c, weather.wind_mps)
    text = f"{weather.temperature_c:.0f}C"
    if feels < weather.temperature_c - 1.0:
        text += f" feels {feels:.0f}C"
    return [text + (" wet" if weather.wet else ""), out]


def _places(site: Site, incident: Incident) -> list[str]:
    found = []
    near = site.nearest_place(incident.line, incident.chainage_m)
    if near is not None:
        found.append(f"{abs(incident.chainage_m - near.chainage_m):.0f}m from {near.name}")
    access = nearest_access(site, incident.line, incident.chainage_m)
    if access is not None and access != near:
        found.append(f"access {access.name} {abs(incident.chainage_m - access.chainage_m):.0f}m")
    elif access is not None:
        found.append("(access)")
    return found
