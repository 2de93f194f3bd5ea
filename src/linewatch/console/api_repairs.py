"""Repairs: who does one, and by when; and a re-test that somebody waives under their own signature."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from linewatch.console.acting import act
from linewatch.console.endpoint import Call, Endpoint
from linewatch.console.problem import Problem
from linewatch.console.shapes import ActDone
from linewatch.records.vocabulary import Role

SIGNERS: Final[tuple[Role, ...]] = ("maintainer", "supervisor", "administrator")
_NS_PER_MS: Final = 1_000_000


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team, never a person's name, and by when."""

    owner: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    due_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 42)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it does without a re-test; signed with the password of who waives it, which is kept nowhere."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


async def assign(call: Call) -> ActDone:
    """Say who repairs it, and by when; the last word counts."""
    body = call.body
    values = {"outage": call.path["outage"], "owner": body.owner}
    values |= {} if body.due_ms is None else {"due_ns": str(body.due_ms * _NS_PER_MS)}
    return ActDone(await act(call, "", "assign_repair", body.reason, values))


async def waive(call: Call) -> ActDone:
    """End an outage that only waits for its re-test. The record keeps reason, role and seat; the audit chain, who."""
    services, name = call.services, call.session.name
    address = call.request.client.host if call.request.client else ""
    now_ns = services.clock.now_ns()
    services.throttle.check(name, address, now_ns)
    if not await asyncio.to_thread(services.users.holds, name, call.body.password):
        services.throttle.failed(name, address, now_ns)
        text = f"the signature under a waiver did not hold, from {address}"
        await asyncio.to_thread(services.audit.note, "signature_refused", name, text)
        raise Problem(HTTPStatus.FORBIDDEN, "password: this is not yours, so nothing is signed")
    services.throttle.succeeded(name)
    values = {"outage": call.path["outage"], "signed": "password"}
    return ActDone(await act(call, "", "waive_retest", call.body.reason, values))


_PROBLEMS: Final = (409, 503)
ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/repairs/{outage}/assign", "assignRepair", "Say who repairs an outage, and by when"),
        *(assign, ActDone, SIGNERS),
        body=Assignment,
        problems=_PROBLEMS,
    ),
    Endpoint(
        *("POST", "/api/repairs/{outage}/waive", "waiveRetest", "Waive the re-test of a repaired outage, signed"),
        *(waive, ActDone, SIGNERS),
        body=Waiver,
        problems=(*_PROBLEMS, 429),
    ),
)
