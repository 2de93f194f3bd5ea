"""All settings of a run, with the id under which every incident names them."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from linewatch.detect.classify import ClassifySettings
from linewatch.detect.geophone import GeophoneSettings
from linewatch.detect.link import LinkSettings
from linewatch.detect.pir import PirSettings
from linewatch.detect.street import RoadSettings
from linewatch.detect.vibration import BY_SECTION, VibrationSettings
from linewatch.detect.video import VideoSettings
from linewatch.detect.walking import WalkingSettings
from linewatch.errors import Problem, SiteError
from linewatch.evidence.settings import EvidenceSettings
from linewatch.health.camera import CameraHealthSettings
from linewatch.health.channels import ChannelHealthSettings
from linewatch.health.state import HealthSettings
from linewatch.incident.desk import DeskSettings, desk_problems
from linewatch.incident.policy import IncidentSettings
from linewatch.records import content_id
from linewatch.site.model import Site
from linewatch.track import TrackSettings


class TickSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often decisions are made, and how often signal states are kept."""

    period_s: float = 0.25
    """Time between ticks; a whole number of detector frames, at most 1 s."""
    signal_state_s: float = 10.0
    """Time between two copies of the detectors' states on disk."""
    drain_s: float = 1.0
    """How long a replay goes on after the last record, so that what is under way arrives."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of every step. A site overrides them under `[settings.STEP]`, a section under its own."""

    tick: TickSettings = TickSettings()
    """Time."""
    vibration: VibrationSettings = VibrationSettings()
    """Detectors of fibres and fence cables."""
    classify: ClassifySettings = ClassifySettings()
    """What fence cables tell acts apart by."""
    walking: WalkingSettings = WalkingSettings()
    """Footsteps beside fibres."""
    roads: RoadSettings = RoadSettings()
    """Vehicles along fibres."""
    geophone: GeophoneSettings = GeophoneSettings()
    """Detectors of geophones."""
    pir: PirSettings = PirSettings()
    """Detectors of infra-red sensors that give their waveform."""
    link: LinkSettings = LinkSettings()
    """Detectors of microwave and radio links that give their signal strength."""
    video: VideoSettings = VideoSettings()
    """Detectors of cameras whose pictures come in."""
    track: TrackSettings = TrackSettings()
    """Trackers."""
    health: HealthSettings = HealthSettings()
    """Proof of life."""
    channels: ChannelHealthSettings = ChannelHealthSettings()
    """Channels that no longer feel."""
    cameras: CameraHealthSettings = CameraHealthSettings()
    """Cameras that no longer see."""
    incident: IncidentSettings = IncidentSettings()
    """What a person must deal with."""
    desk: DeskSettings = DeskSettings()
    """Who deals with it, and how much of it at once."""
    evidence: EvidenceSettings = EvidenceSettings()
    """What is kept of raw samples, and of which incidents."""


def settings_of(site: Site, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Defaults, then the site's own, then `overrides`. Raises `SiteError` naming every key that is wrong."""
    settings, problems = checked_settings(site.settings, "site.toml", "settings")
    if overrides:
        settings, more = checked_settings(overrides, "settings", "settings", settings)
        problems = (*problems, *more)
    problems = (*problems, *desk_problems(site, settings.desk))
    for line in site.lines:
        for section in line.sections:
            where = f"section {section.name}.settings"
            own, more = checked_settings(section.settings, "site.toml", where)
            problems = (*problems, *more, *_not_by_section(section.settings, where))
            problems = (*problems, *_mask_problems(site, own, f"{where}.vibration.masks"))
    problems = (*problems, *_mask_problems(site, settings, "settings.vibration.masks"))
    if problems:
        raise SiteError(problems)
    return settings


def _not_by_section(given: Mapping[str, Any], where: str) -> tuple[Problem, ...]:
    """Settings that a section has and that can only hold for the whole site: they would change nothing."""
    allowed = "settings of track, incident and vibration; of the last " + ", ".join(BY_SECTION)
    names = set(Settings.__struct_fields__) - {"track", "incident", "vibration"}
    problems = [
        Problem("site.toml", f"{where}.{step}", "settings of a whole site", allowed)
        for step in sorted(names & set(given))
    ]
    own = given.get("vibration")
    if isinstance(own, Mapping):
        others = sorted((set(own) & set(VibrationSettings.__struct_fields__)) - set(BY_SECTION))
        problems += [
            Problem("site.toml", f"{where}.vibration.{key}", "a setting of whole sensors", allowed) for key in others
        ]
    return tuple(problems)


def _mask_problems(site: Site, settings: Settings, where: str) -> tuple[Problem, ...]:
    """Masks that cover nothing or name a sensor that is not there."""
    problems: list[Problem] = []
    for number, mask in enumerate(settings.vibration.masks, start=1):
        if not mask.from_m < mask.to_m:
            problems.append(
                Problem(
                    "site.toml", f"{where} {number}", f"{mask.from_m:g} to {mask.to_m:g} m", "a start before the end"
                )
            )
        unknown = [name for name in mask.sensors if not site.has_sensor(name)]
        problems += [Problem("site.toml", f"{where} {number}.sensors", name, "sensors of the site") for name in unknown]
    return tuple(problems)


def checked_settings(
    given: Mapping[str, Any], file: str, where: str, base: Settings | None = None
) -> tuple[Settings, tuple[Problem, ...]]:
    """`base` with what is given, and every key that does not fit."""
    settings = base or Settings()
    problems: list[Problem] = []
    names = Settings.__struct_fields__
    for step, table in sorted(given.items()):
        if step not in names:
            problems.append(Problem(file, f"{where}.{step}", "an unknown step", _one_of(step, names)))
            continue
        current = msgspec.to_builtins(getattr(settings, step))
        fields = type(getattr(settings, step)).__struct_fields__
        if not isinstance(table, Mapping):
            problems.append(Problem(file, f"{where}.{step}", repr(table), "a table of settings"))
            continue
        for key, value in sorted(table.items()):
            if key not in fields:
                problems.append(Problem(file, f"{where}.{step}.{key}", repr(value), _one_of(key, fields)))
                continue
            try:
                new = msgspec.convert(current | {key: value}, type(getattr(settings, step)), strict=True)
            except (msgspec.ValidationError, ValueError) as error:
                problems.append(Problem(file, f"{where}.{step}.{key}", repr(value), str(error)))
                continue
            current = msgspec.to_builtins(new)
            settings = msgspec.structs.replace(settings, **{step: new})
    return settings, tuple(problems)


def _one_of(key: str, names: tuple[str, ...]) -> str:
    near = get_close_matches(key, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"one of {', '.join(sorted(names))}{hint}"


def settings_told(settings: Settings, site: Site) -> dict[str, Any]:
    """Settings as plain values, with what differs by section: what a store keeps of them."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    told["sections"] = {
        f"{line.id}/{section.name}": msgspec.to_builtins(section.settings)
        for line in site.lines
        for section in line.sections
        if section.settings
    }
    return told


def settings_id(settings: Settings, site: Site) -> str:
    """Id of these settings as they apply to this site, sections included; secrets are no settings."""
    sections = [
        [line.id, section.name, msgspec.to_builtins(section.settings)]
        for line in site.lines
        for section in line.sections
        if section.settings
    ]
    parts = [msgspec.to_builtins(settings), sections]
    return content_id("settings", msgspec.json.encode(parts, order="deterministic").decode())
