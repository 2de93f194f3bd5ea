"""A look at a place that a person asks of a camera or a node: whether it may be asked at all.

The act only goes into the record here. Whoever runs the watch hands it on, once it is committed; nothing else ever
moves a camera, and a replay of the record moves none.
"""

import math
from typing import Final

from linewatch.records import OperatorAct
from linewatch.site.model import Site

MOVES: Final = ("look_at",)
MOST_PRESET: Final = 100
"""Longest name of a preset."""
_ROLES: Final = ("operator", "supervisor")
_VALUES: Final = ("at_m", "preset", "sensor")


def problem_with(site: Site, act: OperatorAct) -> str:
    """Why such an act is refused, in words; empty where it may be made.

    Its values are `sensor` and either `preset` (its name or token) or `at_m` (chainage on the sensor's line, m).
    """
    values = dict(act.values)
    if act.role not in _ROLES:
        return f"{act.move} is not for the role {act.role!r}; it is for {', '.join(_ROLES)}"
    if unknown := sorted(set(values) - set(_VALUES)):
        return f"{act.move}: found the value {unknown[0][:60]!r}; allowed: {', '.join(_VALUES)}"
    sensor = values.get("sensor", "")
    if not site.has_sensor(sensor):
        return f"{act.move}: sensor: found {sensor[:60]!r}; allowed: a sensor of the site"
    if ("preset" in values) == ("at_m" in values):
        found = "both preset and at_m" if "preset" in values else "neither preset nor at_m"
        return f"{act.move}: found {found}; allowed: one of the two"
    if "preset" in values:
        preset = values["preset"]
        well = 0 < len(preset) <= MOST_PRESET
        return "" if well else f"{act.move}: preset: found {len(preset)} characters; allowed: 1 to {MOST_PRESET}"
    return _place_problem(site, act.move, sensor, values["at_m"])


def _place_problem(site: Site, move: str, sensor: str, told: str) -> str:
    length_m = site.line(site.sensor(sensor).line).length_m
    try:
        at_m = float(told)
    except ValueError:
        at_m = math.nan
    if not 0.0 <= at_m <= length_m:  # also what is no number
        return f"{move}: at_m: found {told[:60]!r}; allowed: 0 to {length_m:g}"
    return ""
