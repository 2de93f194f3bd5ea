"""How strongly a sensor feels a mover: expected signal over noise in decibels, before any detector and any chance.

Every figure marked *assumed* is a round number chosen so that the distance at which a walking person stands 10 dB over
the noise in calm air agrees with the reach that makers state (docs/scenes.md lists them); the laws of decay are from
the sources named beside them. 10 dB is also what `truth` calls detectable.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import ACTS
from linewatch.simulate.air import Air
from linewatch.simulate.course import ANIMAL, CRAWL, GROUP, PERSON, RUN, STILL, TRAIN, VEHICLE, WALK

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DETECTABLE_DB: Final = 10.0
NOTHING_DB: Final = -999.0

# Attenuation of ground waves at 25 Hz by terrain, dB per metre: 8.686 pi f / (Q c) with quality Q from 10 (soft, wet)
# to 30 (firm) and speed c from 150 to 350 m/s (*assumed* ranges for near-surface soil).
_SOIL_DB_PER_M: Final[dict[str, float]] = {"wetland": 0.40, "forest": 0.22, "open": 0.18, "river": 0.35, "town": 0.12}
_SOIL_USUAL_DB_PER_M: Final = 0.20


class Sight(msgspec.Struct, frozen=True):
    """n pairs of a mover (or a part of a group) and a sensor that may feel it: arrays of n."""

    distance_m: Floats
    """Distance between them."""
    along_m: Floats
    """Chainage of the mover minus that of the sensor."""
    across_m: Floats
    """Offset of the mover from the line."""
    range_m: Floats
    """How far the sensor reaches, as the site says."""
    weight: Floats
    """How many the part stands for."""
    mover: Ints
    """Mover code."""
    pace: Ints
    """Pace code."""
    act: Ints
    """Act code."""
    gain_db: Floats
    """How much louder or larger than usual this one is."""
    soil_db_per_m: Floats
    """Attenuation of the ground."""
    terrain_db: Floats
    """What bushes, reeds and buildings take from the view, the beam or the fence."""
    thermal: NDArray[np.bool_]
    """Whether a camera position has a thermal head."""
    blowing_mps: Floats
    """Wind at this moment."""
    daylight: Floats
    """0 by night to 1 by day."""


def soil_db_per_m(terrain: str) -> float:
    """Attenuation of ground waves at 25 Hz in this terrain."""
    return _SOIL_DB_PER_M.get(terrain, _SOIL_USUAL_DB_PER_M)


def _table(
    person: tuple[float, ...], vehicle: tuple[float, ...], animal: tuple[float, ...], train: tuple[float, ...]
) -> Floats:
    """(7 movers, 4 paces) of levels; a member of a group is a person, weather and the unknown give nothing."""
    table = np.full((7, 4), NOTHING_DB)
    table[PERSON], table[GROUP], table[VEHICLE], table[ANIMAL], table[TRAIN] = person, person, vehicle, animal, train
    return table


# Level at 1 m over the quiet noise of a buried geophone, by pace (still, walk, run, crawl). Between a careful and a
# heavy walker lie 10 dB and more; running is 6 dB above walking, crawling 14 dB below (*assumed*, after the order in
# Ekimov and Sabatier, J. Acoust. Soc. Am. 120 (2006) 762, who measured footsteps of several styles).
_GROUND_DB: Final = _table(
    (NOTHING_DB, 37.0, 43.0, 23.0), (38.0, 56.0, 60.0, 50.0), (NOTHING_DB, 33.0, 41.0, 21.0), (45.0, 78.0, 80.0, 70.0)
)
_FIBRE_BELOW_GEOPHONE_DB: Final = 5.0  # *assumed*: a fibre averages over its gauge length
_LOW_FREQUENCY_SHARE: Final = np.array([1.0, 1.0, 0.3, 1.0, 0.15, 1.0, 1.0])  # vehicles and trains: 8 and 4 Hz, not 25


def ground_rise_db(wind_mps: Floats) -> Floats:
    """How far wind over 5 m/s, through roots and posts, lifts the floor of a sensor in the ground (*assumed*)."""
    return np.maximum(wind_mps - 5.0, 0.0) * 0.5


def ground_db(sight: Sight, air: Air, *, fibre: bool) -> Floats:
    """Footsteps and wheels through the ground.

    A surface wave loses 10 log10(r) by spreading and a fixed share per metre in the soil (Bornitz 1931, as in Richart,
    Hall and Woods, Vibrations of Soils and Foundations, 1970, chapter 8). A part of a group with n members adds
    10 log10(n): their steps are not in phase, so powers add, and noise grows less than the number. Wind over 5 m/s
    shakes roots and fence posts, rain drums (*assumed* rises of the floor).
    """
    r = np.maximum(sight.distance_m, 1.0)
    level = _GROUND_DB[sight.mover, sight.pace] + sight.gain_db + 10.0 * np.log10(sight.weight)
    level = np.where(ACT_SHAKES_GROUND[sight.act], np.maximum(level, 38.0), level)
    loss = 10.0 * np.log10(r) + sight.soil_db_per_m * _LOW_FREQUENCY_SHARE[sight.mover] * r
    floor = ground_rise_db(sight.blowing_mps) + 10.0 * np.log10(1.0 + air.rain_mm_per_h / 8.0)
    snr_db: Floats = level - loss - floor - (_FIBRE_BELOW_GEOPHONE_DB if fibre else 0.0)
    return snr_db


ACT_SHAKES_GROUND: Final = np.array([act in ("dig", "drill") for act in ACTS])
# Level of an act on a fence cable over its calm floor: (none, climb, cut, saw, drill, shake, knock, dig) (*assumed*).
_ACT_DB: Final = np.array(
    [
        {
            "none": NOTHING_DB,
            "climb": 31.0,
            "cut": 29.0,
            "saw": 33.0,
            "drill": 35.0,
            "shake": 37.0,
            "knock": 34.0,
            "dig": 12.0,
        }[act]
        for act in ACTS
    ]
)
FENCE_DB_PER_M: Final = 0.9  # *assumed* loss along the mesh, so that a climb is felt over about 20 m


def fence_rise_db(wind_mps: Floats) -> Floats:
    """How far the wind lifts the floor of a fence cable above that at 3 m/s.

    Wind loads a fence by its pressure, half rho v squared, so noise power rises with v to the fourth: 40 log10(v).
    Half of the rise in decibels reaches the band in which acts are felt (*assumed*).
    """
    return 20.0 * np.log10(np.maximum(wind_mps, 3.0) / 3.0)


def fence_db(sight: Sight, air: Air) -> Floats:
    """Acts on a fence, felt by its cable.

    Steps beside the fence it does not feel.
    """
    del air
    touching = np.abs(sight.across_m) <= 0.5
    level = np.where(touching, _ACT_DB[sight.act], NOTHING_DB)
    passing = touching & (sight.act == 0) & (sight.pace != STILL)
    level = np.where(passing, 24.0, level) + 0.5 * sight.gain_db + 10.0 * np.log10(sight.weight)
    return level - fence_rise_db(sight.blowing_mps) - FENCE_DB_PER_M * np.abs(sight.along_m)


_RADAR_DB: Final = _table(
    (NOTHING_DB, 0.0, 0.0, -10.0),
    (NOTHING_DB, 13.0, 13.0, 10.0),
    (NOTHING_DB, -3.0, -1.0, -9.0),
    (NOTHING_DB, 25.0, 25.0, 20.0),
)


def radar_db(sight: Sight, air: Air) -> Floats:
    """A ground radar: the radar equation gives 40 log10 of the distance (Skolnik, Introduction to Radar Systems).

    At the stated range a walking person (radar cross section about 1 square metre) stands 13 dB over the noise. What
    does not move is filtered out. Rain lifts the clutter.
    """
    r = np.maximum(sight.distance_m, 1.0) / sight.range_m
    level = 13.0 + _RADAR_DB[sight.mover, sight.pace] + 0.5 * sight.gain_db + 10.0 * np.log10(sight.weight)
    level = level - 40.0 * np.log10(r) - 10.0 * np.log10(1.0 + air.rain_mm_per_h / 10.0)
    return np.where(sight.distance_m <= 1.5 * sight.range_m, np.minimum(level, 45.0), NOTHING_DB)


_CAMERA_DB: Final = _table(
    (-14.0, 0.0, 2.0, -7.0), (-4.0, 8.0, 8.0, 6.0), (-16.0, -4.0, -2.0, -8.0), (4.0, 16.0, 16.0, 14.0)
)


def camera_db(sight: Sight, air: Air) -> Floats:
    """A camera pair, day and thermal: size in the picture times contrast.

    Pixels on target fall with the distance (the criteria of Johnson, 1958, count them): 20 log10. Contrast in haze
    falls as exp(-3.912 r / V) for a visibility V (Koschmieder 1924; 3.912 is the logarithm of 1/0.02). By night only
    a thermal one sees, and its contrast is the difference from skin and clothing at about 20 degrees (*assumed*).
    Somebody who does not move is hardly found by motion.
    """
    r = np.maximum(sight.distance_m, 2.0)
    warm = 20.0 * np.log10(np.clip(np.abs(20.0 - air.temperature_c), 1.0, 20.0) / 12.0)
    warm = np.where(sight.thermal, warm, NOTHING_DB)
    contrast = np.maximum(warm, np.where(sight.daylight > 0.5, 0.0, NOTHING_DB))
    level = 12.0 + _CAMERA_DB[sight.mover, sight.pace] + 0.5 * sight.gain_db + contrast
    level = np.where((sight.act != 0) & (sight.mover <= GROUP), np.maximum(level, 12.0 + contrast), level)
    loss = 20.0 * np.log10(r / sight.range_m) + 34.0 * r / air.visibility_m + 0.3 * air.rain_mm_per_h
    return np.where(r <= sight.range_m, np.minimum(level - loss, 40.0), NOTHING_DB)


_PIR_DB: Final = _table(
    (NOTHING_DB, 0.0, 3.0, -5.0),
    (NOTHING_DB, 8.0, 8.0, 6.0),
    (NOTHING_DB, -3.0, 0.0, -4.0),
    (NOTHING_DB, 10.0, 10.0, 10.0),
)


def pir_db(sight: Sight, air: Air) -> Floats:
    """A passive infra-red sensor: radiation falls with the square of distance, and with the contrast in temperature.

    At the stated range and 12 degrees of contrast a walking person stands 13 dB over the noise (*assumed*).
    """
    r = np.maximum(sight.distance_m, 0.5)
    warm = 20.0 * np.log10(np.clip(np.abs(24.0 - air.temperature_c), 0.5, 24.0) / 12.0)
    level = 13.0 + _PIR_DB[sight.mover, sight.pace] + 0.5 * sight.gain_db + warm
    return np.where(r <= sight.range_m, level - 20.0 * np.log10(r / sight.range_m), NOTHING_DB)


_LINK_DB: Final = _table(
    (2.0, 20.0, 20.0, 14.0), (5.0, 28.0, 28.0, 26.0), (0.0, 15.0, 16.0, 12.0), (5.0, 30.0, 30.0, 30.0)
)


def link_db(sight: Sight, air: Air) -> Floats:
    """A microwave or radio link: a body in the first Fresnel zone, a few metres wide, changes what is received.

    Outside of 3 m from the line of the beam the effect falls by 5 dB a metre (*assumed*); rain makes the link restless.
    """
    beside = np.maximum(np.abs(sight.across_m) - 3.0, 0.0)
    level = _LINK_DB[sight.mover, sight.pace] + 0.5 * sight.gain_db - 5.0 * beside
    level = level - 10.0 * np.log10(1.0 + air.rain_mm_per_h / 6.0)
    return np.where(np.abs(sight.along_m) <= sight.range_m, level, NOTHING_DB)


def contact_db(sight: Sight, air: Air) -> Floats:
    """A switch at a gate: it closes when somebody goes through."""
    del air
    through = (np.abs(sight.across_m) <= 0.7) & (np.abs(sight.along_m) <= np.maximum(sight.range_m, 2.0))
    return np.where(through & (sight.pace != STILL), 30.0, NOTHING_DB)


__all__ = [
    "CRAWL",
    "DETECTABLE_DB",
    "NOTHING_DB",
    "RUN",
    "WALK",
    "Sight",
    "camera_db",
    "contact_db",
    "fence_db",
    "ground_db",
    "link_db",
    "pir_db",
    "radar_db",
    "soil_db_per_m",
]
