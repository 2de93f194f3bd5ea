"""What people do, on its way to the record: checked for manners here, decided by the watch."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from linewatch.console.endpoint import Call
from linewatch.console.picture import Kept
from linewatch.console.problem import Problem
from linewatch.records import Incident, OperatorAct

NO_SEAT: Final = "no seat"
"""Seat of those who act without having taken one."""
SHOWN_S: Final = 3.0
"""How long an act may take to come back by the record before the answer says so."""


async def act(call: Call, incident: str, move: str, reason: str, values: Mapping[str, str]) -> int:
    """Offer an act to the watch; its position in the record. Raises a problem 409 where it was refused."""
    services, session = call.services, call.session
    offered = OperatorAct(
        incident=incident,
        move=move,
        role=session.role,
        seat=session.seat or NO_SEAT,
        time_ns=services.live.now_ns() // 1000 * 1000,
        reason=reason,
        values=tuple(sorted(values.items())),
    )
    answer = await asyncio.to_thread(services.acts.offer, offered, session.name)
    if answer.seq is None:
        down = services.live.state().watch == "down"
        status = HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.CONFLICT
        raise Problem(status, answer.reason or "the watch refused")
    await services.live.reached(answer.seq, SHOWN_S)
    return answer.seq


async def found_incident(call: Call, key: str) -> Kept:
    """The last version of an incident, from the picture or from the record. Raises a problem 404."""
    kept = call.services.live.picture.incident(key)
    if kept is None:
        versions = await asyncio.to_thread(versions_of, call, key)
        kept = Kept(*versions[-1]) if versions else None
    if kept is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such incident")
    return kept


def versions_of(call: Call, key: str) -> list[tuple[int, Incident]]:
    """Every version of an incident. Called in a thread."""
    history = call.services.open_history()
    try:
        return list(history.incident_history(key))
    finally:
        history.close()
