"""States come back from their bytes exactly, and equal states have equal bytes."""

import pickle

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records import Tick
from linewatch.records.state import freeze, thaw


class Inner(msgspec.Struct):
    level: float
    names: tuple[str, ...]


class Everything(msgspec.Struct):
    floats: NDArray[np.float64]
    flags: NDArray[np.bool_]
    table: NDArray[np.void]
    by_key: dict[str, Inner]
    ticks: list[Tick]
    unknown: float | None = None


TABLE = np.dtype([("a", "i8"), ("b", "f4", 3)])


@given(st.lists(st.floats(width=32), max_size=9), st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False)))
def test_a_state_comes_back_bit_for_bit(values: list[float], levels: dict[str, float]) -> None:
    table = np.zeros(len(values), dtype=TABLE)
    table["b"][:, 1] = values
    state = Everything(
        np.array(values),
        np.array([value > 0 for value in values], dtype=bool),
        table,
        {key: Inner(level, (key,)) for key, level in levels.items()},
        [Tick(1, 2, 3, 4)],
    )
    raw = freeze(state)
    again = thaw(raw, Everything)
    assert freeze(again) == raw == freeze(pickle.loads(pickle.dumps(state)))  # noqa: S301 - our own bytes, of a moment ago
    assert again.table.dtype == TABLE and again.floats.dtype == np.float64
    again.floats[:] = 0  # what comes back is ours to change


def test_what_a_state_may_not_hold_is_refused_by_name() -> None:
    class Bad(msgspec.Struct):
        thing: object

    with pytest.raises(TypeError, match="a state cannot hold a generator"):
        freeze(Bad(x for x in ()))
    with pytest.raises(TypeError, match="an array of object cannot be kept"):
        freeze(Bad(np.array([{}])))


def test_bytes_of_another_state_are_refused_with_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="floats"):
        thaw(freeze(Inner(1.0, ())), Everything)
