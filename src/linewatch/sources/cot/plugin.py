"""The entry point `cot`: positions and emergencies of own people as a source of a site."""

import ipaddress
import re
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError, Problem, SiteError
from linewatch.plugins import Card
from linewatch.protocols.cot_link import address_of, server_context, tls_context
from linewatch.site.model import Site
from linewatch.sources.cot._reading import Device, Reader
from linewatch.sources.cot.source import Address, CotSource
from linewatch.sources.own_people import MOST_COUNT

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_WHERE: Final = "source 'cot'"


class CotSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "cot"`."""

    listen: str = ""
    """`udp://`, `tcp://` or `tls://`, address and port that devices send to; a multicast group is joined."""
    connect: str = ""
    """Or `tcp://` or `tls://`, host and port of a TAK server."""
    device: tuple[Device, ...] = ()
    """Devices of own people."""
    server_vouches: bool = False
    """Your word for it that the server lets each device speak for itself alone; needs `connect` by TLS."""
    authority: str = ""
    """File of certificate authorities (PEM) that devices, or the server, must be known to."""
    certificate: str = ""
    """File of our own certificate (PEM)."""
    private_key: str = ""
    """Its key (PEM), as a reference."""
    name: str = "cot"
    """Names the source."""
    lateness_s: float = 0.25
    """How long records wait for order, 0 to 0.5."""
    oldest_s: float = 300.0
    """Positions stamped longer before their arrival than this are refused."""
    private_network: bool = False
    """Neither datagrams nor plain streams carry proof: taking them beyond this machine needs this word for it."""


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
    address, problems = _address(settings)
    problems += _device_problems(settings, address)
    if not any(line.coordinates_deg for line in site.lines):
        problems.append(Problem("site.toml", "line geometry", "no geography", "a geometry file, as CoT tells places"))
    problems += [
        Problem("site.toml", f"{_WHERE} {key}", f"{getattr(settings, key):g}", f"{low:g} to {most:g} s")
        for key, low, most in (("lateness_s", 0.0, 0.5), ("oldest_s", 1.0, 86_400.0))
        if not low <= getattr(settings, key) <= most
    ]
    tls = None
    if address.scheme == "tls":
        authority, certificate = (str(folder / name) if name else "" for name in _files(settings))
        try:
            make = tls_context if address.is_server else server_context
            tls = make(authority, certificate, settings.private_key)
        except InputError as error:
            found, _, allowed = str(error).partition("; allowed: ")
            problems.append(Problem("site.toml", _WHERE, found, allowed))
    if problems:
        raise SiteError(problems)
    devices = {device.uid: device for device in settings.device}
    reader = Reader(site, devices, settings.oldest_s, vouched=settings.server_vouches)
    return CotSource(site, settings.name, address, reader, tls, lateness_s=settings.lateness_s)


def _files(settings: CotSettings) -> tuple[str, str]:
    return settings.authority, settings.certificate


def _address(settings: CotSettings) -> tuple[Address, list[Problem]]:
    nowhere = Address("udp", "127.0.0.1", 0, is_server=False)
    if bool(settings.listen) == bool(settings.connect):
        found = "both" if settings.listen else "neither"
        return nowhere, [Problem("site.toml", f"{_WHERE} listen, connect", found, "one of them")]
    key = "connect" if settings.connect else "listen"
    url = settings.connect or settings.listen
    try:
        scheme, host, port = address_of(url if not url.endswith(":0") else url[:-1] + "1")
    except InputError as error:
        found, _, allowed = str(error).removeprefix("url: found ").partition("; allowed: ")
        return nowhere, [Problem("site.toml", f"{_WHERE} {key}", found, allowed)]
    address = Address(scheme, host, 0 if url.endswith(":0") else port, is_server=bool(settings.connect))
    if address.is_server:
        allowed = "tcp:// or tls:// (datagrams come by listen)"
        return address, [Problem("site.toml", f"{_WHERE} connect", repr(url), allowed)] if scheme == "udp" else []
    try:
        here = ipaddress.IPv4Address(host)
    except ValueError:
        return address, [Problem("site.toml", f"{_WHERE} listen", repr(url), "an IPv4 address")]
    if here.is_multicast and scheme != "udp":
        return address, [Problem("site.toml", f"{_WHERE} listen", repr(url), "udp:// for a multicast group")]
    if scheme != "tls" and not here.is_loopback and not settings.private_network:
        allowed = "an address of this machine alone, tls://, or private_network = true"
        return address, [Problem("site.toml", f"{_WHERE} listen", repr(url), allowed)]
    if scheme == "tls" and not (settings.authority and settings.certificate and settings.private_key):
        allowed = "authority, certificate and private_key beside tls://"
        return address, [Problem("site.toml", f"{_WHERE} listen", repr(url), allowed)]
    return address, []


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
        if device.certificate and not _SHA256.fullmatch(device.certificate):
            allowed = "SHA-256 of its certificate, 64 hexadecimal digits in lower case"
            problems.append(Problem("site.toml", f"{where}.certificate", repr(device.certificate[:70]), allowed))
        if device.certificate and (address.is_server or address.scheme != "tls"):
            allowed = "a certificate only where devices connect to listen = tls://"
            problems.append(Problem("site.toml", f"{where}.certificate", "a certificate", allowed))
    if settings.server_vouches and not (address.is_server and address.scheme == "tls" and settings.authority):
        allowed = "with connect = tls:// and the authority of that server"
        problems.append(Problem("site.toml", f"{_WHERE} server_vouches", "true", allowed))
    return problems
