"""Events of own people's devices: how each message is read, and what is said to devices and servers."""

import ssl

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.protocols.cot import PING, EventStream, from_xml, to_xml
from linewatch.protocols.cot_link import ping_of, pong_of
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrived
from linewatch.sources.cot._reading import Reader
from linewatch.sources.message_door import Address
from linewatch.sources.own_people_source import OwnPeopleSource


class CotSource(OwnPeopleSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        address: Address,
        reader: Reader,
        tls: ssl.SSLContext | None,
        *,
        lateness_s: float = 0.25,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(site, name, address, EventStream, tls, lateness_s=lateness_s, clock=clock)
        self._reader = reader

    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bytes | None:
        """Take one event; a ping is answered."""
        try:
            event = from_xml(raw)
        except InputError as error:
            self.trouble("refused", "a message that is no event of Cursor on Target")
            self._arrivals.shown(received_ns, where, raw, (), str(error))
            return None
        became = self._reader.read(event, received_ns, certificate)
        if became.trouble is not None:
            self.trouble(*became.trouble)
        if became.unknown:
            self._arrivals.unknown(became.unknown)
        self._arrivals.put(Arrived(received_ns, became.items))
        self._arrivals.shown(received_ns, where, raw, became.items, became.why_not)
        return to_xml(pong_of(received_ns)) if event.type == PING else None

    def greeting(self, now_ns: int) -> bytes:
        """A ping: a server that lives answers it."""
        return to_xml(ping_of(f"linewatch.{self._site.name}.listener", now_ns))
