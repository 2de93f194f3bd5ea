"""The entry point `nmea`: receivers of own vehicles and people as a source of a site."""

import ipaddress
from pathlib import Path
from typing import Final

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.site.model import Site
from linewatch.sources.message_address import SHA256, DoorSettings, message_door, position_problems
from linewatch.sources.message_door import Address
from linewatch.sources.nmea.source import NmeaSource, Receiver
from linewatch.sources.own_people import MOST_COUNT

_WHERE: Final = "source 'nmea'"


class NmeaSettings(DoorSettings, frozen=True, kw_only=True):
    """Keys of a `[[source]]` table with `plugin = "nmea"`."""

    device: tuple[Receiver, ...]
    """Receivers, and whose they are."""
    name: str = "nmea"
    """Names the source."""


card: Final = Card(
    title="NMEA 0183: positions of own vehicles and people (GGA, RMC) over UDP, TCP or TLS",
    level="known mover, health",
    licence="Apache-2.0",
    docs="docs/source-nmea.md",
    limits=(
        "An IP address is no proof: such positions annotate and explain nobody. A certificate is.",
        "Sentences without a checksum are refused.",
    ),
)
settings_type: Final = NmeaSettings


def build(site: Site, settings: NmeaSettings, folder: Path) -> NmeaSource:
    """The source, not yet listening. Raises `SiteError`."""
    address, tls, problems = message_door(_WHERE, settings, folder)
    problems += _device_problems(settings, address)
    problems += position_problems(_WHERE, site, settings, "NMEA")
    if problems:
        raise SiteError(problems)
    return NmeaSource(
        site,
        settings.name,
        address,
        settings.device,
        tls,
        lateness_s=settings.lateness_s,
        oldest_s=settings.oldest_s,
    )


def _device_problems(settings: NmeaSettings, address: Address) -> list[Problem]:
    problems = []
    if not settings.device or (address.is_server and len(settings.device) != 1):
        allowed = "exactly one beside connect, else one or more"
        problems.append(Problem("site.toml", f"{_WHERE} device", str(len(settings.device)), allowed))
    key = "certificate" if address.scheme == "tls" else "address"
    for number, device in enumerate(settings.device):
        where = f"{_WHERE} device[{number}]"
        if not 0 < len(device.mover) <= 100 or not device.mover.isprintable():
            problems.append(Problem("site.toml", f"{where}.mover", repr(device.mover[:60]), "1 to 100 characters"))
        if not 1 <= device.count <= MOST_COUNT:
            problems.append(Problem("site.toml", f"{where}.count", str(device.count), f"1 to {MOST_COUNT}"))
        if address.is_server:
            if device.address or device.certificate:
                found = "an address or certificate"
                problems.append(Problem("site.toml", where, found, "neither beside connect: it is whoever answers"))
            continue
        value = getattr(device, key)
        if not (SHA256.fullmatch(value) if key == "certificate" else _is_address(value)):
            allowed = "SHA-256 in lower case with listen = tls://" if key == "certificate" else "an IPv4 address"
            problems.append(Problem("site.toml", f"{where}.{key}", repr(value[:70]), allowed))
        if [getattr(each, key) for each in settings.device].count(value) > 1:
            problems.append(Problem("site.toml", f"{where}.{key}", repr(value[:70]), "one of its own"))
        other = "address" if key == "certificate" else "certificate"
        if getattr(device, other):
            problems.append(Problem("site.toml", f"{where}.{other}", "a value", f"{key} with this listen"))
    return problems


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
