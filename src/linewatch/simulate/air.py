"""The air over the line: weather by place and time, gusts that are correlated in space, and light by the sun."""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Weather
from linewatch.simulate.scene import NS_PER_S, Scene, Spell
from linewatch.simulate.streams import stream
from linewatch.site.model import Line

Floats = NDArray[np.float64]
_WAVES: Final = 16
_STATION_PERIOD_S: Final = 600.0
_DEFAULT_PLACE_DEG: Final = (23.5, 52.8)  # for a bench line without geography: the middle of the reference line


class Air(msgspec.Struct, frozen=True):
    """Weather at n points: arrays of n."""

    temperature_c: Floats
    """Air temperature."""
    wind_mps: Floats
    """Mean wind."""
    gust_mps: Floats
    """Gust speed."""
    rain_mm_per_h: Floats
    """Rain intensity."""
    visibility_m: Floats
    """Meteorological visibility."""


class Sky:
    """Weather of one scene on one line."""

    def __init__(self, scene: Scene, line: Line, seed: int) -> None:
        self._scene = scene
        self._line = line
        usual = Spell(from_s=0.0, to_s=scene.duration_s, stretch_m=(0.0, line.length_m))
        self._spells = (usual, *scene.weather)
        rng = stream(seed, "gusts", line.id)
        # Lengths of the eddies: from the integral length of wind near the ground, about 100 m, up to 1 km
        # (IEC 61400-1:2019, annex C: integral scale 8.1 times 0.7 times the height, more for the large eddies).
        length_m = np.exp(rng.uniform(math.log(150.0), math.log(1_500.0), _WAVES))
        self._wave_per_m = 2.0 * math.pi / length_m
        self._phase = rng.uniform(0.0, 2.0 * math.pi, _WAVES)
        self._along = rng.uniform(-1.0, 1.0, _WAVES)

    def at(self, chainage_m: Floats, time_s: Floats) -> Air:
        """The weather at these points and times."""
        which = np.zeros(len(chainage_m), dtype=np.int64)
        for number, spell in enumerate(self._spells[1:], start=1):
            inside = (time_s >= spell.from_s) & (time_s < spell.to_s)
            inside &= (chainage_m >= spell.stretch_m[0]) & (chainage_m <= spell.stretch_m[1])
            which[inside] = number
        table = np.array(
            [(s.temperature_c, s.wind_mps, s.gust_mps, s.rain_mm_per_h, s.visibility_m) for s in self._spells]
        )
        rows = table[which]
        return Air(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4])

    def blowing_mps(self, chainage_m: Floats, time_s: Floats, air: Air) -> Floats:
        """Wind speed at this moment: the mean and eddies that drift with it.

        Taylor's frozen turbulence (Taylor, Proc. R. Soc. A 164, 1938): the pattern moves along with the part of the
        mean wind that blows along the line, so that points within an eddy's length rise and fall together. The gust
        speed is taken as three standard deviations above the mean (peak factor of a 3 s gust, Durst 1960, rounded).
        """
        eddies = np.zeros(len(chainage_m))
        for k, phase, along in zip(self._wave_per_m, self._phase, self._along, strict=True):
            eddies += np.cos(k * (chainage_m - along * air.wind_mps * time_s) + phase)
        eddies *= math.sqrt(2.0 / _WAVES)
        blowing: Floats = np.maximum(air.wind_mps + (air.gust_mps - air.wind_mps) / 3.0 * eddies, 0.0)
        return blowing

    def windiest(self, from_s: float, to_s: float) -> float:
        """Highest gust speed named for any part of this interval."""
        gusts = [s.gust_mps for s in self._spells if s.from_s < to_s and s.to_s > from_s]
        return max(gusts)

    def rainiest(self, from_s: float, to_s: float) -> float:
        """Strongest rain named for any part of this interval."""
        return max(s.rain_mm_per_h for s in self._spells if s.from_s < to_s and s.to_s > from_s)

    def daylight(self, time_s: Floats) -> Floats:
        """0 in the night, 1 by day, between them through civil twilight (sun from 6 degrees below to the horizon)."""
        lon, lat = (
            self._line.coordinates_deg[len(self._line.coordinates_deg) // 2]
            if self._line.coordinates_deg
            else (_DEFAULT_PLACE_DEG)
        )
        light: Floats = np.clip(
            (sun_elevation_deg(self._scene.start_ns / NS_PER_S + time_s, lon, lat) + 6.0) / 6.0, 0, 1
        )
        return light

    def records(self, from_s: float, to_s: float) -> list[Weather]:
        """What weather stations report within the interval: every spell as it begins, then every ten minutes."""
        out = []
        for spell in self._scene.weather:
            first = max(math.ceil((from_s - spell.from_s) / _STATION_PERIOD_S), 0)
            time_s = spell.from_s + first * _STATION_PERIOD_S
            while time_s < min(to_s, spell.to_s):
                out.append(self._record(spell, time_s))
                time_s += _STATION_PERIOD_S
        return out

    def _record(self, spell: Spell, time_s: float) -> Weather:
        return Weather(
            line=self._line.id,
            from_m=spell.stretch_m[0],
            to_m=spell.stretch_m[1],
            time_ns=self._scene.start_ns + round(time_s * 1e6) * 1_000,
            temperature_c=spell.temperature_c,
            wind_mps=spell.wind_mps,
            gust_mps=spell.gust_mps,
            rain_mm_per_h=spell.rain_mm_per_h,
            visibility_m=spell.visibility_m,
            wet=spell.wet,
        )


def sun_elevation_deg(unix_s: Floats, lon_deg: float, lat_deg: float) -> Floats:
    """Elevation of the sun, within about a degree.

    Declination by Cooper, Solar Energy 12 (1969): 23.45 sin(360 (284 + n) / 365) for day n of the year; the equation
    of time (at most 16 minutes) is left out.
    """
    day = (unix_s / 86_400.0) % 365.2425
    declination = np.radians(23.45) * np.sin(2.0 * np.pi * (285.0 + day) / 365.0)
    hour = np.radians(((unix_s / 3_600.0) % 24.0 - 12.0) * 15.0 + lon_deg)
    lat = math.radians(lat_deg)
    sine = math.sin(lat) * np.sin(declination) + math.cos(lat) * np.cos(declination) * np.cos(hour)
    elevation: Floats = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return elevation
