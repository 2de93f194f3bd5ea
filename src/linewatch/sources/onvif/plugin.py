"""The entry point `onvif`: motion and tampering as cameras report them, as a source of a site."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.ports import LiveSource
from linewatch.site.model import Site

_WHERE: Final = "source 'onvif'"


class OnvifSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "onvif"`."""

    sensor: str
    """The camera."""
    url: str
    """`http://HOST[:PORT]/onvif/device_service`, or `https://`, without log-in."""
    name: str = ""
    """Names the source; without it the sensor does: `onvif:SENSOR`."""
    username: str = ""
    """Log-in name."""
    password: str = ""
    """Password, as a reference; sent as a digest."""
    oldest_s: float = 60.0
    """Events stamped longer before their arrival than this are refused."""


card: Final = Card(
    title="ONVIF cameras: motion, people, vehicles and tampering as the camera reports them, by pull point",
    level="detection, health",
    licence="Apache-2.0 (onveef: Apache-2.0; the extra `onvif`)",
    docs="docs/source-onvif.md",
    limits=(
        "How sure a camera's word is, is assumed: cameras do not say.",
        "Tried on a made-up device, not on cameras of every make.",
        "A camera is sent to a preset by an operator only; coverage does not know that it looks elsewhere.",
    ),
)
settings_type: Final = OnvifSettings


def build(site: Site, settings: OnvifSettings, folder: Path) -> LiveSource:  # noqa: ARG001 - the shape of a plug-in
    """The source, not yet connected. Raises `SiteError`."""
    problems = []
    if not site.has_sensor(settings.sensor) or site.sensor(settings.sensor).at_m is None:
        problems.append(Problem("site.toml", f"{_WHERE} sensor", repr(settings.sensor[:60]), "a sensor with at_m"))
    if not _is_http(settings.url):
        # A log-in in the address would be a literal secret, so the address is not shown.
        allowed = "http://HOST[:PORT]/onvif/device_service, or https://; log-in as username and password"
        problems.append(Problem("site.toml", f"{_WHERE} url", "another form", allowed))
    if settings.password and not settings.username:
        problems.append(Problem("site.toml", f"{_WHERE} username", "nothing", "a name beside the password"))
    if not 0.0 < settings.oldest_s <= 43_200.0:
        problems.append(Problem("site.toml", f"{_WHERE} oldest_s", f"{settings.oldest_s:g}", "above 0, up to 43200"))
    if find_spec("onveef") is None:
        allowed = "`pip install 'linewatch[onvif]'`"
        problems.append(Problem("site.toml", _WHERE, "the package onveef is not installed", allowed))
    if problems:
        raise SiteError(problems)
    from linewatch.sources.onvif.source import Device, OnvifSource  # noqa: PLC0415 - needs the extra

    device = Device(settings.url, settings.username, settings.password)
    name = settings.name or f"onvif:{settings.sensor}"
    return OnvifSource(site, name, site.sensor(settings.sensor), device, oldest_s=settings.oldest_s)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        return False
