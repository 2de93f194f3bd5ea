"""Where a door for messages stands, as a site writes it: address, certificates, the word that a network is private."""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError, Problem
from linewatch.protocols.cot_link import address_of, server_context, tls_context
from linewatch.site.model import Site
from linewatch.sources.message_door import Address

SHA256: Final = re.compile(r"[0-9a-f]{64}")
"""Fingerprint of a certificate."""


class DoorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Keys that sources with a door for messages have in common."""

    listen: str = ""
    """`udp://`, `tcp://` or `tls://`, address and port that devices send to; a multicast group is joined."""
    connect: str = ""
    """Or `tcp://` or `tls://`, host and port of a server."""
    authority: str = ""
    """File of certificate authorities (PEM) that devices, or the server, must be known to."""
    certificate: str = ""
    """File of our own certificate (PEM)."""
    private_key: str = ""
    """Its key (PEM), as a reference."""
    lateness_s: float = 0.25
    """How long records wait for order, 0 to 0.5."""
    oldest_s: float = 300.0
    """Positions stamped longer before their arrival than this are refused."""
    private_network: bool = False
    """Neither datagrams nor plain streams carry proof: taking them beyond this machine needs this word for it."""


def message_door(
    where: str, settings: DoorSettings, folder: Path
) -> tuple[Address, ssl.SSLContext | None, list[Problem]]:
    """Address, encryption where there is any, and all that is wrong; `where` names the source in what is told."""
    address, problems = _address(where, settings)
    if problems or address.scheme != "tls":
        return address, None, problems
    authority, certificate = (str(folder / name) if name else "" for name in (settings.authority, settings.certificate))
    make = tls_context if address.is_server else server_context
    try:
        return address, make(authority, certificate, settings.private_key), []
    except InputError as error:
        found, _, allowed = str(error).partition("; allowed: ")
        return address, None, [Problem("site.toml", where, found, allowed)]


def position_problems(where: str, site: Site, settings: DoorSettings, says: str) -> list[Problem]:
    """What keeps a source from placing what its devices tell; `says` names their language in what is told."""
    problems = []
    if not any(line.coordinates_deg for line in site.lines):
        problems.append(
            Problem("site.toml", "line geometry", "no geography", f"a geometry file, as {says} tells places")
        )
    return problems + [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", f"{low:g} to {most:g} s")
        for key, low, most in (("lateness_s", 0.0, 0.5), ("oldest_s", 1.0, 86_400.0))
        if not low <= getattr(settings, key) <= most
    ]


def _address(where: str, settings: DoorSettings) -> tuple[Address, list[Problem]]:
    nowhere = Address("udp", "127.0.0.1", 0, is_server=False)
    if bool(settings.listen) == bool(settings.connect):
        found = "both" if settings.listen else "neither"
        return nowhere, [Problem("site.toml", f"{where} listen, connect", found, "one of them")]
    key = "connect" if settings.connect else "listen"
    url = settings.connect or settings.listen
    any_port = url.endswith(":0")
    try:
        scheme, host, port = address_of(url[:-1] + "1" if any_port else url)
    except InputError as error:
        found, _, allowed = str(error).removeprefix("url: found ").partition("; allowed: ")
        return nowhere, [Problem("site.toml", f"{where} {key}", found, allowed)]
    address = Address(scheme, host, 0 if any_port else port, is_server=bool(settings.connect))
    wrong = _not_to_connect(address) if address.is_server else _not_to_listen(address, settings)
    return address, [Problem("site.toml", f"{where} {key}", repr(url), wrong)] if wrong else []


def _not_to_connect(address: Address) -> str:
    return "tcp:// or tls:// (datagrams come by listen)" if address.scheme == "udp" else ""


def _not_to_listen(address: Address, settings: DoorSettings) -> str:
    """What would be allowed instead; empty where it may stand."""
    try:
        here = ipaddress.IPv4Address(address.host)
    except ValueError:
        return "an IPv4 address"
    if here.is_multicast and address.scheme != "udp":
        return "udp:// for a multicast group"
    if address.scheme == "tls":
        given = settings.authority and settings.certificate and settings.private_key
        return "" if given else "authority, certificate and private_key beside tls://"
    if not here.is_loopback and not settings.private_network:
        return "an address of this machine alone, tls://, or private_network = true"
    return ""
