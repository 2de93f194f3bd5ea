"""Plug-ins by entry point. What ships with Linewatch comes in by the same door as anybody's.

Groups are `linewatch.sources`, `linewatch.detectors` and `linewatch.notifiers`. Only the one that is asked for is
imported. A named plug-in that is missing, fails to import or exists twice stops start-up: silence would be a
sensor that nobody reads.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

import msgspec

from linewatch.errors import PluginError

Group = Literal["sources", "detectors", "notifiers"]
GROUPS: Final[tuple[Group, ...]] = ("sources", "detectors", "notifiers")


class Card(msgspec.Struct, frozen=True):
    """What a plug-in says of itself; shown by `linewatch plugins`."""

    title: str
    """One line: what it reads, detects or sends."""
    level: str
    """Level of data that it gives or takes."""
    licence: str
    """Licence of the plug-in and of what it needs."""
    docs: str = ""
    """Page in the documentation."""
    measured: Mapping[str, str] = {}
    """Figures measured for it, by name, each with the command that prints it."""
    limits: tuple[str, ...] = ()
    """What it cannot do, in words."""


class Found(msgspec.Struct, frozen=True):
    """One entry point as installed, not yet imported."""

    group: Group
    """Group without the prefix."""
    name: str
    """Name by which a site asks for it."""
    distribution: str
    """Distribution that brings it."""
    version: str
    """Version of that distribution."""
    target: str
    """What would be imported."""


def _entry_points(group: Group) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"linewatch.{group}"))


def _origin(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version}" if dist else "an unknown distribution"


def installed() -> tuple[Found, ...]:
    """All plug-ins of all groups, by group and name, without importing any."""
    found = [
        Found(
            group=group,
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            target=point.value,
        )
        for group in GROUPS
        for point in _entry_points(group)
    ]
    return tuple(sorted(found, key=lambda f: (f.group, f.name, f.distribution)))


def load(group: Group, name: str) -> Any:
    """The object behind one entry point.

    Raises `PluginError`, naming group, name, distribution and cause, when there is none, more than one, or its
    import fails.
    """
    points = [point for point in _entry_points(group) if point.name == name]
    if not points:
        names = ", ".join(sorted({point.name for point in _entry_points(group)})) or "none"
        raise PluginError(f"{group}: no plug-in named {name!r} is installed; installed are: {names}")
    if len(points) > 1:
        origins = " and ".join(sorted(_origin(point) for point in points))
        raise PluginError(f"{group}: plug-in {name!r} is there {len(points)} times, from {origins}; keep one")
    try:
        return points[0].load()
    except Exception as cause:
        raise PluginError(
            f"{group}: plug-in {name!r} of {_origin(points[0])} does not load ({points[0].value}): "
            f"{type(cause).__name__}: {cause}"
        ) from cause
