"""From the console to the watch: acts and audit entries over a Unix socket in the store's folder.

Messages are MessagePack maps behind a length (4 bytes, big-endian). While the watch is down, acts are refused with
the reason, and audit entries wait beside the accounts until it is back.
"""

import itertools
import socket
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.clock import Clock
from linewatch.console_ports import Answer, Pulse, Seen, SeenFrame, SiteStanding
from linewatch.errors import StoreError
from linewatch.records import OperatorAct
from linewatch.store.users import UserStore

SOCKET: Final = "watch.sock"
VERSION: Final = 1
MOST_BYTES: Final = 1_000_000
_ANSWER_S: Final = 10.0
_PULSE_S: Final = 2.0
_RELOAD_S: Final = 90.0


class WatchDown(Exception):  # noqa: N818 - a state of the world and no error of this program
    """The watch does not answer."""


class WatchLink:
    """Satisfies `Acts`, `Audit` and `SiteFiles` of `console_ports`. May be used from several threads."""

    def __init__(self, store: Path, users: UserStore, clock: Clock) -> None:
        self._path = store / SOCKET
        self._users = users
        self._clock = clock
        self._numbers = itertools.count(1)
        self._handing = threading.Lock()

    def offer(self, act: OperatorAct, person: str) -> Answer:
        """Offer an act and wait until it is committed or refused."""
        about = {"person": person, "role": act.role, "seat": act.seat}
        try:
            said = self._ask({"kind": "act", **about, "act": msgspec.to_builtins(act)}, _ANSWER_S)
        except WatchDown as down:
            return Answer(None, str(down))
        if said.get("ok") is True and isinstance(said.get("seq"), int):
            return Answer(said["seq"])
        return Answer(None, str(said.get("reason") or "the watch refused and did not say why"))

    def look(self, sensor: str, channel: int, after_ns: int) -> Seen:
        """What was seen of a channel after a time. Satisfies `console_ports.Levels`."""
        try:
            said = self._ask({"kind": "scope", "sensor": sensor, "channel": channel, "after_ns": after_ns}, _PULSE_S)
            if said.get("ok") is not True:
                return Seen("none", (), str(said.get("reason") or "the watch did not say why"))
            return Seen(said["basis"], tuple(msgspec.convert(said["frames"], list[SeenFrame])))
        except WatchDown as down:
            return Seen("none", (), str(down))
        except (KeyError, msgspec.ValidationError) as error:
            return Seen("none", (), f"the watch answers with nonsense ({error})")

    def note(self, kind: str, who: str, text: str) -> None:
        """Say what happened; kept until the watch has taken it, in order."""
        self._users.keep_audit(kind, who, text, self._clock.now_ns())
        self._hand_over()

    def pulse(self) -> Pulse:
        """How the watch is. What waited for it is handed over."""
        try:
            said = self._ask({"kind": "ping"}, _PULSE_S)
        except WatchDown as down:
            return Pulse(up=False, reason=str(down))
        self._hand_over()
        lag = said.get("lag_s")
        sources = tuple(each for each in said.get("sources", ()) if isinstance(each, dict))
        return Pulse(up=True, lag_s=float(lag) if isinstance(lag, int | float) else None, sources=sources)

    def standing(self) -> SiteStanding:
        """What can be changed of the site now."""
        try:
            said = self._ask({"kind": "site"}, _ANSWER_S)
            if said.get("ok") is True:
                return msgspec.convert(said, SiteStanding)
            return SiteStanding(why_not=str(said.get("reason") or "the watch did not say why"))
        except WatchDown as down:
            return SiteStanding(why_not=str(down))
        except msgspec.ValidationError as error:
            return SiteStanding(why_not=f"the watch answers with nonsense ({error})")

    def _hand_over(self) -> None:
        if not self._handing.acquire(blocking=False):
            return  # somebody is at it, and takes this one too
        try:
            for entry in self._users.waiting_audits():
                body = {"kind": entry.kind, "text": entry.text, "wall_ns": entry.wall_ns}
                said = self._ask(
                    {"kind": "audit", "person": entry.who, "role": "", "seat": "", "audit": body}, _PULSE_S
                )
                if said.get("ok") is not True:
                    return
                self._users.drop_audit(entry.number)
        except WatchDown:
            return
        finally:
            self._handing.release()

    def _ask(self, body: dict[str, Any], within_s: float) -> dict[str, Any]:
        return ask(self._path, {"id": next(self._numbers), **body}, within_s)


def reload(store: Path) -> tuple[bool, str]:
    """Ask the watch over a store to read its site again: whether it was taken up, and what changed or why not.

    Raises `StoreError` where no watch answers.
    """
    try:
        said = ask(store / SOCKET, {"id": 1, "kind": "reload"}, _RELOAD_S)
    except WatchDown as down:
        raise StoreError(f"{store}: {down}; allowed: the store of a running watch") from None
    return said.get("ok") is True, str(said.get("reason") or "the watch did not say why")


def ask(path: Path, body: dict[str, Any], within_s: float) -> dict[str, Any]:
    """One question to the watch behind this socket, and its answer. Raises `WatchDown`."""
    raw = msgspec.msgpack.encode({"v": VERSION, **body})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            sock.connect(str(path))
            sock.sendall(len(raw).to_bytes(4, "big") + raw)
            length = int.from_bytes(exactly(sock, 4), "big")
            if length > MOST_BYTES:
                raise WatchDown("the watch answers with nonsense")
            said = msgspec.msgpack.decode(exactly(sock, length))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WatchDown(f"the watch does not answer ({type(error).__name__})") from error
    if not isinstance(said, dict) or said.get("id") != body["id"]:
        raise WatchDown("the watch answers with nonsense")
    return said


def exactly(sock: socket.socket, count: int) -> bytes:
    """So many bytes, or `ConnectionResetError`."""
    raw = bytearray()
    while len(raw) < count:
        piece = sock.recv(count - len(raw))
        if not piece:
            raise ConnectionResetError("closed in the middle of an answer")
        raw += piece
    return bytes(raw)
