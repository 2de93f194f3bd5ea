"""Several sites on one console: each served whole under a path of its own, and beside them what speaks of all.

Nothing is merged. Every site keeps its record, its accounts with their roles, its seats and its watch; whoever signs in
here signs in, with one name and password, wherever they hold, and gets one session for each such site.
"""

import asyncio
import contextlib
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from linewatch.console.access import COOKIE, Entry, Throttle, authorise, enter
from linewatch.console.endpoint import EVERYBODY
from linewatch.console.problem import Problem
from linewatch.console.server import REFUSALS, guarded, listen, page, server_of, serving, site_app
from linewatch.console.services import Needs, Services, services_of
from linewatch.console.settings import ConsoleSettings
from linewatch.errors import InputError

INDEX: Final = "sites.html"
MOST_SITES: Final = 64


class Absent(NamedTuple):
    """A site that should be here and cannot be served."""

    name: str
    """What it was called by whoever named it."""
    why: str
    """Why it cannot be served."""


class Shared(NamedTuple):
    """A site on a console that others share."""

    key: str
    """Names it in paths: `/s/KEY/`."""
    services: Services
    """What its answers are made of."""

    def entry(self, connection: HTTPConnection) -> Entry | None:
        """Who has come in here to read; None for nobody."""
        services = self.services
        try:
            entry = enter(connection, services.users, services.clock, services.settings.cookie)
            authorise("GET", connection, entry, EVERYBODY)
        except Problem:
            return None
        return entry


class Joint(NamedTuple):
    """All sites of a console."""

    settings: ConsoleSettings
    """Where it listens."""
    sites: tuple[Shared, ...]
    """Those that are served, in the order in which they were named."""
    absent: tuple[Absent, ...]
    """Those that are not."""
    throttle: Throttle
    """Who has guessed too often, at all sites together."""


def key_of(name: str) -> str:
    """A site's name as it stands in a path: lower case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name.translate(_PLAIN)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]


def joint_of(needs: Sequence[Needs], absent: Sequence[Absent], settings: ConsoleSettings) -> Joint:
    """The sites of a console. Raises `InputError` where two could not be told apart."""
    if not 1 <= len(needs) <= MOST_SITES:
        raise InputError(f"sites: found {len(needs)}; allowed: 1 to {MOST_SITES} on one console")
    sites: dict[str, Shared] = {}
    for each in needs:
        key = key_of(each.site.name)
        if not key or key in sites:
            other = f", as {sites[key].services.site.name!r} does" if key in sites else ""
            raise InputError(
                f"site: found {each.site.name!r}, which gives the path {key!r}{other}; allowed: a name apart"
            )
        own = msgspec.structs.replace(settings, cookie=f"{COOKIE}_{key}", all_sites="../../")
        sites[key] = Shared(key, services_of(each, own))
    return Joint(settings, tuple(sites.values()), tuple(absent), Throttle())


def make_joint_app(joint: Joint, own: Sequence[Route]) -> ASGIApp:
    """The application: `own` routes speak of all sites; each site stands under its path."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for site in joint.sites:
                await stack.enter_async_context(serving(site.services))
            yield

    app = Starlette(
        routes=[
            *own,
            *(Mount(f"/s/{site.key}", site_app(site.services)) for site in joint.sites),
            Route("/{path:path}", _front, methods=["GET"]),
        ],
        lifespan=lifespan,
        exception_handlers=dict(REFUSALS),
    )
    return guarded(app, joint.settings)


def serve_joint(joint: Joint, own: Sequence[Route], ready: Callable[[str], None]) -> None:
    """Serve until stopped. `ready` is called with the address once somebody can come in. Raises `InputError`."""
    with listen(joint.settings) as sock:
        settings = msgspec.structs.replace(joint.settings, port=sock.getsockname()[1])
        app = make_joint_app(joint._replace(settings=settings), own)
        server_of(app, settings, lambda: ready(settings.address)).run(sockets=[sock])


def anybody(joint: Joint, connection: HTTPConnection) -> dict[str, Entry]:
    """Who has come in, by site. Raises a problem 401 where nobody has, at any."""
    found = {site.key: site.entry(connection) for site in joint.sites}
    inside = {key: entry for key, entry in found.items() if entry is not None}
    if not inside:
        raise Problem(HTTPStatus.UNAUTHORIZED, "nobody has signed in with this request", {"www-authenticate": "Bearer"})
    return inside


async def merged(parts: Sequence[tuple[str, AsyncGenerator[bytes, None]]]) -> AsyncGenerator[tuple[str, bytes], None]:
    """Pieces of several streams, as they come, each with whose it is; ends when the first of them does."""
    waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MOST_PIECES)

    async def pump(key: str, pieces: AsyncGenerator[bytes, None]) -> None:
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                await waiting.put((key, piece))

    pumps = [asyncio.create_task(pump(key, pieces)) for key, pieces in parts]
    getter: asyncio.Task[tuple[str, bytes]] | None = None
    try:
        while True:
            getter = asyncio.create_task(waiting.get())
            done, _ = await asyncio.wait({getter, *pumps}, return_when=asyncio.FIRST_COMPLETED)
            if getter not in done:
                return
            yield getter.result()
    finally:
        for task in (*pumps, *([getter] if getter else [])):
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _front(request: Request) -> Response:
    path = request.path_params["path"]
    if path.startswith("s/"):
        if path.count("/") == 1 and len(path) > 2:
            return RedirectResponse(f"/{path}/", HTTPStatus.PERMANENT_REDIRECT.value)
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such site here")
    return await page(request, INDEX)


_MOST_PIECES: Final = 8
"""Pieces that wait for one reader; more wait in each site's own queue, which is bounded and tells what it drops."""
_PLAIN: Final = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "ß": "ss", "ø": "o", "æ": "ae"})
