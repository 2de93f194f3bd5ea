"""The entry point `seedlink`: geophones such as Raspberry Shake as a source of a site."""

import ipaddress
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.ports import LiveSource
from linewatch.site.model import Site
from linewatch.sources.stream_names import STREAM_WORDS, is_stream

_LEAST_HEARTBEAT_S: Final = 10.0
_MOST_CATCH_UP_S: Final = 86_400.0


class SeedLinkSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "seedlink"`."""

    sensors: Mapping[str, str]
    """NETWORK_STATION_LOCATION_CHANNEL -> sensor, or `sensor/channel` of a string of geophones."""
    url: str = "seedlink://127.0.0.1:18000"
    """`seedlink://HOST:PORT`, or `seedlinks://` with TLS (port 18500)."""
    name: str = "seedlink"
    """Names the source."""
    username: str = ""
    """Log-in name (SeedLink 4)."""
    password: str = ""
    """Password, as a reference."""
    catch_up_s: float = 300.0
    """Samples that the server kept while the link was down are taken up to this age."""
    idle_s: float = 120.0
    """Without any samples for so long, the link is taken for dead and made anew."""


card: Final = Card(
    title="SeedLink 3 and 4: geophones and seismometers such as Raspberry Shake, as raw samples (MiniSEED 2 and 3)",
    level="block, health",
    licence="Apache-2.0 (seedlink-client, pymseed: Apache-2.0; the extra `seismic`)",
    docs="docs/source-seedlink.md",
    limits=(
        "A record of 512 bytes holds seconds of samples: what it tells is seconds old when it comes.",
        "Samples that fill a gap later are counted and not used.",
        "Footsteps need 100 samples a second or more.",
    ),
)
settings_type: Final = SeedLinkSettings


def build(site: Site, settings: SeedLinkSettings, folder: Path) -> LiveSource:  # noqa: ARG001 - the shape of a plug-in
    """The source, not yet connected. Raises `SiteError`."""
    where = "source 'seedlink'"
    host, port, tls, problems = _address(where, settings)
    places: dict[str, tuple[str, int]] = {}
    for stream, told in settings.sensors.items():
        if not is_stream(stream):
            problems.append(Problem("site.toml", f"{where} sensors", repr(stream[:60]), STREAM_WORDS))
        place, wrong = _place(site, where, told)
        problems += wrong
        if place is not None and place in places.values():
            allowed = "another sensor or channel for each stream"
            problems.append(Problem("site.toml", f"{where} sensors", f"{told!r} twice", allowed))
        if place is not None:
            places[stream] = place
    if not settings.sensors:
        problems.append(Problem("site.toml", f"{where} sensors", "none", "one stream or more"))
    problems += [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", f"{least:g} to {most:g}")
        for key, least, most in (("catch_up_s", 0.0, _MOST_CATCH_UP_S), ("idle_s", 1.0, 3600.0))
        if not least <= getattr(settings, key) <= most
    ]
    if find_spec("seedlink_client") is None or find_spec("pymseed") is None:
        allowed = "`pip install 'linewatch[seismic]'`"
        found = "the packages seedlink-client and pymseed are not installed"
        problems.append(Problem("site.toml", where, found, allowed))
    if problems:
        raise SiteError(problems)
    from linewatch.sources.seedlink._link import Server  # noqa: PLC0415 - needs the extra
    from linewatch.sources.seedlink.source import SeedLinkSource  # noqa: PLC0415 - needs the extra

    server = Server(host, port, tls=tls, username=settings.username, password=settings.password)
    return SeedLinkSource(site, settings.name, server, places, catch_up_s=settings.catch_up_s, idle_s=settings.idle_s)


def _address(where: str, settings: SeedLinkSettings) -> tuple[str, int, bool, list[Problem]]:
    allowed = "seedlink://HOST:PORT or seedlinks://HOST:PORT"
    try:
        parts = urlsplit(settings.url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", 0, False, [Problem("site.toml", f"{where} url", repr(settings.url[:80]), allowed)]
    tls = parts.scheme == "seedlinks"
    problems = []
    if parts.scheme not in ("seedlink", "seedlinks") or not host or parts.path or parts.query or "@" in parts.netloc:
        # A log-in in the address would be a literal secret, so the address is not shown.
        problems.append(Problem("site.toml", f"{where} url", "another form", allowed))
    if settings.password and not tls and not _is_loopback(host):
        allowed = "seedlinks:// for a server that is not this machine"
        problems.append(Problem("site.toml", f"{where} password", "a link without TLS", allowed))
    if bool(settings.username) != bool(settings.password):
        problems.append(Problem("site.toml", f"{where} username", "one without the other", "username and password"))
    return host, port or (18_500 if tls else 18_000), tls, problems


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _place(site: Site, where: str, told: str) -> tuple[tuple[str, int] | None, list[Problem]]:
    """Sensor and channel that `sensor` or `sensor/channel` names."""
    name, _, number = told.rpartition("/") if not site.has_sensor(told) else (told, "", "0")
    if not site.has_sensor(name) or not number.isdecimal():
        return None, [Problem("site.toml", f"{where} sensors", repr(told[:60]), "SENSOR or SENSOR/CHANNEL of the site")]
    sensor, channel = site.sensor(name), int(number)
    problems = []
    if channel >= (sensor.channels or 1):
        allowed = f"0 to {(sensor.channels or 1) - 1}, the channels of {name!r}"
        problems.append(Problem("site.toml", f"{where} sensors", f"channel {channel}", allowed))
    if sensor.heartbeat_s is None or sensor.heartbeat_s < _LEAST_HEARTBEAT_S:
        found = "nothing" if sensor.heartbeat_s is None else f"{sensor.heartbeat_s:g}"
        allowed = f"{_LEAST_HEARTBEAT_S:g} or more: one record of SeedLink holds seconds of samples"
        problems.append(Problem("site.toml", f"sensor {name!r} heartbeat_s", found, allowed))
    return None if problems else (name, channel), problems
