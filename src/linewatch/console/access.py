"""Who may come in: cookies, tokens, roles, and patience with those who guess."""

import secrets
from collections import OrderedDict, deque
from collections.abc import Collection
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from linewatch.clock import Clock
from linewatch.console.problem import Problem
from linewatch.console_ports import Session, Users
from linewatch.records.vocabulary import Role

COOKIE: Final = "lw_session"
CSRF_HEADER: Final = "x-csrf"
_BEARER: Final = "bearer "
_SAFE: Final = frozenset({"GET", "HEAD"})
_WINDOW_NS: Final = 300_000_000_000
_MOST_KEYS: Final = 10_000

SAME_NAME: Final = 5
"""Wrong passwords for one name within five minutes, after which it must wait."""
SAME_ADDRESS: Final = 20
"""The same for one address."""


class Entry(NamedTuple):
    """Somebody who came in, and by what."""

    session: Session
    """Who."""
    secret: str
    """The cookie's secret; empty for a token."""


class Throttle:
    """Counts failures by name and by address. Bounded: the oldest keys are forgotten first."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def check(self, name: str, address: str, now_ns: int) -> None:
        """Raise a problem 429 where too much was tried of late."""
        for key, most in ((f"name {name}", SAME_NAME), (f"address {address}", SAME_ADDRESS)):
            tried = self._recent(key, now_ns)
            if len(tried) >= most:
                wait_s = max((tried[0] + _WINDOW_NS - now_ns) // 1_000_000_000, 1)
                raise Problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"too many wrong passwords; try again in {wait_s} s",
                    {"retry-after": str(wait_s)},
                )

    def failed(self, name: str, address: str, now_ns: int) -> None:
        """Note a wrong password."""
        for key in (f"name {name}", f"address {address}"):
            self._failures.setdefault(key, deque(maxlen=SAME_ADDRESS)).append(now_ns)
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget what was tried under this name."""
        self._failures.pop(f"name {name}", None)

    def _recent(self, key: str, now_ns: int) -> deque[int]:
        tried = self._failures.get(key, deque())
        while tried and now_ns - tried[0] >= _WINDOW_NS:
            tried.popleft()
        return tried


def enter(connection: HTTPConnection, users: Users, clock: Clock, cookie: str = COOKIE) -> Entry:
    """Who sends this request, by a token or by the cookie of this name. Raises a problem 401 for nobody."""
    header = connection.headers.get("authorization", "")
    if header.lower().startswith(_BEARER):
        session = users.by_token(header[len(_BEARER) :].strip(), clock.now_ns())
        if session is not None:
            return Entry(session, "")
    elif secret := connection.cookies.get(cookie, ""):
        session = users.session(secret, clock.now_ns())
        if session is not None:
            return Entry(session, secret)
    raise Problem(HTTPStatus.UNAUTHORIZED, "nobody has signed in with this request", {"www-authenticate": "Bearer"})


def authorise(method: str, connection: HTTPConnection, entry: Entry, roles: Collection[Role]) -> None:
    """Raise a problem 403 unless this person may do this here, and meant to."""
    session = entry.session
    if session.role not in roles:
        raise Problem(
            HTTPStatus.FORBIDDEN, f"this is not for the role {session.role!r}; it is for {', '.join(sorted(roles))}"
        )
    if method in _SAFE:
        if "read" not in session.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, "this token does not have the scope 'read'")
        return
    if "act" not in session.scopes:
        raise Problem(HTTPStatus.FORBIDDEN, "this token does not have the scope 'act'")
    if entry.secret and not secrets.compare_digest(
        connection.headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()
    ):
        raise Problem(HTTPStatus.FORBIDDEN, f"the header {CSRF_HEADER} is missing or is not the one of this session")


def must_change(entry: Entry) -> None:
    """Raise a problem 403 while the password that somebody else gave still stands."""
    if entry.session.must_change_password:
        raise Problem(HTTPStatus.FORBIDDEN, "change the password first: the one in use was given by somebody else")
