"""Rows by HTTP as a source: answered after their tick is on disk, so that whoever got no answer may say it again."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.ports import Delivery, Heard, Item, SourceStatus
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrivals, Arrived, items_of
from linewatch.sources.http.rows import ROWS, Rights, item_of, schema

MOST_BYTES: Final = 1_000_000
MOST_ROWS: Final = 5_000
MOST_IDS: Final = 50_000
ANSWER_S: Final = 10.0
_REASONS: Final = 20


class HttpSource:
    """Satisfies `ports.LiveSource`; the watch's own port serves `asgi`."""

    delivery: Delivery = "acknowledged"

    def __init__(
        self, site: Site, name: str, tokens: Mapping[bytes, Rights], lateness_s: float, oldest_s: float
    ) -> None:
        self.name = name
        self.lateness_s = lateness_s
        self.sensors = tuple(sorted({sensor for rights in tokens.values() for sensor in rights.sensors}))
        self._site = site
        self._tokens = tokens
        self._oldest_s = oldest_s
        self._clock = WallClock()
        self._arrivals = Arrivals(name, site)
        self._given: list[Callable[[], None]] = []
        self._ids: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        routes = [Route("/", self._post, methods=["POST"]), Route("/schema", self._schema, methods=["GET"])]
        self.asgi = Starlette(routes=routes)

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The watch's own port listens for it."""

    def poll(self, until_ns: int) -> list[Item]:
        """What came before this time."""
        arrived = self._arrivals.take(until_ns)
        self._given += [each.token for each in arrived if each.token is not None]
        return [*items_of(arrived), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """Who had no answer says it again: nothing is to be known."""
        return "http"

    def seek(self, position: str) -> None:
        """Nothing is to be known. Raises `InputError` for a position of another source."""
        if position != "http":
            raise InputError(f"{self.name}: position: found {position[:80]!r}; allowed: 'http'")

    def committed(self, position: str) -> None:  # noqa: ARG002 - all that was polled is in it
        """Answer those whose rows are on disk."""
        given, self._given = self._given, []
        for answer in given:
            answer()

    def listen(self, listener: Callable[[Heard], None]) -> None:
        """Show every request to somebody."""
        self._arrivals.listener = listener

    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._arrivals.status(up=True)

    def close(self) -> None:
        """Nothing is held."""

    # --- for whoever calls ----------------------------------------------------------------------------------------

    async def _schema(self, request: Request) -> Response:  # noqa: ARG002 - Starlette hands it over
        return _json(200, schema())

    async def _post(self, request: Request) -> Response:
        rights = self._rights(request.headers.get("authorization", ""))
        if rights is None:
            self._arrivals.trouble("", "refused", "note", "a request without a token that is known")
            return _json(401, {"reason": "authorization: allowed: Bearer and a token of this site"})
        raw = await _body(request)
        if raw is None:
            self._arrivals.trouble("", "refused", "note", f"{rights.name}: a body above {MOST_BYTES} bytes")
            return _json(413, {"reason": f"body: allowed: at most {MOST_BYTES} bytes"})
        try:
            rows = _rows(raw)
        except InputError as error:
            self._arrivals.trouble("", "refused", "note", f"{rights.name}: {error}")
            return _json(400, {"reason": str(error)})
        now_ns = self._clock.now_ns()
        items, refused, duplicates = self._items(rows, rights, now_ns)
        told = {"accepted": len(items), "duplicates": duplicates, "refused": refused[:_REASONS]}
        self._arrivals.shown(now_ns, f"POST by {rights.name}", raw, items, "; ".join(r["reason"] for r in refused[:3]))
        if not items:
            return _json(422 if refused else 200, told)
        if not await self._kept(items, now_ns):
            self._forget(rows, rights)
            return _json(503, {"reason": "not on disk yet, or no room: say it again later"})
        return _json(200, told)

    async def _kept(self, items: list[Item], now_ns: int) -> bool:
        """Hand them to the tick and wait until they are on disk."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def answer() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        if not self._arrivals.put(Arrived(now_ns, tuple(items), answer)):
            return False
        try:
            async with asyncio.timeout(ANSWER_S):
                await done.wait()
        except TimeoutError:
            return False
        return True

    def _items(
        self, rows: list[tuple[str, int, Any]], rights: Rights, now_ns: int
    ) -> tuple[list[Item], list[dict[str, Any]], int]:
        items: list[Item] = []
        refused: list[dict[str, Any]] = []
        duplicates = 0
        for kind, number, value in rows:
            try:
                row = msgspec.convert(value, ROWS[kind])
                item = item_of(row, rights, self._site, now_ns, self._oldest_s)
            except (msgspec.ValidationError, ValueError) as error:
                refused.append({"list": kind, "row": number, "reason": str(error)})
                self._arrivals.trouble("", "refused", "note", f"{rights.name}: {kind}: {error}")
                continue
            if row.id and (rights.name, kind, row.id) in self._ids:
                duplicates += 1
                continue
            if row.id:
                self._ids[rights.name, kind, row.id] = None
            items.append(item)
        while len(self._ids) > MOST_IDS:
            self._ids.popitem(last=False)
        return items, refused, duplicates

    def _forget(self, rows: list[tuple[str, int, Any]], rights: Rights) -> None:
        """What was not kept may come again under its name."""
        for kind, _, value in rows:
            if isinstance(value, dict) and isinstance(value.get("id"), str):
                self._ids.pop((rights.name, kind, value["id"]), None)

    def _rights(self, header: str) -> Rights | None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = digest_of(token.strip())
        # Each is compared in full, so that the time taken tells nothing about any of them.
        found = [rights for known, rights in self._tokens.items() if hmac.compare_digest(known, digest)]
        return found[0] if found else None


def digest_of(token: str) -> bytes:
    """What is kept of a token in memory."""
    return hashlib.sha256(token.encode()).digest()


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is too long."""
    raw = bytearray()
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > MOST_BYTES:
                return None
    except ClientDisconnect:
        return b""
    return bytes(raw)


def _rows(raw: bytes) -> list[tuple[str, int, Any]]:
    """The rows of a body with the list and the number of each. Raises `InputError`."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"body: found no JSON ({error}); allowed: as in /schema") from error
    if not isinstance(body, dict):
        raise InputError("body: found no object; allowed: as in /schema")
    rows: list[tuple[str, int, Any]] = []
    for name, values in body.items():
        if name not in ROWS or not isinstance(values, list):
            raise InputError(f"body: found {str(name)[:40]!r}; allowed: lists {', '.join(ROWS)}")
        rows += [(name, number, value) for number, value in enumerate(values)]
    if len(rows) > MOST_ROWS:
        raise InputError(f"body: found {len(rows)} rows; allowed: at most {MOST_ROWS}")
    return rows


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
