"""SAPIENT upwards: Linewatch as a node that reports fused detections and alerts to a higher level.

It registers as a fusion node and waits to be accepted; says every few seconds how it is and what it does not watch;
reports movers as detections, all of one scan under one time; and sends each incident as an alert under one id from its
beginning to its end. Fused messages carry no destination, so that a middleware passes them upward.
"""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from linewatch.clock import WallClock
from linewatch.errors import DeliveryError, InputError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.telling import is_over, middle_m, position_of
from linewatch.notify.words import summary, title
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.protocols.farewell import end_stream
from linewatch.protocols.sapient import Frames, SapientMessage, content_of, decoded, frame, is_node_id, node_id_of
from linewatch.protocols.sapient_node import Seen, alert, detection, registration, status
from linewatch.records import MOVERS, Incident, Track
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site

_CLASS: Final = {"person": "Human", "group": "Human", "animal": "Animal", "vehicle": "Land Vehicle"}
_READ_BYTES: Final = 65_536
_NS_PER_S: Final = 1_000_000_000
_BLIND_BELOW: Final = 0.5


class SapientSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "sapient"`, beside those of all notifiers."""

    address: str
    """`HOST:PORT` of the higher level, or of the middleware's port for child nodes."""
    node_id: str = ""
    """Our own id (UUID version 4); empty takes one that the site's name always gives."""
    confirm: Literal["written", "alert_ack"] = "written"
    """`alert_ack` waits until each alert is acknowledged; the Apex middleware itself acknowledges none."""
    tracks: bool = True
    """Whether movers are reported as detections."""
    status_s: float = 5.0
    """Seconds between two status reports."""
    answer_s: float = 10.0
    """How long to wait for an answer."""


class _Upward:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._answer_s = answer_s
        self._frames = Frames()
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def register(self, message: SapientMessage) -> None:
        """Register, and wait until we are accepted. Raises `DeliveryError` with the reason where we are not."""
        accepted = self._expect("registration")
        self._reading = asyncio.create_task(self._read())
        self._writer.write(frame(message))
        await self._writer.drain()
        reason = await self._answer(accepted, "registration")
        if reason:
            raise DeliveryError(f"registration refused: {reason[:200]}")

    async def send(self, messages: Sequence[SapientMessage]) -> None:
        """Send these in one write."""
        if self._reading is None or self._reading.done():
            raise DeliveryError("the higher level has closed the connection")
        self._writer.write(b"".join(map(frame, messages)))
        await self._writer.drain()

    async def ask(self, message: SapientMessage) -> str:
        """Send an alert and wait for its acknowledgement: empty where accepted, else why not."""
        answer = self._expect(message.alert.alert_id)
        await self.send([message])
        return await self._answer(answer, "an alert")

    async def close(self) -> None:
        """End the connection."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(OSError, InputError, asyncio.CancelledError):
                await self._reading
        await end_stream(self._writer)

    def _expect(self, what: str) -> asyncio.Future[str]:
        self._waiting[what] = asyncio.get_running_loop().create_future()
        return self._waiting[what]

    async def _answer(self, future: asyncio.Future[str], what: str) -> str:
        try:
            async with asyncio.timeout(self._answer_s):
                return await future
        except TimeoutError as error:
            raise DeliveryError(f"no answer to {what} within {self._answer_s:g} s") from error

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_BYTES):
                for body in self._frames.feed(data):
                    self._take(decoded(body))
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(DeliveryError("the higher level has closed the connection"))

    def _take(self, message: SapientMessage) -> None:
        kind = content_of(message)
        if kind == "registration_ack":
            reasons = "; ".join(message.registration_ack.ack_response_reason)
            self._settle("registration", "" if message.registration_ack.acceptance else reasons or "without a reason")
        elif kind == "alert_ack":
            accepted = message.alert_ack.alert_ack_status == 1
            reason = "; ".join(message.alert_ack.reason) or "without a reason"
            self._settle(message.alert_ack.alert_id, "" if accepted else reason)
        elif kind == "error":
            reason = "; ".join(message.error.error_message) or "an error without a reason"
            with contextlib.suppress(InputError):
                about = decoded(message.error.packet)
                what = "registration" if content_of(about) == "registration" else about.alert.alert_id
                self._settle(what, reason)

    def _settle(self, what: str, reason: str) -> None:
        future = self._waiting.pop(what, None)
        if future is not None and not future.done():
            future.set_result(reason)


class Sapient:
    """Satisfies `notify_ports.Notifier`."""

    refresh_s: Final = 1.0

    def __init__(self, site: Site, settings: SapientSettings, version: str, now_ns: Callable[[], int]) -> None:
        self.name = settings.name
        self.from_start = settings.from_start
        self.node_id = settings.node_id or node_id_of(site.name, "fusion")
        self._site = site
        self._settings = settings
        self._version = version
        self._now_ns = now_ns
        self._link: _Upward | None = None
        self._status_ns = 0
        self._blind: tuple[str, ...] | None = None

    def cares(self, record: Told) -> bool:
        """Incidents that were chosen; outages are said in the status report."""
        return isinstance(record, Incident) and chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """An alert for each change of an incident."""
        link = await self._connected()
        for each in news:
            assert isinstance(each.record, Incident)
            message = self._alert(each.record)
            if self._settings.confirm == "written":
                await link.send([message])
                receipts.delivered(each.seq)
            elif reason := await link.ask(message):
                receipts.refused(each.seq, reason)
            else:
                receipts.delivered(each.seq)

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:  # noqa: ARG002 - nothing to sign for
        """How we are, and one scan of movers."""
        link = await self._connected()
        now_ns = self._now_ns()
        messages = []
        if now_ns - self._status_ns >= self._settings.status_s * _NS_PER_S:
            messages.append(self._status(situation, now_ns))
            self._status_ns = now_ns
        if self._settings.tracks:
            shown = [t for t in situation.tracks if t.state in ("confirmed", "coasting") and t.known is None]
            messages += [detection(self.node_id, now_ns, self._seen(track)) for track in shown]
        if messages:
            await link.send(messages)

    async def close(self) -> None:
        """End the connection."""
        self._blind = None
        self._status_ns = 0
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    async def _connected(self) -> _Upward:
        if self._link is None:
            host, _, port = self._settings.address.rpartition(":")
            async with asyncio.timeout(self._settings.answer_s):
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Upward(reader, writer, self._settings.answer_s)
            try:
                await link.register(
                    registration(self.node_id, self._now_ns(), self._site.name, self._version, self._settings.status_s)
                )
            except BaseException:
                await link.close()
                raise
            self._link = link
        return self._link

    def _status(self, situation: Situation, now_ns: int) -> SapientMessage:
        blind = tuple(
            f"{o.line} km {o.from_m / 1000:.3f} to {o.to_m / 1000:.3f}: {o.reason}"
            for o in situation.outages
            if o.remaining_fraction < _BLIND_BELOW
        )[:50]
        new, self._blind = blind != self._blind, blind
        return status(self.node_id, now_ns, new=new, blind=blind)

    def _alert(self, incident: Incident) -> SapientMessage:
        lon, lat = position_of(self._site, incident.line, middle_m(incident)) or (0.0, 0.0)
        return alert(
            self.node_id,
            self._now_ns(),
            incident.id,
            text=f"{title(self._site, incident)}; {summary(self._site, incident)}",
            priority=incident.priority,
            confidence=incident.kind_probability,
            over=is_over(incident) or incident.merged_into is not None or bool(incident.withdrawn),
            lon=lon,
            lat=lat,
            sigma_m=incident.chainage_sigma_m,
        )

    def _seen(self, track: Track) -> Seen:
        lon, lat = position_of(self._site, track.line, track.chainage_m, track.offset_m or 0.0) or (0.0, 0.0)
        ahead = math.radians(float(geometry_of(self._site.line(track.line)).azimuth_deg(track.chainage_m)))
        shares: dict[str, float] = {}
        for mover, probability in zip(MOVERS, track.mover_probabilities, strict=True):
            name = _CLASS.get(mover, "Unknown")
            shares[name] = min(shares.get(name, 0.0) + probability, 1.0)
        return Seen(
            track.id,
            lon,
            lat,
            max(track.chainage_sigma_m, track.offset_sigma_m or 0.0, 0.5),
            track.existence_probability,
            tuple((name, share) for name, share in shares.items() if share > 0.05),
            track.velocity_mps * math.sin(ahead),
            track.velocity_mps * math.cos(ahead),
        )


card: Final = Card(
    title="SAPIENT (BSI Flex 335 v2.0) upwards: fused detections and alerts to a higher level",
    level="incident, track, outage",
    licence="Apache-2.0 (sapient-proto: Apache-2.0, protobuf: BSD-3-Clause; the extra `sapient`)",
    docs="docs/notify-sapient.md",
    limits=(
        "No encryption and no log-in: for a private network or a tunnel.",
        'With confirm = "written" an alert counts as delivered once it is on its way.',
    ),
)
settings_type: Final = SapientSettings


def build(site: Site, settings: SapientSettings, folder: Path) -> Sapient:  # noqa: ARG001 - the shape of a plug-in
    """The notifier. Raises `SiteError` on an address, an id or a line that will not do."""
    from linewatch import __version__  # noqa: PLC0415 - the package's root imports nothing of the rooms, nor they it

    where = "notify 'sapient'"
    problems = [
        Problem("site.toml", f"line {line.id!r} geometry", "no geography", "a geometry file, as SAPIENT needs places")
        for line in site.lines
        if not line.coordinates_deg
    ]
    host, _, port = settings.address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65_535:
        problems.append(Problem("site.toml", f"{where} address", repr(settings.address[:80]), "HOST:PORT"))
    if settings.node_id and not is_node_id(settings.node_id):
        problems.append(Problem("site.toml", f"{where} node_id", repr(settings.node_id[:60]), "a UUID of version 4"))
    problems += [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", "0.1 to 3600 s")
        for key in ("status_s", "answer_s")
        if not 0.1 <= getattr(settings, key) <= 3600.0
    ]
    if problems:
        raise SiteError(problems)
    return Sapient(site, settings, __version__, WallClock().now_ns)
