"""Receivers that send NMEA 0183: whose each is, and what its sentences become."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrived, event_time_ns
from linewatch.sources.message_door import Address
from linewatch.sources.nmea._reading import Fix, Sentences, read_sentence
from linewatch.sources.own_people import known_mover_at
from linewatch.sources.own_people_source import OwnPeopleSource

SIGMA_M: Final = 10.0
"""Of a position that does not say how exact it is (*assumed*)."""
_SPACING_NS: Final = 900_000_000
"""Receivers may say ten times a second where they are; once is enough."""
_GGA_NS: Final = 5_000_000_000
"""While a receiver says GGA, which tells how exact it is, its RMC say nothing more."""


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[source.device]]`."""

    mover: str
    """Call sign under which it is known here; never a person's name."""
    address: str = ""
    """IP address that it sends from; empty for whatever comes by `connect`, or by a certificate."""
    count: int = 1
    """How many people or vehicles it stands for: the cap on what it may explain."""
    certificate: str = ""
    """SHA-256 of its certificate: who holds it is this receiver, and counts as proved."""


class NmeaSource(OwnPeopleSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        address: Address,
        receivers: Sequence[Receiver],
        tls: ssl.SSLContext | None,
        *,
        lateness_s: float = 0.25,
        oldest_s: float = 300.0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(site, name, address, Sentences, tls, lateness_s=lateness_s, clock=clock)
        self._only = receivers[0] if address.is_server else None
        self._by_address: Mapping[str, Receiver] = {each.address: each for each in receivers if each.address}
        self._by_certificate = {each.certificate: each for each in receivers if each.certificate}
        self._oldest_s = oldest_s
        self._said_ns: dict[str, int] = {}
        self._gga_ns: dict[str, int] = {}
        self._away: set[str] = set()

    def take(self, raw: bytes, received_ns: int, where: str = "", certificate: str = "") -> bytes | None:
        """Take one sentence, or the sentences of a datagram."""
        for line in raw.splitlines() if b"\n" in raw.strip() else [raw]:
            items, why_not = self._items(line, received_ns, where, certificate)
            self._arrivals.put(Arrived(received_ns, items))
            self._arrivals.shown(received_ns, where, line, items, why_not)
        return None

    def _items(self, raw: bytes, received_ns: int, where: str, certificate: str) -> tuple[tuple[Item, ...], str]:
        """What a sentence becomes, and why it becomes nothing."""
        try:
            fix = read_sentence(raw, received_ns)
        except InputError as error:
            self.trouble("refused", "a message that is no sentence of NMEA 0183")
            return (), str(error)
        if fix is None:
            return (), "a sentence that tells no position"
        receiver = self._whose(where, certificate)
        if receiver is None:
            self._arrivals.unknown(f"receiver {where.rpartition(':')[0]}")
            return (), "a receiver that is not of this site"
        if fix.kind == "GGA" and fix.lonlat_deg is not None:
            self._gga_ns[receiver.mover] = received_ns
        elif received_ns - self._gga_ns.get(receiver.mover, -_GGA_NS) < _GGA_NS:
            return (), "said better by GGA, or no position fix"
        if fix.lonlat_deg is None:
            return (), "no position fix"
        return self._position(fix, receiver, received_ns)

    def _whose(self, where: str, certificate: str) -> Receiver | None:
        if self._only is not None:
            return self._only
        if certificate:
            return self._by_certificate.get(certificate)
        return self._by_address.get(where.rpartition(":")[0])

    def _position(self, fix: Fix, receiver: Receiver, received_ns: int) -> tuple[tuple[Item, ...], str]:
        time_ns, wrong = event_time_ns(fix.time_ns, received_ns, self._oldest_s)
        if wrong:
            self.trouble("clock_skew", f"a position of {receiver.mover} {wrong}")
        if time_ns < 0:
            return (), wrong
        if abs(received_ns - self._said_ns.get(receiver.mover, 0)) < _SPACING_NS:
            return (), "said within this second"
        assert fix.lonlat_deg is not None
        found = known_mover_at(
            self._site,
            receiver.mover,
            fix.lonlat_deg,
            SIGMA_M if fix.sigma_m is None else fix.sigma_m,
            time_ns,
            count=receiver.count,
            authenticated=bool(receiver.certificate),
        )
        if found is not None:
            self._said_ns[receiver.mover] = received_ns
            self._away.discard(receiver.mover)
            return (found,), ""
        if receiver.mover not in self._away:  # said when it leaves, not all the time that it is away
            self._away.add(receiver.mover)
            self.trouble("refused", f"{receiver.mover} is far from every line: where, is not kept")
        return (), "far from every line"
