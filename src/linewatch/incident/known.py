"""Known activity: what own people and plans explain, and what they never do.

Only what has proved who it is explains anything: a known mover whose last report was authenticated, or an activity that
a supervisor entered or an authenticated source sent. Each stands for a stated number of movers at once and for no more.
An explained incident is a note of the kind *known*; crossing, barrier contact and distress are called whoever it is
(`policy.urgency`), so that no plan can mask a crossing.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from linewatch.incident.entries import Refusal
from linewatch.incident.state import Explained, IncidentStepState
from linewatch.records import MOVERS, KnownActivity, KnownMover, OperatorAct, Track, quantise
from linewatch.site.model import Site

MOVES: Final = ("plan", "call_off")
FRESH_S: Final = 120.0
"""A report of a known mover older than this explains nothing any more."""
MOST_COUNT: Final = 50
"""Largest number of movers that one activity may stand for."""
MOST_STRETCH_M: Final = {"work": 2_000.0, "patrol": 50_000.0, "wildlife": 2_000.0}
"""Longest stretch of an activity."""
MOST_HOURS: Final = {"work": 24.0, "patrol": 24.0, "wildlife": 24.0 * 366}
"""Longest time for which an activity may be planned."""
_NS_PER_S: Final = 1_000_000_000
_PEOPLE: Final = tuple(MOVERS.index(name) for name in ("person", "group"))
_VEHICLE: Final = MOVERS.index("vehicle")
_ANIMAL: Final = MOVERS.index("animal")
_LIKELY_ANIMAL: Final = 0.3
"""Twice an even share: some sensor says that it is one."""
_ROLES: Final = ("supervisor",)


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    what: Literal["work", "patrol", "wildlife"]
    line: str
    from_m: float
    to_m: float
    start_ns: int
    end_ns: int
    count: int = 1


def entered(site: Site, act: OperatorAct, now_ns: int) -> KnownActivity | Refusal:
    """The activity that a supervisor enters, or why it is none."""
    if act.role not in _ROLES:
        return Refusal(f"{act.move} is not for the role {act.role!r}; it is for {', '.join(_ROLES)}")
    try:
        plan = msgspec.convert(dict(act.values), _Plan, strict=False)
        activity = quantise(KnownActivity(**msgspec.structs.asdict(plan), time_ns=now_ns, authenticated=True))
    except (msgspec.ValidationError, ValueError) as error:
        return Refusal(f"plan: {error}")
    problem = problem_with(site, activity, now_ns)
    return Refusal(f"plan: {problem}") if problem else activity


def problem_with(site: Site, activity: KnownActivity, now_ns: int) -> str:
    """Why an activity explains nothing, in words; empty where it may."""
    line = next((line for line in site.lines if line.id == activity.line), None)
    hours = (activity.end_ns - activity.start_ns) / _NS_PER_S / 3600.0
    stretch_m = activity.to_m - activity.from_m
    checks = (
        (not activity.authenticated, "its source has not proved who it is"),
        (not activity.id, "id is empty; allowed: the number of the order, the name of the plan"),
        (line is None, f"line: found {activity.line!r}; allowed: {', '.join(each.id for each in site.lines)}"),
        (
            not 0.0 < stretch_m <= MOST_STRETCH_M[activity.what],
            f"stretch: found {stretch_m:.0f} m; allowed: above 0 to {MOST_STRETCH_M[activity.what]:.0f} m",
        ),
        (
            not 0.0 < hours <= MOST_HOURS[activity.what],
            f"time: found {hours:.1f} h; allowed: above 0 to {MOST_HOURS[activity.what]:.0f} h",
        ),
        (activity.end_ns <= now_ns, "it is over already"),
        (
            not 1 <= activity.count <= MOST_COUNT,
            f"count: found {activity.count}; allowed: 1 to {MOST_COUNT} movers at once",
        ),
    )
    return next((said for wrong, said in checks if wrong), "")


def placed(state: IncidentStepState, said: KnownMover) -> None:
    """Take a report of where own people are."""
    # Whoever speaks last under a name decides whether it is trusted: a name that was borrowed explains nothing.
    state.trusted.pop(said.id, None)
    if said.authenticated:
        state.trusted[said.id] = said
        state.proven.pop(said.id, None)
        state.proven[said.id] = said


def explained(state: IncidentStepState, track: Track, now_ns: int) -> Explained | None:
    """What explains this track now, with how many of those it stands for the track takes; None where nothing does."""
    count = max(track.count_low, 1)
    for name, most in _explaining(state, track, now_ns).items():
        used = sum(each.count for key, each in state.explained.items() if each.by == name and key != track.id)
        if used + count <= most:
            return Explained(name, count)
    return None


def _explaining(state: IncidentStepState, track: Track, now_ns: int) -> Mapping[str, int]:
    """Everything that could explain it, with the number that each stands for."""
    found: dict[str, int] = {}
    mover = state.trusted.get(track.known or "")
    if mover is not None and now_ns - mover.time_ns <= FRESH_S * _NS_PER_S:
        found[mover.id] = mover.count
    for activity in state.activities.values():
        inside = activity.line == track.line and activity.from_m <= track.chainage_m <= activity.to_m
        if inside and activity.start_ns <= now_ns < activity.end_ns and _fits(activity, track):
            found[activity.id] = activity.count
    return found


def _fits(activity: KnownActivity, track: Track) -> bool:
    """Whether it is a mover of the sort that this activity brings."""
    shares = track.mover_probabilities
    if activity.what != "wildlife":
        return shares[_ANIMAL] < 0.5
    # A sensor that cannot tell an animal from a person explains nothing by a corridor.
    threat = sum(shares[index] for index in _PEOPLE) + shares[_VEHICLE]
    return shares[_ANIMAL] >= _LIKELY_ANIMAL and threat < 0.5
