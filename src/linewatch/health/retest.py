"""After a repair an outage closes only with a re-test, or with a signed waiver; who repairs it, and by when."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from linewatch.health import mute, thresholds
from linewatch.records import OperatorAct, Outage, Record, WalkTest, quantise

MOVES: Final = ("waive_retest", "assign_repair", "walk_test")
"""Acts on the site that the health step carries out; of the first two the value `outage` names the outage."""
SIGNERS: Final = ("maintainer", "supervisor", "administrator")
"""Roles that may do so."""
TOUCHES_M: Final = 25.0
"""How far beside an outage without a length a test counts for it."""


class Assigned(msgspec.Struct, frozen=True):
    """Who repairs an outage."""

    owner: str
    """A team, never a person's name."""
    due_ns: int | None
    """By when; None where nobody has said."""


def is_health_act(act: OperatorAct) -> bool:
    """Whether this act is for the health step, not for an incident."""
    return act.move in (*MOVES, *mute.MOVES, thresholds.MOVE) and not act.incident


def for_health_alone(record: Record) -> bool:
    """Whether a record is an act that the incident step has nothing to do with."""
    return isinstance(record, OperatorAct) and is_health_act(record)


def refusal_of(act: OperatorAct, open_ids: Mapping[str, Outage]) -> str:
    """Why an act is refused; empty where it is carried out."""
    values = dict(act.values)
    if act.role not in SIGNERS:
        return f"role {act.role}; allowed: {', '.join(SIGNERS)}"
    if act.move == "walk_test":
        return _test_or_problem(act)[1]
    if values.get("outage", "") not in open_ids:
        return f"there is no open outage {values.get('outage', '')!r}"
    if act.move == "waive_retest" and not act.reason.strip():
        return "no reason; a waiver is signed with one"
    if act.move == "assign_repair" and not values.get("owner", "").strip():
        return "no owner; allowed: the name of a team"
    if values.get("due_ns") and not values["due_ns"].isdigit():
        return f"due_ns {values['due_ns']!r}; allowed: UTC nanoseconds"
    return ""


def test_of(act: OperatorAct) -> WalkTest:
    """The walk test that an act reports; the act was not refused."""
    test, problem = _test_or_problem(act)
    if test is None:
        raise ValueError(problem)
    return test


def _test_or_problem(act: OperatorAct) -> tuple[WalkTest | None, str]:
    values: dict[str, object] = dict(act.values)
    try:
        test = msgspec.convert(values, WalkTest, strict=False)
    except msgspec.ValidationError as error:
        return None, f"no walk test: {error}"
    if not 0 <= test.found <= test.passes or test.passes < 1:
        return None, f"found {test.found} of {test.passes} passes; allowed: 0 <= found <= passes, 1 or more passes"
    if not (test.from_m <= test.to_m and 0 < test.start_ns <= test.end_ns):
        return None, "a stretch or a time that ends before it begins"
    return quantise(test), ""


def assigned_of(act: OperatorAct) -> Assigned:
    """Who repairs it, by an act that was not refused."""
    values = dict(act.values)
    return Assigned(values["owner"], int(values["due_ns"]) if values.get("due_ns") else None)


def proven(outage: Outage, repaired_ns: int, tests: Sequence[WalkTest], share: float, least_found: float) -> bool:
    """Whether walk tests since the repair say that the stretch is watched again.

    Those count that began after the repair and found `least_found` of their passes; together they must have covered
    `share` of the stretch.
    """
    good = [
        (test.from_m, test.to_m)
        for test in tests
        if test.line == outage.line
        and test.start_ns >= repaired_ns
        and test.passes > 0
        and test.found >= least_found * test.passes
    ]
    from_m, to_m = outage.from_m, outage.to_m
    if to_m - from_m < TOUCHES_M:
        return any(low - TOUCHES_M <= to_m and from_m <= high + TOUCHES_M for low, high in good)
    covered_m, reached_m = 0.0, from_m
    for low, high in sorted(good):
        covered_m += max(min(high, to_m) - max(low, reached_m), 0.0)
        reached_m = max(reached_m, min(high, to_m))
    return covered_m >= share * (to_m - from_m)
