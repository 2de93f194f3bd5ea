"""Where the engine puts a key: the numbers were read off Flink 2.3 (`KeyGroupRangeAssignment.assignToKeyGroup`)."""

import pytest

from linewatch.app.cluster.keys import group_of, key_of


@pytest.mark.parametrize(("key", "group"), [(5, 17), (7, 17), (2**40 + 3, 58), (-12345678901234, 8)])
def test_a_key_lies_in_the_group_in_which_the_engine_puts_it(key: int, group: int) -> None:
    assert group_of(key) == group


def test_every_section_of_every_run_has_a_key_of_its_own_in_its_slot() -> None:
    asked = [(run, "main", f"S{n:02d}", n * 11) for run in ("/runs/a", "/runs/b") for n in range(11)]
    keys = [key_of(*each) for each in asked]
    assert len(set(keys)) == len(keys)
    assert [group_of(key) for key in keys] == [slot for *_, slot in asked]
