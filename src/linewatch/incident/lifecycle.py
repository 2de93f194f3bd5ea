"""The life of an incident: one table of allowed moves, in the manner of ISA-18.2 (alarm states and transitions).

`returned` is "returned to normal, not yet acknowledged": it stays visible. Only people close an incident that people
must answer for; the system may raise, return, reopen and escalate. A person in distress is never shelved.
"""

from typing import Final, Literal

import msgspec

from linewatch.records import Incident, OperatorAct
from linewatch.records.incident import IncidentState
from linewatch.records.vocabulary import Role

Move = Literal["acknowledge", "assess", "respond", "close", "shelve", "unshelve", "note", "return", "reopen"]


class Rule(msgspec.Struct, frozen=True):
    """Where a move is allowed, where it leads and who may make it."""

    allowed: tuple[IncidentState, ...]
    """States it may start from."""
    leads_to: IncidentState | None
    """State it leads to; None keeps the state."""
    roles: tuple[Role, ...]
    """Roles that may make it; none means that only the system does."""
    needs_reason: bool = False
    """Whether a reason in words is required."""


_ACTING: Final[tuple[Role, ...]] = ("operator", "supervisor")
_LIVE: Final[tuple[IncidentState, ...]] = ("raised", "acknowledged", "assessed", "responding", "returned")

TABLE: Final[dict[Move, Rule]] = {
    "acknowledge": Rule(("raised", "returned"), "acknowledged", _ACTING),
    "assess": Rule(("acknowledged", "assessed", "responding"), "assessed", _ACTING),
    "respond": Rule(("acknowledged", "assessed"), "responding", _ACTING),
    "close": Rule(("acknowledged", "assessed", "responding"), "closed", _ACTING, needs_reason=True),
    "shelve": Rule(_LIVE, "shelved", ("supervisor",), needs_reason=True),
    "unshelve": Rule(("shelved",), "acknowledged", ("supervisor",)),
    "note": Rule((*_LIVE, "shelved", "closed"), None, (*_ACTING, "maintainer"), needs_reason=True),
    "return": Rule(("raised",), "returned", ()),
    "reopen": Rule(("returned",), "raised", ()),
}


class Refusal(msgspec.Struct, frozen=True):
    """Why a move was not made."""

    reason: str
    """In words, naming what was asked and what is allowed."""


def apply_system_move(incident: Incident, move: Move, time_ns: int) -> Incident | Refusal:
    """A move by the system itself at a tick."""
    rule = TABLE[move]
    if rule.roles:
        return Refusal(f"{move} is a person's move")
    return _moved(incident, move, rule, time_ns)


def apply_act(incident: Incident, act: OperatorAct, time_ns: int) -> Incident | Refusal:
    """A move by a person. Never raises: whatever is wrong with it comes back as a refusal in words."""
    rule = next((rule for move, rule in TABLE.items() if move == act.move and rule.roles), None)
    if rule is None:
        people = ", ".join(move for move, known in TABLE.items() if known.roles)
        return Refusal(f"there is no move {act.move!r}; moves are {people}")
    if act.role not in rule.roles:
        return Refusal(f"{act.move} is not for the role {act.role!r}; it is for {', '.join(rule.roles)}")
    if rule.needs_reason and not act.reason.strip():
        return Refusal(f"{act.move} needs a reason in words")
    if act.move == "shelve" and incident.concern == "distress":
        return Refusal("a person in distress is never shelved")
    moved = _moved(incident, act.move, rule, time_ns)
    if isinstance(moved, Refusal) or act.move != "assess":
        return moved
    return _assessed(moved, dict(act.values))


def _moved(incident: Incident, move: str, rule: Rule, time_ns: int) -> Incident | Refusal:
    if incident.state not in rule.allowed:
        return Refusal(f"{move} is not allowed while {incident.state}; it is from {', '.join(rule.allowed)}")
    state = rule.leads_to or incident.state
    closed_ns = time_ns if state == "closed" and incident.state != "closed" else incident.closed_ns
    return msgspec.structs.replace(incident, state=state, updated_ns=time_ns, closed_ns=closed_ns)


class _Assessing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    assessment: Literal["genuine", "nuisance", "known_activity", "exercise", "undetermined"]
    assessment_cause: str = ""


def _assessed(incident: Incident, values: dict[str, str]) -> Incident | Refusal:
    try:
        given = msgspec.convert(values, _Assessing)
    except msgspec.ValidationError as error:
        return Refusal(f"assess: {error}")
    if given.assessment == "nuisance" and not given.assessment_cause.strip():
        return Refusal("assess as nuisance needs assessment_cause: what caused it")
    return msgspec.structs.replace(incident, assessment=given.assessment, assessment_cause=given.assessment_cause)
