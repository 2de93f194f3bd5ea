"""A site from its files: `load_site` gives it or raises all problems, `check_site` gives both.

A site is a folder with `site.toml`, that file itself, or the word `reference` for the 125-mile reference line.
docs/site.md tells every key.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from linewatch.errors import Problem, SiteError
from linewatch.site.model import Line, NotifierSpec, Section, Site, SourceSpec
from linewatch.site.problems import Fields, Findings, one_of, read_text, shown
from linewatch.site.read_line import read_line, read_section, read_settings, with_sections
from linewatch.site.read_sensor import Lines, read_line_id, read_sensor, read_sensors
from linewatch.site.reference import reference_site
from linewatch.site.secrets import find_literal_secrets
from linewatch.site.sensor import Sensor
from linewatch.site.zone import is_zone

REFERENCE: Final = "reference"
SITE_FILE: Final = "site.toml"
_SITE: Final = f"a folder with {SITE_FILE}, that file itself, or the word {REFERENCE}"
_AT_LINE: Final = re.compile(r"(?s)(.*?) ?\(at line (\d+), column (\d+)\)")
_TOLERANCE_M: Final = 0.1


class SiteCheck(NamedTuple):
    """What checking a site found; printed, it is what a person wants to read."""

    site: Site | None
    """The site, None where it has problems."""
    problems: tuple[Problem, ...]
    """Everything that is wrong with it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is allowed but should be known."""
        return site_notes(self.site) if self.site else ()

    def __str__(self) -> str:
        if self.site is None:
            count = len(self.problems)
            return "\n".join([*map(str, self.problems), f"{count} problem{'s' if count != 1 else ''}"])
        return "\n".join([describe(self.site), *(f"note: {note}" for note in self.notes)])


def load_site(path: str | Path) -> Site:
    """The site at this path. Raises `SiteError` with every problem that it has."""
    checked = check_site(path)
    if checked.site is None:
        raise SiteError(checked.problems)
    return checked.site


def check_site(
    path: str | Path, installed: Mapping[str, Collection[str]] | None = None, instead: Mapping[Path, str] | None = None
) -> SiteCheck:
    """Read a site and find every problem at once.

    `installed` names the plug-ins that are there by group (`sources`, `notifiers`); without it they are not checked,
    since a replay needs none of them. `instead` holds texts that stand for those of some of its files.
    """
    if str(path) == REFERENCE:
        return SiteCheck(reference_site(), ())
    file = Path(path) / SITE_FILE if Path(path).is_dir() else Path(path)
    findings = Findings(instead)
    document = _read_toml(findings, file)
    if document is None:
        return SiteCheck(None, findings.problems)
    site = _read_site(Fields(findings, file.name, "", document), file.parent, installed or {})
    return SiteCheck(None if findings.problems else site, findings.problems)


def describe(site: Site) -> str:
    """A site in a few lines: what it has, and how much."""
    kinds = sorted({sensor.kind for sensor in site.sensors})
    counts = ", ".join(f"{sum(sensor.kind == kind for sensor in site.sensors)} {kind}" for kind in kinds)
    lines = [
        f"line {line.id}: {line.length_m / 1000:.3f} km, {_count(len(line.sections), 'section')}, "
        f"{_count(len(line.places), 'place')}{'' if line.coordinates_deg else ', without geography'}"
        for line in site.lines
    ]
    channels = sum(sensor.channels or 0 for sensor in site.sensors)
    sensors = f"{_count(len(site.sensors), 'sensor')}{': ' if counts else ''}{counts}"
    doors = f"{_count(len(site.sources), 'source')}, {_count(len(site.notifiers), 'notifier')}"
    return "\n".join([f"{site.name} ({site.timezone})", *lines, sensors, f"{_count(channels, 'channel')}, {doors}"])


def site_notes(site: Site) -> tuple[str, ...]:
    """What is allowed but should be known: a stated length that is not the measured one, a source of no sensor."""
    lengths = [
        f"line {line.id}: its geometry file states {line.stated_length_m:.3f} m, its coordinates measure "
        f"{line.length_m:.3f} m along the geodesic; the measured length counts"
        for line in site.lines
        if line.stated_length_m is not None and abs(line.stated_length_m - line.length_m) > _TOLERANCE_M
    ]
    addressed = [
        f"source {source.plugin}: {shown(address)} stands for {shown(sensor)}, which is no sensor of the site"
        for source in site.sources
        for address, sensor in _addresses(source)
        if not isinstance(sensor, str) or not site.has_sensor(sensor)
    ]
    return (*lengths, *addressed)


def _addresses(source: SourceSpec) -> list[tuple[str, Any]]:
    """Device addresses of a source with the sensors that they stand for, where it has any."""
    sensors = source.settings.get("sensors")
    return list(sensors.items()) if isinstance(sensors, Mapping) else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _read_toml(findings: Findings, file: Path) -> dict[str, Any] | None:
    text = read_text(findings, file, str(file) if not file.is_file() else file.name, _SITE)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        at = _AT_LINE.fullmatch(str(error))
        where, message = (f"{file.name}:{at[2]}", at[1]) if at else (file.name, str(error))
        findings.add(where, f"column {at[3]}" if at else "file", message[:1].lower() + message[1:], "TOML 1.0")
        return None


def _read_site(top: Fields, folder: Path, installed: Mapping[str, Collection[str]]) -> Site:
    head = Fields(top.findings, top.file, "site.", top.table("site"))
    name = head.text("name", required=True)
    timezone = _read_timezone(head)
    head_sensors = head.text("sensors")
    head.close()
    lines, line_tables = _read_lines(top, folder, timezone)
    sensors = _read_all_sensors(top, folder, lines, line_tables, head_sensors)
    sectioned = _read_sections(top, lines)
    sources = _read_plugins(top, "source", installed.get("sources"))
    notifiers = _read_plugins(top, "notify", installed.get("notifiers"))
    settings = top.table("settings")
    read_settings(top, settings)
    top.close()
    return Site(
        name=name or "",
        timezone=timezone,
        lines=sectioned,
        sensors=tuple(sorted(sensors, key=lambda sensor: sensor.id)),
        sources=tuple(SourceSpec(plugin=plugin, settings=values) for plugin, values in sources),
        notifiers=tuple(NotifierSpec(plugin=plugin, settings=values) for plugin, values in notifiers),
        settings=settings,
        folder=str(folder),
    )


def _read_timezone(head: Fields) -> str:
    timezone = head.text("timezone")
    if timezone is not None and not is_zone(timezone):
        head.refuse("timezone", shown(timezone), "a time zone of the IANA database, such as Europe/Warsaw or UTC")
        return "UTC"
    return timezone or "UTC"


def _read_lines(top: Fields, folder: Path, timezone: str) -> tuple[Lines, list[tuple[str | None, str]]]:
    """The lines by id, and the tables of sensors that stand with a line."""
    lines: dict[str, Line | None] = {}
    tables: list[tuple[str | None, str]] = []
    read = top.tables("line")
    if not read and top.get("line") is None:
        top.refuse("line", "nothing", "one [[line]] or more")
    for fields in read:
        line = read_line(fields, folder, timezone)
        line_id, sensors = fields.text("id"), fields.text("sensors")
        fields.close()
        if line_id is not None and line_id in lines:
            fields.refuse("id", shown(line_id), "an id that no other line has")
        elif line_id is not None:
            lines[line_id] = line
        if sensors is not None:
            tables.append((line_id, sensors))
    return lines, tables


def _read_all_sensors(
    top: Fields, folder: Path, lines: Lines, tables: list[tuple[str | None, str]], head_sensors: str | None
) -> list[Sensor]:
    """Every sensor, from wherever the site lists it; each id once."""
    listed: list[tuple[Fields, Sensor]] = []
    files = [*tables, *((None, file) for file in (top.text("sensors"), head_sensors) if file is not None)]
    for fields in top.tables("sensor"):
        if fields.get("sensors") is not None:
            file, line_id = fields.text("sensors"), read_line_id(fields, lines)
            fields.close()
            files += [(line_id, file)] if file is not None else []
        elif (sensor := read_sensor(fields, folder, lines)) is not None:
            listed.append((fields, sensor))
    for line_id, file in files:
        listed += read_sensors(top.findings, folder, file, lines, line_id)
    sensors: dict[str, Sensor] = {}
    for fields, sensor in listed:
        if sensor.id in sensors:
            fields.refuse("id", shown(sensor.id), "an id that no other sensor has")
        sensors.setdefault(sensor.id, sensor)
    return list(sensors.values())


def _read_sections(top: Fields, lines: Lines) -> tuple[Line, ...]:
    """The usable lines with their sections."""
    by_line: dict[str, list[tuple[Fields, Section]]] = {}
    broken: set[str] = set()
    for fields in top.tables("section"):
        line_id = read_line_id(fields, lines)
        section = read_section(fields, line_id, lines[line_id] if line_id is not None else None)
        fields.close()
        if section is None:
            # Without it the others would seem to leave a gap: one problem is enough.
            broken.update(lines if line_id is None else [line_id])
            continue
        others = by_line.setdefault(section.line, [])
        if any(section.name == other.name for _, other in others):
            fields.refuse("name", shown(section.name), "a name that no other section of the line has")
        others.append((fields, section))
    return tuple(
        line if line_id in broken else with_sections(line, by_line.get(line_id, []))
        for line_id, line in lines.items()
        if line is not None
    )


def _read_plugins(top: Fields, key: str, installed: Collection[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """Name and settings of each plug-in under this key. What the settings mean, the plug-in knows."""
    found = []
    for fields in top.tables(key):
        plugin = fields.text("plugin", required=True)
        if plugin is not None and installed is not None and plugin not in installed:
            fields.refuse("plugin", shown(plugin), f"installed plug-ins, {one_of(installed, plugin)}")
        settings = fields.others()
        # The keys of `sensors` are addresses of devices: one called "token" is no secret.
        written = {name: value for name, value in settings.items() if name != "sensors"}
        find_literal_secrets(fields.findings, fields.file, fields.prefix, written)
        if plugin is not None:
            found.append((plugin, settings))
    return found
