"""Reports without anybody: electronics, gusts on fences, rain, and the load that a scene asks for."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import ACTS, SensorKind
from linewatch.simulate.air import Sky
from linewatch.simulate.columns import UNKNOWN_MOVER, Reports, looks_of
from linewatch.simulate.course import UNKNOWN, WEATHER
from linewatch.simulate.instruments import LINKS, Instruments, Kind
from linewatch.simulate.manners import ACT_CONFUSION, MANNERS, MOVER_CONFUSION, probability_of
from linewatch.simulate.physics import DETECTABLE_DB
from linewatch.simulate.scene import Load
from linewatch.simulate.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DAY_S: Final = 86_400.0
_CELL_M: Final = 100.0
_GUST_STEP_S: Final = 2.0
_GUST_STARTS_MPS: Final = 11.0
_GUSTS_PER_S: Final = 2.0e-4
"""Reports a second of a 50 m length of fence for each (m/s)^2 above 11 m/s (*assumed*)."""
_RAIN_PER_DAY: Final[dict[SensorKind, float]] = {
    "fibre_das": 3.0,
    "geophone": 0.5,
    "microwave": 3.0,
    "radio_link": 4.0,
    "radar": 60.0,
    "camera": 6.0,
    "pir": 0.5,
}
"""Reports a day of a sensor, or a kilometre of fibre, for each mm/h (*assumed*)."""
_SHARE: Final[dict[SensorKind, float]] = {
    "fibre_das": 0.42,
    "fibre_vibration": 0.30,
    "geophone": 0.05,
    "pir": 0.03,
    "microwave": 0.02,
    "radio_link": 0.02,
    "radar": 0.10,
    "camera": 0.06,
}
"""The usual mix of a load by kind of sensor (*assumed*)."""
_LOOSE_EVERY_M: Final = 4_000.0
"""One loose panel or sign about every so many metres of fence (*assumed*)."""


def false_reports(kind: Kind, from_s: float, to_s: float, factor: float, rng: np.random.Generator) -> Reports | None:
    """Electronics: each sensor at its own rate, without any cause."""
    mean = kind.false_per_day * ((to_s - from_s) / _DAY_S * factor)
    return _scattered(kind, rng.poisson(mean), UNKNOWN, from_s, to_s, rng)


def rain_reports(
    kind: Kind, sky: Sky, from_s: float, to_s: float, factor: float, rng: np.random.Generator
) -> Reports | None:
    """Rain: drops on the ground, clutter, wet glass; in proportion to its intensity at each sensor."""
    per_day = _RAIN_PER_DAY.get(kind.kind, 0.0)
    if per_day == 0.0 or sky.rainiest(from_s, to_s) == 0.0:
        return None
    rain = sky.at(kind.at_m, np.full(len(kind.at_m), from_s)).rain_mm_per_h
    length_km = np.where(kind.width_m > 0, (kind.high_m - kind.low_m) / 1_000.0, 1.0)
    mean = per_day * rain * length_km * ((to_s - from_s) / _DAY_S * factor)
    return _scattered(kind, rng.poisson(mean), WEATHER, from_s, to_s, rng)


def load_reports(
    load: Load, instruments: Instruments, from_s: float, to_s: float, rng: np.random.Generator
) -> list[Reports]:
    """What a scene asks for beyond all causes: so many a second on a stretch, in the usual mix of kinds."""
    from_s, to_s = max(from_s, load.from_s), min(to_s, load.to_s)
    if to_s <= from_s:
        return []
    kinds = []
    for kind in instruments.kinds:
        share = 1.0 if kind.kind in load.kinds else (0.0 if load.kinds else _SHARE.get(kind.kind, 0.0))
        reach = np.minimum(kind.high_m, load.stretch_m[1]) - np.maximum(kind.low_m, load.stretch_m[0])
        if share and (reach >= 0).any():
            kinds.append((kind, share, np.where(reach >= 0, reach + 1.0, 0.0)))
    total = sum(share for _, share, _ in kinds)
    out = []
    for kind, share, reach in kinds:
        many = rng.poisson(load.detections_per_s * (to_s - from_s) * share / total)
        weights = reach if kind.width_m.any() else (reach > 0).astype(float)
        each = rng.multinomial(many, weights / weights.sum())
        part = _scattered(kind, each, UNKNOWN, from_s, to_s, rng, load.stretch_m)
        out += [] if part is None else [part]
    return out


def gust_reports(
    kind: Kind, sky: Sky, from_s: float, to_s: float, factor: float, rng: np.random.Generator
) -> Reports | None:
    """Wind on a fence: while an eddy blows, its cells report together.

    The chance of a report grows with the square of the speed above the threshold, as pressure does. What is disturbed
    is a long stretch, for a gust is hundreds of metres long; that is how it differs from somebody who climbs.
    """
    if kind.kind != "fibre_vibration" or sky.windiest(from_s, to_s) <= _GUST_STARTS_MPS:
        return None
    cells = np.maximum(np.ceil((kind.high_m - kind.low_m) / _CELL_M), 1).astype(np.int64)
    sensor = np.repeat(np.arange(len(cells)), cells)
    number = np.arange(len(sensor)) - np.repeat(np.cumsum(cells) - cells, cells)
    middle_m = kind.low_m[sensor] + (number + 0.5) * _CELL_M
    times_s = np.arange(math.floor(from_s / _GUST_STEP_S), math.ceil(to_s / _GUST_STEP_S)) * _GUST_STEP_S
    where, when = np.tile(middle_m, len(times_s)), np.repeat(times_s, len(middle_m))
    air = sky.at(where, when)
    over = np.maximum(sky.blowing_mps(where, when, air) - _GUST_STARTS_MPS, 0.0)
    per_step = _GUSTS_PER_S * (_CELL_M / 50.0) * _GUST_STEP_S
    row = np.repeat(np.arange(len(where)), rng.poisson(per_step * factor * over**2))
    if not len(row):
        return None
    n = len(row)
    strength_db = DETECTABLE_DB + 0.4 * over[row] + rng.exponential(1.5, n)
    return _reports(
        kind,
        sensor[np.mod(row, len(sensor))],
        np.clip(when[row] + rng.random(n) * _GUST_STEP_S, from_s, to_s),
        where[row] + rng.uniform(-0.5, 0.5, n) * _CELL_M,
        strength_db,
        WEATHER,
        rng,
        half_extent_m=rng.gamma(4.0, 8.0, n),
    )


def loose_reports(
    kind: Kind, sky: Sky, from_s: float, to_s: float, factor: float, seed: int, rng: np.random.Generator
) -> Reports | None:
    """Loose panels and signs that knock in the wind: always the same places, a few knocks at a time."""
    if kind.kind != "fibre_vibration" or sky.windiest(from_s, to_s) <= 6.0:
        return None
    fixed = stream(seed, "loose panels")
    length_m = float(kind.high_m.max())
    places_m = np.sort(fixed.uniform(0.0, length_m, max(round(length_m / _LOOSE_EVERY_M), 1)))
    looseness = fixed.uniform(0.2, 1.0, len(places_m))
    air = sky.at(places_m, np.full(len(places_m), from_s))
    over = np.maximum(sky.blowing_mps(places_m, np.full(len(places_m), from_s), air) - 6.0, 0.0)
    bouts = rng.poisson(factor * looseness * over**2 * 2.0e-5 * (to_s - from_s))
    row = np.repeat(np.repeat(np.arange(len(places_m)), bouts), 4)
    if not len(row):
        return None
    starts_s = np.repeat(rng.uniform(from_s, to_s, int(bouts.sum())), 4)
    time_s = np.clip(starts_s + rng.exponential(1.5, len(row)), from_s, to_s)
    rows, sensors = kind.near(places_m[row])
    n = len(rows)
    where = places_m[row][rows] + rng.normal(0.0, 0.5, n)
    return (
        _reports(kind, sensors, time_s[rows], where, DETECTABLE_DB + rng.exponential(4.0, n), WEATHER, rng)
        if n
        else None
    )


def noisy_reports(
    instruments: Instruments,
    sensors: tuple[str, ...],
    per_s: float,
    from_s: float,
    to_s: float,
    rng: np.random.Generator,
) -> list[Reports]:
    """A sensor with a fault that makes it report without end."""
    out = []
    numbers = instruments.numbers(sensors)
    for kind in instruments.kinds:
        faulty = np.isin(kind.index, numbers)
        part = _scattered(kind, rng.poisson(np.where(faulty, per_s * (to_s - from_s), 0.0)), UNKNOWN, from_s, to_s, rng)
        out += [] if part is None else [part]
    return out


def _scattered(
    kind: Kind,
    each: Ints,
    cause: int,
    from_s: float,
    to_s: float,
    rng: np.random.Generator,
    stretch_m: tuple[float, float] = (0.0, math.inf),
) -> Reports | None:
    """So many reports of each sensor, evenly over time and over what it covers of a stretch."""
    sensor = np.repeat(np.arange(len(each)), each)
    if not len(sensor):
        return None
    n = len(sensor)
    low_m = np.maximum(kind.low_m[sensor], stretch_m[0])
    high_m = np.minimum(kind.high_m[sensor], stretch_m[1])
    where = low_m + rng.random(n) * np.maximum(high_m - low_m, 0.0)
    strength_db = DETECTABLE_DB + rng.exponential(1.6, n)
    return _reports(kind, sensor, rng.uniform(from_s, to_s, n), where, strength_db, cause, rng)


def _reports(
    kind: Kind,
    sensor: Ints,
    time_s: Floats,
    chainage_m: Floats,
    strength_db: Floats,
    cause: int,
    rng: np.random.Generator,
    half_extent_m: Floats | None = None,
) -> Reports:
    """Reports that look like any other of their kind: the sensor does not know that nobody is there."""
    n = len(sensor)
    unknown = np.full(n, np.nan)
    width_m, at_m, range_m = kind.width_m[sensor], kind.at_m[sensor], kind.range_m[sensor]
    span, view = (width_m > 0) & (kind.kind not in LINKS), kind.kind in ("radar", "camera")
    sigma_m = np.where(span, np.hypot(width_m / math.sqrt(12.0), 0.5), 2.0 if view else range_m / math.sqrt(3.0))
    usual_m = np.where(span, np.maximum(width_m / 2.0, strength_db - DETECTABLE_DB), 0.5 if view else range_m)
    offset_m = np.clip(rng.normal(15.0, 20.0, n), -40.0, 80.0) if view else unknown
    act = np.full(n, UNKNOWN_MOVER)
    if MANNERS[kind.kind].sees_acts:
        act = ACT_CONFUSION.taken_for(np.full(n, ACTS.index("none")), rng.random(n))
    taken_for = np.full(n, cause)
    if kind.kind in MOVER_CONFUSION:
        taken_for = MOVER_CONFUSION[kind.kind].taken_for(taken_for, rng.random(n))
    count = np.full(n, 1 if view else -1, dtype=np.int32)
    return Reports(
        sensor=kind.index[sensor],
        time_s=time_s,
        due_s=time_s,
        duration_s=np.full(n, MANNERS[kind.kind].duration_s),
        chainage_m=np.where(span | view, chainage_m, at_m),
        chainage_sigma_m=np.maximum(sigma_m, 0.5),
        half_extent_m=usual_m if half_extent_m is None else half_extent_m,
        strength_db=strength_db,
        probability=probability_of(strength_db),
        looks=looks_of(kind.kind, taken_for),
        act=act,
        offset_m=offset_m,
        offset_sigma_m=np.full(n, 4.0) if view else unknown,
        velocity_mps=unknown,
        velocity_sigma_mps=unknown,
        count_low=count,
        count_high=count,
    )
