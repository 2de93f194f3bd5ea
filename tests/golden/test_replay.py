"""What version 0.1.0 makes of a recording that never changes; a difference here is a change that users will notice."""

import json
from pathlib import Path

import pytest

from tests.system.bench import T0_NS, fence, incidents, linewatch, write_bench

GOLDEN = json.loads((Path(__file__).parent / "fence.json").read_text())


def test_the_incident_of_a_made_up_fence_is_the_one_it_has_always_been(tmp_path: Path) -> None:
    (found,) = incidents(linewatch("replay", tmp_path, write_bench(tmp_path, fence(3.0)), "--json"))
    # Ids hang on times and millimetres, which are equal on one processor feature level only; the rest is for all.
    exact = ("line", "section", "kind", "mover", "act", "concern", "place", "priority", "state", "sensors", "reason")
    assert {key: found[key] for key in exact} == {key: GOLDEN[key] for key in exact}
    assert found["raised_ns"] - T0_NS == GOLDEN["raised_after_ns"]
    for key in ("chainage_m", "from_m", "to_m"):
        assert found[key] == pytest.approx(GOLDEN[key], abs=0.1)
