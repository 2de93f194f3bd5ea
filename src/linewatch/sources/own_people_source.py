"""What sources share that hear devices of own people through a door for messages: all but how a message is read."""

import ssl
from abc import abstractmethod
from collections.abc import Callable

from linewatch.clock import Clock
from linewatch.ports import SourceStatus
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.link_state import LinkWords
from linewatch.sources.message_door import Address, Cut, MessageDoor
from linewatch.sources.worked import WorkedSource


class OwnPeopleSource(WorkedSource):
    """Satisfies `ports.LiveSource`, and `message_door.Owner` towards its door."""

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
        words = LinkWords("no link to the server: ", "the link to the server stands again")
        if not address.is_server:
            words = LinkWords("the door failed: ", "the door stands again", "nothing has come yet")
        super().__init__(site, name, (), words, lateness_s=lateness_s, clock=clock)
        self._is_udp = address.scheme == "udp"
        self._door = MessageDoor(self, address, cut, tls, self._link, self._clock)
        self._worker = self._door.worker

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
        if not self._link.up:
            return self._link.status()
        up = self._arrivals.last_ns is not None if self._is_udp else self._door.links > 0
        return self._arrivals.status(up=up, reason=self._door.reason)

    # --- for its door ---------------------------------------------------------------------------------------------

    @abstractmethod
    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bytes | None:
        """Take one message; what to answer, where anything."""

    def trouble(self, condition: Condition, text: str) -> None:
        """Something is not as it should be with what comes in."""
        self._arrivals.trouble("", condition, "degraded" if condition == "dropped" else "note", text)

    def failed(self, error: Exception) -> None:
        """A message that our own code broke on."""
        self._arrivals.failed(error)

    def greeting(self, now_ns: int) -> bytes:  # noqa: ARG002 - for those that have one
        """What a server is greeted with; nothing."""
        return b""
