"""One table of endpoints, from which both the routes and the OpenAPI document follow."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linewatch.console.access import Entry, authorise, enter, must_change
from linewatch.console.problem import Problem
from linewatch.console.services import Services
from linewatch.console_ports import Session
from linewatch.records.vocabulary import Role

EVERYBODY: Final[tuple[Role, ...]] = get_args(Role)
ACTING: Final[tuple[Role, ...]] = ("operator", "supervisor", "maintainer")
SEATED: Final[tuple[Role, ...]] = ("operator", "supervisor")
ADMINISTRATOR: Final[tuple[Role, ...]] = ("administrator",)
NO_STORE: Final = {"cache-control": "no-store"}


class Call(NamedTuple):
    """One request, checked."""

    services: Services
    """What answers are made of."""
    request: Request
    """The request."""
    entry: Entry | None
    """Who sent it; None only where anybody may ask."""
    path: dict[str, str]
    """Parts of the path."""
    query: Any
    """The query, as the endpoint's type."""
    body: Any
    """The body, as the endpoint's type."""

    @property
    def session(self) -> Session:
        """Who sent it."""
        assert self.entry is not None  # every endpoint that asks is one that demands somebody
        return self.entry.session


class Endpoint(NamedTuple):
    """One thing that can be asked."""

    method: str
    """GET, POST, ..."""
    path: str
    """Its path, with `{parts}`."""
    name: str
    """Names it in the OpenAPI document."""
    summary: str
    """What it does, in one line."""
    handler: Callable[[Call], Awaitable[Any]]
    """Answers it: a value of the type `answer`, or a `Response`."""
    answer: Any = None
    """Type of the answer; None for an answer without a body."""
    roles: Sequence[Role] = EVERYBODY
    """Roles that may ask; empty where nobody needs to have signed in."""
    query: type[msgspec.Struct] | None = None
    """Type of the query."""
    body: type[msgspec.Struct] | None = None
    """Type of the body."""
    media_type: str = "application/json"
    """Media type of the answer."""
    problems: Sequence[int] = ()
    """Further statuses that it may answer with."""
    with_first_password: bool = False
    """Whether it may be asked while a password that somebody else gave still stands."""

    @property
    def stream(self) -> bool:
        """Whether the answer does not end by itself."""
        return self.media_type in ("application/octet-stream", "text/event-stream")


def route_of(endpoint: Endpoint, services: Services) -> Route:
    """The route of an endpoint."""

    async def handle(request: Request) -> Response:
        entry = None
        if endpoint.roles:
            entry = enter(request, services.users, services.clock, services.settings.cookie)
            authorise(endpoint.method, request, entry, endpoint.roles)
            if not endpoint.with_first_password:
                must_change(entry)
        query = _query(request, endpoint.query) if endpoint.query or request.query_params else None
        body = await _body(request, endpoint.body) if endpoint.body else None
        answer = await endpoint.handler(Call(services, request, entry, dict(request.path_params), query, body))
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status_code=HTTPStatus.NO_CONTENT.value, headers=NO_STORE)
        return Response(msgspec.json.encode(answer), media_type=endpoint.media_type, headers=NO_STORE)

    return Route(endpoint.path, handle, methods=[endpoint.method], name=endpoint.name)


def _query(request: Request, kind: type[msgspec.Struct] | None) -> Any:
    given = dict(request.query_params)
    if len(request.query_params.multi_items()) != len(given):
        raise Problem(HTTPStatus.BAD_REQUEST, "query: found a name twice; allowed: each once")
    try:
        return msgspec.convert(given, kind or _Nothing, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"query: {error}") from None


async def _body(request: Request, kind: type[msgspec.Struct]) -> Any:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
    raw = await request.body()
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"body: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "body: found no JSON") from None


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass
