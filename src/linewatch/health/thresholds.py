"""Corrections: a person raises or lowers the threshold of a sensor, or of channels of it, until it is taken back.

A raised threshold hears what a raised floor hears, so it costs coverage as one does, from that tick on. A lowered one
costs nothing and wins nothing that anybody has measured. The detectors go by it from the next tick on.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from linewatch.health.mute import channel_problem
from linewatch.health.outages import left_of, narrowed, outage_of
from linewatch.records import Health, OperatorAct, Outage, Record, Tick
from linewatch.records.vocabulary import SensorKind
from linewatch.site.model import Site

MOVE: Final = "correct_threshold"
"""The act on the site; values `sensor`, `db` and, for a part of a cable, `first_channel` and `last_channel`."""
CORRECTORS: Final = ("supervisor", "maintainer")
"""Roles that may do so."""
LEAST_DB: Final = -6.0
"""Lowest correction."""
MOST_DB: Final = 12.0
"""Highest correction."""
MOST_EACH: Final = 50
"""Corrections that one sensor may have at once."""
WITHOUT: Final[tuple[SensorKind, ...]] = ("geophone", "pir", "microwave", "radio_link", "camera")
"""Kinds whose detectors have no threshold in dB over a floor."""
THRESHOLD: Final = "/threshold/"
"""Middle of the name under which a raised threshold is kept among the open outages."""

Corrections = dict[str, tuple[Health, ...]]
"""By sensor: what holds of it; empty where all of them were taken back."""


class _Asked(msgspec.Struct, frozen=True):
    sensor: str
    db: float
    first_channel: int | None = None
    last_channel: int | None = None


def _asked(act: OperatorAct) -> _Asked:
    return msgspec.convert(dict(act.values), _Asked, strict=False)


def correction_refusal(
    site: Site, act: OperatorAct, corrections: Mapping[str, tuple[Health, ...]], tick: Tick, *, streams: bool
) -> str:
    """Why an act is refused; empty where it is carried out. `streams`: whether samples of the sensor are heard."""
    if act.role not in CORRECTORS:
        return f"role {act.role}; allowed: {', '.join(CORRECTORS)}"
    try:
        asked = _asked(act)
    except msgspec.ValidationError as error:
        return f"values: {error}"
    if not site.has_sensor(asked.sensor):
        return f"there is no sensor {asked.sensor!r}"
    if not act.reason.strip():
        return "no reason; it is needed"
    if not (math.isfinite(asked.db) and LEAST_DB <= asked.db <= MOST_DB):
        return f"db: found {asked.db:g}; allowed: {LEAST_DB:g} to {MOST_DB:g}, 0 takes it back"
    return _no_place(site, asked, corrections.get(asked.sensor, ()), tick, streams=streams)


def _no_place(site: Site, asked: _Asked, here: tuple[Health, ...], tick: Tick, *, streams: bool) -> str:
    """What is wrong with where an act is to hold, or with what holds there already."""
    sensor = site.sensor(asked.sensor)
    if problem := channel_problem(sensor.id, sensor.channels or 1, asked.first_channel, asked.last_channel):
        return problem
    if sensor.kind in WITHOUT or not streams:
        why = f"a {sensor.kind} has no threshold over a floor" if sensor.kind in WITHOUT else "gives no samples here"
        return f"{sensor.id} {why}; allowed: a sensor whose samples are compared with a noise floor"
    same = [each for each in here if _stretch(each) == (asked.first_channel, asked.last_channel)]
    if any(each.time_ns == tick.time_ns for each in same):
        return f"{sensor.id} was corrected there in this very moment; allowed: to look first"
    if asked.db == 0.0 and not same:
        return f"{sensor.id} is not corrected there"
    if asked.db != 0.0 and not same and len(here) >= MOST_EACH:
        return f"{sensor.id} has {MOST_EACH} corrections already; allowed: to take one back first"
    return ""


def corrected(
    site: Site, act: OperatorAct, tick: Tick, corrections: Corrections, opened: dict[str, Outage]
) -> list[Record]:
    """Carry out an act that was not refused; changes `corrections` and `opened`, and tells what follows."""
    asked = _asked(act)
    sensor = site.sensor(asked.sensor)
    stretch = asked.first_channel, asked.last_channel
    about = f"{sensor.id}{THRESHOLD}{stretch[0]}-{stretch[1]}"
    out: list[Record] = []
    if (former := opened.pop(about, None)) is not None:
        out.append(msgspec.structs.replace(former, end_ns=tick.time_ns))
    others = tuple(each for each in corrections.get(sensor.id, ()) if _stretch(each) != stretch)
    part = "" if stretch[0] is None else f" on channels {stretch[0]} to {stretch[1]}"
    by = f"by {act.role} at {act.seat}: {act.reason}"
    if asked.db == 0.0:
        corrections[sensor.id] = others
        text = f"threshold of {sensor.id}{part} set back {by}"
        over = Health(sensor.line, sensor.id, tick.time_ns, "recovered", "ok", text, ends="corrected_threshold")
        return [*out, msgspec.structs.replace(over, first_channel=stretch[0], last_channel=stretch[1])]
    text = f"threshold of {sensor.id}{part} {'raised' if asked.db > 0.0 else 'lowered'} by {abs(asked.db):g} dB {by}"
    found = Health(
        *(sensor.line, sensor.id, tick.time_ns, "corrected_threshold", "degraded" if asked.db > 0.0 else "note", text),
        first_channel=stretch[0],
        last_channel=stretch[1],
        rise_db=round(asked.db, 2),
    )
    corrections[sensor.id] = (*others, found)
    if asked.db > 0.0:
        outage = outage_of(sensor, "corrected_threshold", tick.time_ns, tick, text, left_of(found))
        opened[about] = msgspec.structs.replace(narrowed(outage, found, sensor), rise_db=found.rise_db)
        return [*out, found, opened[about]]
    return [*out, found]


def _stretch(correction: Health) -> tuple[int | None, int | None]:
    return correction.first_channel, correction.last_channel
