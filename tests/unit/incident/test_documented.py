"""The page on incidents tells the table of moves as it is."""

from pathlib import Path

import pytest

from linewatch.incident.desk import DeskSettings
from linewatch.incident.lifecycle import TABLE, Move
from linewatch.incident.policy import IncidentSettings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "incidents.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("move", [move for move, rule in TABLE.items() if rule.roles])
def test_every_move_stands_there_with_its_rule(move: Move) -> None:
    rule = TABLE[move]
    moving = any(before != after for before, after in rule.leads.items())
    to = " or ".join(sorted(set(rule.leads.values()))) if moving else "stays"
    values = ", ".join([*(f"**{name}**" for name in rule.needs), *rule.takes]) or "-"
    undo = f"{rule.undo_s:g} s" if rule.undo_s else "no"
    row = [f"`{move}`", ", ".join(rule.leads), to, ", ".join(rule.roles)]
    assert f"| {' | '.join([*row, 'yes' if rule.needs_reason else 'no', values, undo])} |" in PAGE


def test_the_defaults_stand_there_as_they_are() -> None:
    incident, desk = IncidentSettings(), DeskSettings()
    unanswered = ", ".join(f"{seconds:.0f}" for seconds in incident.escalate_after_s)
    idle = ", ".join(f"{seconds:.0f}" for seconds in desk.idle_after_s)
    text = " ".join(PAGE.split())
    assert f"unacknowledged for {unanswered} s" in text and f"answered for {idle} s" in text
    assert f"not said yes for {desk.accept_after_s:.0f} s" in text
    assert f"not heard for {desk.seat_silence_s:.0f} s" in text and f"free for {desk.seat_free_s:.0f} s" in text
    assert f"begins above {desk.flood_above} and ends below {desk.flood_below}" in text
    assert f"within {desk.group_around_m:.0f} m, or within {desk.group_near_m:.0f} m" in text
