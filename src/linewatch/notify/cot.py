"""Incidents, hazards, tracks and outages as Cursor on Target: they show in ATAK, WinTAK and on any TAK server.

An incident is a spot marker (`b-m-p-s-m`) under one uid from its beginning to its end, a mover an unknown on the
ground (`a-u-G`: never claimed to be hostile), a stretch that nobody watches a drawn line (`u-d-f`), and a possible
person in distress an emergency (`b-a-o-tbl`) besides, taken back (`b-a-o-can`) when the incident is over.
"""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from linewatch.clock import WallClock
from linewatch.errors import InputError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.telling import is_over, middle_m, position_of, stretch_of, where_in_words
from linewatch.notify.words import people_in_words, summary
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.protocols.cot import UNKNOWN_M, CotEvent
from linewatch.protocols.cot_link import CotLink, address_of, open_link, ping_of, tls_context
from linewatch.records import Incident, Outage, Track
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site

_NS_PER_S: Final = 1_000_000_000
_TRACK_STALE_S: Final = 15.0


class CotSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "cot"`, beside those of all notifiers."""

    url: str = "udp://239.2.3.1:6969"
    """`udp://`, `tcp://` or `tls://`, host and port; the default is the multicast group of the TAK programs."""
    authority: str = ""
    """File of certificate authorities (PEM) that the server must be known to; empty for those of the system."""
    certificate: str = ""
    """File of our own certificate (PEM)."""
    client_key: str = ""
    """Our private key (PEM), as a reference."""
    confirm: Literal["ping", "written"] = "ping"
    """Over a stream: `ping` waits for the server's answer, `written` only until the bytes are on their way."""
    stale_s: float = 120.0
    """How long a screen may show what is not said again; said again after half of it."""
    tracks: bool = True
    """Whether movers are shown while they are followed."""
    hops: int = 1
    """How many routers a multicast datagram may pass."""
    answer_s: float = 10.0
    """How long to wait for the answer to a ping."""


class Cot:
    """Satisfies `notify_ports.Notifier`."""

    def __init__(
        self, site: Site, settings: CotSettings, tls: ssl.SSLContext | None, now_ns: Callable[[], int]
    ) -> None:
        self.name = settings.name
        self.from_start = settings.from_start
        # Movers change by the second, the rest only has to be said again before it goes stale.
        self.refresh_s = 2.0 if settings.tracks else settings.stale_s / 2.0
        self._site = site
        self._settings = settings
        self._tls = tls
        self._now_ns = now_ns
        self._link: CotLink | None = None
        self._said_again_ns = 0

    def cares(self, record: Told) -> bool:
        """Whether it wants to be told of this."""
        return chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """All of them in one write, and a receipt for all when the server has answered the ping behind them."""
        await self._send([event for each in news for event in self._events(each.record)])
        for each in news:
            receipts.delivered(each.seq)

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:  # noqa: ARG002 - nothing to sign for
        """Movers as they are now; every half of `stale_s` all that is open, before screens drop it."""
        events = [self._mover(track) for track in situation.tracks if self._settings.tracks and _is_shown(track)]
        if situation.now_ns - self._said_again_ns >= self._settings.stale_s / 2.0 * _NS_PER_S:
            self._said_again_ns = situation.now_ns
            open_now: list[Told] = [*situation.incidents, *situation.outages]
            events += [event for each in open_now if self.cares(each) for event in self._events(each)]
        if events:
            await self._send(events)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    async def _send(self, events: Sequence[CotEvent]) -> None:
        if self._link is None:
            self._link = await open_link(
                self._settings.url, tls=self._tls, hops=self._settings.hops, answer_s=self._settings.answer_s
            )
        ping = ping_of(f"linewatch.{self._site.name}", self._now_ns()) if self._settings.confirm == "ping" else None
        await self._link.send(events, ping)

    def _events(self, record: Told) -> list[CotEvent]:
        return self._outage(record) if isinstance(record, Outage) else self._incident(record)

    def _incident(self, incident: Incident) -> list[CotEvent]:
        over = is_over(incident) or incident.merged_into is not None
        callsign = f"{incident.kind.replace('_', ' ')} {where_in_words(self._site, incident.line, middle_m(incident))}"
        marker = self._at(
            incident,
            uid=self._uid(incident.id),
            kind="b-m-p-s-m",
            callsign=callsign,
            remarks=summary(self._site, incident),
            over=over,
        )
        events = [marker]
        if incident.hazards:
            text = "HAZARD " + ", ".join(incident.hazards)
            uid = self._uid(incident.id) + ".hazard"
            events.append(self._at(incident, uid=uid, kind="b-m-p-s-m", callsign=text, remarks=callsign, over=over))
        if incident.kind == "distress":
            kind, word = ("b-a-o-can", "cancel") if over or incident.withdrawn else ("b-a-o-tbl", "911 Alert")
            uid = self._uid(incident.id) + ".distress"
            events.append(
                self._at(incident, uid=uid, kind=kind, callsign=callsign, remarks="", over=over, emergency=word)
            )
        return events

    def _at(
        self, incident: Incident, *, uid: str, kind: str, callsign: str, remarks: str, over: bool, emergency: str = ""
    ) -> CotEvent:
        offset_m = incident.front_m or 0.0 if incident.concern == "distress" else 0.0
        lon, lat = position_of(self._site, incident.line, incident.chainage_m, offset_m) or (0.0, 0.0)
        now_ns = self._now_ns()
        stale_s = 1.0 if over else self._settings.stale_s
        return CotEvent(
            uid=uid,
            type=kind,
            time_ns=now_ns,
            start_ns=incident.raised_ns,
            stale_ns=now_ns + round(stale_s * _NS_PER_S),
            lat=lat,
            lon=lon,
            ce_m=min(max(incident.chainage_sigma_m, 1.0), UNKNOWN_M),
            callsign=callsign + (" (over)" if over else ""),
            remarks=remarks,
            emergency=emergency,
        )

    def _outage(self, outage: Outage) -> list[CotEvent]:
        over = outage.end_ns is not None
        path = tuple(stretch_of(self._site, outage.line, outage.from_m, max(outage.to_m, outage.from_m + 1.0)))
        now_ns = self._now_ns()
        lon, lat = position_of(self._site, outage.line, middle_m(outage)) or (0.0, 0.0)
        blind = "not watched" if outage.remaining_fraction < 0.5 else "watched less"
        return [
            CotEvent(
                uid=self._uid(outage.id),
                type="u-d-f",
                time_ns=now_ns,
                start_ns=outage.start_ns,
                stale_ns=now_ns + round((1.0 if over else self._settings.stale_s) * _NS_PER_S),
                lat=lat,
                lon=lon,
                callsign=("watched again " if over else f"{blind} ")
                + f"km {outage.from_m / 1000:.3f} to {outage.to_m / 1000:.3f}",
                remarks=outage.reason,
                path=path,
            )
        ]

    def _mover(self, track: Track) -> CotEvent:
        lon, lat = position_of(self._site, track.line, track.chainage_m, track.offset_m or 0.0) or (0.0, 0.0)
        ahead_deg = float(geometry_of(self._site.line(track.line)).azimuth_deg(track.chainage_m))
        now_ns = self._now_ns()
        sigma_m = max(track.chainage_sigma_m, track.offset_sigma_m or 0.0, 1.0)
        return CotEvent(
            uid=self._uid(track.id),
            type="a-u-G",
            time_ns=now_ns,
            start_ns=track.time_ns,
            stale_ns=now_ns + round(_TRACK_STALE_S * _NS_PER_S),
            lat=lat,
            lon=lon,
            ce_m=min(sigma_m, UNKNOWN_M),
            callsign=people_in_words(track.count_low, track.count_high),
            course_deg=ahead_deg if track.velocity_mps >= 0.0 else (ahead_deg + 180.0) % 360.0,
            speed_mps=abs(track.velocity_mps),
        )

    def _uid(self, record_id: str) -> str:
        return f"linewatch.{self._site.name}.{record_id}"


def _is_shown(track: Track) -> bool:
    """A mover that is believed, and that is none of our own."""
    return track.state in ("confirmed", "coasting") and track.known is None


card: Final = Card(
    title="Cursor on Target over UDP, TCP and TLS, for ATAK, WinTAK and TAK servers",
    level="incident, track, outage",
    licence="Apache-2.0",
    docs="docs/notify-cot.md",
    limits=(
        "Over UDP nobody says whether anything arrived; open incidents are said again every half of stale_s.",
        "XML only; the protobuf form of TAK is not spoken.",
        "Lines without geography have no place on Earth to show.",
    ),
)
settings_type: Final = CotSettings


def build(site: Site, settings: CotSettings, folder: Path) -> Cot:
    """The notifier. Raises `SiteError` on an address, a certificate or a line that will not do."""
    problems = [
        Problem("site.toml", f"line {line.id!r} geometry", "no geography", "a geometry file, as CoT needs places")
        for line in site.lines
        if not line.coordinates_deg
    ]
    tls = None
    try:
        scheme, _, _ = address_of(settings.url)
        if scheme == "tls":
            authority, certificate = (
                str(folder / name) if name else "" for name in (settings.authority, settings.certificate)
            )
            tls = tls_context(authority, certificate, settings.client_key)
    except InputError as error:
        problems.append(Problem("site.toml", "notify 'cot'", *_halves(str(error))))
    for key, low in (("stale_s", 10.0), ("answer_s", 0.1)):
        if not getattr(settings, key) >= low:
            found = f"{getattr(settings, key):g}"
            problems.append(Problem("site.toml", f"notify 'cot' {key}", found, f"seconds, {low:g} or more"))
    if not 0 <= settings.hops <= 32:
        problems.append(Problem("site.toml", "notify 'cot' hops", str(settings.hops), "0 to 32"))
    if problems:
        raise SiteError(problems)
    return Cot(site, settings, tls, WallClock().now_ns)


def _halves(message: str) -> tuple[str, str]:
    found, _, allowed = message.partition("; allowed: ")
    return found, allowed
