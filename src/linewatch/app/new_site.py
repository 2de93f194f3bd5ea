"""A new site: a folder with a `site.toml` that works, from what people have or from what is heard at a broker."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from linewatch.errors import InputError
from linewatch.records.vocabulary import SensorKind
from linewatch.site.line_files import course_as_geojson, read_course
from linewatch.site.load import SITE_FILE, load_site
from linewatch.site.model import Site
from linewatch.sources.mqtt.scout import Device

SPACING_M: Final = 20.0
"""Distance at which devices are lined up that nobody has placed yet."""
_RANGE_M: Final[dict[SensorKind, float]] = {"pir": 8.0, "camera": 20.0, "contact": 2.0, "geophone": 8.0}


def new_site(
    folder: Path,
    *,
    line: Path | None = None,
    sensors: Path | None = None,
    url: str | None = None,
    devices: Sequence[Device] = (),
    timezone: str = "UTC",
    credentials: Sequence[str] = (),
) -> Site:
    """Write a site and read it back. Raises `InputError` where there is one already, or the files do not fit.

    `credentials` are lines of the `[[source]]` table: a log-in name, and a reference to a password.
    """
    if (folder / SITE_FILE).exists():
        raise InputError(f"{folder / SITE_FILE}: found a site; allowed: a folder without one")
    course = None if line is None else read_course(line)
    table = None if sensors is None else _text_of(sensors)
    length_m = SPACING_M * max(len(devices), 3)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / SITE_FILE]
    if course is not None:
        (folder / "line.geojson").write_text(course_as_geojson(course), encoding="utf-8")
        written.append(folder / "line.geojson")
    if table is not None:
        (folder / "sensors.csv").write_text(table, encoding="utf-8")
        written.append(folder / "sensors.csv")
    parts = [_head(folder.resolve().name, timezone), _line(length_m if course is None else None)]
    if table is not None:
        parts.append('[[sensor]]\nsensors = "sensors.csv"\n')
    names = _names(devices)
    parts += [_sensor(name, device, number) for number, (name, device) in enumerate(zip(names, devices, strict=True))]
    parts += _sources(url, devices, names, credentials)
    if devices or table is None:
        parts.append(_EVENTS_ALONE)
    (folder / SITE_FILE).write_text("\n".join(parts), encoding="utf-8")
    try:
        return load_site(folder)
    except InputError:
        for path in written:
            path.unlink()
        raise


_EVENTS_ALONE: Final = """\
# Such devices say only that something moves, never what. So the first word of one raises an incident at once, where
# a sensor that tells people from animals would be given some seconds to make sure.
[settings.incident]
unsure_s = 0.0
"""


def _head(name: str, timezone: str) -> str:
    return f"[site]\nname = {_quoted(name)}\ntimezone = {_quoted(timezone)}\n"


def _line(length_m: float | None) -> str:
    if length_m is None:
        side = 'outside = "left"                 # or "right": the approach side'
        return f'[[line]]\nid = "main"\ngeometry = "line.geojson"\n{side}\n'
    return (
        '# A straight line in metres, until somebody draws the real one: geometry = "line.geojson".\n'
        f'[[line]]\nid = "main"\nlength_m = {length_m:.1f}\n'
    )


def _sensor(name: str, device: Device, number: int) -> str:
    return (
        f"[[sensor]]                       # {device.map}: {_plain(device.address)}\n"
        f"id = {_quoted(name)}\n"
        f"kind = {_quoted(device.kind)}\n"
        f"at_m = {SPACING_M * (number + 0.5):.1f}                     # where it stands along the line\n"
        f"range_m = {_RANGE_M.get(device.kind, 10.0):.1f}                  # how far it reaches\n"
    )


def _sources(url: str | None, devices: Sequence[Device], names: Sequence[str], credentials: Sequence[str]) -> list[str]:
    if url is None:
        return []
    parts = []
    for chosen in sorted({device.map for device in devices}) or ["zigbee2mqtt"]:
        mine = [(device.address, name) for device, name in zip(devices, names, strict=True) if device.map == chosen]
        rows = "".join(f"{_quoted(address)} = {_quoted(name)}\n" for address, name in mine)
        given = "".join(f"{text}\n" for text in credentials)
        version = 'protocol = "3.1.1"\n' if chosen == "the_things_stack" else ""
        parts.append(
            f'[[source]]\nplugin = "mqtt"\nurl = {_quoted(url)}\n{given}{version}map = {_quoted(chosen)}\n\n'
            f"[source.sensors]                 # address of a device -> sensor\n{rows}"
        )
    return parts


def _names(devices: Sequence[Device]) -> list[str]:
    """An id for each device, out of its address."""
    names: list[str] = []
    for device in devices:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", device.address).strip("-") or device.kind
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}-{number}", number + 1
        names.append(name)
    return names


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: found no readable text ({error}); allowed: a CSV file of sensors") from error


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:80]


def _quoted(text: str) -> str:
    """A TOML basic string, which escapes as JSON does."""
    return json.dumps(text, ensure_ascii=False)
