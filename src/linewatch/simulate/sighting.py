"""Who is felt by which sensor, and what the sensor then reports."""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.simulate import physics
from linewatch.simulate.air import Air, Sky
from linewatch.simulate.columns import UNKNOWN_MOVER, Reports, looks_of
from linewatch.simulate.course import CRAWL, GROUP, PERSON, STILL, TRAIN, VEHICLE, Movers
from linewatch.simulate.instruments import LINKS, Instruments, Kind
from linewatch.simulate.manners import ACT_CONFUSION, MANNERS, MOVER_CONFUSION, Manner, probability_of
from linewatch.simulate.physics import DETECTABLE_DB, Sight

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WIDEST_M: Final = {"fibre_vibration": 1.0, "contact": 2.0, "microwave": 8.0, "radio_link": 8.0}
"""Offset beyond which a kind feels nothing at all, to spare the arithmetic."""
_GROUND_WIDEST_M: Final = 300.0
_HALF_EXTENT_MAX_M: Final = 80.0
_STEADY_SHARE: Final = 0.7
"""Share of its words in which a sensor sticks to the name that it gave a mover at first ..."""
_STEADY_S: Final = 30.0
"""... while it sees it from one side: about as long as a walker takes through a camera's view (*assumed*)."""
_BEYOND_SHARE: Final = 0.6
"""Error of a place beyond a span's end, as a share of the way to it: only loudness tells of that (*assumed*)."""


class Seen(msgspec.Struct, frozen=True):
    """n pairs of a part of a mover and a sensor of one kind, with what can be expected of each."""

    movers: Ints
    """Number of the mover."""
    sensor: Ints
    """Number of the sensor within its kind."""
    time_s: Floats
    """When."""
    chainage_m: Floats
    """Where the part really is."""
    offset_m: Floats
    """Its real offset."""
    velocity_mps: Floats
    """Its real speed along the line."""
    sight: Sight
    """What the physics needs."""
    snr_db: Floats
    """Expected signal over noise."""


def frames_of(movers: Movers, alive: Ints, period_s: float, from_s: float, to_s: float) -> tuple[Ints, Floats]:
    """Mover and time of every frame on the grid of this period within `[from_s, to_s)` and the mover's life."""
    first = np.ceil(np.maximum(movers.start_s[alive], from_s) / period_s - 1e-9).astype(np.int64)
    last = np.ceil(np.minimum(movers.end_s[alive], to_s) / period_s - 1e-9).astype(np.int64)
    many = np.maximum(last - first, 0)
    frame = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    return np.repeat(alive, many), frame * period_s


class _Parts(msgspec.Struct, frozen=True):
    """Movers at frames, groups taken apart as far as a kind of sensor can."""

    movers: Ints
    time_s: Floats
    chainage_m: Floats
    offset_m: Floats
    velocity_mps: Floats
    weight: Floats
    pace: Ints
    act: Ints


def _parts(movers: Movers, who: Ints, when: Floats, manner: Manner, rng: np.random.Generator | None) -> _Parts:
    where = movers.at(who, when)
    spread_m = movers.spread_m(who, where.count)
    many = np.ones(len(who), dtype=np.int64)
    if math.isfinite(manner.resolution_m):
        most = np.where(movers.mover[who] == TRAIN, 20.0, np.minimum(where.count, manner.parts_max))
        many = np.maximum(np.minimum(np.ceil(spread_m / manner.resolution_m), most), 1.0).astype(np.int64)
    row = np.repeat(np.arange(len(who)), many)
    part = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
    place = (part + 0.5) / many[row] - 0.5
    chainage_m = where.chainage_m[row] + spread_m[row] * place
    offset_m = where.offset_m[row].copy()
    crowd = where.count[row] > 1
    if rng is not None and crowd.any():
        chainage_m = chainage_m + np.where(crowd, rng.normal(0.0, 0.15, len(row)) * spread_m[row] / many[row], 0.0)
        offset_m += np.where(crowd & (where.act[row] == 0), rng.normal(0.0, 1.5, len(row)), 0.0)
    return _Parts(
        movers=who[row],
        time_s=when[row],
        chainage_m=chainage_m,
        offset_m=offset_m,
        velocity_mps=where.velocity_mps[row],
        weight=np.maximum(where.count[row] / many[row], 1.0),
        pace=where.pace[row],
        act=where.act[row],
    )


def seen(
    kind: Kind,
    movers: Movers,
    frames: tuple[Ints, Floats],
    instruments: Instruments,
    sky: Sky,
    rng: np.random.Generator | None = None,
) -> Seen:
    """All pairs of a part of a mover and a sensor of this kind that could feel it in these frames, without any miss."""
    manner = MANNERS[kind.kind]
    p = _parts(movers, *frames, manner, rng)
    near = np.abs(p.offset_m) <= _WIDEST_M.get(kind.kind, math.inf)
    rows, sensors = kind.near(p.chainage_m[near])
    rows = np.flatnonzero(near)[rows]
    along_m = p.chainage_m[rows] - kind.at_m[sensors]
    # Along a span there is always a channel abreast; beyond its ends the last one counts.
    beyond_m = np.sign(along_m) * np.maximum(np.abs(along_m) - kind.range_m[sensors], 0.0)
    along_m = np.where(kind.width_m[sensors] > 0, beyond_m, along_m)
    across_m = p.offset_m[rows] - kind.offset_m[sensors]
    distance_m = np.hypot(along_m, across_m)
    kept = _in_view(kind, sensors, along_m, across_m)
    if kind.kind in ("fibre_das", "geophone"):
        kept &= distance_m <= _GROUND_WIDEST_M
    rows, sensors, along_m, distance_m = rows[kept], sensors[kept], along_m[kept], distance_m[kept]
    chainage_m, time_s = p.chainage_m[rows], p.time_s[rows]
    air = sky.at(chainage_m, time_s)
    sight = Sight(
        distance_m=distance_m,
        along_m=along_m,
        across_m=p.offset_m[rows],
        range_m=kind.range_m[sensors],
        weight=p.weight[rows],
        mover=movers.mover[p.movers[rows]],
        pace=p.pace[rows],
        act=p.act[rows],
        gain_db=movers.gain_db[p.movers[rows]],
        soil_db_per_m=instruments.soil_at(chainage_m),
        terrain_db=instruments.terrain_at(kind.kind, chainage_m),
        thermal=kind.thermal[sensors],
        blowing_mps=sky.blowing_mps(chainage_m, time_s, air),
        daylight=sky.daylight(time_s),
    )
    return Seen(
        movers=p.movers[rows],
        sensor=sensors,
        time_s=time_s,
        chainage_m=chainage_m,
        offset_m=p.offset_m[rows],
        velocity_mps=p.velocity_mps[rows],
        sight=sight,
        snr_db=_expected_db(kind.kind, sight, air) - sight.terrain_db,
    )


def _in_view(kind: Kind, sensors: Ints, along_m: Floats, across_m: Floats) -> NDArray[np.bool_]:
    facing_deg = kind.facing_deg[sensors]
    all_round = np.isnan(facing_deg)
    if all_round.all():
        return np.ones(len(sensors), dtype=bool)
    aside_deg = np.degrees(np.arctan2(across_m, along_m)) - np.where(all_round, 0.0, facing_deg)
    turned = np.abs((aside_deg + 180.0) % 360.0 - 180.0)
    return all_round | (turned <= kind.half_fov_deg[sensors])


def _expected_db(kind: str, sight: Sight, air: Air) -> Floats:
    if kind in ("fibre_das", "geophone"):
        return physics.ground_db(sight, air, fibre=kind == "fibre_das")
    formulas = {
        "fibre_vibration": physics.fence_db,
        "radar": physics.radar_db,
        "camera": physics.camera_db,
        "pir": physics.pir_db,
        "microwave": physics.link_db,
        "radio_link": physics.link_db,
        "contact": physics.contact_db,
    }
    return formulas[kind](sight, air)


def noticed(kind: Kind, movers: Movers, found: Seen, seed: int) -> NDArray[np.bool_]:
    """Whether the sensor can notice this mover at all: one chance for each pair, whenever it is asked."""
    crawling = found.sight.pace == CRAWL
    wheels = (found.sight.mover == VEHICLE) | (found.sight.mover == TRAIN)
    column = np.where(wheels, 2, np.where(crawling, 1, 0))
    chance = _mixed(movers.key[found.movers] ^ kind.key[found.sensor] ^ np.uint64(seed & (2**63 - 1)))
    return chance < kind.pd[found.sensor, column]


def _mixed(number: NDArray[np.uint64]) -> Floats:
    """Uniform chance in [0, 1): the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = number + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(2**53)


def sightings(
    kind: Kind,
    movers: Movers,
    alive: Ints,
    from_s: float,
    to_s: float,
    instruments: Instruments,
    sky: Sky,
    seed: int,
    rng: np.random.Generator,
) -> Reports | None:
    """What the sensors of one kind report of the movers within `[from_s, to_s)`; None for nothing."""
    manner = MANNERS[kind.kind]
    frames = frames_of(movers, alive, manner.period_s, from_s, to_s)
    if not len(frames[0]):
        return None
    found = seen(kind, movers, frames, instruments, sky, rng)
    if not len(found.time_s):
        return None
    strength_db = found.snr_db + rng.normal(0.0, manner.spread_db, len(found.snr_db))
    kept = (strength_db >= DETECTABLE_DB) & noticed(kind, movers, found, seed)
    if not manner.sees_movers:
        kept &= _first_of_each(found, kept)
    if not kept.any():
        return None
    return _reports(kind, movers, found, np.flatnonzero(kept), strength_db, seed, rng)


def _first_of_each(found: Seen, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One report for each sensor and frame: such a sensor only says that there is something."""
    rows = np.flatnonzero(kept)
    name = found.sensor[rows] * 1_000_000_000 + np.rint(found.time_s[rows] * 2.0).astype(np.int64)
    _, first = np.unique(name, return_index=True)
    out = np.zeros(len(kept), dtype=bool)
    out[rows[first]] = True
    return out


def _reports(
    kind: Kind, movers: Movers, found: Seen, rows: Ints, strength_db: Floats, seed: int, rng: np.random.Generator
) -> Reports:
    n = len(rows)
    manner = MANNERS[kind.kind]
    sensor, strength_db = found.sensor[rows], strength_db[rows]
    place = _measured(kind, found, rows, sensor, strength_db, rng)
    weight = found.sight.weight[rows]
    true = np.where(
        (found.sight.mover[rows] == GROUP) & (weight < 1.5) & (kind.kind in ("radar", "camera")),
        PERSON,
        found.sight.mover[rows],
    )
    steady = _steady_chance(kind, movers, found, rows, seed)
    looks = _taken_for(kind, true, steady, rng)
    act = np.full(n, UNKNOWN_MOVER)
    if manner.sees_acts:
        act = ACT_CONFUSION.taken_for(found.sight.act[rows], rng.random(n))
    low = high = np.full(n, -1, dtype=np.int32)
    if kind.kind in ("camera", "radar"):
        low, high = _counted(weight, 0.2 if kind.kind == "camera" else 0.35, rng)
    # A report comes at the end of its frame, all that a sensor sees in it at once, and each sensor has its own phase.
    frame = np.rint(found.time_s[rows] / manner.period_s).astype(np.uint64)
    delay_s = _mixed(kind.key[sensor] + frame * np.uint64(0x9FB21C651E98DF25))
    delay_s *= 0.2 if math.isfinite(manner.resolution_m) else 0.4
    time_s = found.time_s[rows] + delay_s
    return Reports(
        sensor=kind.index[sensor],
        time_s=time_s,
        due_s=time_s,
        duration_s=np.full(n, manner.duration_s),
        strength_db=strength_db,
        probability=probability_of(strength_db),
        looks=looks,
        act=act,
        count_low=low,
        count_high=high,
        **place,
    )


def _steady_chance(kind: Kind, movers: Movers, found: Seen, rows: Ints, seed: int) -> Floats:
    """The chance by which each sensor names each mover for a while; sensors that stand apart err apart."""
    who, sensor = found.movers[rows], found.sensor[rows]
    # Not all change their minds at once.
    phase_s = _mixed(movers.key[who] ^ kind.key[sensor]) * _STEADY_S
    spell = np.floor((found.time_s[rows] + phase_s) / _STEADY_S).astype(np.uint64)
    own = movers.key[who] ^ kind.key[sensor] ^ np.uint64(seed & (2**63 - 1))
    return _mixed(own + (spell + np.uint64(1)) * np.uint64(0xD1342543DE82EF95))


def _taken_for(kind: Kind, true: Ints, steady: Floats, rng: np.random.Generator) -> Ints:
    """What each is taken for: a sensor mostly sticks to the name it gave a mover a moment ago."""
    if kind.kind not in MOVER_CONFUSION:
        return looks_of(kind.kind, true)
    chance = np.where(rng.random(len(true)) < _STEADY_SHARE, steady, rng.random(len(true)))
    return looks_of(kind.kind, MOVER_CONFUSION[kind.kind].taken_for(true, chance))


def _counted(weight: Floats, error: float, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What a sensor counts of a part: log-normal about the truth, with an interval of 1.65 standard deviations."""
    many = weight > 1.0
    guess = np.where(many, weight * np.exp(rng.normal(0.0, error, len(weight))), 1.0)
    factor = np.where(many, math.exp(1.65 * error), 1.0)
    low = np.maximum(np.floor(guess / factor), 1.0).astype(np.int32)
    return low, np.maximum(np.ceil(guess * factor), low).astype(np.int32)


def _measured(
    kind: Kind, found: Seen, rows: Ints, sensor: Ints, strength_db: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """Where each report says that it was, and how exactly."""
    n = len(rows)
    unknown = np.full(n, np.nan)
    out = {"offset_m": unknown, "offset_sigma_m": unknown, "velocity_mps": unknown, "velocity_sigma_mps": unknown}
    distance_m, over_db = found.sight.distance_m[rows], strength_db - DETECTABLE_DB
    chainage_m = found.chainage_m[rows]
    width_m = kind.width_m[sensor]
    if kind.width_m.any() and kind.kind not in LINKS:
        chainage_m = chainage_m - found.sight.along_m[rows]  # the channel that feels it most
        # The channel's width, and the flatter top of a wave that comes from further away. What passes beyond its last
        # channel is felt there, and the sensor knows that it may be further on.
        scatter_m = np.sqrt(width_m**2 / 12.0 + (0.15 * distance_m) ** 2 + 0.25)
        sigma_m = np.hypot(scatter_m, _BEYOND_SHARE * found.sight.along_m[rows])
        loss = physics.FENCE_DB_PER_M if kind.kind == "fibre_vibration" else 1.0
        half_m = np.clip(over_db / loss, width_m / 2.0, _HALF_EXTENT_MAX_M)
        return out | {
            "chainage_m": chainage_m + rng.normal(0.0, 1.0, n) * scatter_m,
            "chainage_sigma_m": sigma_m,
            "half_extent_m": half_m,
        }
    at_m, range_m = kind.at_m[sensor], kind.range_m[sensor]
    if kind.kind in ("radar", "camera"):
        return out | _by_view(kind, found, rows, sensor, rng)
    if kind.kind in LINKS:
        out |= {"offset_m": kind.offset_m[sensor], "offset_sigma_m": np.full(n, 2.5)}
    # "Somewhere within reach": the standard deviation of an even chance over it.
    return out | {
        "chainage_m": at_m,
        "chainage_sigma_m": np.maximum(range_m / math.sqrt(3.0), 0.5),
        "half_extent_m": range_m,
    }


def _by_view(kind: Kind, found: Seen, rows: Ints, sensor: Ints, rng: np.random.Generator) -> dict[str, Floats]:
    """Range and bearing turned into chainage and offset, each with its own error."""
    n = len(rows)
    along_m = found.sight.along_m[rows]
    across_m = found.offset_m[rows] - kind.offset_m[sensor]
    d = np.maximum(np.hypot(along_m, across_m), 1.0)
    ux, uy = along_m / d, across_m / d
    if kind.kind == "radar":
        radial_m, lateral_m = np.full(n, 2.0), np.radians(0.6) * d + 0.3
    else:
        radial_m, lateral_m = 1.0 + 0.04 * d, np.radians(0.3) * d + 0.3
    e_radial, e_lateral = rng.normal(0.0, 1.0, n) * radial_m, rng.normal(0.0, 1.0, n) * lateral_m
    sigma_x = np.hypot(ux * radial_m, uy * lateral_m)
    sigma_y = np.hypot(uy * radial_m, ux * lateral_m)
    out = {
        "chainage_m": found.chainage_m[rows] + ux * e_radial - uy * e_lateral,
        "chainage_sigma_m": sigma_x,
        "half_extent_m": np.maximum(np.sqrt(found.sight.weight[rows]), 0.5),
        "offset_m": found.offset_m[rows] + uy * e_radial + ux * e_lateral,
        "offset_sigma_m": sigma_y,
    }
    if kind.kind == "radar":
        # Doppler gives the radial speed; along the line it says something only where the view is along the line.
        clear = (np.abs(ux) > 0.5) & (found.sight.pace[rows] != STILL)
        sigma_v = 0.3 / np.maximum(np.abs(ux), 0.5)
        speed = found.velocity_mps[rows] + rng.normal(0.0, 1.0, n) * sigma_v
        out |= {"velocity_mps": np.where(clear, speed, np.nan), "velocity_sigma_mps": np.where(clear, sigma_v, np.nan)}
    return out
