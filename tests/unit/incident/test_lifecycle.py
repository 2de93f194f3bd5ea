"""The table of moves: what is allowed happens, what is not is refused with a reason, and nothing else exists."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.incident.entries import Refusal
from linewatch.incident.lifecycle import (
    LATE_S,
    SHELF_MOST_S,
    TABLE,
    Desk,
    Move,
    apply_act,
    apply_system_move,
    moves_allowed,
)
from linewatch.records import Incident, OperatorAct, standing
from linewatch.records.incident import IncidentState
from linewatch.records.vocabulary import Role
from tests.strategies import T0_NS

S = 1_000_000_000
STATES: tuple[IncidentState, ...] = get_args(IncidentState)
ROLES: tuple[Role, ...] = get_args(Role)
MOVES: tuple[Move, ...] = get_args(Move)
VALUES = {
    "assess": {"assessment": "genuine"},
    "outcome": {"outcome": "assisted"},
    "hazards": {"hazards": "ice, stones"},
    "shelve": {"until_ns": str(T0_NS + 3600 * S)},
    "merge": {"into": "i2"},
}


def incident(state: IncidentState = "raised", **more: object) -> Incident:
    made = Incident(
        id="i1",
        line="main",
        section="S01",
        raised_ns=T0_NS,
        updated_ns=T0_NS,
        closed_ns=T0_NS if state == "closed" else None,
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


def responding(*moves: str) -> Incident:
    """An incident to which a patrol was sent, after these further moves, one a second."""
    now = incident("acknowledged", acknowledged_ns=T0_NS)
    for second, move in enumerate(("respond", *moves), start=1):
        now = moved(apply_act(now, act(move, **({"patrol": "fox 2"} if move == "respond" else {})), T0_NS + second * S))
    return now


def test_an_incident_goes_from_raised_to_closed_by_the_book() -> None:
    now = moved(apply_act(incident(), act("acknowledge"), T0_NS + 1))
    assert (now.state, now.seat, now.acknowledged_ns) == ("acknowledged", "seat 1", T0_NS + 1)
    now = moved(apply_act(now, act("assess", assessment="genuine"), T0_NS + 2))
    now = moved(apply_act(now, act("respond"), T0_NS + 3))
    now = moved(apply_act(now, act("close", outcome="assisted"), T0_NS + 4))
    assert (now.state, now.assessment, now.outcome, now.closed_ns) == ("closed", "genuine", "assisted", T0_NS + 4)
    assert standing(now) == "closed"


@given(st.sampled_from(STATES), st.sampled_from(MOVES), st.sampled_from(ROLES), st.booleans())
def test_only_what_the_table_allows_ever_happens(
    state: IncidentState, move: Move, role: Role, distressed: bool
) -> None:
    rule = TABLE[move]
    before = incident(state, concern="distress" if distressed else "none")
    result = apply_act(before, act(move, role, **VALUES.get(move, {})), T0_NS)
    hidden = distressed and move in ("shelve", "take_out")
    steps_of_a_patrol = move in ("accept", "set_out", "arrive")
    allowed = state in rule.leads and role in rule.roles and not hidden and not steps_of_a_patrol
    assert isinstance(result, Incident) == allowed
    if isinstance(result, Incident):
        assert result.state == rule.leads[state]
        assert msgspec.structs.replace(result, id=before.id).raised_ns == before.raised_ns


@given(st.sampled_from(STATES), st.sampled_from(ROLES), st.sampled_from(["none", "distress"]))
def test_what_is_offered_is_exactly_what_is_made(state: IncidentState, role: Role, concern: str) -> None:
    before = incident(state, concern=concern)
    offered = {each.move for each in moves_allowed(before, role)}
    made = {
        move
        for move in MOVES
        if isinstance(apply_act(before, act(move, role, **VALUES.get(move, {})), T0_NS), Incident)
    }
    assert offered == made
    assert [each.move for each in Desk().allowed(before, role)] == [each.move for each in moves_allowed(before, role)]


def test_the_desk_says_what_a_button_reads_what_it_needs_and_how_long_it_can_be_taken_back() -> None:
    offers = {each.move: each for each in moves_allowed(incident(), "supervisor")}
    assert (offers["shelve"].label, offers["shelve"].needs_reason, offers["shelve"].needs) == (
        "Shelve",
        True,
        ("until_ns",),
    )
    assert (offers["acknowledge"].undo_s, offers["note"].undo_s) == (10.0, 0.0)
    assert moves_allowed(incident(), "viewer") == () and moves_allowed(incident(), "auditor") == ()


def test_a_role_that_may_not_is_told_who_may() -> None:
    assert "it is for operator, supervisor" in refusal(apply_act(incident(), act("acknowledge", "viewer"), T0_NS))


def test_closing_without_a_reason_is_refused() -> None:
    assert "needs a reason" in refusal(apply_act(incident("acknowledged"), act("close", reason=" "), T0_NS))


def test_what_is_made_twice_is_told_at_which_seat_it_was_made_before() -> None:
    once = moved(apply_act(incident(), act("acknowledge"), T0_NS))
    assert "while acknowledged (taken at seat 1)" in refusal(apply_act(once, act("acknowledge"), T0_NS))
    assert "seat 1 has it already" in refusal(apply_act(once, act("take"), T0_NS))
    other = msgspec.structs.replace(act("take"), seat="seat 2")
    assert moved(apply_act(once, other, T0_NS)).seat == "seat 2"


@pytest.mark.parametrize(("late_s", "words"), [(LATE_S + 1, "61 s ago"), (-LATE_S - 1, "61 s ahead of time")])
def test_a_move_made_on_another_picture_is_refused(late_s: float, words: str) -> None:
    assert words in refusal(apply_act(incident(), act("acknowledge"), T0_NS + round(late_s * S)))
    just = T0_NS + round(S * LATE_S * (1 if late_s > 0 else -1))
    assert moved(apply_act(incident(), act("acknowledge"), just)).state == "acknowledged"


def test_nobody_decides_on_what_became_more_urgent_after_they_looked() -> None:
    now = incident("acknowledged", kind="distress", concern="distress", priority=1)
    assert "before this became distress of priority 1" in refusal(apply_act(now, act("close"), T0_NS + 9, T0_NS + 5))
    assert moved(apply_act(now, act("respond"), T0_NS + 9, T0_NS + 5)).state == "responding"
    assert moved(apply_act(now, act("close"), T0_NS + 9, T0_NS)).state == "closed"


def test_a_person_in_distress_is_never_shelved_nor_taken_out_of_service() -> None:
    distress = incident("acknowledged", concern="distress")
    for move in ("shelve", "take_out"):
        assert "never shelved" in refusal(apply_act(distress, act(move, "supervisor", **VALUES.get(move, {})), T0_NS))


def test_the_shelf_has_an_end_that_is_named_and_not_far() -> None:
    def shelve(ahead_s: float) -> Incident | Refusal:
        return apply_act(incident(), act("shelve", "supervisor", until_ns=str(T0_NS + round(ahead_s * S))), T0_NS)

    now = moved(shelve(SHELF_MOST_S))
    assert (now.state, now.shelved_until_ns) == ("shelved", T0_NS + round(SHELF_MOST_S * S))
    assert standing(now) == "shelved"
    for wrong_s in (0, -5, SHELF_MOST_S + 1):
        assert "allowed: above 0 to 43200 s" in refusal(shelve(wrong_s))
    assert "needs the value 'until_ns'" in refusal(apply_act(incident(), act("shelve", "supervisor"), T0_NS))
    assert "Expected `int`" in refusal(apply_act(incident(), act("shelve", "supervisor", until_ns="noon"), T0_NS))
    back = moved(apply_act(now, act("unshelve", "supervisor"), T0_NS))
    assert (back.state, back.shelved_until_ns, back.seat) == ("acknowledged", None, "seat 1")
    assert moved(apply_system_move(now, "shelf_over", T0_NS)).state == "raised"


def test_out_of_service_is_put_back_as_something_new_to_look_at() -> None:
    out = moved(apply_act(incident(), act("take_out", "maintainer"), T0_NS))
    assert (out.state, standing(out)) == ("out_of_service", "shelved")
    assert moved(apply_act(out, act("put_back", "maintainer"), T0_NS)).state == "raised"


def test_every_moment_of_a_patrol_is_kept() -> None:
    now = responding("accept", "set_out", "arrive")
    times = (now.assigned_ns, now.accepted_ns, now.under_way_ns, now.on_scene_ns)
    assert times == tuple(T0_NS + second * S for second in (1, 2, 3, 4))
    assert now.patrol == "fox 2"
    another = moved(apply_act(now, act("respond", patrol="fox 3"), T0_NS + 9 * S))
    assert (another.patrol, another.assigned_ns, another.on_scene_ns) == ("fox 3", T0_NS + 9 * S, None)


def test_a_patrol_that_skips_or_repeats_a_step_is_refused() -> None:
    assert "out of order" in refusal(apply_act(responding(), act("arrive"), T0_NS))
    assert "out of order" in refusal(apply_act(responding("accept"), act("arrive"), T0_NS))
    assert "has been said already" in refusal(apply_act(responding("accept"), act("accept"), T0_NS))
    assert [each.move for each in moves_allowed(responding("accept"), "operator") if each.move == "set_out"]


def test_a_patrol_that_stands_down_leaves_the_incident_where_it_was() -> None:
    now = moved(apply_act(responding("accept"), act("stand_down"), T0_NS))
    assert (now.state, now.patrol, now.assigned_ns, now.accepted_ns) == ("acknowledged", "", None, None)
    assessed = moved(apply_act(responding(), act("assess", assessment="genuine"), T0_NS))
    assert assessed.state == "responding"
    assert moved(apply_act(assessed, act("stand_down"), T0_NS)).state == "assessed"


def test_outcome_stands_apart_from_assessment_and_may_be_set_after_closing() -> None:
    now = moved(apply_act(incident("closed"), act("outcome", outcome="handed_to_medics"), T0_NS))
    assert (now.state, now.outcome, now.assessment) == ("closed", "handed_to_medics", "undetermined")


def test_hazards_are_set_and_cleared_in_the_order_of_the_vocabulary() -> None:
    now = moved(apply_act(incident(), act("hazards", hazards="water, stones,water"), T0_NS))
    assert now.hazards == ("stones", "water")
    assert moved(apply_act(now, act("hazards", hazards=""), T0_NS)).hazards == ()
    assert "found the hazard 'lava'" in refusal(apply_act(now, act("hazards", hazards="lava"), T0_NS))


def test_a_person_may_pass_an_incident_on() -> None:
    assert moved(apply_act(incident(), act("escalate"), T0_NS)).escalations == 1


def test_what_was_merged_takes_notes_and_nothing_else() -> None:
    gone = moved(apply_act(incident(), act("merge", into="i2"), T0_NS))
    assert (gone.state, gone.merged_into, standing(gone)) == ("closed", "i2", "closed")
    assert "merged into i2" in refusal(apply_act(gone, act("outcome", outcome="assisted"), T0_NS))
    assert moved(apply_act(gone, act("note"), T0_NS)) == gone


def test_an_unknown_move_is_refused_with_the_moves_there_are() -> None:
    assert "moves are acknowledge" in refusal(apply_act(incident(), act("dance"), T0_NS))


def test_the_system_may_not_make_a_persons_move_nor_a_person_the_systems() -> None:
    assert "person's move" in refusal(apply_system_move(incident(), "close", T0_NS))
    for move in ("return", "reopen", "shelf_over", "resurface"):
        assert f"no move '{move}'" in refusal(apply_act(incident(), act(move), T0_NS))


def test_a_return_before_acknowledgement_stays_visible_and_can_come_back() -> None:
    returned = moved(apply_system_move(incident(), "return", T0_NS + 1))
    assert (returned.state, standing(returned)) == ("returned", "shown")
    assert moved(apply_system_move(returned, "reopen", T0_NS + 2)).state == "raised"
    assert moved(apply_act(returned, act("acknowledge"), T0_NS + 2)).state == "acknowledged"
    assert "not allowed while acknowledged" in refusal(apply_system_move(incident("acknowledged"), "return", T0_NS))


@pytest.mark.parametrize(
    ("move", "values", "words"),
    [
        ("assess", {"assessment": "maybe"}, "Invalid enum value 'maybe'"),
        ("assess", {}, "needs the value 'assessment'"),
        ("assess", {"assessment": ""}, "assessment is empty"),
        ("assess", {"assessment": "nuisance"}, "needs assessment_cause"),
        ("assess", {"assessment": "genuine", "colour": "red"}, "found the value 'colour'; allowed: assessment"),
        ("outcome", {"outcome": ""}, "outcome is empty; allowed: crossed"),
        ("acknowledge", {"patrol": "fox 2"}, "allowed: none"),
        ("respond", {"patrol": "x" * 41}, "at most 40 printable"),
        ("respond", {"patrol": "fox\n2"}, "no call sign"),
        ("close", {"assessment": "nuisance"}, "close as nuisance needs assessment_cause"),
    ],
)
def test_a_move_that_does_not_say_enough_or_says_nonsense_is_refused(
    move: str, values: dict[str, str], words: str
) -> None:
    assert words in refusal(apply_act(incident("acknowledged"), act(move, **values), T0_NS))
