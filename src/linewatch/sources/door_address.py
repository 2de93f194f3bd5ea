"""Where a door without log-in may stand: on this machine, or, on the site's own word, on a private network."""

import ipaddress

from linewatch.errors import Problem


def door_address(
    where: str, text: str, *, private_network: bool, only_ipv4: bool = False
) -> tuple[tuple[str, int], list[Problem]]:
    """Host and port that `text` names, and what is wrong with them; `where` names the source in what is told."""
    host, _, port = text.rpartition(":")
    allowed = "IPV4-ADDRESS:PORT" if only_ipv4 else "ADDRESS:PORT"
    try:
        address = ipaddress.IPv4Address(host) if only_ipv4 else ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535:
        return ("127.0.0.1", 0), [Problem("site.toml", f"{where} listen", repr(text), allowed)]
    if not address.is_loopback and not private_network:
        allowed = "an address of this machine alone, or private_network = true"
        return (str(address), number), [Problem("site.toml", f"{where} listen", repr(text), allowed)]
    return (str(address), number), []
