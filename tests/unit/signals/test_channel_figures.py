"""Figures of channels and fingerprints of rows against plain numpy, however the samples are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.signals.channel_figures import (
    AT_LEAST,
    AT_MOST,
    COUNT,
    LEAST,
    MOST,
    SQUARES,
    STEPS,
    anchors_of,
    look_at,
    new_figures,
    new_row_prints,
    reopen,
)
from linewatch.signals.cut import where_it_ends


def test_figures_are_those_of_plain_numpy() -> None:
    rng = np.random.default_rng(1)
    samples = np.rint(rng.normal(0, 3, (101, 7))).astype(np.float32)
    samples[rng.random(samples.shape) < 0.1] = np.nan
    figures = new_figures(7)
    look_at(samples, 2, 3, figures)
    for channel in range(7):
        seen = samples[2::3, channel].astype(np.float64)
        seen = seen[np.isfinite(seen)]
        rows = figures.rows[:, channel]
        assert (rows[COUNT], rows[LEAST], rows[MOST]) == (len(seen), seen.min(), seen.max())
        assert (rows[AT_LEAST], rows[AT_MOST]) == ((seen == seen.min()).sum(), (seen == seen.max()).sum())
        assert rows[SQUARES] == pytest.approx((seen**2).sum()) and rows[STEPS] == pytest.approx(
            (np.diff(seen) ** 2).sum()
        )


def test_nothing_in_gives_nothing_out() -> None:
    figures = new_figures(3)
    look_at(np.zeros((0, 3), np.float32), 0, 1, figures)
    assert figures.rows[COUNT].tolist() == [0, 0, 0]


def test_the_step_over_the_edge_of_a_window_counts() -> None:
    figures = new_figures(1)
    look_at(np.array([[1.0], [3.0]], np.float32), 0, 1, figures)
    reopen(figures)
    look_at(np.array([[10.0]], np.float32), 0, 1, figures)
    assert figures.rows[STEPS, 0] == 49.0 and figures.rows[COUNT, 0] == 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_fingerprints_do_not_depend_on_how_samples_are_cut(pieces: list[int]) -> None:
    samples = np.random.default_rng(2).normal(size=(sum(pieces), 5)).astype(np.float32)
    whole = anchors_of(samples, 4, new_row_prints())
    state, rows, prints, first = new_row_prints(), [], [], 0
    for length in pieces:
        row, value = anchors_of(samples[first : first + length], 4, state)
        rows += (row + first).tolist()
        prints += value.tolist()
        first += length
    assert (rows, prints) == (whole[0].tolist(), whole[1].tolist())


def test_a_piece_that_comes_again_has_the_same_fingerprints_and_noise_never_does() -> None:
    samples = np.random.default_rng(3).normal(size=(2000, 5)).astype(np.float32)
    samples[1507:1907] = samples[303:703]
    rows, prints = anchors_of(samples, 8, new_row_prints())
    again = {int(b - a) for a in rows for b in rows if b > a and prints[rows == a] == prints[rows == b]}
    assert again == {1204}


def test_silence_has_no_fingerprints() -> None:
    assert len(anchors_of(np.zeros((500, 4), np.float32), 1, new_row_prints())[0]) <= 17


def test_the_end_of_a_signal_is_where_fewest_channels_contradict_it() -> None:
    lost = np.zeros(100, np.bool_)
    lost[60:] = True
    assert where_it_ends(lost, 5, 0.9, 10) == 60
    lost[[20, 70]] = True, False
    assert where_it_ends(lost, 5, 0.9, 10) == 60


@pytest.mark.parametrize(
    "lost",
    [np.zeros(50, np.bool_), np.arange(50) >= 48, (np.arange(50) >= 20) & (np.arange(50) < 30), np.ones(4, np.bool_)],
    ids=["none", "two", "in the middle", "too few channels"],
)
def test_what_is_no_end_is_none(lost: np.ndarray) -> None:
    assert where_it_ends(lost, 5, 0.9, 10) is None


def test_a_whole_fibre_that_is_lost_ends_before_its_first_channel() -> None:
    assert where_it_ends(np.ones(50, np.bool_), 5, 0.9, 10) == 0
