"""The entry point `asterix`: radars that send ASTERIX over UDP as a source of a site."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.ports import LiveSource
from linewatch.site.model import Site
from linewatch.sources.door_address import door_address

_ORIGIN: Final = re.compile(r"\d{1,3}\.\d{1,3}")


class AsterixSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "asterix"`."""

    sensors: Mapping[str, str]
    """`SAC.SIC` of a radar -> sensor of the site."""
    listen: str = "127.0.0.1:8600"
    """Address and port that datagrams come to; a multicast group is joined."""
    name: str = "asterix"
    """Names the source."""
    range_sigma_m: float = 10.0
    """Standard deviation of a plot's range."""
    azimuth_sigma_deg: float = 0.5
    """Standard deviation of a plot's azimuth."""
    lateness_s: float = 0.25
    """How long records wait for order, 0 to 0.5."""
    oldest_s: float = 60.0
    """Records stamped longer before their arrival than this are refused."""
    private_network: bool = False
    """Datagrams carry no proof of who sent them: listening beyond this machine needs this word for it."""


card: Final = Card(
    title="ASTERIX over UDP, unicast and multicast: plots and tracks of ground radars (categories 015, 034, 048, 062)",
    level="detection, health",
    licence="Apache-2.0 (libasterix: MIT; the extra `radar`)",
    docs="docs/source-asterix.md",
    limits=(
        "Each category is read by the newest edition that libasterix brings.",
        "Slant range counts as ground range: right for ground radars, not for an aircraft above.",
    ),
)
settings_type: Final = AsterixSettings


def build(site: Site, settings: AsterixSettings, folder: Path) -> LiveSource:  # noqa: ARG001 - the shape of a plug-in
    """The source, not yet listening. Raises `SiteError`."""
    where = "source 'asterix'"
    address, problems = door_address(where, settings.listen, private_network=settings.private_network, only_ipv4=True)
    for origin, sensor in settings.sensors.items():
        if not _ORIGIN.fullmatch(origin):
            problems.append(Problem("site.toml", f"{where} sensors", repr(origin[:40]), "SAC.SIC, such as 25.201"))
        if not site.has_sensor(sensor) or site.sensor(sensor).at_m is None:
            problems.append(Problem("site.toml", f"{where} sensors", repr(sensor[:60]), "sensors with at_m"))
        elif not site.line(site.sensor(sensor).line).coordinates_deg:
            problems.append(Problem("site.toml", "line geometry", "no geography", "a geometry file"))
    problems += [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", f"above 0, up to {most:g}")
        for key, most in (("range_sigma_m", 1e4), ("azimuth_sigma_deg", 45.0), ("oldest_s", 43_200.0))
        if not 0.0 < getattr(settings, key) <= most
    ]
    if not 0.0 <= settings.lateness_s <= 0.5:
        problems.append(Problem("site.toml", f"{where} lateness_s", f"{settings.lateness_s:g}", "0 to 0.5"))
    if find_spec("asterix") is None:
        allowed = "`pip install 'linewatch[radar]'`"
        problems.append(Problem("site.toml", where, "the package libasterix is not installed", allowed))
    if problems:
        raise SiteError(problems)
    from linewatch.sources.asterix.source import AsterixSource  # noqa: PLC0415 - needs the extra

    return AsterixSource(
        site,
        settings.name,
        address,
        settings.sensors,
        range_sigma_m=settings.range_sigma_m,
        azimuth_sigma_deg=settings.azimuth_sigma_deg,
        lateness_s=settings.lateness_s,
        oldest_s=settings.oldest_s,
    )
