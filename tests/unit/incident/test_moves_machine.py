"""Any sequence of moves by people and by the system leaves a sound state, loses nothing, and journals what it did."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from benchmarks.lifecycle import Play
from linewatch.incident.lifecycle import TABLE

MOVES = [move for move, row in TABLE.items() if row.roles]


class Moves(RuleBasedStateMachine):
    """People and system at one line; after each move everything is compared with what the record says."""

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        self.play = Play(seed)

    @rule(steps=st.integers(1, 5))
    def the_world_goes_on(self, steps: int) -> None:
        for _ in range(steps):
            self.play.happen()

    @rule(seconds=st.sampled_from([0.25, 5.0, 40.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.play.wait(seconds)

    @rule(
        move=st.sampled_from([*MOVES, "undo"]),
        number=st.integers(0, 50),
        role=st.sampled_from(["operator", "supervisor", "maintainer", "viewer"]),
    )
    def somebody_moves(self, move: str, number: int, role: str) -> None:
        self.play.act(move, number, role)

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "play"):
            assert self.play.faults == []


Moves.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
TestMoves = Moves.TestCase


def losing(state: object) -> object:
    """A step that loses what is acknowledged."""
    state.incidents = {k: v for k, v in state.incidents.items() if v.state != "acknowledged"}
    return state


def twisting(state: object) -> object:
    """A step whose state says otherwise than its record."""
    state.incidents = {k: msgspec.structs.replace(v, outcome="crossed") for k, v in state.incidents.items()}
    return state


@pytest.mark.parametrize(("spoil", "what"), [(losing, "lost"), (twisting, "disagree")])
def test_the_play_finds_a_step_that_loses_something_or_whose_record_lies(
    spoil: Callable[[object], object], what: str
) -> None:
    found = []
    for seed in range(20):
        play = Play(seed)
        sound = play.step.step

        def step(state: object, batch: object, tick: object, sound: Callable = sound) -> object:  # type: ignore[type-arg]
            state, out = sound(state, batch, tick)
            return spoil(state), out

        play.step.step = step
        for _ in range(12):
            try:
                play.happen()
            except KeyError:
                break  # the step itself stumbles over what was lost
        found += getattr(play, what)
    assert found


def test_the_play_finds_an_illegal_move(monkeypatch: pytest.MonkeyPatch) -> None:
    anywhere = msgspec.structs.replace(TABLE["close"], leads=dict.fromkeys(TABLE["note"].leads, "closed"))
    monkeypatch.setitem(TABLE, "close", anywhere)
    illegal = []
    for seed in range(100):
        play = Play(seed)
        for _ in range(12):
            play.happen()
        illegal += play.illegal
    assert any(fault.startswith("close by ") and fault.endswith("on raised was made") for fault in illegal)
