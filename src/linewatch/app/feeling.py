"""Whether a detector goes on as it was when a site or its settings change beneath it."""

from typing import Any, Final

import msgspec

from linewatch.app.pipeline import Pipeline

_BEYOND: Final = ("track", "health", "incident", "desk", "evidence")
"""Settings of steps that come after the detectors."""


def feels_as(before: Pipeline, after: Pipeline, key: str) -> bool:
    """Whether the detector of this key hears the same sensor by the same rules in both."""
    name = key.removesuffix("/moving").removesuffix("/walking").removesuffix("/health")
    if not (before.site.has_sensor(name) and after.site.has_sensor(name)):
        return False
    one, other = (msgspec.structs.replace(each.site.sensor(name), view_url=None) for each in (before, after))
    return one == other and _rules(before) == _rules(after)


def _rules(pipeline: Pipeline) -> list[Any]:
    """Everything that detectors are set to, sections included."""
    settings = pipeline.settings
    out: list[Any] = [getattr(settings, name) for name in settings.__struct_fields__ if name not in _BEYOND]
    out += [
        (line.id, section.name, {step: own for step, own in section.settings.items() if step not in _BEYOND})
        for line in pipeline.site.lines
        for section in line.sections
    ]
    return out
