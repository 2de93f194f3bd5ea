"""A socket for datagrams to one address of this machine, or to a multicast group."""

import ipaddress
import socket
import struct


def datagram_socket(host: str, port: int) -> socket.socket:
    """Bound; a multicast group is joined. Raises `OSError` where the address cannot be taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if ipaddress.ip_address(host).is_multicast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            group = struct.pack("4s4s", socket.inet_aton(host), socket.inet_aton("0.0.0.0"))  # noqa: S104 - joins on all
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        else:
            sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def receive(sock: socket.socket) -> tuple[bytes, str]:
    """The next datagram, and the address and port that it came from: empty where none came in time."""
    try:
        raw, sender = sock.recvfrom(65_536)
    except (TimeoutError, ConnectionError):  # the latter: somebody did not want what we never sent
        return b"", ""
    return raw, f"{sender[0]}:{sender[1]}"
