"""Features of windows, the small model over them, footsteps and links, against what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.detect.models import shipped_act_model, shipped_model
from linewatch.errors import InputError
from linewatch.signals.act_model import as_arrays, from_arrays, log_probabilities, together, unknown_probability
from linewatch.signals.fence_features import CELLS, NAMES, ROWS, SHAPE, fence_features, strongest_cells
from linewatch.signals.footsteps import Step, find_steps, follow_walks, new_step_state, new_walks
from linewatch.signals.link_variance import link_scores, new_link_state
from linewatch.signals.pir_features import COUNT, SAMPLES, pir_features, second_of
from tests.unit.signals.twin_fence_features import twin_features


def windows(seed: int, n: int = 3) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(3000, 800, (n, ROWS, CELLS)))


@given(st.integers(0, 99), st.floats(0.1, 10.0), st.floats(0.0, 500.0))
def test_the_shape_of_a_fence_window_knows_neither_gain_nor_offset(seed: int, gain: float, offset: float) -> None:
    w = windows(seed)
    assert np.allclose(fence_features(w)[:, SHAPE], fence_features(w * gain + offset)[:, SHAPE], atol=1e-5)


@given(st.integers(0, 99))
def test_the_shape_of_a_fence_window_knows_no_gain_of_single_cells(seed: int) -> None:
    w = windows(seed)
    gains = np.random.default_rng(seed + 1).uniform(0.2, 5.0, CELLS)
    assert np.allclose(fence_features(w)[:, SHAPE], fence_features(w * gains)[:, SHAPE], atol=1e-5)


@pytest.mark.parametrize("rows", [ROWS, 301])
def test_fence_features_are_those_of_plain_numpy(rows: int) -> None:
    w = np.abs(np.random.default_rng(5).normal(3000, 800, (6, rows, CELLS)))
    w[1] += 2000 * np.sin(np.arange(rows) / 5.0)[:, None]
    w[2, :, 4] = 7.0
    w[3] = np.abs(np.cumsum(w[3] - 3000, axis=0))
    w[4, rows // 2 :] = 0.0
    assert np.allclose(fence_features(w), twin_features(w), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 99), st.integers(0, 4))
def test_a_fence_window_has_the_same_bits_whichever_windows_come_with_it(seed: int, which: int) -> None:
    w = windows(seed, 5)
    model = shipped_act_model("fence_acts", "shape")
    together_, alone = fence_features(w), fence_features(w[which : which + 1])
    assert np.array_equal(together_[which], alone[0])
    assert np.array_equal(log_probabilities(model, together_)[which], log_probabilities(model, alone)[0])


def test_windows_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="have 100 rows and 12 cells"):
        fence_features(np.ones((1, 100, CELLS)))


@pytest.mark.parametrize("fill", [0.0, 7.0])
def test_a_window_in_which_nothing_moves_has_finite_features(fill: float) -> None:
    found = fence_features(np.full((2, ROWS, CELLS), fill))
    assert found.shape == (2, len(NAMES))
    assert np.isfinite(found).all()
    assert np.isfinite(pir_features(np.full((2, SAMPLES), fill))).all()


def test_the_strongest_cells_are_the_strongest() -> None:
    samples = np.ones((ROWS, 40))
    samples[:, 20:32] = 5
    assert strongest_cells(samples) == 20
    assert strongest_cells(samples[:, :CELLS]) == 0


@given(st.integers(0, 99), st.floats(-400.0, 400.0))
def test_pir_features_know_no_resting_level(seed: int, level: float) -> None:
    w = np.random.default_rng(seed).normal(520, 8, (3, SAMPLES))
    found = pir_features(w)
    assert found.shape == (3, COUNT)
    # Whether neighbours are equal may turn on the last bit; everything else must not move.
    assert np.allclose(found, pir_features(w + level), atol=1e-5)


def test_a_second_at_another_rate_is_brought_to_the_same_samples() -> None:
    t = (np.arange(200) + 0.5) / 200
    found = second_of(np.sin(2 * np.pi * t))
    assert len(found) == SAMPLES
    assert np.allclose(found, np.sin(2 * np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES), atol=0.01)


@pytest.mark.parametrize("variant", ["shape", "level"])
def test_the_shipped_fence_model_gives_probabilities_and_survives_its_file(variant: str) -> None:
    model = shipped_act_model("fence_acts", variant)
    features = fence_features(windows(1, 5))
    log_p = log_probabilities(model, features)
    assert np.allclose(np.exp(log_p).sum(axis=1), 1.0)
    assert np.isclose(together(log_p, model.pooling).sum(), 1.0)
    again = from_arrays(as_arrays(model))
    assert np.allclose(log_probabilities(again, features), log_p, atol=1e-4)


def test_a_model_that_is_not_shipped_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="found 'nothing'"):
        shipped_model("nothing")
    with pytest.raises(InputError, match="allowed: shape, level"):
        shipped_act_model("fence_acts", "colour")


def test_the_unknown_rises_with_strangeness_and_stays_between_nothing_and_all() -> None:
    model = shipped_act_model("fence_acts", "shape")
    found = [unknown_probability(model, s) for s in (-1e9, 0.0, 3.0, 1e9)]
    assert found == sorted(found)
    assert found[0] < 1e-6
    assert found[-1] > 1 - 1e-6


def test_pooling_makes_windows_that_agree_surer_than_one() -> None:
    log_p = np.log(np.array([[0.6, 0.4]] * 4))
    one, none, some = together(log_p[:1], 0.5), together(log_p, 0.0), together(log_p, 0.5)
    assert np.allclose(one, none)
    assert some[0] > none[0]


def thumps(interval_s: float, rate_hz: float = 500.0) -> np.ndarray:
    t = np.arange(int(12 * rate_hz)) / rate_hz
    x = np.random.default_rng(0).normal(0, 2, len(t))
    for at in np.arange(4.0, 10.0, interval_s):
        after = np.maximum(t - at, 0.0)
        x += 80 * np.exp(-after / 0.05) * np.sin(2 * np.pi * 20 * after)
    return x + 2048


@pytest.mark.parametrize("rate_hz", [500.0, 4300.0])
def test_footsteps_are_found_where_they_were_put(rate_hz: float) -> None:
    found = [step.time_s for step in find_steps(thumps(0.5, rate_hz), new_step_state(rate_hz))]
    inside = [t for t in found if t > 3.5]
    assert len(inside) == 12
    assert np.allclose(inside, np.arange(4.0, 10.0, 0.5), atol=0.08)


@pytest.mark.parametrize(("interval_s", "walks"), [(0.5, True), (0.6, True), (1.9, False)])
def test_only_a_rhythm_of_people_is_a_walk(interval_s: float, walks: bool) -> None:
    rhythm = new_walks()
    found = [follow_walks(step, rhythm) for step in find_steps(thumps(interval_s), new_step_state(500.0))]
    assert any(found) is walks


def test_a_false_step_between_does_not_break_a_walk() -> None:
    rhythm = new_walks()
    found = [follow_walks(Step(t, 6.0), rhythm) for t in (1.0, 1.5, 1.72, 2.0, 2.5, 3.0)]
    assert found[-1] is not None
    assert found[-1].steps == 5


@given(st.integers(0, 50), st.lists(st.integers(1, 119), max_size=4))
def test_link_scores_do_not_depend_on_how_rows_arrive(seed: int, cuts: list[int]) -> None:
    x = np.random.default_rng(seed).integers(60, 90, (120, 8)).astype(float)
    whole = link_scores(x, new_link_state(8)).scores
    state = new_link_state(8)
    parts = [link_scores(part, state).scores for part in np.split(x, sorted(set(cuts)))]
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_link_that_repeats_itself_or_gives_no_number_is_no_news() -> None:
    x = np.full((50, 4), 80.0)
    x[20:30, 1] = np.nan
    told = link_scores(x, new_link_state(4))
    assert not told.parts.any()
    assert not told.scores.any()
