"""Where the console listens, and how it keeps people out."""

import ipaddress
from pathlib import Path

import msgspec

from linewatch.errors import InputError

DEFAULT_PORT = 8420


class ConsoleSettings(msgspec.Struct, frozen=True):
    """Settings of the console's process."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = DEFAULT_PORT
    """Port to listen on; 0 takes a free one."""
    tls_certificate: Path | None = None
    """File with the certificate and its chain (PEM)."""
    tls_key: Path | None = None
    """File with the key of the certificate (PEM)."""
    names: tuple[str, ...] = ()
    """Further host names under which people may ask for it."""
    locale: str = "en"
    """Language in which a page begins."""
    cookie: str = "lw_session"
    """Name of the cookie that opens it; sites that share a console have one each."""
    all_sites: str = ""
    """Path to the queue over all sites, where this site shares a console with others."""
    most_body_bytes: int = 65_536
    """Largest body that a request may have."""

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls_certificate is not None

    @property
    def address(self) -> str:
        """The address to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_listening(settings: ConsoleSettings, *, first_password_stands: bool) -> None:
    """Refuse to be reached from elsewhere without TLS, or with a password that nobody has changed yet."""
    if not 0 <= settings.port <= 65_535:
        raise InputError(f"port: found {settings.port}; allowed: 0 to 65535")
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InputError("tls: found one of certificate and key; allowed: both or neither")
    for path in (settings.tls_certificate, settings.tls_key):
        if path is not None and not path.is_file():
            raise InputError(f"tls: {path}: found no such file; allowed: a file in PEM")
    if is_loopback(settings.host):
        return
    if not settings.secure:
        raise InputError(f"host: found {settings.host} without TLS; allowed: a loopback address, or TLS")
    if first_password_stands:
        raise InputError(
            f"host: found {settings.host} while the first password still stands; "
            "allowed: a loopback address until somebody has signed in and changed it"
        )
