"""Why a metre is watched as well as it is: every sensor that reaches it, what it loses, and on what basis we say so."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from linewatch.records.vocabulary import SensorKind
from linewatch.site.condition import SensorCondition
from linewatch.site.model import TERRAINS
from linewatch.site.pd_field import PdField
from linewatch.site.performance import (
    FAMILIES,
    HEADS,
    SWAMPED_DB,
    TERRAIN_DB,
    WATCHED,
    Family,
    Watched,
    family_of,
    heads_of,
)
from linewatch.site.sensor import Sensor
from linewatch.site.walk_test import Measured

_TELLING_DB: Final = 3.0  # a smaller loss is not worth a word
_MOST_NAMED: Final = 3

Pds = dict[Watched, float]


class Basis(msgspec.Struct, frozen=True):
    """On what ground a Pd is stated."""

    kind: Literal["assumed", "walk_test"]
    """Assumed from the sensors' performance models, or measured on this stretch."""
    found: int | None = None
    """Passes that were found."""
    passes: int | None = None
    """Passes walked."""
    date: str | None = None
    """Day on which the test ended, in the site's time zone."""
    tested_low: float | None = None
    """Lower end of the 95 % Clopper-Pearson interval on that day."""
    tested_high: float | None = None
    """Upper end."""
    low: float | None = None
    """The lower end, carried over to what holds now."""
    high: float | None = None
    """The upper end, carried over to what holds now."""


class SensorView(msgspec.Struct, frozen=True):
    """What one sensor gives to one metre."""

    sensor: str
    """Its id."""
    kind: SensorKind
    """What it is."""
    family: Family
    """What it feels."""
    counts: bool
    """Whether it gives anything at all now."""
    why: str
    """In words."""
    pd: Pds
    """What it gives now, by mover."""
    distance_m: float | None
    """Distance to the nearest visible point of the crossing; None where it looks past."""
    gain_db: float
    """What nearness adds."""
    terrain_db: float
    """What terrain takes."""
    weather_db: float
    """What weather and light take."""
    floor_db: float
    """How far its noise floor has risen."""
    remaining_fraction: float
    """Share that outages and masks leave."""


class FamilyView(msgspec.Struct, frozen=True):
    """What the sensors of one family give together."""

    family: Family
    """What they feel."""
    sensors: int
    """How many of them reach this metre and are in service."""
    common_cause_fraction: float
    """Share of crossings on which they hit or miss as one."""
    pd: Pds
    """What they give together, by mover."""


class MetreView(msgspec.Struct, frozen=True):
    """One metre of a line, explained."""

    line: str
    """The line."""
    chainage_m: float
    """The chainage asked for, cut to the line."""
    section: str
    """Section that owns it; empty on a line without sections."""
    terrain: str
    """Class of terrain."""
    place: str
    """Nearest place; empty on a line without places."""
    pd: Pds
    """Probability that a crossing here is noticed, by mover."""
    basis: dict[Watched, Basis]
    """On what ground, by mover."""
    families: tuple[FamilyView, ...]
    """Families that reach it."""
    sensors: tuple[SensorView, ...]
    """Every sensor that reaches it, whether or not it counts, the best first."""
    why: str
    """In words, for a person walking."""


def explain(field: PdField, chainage_m: float) -> MetreView:
    """Explain the metre at a chainage; one beyond the ends of the line means the first or last metre."""
    grid, line = field.grid, field.line
    step = int(min(max(chainage_m // grid.step_m, 0), grid.steps - 1))
    part = (step, step + 1)
    views = sensors_at(field, step)
    section = field.site.section_at(line.id, chainage_m).name if line.sections else ""
    place = field.site.nearest_place(line.id, chainage_m)
    return MetreView(
        line=line.id,
        chainage_m=min(max(chainage_m, 0.0), line.length_m),
        section=section,
        terrain=field.sensing.around.terrain[int(field.sensing.around.piece[step])],
        place=place.name if place else "",
        pd={mover: float(field.pd_between(part, mover)[0]) for mover in WATCHED},
        basis={mover: basis_at(field, step, mover) for mover in WATCHED},
        families=tuple(
            _family_at(field, number, step) for number in range(len(FAMILIES)) if field.sensing.reaching(number, part)
        ),
        sensors=views,
        why=reason(views, "person_walking"),
    )


def basis_at(field: PdField, step: int, mover: Watched) -> Basis:
    """The basis of a step's Pd: the latest walk test over it, else the assumed model."""
    for measured in reversed(field.measured):
        if measured.mover == mover and measured.stretch[0] <= step < measured.stretch[1]:
            miss = field.miss_between((step, step + 1))[WATCHED.index(mover)].astype(np.float64)
            return msgspec.structs.replace(
                basis_of(field, measured),
                low=float(measured.pd_of(miss, step, measured.low)[0]),
                high=float(measured.pd_of(miss, step, measured.high)[0]),
            )
    return Basis("assumed")


def basis_of(field: PdField, measured: Measured) -> Basis:
    """What a walk test says of the day of the test."""
    zone = ZoneInfo(field.site.timezone)
    day = datetime.fromtimestamp(measured.test.end_ns // 1_000_000_000, tz=UTC).astimezone(zone).date()
    return Basis(
        kind="walk_test",
        found=measured.test.found,
        passes=measured.test.passes,
        date=day.isoformat(),
        tested_low=measured.low,
        tested_high=measured.high,
    )


def sensors_at(field: PdField, step: int) -> tuple[SensorView, ...]:
    """Every sensor that reaches a step, the best with a person walking first, then by id."""
    part = (step, step + 1)
    views = [_view(field, number, step) for number in field.sensing.all_reaching(part)]
    return tuple(sorted(views, key=lambda view: (-view.pd["person_walking"], view.sensor)))


def _view(field: PdField, number: int, step: int) -> SensorView:
    sensing, part = field.sensing, (step, step + 1)
    sensor = sensing.reach.sensors[number]
    pair = int(sensing.reach.start[number] - sensing.reach.first[number]) + step
    gain_db = float(sensing.reach.gain_db[pair])
    visible = bool(np.isfinite(gain_db))
    distance_m = float(sensing.reach.distance_m[pair]) if visible else None
    concerns = sensing.condition_of(number)
    miss = sensing.miss_of(number, part) if sensor.state == "in_service" else None
    pd = {mover: 0.0 if miss is None else 1.0 - float(miss[row, 0]) for row, mover in enumerate(WATCHED)}
    terrain_db, weather_db = _losses_db(field, sensor, step, distance_m or 0.0)
    floor_db = float(concerns.rise_db_of(part)[0])
    return SensorView(
        sensor=sensor.id,
        kind=sensor.kind,
        family=family_of(sensor),
        counts=any(pd.values()),
        why=_why(sensor, concerns, step, visible=visible, terrain_db=terrain_db, weather_db=weather_db),
        pd=pd,
        distance_m=distance_m,
        gain_db=gain_db if visible else 0.0,
        terrain_db=terrain_db,
        weather_db=weather_db,
        floor_db=floor_db,
        remaining_fraction=float(concerns.left_of(part)[0]),
    )


def _losses_db(field: PdField, sensor: Sensor, step: int, distance_m: float) -> tuple[float, float]:
    """What terrain, and what weather and light, take from the head that loses least."""
    around = field.sensing.around
    piece = int(around.piece[step])
    both = []
    for head in heads_of(sensor):
        column = HEADS.index(head)
        lost_db = float(around.flat_db[piece, column] + around.per_m_db[piece, column] * distance_m)
        ground_db = TERRAIN_DB[head][TERRAINS.index(around.terrain[piece])]
        both.append((lost_db, ground_db))
    lost_db, ground_db = min(both)
    return ground_db, lost_db - ground_db


def _why(
    sensor: Sensor, concerns: SensorCondition, step: int, *, visible: bool, terrain_db: float, weather_db: float
) -> str:
    if sensor.state != "in_service":
        return "being commissioned: does not count yet" if sensor.state == "commissioning" else "out of service"
    if not visible:
        return "looks past this metre"
    blind = [reason for stretch, left, reason in concerns.outages if _holds(stretch, step) and left == 0.0]
    if blind:
        return f"out: {blind[0]}"
    masks = [reason for stretch, reason in concerns.masks if _holds(stretch, step)]
    if masks:
        return f"masked: {masks[0]}" if masks[0] else "masked"
    rise_db = max((rise for stretch, rise in concerns.floors if _holds(stretch, step)), default=0.0)
    if rise_db >= SWAMPED_DB:
        return f"swamped: its noise floor stands {rise_db:.0f} dB high"
    words = [
        f"weakened to {left:.0%}: {reason}" for stretch, left, reason in concerns.outages if _holds(stretch, step)
    ][:1]
    losses = (("noise takes", rise_db), ("weather and light take", weather_db), ("terrain takes", terrain_db))
    words += [f"{what} {lost_db:.0f} dB" for what, lost_db in losses if lost_db >= _TELLING_DB]
    return "watches" + ("; " + "; ".join(words) if words else "")


def _holds(stretch: tuple[int, int], step: int) -> bool:
    return stretch[0] <= step < stretch[1]


def _family_at(field: PdField, family: int, step: int) -> FamilyView:
    part = (step, step + 1)
    miss = field.family_miss(family, part)
    return FamilyView(
        family=FAMILIES[family],
        sensors=len(field.sensing.reaching(family, part)),
        common_cause_fraction=float(field.sensing.beta(family, part)[0]),
        pd={mover: 1.0 - float(miss[row, 0]) for row, mover in enumerate(WATCHED)},
    )


def reason(views: Sequence[SensorView], mover: Watched) -> str:
    """Why a metre is watched as it is, in one line of words, from all sensors that reach it: first what is lost."""
    if not views:
        return "no sensor reaches here"
    words = _lost_in_words(views)
    counting = sorted((view for view in views if view.pd[mover] > 0.0), key=lambda view: (-view.pd[mover], view.sensor))
    if not counting:
        return "; ".join([*words, "no sensor counts here"])
    best = counting[0]
    many = "1 sensor counts," if len(counting) == 1 else f"{len(counting)} sensors count, best"
    words.append(f"{many} {best.sensor} (Pd {best.pd[mover]:.2f})")
    if best.weather_db >= _TELLING_DB:
        words.append(f"weather and light take {best.weather_db:.0f} dB from it")
    elif best.terrain_db >= _TELLING_DB:
        words.append(f"terrain takes {best.terrain_db:.0f} dB from it")
    return "; ".join(words)


def _lost_in_words(views: Sequence[SensorView]) -> list[str]:
    """What would watch here but does not count now, told once for all that have the same cause."""
    lost: dict[str, list[str]] = {}
    for view in views:
        if not view.counts and view.distance_m is not None:
            lost.setdefault(view.why, []).append(view.sensor)
    words = []
    for why, names in list(lost.items())[:_MOST_NAMED]:
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        words.append(f"{who} {why}")
    rest = sum(len(names) for names in list(lost.values())[_MOST_NAMED:])
    return [*words, f"{rest} more do not count"] if rest else words
