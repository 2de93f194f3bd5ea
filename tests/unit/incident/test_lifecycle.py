"""The table of moves: what is allowed happens, what is not is refused with a reason, and nothing else exists."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.incident.lifecycle import TABLE, Refusal, apply_act, apply_system_move
from linewatch.records import Incident, OperatorAct
from linewatch.records.incident import IncidentState
from tests.strategies import T0_NS

STATES = IncidentState.__args__  # type: ignore[attr-defined]  # a Literal


def incident(state: IncidentState = "raised", **more: object) -> Incident:
    made = Incident(
        id="i1",
        line="main",
        section="S01",
        raised_ns=T0_NS,
        updated_ns=T0_NS,
        closed_ns=None,
        kind="unknown",
        kind_probability=1.0,
        mover="unknown",
        act="none",
        concern="none",
        chainage_m=1.0,
        chainage_sigma_m=1.0,
        from_m=0.0,
        to_m=2.0,
        place="",
        count_low=1,
        count_high=1,
        priority=3,
        state=state,
        sensors=("f1",),
        reason="only witness",
        settings_id="s",
    )
    return msgspec.structs.replace(made, **more)


def act(move: str, role: str = "operator", reason: str = "seen on camera", **values: str) -> OperatorAct:
    return OperatorAct("i1", move, role, "seat 1", T0_NS, reason, tuple(sorted(values.items())))


def moved(result: Incident | Refusal) -> Incident:
    assert isinstance(result, Incident), result
    return result


def refusal(result: Incident | Refusal) -> str:
    assert isinstance(result, Refusal), result
    return result.reason


def test_an_incident_goes_from_raised_to_closed_by_the_book() -> None:
    now = moved(apply_act(incident(), act("acknowledge"), T0_NS + 1))
    now = moved(apply_act(now, act("assess", assessment="genuine"), T0_NS + 2))
    now = moved(apply_act(now, act("respond"), T0_NS + 3))
    now = moved(apply_act(now, act("close"), T0_NS + 4))
    assert (now.state, now.assessment, now.closed_ns) == ("closed", "genuine", T0_NS + 4)


@given(st.sampled_from(STATES), st.sampled_from(sorted(TABLE)), st.sampled_from(["operator", "supervisor"]))
def test_only_what_the_table_allows_ever_happens(state: IncidentState, move: str, role: str) -> None:
    rule = next(rule for name, rule in TABLE.items() if name == move)
    result = apply_act(incident(state), act(move, role, assessment="genuine"), T0_NS)
    allowed = state in rule.allowed and role in rule.roles
    assert isinstance(result, Incident) == allowed
    if isinstance(result, Incident):
        assert result.state == (rule.leads_to or state)


def test_a_role_that_may_not_is_told_who_may() -> None:
    assert "it is for operator, supervisor" in refusal(apply_act(incident(), act("acknowledge", "viewer"), T0_NS))


def test_closing_without_a_reason_is_refused() -> None:
    assert "needs a reason" in refusal(apply_act(incident("acknowledged"), act("close", reason=" "), T0_NS))


def test_a_person_in_distress_is_never_shelved() -> None:
    distress = incident("acknowledged", concern="distress")
    assert "never shelved" in refusal(apply_act(distress, act("shelve", "supervisor"), T0_NS))
    assert moved(apply_act(incident("acknowledged"), act("shelve", "supervisor"), T0_NS)).state == "shelved"


def test_an_unknown_move_is_refused_with_the_moves_there_are() -> None:
    assert "moves are acknowledge" in refusal(apply_act(incident(), act("dance"), T0_NS))


def test_the_system_may_not_make_a_persons_move_nor_a_person_the_systems() -> None:
    assert "person's move" in refusal(apply_system_move(incident(), "close", T0_NS))
    assert "no move 'return'" in refusal(apply_act(incident(), act("return"), T0_NS))


def test_a_return_before_acknowledgement_stays_visible_and_can_come_back() -> None:
    returned = moved(apply_system_move(incident(), "return", T0_NS + 1))
    assert returned.state == "returned"
    assert moved(apply_system_move(returned, "reopen", T0_NS + 2)).state == "raised"
    assert moved(apply_act(returned, act("acknowledge"), T0_NS + 2)).state == "acknowledged"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"assessment": "maybe"}, "Invalid enum value 'maybe'"),
        ({}, "missing required field `assessment`"),
        ({"assessment": "nuisance"}, "needs assessment_cause"),
        ({"assessment": "genuine", "colour": "red"}, "unknown field `colour`"),
    ],
)
def test_an_assessment_that_does_not_say_enough_is_refused(values: dict[str, str], words: str) -> None:
    assert words in refusal(apply_act(incident("acknowledged"), act("assess", **values), T0_NS))
