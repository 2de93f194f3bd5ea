"""Where sensors are to stand from now on: what people ask for on the screen, as a changed site."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.records.vocabulary import SensorKind
from linewatch.site.model import Site
from linewatch.site.problems import Fields, Findings
from linewatch.site.read_sensor import read_sensor
from linewatch.site.sensor import Sensor

MOST: Final = 100
"""Sensors that may be placed at once."""
NUMBERS: Final = ("at_m", "from_m", "to_m", "offset_m", "range_m", "azimuth_deg", "fov_deg")
"""What a placement may set."""


class Placement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where one sensor is to stand. What is not given stays as it is; a `kind` makes it a new sensor."""

    sensor: str
    """Its id."""
    at_m: float | None = None
    """Chainage of a point sensor."""
    from_m: float | None = None
    """Start of a span."""
    to_m: float | None = None
    """End of a span."""
    offset_m: float | None = None
    """Distance from the line, positive on the approach side."""
    range_m: float | None = None
    """How far it reaches."""
    azimuth_deg: float | None = None
    """Direction it faces, degrees clockwise from north."""
    fov_deg: float | None = None
    """Width of its field of view."""
    kind: SensorKind | None = None
    """Of a new sensor: what it is."""
    line: str = ""
    """Of a new sensor: the line it stands on; may be left out where there is one."""
    source: str = ""
    """Of a new sensor: name of the source that hears it; empty for none."""
    address: str = ""
    """Of a new sensor: what that source calls it."""

    def numbers(self) -> dict[str, float]:
        """What it sets, to the millimetre and a hundredth of a degree."""
        given = {name: getattr(self, name) for name in NUMBERS}
        return {
            name: round(value, 2 if name.endswith("_deg") else 3) for name, value in given.items() if value is not None
        }


def placed(site: Site, placements: Sequence[Placement]) -> Site:
    """The site with these sensors where they are to stand. Raises `InputError` on what cannot be."""
    if not 1 <= len(placements) <= MOST:
        raise InputError(f"placements: found {len(placements)}; allowed: 1 to {MOST}")
    sensors = {sensor.id: sensor for sensor in site.sensors}
    named: set[str] = set()
    for placement in placements:
        if placement.sensor in named:
            raise InputError(f"sensor: found {placement.sensor!r} twice; allowed: each once")
        named.add(placement.sensor)
        before = sensors.get(placement.sensor)
        sensors[placement.sensor] = _new(site, placement, before) if placement.kind else _moved(site, placement, before)
    ordered = tuple(sorted(sensors.values(), key=lambda sensor: sensor.id))
    return msgspec.structs.replace(site, sensors=ordered)


def told(site: Site, placement: Placement) -> str:
    """What a placement changes, in words."""
    if placement.kind:
        where = ", ".join(f"{name} {value:.10g}" for name, value in placement.numbers().items())
        heard = f", heard by {placement.source} as {placement.address}" if placement.source else ""
        return f"{placement.sensor} ({placement.kind}) placed at {where}{heard}"
    sensor = site.sensor(placement.sensor)
    changes = [
        f"{name} {'none' if (old := getattr(sensor, name)) is None else f'{old:.10g}'} to {new:.10g}"
        for name, new in placement.numbers().items()
        if new != getattr(sensor, name)
    ]
    return f"{sensor.id}: {', '.join(changes)}"


def _new(site: Site, placement: Placement, before: Sensor | None) -> Sensor:
    if before is not None:
        raise InputError(f"sensor: found {placement.sensor!r}, which the site has; allowed: an id that no sensor has")
    if bool(placement.source) != bool(placement.address):
        raise InputError(f"{placement.sensor}: found one of source and address; allowed: both or neither")
    values: dict[str, Any] = {"id": placement.sensor, "kind": placement.kind, **placement.numbers()}
    return _read(site, {**values, **({"line": placement.line} if placement.line else {})})


def _moved(site: Site, placement: Placement, before: Sensor | None) -> Sensor:
    if before is None:
        raise InputError(f"sensor: found {placement.sensor!r}; allowed: a sensor of the site, or a kind for a new one")
    if placement.line or placement.source or placement.address:
        raise InputError(f"{before.id}: found a line, source or address; allowed: with a new sensor")
    numbers = placement.numbers()
    if before.calibration and ("from_m" in numbers or "to_m" in numbers):
        raise InputError(f"{before.id}: found a place for a calibrated cable; allowed: another calibration in its file")
    if all(getattr(before, name) == value for name, value in numbers.items()):
        raise InputError(f"{before.id}: found no change; allowed: another place or direction")
    kept = {name: getattr(before, name) for name in (*NUMBERS, "channels") if getattr(before, name) is not None}
    values: dict[str, Any] = {"id": before.id, "kind": before.kind, "line": before.line, **kept, **numbers}
    if not before.calibration:
        _read(site, values)
    return msgspec.structs.replace(before, **numbers)


def _read(site: Site, values: dict[str, Any]) -> Sensor:
    """A sensor of these values, by the rules of the site's own file. Raises `InputError` with the first problem."""
    findings = Findings()
    lines = {line.id: line for line in site.lines}
    key = f"{values['id'][:60]}."
    sensor = read_sensor(Fields(findings, "placement", key, values), Path(site.folder), lines)
    if sensor is None or len(findings):
        raise InputError(str(findings.problems[0]))
    return sensor
