"""The background model against a plain twin, and what it must not learn or forget."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.background import (
    LEARN_EVERY,
    RESTLESS_EVERY,
    BackgroundSettings,
    BackgroundState,
    common_gain,
    heal_patches,
    learn_frame,
    new_background_state,
    patch_figures,
    restless_share,
)

CHOSEN = BackgroundSettings()
SHAPE = (24, 40)
Frames = NDArray[np.float32]


def scene(n: int, seed: int = 1) -> Frames:
    """A textured picture with noise and, from frame 60 on, a bright patch."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(60.0, 180.0, SHAPE)
    frames = (usual + rng.normal(0.0, 3.0, (n, *SHAPE))).astype(np.float32)
    frames[60:, 8:16, 10:16] = 230.0
    return frames


def twin(frames: NDArray[Any], s: BackgroundSettings = CHOSEN) -> tuple[list[NDArray[np.bool_]], BackgroundState]:
    """The model in whole-array steps, with the gain of the kernel's own definition."""
    state = new_background_state(*frames.shape[1:], s)
    mean, sigma, calm = state.mean.copy(), state.sigma.copy(), state.calm.astype(bool)
    strayed, restless = np.zeros(mean.shape, bool), np.zeros(mean.shape, np.float32)
    masks = []
    for number, frame in enumerate(frames.astype(np.float32)):
        gain = np.float32(common_gain(frame, mean))
        sane = np.isfinite(frame)
        seen_first = np.isnan(mean) & sane
        known = np.where(seen_first, frame, mean)
        learns = 1.0 / (number + 1) > s.rate or number % LEARN_EVERY == 0
        compared = known if learns else mean
        apart = np.where(sane & ~np.isnan(compared), np.abs(np.where(sane, frame, 0.0) - gain * compared), 0.0)
        mask = apart > np.maximum(s.sigmas * sigma, s.least_levels)
        if learns:
            warm = 1.0 / (number + 1) > s.rate
            many = 1 if warm else LEARN_EVERY
            rate = np.where(mask, many * s.covered_rate, 1.0 / (number + 1) if warm else many * s.rate)
            mean = np.where(sane, known + rate * (np.where(sane, frame, 0.0) - known), mean).astype(np.float32)
            wider = sigma + np.where(mask, 0.0, many * s.sigma_rate) * (1.25 * apart - sigma)
            sigma = np.where(sane, np.minimum(wider, s.most_sigma), sigma).astype(np.float32)
        if number % RESTLESS_EVERY == 0:
            restless = restless + np.float32(s.restless_rate) * ((mask != strayed) - restless)
            strayed, calm = mask, restless <= s.most_restless
        masks.append(mask & calm)
    return masks, BackgroundState(mean, sigma, mean, strayed.astype(np.uint8), restless, calm.astype(np.uint8))


def run(frames: NDArray[Any], state: BackgroundState | None = None) -> tuple[list[NDArray[np.uint8]], BackgroundState]:
    state = state or new_background_state(*frames.shape[1:], CHOSEN)
    return [learn_frame(frame, CHOSEN, state).mask for frame in frames], state


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_the_kernel_agrees_with_its_twin(dtype: type) -> None:
    frames = scene(150).astype(dtype)
    if dtype is np.float32:
        frames[5, 3, 4], frames[0, 0, 0], frames[70, 1, 1] = np.nan, np.nan, np.inf
    (masks, state), (want, want_state) = run(frames), twin(frames)
    # A pixel at the very threshold may fall to either side by rounding; none of these does.
    np.testing.assert_array_equal(np.array(masks, bool), np.array(want))
    np.testing.assert_allclose(state.mean, want_state.mean, rtol=1e-4)
    np.testing.assert_allclose(state.sigma, want_state.sigma, rtol=1e-3)
    np.testing.assert_allclose(state.restless, want_state.restless, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (0, 5)])
def test_pictures_of_any_size_are_learned(shape: tuple[int, int]) -> None:
    state = new_background_state(*shape, CHOSEN)
    for _ in range(3):
        assert not learn_frame(np.full(shape, 50, np.int16), CHOSEN, state).mask.any()


def test_a_patch_strays_as_long_as_it_stays() -> None:
    masks, _ = run(scene(160))
    assert not np.array(masks[20:60]).any()
    assert all(mask[8:16, 10:16].all() for mask in masks[60:])


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
def test_a_pixel_without_a_number_changes_no_other_and_never_strays(bad: float, y: int, x: int) -> None:
    frames = np.full((30, *SHAPE), 100.0, np.float32)
    frames[20:, 4, 4] = 200.0
    spoilt = frames.copy()
    spoilt[::2, y, x] = bad
    (clean, _), (found, state) = run(frames), run(spoilt)
    others = np.ones(SHAPE, bool)
    others[y, x] = False
    assert all((a[others] == b[others]).all() for a, b in zip(clean, found, strict=True))
    assert not any(mask[y, x] for mask in found[::2])
    assert np.isfinite(state.mean).all()
    assert np.isfinite(state.sigma).all()


def test_a_frozen_and_thawed_model_goes_on_as_if_nothing_had_been() -> None:
    frames = scene(90)
    whole, _ = run(frames)
    first, state = run(frames[:37])
    second, _ = run(frames[37:], thaw(freeze(state), BackgroundState))
    np.testing.assert_array_equal(np.array(whole), np.array(first + second))


def test_a_cloud_makes_nothing_stray() -> None:
    rng = np.random.default_rng(3)
    usual = rng.uniform(60.0, 180.0, SHAPE).astype(np.float32)
    _, state = run(np.repeat(usual[None], 40, axis=0))
    darker = learn_frame(0.7 * usual, CHOSEN, state)
    assert darker.gain == pytest.approx(0.7, abs=0.01)
    assert not darker.mask.any()


def test_what_goes_to_and_fro_without_end_falls_silent_and_who_passes_does_not_stay_numbed() -> None:
    rng = np.random.default_rng(4)
    frames = np.full((600, *SHAPE), 100.0, np.float32)
    frames[40:, 0:4, :8] = np.where(rng.random((560, 4, 8)) < 0.4, 170.0, 100.0)
    frames[300:312, 12:20, 20:26] = 200.0
    masks, state = run(frames)
    assert np.mean([mask[0:4, :8].mean() for mask in masks[45:80]]) > 0.3
    assert np.mean([mask[0:4, :8].mean() for mask in masks[500:]]) < 0.02
    assert all(mask[12:20, 20:26].all() for mask in masks[300:312])
    assert restless_share(state) == pytest.approx(32 / (SHAPE[0] * SHAPE[1]), rel=0.1)


def test_a_still_patch_without_a_border_of_its_own_is_told_by_its_figures_and_healed() -> None:
    rng = np.random.default_rng(5)
    ground = (100.0 + rng.normal(0.0, 1.0, SHAPE)).astype(np.float32)
    parked = ground.copy()
    parked[8:16, 10:20] = 200.0
    _, state = run(np.repeat(parked[None], 40, axis=0))
    boxes = np.array([[10, 8, 20, 16]])
    for _ in range(2):
        seen = learn_frame(ground, CHOSEN, state)
        figures = patch_figures(ground, seen.mask, boxes, seen.gain, state)
    assert figures.border[0] < 0.2 * figures.model_border[0]
    assert figures.motion[0] < 1.0
    heal_patches(ground, seen.mask, boxes, state)
    assert not learn_frame(ground, CHOSEN, state).mask.any()


def test_light_on_texture_looks_like_what_it_falls_on_and_a_body_does_not() -> None:
    rng = np.random.default_rng(6)
    wall = rng.uniform(40.0, 140.0, SHAPE).astype(np.float32)
    boxes = np.array([[10, 8, 20, 16]])
    likeness = []
    for shown in (1.6 * wall[8:16, 10:20], rng.uniform(180.0, 240.0, (8, 10))):
        _, state = run(np.repeat(wall[None], 40, axis=0))
        frame = wall.copy()
        frame[8:16, 10:20] = shown
        seen = learn_frame(frame, CHOSEN, state)
        likeness.append(patch_figures(frame, seen.mask, boxes, seen.gain, state).likeness[0])
    assert likeness[0] > 0.95
    assert abs(likeness[1]) < 0.5


def test_a_frame_of_another_shape_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 4\), the model \(24, 40\)"):
        learn_frame(np.zeros((3, 4), np.float32), CHOSEN, new_background_state(*SHAPE, CHOSEN))
