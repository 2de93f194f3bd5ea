"""How well each kind of sensor detects, and what terrain, weather and light take from it: one model in decibels.

A sensor detects a crossing when its signal stands high enough over the noise. Signals of movers scatter about their
usual level by a normal law in decibels, so that a loss of d dB (or noise that has risen by d dB) lowers a detection
probability p to Phi(Phi^-1(p) - d / s), where s is the scatter and Phi the normal distribution function. Every
influence is therefore a number of decibels, and they add.

The figures of `KINDS`, `TERRAIN_DB` and the weather laws marked *assumed* are round numbers chosen to be cautious.
They stand until a site states better ones in `Sensor.performance` or walk tests measure the stretch.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from linewatch.errors import InputError
from linewatch.records import Weather
from linewatch.records.vocabulary import Gait, Mover, SensorKind
from linewatch.site.model import TERRAINS
from linewatch.site.sensor import Performance, Sensor

Floats = NDArray[np.float64]

Watched = Literal["person_walking", "person_crawling", "group", "vehicle"]
"""What coverage is stated for."""
WATCHED: Final[tuple[Watched, ...]] = get_args(Watched)
"""In the order of every array with an axis of movers."""

Family = Literal["vibration", "optics", "radio", "radar", "contact"]
"""Sensors that feel the same physical thing, and so fail together in bad weather."""
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)

Head = Literal["buried", "fence", "infrared", "microwave", "radio", "radar", "day", "thermal", "contact"]
"""A way of sensing that terrain and weather treat alike. A camera position has a day and a thermal one."""
HEADS: Final[tuple[Head, ...]] = get_args(Head)


class Kind(NamedTuple):
    """Assumed performance of one kind of sensor: probability to notice one crossing of the line, in calm and open."""

    family: Family
    """What it feels."""
    heads: tuple[Head, ...]
    """Its ways of sensing, of which the better one counts."""
    walk: float
    """Pd of one person walking across, at the end of the reach."""
    crawl: float
    """Pd of one person crawling across."""
    vehicle: float
    """Pd of a vehicle."""
    group_db: float
    """How far a group of five or more stands above one walker: half of 10 log10(5), since steps and shapes overlap."""
    scatter_db: float
    """Standard deviation of the signal from one crossing to the next."""
    reach_m: float
    """How far a point sensor reaches where the site does not say; half the length of a link."""
    decade_db: float
    """What being ten times nearer adds, up to `MOST_GAIN_DB`."""
    source: str
    """Where the figures are from."""


_STEPS: Final = "assumed; scatter after the spread between careful and heavy walkers (docs/coverage.md)"
_ZONE: Final = "assumed: what UFGS-13721A accepts, more than 0.9 of standard intruders, less for crawling"
KINDS: Final[Mapping[SensorKind, Kind]] = {
    "fibre_das": Kind("vibration", ("buried",), 0.80, 0.35, 0.97, 3.5, 6.0, 0.0, 0.0, _STEPS),
    "fibre_vibration": Kind("vibration", ("fence",), 0.85, 0.60, 0.90, 3.5, 6.0, 0.0, 0.0, "assumed: climbs or cuts"),
    # A surface wave spreads as 10 log10(r); what the soil takes on top stands in TERRAIN_DB.
    "geophone": Kind("vibration", ("buried",), 0.85, 0.40, 0.97, 3.5, 6.0, 45.0, 10.0, _STEPS),
    "pir": Kind("optics", ("infrared",), 0.90, 0.70, 0.95, 3.5, 6.0, 20.0, 20.0, _ZONE),
    "microwave": Kind("radio", ("microwave",), 0.92, 0.60, 0.98, 3.5, 4.0, 60.0, 0.0, _ZONE),
    "radio_link": Kind("radio", ("radio",), 0.75, 0.50, 0.90, 3.5, 6.0, 30.0, 0.0, "assumed"),
    # 5.6 dB is the deviation of an exponential power in dB (Swerling I); range by the radar equation, 40 log10(r).
    "radar": Kind("radar", ("radar",), 0.85, 0.15, 0.97, 3.5, 5.6, 1_500.0, 40.0, "assumed; scatter Swerling I"),
    # Pixels on a target fall as 1/r, and they decide whether it is seen (Johnson 1958).
    "camera": Kind("optics", ("day", "thermal"), 0.80, 0.50, 0.90, 3.5, 6.0, 150.0, 20.0, "assumed"),
    "contact": Kind("contact", ("contact",), 0.70, 0.50, 0.90, 0.0, 6.0, 2.0, 0.0, "assumed: opens the gate"),
}
MOST_PD: Final = 0.99
"""No sensor alone is taken to be surer than this: faults that nobody has noticed are part of the world."""
MOST_GAIN_DB: Final = 12.0
"""Nearness adds no more than this."""
SWAMPED_DB: Final = 20.0
"""A sensor whose noise floor has risen by this much does not watch at all."""

TERRAIN_DB: Final[Mapping[Head, tuple[float, ...]]] = {
    # Order of TERRAINS: open, forest, wetland, river, town. All assumed.
    "buried": (0.0, 2.0, 6.0, 12.0, 6.0),
    "fence": (0.0, 2.0, 0.0, 0.0, 3.0),
    "infrared": (0.0, 3.0, 2.0, 2.0, 3.0),
    "microwave": (0.0, 4.0, 3.0, 4.0, 4.0),
    "radio": (0.0, 4.0, 3.0, 3.0, 5.0),
    "radar": (0.0, 25.0, 2.0, 6.0, 12.0),
    "day": (0.0, 6.0, 2.0, 0.0, 3.0),
    "thermal": (0.0, 6.0, 2.0, 0.0, 3.0),
    "contact": (0.0, 0.0, 0.0, 0.0, 0.0),
}
"""What terrain takes from each head."""

CALM_WIND_MPS: Final = 5.0
"""Gusts up to this speed change nothing (assumed)."""
CONTRAST_C: Final = 10.0
"""Difference in temperature from which thermal contrast is full (assumed)."""
CLOTHING_C: Final = 24.0
"""Temperature of a clothed body as infra-red sees it in mild air (assumed)."""
# Contrast falls as exp(-sigma r), and meteorological visibility V is where 5 % of it is left (WMO-No. 8): in dB of
# amplitude, 20 log10(1 / 0.05) at r = V.
FOG_DB_AT_VISIBILITY: Final = 26.02
THERMAL_FOG_SHARE: Final = 0.5
"""Share of that loss which long-wave infra-red suffers in fog (assumed; much less in haze, nearly all in dense fog)."""
DARK_DB: Final = 40.0
"""What the night takes from a camera that needs light (assumed: it is blind)."""
# Specific attenuation of rain, dB per km = k R^alpha: ITU-R P.838-3 at 16 GHz, horizontal; twice for there and back.
RAIN_K: Final = 0.0528
RAIN_ALPHA: Final = 1.109

BETA_CALM: Final = 0.1
"""Share of crossings on which a family hits or misses as one, in calm weather: the upper end of the range usual in
functional safety (IEC 61508-6, annex D: 1 to 10 %)."""
BETA_STORM: Final = 0.5
"""The same where the weather takes `BETA_STORM_DB` from the family, and beyond (assumed)."""
BETA_STORM_DB: Final = 10.0
BETA_DISTANCE_M: Final = 50.0
"""Distance for which a loss that grows with distance is taken when it is asked how bad the weather is."""


class Loss(NamedTuple):
    """What one head loses: `flat_db` + `per_m_db` times the distance to the mover."""

    flat_db: float
    per_m_db: float


def watched_mover(mover: Mover, gait: Gait | None) -> Watched | None:
    """The row of the coverage that a moving thing belongs to; None where coverage is not stated for it."""
    if mover == "person":
        # A runner is louder than a walker: it proves nothing about walkers.
        by_gait: dict[Gait | None, Watched] = {
            None: "person_walking",
            "walk": "person_walking",
            "crawl": "person_crawling",
        }
        return by_gait.get(gait)
    others: dict[Mover, Watched] = {"group": "group", "vehicle": "vehicle"}
    return others.get(mover)


def family_of(sensor: Sensor) -> Family:
    """What the sensor feels."""
    return KINDS[sensor.kind].family


def heads_of(sensor: Sensor) -> tuple[Head, ...]:
    """Its ways of sensing: a camera without a thermal head has its day head only."""
    heads = KINDS[sensor.kind].heads
    return heads if sensor.performance.thermal else tuple(head for head in heads if head != "thermal")


def margins_of(sensor: Sensor) -> Floats:
    """(4,) Phi^-1 of the detection probability by mover (`WATCHED`), at the end of the reach, in calm and open.

    What the site states goes before the table. A mover for which it states nothing moves by as much as the walker
    does, so that a sensor stated to be poor with walkers is not thought good with crawlers; a group always does.
    """
    return np.array(_margins(sensor.kind, sensor.performance))


@lru_cache(maxsize=1024)
def _margins(named: SensorKind, stated: Performance) -> tuple[float, ...]:
    kind = KINDS[named]
    walk = _margin(kind.walk if stated.pd_walk_fraction is None else stated.pd_walk_fraction)
    moved = walk - _margin(kind.walk)

    def other(assumed: float, told: float | None) -> float:
        return _margin(assumed) + moved if told is None else _margin(told)

    return (
        walk,
        other(kind.crawl, stated.pd_crawl_fraction),
        walk + kind.group_db / kind.scatter_db,
        other(kind.vehicle, stated.pd_vehicle_fraction),
    )


def _margin(pd: float) -> float:
    return float(ndtri(min(max(pd, 0.0), MOST_PD)))


def gain_db(kind: SensorKind, distance_m: Floats, reach_m: Floats) -> Floats:
    """What being nearer than the end of the reach adds, up to `MOST_GAIN_DB`; minus infinity beyond the reach."""
    decade_db = KINDS[kind].decade_db
    if decade_db == 0.0:
        return np.where(distance_m <= reach_m, 0.0, -np.inf)
    nearest_m = reach_m * 10.0 ** (-MOST_GAIN_DB / decade_db)
    gain = decade_db * np.log10(reach_m / np.clip(distance_m, nearest_m, np.maximum(reach_m, nearest_m)))
    return np.where(distance_m <= reach_m, gain, -np.inf)


def terrain_db(head: Head, terrain: str) -> float:
    """What the terrain takes. Raises `InputError` on a class that `TERRAINS` does not hold."""
    if terrain not in TERRAINS:
        raise InputError(f"terrain: found {terrain!r}; allowed: {', '.join(TERRAINS)}")
    return TERRAIN_DB[head][TERRAINS.index(terrain)]


def weather_loss(head: Head, weather: Weather | None, light_fraction: float) -> Loss:
    """What weather and light take from a head; nothing for what the weather record does not tell.

    `light_fraction` is 0 in the dark and 1 by day. Wind loads a fence by its pressure, half rho v squared, so that
    the noise grows by 40 log10(v); half of it reaches the band in which climbs are felt, a quarter the soil (assumed).
    Drops add their powers, so rain adds 10 log10(1 + R / R0) (R0 assumed).
    """
    dark_db = DARK_DB * (1.0 - light_fraction) if head == "day" else 0.0
    if weather is None:
        return Loss(dark_db, 0.0)
    rain = weather.rain_mm_per_h or 0.0
    if head in ("buried", "fence"):
        wind_db = (20.0 if head == "fence" else 10.0) * math.log10(max(_gust_mps(weather) / CALM_WIND_MPS, 1.0))
        return Loss(wind_db + 10.0 * math.log10(1.0 + rain / 5.0), 0.0)
    if head in ("microwave", "radio", "radar"):
        clutter_db = 10.0 * math.log10(1.0 + rain / 10.0)
        way_db_per_m = 2.0 * RAIN_K * rain**RAIN_ALPHA / 1_000.0 if head == "radar" else 0.0
        return Loss(clutter_db, way_db_per_m)
    if head == "contact":
        return Loss(0.0, 0.0)
    fog_db_per_m = FOG_DB_AT_VISIBILITY / max(weather.visibility_m, 1.0) if weather.visibility_m is not None else 0.0
    drops_db = 0.3 * rain  # streaks and drops on the glass (assumed)
    if head == "day":
        return Loss(dark_db + drops_db, fog_db_per_m)
    return Loss(_contrast_db(weather.temperature_c) + drops_db, THERMAL_FOG_SHARE * fog_db_per_m)


def _gust_mps(weather: Weather) -> float:
    return max(weather.gust_mps or 0.0, weather.wind_mps or 0.0)


def _contrast_db(temperature_c: float | None) -> float:
    """What warm air takes from thermal contrast: 20 log10 of its share, at most 20 dB."""
    if temperature_c is None:
        return 0.0
    share = abs(CLOTHING_C - temperature_c) / CONTRAST_C
    return -20.0 * math.log10(min(max(share, 0.1), 1.0))


def common_cause_fraction(family: Family, weather: Weather | None) -> float:
    """Share of crossings on which the sensors of a family hit or miss as one: `BETA_CALM` to `BETA_STORM`.

    It grows with what the weather takes from the worst hit head of the family. Light is no weather.
    """
    heads = {head for kind in KINDS.values() if kind.family == family for head in kind.heads}
    losses = [weather_loss(head, weather, 1.0) for head in heads]
    worst_db = max(loss.flat_db + BETA_DISTANCE_M * loss.per_m_db for loss in losses)
    return BETA_CALM + (BETA_STORM - BETA_CALM) * min(worst_db / BETA_STORM_DB, 1.0)


def light_fraction(time_ns: int, lon_deg: float, lat_deg: float) -> float:
    """0 in the dark, 1 by day, between them through civil twilight (sun from 6 degrees below to the horizon).

    Declination by Cooper, Solar Energy 12 (1969); the equation of time, at most 16 minutes, is left out.
    """
    unix_s = time_ns / 1e9
    day = unix_s / 86_400.0 % 365.2425
    declination = math.radians(23.45) * math.sin(2.0 * math.pi * (285.0 + day) / 365.0)
    hour = math.radians((unix_s / 3_600.0 % 24.0 - 12.0) * 15.0 + lon_deg)
    lat = math.radians(lat_deg)
    sine = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(hour)
    return min(max((math.degrees(math.asin(min(max(sine, -1.0), 1.0))) + 6.0) / 6.0, 0.0), 1.0)
