"""Runs against a plain twin, and the rules of width, gap, edge and skirt one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.signals.cluster import Runs, find_runs, place_runs


def twin(
    height: NDArray[Any], disturbed: NDArray[Any], share: float, gap: int, min_channels: int, reach: int
) -> list[tuple[int, int, int]]:
    """The definition, with sets."""
    claimed, skirt, runs = set(), set(), []
    for seed in sorted(np.flatnonzero(disturbed), key=lambda c: (-height[c], c)):
        if seed in claimed or not height[seed] > 0:
            continue
        members = {seed}
        for step in (-1, 1):
            weak, c = 0, seed + step
            while 0 <= c < len(height) and weak <= gap:
                weak = 0 if height[c] >= share * height[seed] else weak + 1
                if weak == 0:
                    members.add(c)
                c += step
        first, end = min(members), max(members) + 1
        claimed |= set(range(first, end))
        if end - first >= min_channels and not {seed, (first + end) // 2} & skirt:
            skirt |= set(range(first - reach, end + reach))
            runs.append((first, end, seed))
    return runs


@given(
    heights=st.lists(st.one_of(st.integers(-5, 30).map(float), st.just(float("nan"))), max_size=40),
    share=st.floats(0.0, 1.0),
    gap=st.integers(0, 3),
    min_channels=st.integers(0, 6),
    reach=st.integers(0, 10),
)
def test_the_kernel_agrees_with_its_twin(
    heights: list[float], share: float, gap: int, min_channels: int, reach: int
) -> None:
    height = np.array(heights, np.float64)
    disturbed = np.nan_to_num(height, nan=0.0) > 8.0
    got = find_runs(height, disturbed, share, gap, min_channels, reach)
    assert list(zip(got.first, got.end, got.seed, strict=True)) == twin(
        height, disturbed, share, gap, min_channels, reach
    )


def runs_of(
    height: Any, share: float = 0.5, gap: int = 1, min_channels: int = 3, reach: int = 5
) -> list[tuple[int, int]]:
    height = np.asarray(height, float)
    got = find_runs(height, height > 10.0, share, gap, min_channels, reach)
    return [(int(a), int(b)) for a, b in zip(got.first, got.end, strict=True)]


def test_edges_reach_down_to_the_share_of_the_height() -> None:
    assert runs_of([0, 9, 11, 20, 20, 20, 12, 9, 0]) == [(2, 7)]


def test_a_masked_channel_inside_does_not_split_a_run() -> None:
    assert runs_of([0, 20, 20, np.nan, 20, 20, 0]) == [(1, 6)]


def test_a_single_loud_channel_is_no_run_and_hides_none() -> None:
    assert runs_of([0] * 5 + [40] + [0] * 5 + [20] * 6 + [0] * 5) == [(11, 17)]


def test_a_loud_channel_inside_a_run_does_not_swallow_it() -> None:
    assert runs_of([0, 20, 20, 20, 60, 20, 20, 20, 0]) == [(1, 8)]


def test_the_skirt_of_a_run_is_no_second_run_and_what_is_far_is() -> None:
    strong, weak = [30] * 6, [12] * 6
    assert runs_of([*strong, 0, 0, *weak]) == [(0, 6)]
    assert runs_of([*strong, *[0] * 6, *weak]) == [(0, 6), (12, 18)]


def test_a_run_is_placed_where_its_power_is() -> None:
    runs = Runs(*(np.array(v) for v in ([2, 0], [6, 3], [4, 1])))
    centre, width = place_runs(np.array([1.0, 1.0, 1.0, np.nan, 5.0, 5.0]), runs)
    assert centre[0] == pytest.approx((2.5 + 5 * 4.5 + 5 * 5.5) / 11)
    assert centre[1] == pytest.approx(1.5)
    assert width[1] == pytest.approx(np.sqrt(2 / 3 + 1 / 12))


def test_a_run_without_power_is_placed_in_its_middle() -> None:
    centre, width = place_runs(np.zeros(8), Runs(*(np.array([v]) for v in (2, 6, 3))))
    assert centre[0] == pytest.approx(4.0)
    assert width[0] == pytest.approx(4 / np.sqrt(12))


@pytest.mark.parametrize("bad", [{"share": 1.5}, {"gap": -1}, {"reach": -1}, {"min_channels": -1}])
def test_bad_settings_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        runs_of([20, 20, 20], **bad)
