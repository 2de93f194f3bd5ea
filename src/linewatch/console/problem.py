"""Problem documents (RFC 9457): every refusal says what was found and what is allowed, and nothing of the inside."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemDocument(msgspec.Struct, frozen=True):
    """What is sent in the place of an answer."""

    type: str
    """Always `about:blank`: the status says what kind of problem it is."""
    title: str
    """The status in words."""
    status: int
    """The status."""
    detail: str
    """What was found and what is allowed."""
    instance: str
    """Path that was asked for."""


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """Raised by a handler to answer with a problem document."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def problem_response(problem: Problem, path: str) -> Response:
    """The problem as a response."""
    document = ProblemDocument("about:blank", problem.status.phrase, problem.status.value, problem.detail, path[:200])
    return Response(
        msgspec.json.encode(document),
        status_code=problem.status.value,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **problem.headers},
    )
