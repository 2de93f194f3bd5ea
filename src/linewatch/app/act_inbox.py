"""Where people's acts reach a watch: a Unix socket in the store's folder, answered after the commit.

Messages are MessagePack maps behind a length (4 bytes, big-endian). Requests: `act`, `audit`, `ping`, `reload`,
`scope`, `site`.
"""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.app.run import OfferedAct
from linewatch.app.watch_link import MOST_BYTES, SOCKET, VERSION, exactly
from linewatch.clock import Clock
from linewatch.errors import InputError, StoreError
from linewatch.records import Health, OperatorAct, Record

MOST_WAITING: Final = 200
"""Acts and audit entries that may wait for a tick; one more is refused with the reason."""
KINDS: Final = "act, audit, ping, reload, scope, site"
_ANSWER_S: Final = 8.0
_IDLE_S: Final = 30.0


class Waiting(msgspec.Struct):
    """An act between its arrival and its answer."""

    offered: OfferedAct
    """What was offered, and by whom."""
    answered: threading.Event
    """Set when the answer stands."""
    seq: int | None = None
    """Position in the record chain; None where it was refused."""
    reason: str = ""
    """Why it was refused."""

    def answer(self, seq: int | None, reason: str = "") -> None:
        """Let the person know."""
        self.seq, self.reason = seq, reason
        self.answered.set()


class AuditEntry(msgspec.Struct, frozen=True):
    """Something for the audit chain."""

    kind: str
    """What happened."""
    who: str
    """Log-in name."""
    text: str
    """In words."""
    wall_ns: int
    """When."""


class _Audit(msgspec.Struct, frozen=True):
    kind: str
    text: str
    wall_ns: int


class _Scope(msgspec.Struct, frozen=True):
    sensor: str
    channel: int
    after_ns: int


class ActInbox:
    """Listens in threads; the watch takes what has come, once a tick, in its own thread."""

    def __init__(self, store: Path, clock: Clock, state: Callable[[], dict[str, Any]]) -> None:
        self._path = store / SOCKET
        self._clock = clock
        self._state = state
        self.reload: Callable[[], tuple[bool, str]] | None = None
        """Reads the site again: whether it was taken up, and what changed or why not."""
        self.site: Callable[[], dict[str, Any]] | None = None
        """What can be changed of the site now. Raises `InputError`."""
        self.scope: Callable[[str, int, int], tuple[dict[str, Any], str]] | None = None
        """What was seen of a channel of a sensor after a time, and why nothing is."""
        self._acts: queue.Queue[Waiting] = queue.Queue(MOST_WAITING)
        self._audits: queue.Queue[AuditEntry] = queue.Queue(MOST_WAITING)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)
        self._sock.bind(str(self._path))
        self._path.chmod(0o600)
        self._sock.listen(16)
        threading.Thread(target=self._accept, name="acts", daemon=True).start()

    def take(self) -> list[Waiting]:
        """Acts for this tick: those of one move, role and seat only once, so that a refusal names one of them."""
        taken: list[Waiting] = []
        names: set[str] = set()
        with contextlib.suppress(queue.Empty):
            while len(taken) < MOST_WAITING:
                waiting = self._acts.get_nowait()
                name = _sign(waiting.offered.act)
                if name in names:
                    self._acts.put_nowait(waiting)
                    break
                names.add(name)
                taken.append(waiting)
        return taken

    def take_audits(self) -> list[AuditEntry]:
        """Entries for the audit chain, oldest first."""
        taken: list[AuditEntry] = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self._audits.get_nowait())
        return taken

    def note(self, kind: str, text: str) -> None:
        """Keep something for the audit chain that came by another door. Raises `StoreError` where too much waits."""
        try:
            self._audits.put_nowait(AuditEntry(kind, "", text, self._clock.now_ns()))
        except queue.Full:
            raise StoreError(f"audit: {MOST_WAITING} entries wait already; allowed: fewer") from None

    def close(self) -> None:
        """Stop listening. Whoever still waits is told so."""
        self._sock.close()
        self._path.unlink(missing_ok=True)
        for waiting in self.take():
            waiting.answer(None, "the watch is stopping")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._sock.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            connection.settimeout(_IDLE_S)
            while True:
                length = int.from_bytes(exactly(connection, 4), "big")
                if length > MOST_BYTES:
                    return
                asked = msgspec.msgpack.decode(exactly(connection, length))
                if not isinstance(asked, dict):
                    return
                said = {"id": asked.get("id"), **self._answer(asked)}
                raw = msgspec.msgpack.encode(said)
                connection.sendall(len(raw).to_bytes(4, "big") + raw)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("v") != VERSION:
            return {"ok": False, "reason": f"v: found {asked.get('v')!r}; allowed: {VERSION}"}
        try:
            match asked.get("kind"):
                case "act":
                    return self._act(asked)
                case "audit":
                    return self._audit(asked)
                case "reload":
                    return self._reload()
                case "scope" | "site" as kind:
                    return self._scope(asked) if kind == "scope" else self._site()
                case "ping":
                    return {"ok": True, **self._state()}
        except (msgspec.ValidationError, InputError) as error:
            return {"ok": False, "reason": str(error)}
        return {"ok": False, "reason": f"kind: found {asked.get('kind')!r}; allowed: {KINDS}"}

    def _reload(self) -> dict[str, Any]:
        if self.reload is None:
            return {"ok": False, "reason": "this watch does not read its site again"}
        ok, said = self.reload()
        return {"ok": ok, "reason": said}

    def _site(self) -> dict[str, Any]:
        if self.site is None:
            return {"ok": False, "reason": "this watch has no files of its site that could be changed"}
        return {"ok": True, **self.site()}

    def _scope(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.scope is None:
            return {"ok": False, "reason": "this watch shows no levels"}
        wish = msgspec.convert(asked, _Scope)
        said, why_not = self.scope(wish.sensor, wish.channel, wish.after_ns)
        return {"ok": False, "reason": why_not} if why_not else {"ok": True, **said}

    def _act(self, asked: dict[str, Any]) -> dict[str, Any]:
        act = msgspec.convert(asked.get("act"), OperatorAct)
        waiting = Waiting(OfferedAct(act, str(asked.get("person", "")), self._clock.now_ns()), threading.Event())
        try:
            self._acts.put_nowait(waiting)
        except queue.Full:
            return {"ok": False, "reason": f"{MOST_WAITING} acts wait already"}
        if not waiting.answered.wait(_ANSWER_S):
            return {"ok": False, "reason": f"the watch took longer than {_ANSWER_S:g} s; look whether it was done"}
        return {"ok": True, "seq": waiting.seq} if waiting.seq is not None else {"ok": False, "reason": waiting.reason}

    def _audit(self, asked: dict[str, Any]) -> dict[str, Any]:
        entry = msgspec.convert(asked.get("audit"), _Audit)
        try:
            self._audits.put_nowait(AuditEntry(entry.kind, str(asked.get("person", "")), entry.text, entry.wall_ns))
        except queue.Full:
            return {"ok": False, "reason": f"{MOST_WAITING} entries wait already"}
        return {"ok": True}


def settle(
    waiting: Sequence[Waiting],
    seqs: Sequence[int],
    out: Sequence[Record],
    hand_on: Callable[[Waiting, int], bool] = lambda _waiting, _seq: False,
) -> None:
    """Answer the acts of a committed tick: where they stand, or why the incident step refused them.

    `hand_on` takes one that was made, with its position, and says whether it answers that itself.
    """
    refused = [record.text for record in out if isinstance(record, Health) and record.condition == "refused"]
    for each, seq in zip(waiting, seqs, strict=True):
        sign = _sign(each.offered.act)
        reason = next((text.removeprefix(sign) for text in refused if text.startswith(sign)), None)
        if reason is not None:
            each.answer(None, reason)
        elif not hand_on(each, seq):
            each.answer(seq)


def _sign(act: OperatorAct) -> str:
    """How the incident step begins what it says of a refused act."""
    return f"act {act.move} by {act.role} at {act.seat}: "
