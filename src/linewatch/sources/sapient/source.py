"""The door that edge nodes connect to: a TCP server in a thread of its own, bounded in links and in bytes."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from typing import Final

from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError
from linewatch.ports import Look, SourceStatus
from linewatch.protocols.farewell import end_stream
from linewatch.protocols.sapient import ClockRule, Frames, SapientMessage, error_of, frame, ulid_of
from linewatch.protocols.sapient_node import look_at
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrived
from linewatch.sources.link_state import LinkWords
from linewatch.sources.sapient._session import Became, Session
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import LoopWorker, until

MOST_LINKS: Final = 2_000
"""Links at once; more are closed at once and counted."""
_READ_BYTES: Final = 65_536
_REGISTER_S: Final = 10.0
_MOST_TASKS: Final = 1_000
ANSWER_S: Final = 3.0
"""How long whoever asks for a look waits for the node's word on it."""
_BEAT_S: Final = 0.25
_LAG_TOLD_S: Final = 1.0
"""A door that is further behind than this says so: what comes through it is late by our own fault."""
_MOST_UNSENT: Final = 1 << 20
"""Bytes that may wait for a node that does not read; then its link is closed."""


class SapientSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        address: tuple[str, int],
        nodes: Mapping[str, str],
        own_id: str,
        clock_rule: ClockRule,
        *,
        lateness_s: float = 0.25,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords("the door failed: ", "the door stands again")
        super().__init__(site, name, sorted(set(nodes.values())), words, lateness_s=lateness_s, clock=clock)
        self.address = address
        self._nodes = nodes
        self._own_id = own_id
        self._rule = clock_rule
        self._links: dict[str, asyncio.StreamWriter] = {}
        self._count = 0
        self._tasks: dict[str, str] = {}
        self._beat_ns = 0
        self._worker = self._door = LoopWorker(name, self._serve, self._link.lost)

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen. Raises `InputError` where the address cannot be taken."""
        self._door.start_open()

    def status(self) -> SourceStatus:
        """How it is doing."""
        if not self._link.up:
            return self._link.status()
        return self._arrivals.status(up=bool(self._links) or not self._nodes, reason="no node is connected")

    # --- for people -----------------------------------------------------------------------------------------------

    def connected(self) -> tuple[str, ...]:
        """Ids of the nodes that are registered now, sorted."""
        return tuple(sorted(self._links))

    def look_at(self, sensor_id: str, chainage_m: float, offset_m: float = 0.0) -> str:
        """Ask a node to look at a place, on a person's word; gives the id of the task.

        Raises `InputError` where no node of that sensor is connected.
        """
        nodes = [node for node, sensor in self._nodes.items() if sensor == sensor_id and node in self._links]
        if not nodes:
            raise InputError(f"look_at: found no connected node of {sensor_id!r}; allowed: one that is connected")
        line = self._site.line(self._site.sensor(sensor_id).line)
        lon, lat = geometry_of(line).to_lonlat(chainage_m, offset_m)
        now_ns = self._clock.now_ns()
        task_id = ulid_of("task", nodes[0], now_ns)
        message = look_at(self._own_id, nodes[0], now_ns, task_id, float(lon), float(lat))
        self._tasks[task_id] = "sent"
        while len(self._tasks) > _MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        self._door.call(self._send, nodes[0], message)
        return task_id

    def steer(self, look: Look) -> str:
        """Ask the sensor's node to look at a place. Raises `InputError` where none is connected, or it will not."""
        if look.at_m is None:
            raise InputError(f"{self.name}: found a preset; allowed: a place (at_m), as nodes have no presets")
        task_id = self.look_at(look.sensor, look.at_m)
        until_s, pause = monotonic_s() + ANSWER_S, threading.Event()
        while self.task_state(task_id) == "sent" and monotonic_s() < until_s:
            pause.wait(0.05)
        state = self.task_state(task_id)
        if state in ("rejected", "failed"):
            raise InputError(
                f"{self.name}: the node has {state} the look at {look.at_m:.0f} m; allowed: what it can see"
            )
        said = "the node has not answered yet" if state == "sent" else state
        return f"{self.name}: asked to look at {look.at_m:.0f} m, task {task_id}: {said}"

    def task_state(self, task_id: str) -> str:
        """`sent`, `accepted`, `rejected`, `completed` or `failed`; empty for one that is not known."""
        return self._tasks.get(task_id, "")

    # --- the thread -----------------------------------------------------------------------------------------------

    async def _serve(self, stop: asyncio.Event) -> str | None:
        """One server, from its first link to its last."""
        self._beat_ns = 0
        server = await asyncio.start_server(self._attend, *self.address, backlog=MOST_LINKS)
        self.address = server.sockets[0].getsockname()[:2]
        self._link.back()
        self._door.opened()
        try:
            return await until(stop, self._beat())
        finally:
            server.close()

    async def _beat(self) -> str | None:
        """Mark each round of the loop: how long one takes is how long a message may have lain unread."""
        while True:
            now_ns = self._clock.now_ns()
            lag_s = self._lag_s(now_ns)
            if lag_s > _LAG_TOLD_S:
                self._arrivals.trouble("", "late", "note", f"this door was more than {_LAG_TOLD_S:g} s behind")
            self._beat_ns = now_ns
            await asyncio.sleep(_BEAT_S)

    def _lag_s(self, now_ns: int) -> float:
        """How far the loop is behind its beat; 0 while it keeps up."""
        late_s = (now_ns - self._beat_ns) / 1e9 - 2.0 * _BEAT_S if self._beat_ns else 0.0
        return max(late_s, 0.0)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One link, from its first byte to its last."""
        if self._count >= MOST_LINKS:
            self._arrivals.trouble("", "dropped", "degraded", f"more than {MOST_LINKS} links at once")
            await end_stream(writer)
            return
        self._count += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(self._site, self._nodes, self._own_id, self._rule)
        try:
            await self._converse(session, reader, writer)
        except (OSError, TimeoutError):
            pass
        except Exception as error:  # noqa: BLE001 - what one node sends must not deafen the door to others
            self._arrivals.failed(error, session.sensor.id if session.sensor else "")
        finally:
            self._count -= 1
            if session.node_id and self._links.get(session.node_id) is writer:
                del self._links[session.node_id]
                lost = session.lost(self._clock.now_ns())
                if lost is not None and not self._door.stopping.is_set():
                    self._arrivals.put(Arrived(self._clock.now_ns(), (lost,)))
            await end_stream(writer)

    async def _converse(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        while True:
            # Who does not say who it is has no business here for long.
            async with asyncio.timeout(None if session.node_id else _REGISTER_S):
                data = await reader.read(_READ_BYTES)
            if not data:
                return
            try:
                bodies = frames.feed(data)
            except InputError as error:
                self._arrivals.trouble(
                    session.sensor.id if session.sensor else "", "refused", "note", "a frame of a wrong length"
                )
                writer.write(frame(error_of(self._own_id, data[:64], [str(error)], self._clock.now_ns())))
                return
            for body in bodies:
                if not self._take(session, body, writer):
                    return
            if writer.transport.get_write_buffer_size() > _MOST_UNSENT:
                return

    def _take(self, session: Session, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """One message; false where the link is over."""
        received_ns = self._clock.now_ns()
        was = session.node_id
        became = session.take(body, received_ns, self._lag_s(received_ns))
        if session.node_id and not was:
            older = self._links.get(session.node_id)
            self._links[session.node_id] = writer
            if older is not None:
                # The second registration of a node takes it over; the first link is a ghost.
                older.close()
        self._keep(became, received_ns, session)
        self._arrivals.shown(
            received_ns, session.node_id or "a node", b"", became.items, "; ".join(t.text for t in became.troubles)
        )
        for reply in became.replies:
            writer.write(frame(reply))
        return not became.ended

    def _keep(self, became: Became, received_ns: int, session: Session) -> None:
        self._arrivals.put(Arrived(received_ns, tuple(became.items)))
        for trouble in became.troubles:
            self._arrivals.trouble(trouble.sensor, trouble.condition, trouble.severity, trouble.text)
        if became.unknown_node:
            self._arrivals.unknown(f"node {became.unknown_node}")
        if became.task is not None and became.task[0] in self._tasks and session.node_id:
            self._tasks[became.task[0]] = became.task[1]

    def _send(self, node_id: str, message: SapientMessage) -> None:
        writer = self._links.get(node_id)
        if writer is not None:
            writer.write(frame(message))
