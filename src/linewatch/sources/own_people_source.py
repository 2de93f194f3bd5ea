"""What sources share that hear devices of own people through a door for messages: all but how a message is read."""

import ssl
from abc import abstractmethod
from collections.abc import Callable

from linewatch.clock import Clock, WallClock
from linewatch.ports import SourceStatus
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrivals, Arrived, health_of
from linewatch.sources.ephemeral import EphemeralSource
from linewatch.sources.message_door import Address, Cut, MessageDoor


class OwnPeopleSource(EphemeralSource):
    """Satisfies `ports.LiveSource`, and `message_door.Owner` towards its door."""

    sensors: tuple[str, ...] = ()

    def __init__(
        self,
        site: Site,
        name: str,
        address: Address,
        cut: Callable[[], Cut],
        tls: ssl.SSLContext | None,
        *,
        lateness_s: float = 0.25,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.lateness_s = lateness_s
        self._site = site
        self._is_udp = address.scheme == "udp"
        self._arrivals = Arrivals(name, site)
        self._door = MessageDoor(self, address, cut, tls, clock or WallClock())

    # --- for the watch --------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._door.bound

    def start(self) -> None:
        """Listen, or begin to connect. Raises `InputError` where the address cannot be taken."""
        self._door.start()

    def status(self) -> SourceStatus:
        """How it is doing."""
        up = self._arrivals.last_ns is not None if self._is_udp else self._door.links > 0
        return self._arrivals.status(up=up, reason=self._door.reason)

    def close(self) -> None:
        """Close all links."""
        self._door.close()

    # --- for its door ---------------------------------------------------------------------------------------------

    @abstractmethod
    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bytes | None:
        """Take one message; what to answer, where anything."""

    def trouble(self, condition: Condition, text: str) -> None:
        """Something is not as it should be with what comes in."""
        self._arrivals.trouble("", condition, "degraded" if condition == "dropped" else "note", text)

    def link(self, now_ns: int, text: str, *, lost: bool) -> None:
        """The link to a server is lost, or stands again."""
        condition: Condition = "link_lost" if lost else "recovered"
        said = f"{self.name}: {text}"
        severity, ends = ("degraded", None) if lost else ("ok", "link_lost")
        told = health_of(self._site, "", now_ns, condition, severity, said, ends=ends)  # type: ignore[arg-type]
        self._arrivals.put(Arrived(now_ns, (told,)))

    def greeting(self, now_ns: int) -> bytes:  # noqa: ARG002 - for those that have one
        """What a server is greeted with; nothing."""
        return b""
