"""What is to be repaired: each open outage with what it has cost, who does it and by when; batteries that run low."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from linewatch.health.retest import MOVES, Assigned, assigned_of, refusal_of
from linewatch.records import Health, OperatorAct, Outage
from linewatch.site.model import Site

_NS_PER_HOUR: Final = 3_600_000_000_000
_NS_PER_DAY: Final = 24 * _NS_PER_HOUR
LOW_SUPPLY_FRACTION: Final = 0.15
"""Charge at which a battery is to be changed."""
FORESEEN_DAYS: Final = 30.0
"""How far ahead a battery's end puts it on the list."""
_LEAST_READINGS: Final = 3
_LEAST_DAYS: Final = 1.0


class Battery(msgspec.Struct, frozen=True):
    """How a battery is, and when it will be low."""

    sensor: str
    """Sensor that it feeds."""
    supply_fraction: float
    """Charge at the last reading, 0 to 1."""
    time_ns: int
    """Time of the last reading."""
    low_ns: int | None
    """When it will be low, if it goes on as in the readings; None where it does not fall, or too few tell."""


class Repair(msgspec.Struct, frozen=True):
    """One line of the list."""

    outage: str
    """Id of the outage; empty for a battery that is foreseen to be low."""
    sensors: tuple[str, ...]
    """Sensors concerned."""
    cause: str
    """What is the matter."""
    reason: str
    """The same in words."""
    line: str
    """Line concerned."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    place: str
    """Nearest place."""
    since_ns: int
    """Since when."""
    lost_metre_hours: float
    """Metres times hours that were not watched by these sensors so far, weighted with what was lost of them."""
    battery: Battery | None
    """The battery of the first of the sensors that has one."""
    owner: str
    """Team that repairs it; empty where nobody was named."""
    due_ns: int | None
    """By when."""
    overdue: bool
    """Whether that is past."""
    waits_for_retest: bool
    """Whether it answers again and only a re-test, or a waiver, is missing."""


def batteries(healths: Sequence[Health]) -> dict[str, Battery]:
    """The batteries of all sensors that state their charge, with a straight line through the readings of each.

    Readings before the last rise by more than a tenth are of the battery before.
    """
    readings: dict[str, list[tuple[int, float]]] = {}
    for health in sorted(healths, key=lambda h: h.time_ns):
        if health.supply_fraction is not None and health.sensor:
            readings.setdefault(health.sensor, []).append((health.time_ns, health.supply_fraction))
    return {sensor: _battery(sensor, each) for sensor, each in sorted(readings.items())}


def _battery(sensor: str, readings: list[tuple[int, float]]) -> Battery:
    for place in range(len(readings) - 1, 0, -1):
        if readings[place][1] > readings[place - 1][1] + 0.1:
            readings = readings[place:]
            break
    last_ns, charge = readings[-1]
    days = np.array([(time_ns - last_ns) / _NS_PER_DAY for time_ns, _ in readings])
    low_ns: int | None = last_ns if charge <= LOW_SUPPLY_FRACTION else None
    if low_ns is None and len(readings) >= _LEAST_READINGS and -days[0] >= _LEAST_DAYS:
        per_day, now = np.polyfit(days, [value for _, value in readings], 1)
        if per_day < 0.0:
            left_days = max((float(now) - LOW_SUPPLY_FRACTION) / -float(per_day), 0.0)
            low_ns = last_ns + math.floor(left_days * _NS_PER_DAY) if left_days < 36_500.0 else None
    return Battery(sensor, charge, last_ns, low_ns)


def assignments(acts: Sequence[OperatorAct], open_outages: Mapping[str, Outage]) -> dict[str, Assigned]:
    """Who was named for each open outage; the last word counts, and refused acts are none."""
    out: dict[str, Assigned] = {}
    for act in sorted(acts, key=lambda a: a.time_ns):
        if act.move == MOVES[1] and not act.incident and not refusal_of(act, open_outages):
            out[dict(act.values)["outage"]] = assigned_of(act)
    return out


def lost_metre_hours(outage: Outage, now_ns: int) -> float:
    """Length of an outage times its duration so far times the share that it takes."""
    end_ns = now_ns if outage.end_ns is None else min(outage.end_ns, now_ns)
    hours = max(end_ns - outage.start_ns, 0) / _NS_PER_HOUR
    return (outage.to_m - outage.from_m) * hours * (1.0 - outage.remaining_fraction)


def repair_list(
    site: Site, outages: Sequence[Outage], healths: Sequence[Health], acts: Sequence[OperatorAct], now_ns: int
) -> tuple[Repair, ...]:
    """What is to be repaired now, what costs most first; after the outages the batteries that will soon be low.

    Args:
        site: where it all stands.
        outages: a history; of several with one id the last counts.
        healths: findings, of which those that state a charge are used.
        acts: what people have done; `assign_repair` names owner and due date.
        now_ns: time for which the list is made.
    """
    last = {outage.id: outage for outage in outages}
    opened = {key: o for key, o in last.items() if o.start_ns <= now_ns and (o.end_ns is None or o.end_ns > now_ns)}
    charge = batteries(healths)
    named = assignments(acts, opened)
    rows = [_of_outage(site, outage, charge, named.get(key), now_ns) for key, outage in opened.items()]
    down = {sensor for outage in opened.values() for sensor in outage.sensors}
    horizon_ns = now_ns + round(FORESEEN_DAYS * _NS_PER_DAY)
    rows += [
        _of_battery(site, battery)
        for sensor, battery in charge.items()
        if battery.low_ns is not None
        and battery.low_ns <= horizon_ns
        and sensor not in down
        and site.has_sensor(sensor)
    ]
    return tuple(sorted(rows, key=lambda r: (not r.outage, -r.lost_metre_hours, r.since_ns, r.outage, r.sensors)))


def _of_outage(
    site: Site, outage: Outage, charge: Mapping[str, Battery], named: Assigned | None, now_ns: int
) -> Repair:
    at_m = outage.chainage_m if outage.chainage_m is not None else (outage.from_m + outage.to_m) / 2.0
    due_ns = None if named is None else named.due_ns
    return Repair(
        outage=outage.id,
        sensors=outage.sensors,
        cause=outage.cause,
        reason=outage.reason,
        line=outage.line,
        from_m=outage.from_m,
        to_m=outage.to_m,
        place=_place(site, outage.line, at_m),
        since_ns=outage.start_ns,
        lost_metre_hours=lost_metre_hours(outage, now_ns),
        battery=next((charge[sensor] for sensor in outage.sensors if sensor in charge), None),
        owner="" if named is None else named.owner,
        due_ns=due_ns,
        overdue=due_ns is not None and due_ns < now_ns,
        waits_for_retest="waits for a re-test" in outage.reason,
    )


def _of_battery(site: Site, battery: Battery) -> Repair:
    sensor = site.sensor(battery.sensor)
    from_m, to_m = sensor.extent_m()
    return Repair(
        outage="",
        sensors=(sensor.id,),
        cause="supply",
        reason=f"battery of {sensor.id} at {battery.supply_fraction:.0%}",
        line=sensor.line,
        from_m=from_m,
        to_m=to_m,
        place=_place(site, sensor.line, (from_m + to_m) / 2.0),
        since_ns=battery.time_ns,
        lost_metre_hours=0.0,
        battery=battery,
        owner="",
        due_ns=battery.low_ns,
        overdue=False,
        waits_for_retest=False,
    )


def _place(site: Site, line: str, chainage_m: float) -> str:
    place = site.nearest_place(line, chainage_m)
    return "" if place is None else place.name
