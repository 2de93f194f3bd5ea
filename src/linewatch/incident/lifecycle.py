"""The life of an incident: one table of allowed moves, in the manner of ISA-18.2 (alarm states and transitions).

`returned` is "returned to normal, not yet acknowledged": it stays visible. Only people close an incident that people
must answer for; the system may raise, return, reopen and take off the shelf. A person in distress is never shelved nor
taken out of service. The response (a patrol sent, on its way, there) and the outcome go beside the states: each moment
of the patrol is kept, and what became of people is another matter than what it was.
"""

from typing import Final, Literal

import msgspec

from linewatch.console_ports import OfferedMove
from linewatch.incident.entries import Entries, Refusal, enter, entries_of
from linewatch.records import Incident, OperatorAct
from linewatch.records.incident import IncidentState
from linewatch.records.vocabulary import Role

Move = Literal[
    "acknowledge",
    "take",
    "assess",
    "respond",
    "accept",
    "set_out",
    "arrive",
    "stand_down",
    "outcome",
    "hazards",
    "escalate",
    "close",
    "merge",
    "shelve",
    "unshelve",
    "take_out",
    "put_back",
    "note",
    "remedy",
    "return",
    "reopen",
    "shelf_over",
    "resurface",
]
_Leads = dict[IncidentState, IncidentState]


class Rule(msgspec.Struct, frozen=True):
    """Where a move is allowed, where it leads and who may make it."""

    leads: _Leads
    """From which state to which."""
    roles: tuple[Role, ...]
    """Roles that may make it; none means that only the system does."""
    label: str = ""
    """What people read on the button."""
    needs_reason: bool = False
    """Whether a reason in words is required."""
    needs: tuple[str, ...] = ()
    """Values that it needs."""
    takes: tuple[str, ...] = ()
    """Values that it may bring besides."""
    undo_s: float = 0.0
    """How long it can be taken back; 0 for not at all, where somebody outside has been told."""


UNDO_S: Final = 10.0
"""How long most moves can be taken back."""
LATE_S: Final = 60.0
"""A move made longer ago than this was made on another picture than the present one."""
SHELF_MOST_S: Final = 12 * 3600.0
"""Longest time on the shelf: a shift, and no longer than the next one needs to see it."""
_NS_PER_S: Final = 1_000_000_000
_ACTING: Final[tuple[Role, ...]] = ("operator", "supervisor")
_SERVICE: Final[tuple[Role, ...]] = ("supervisor", "maintainer")
_WAITING: Final[tuple[IncidentState, ...]] = ("raised", "returned")
_TAKEN: Final[tuple[IncidentState, ...]] = ("acknowledged", "assessed", "responding")
_LIVE: Final[tuple[IncidentState, ...]] = (*_WAITING, *_TAKEN)
_OPEN: Final[tuple[IncidentState, ...]] = (*_LIVE, "shelved", "out_of_service")
_ANY: Final[tuple[IncidentState, ...]] = (*_OPEN, "closed")


def _all(states: tuple[IncidentState, ...], to: IncidentState) -> _Leads:
    return dict.fromkeys(states, to)


def _stay(states: tuple[IncidentState, ...]) -> _Leads:
    return {state: state for state in states}


_ASSESSING: Final = ("assessment_cause", "outcome", "hazards", "members")
_SENDING: Final[_Leads] = _all(_TAKEN, "responding")
_ON_PATROL: Final[_Leads] = _stay(("responding",))
_ASSESSED: Final[_Leads] = {"acknowledged": "assessed", "assessed": "assessed", "responding": "responding"}

TABLE: Final[dict[Move, Rule]] = {
    "acknowledge": Rule(_all(_WAITING, "acknowledged"), _ACTING, "Acknowledge", undo_s=UNDO_S),
    "take": Rule(_stay(_TAKEN), _ACTING, "Take over", undo_s=UNDO_S),
    "assess": Rule(_ASSESSED, _ACTING, "Assess", needs=("assessment",), takes=_ASSESSING, undo_s=UNDO_S),
    "respond": Rule(_SENDING, _ACTING, "Send a patrol", takes=("patrol", "hazards")),
    "accept": Rule(_ON_PATROL, _ACTING, "Patrol accepts"),
    "set_out": Rule(_ON_PATROL, _ACTING, "Patrol is under way"),
    "arrive": Rule(_ON_PATROL, _ACTING, "Patrol is on scene"),
    "stand_down": Rule(_all(("responding",), "acknowledged"), _ACTING, "Stand the patrol down", needs_reason=True),
    "outcome": Rule(_stay((*_TAKEN, "closed")), _ACTING, "Set outcome", needs=("outcome",), undo_s=UNDO_S),
    "hazards": Rule(_stay(_OPEN), _ACTING, "Note hazards", needs=("hazards",), undo_s=UNDO_S),
    "escalate": Rule(_stay(_LIVE), _ACTING, "Pass on to the supervisor"),
    "close": Rule(
        _all(_TAKEN, "closed"),
        _ACTING,
        "Close",
        needs_reason=True,
        takes=("assessment", *_ASSESSING),
        undo_s=UNDO_S,
    ),
    "merge": Rule(_all(_LIVE, "closed"), _ACTING, "Merge into another", needs_reason=True, needs=("into",)),
    "shelve": Rule(
        _all(_LIVE, "shelved"), ("supervisor",), "Shelve", needs_reason=True, needs=("until_ns",), undo_s=UNDO_S
    ),
    "unshelve": Rule(_all(("shelved",), "acknowledged"), ("supervisor",), "Take off the shelf"),
    "take_out": Rule(
        _all((*_LIVE, "shelved"), "out_of_service"), _SERVICE, "Take out of service", needs_reason=True, undo_s=UNDO_S
    ),
    "put_back": Rule(_all(("out_of_service",), "raised"), _SERVICE, "Put back into service"),
    "note": Rule(_stay(_ANY), (*_ACTING, "maintainer"), "Note", needs_reason=True),
    "remedy": Rule(_stay(_ANY), _SERVICE, "Say what was done about the cause", needs_reason=True),
    "return": Rule(_all(("raised",), "returned"), ()),
    "reopen": Rule(_all(("returned",), "raised"), ()),
    "shelf_over": Rule(_all(("shelved",), "raised"), ()),
    "resurface": Rule(_all(("shelved", "out_of_service"), "raised"), ()),
}
_HIDING: Final = frozenset({"shelve", "take_out"})
_DECIDING: Final = frozenset({"assess", "close", "merge", "shelve", "take_out"})
"""Moves that rest on what the incident was when the person looked."""


class Offer(msgspec.Struct, frozen=True):
    """A move that a role may make now."""

    move: Move
    """Its name."""
    label: str
    """What people read on the button."""
    needs_reason: bool
    """Whether it needs a reason in words."""
    undo_s: float
    """How long it can be taken back; 0 for not at all."""
    needs: tuple[str, ...]
    """Names of the values that it needs."""
    takes: tuple[str, ...]
    """Names of the values that it may bring."""


def moves_allowed(incident: Incident, role: Role) -> tuple[Offer, ...]:
    """Every move that this role may make with the incident as it stands, in the order of the table."""
    return tuple(
        Offer(move, rule.label, rule.needs_reason, rule.undo_s, rule.needs, rule.takes)
        for move, rule in TABLE.items()
        if role in rule.roles and incident.state in rule.leads and not _barred(incident, move)
    )


class Desk:
    """Satisfies `console_ports.IncidentDesk`."""

    def allowed(self, incident: Incident, role: Role) -> tuple[OfferedMove, ...]:
        """The moves that this role may make now."""
        offers = moves_allowed(incident, role)
        return tuple(OfferedMove(each.move, each.label, each.needs_reason, each.undo_s) for each in offers)


def apply_system_move(incident: Incident, move: Move, time_ns: int) -> Incident | Refusal:
    """A move by the system itself at a tick."""
    rule = TABLE[move]
    if rule.roles:
        return Refusal(f"{move} is a person's move")
    return _moved(incident, move, rule, time_ns)


def apply_act(incident: Incident, act: OperatorAct, time_ns: int, worsened_ns: int | None = None) -> Incident | Refusal:
    """A move by a person at a tick. Never raises: whatever is wrong with it comes back as a refusal in words.

    `worsened_ns` is when the incident last became more urgent: nobody closes or hides what they have not seen.
    """
    rule = next((rule for move, rule in TABLE.items() if move == act.move and rule.roles), None)
    if rule is None:
        people = ", ".join(move for move, known in TABLE.items() if known.roles)
        return Refusal(f"there is no move {act.move!r}; moves are {people}")
    why_not = _unfit(act, rule, time_ns) or _barred(incident, act.move)
    if why_not:
        return Refusal(why_not)
    if act.move in _DECIDING and worsened_ns is not None and act.time_ns < worsened_ns:
        return Refusal(f"{act.move} was made before this became {incident.kind} of priority {incident.priority}")
    entries = entries_of(act, rule.needs, rule.takes)
    if isinstance(entries, Refusal):
        return entries
    moved = _moved(incident, act.move, rule, time_ns)
    if isinstance(moved, Refusal):
        return moved
    return _carried_out(moved, act, entries, time_ns)


def _unfit(act: OperatorAct, rule: Rule, time_ns: int) -> str:
    """Why nobody may make this move so, wherever the incident stands; empty where all is well."""
    if act.role not in rule.roles:
        return f"{act.move} is not for the role {act.role!r}; it is for {', '.join(rule.roles)}"
    if rule.needs_reason and not act.reason.strip():
        return f"{act.move} needs a reason in words"
    late_s = (time_ns - act.time_ns) / _NS_PER_S
    if late_s > LATE_S:
        return f"{act.move} was made {late_s:.0f} s ago; allowed: at most {LATE_S:.0f} s, look again"
    if late_s < -LATE_S:
        return f"{act.move} is stamped {-late_s:.0f} s ahead of time; allowed: at most {LATE_S:.0f} s"
    return ""


def _barred(incident: Incident, move: str) -> str:
    """Why this incident does not take the move although its state would; empty where it does."""
    if move in _HIDING and incident.concern == "distress":
        return f"{move}: a person in distress is never shelved nor taken out of service"
    if incident.merged_into is not None and move not in ("note", "remedy"):
        return f"{move}: it was merged into {incident.merged_into}"
    if incident.state != "responding":
        return ""
    order = (
        ("accept", incident.assigned_ns, incident.accepted_ns),
        ("set_out", incident.accepted_ns, incident.under_way_ns),
    )
    for name, before_ns, done_ns in (*order, ("arrive", incident.under_way_ns, incident.on_scene_ns)):
        if move == name and done_ns is not None:
            return f"{move} has been said already"
        if move == name and before_ns is None:
            return f"{move} is out of order; a patrol is sent, accepts, sets out and arrives"
    return ""


def _moved(incident: Incident, move: str, rule: Rule, time_ns: int) -> Incident | Refusal:
    if incident.state not in rule.leads:
        taken = f" (taken at {incident.seat})" if incident.seat else ""
        return Refusal(f"{move} is not allowed while {incident.state}{taken}; it is from {', '.join(rule.leads)}")
    state = rule.leads[incident.state]
    closed_ns = time_ns if state == "closed" and incident.state != "closed" else incident.closed_ns
    until_ns = incident.shelved_until_ns if state == "shelved" else None
    return msgspec.structs.replace(
        incident, state=state, updated_ns=time_ns, closed_ns=closed_ns, shelved_until_ns=until_ns
    )


def _carried_out(incident: Incident, act: OperatorAct, entries: Entries, time_ns: int) -> Incident | Refusal:
    """What the move sets besides the state."""
    changes: dict[str, object] = {}
    if act.move in ("acknowledge", "take", "unshelve"):
        if act.move == "take" and incident.seat == act.seat:
            return Refusal(f"take: {act.seat} has it already")
        changes["seat"] = act.seat
    if incident.acknowledged_ns is None and incident.state == "acknowledged":
        changes["acknowledged_ns"] = time_ns
    if act.move == "escalate":
        changes["escalations"] = incident.escalations + 1
    elif act.move == "respond":
        changes |= {"patrol": entries.patrol, "assigned_ns": time_ns}
        changes |= dict.fromkeys(("accepted_ns", "under_way_ns", "on_scene_ns"))
    elif act.move in ("accept", "set_out", "arrive"):
        name = {"accept": "accepted_ns", "set_out": "under_way_ns", "arrive": "on_scene_ns"}[act.move]
        changes[name] = time_ns
    elif act.move == "stand_down":
        changes |= {"patrol": "", "state": "acknowledged" if incident.assessment == "undetermined" else "assessed"}
        changes |= dict.fromkeys(("assigned_ns", "accepted_ns", "under_way_ns", "on_scene_ns"))
    elif act.move == "shelve":
        ahead_s = (entries.until_ns - time_ns) / _NS_PER_S
        if not 0.0 < ahead_s <= SHELF_MOST_S:
            return Refusal(f"shelve: until_ns lies {ahead_s:.0f} s ahead; allowed: above 0 to {SHELF_MOST_S:.0f} s")
        changes["shelved_until_ns"] = entries.until_ns
    elif act.move == "merge":
        changes["merged_into"] = entries.into
    return enter(msgspec.structs.replace(incident, **changes), entries)
