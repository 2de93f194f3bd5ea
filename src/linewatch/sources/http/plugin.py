"""The entry point `http`: rows of JSON that programs post to the watch's own port."""

from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.site.model import Site
from linewatch.sources.http.rows import Rights
from linewatch.sources.http.source import HttpSource, digest_of

SHORTEST: Final = 16
"""Characters that a token must have."""


class Caller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[source.caller]]`."""

    name: str
    """Names it, in findings and for people."""
    token: str
    """The token, as a reference: `{ env = "NAME" }` or `{ file = "PATH" }`."""
    sensors: tuple[str, ...] = ()
    """Sensors for which it speaks, and no others."""
    movers: tuple[str, ...] = ()
    """Call signs of own people whose position it may report."""
    weather: bool = False
    """Whether it may report weather."""


class HttpSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "http"`."""

    caller: tuple[Caller, ...]
    """Who may speak, and of what."""
    name: str = "http"
    """Names the source; its address is `/ingest/NAME/`."""
    lateness_s: float = 0.25
    """How long rows wait for order, 0 to 0.5."""
    oldest_s: float = 3600.0
    """Rows stamped longer before their arrival than this are refused."""

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name: found {self.name!r}; allowed: letters, digits, - and _")
        if not 0.0 <= self.lateness_s <= 0.5:
            raise ValueError(f"lateness_s: found {self.lateness_s}; allowed: 0 to 0.5")
        if not self.oldest_s > 0.0:
            raise ValueError(f"oldest_s: found {self.oldest_s}; allowed: above 0")


card: Final = Card(
    title="HTTP: detections, health, own people's positions and weather as JSON, with a token each",
    level="detection, health",
    licence="Apache-2.0 (starlette, uvicorn: BSD-3-Clause)",
    docs="docs/source-http.md",
    limits=(
        "An answer waits for the disk: a caller sees up to a tick (0.25 s) of delay, and should send rows together.",
        "Names of rows are remembered while the watch runs, not across its restarts.",
    ),
)
settings_type: Final = HttpSettings


def build(site: Site, settings: HttpSettings, folder: Path) -> HttpSource:  # noqa: ARG001 - the port's shape
    """The source. Raises `SiteError` with everything that is wrong with its credentials."""
    problems = []
    tokens: dict[bytes, Rights] = {}
    for number, each in enumerate(settings.caller):
        where = f"source http caller[{number}]"
        problems += [
            Problem("site.toml", f"{where}.sensors", repr(sensor), "a sensor of the site")
            for sensor in each.sensors
            if not site.has_sensor(sensor)
        ]
        if len(each.token) < SHORTEST:
            problems.append(
                Problem("site.toml", f"{where}.token", "a short text (not shown)", f"{SHORTEST} characters")
            )
        if digest_of(each.token) in tokens:
            problems.append(Problem("site.toml", f"{where}.token", "that of another caller", "a token of its own"))
        tokens[digest_of(each.token)] = Rights(each.name, frozenset(each.sensors), frozenset(each.movers), each.weather)
    if not settings.caller:
        problems.append(Problem("site.toml", "source http caller", "none", "one or more"))
    if problems:
        raise SiteError(problems)
    return HttpSource(site, settings.name, tokens, settings.lateness_s, settings.oldest_s)
