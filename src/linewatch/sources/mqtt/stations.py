"""Weather stations of a broker: which stretch each speaks of, and what it has said so far."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linewatch.ports import Item
from linewatch.records import Weather
from linewatch.site.model import Site
from linewatch.sources.http.rows import Rights, WeatherRow, item_of
from linewatch.sources.mqtt.language import WeatherField
from linewatch.sources.mqtt.mapping import Event

KEPT_NS = 3600 * 1_000_000_000
"""So long what a station said in another message goes on counting beside what it says now."""


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one station speaks of: by itself the whole of the only line."""

    line: str = ""
    """Line."""
    from_m: float | None = None
    """Start of the stretch."""
    to_m: float | None = None
    """Its end."""


class Stations:
    """Makes weather of events. Stations may say temperature and wind in messages of their own."""

    def __init__(self, site: Site, name: str, stretches: Mapping[str, Stretch]) -> None:
        """Raises `InputError` for a stretch that is not of this site."""
        self._site = site
        self._stretches = stretches
        self._rights = Rights(name, frozenset(), frozenset(), weather=True)
        self._said: dict[str, dict[WeatherField, tuple[int, float | bool]]] = {}
        for address in stretches:
            item_of(self._row(address, 0, {}), self._rights, site, 0, 1.0)

    def __contains__(self, address: str) -> bool:
        return address in self._stretches

    def told(self, event: Event, time_ns: int) -> Item:
        """The weather at this time. Raises `InputError` for values that no weather has."""
        said = self._said.setdefault(event.address, {})
        fresh = {field: (time_ns, value) for field, value in event.weather.items()}
        kept = {field: each for field, each in said.items() if time_ns - each[0] <= KEPT_NS}
        values = {field: value for field, (_, value) in (kept | fresh).items()}
        item = item_of(self._row(event.address, time_ns, values), self._rights, self._site, time_ns, 1.0)
        assert isinstance(item, Weather)
        self._said[event.address] = kept | fresh
        return item

    def _row(self, address: str, time_ns: int, values: Mapping[WeatherField, float | bool]) -> WeatherRow:
        stretch = self._stretches[address]
        row: dict[str, Any] = {
            "line": stretch.line,
            "from_m": stretch.from_m,
            "to_m": stretch.to_m,
            "time": time_ns / 1e9,
        }
        row.update({str(field): value for field, value in values.items()})
        return msgspec.convert(row, WeatherRow)
