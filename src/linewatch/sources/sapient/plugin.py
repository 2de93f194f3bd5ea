"""The entry point `sapient`: edge nodes of SAPIENT as a source of a site."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.protocols.sapient import ClockRule, is_node_id, node_id_of
from linewatch.site.model import Site
from linewatch.sources.door_address import door_address
from linewatch.sources.sapient.source import SapientSource


class SapientSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "sapient"`."""

    sensors: Mapping[str, str]
    """Node id (UUID version 4) -> sensor of the site. A node speaks for that one only."""
    listen: str = "127.0.0.1:5020"
    """Address and port that nodes connect to."""
    name: str = "sapient"
    """Names the source."""
    node_id: str = ""
    """Our own id (UUID version 4); empty takes one that the site's name always gives."""
    behind_s: float = 30.0
    """How old a message may be when it comes."""
    ahead_s: float = 1.0
    """How far ahead of our clock it may be."""
    lateness_s: float = 0.25
    """How long records wait for order, 0 to 0.5."""
    private_network: bool = False
    """SAPIENT has neither encryption nor log-in: listening beyond this machine needs this word for it."""


card: Final = Card(
    title="SAPIENT (BSI Flex 335 v2.0): edge nodes connect, register, report, alert, and take tasks",
    level="detection, health",
    licence="Apache-2.0 (sapient-proto: Apache-2.0, protobuf: BSD-3-Clause; the extra `sapient`)",
    docs="docs/source-sapient.md",
    limits=(
        "No encryption and no log-in: for a private network or a tunnel.",
        "Places in UTM are refused, with the reason; a bearing counts from true north.",
    ),
)
settings_type: Final = SapientSettings


def build(site: Site, settings: SapientSettings, folder: Path) -> SapientSource:  # noqa: ARG001 - the shape of a plug-in
    """The source, not yet listening. Raises `SiteError`."""
    where = "source 'sapient'"
    address, problems = door_address(where, settings.listen, private_network=settings.private_network)
    for node, sensor in settings.sensors.items():
        if not is_node_id(node):
            allowed = "UUIDs of version 4 in lower case, with dashes"
            problems.append(Problem("site.toml", f"{where} sensors", repr(node[:60]), allowed))
        if not site.has_sensor(sensor):
            problems.append(Problem("site.toml", f"{where} sensors", repr(sensor[:60]), "sensors of the site"))
        elif not site.line(site.sensor(sensor).line).coordinates_deg:
            line = site.sensor(sensor).line
            problems.append(Problem("site.toml", f"line {line!r} geometry", "no geography", "a geometry file"))
    if settings.node_id and not is_node_id(settings.node_id):
        problems.append(Problem("site.toml", f"{where} node_id", repr(settings.node_id[:60]), "a UUID of version 4"))
    problems += [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", f"0 to {most:g} s")
        for key, most in (("behind_s", 86_400.0), ("ahead_s", 3_600.0), ("lateness_s", 0.5))
        if not 0.0 <= getattr(settings, key) <= most
    ]
    if problems:
        raise SiteError(problems)
    own_id = settings.node_id or node_id_of(site.name, "fusion")
    rule = ClockRule(settings.behind_s, settings.ahead_s)
    return SapientSource(
        site,
        settings.name,
        address,
        settings.sensors,
        own_id,
        rule,
        lateness_s=settings.lateness_s,
    )
