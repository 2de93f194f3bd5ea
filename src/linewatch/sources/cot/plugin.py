"""The entry point `cot`: positions and emergencies of own people as a source of a site."""

from pathlib import Path
from typing import Final

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.site.model import Site
from linewatch.sources.cot._reading import Device, Reader
from linewatch.sources.cot.source import CotSource
from linewatch.sources.message_address import SHA256, DoorSettings, message_door, position_problems
from linewatch.sources.message_door import Address
from linewatch.sources.own_people import MOST_COUNT

_WHERE: Final = "source 'cot'"


class CotSettings(DoorSettings, frozen=True, kw_only=True):
    """Keys of a `[[source]]` table with `plugin = "cot"`."""

    device: tuple[Device, ...] = ()
    """Devices of own people."""
    server_vouches: bool = False
    """Your word for it that the server lets each device speak for itself alone; needs `connect` by TLS."""
    name: str = "cot"
    """Names the source."""


card: Final = Card(
    title="Cursor on Target: positions and emergencies of own people, over UDP, TCP, TLS, or from a TAK server",
    level="known mover, emergency, health",
    licence="Apache-2.0",
    docs="docs/source-cot.md",
    limits=(
        "Only a device with its own certificate, or one that a server vouches for, explains anybody; others annotate.",
        "XML only; the protobuf form of TAK is not read.",
    ),
)
settings_type: Final = CotSettings


def build(site: Site, settings: CotSettings, folder: Path) -> CotSource:
    """The source, not yet listening. Raises `SiteError`."""
    address, tls, problems = message_door(_WHERE, settings, folder)
    problems += _device_problems(settings, address)
    problems += position_problems(_WHERE, site, settings, "CoT")
    if problems:
        raise SiteError(problems)
    devices = {device.uid: device for device in settings.device}
    reader = Reader(site, devices, settings.oldest_s, vouched=settings.server_vouches)
    return CotSource(site, settings.name, address, reader, tls, lateness_s=settings.lateness_s)


def _device_problems(settings: CotSettings, address: Address) -> list[Problem]:
    problems = []
    uids = [device.uid for device in settings.device]
    for number, device in enumerate(settings.device):
        where = f"{_WHERE} device[{number}]"
        for key, text in (("uid", device.uid), ("mover", device.mover)):
            if not 0 < len(text) <= 100 or not text.isprintable():
                problems.append(Problem("site.toml", f"{where}.{key}", repr(text[:60]), "1 to 100 characters"))
        if uids.count(device.uid) > 1:
            problems.append(Problem("site.toml", f"{where}.uid", repr(device.uid[:60]), "a uid of its own"))
        if not 1 <= device.count <= MOST_COUNT:
            problems.append(Problem("site.toml", f"{where}.count", str(device.count), f"1 to {MOST_COUNT}"))
        if device.certificate and not SHA256.fullmatch(device.certificate):
            allowed = "SHA-256 of its certificate, 64 hexadecimal digits in lower case"
            problems.append(Problem("site.toml", f"{where}.certificate", repr(device.certificate[:70]), allowed))
        if device.certificate and (address.is_server or address.scheme != "tls"):
            allowed = "a certificate only where devices connect to listen = tls://"
            problems.append(Problem("site.toml", f"{where}.certificate", "a certificate", allowed))
    if settings.server_vouches and not (address.is_server and address.scheme == "tls" and settings.authority):
        allowed = "with connect = tls:// and the authority of that server"
        problems.append(Problem("site.toml", f"{_WHERE} server_vouches", "true", allowed))
    return problems
