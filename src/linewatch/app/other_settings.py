"""Settings to try on what a store has kept of its inputs: which of them can matter there, and what they change.

The journal keeps detections and not the samples beneath them. So rules from DETECTION up can be tried as they are, a
mask as the finding that it makes, and a detector's threshold upwards only, by leaving out what stayed below it.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from linewatch.app.pipeline import Input
from linewatch.app.settings import Settings, checked_settings
from linewatch.comparison_ports import BY_SECTION, DECIDING, DETECTING
from linewatch.detect.masks import by_channel_of
from linewatch.detect.vibration import VibrationSettings
from linewatch.errors import InputError, Problem, SiteError
from linewatch.records import Detections, Health, Tick
from linewatch.records.vocabulary import SensorKind
from linewatch.site.model import Line, Section, Site

LISTENED_TO: Final[frozenset[SensorKind]] = frozenset({"fibre_das", "fibre_vibration"})
"""Kinds of sensor to which the settings of `vibration` apply."""


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that differ from those of the watch."""

    settings: dict[str, dict[str, Any]] = {}
    """By step, for the whole site."""
    sections: dict[str, dict[str, dict[str, Any]]] = {}
    """By `LINE/SECTION`, then by step."""


def read_changes(path: Path) -> Changes:
    """Changes in a TOML or JSON file: tables by step, as they are or under `settings` and `sections`.

    Raises `InputError`.
    """
    allowed = "allowed: a TOML file with tables of settings by step"
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"--compare: {path}: {error}; {allowed}") from error
    if not isinstance(found, dict):
        raise InputError(f"--compare: {path}: found {found!r}; {allowed}")
    if not found.keys() & {"settings", "sections"}:
        found = {"settings": found}
    try:
        return msgspec.convert(found, Changes)
    except msgspec.ValidationError as error:
        raise InputError(f"--compare: {path}: {error}; {allowed}") from error


def applied(site: Site, settings: Settings, changes: Changes) -> tuple[Site, Settings]:
    """Site and settings with these changes. Raises `SiteError` on all that are wrong or could change nothing."""
    new, problems = checked_settings(changes.settings, "settings", "settings", settings)
    problems = (*problems, *_no_use(changes.settings, "settings", DECIDING))
    known = {f"{line.id}/{section.name}" for line in site.lines for section in line.sections}
    for name, given in sorted(changes.sections.items()):
        where = f"sections.{name}"
        if name not in known:
            problems = (
                *problems,
                Problem("settings", where, "an unknown section", f"one of {', '.join(sorted(known))}"),
            )
        problems = (*problems, *checked_settings(given, "settings", where)[1], *_no_use(given, where, BY_SECTION))
    other = site if not changes.sections else _with_sections(site, changes.sections)
    problems = (*problems, *_lower_thresholds(site, settings, other, new))
    if problems:
        raise SiteError(problems)
    return other, new


def _no_use(given: Mapping[str, Any], where: str, steps: Sequence[str]) -> list[Problem]:
    """What works on samples, which the journal does not hold: trying it would change nothing, and mislead."""
    allowed = f"settings of {', '.join(steps)}; vibration.masks, vibration.min_excess_db"
    out: list[Problem] = []
    for step in sorted(given.keys() & set(Settings.__struct_fields__) - set(steps)):
        table = given[step] if isinstance(given[step], Mapping) else {}
        keys = sorted(set(table) - set(DETECTING)) if step == "vibration" else sorted(table)
        found = "a setting that works on samples, which are not in the record"
        out += [Problem("settings", f"{where}.{step}.{key}", found, allowed) for key in keys]
    return out


def _lower_thresholds(site: Site, settings: Settings, other: Site, new: Settings) -> list[Problem]:
    """Thresholds below those of the watch: what a detector did not say is not in the journal."""
    out: list[Problem] = []
    for line, twin in zip(site.lines, other.lines, strict=True):
        for section, changed in zip(line.sections, twin.sections, strict=True):
            before, after = _vibration(section, settings), _vibration(changed, new)
            if after.min_excess_db < before.min_excess_db:
                where = f"vibration.min_excess_db ({line.id}/{section.name})"
                found = f"{after.min_excess_db:g} dB, less than the watch had: what stayed below is not in the record"
                out.append(Problem("settings", where, found, f"{before.min_excess_db:g} dB or more"))
    return out


def _with_sections(site: Site, sections: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Site:
    def changed(line: Line, section: Section) -> Section:
        given = sections.get(f"{line.id}/{section.name}", {})
        steps = section.settings.keys() | given.keys()
        own = {step: {**section.settings.get(step, {}), **given.get(step, {})} for step in sorted(steps)}
        return msgspec.structs.replace(section, settings=own) if given else section

    lines = tuple(
        msgspec.structs.replace(line, sections=tuple(changed(line, section) for section in line.sections))
        for line in site.lines
    )
    return msgspec.structs.replace(site, lines=lines)


def _vibration(section: Section, settings: Settings) -> VibrationSettings:
    return checked_settings(section.settings, "", "", settings)[0].vibration


# --- what they change in the inputs -----------------------------------------------------------------------------------


class Unheard:
    """What other masks and thresholds take from the inputs of a tick, and the findings that those masks make."""

    def __init__(self, site: Site, settings: Settings, other: Site, new: Settings) -> None:
        self._least = _least_db(other, new) if _least_db(other, new) != _least_db(site, settings) else {}
        self._heard = frozenset(sensor.id for sensor in site.sensors if sensor.kind in LISTENED_TO)
        before = _masks(site, settings)
        self._findings = [each for name, each in _masks(other, new).items() if name not in before]

    @property
    def nothing(self) -> bool:
        """Whether inputs stay as they are."""
        return not (self._least or self._findings)

    def changed(self, inputs: Sequence[Input], tick: Tick) -> list[Input]:
        """The inputs of a tick as they would have been; at the first tick with the findings of the new masks."""
        told = [msgspec.structs.replace(each, time_ns=tick.time_ns) for each in self._findings]
        self._findings = []
        return [*(Input("detections", each.sensor, each) for each in told), *self._left(inputs)]

    def _left(self, inputs: Sequence[Input]) -> list[Input]:
        if not self._least:
            return list(inputs)
        out = [self._above(item) if isinstance(item.record, Detections) else item for item in inputs]
        return [item for item in out if not isinstance(item.record, Detections) or len(item.record)]

    def _above(self, item: Input) -> Input:
        batch = item.record
        assert isinstance(batch, Detections)
        mine = np.array([name in self._heard for name in batch.sensors], np.bool_)
        if not mine.any():
            return item
        least = np.zeros(len(batch))
        for from_m, to_m, least_db in self._least.get(batch.line, ()):
            least[(batch.chainage_m >= from_m) & (batch.chainage_m < to_m)] = least_db
        keep = ~mine[batch.sensor_index] | (batch.strength_db >= least)
        return item if keep.all() else Input(item.kind, item.key, batch.take(keep))


def _least_db(site: Site, settings: Settings) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """Start, end and threshold of every section, by line."""
    return {
        line.id: tuple((s.from_m, s.to_m, _vibration(s, settings).min_excess_db) for s in line.sections)
        for line in site.lines
    }


def _masks(site: Site, settings: Settings) -> dict[tuple[str, int | None, int | None], Health]:
    """The finding of every mask, by sensor and channels; its time is not set."""
    out: dict[tuple[str, int | None, int | None], Health] = {}
    for sensor in site.sensors:
        if sensor.kind not in LISTENED_TO:
            continue
        from_m, to_m = sensor.extent_m()
        edges_m = sensor.channel_edges_m() if sensor.is_span else np.array([from_m, to_m])
        whole = (from_m, to_m, settings.vibration)
        sections = [
            (section.from_m, section.to_m, _vibration(section, settings))
            for section in site.line(sensor.line).sections
            if section.from_m < to_m and section.to_m > from_m
        ]
        if not any(each.masks for _, _, each in (whole, *sections)):
            continue
        for low, high, why in by_channel_of(sensor.id, edges_m, [whole, *sections])[1]:
            first, last = (low, high) if sensor.is_span else (None, None)
            text = f"channels {low}-{high} are masked: {why}"
            out[sensor.id, first, last] = Health(
                *(sensor.line, sensor.id, 0, "masked", "failed", text), first_channel=first, last_channel=last
            )
    return out
