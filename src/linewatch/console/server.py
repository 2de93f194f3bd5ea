"""The console as one ASGI application, and the server that runs it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from linewatch.console import (
    api_compare,
    api_incidents,
    api_live,
    api_mute,
    api_placing,
    api_repairs,
    api_reports,
    api_scope,
    api_session,
    api_shift,
    api_site,
)
from linewatch.console.access import authorise, enter, must_change
from linewatch.console.endpoint import EVERYBODY, Call, Endpoint, route_of
from linewatch.console.guard import Guard
from linewatch.console.openapi import document_of
from linewatch.console.problem import Problem, problem_response
from linewatch.console.services import Needs, Services, services_of
from linewatch.console.settings import ConsoleSettings, is_loopback
from linewatch.errors import InputError

PAGE: Final = Path(__file__).parent / "web" / "dist"
"""The built page; made when the package is built."""
_NO_PAGE: Final = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Linewatch</title></head><body>"
    "<h1>Linewatch</h1><p>The page was not built into this copy of the package. The interface for programs is there: "
    "<a href='/api/openapi.json'>/api/openapi.json</a>.</p></body></html>"
)


async def openapi(_: Call) -> Response:
    """What this interface says of itself."""
    return Response(msgspec.json.encode(document_of(ENDPOINTS)), media_type="application/json")


ENDPOINTS: Final = (
    *api_session.ENDPOINTS,
    *api_site.ENDPOINTS,
    *api_incidents.ENDPOINTS,
    *api_live.ENDPOINTS,
    *api_shift.ENDPOINTS,
    *api_mute.ENDPOINTS,
    *api_repairs.ENDPOINTS,
    *api_placing.ENDPOINTS,
    *api_scope.ENDPOINTS,
    *api_compare.ENDPOINTS,
    *api_reports.ENDPOINTS,
    Endpoint("GET", "/api/openapi.json", "openapi", "This document", openapi, dict[str, Any], roles=()),
)


def make_app(needs: Needs, settings: ConsoleSettings) -> tuple[ASGIApp, Services]:
    """The application. What it serves begins with its lifespan."""
    services = services_of(needs, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with serving(services):
            yield

    return guarded(site_app(services, lifespan), settings), services


def guarded(app: ASGIApp, settings: ConsoleSettings) -> ASGIApp:
    """An application behind what stands before every answer."""
    return Guard(app, _hosts(settings), settings.most_body_bytes, secure=settings.secure)


def site_app(
    services: Services, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
) -> Starlette:
    """What one site answers. Without a lifespan somebody else keeps `serving` around it."""
    return Starlette(
        routes=[
            *(route_of(each, services) for each in ENDPOINTS),
            *([] if services.features is None else [Mount("/features", _Behind(services.features, services))]),
            *([] if services.acknowledge is None else [Mount("/ack", services.acknowledge)]),
            Route("/{path:path}", partial(page, index="index.html"), methods=["GET"]),
        ],
        lifespan=lifespan,
        exception_handlers=dict(REFUSALS),
    )


@contextlib.asynccontextmanager
async def serving(services: Services) -> AsyncIterator[None]:
    """While the body runs, a site's record is followed."""
    services.live.start()
    try:
        yield
    finally:
        await services.live.stop()
        if services.comparisons is not None:
            await asyncio.to_thread(services.comparisons.close)


class _Behind:
    """Another ASGI part, for those who have signed in and only to read."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            if request.method not in ("GET", "HEAD"):
                raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "this is only to read", {"allow": "GET, HEAD"})
            services = self._services
            entry = enter(request, services.users, services.clock, services.settings.cookie)
            authorise(request.method, request, entry, EVERYBODY)
            must_change(entry)
        await self._app(scope, receive, send)


def _hosts(settings: ConsoleSettings) -> set[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    local = {"localhost", "127.0.0.1", "[::1]"} if is_loopback(settings.host) else set()
    return {host, *local, *settings.names}


async def page(request: Request, index: str) -> Response:
    """A file of the built page; any other path that is no file of it gives its index, which knows its screens."""
    path = request.path_params["path"]
    if path.startswith("api/") or path == "api":
        raise Problem(HTTPStatus.NOT_FOUND, "there is nothing under this path; see /api/openapi.json")
    root = PAGE.resolve()
    wanted = (root / path).resolve() if "\0" not in path else root
    if wanted.is_relative_to(root) and wanted.is_file():
        lasting = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return FileResponse(wanted, headers={"cache-control": lasting})
    if "." in path.rsplit("/", 1)[-1]:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such file")
    if not (root / index).is_file():
        return Response(_NO_PAGE, media_type="text/html")
    return FileResponse(root / index, headers={"cache-control": "no-cache"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    said = {
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not know that method; see /api/openapi.json",
        HTTPStatus.NOT_FOUND: "there is nothing under this path; see /api/openapi.json",
    }.get(status, status.description)
    return problem_response(Problem(status, said, error.headers), request.url.path)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error, request.url.path)


async def _failed(request: Request, _: Exception) -> Response:
    # What failed is in the log (the server prints what is raised further); nothing of it goes outside.
    problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something failed here; the log of the console says what")
    return problem_response(problem, request.url.path)


REFUSALS: Final[tuple[tuple[Any, Any], ...]] = ((HTTPException, _refused), (Problem, _problem), (Exception, _failed))
"""What becomes of each error: a problem document that tells nothing of the inside."""


def serve(needs: Needs, settings: ConsoleSettings, ready: Callable[[str], None]) -> None:
    """Serve until stopped. `ready` is called with the address once somebody can come in. Raises `InputError`."""
    with listen(settings) as sock:
        settings = msgspec.structs.replace(settings, port=sock.getsockname()[1])
        app, _ = make_app(needs, settings)
        server_of(app, settings, lambda: ready(settings.address)).run(sockets=[sock])


def server_of(app: ASGIApp, settings: ConsoleSettings, ready: Callable[[], None]) -> uvicorn.Server:
    """A server for the application; its `run` takes a socket from `listen`."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,  # open streams would hold the exit
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    return _Server(config, ready)


def listen(settings: ConsoleSettings) -> socket.socket:
    """A socket that listens. Raises `InputError` where the address is taken or is not this machine's."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise InputError(
            f"{settings.host}:{settings.port}: {error.strerror}; allowed: an address of this machine that is free"
        ) from None
    return sock


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
