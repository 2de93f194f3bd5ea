"""Frames by tick over NATS JetStream, between a site and a cluster that share no folder.

The log stays what counts on both sides; the bus only carries it. Who sends asks the bus for the last tick that it has
and goes on from there; who receives keeps its own position, beside the log that it writes, and never trusts a cursor of
the server. So a bus that is away for an hour costs time and nothing else: the site goes on writing its log, and what
is carried twice is dropped by tick. What has been carried is deleted behind it: files of the sender's log once the bus
has them, messages of the bus once the receiver's log has them on disk.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as BusError
from nats.js import JetStreamContext, api
from nats.js.errors import BadRequestError, NotFoundError

from linewatch.app.cluster.plan import decided_folder, inputs_folder
from linewatch.app.cluster.tick_log import TickLogReader, TickLogWriter, last_tick, prune

PIECE_BYTES: Final = 512 * 1024
"""Longest message; a frame that is longer travels in pieces. Servers take 1 MiB by default."""
_AGAIN_S: Final = 0.5
KEPT_TICKS: Final = 2_400
"""Ticks that stay in the sender's log though the bus has them: what may be sent again if the bus loses its disk."""
CLEAN_FRAMES: Final = 240
"""How often either side deletes what was carried, in frames."""
_POLL_S: Final = 0.02
_FETCH_S: Final = 0.5
_ANSWER_S: Final = 5.0
_TICK, _PIECE, _PIECES = "Linewatch-Tick", "Linewatch-Piece", "Linewatch-Pieces"


class Carried(msgspec.Struct, omit_defaults=True):
    """What one end of the bus has done since it began."""

    frames: int = 0
    """Frames that were carried."""
    breaks: int = 0
    """How often the bus was lost, or not found."""
    why: str = ""
    """The last reason for that; empty while the bus is there."""
    say: Callable[[str], None] | None = None
    """Whom to tell."""

    def lost(self, why: str) -> None:
        """The bus is not there."""
        self.breaks += 1
        if not self.why and self.say is not None:
            self.say(f"the bus is lost ({why}); what comes waits in the log")
        self.why = why

    def there(self) -> None:
        """The bus is there."""
        if self.why and self.say is not None:
            self.say("the bus is there again; what waited is carried")
        self.why = ""


class Route(msgspec.Struct, frozen=True):
    """One direction of one run."""

    run: str
    """Name of the run on the bus: letters, digits, hyphens."""
    way: str
    """`in` or `out`."""

    @property
    def stream(self) -> str:
        """Name of the stream."""
        return f"LINEWATCH-{self.run}-{self.way}"

    @property
    def subject(self) -> str:
        """Its only subject."""
        return f"linewatch.{self.run}.{self.way}"


async def relay(
    url: str,
    name: str,
    run: Path,
    versions: Mapping[str, str],
    *,
    at_site: bool,
    stop: asyncio.Event,
    say: Callable[[str], None] | None = None,
) -> tuple[Carried, Carried]:
    """Both directions of a run, seen from the site or from the cluster; what was sent and received, once stopped.

    `say` is told, in words, when the bus is lost and when it is there again.
    """
    out, back = (Route(name, way) for way in (("in", "out") if at_site else ("out", "in")))
    folders = {"in": inputs_folder(run), "out": decided_folder(run)}
    sent, received = Carried(say=say), Carried()
    await asyncio.gather(
        send(url, out, folders[out.way], stop, sent),
        receive(url, back, folders[back.way], versions, stop, received),
    )
    return sent, received


async def send(url: str, route: Route, folder: Path, stop: asyncio.Event, carried: Carried) -> None:
    """Carry the frames of a log onto the bus, each until the bus has it on disk, until told to stop."""

    async def while_up(client: Client) -> None:
        stream = client.jetstream(timeout=_ANSWER_S)
        after = await _last_sent(stream, route)
        log = TickLogReader(folder, 0 if after is None else after + 1)
        at = -1 if after is None else after
        while not stop.is_set():
            following = log.after(at)
            if following is None:
                await asyncio.sleep(_POLL_S)
                continue
            at, payload = following
            await _publish(stream, route, at, payload)
            log.forget(at)
            carried.frames += 1
            if carried.frames % CLEAN_FRAMES == 0:
                prune(folder, at - KEPT_TICKS)

    await _again_and_again(url, while_up, stop, carried)


async def receive(
    url: str, route: Route, folder: Path, versions: Mapping[str, str], stop: asyncio.Event, carried: Carried
) -> None:
    """Carry frames from the bus into a log, in order and each once, until told to stop."""
    writer = TickLogWriter(folder, f"from the bus: {route.subject}", versions, durable=True)
    last = last_tick(folder)
    mark = folder / "bus.position"
    done = int(mark.read_text()) if mark.exists() else 0
    cleaned = done
    pieces: list[bytes] = []

    async def while_up(client: Client) -> None:
        nonlocal cleaned, done, last
        stream = client.jetstream(timeout=_ANSWER_S)
        await _there(stream, route)
        pieces.clear()
        expected = done + 1
        subscription = await _from(stream, route, expected)
        while not stop.is_set():
            messages: list[Msg] = []
            with contextlib.suppress(TimeoutError):
                messages = await subscription.fetch(64, timeout=_FETCH_S)
            for message in messages:
                _check_next(message, expected)
                expected += 1
                tick = _joined(message, pieces)
                if tick is None:
                    continue
                if last is None or tick > last:
                    writer.append(tick, b"".join(pieces))
                    last = tick
                    carried.frames += 1
                done = expected - 1
            if messages:
                _keep(mark, done)
            if done - cleaned >= CLEAN_FRAMES:
                # The last one stays: it tells the sender how far the bus is.
                await stream.purge_stream(route.stream, seq=done)
                cleaned = done

    try:
        await _again_and_again(url, while_up, stop, carried)
    finally:
        writer.close()


async def _from(stream: JetStreamContext, route: Route, sequence: int) -> JetStreamContext.PullSubscription:
    """A subscription from this message on, of which the server remembers nothing."""
    return await stream.pull_subscribe(
        route.subject,
        stream=route.stream,
        config=api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=sequence,
            ack_policy=api.AckPolicy.NONE,
        ),
    )


def _check_next(message: Msg, expected: int) -> None:
    if (found := message.metadata.sequence.stream) != expected:
        raise BusError(f"message {found} came where {expected} was to come")


def _joined(message: Msg, pieces: list[bytes]) -> int | None:
    """Add a piece; the tick of the frame where that was its last one."""
    headers = message.headers or {}
    if headers[_PIECE] == "1":
        pieces.clear()  # a sender that was killed has begun the frame again
    pieces.append(message.data)
    return int(headers[_TICK]) if len(pieces) == int(headers[_PIECES]) else None


def _keep(mark: Path, done: int) -> None:
    """Keep the position, on disk, as messages before it may be deleted. What comes again is dropped by its tick."""
    written = mark.with_suffix(".new")
    with written.open("w") as file:
        file.write(str(done))
        file.flush()
        os.fsync(file.fileno())
    written.replace(mark)


async def _again_and_again(
    url: str, while_up: Callable[[Client], Awaitable[None]], stop: asyncio.Event, carried: Carried
) -> None:
    """Do something with a connection; whenever that breaks, begin anew with another one."""
    while not stop.is_set():
        client = Client()
        try:
            await client.connect(url, allow_reconnect=False, connect_timeout=2, error_cb=_silent, name="linewatch")
            carried.there()
            await while_up(client)
        except (OSError, TimeoutError, BusError) as error:
            carried.lost(str(error) or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _AGAIN_S)
        finally:
            with contextlib.suppress(Exception):
                await client.close()


async def _silent(_: Exception) -> None:
    """Whatever breaks is raised where it is waited for."""


async def _there(stream: JetStreamContext, route: Route) -> None:
    """See to it that the stream is there: on disk, refusing what is new rather than losing what is old."""
    with contextlib.suppress(BadRequestError):  # it is there, with settings of its keeper
        await stream.add_stream(
            name=route.stream,
            subjects=[route.subject],
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            duplicate_window=120.0,
        )


async def _last_sent(stream: JetStreamContext, route: Route) -> int | None:
    """The last tick of which the bus has all pieces."""
    await _there(stream, route)
    try:
        last = await stream.get_last_msg(route.stream, route.subject)
    except NotFoundError:
        return None
    headers = last.headers or {}
    tick = int(headers[_TICK])
    return tick if headers[_PIECE] == headers[_PIECES] else tick - 1


async def _publish(stream: JetStreamContext, route: Route, tick: int, payload: bytes) -> None:
    cuts = range(0, max(len(payload), 1), PIECE_BYTES)
    for number, at in enumerate(cuts, 1):
        headers = {
            _TICK: str(tick),
            _PIECE: str(number),
            _PIECES: str(len(cuts)),
            # The bus drops what it has already: a piece whose answer was lost is sent again under the same name.
            "Nats-Msg-Id": f"{route.subject} {tick} {number}",
        }
        await stream.publish(route.subject, payload[at : at + PIECE_BYTES], headers=headers)
