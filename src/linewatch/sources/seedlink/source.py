"""Records of a SeedLink server as blocks.

The position that stands with every commit names, for each station, the last record whose samples were given, and for
each stream where its samples end: after a restart the server repeats what followed, and what it has lost is told.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.arrivals import AHEAD_S, Arrived, health_of, items_of
from linewatch.sources.continuity import Continuity
from linewatch.sources.link_state import LinkWords
from linewatch.sources.miniseed import Piece, read_piece
from linewatch.sources.seedlink._link import KNOWN, SeedLinkLink, Server
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker, blamed

NEVER_HEARD_S: Final = 60.0
"""A stream of which nothing has come for so long since the link stands is told: its name may be wrong."""
MOST_WAITING: Final = 5_000
"""Records that wait for a tick; some megabytes."""
_FUTURE_S: Final = 60.0
_NS_PER_S: Final = 1_000_000_000


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to where records were given."""

    version: str
    """Version of the protocol in which the numbers count; empty before the first record."""
    numbers: dict[str, int]
    """Number of the last record, by station."""
    ends_ns: dict[str, int]
    """Time after the last sample, by stream."""


class _Token(msgspec.Struct, frozen=True):
    version: str
    station: str
    number: int
    stream: str = ""
    end_ns: int | None = None


class SeedLinkSource(WorkedSource):
    """Satisfies `ports.LiveSource`, and `_link.Sink` towards the link."""

    delivery: Delivery = "acknowledged"

    def __init__(
        self,
        site: Site,
        name: str,
        server: Server,
        places: Mapping[str, tuple[str, int]],
        *,
        catch_up_s: float = 300.0,
        idle_s: float = 120.0,
        first_retry_s: float = FIRST_RETRY_S,
        never_heard_s: float = NEVER_HEARD_S,
        clock: Clock | None = None,
    ) -> None:
        sensors = sorted({sensor for sensor, _ in places.values()})
        super().__init__(site, name, sensors, LinkWords("no link to the server: "), most=MOST_WAITING, clock=clock)
        self._places = dict(places)
        self._catch_up_s = catch_up_s
        self._never_heard_s = never_heard_s
        self._server = SeedLinkLink(server, tuple(places), self, idle_s=idle_s)
        self._worker = Worker(
            name,
            self._server.listen,
            self._lost,
            first_retry_s=first_retry_s,
            interrupt=self._server.hang_up,
            known=KNOWN,
        )
        self._position = Position("", {}, {})
        self._streams: dict[str, Continuity] = {}
        self._unheard = set(places)
        self._told_unheard: set[str] = set()
        self._up_since_s: float | None = None

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected."""
        for stream, (sensor, channel) in self._places.items():
            end_ns = self._position.ends_ns.get(stream)
            line = self._site.sensor(sensor).line
            self._streams[stream] = Continuity(line, sensor, channel, self._noter(sensor), end_ns)
        self._server.go_on(self._position.version, self._position.numbers)
        super().start()

    def poll(self, until_ns: int) -> list[Item]:
        """Samples that came before this time, and what went wrong."""
        arrived = self._arrivals.take(until_ns)
        for each in arrived:
            if isinstance(each.token, _Token):
                self._position = _after(self._position, each.token)
        self._tell_unheard()
        return [*items_of(arrived), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """The last record of each station that was given, as JSON."""
        return msgspec.json.encode(self._position, order="sorted").decode()

    def seek(self, position: str) -> None:
        """Go on after a stop. Raises `InputError` where this is no position of such a source."""
        try:
            self._position = msgspec.json.decode(position, type=Position)
        except msgspec.DecodeError as error:
            raise InputError(f"{self.name}: position: found {position[:80]!r}; allowed: one of its own") from error

    def committed(self, position: str) -> None:
        """The server keeps its records whether they were taken or not."""

    # --- from the link, in its thread -----------------------------------------------------------------------------

    def up(self) -> None:
        """The link stands."""
        self._up_since_s = monotonic_s()
        self._link.back()

    def _lost(self, reason: str) -> None:
        self._up_since_s = None
        self._link.lost(reason)

    def damaged(self, reason: str) -> None:
        """A record that nobody can read."""
        self._arrivals.trouble("", "refused", "note", f"a damaged record was stepped over ({reason})")

    def packet(self, version: str, station: str, number: int, payload: bytes) -> None:
        """A record: read it, and keep its samples for the next tick."""
        self._worker.well()
        now_ns = self._clock.now_ns()
        token = _Token(version, station, number)
        items: tuple[Item, ...] = ()
        why_not = ""
        if len(self._arrivals) >= MOST_WAITING - 1:
            why_not = "no room"  # told by the buffer; the stream's next samples tell the gap
        else:
            try:
                piece = read_piece(payload)
                items, why_not = self._items(piece, now_ns)
                if not why_not:
                    token = msgspec.structs.replace(
                        token, stream=piece.stream, end_ns=self._streams[piece.stream].end_ns
                    )
            except InputError as error:
                why_not = str(error)
                self._arrivals.trouble("", "refused", "note", f"a record of {station} that cannot be read")
            except Exception as error:  # noqa: BLE001 - one record must not hold up those behind it for ever
                why_not = blamed(error)
                self._arrivals.failed(error)
        self._arrivals.put(Arrived(now_ns, items, token))
        self._arrivals.shown(now_ns, f"{station} {number}", f"{len(payload)} bytes".encode(), items, why_not)

    def _items(self, piece: Piece, now_ns: int) -> tuple[tuple[Item, ...], str]:
        """What a record gives, and why it gives nothing."""
        if piece.stream not in self._places:
            self._arrivals.unknown(piece.stream)
            return (), f"{piece.stream} is no sensor of the site"
        sensor, _ = self._places[piece.stream]
        end_ns = piece.start_ns + round(len(piece.samples) / piece.rate_hz * _NS_PER_S)
        wrong = self._wrong_time(end_ns, now_ns)
        if wrong is not None:
            condition, text, used = wrong
            self._arrivals.trouble(sensor, condition, "note", text)
            if not used:
                return (), text
        self._unheard.discard(piece.stream)
        block, gap = self._streams[piece.stream].take(piece.start_ns, piece.rate_hz, piece.samples)
        back: tuple[Item, ...] = ()
        if piece.stream in self._told_unheard:
            self._told_unheard.discard(piece.stream)
            text = f"{self.name}: {piece.stream} is heard"
            back = (health_of(self._site, sensor, now_ns, "recovered", "ok", text, ends="silent"),)
        return tuple(item for item in (block, gap, *back) if item is not None), ""

    def _wrong_time(self, end_ns: int, now_ns: int) -> tuple[Condition, str, bool] | None:
        """What is wrong with a record's time, and whether it is used all the same."""
        if end_ns > now_ns + round(_FUTURE_S * _NS_PER_S):
            return "refused", f"samples stamped more than {_FUTURE_S:g} s ahead", False
        if end_ns < now_ns - round(self._catch_up_s * _NS_PER_S):
            return "late", f"samples older than {self._catch_up_s:g} s, which are not taken any more", False
        if end_ns > now_ns + round(AHEAD_S * _NS_PER_S):
            return "clock_skew", f"samples stamped more than {AHEAD_S:g} s ahead", True
        return None

    def _noter(self, sensor: str) -> Callable[[Condition, str], None]:
        return lambda condition, text: self._arrivals.trouble(sensor, condition, "note", text)

    # --- what is told ---------------------------------------------------------------------------------------------

    def _tell_unheard(self) -> None:
        """A stream that the server never sends is told once: nobody else would miss what was never heard."""
        since_s = self._up_since_s
        if since_s is None or monotonic_s() - since_s < self._never_heard_s:
            return
        now_ns = self._clock.now_ns()
        for stream in sorted(self._unheard - self._told_unheard):
            self._told_unheard.add(stream)
            sensor, _ = self._places[stream]
            text = f"{self.name}: nothing has come of {stream} in {self._never_heard_s:g} s; is the name right?"
            self._arrivals.put(Arrived(now_ns, (health_of(self._site, sensor, now_ns, "silent", "failed", text),)))


def _after(position: Position, token: _Token) -> Position:
    numbers = position.numbers if position.version == token.version else {}
    ends_ns = dict(position.ends_ns)
    if token.end_ns is not None:
        ends_ns[token.stream] = token.end_ns
    return Position(token.version, {**numbers, token.station: token.number}, ends_ns)
