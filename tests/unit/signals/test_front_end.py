"""The front end against its twin, and the laws that hold whatever a fibre delivers."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.front_end import (
    FrontEndBlocks,
    FrontEndSettings,
    FrontEndState,
    fit_front_end,
    new_front_end_state,
    run_front_end,
)
from linewatch.signals.front_end_kernel import LOW, ROWS, TILE
from tests.unit.signals.twin_front_end import FIGURES, twin

RATE_HZ = 1000.0
QUICK = FrontEndSettings(short_s=0.02, long_s=0.2, block_s=0.05, decimated_hz=200.0)
WIDE = TILE + 44  # two tiles, the second one ragged


def noise(n_samples: int, n_channels: int, seed: int = 1) -> NDArray[np.float32]:
    """White noise with a burst in every third channel."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_samples, n_channels)).astype(np.float32)
    t = np.arange(60)
    burst = (9.0 * np.hanning(60) * np.sin(2 * np.pi * 40 * t / RATE_HZ)).astype(np.float32)
    for c in range(0, n_channels, 3):
        for start in range(300 + 7 * (c % 20), n_samples - 60, 260):
            x[start : start + 60, c] += burst
    return x


def run(x: NDArray[Any], chosen: FrontEndSettings = QUICK, state: FrontEndState | None = None) -> FrontEndBlocks:
    return run_front_end(x, fit_front_end(chosen, RATE_HZ), state or new_front_end_state(x.shape[1]))


def bits(blocks: FrontEndBlocks, channels: NDArray[Any] | slice = slice(None)) -> list[bytes]:
    return [getattr(blocks, name)[:, channels].tobytes() for name in (*FIGURES, "decimated")]


def assert_agrees(x: NDArray[Any], chosen: FrontEndSettings) -> None:
    found, want = run(x, chosen), twin(x, chosen, RATE_HZ)
    for name in ("power", "ratio"):
        np.testing.assert_allclose(getattr(found, name), want[name], rtol=1e-4, atol=1e-7, err_msg=name)
    for name in ("active", "onsets", "first_onset", "bad", "low", "high"):
        np.testing.assert_array_equal(getattr(found, name), want[name].astype(np.float32), err_msg=name)
    scale = np.abs(want["decimated"]).max(initial=1.0)
    np.testing.assert_allclose(found.decimated, want["decimated"], atol=2e-5 * scale)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (1000, 1), (1003, 5), (700, WIDE), (100, 0)])
def test_the_kernel_agrees_with_its_twin(shape: tuple[int, int]) -> None:
    assert_agrees(noise(*shape), QUICK)


@pytest.mark.parametrize("block_s", [0.008, 0.011, 0.031, 0.25])
def test_blocks_of_any_length_agree_with_the_twin(block_s: float) -> None:
    assert_agrees(noise(1000, 5), FrontEndSettings(short_s=0.02, long_s=0.2, block_s=block_s))


def test_whole_numbers_agree_with_the_twin() -> None:
    assert_agrees((1000.0 * noise(800, 6)).astype(np.int16), QUICK)


def test_a_burst_in_every_third_channel_turns_the_trigger_on() -> None:
    found = run(noise(1000, 30))
    assert (found.onsets[:, ::3].sum(axis=0) >= 2).all()


def spoilt(n_samples: int) -> NDArray[np.float32]:
    """A channel for each thing that goes wrong; `clean` is the same without."""
    x = noise(n_samples, 12)
    x[::17, 1] = np.nan
    x[:, 2] = np.nan
    x[:130, 3] = np.inf  # starts late
    x[230:420, 4] = -np.inf  # goes away for whole blocks and comes back
    x[400, 5] = 3e38
    x[:, 6] = 7.25  # stuck from the start
    x[:, 7] = 0.0
    x[:, 8] = 1e-40  # denormal
    x[::2, 9] = -1e-41
    x[300:, 10] = np.clip(x[300:, 10], -0.5, 0.5)
    return x


def test_bad_samples_agree_with_the_twin() -> None:
    assert_agrees(spoilt(1000), QUICK)


def test_bad_samples_are_counted_and_their_blocks_told_from_usable_ones() -> None:
    found = run(spoilt(1000))
    usable = found.usable(most_bad=10)
    assert found.bad[:3, 1].tolist() == [50, 3, 3]  # it starts with the second block, whose first sample is good
    assert (found.bad[:, 2] == 50).all()
    assert found.bad[4:8, 4].tolist() == [20, 50, 50, 50]
    assert not usable[:, [2, 6, 7, 8]].any()
    assert usable[:, 0].all()
    assert usable[9:, 4].all()


def test_clipped_samples_are_told() -> None:
    x = noise(100, 4).clip(-3.0, 3.0)
    x[60, 1], x[20, 2] = 4.0, -4.0
    assert run(x).clipped(4.0).tolist() == [[False, False, True, False], [False, True, False, False]]


@given(channel=st.integers(0, WIDE - 1), value=st.sampled_from([np.nan, np.inf, -np.inf, 3e38, 0.0, 1e-40, 5.0]))
@settings(max_examples=25)
def test_a_bad_channel_changes_no_bit_of_another(channel: int, value: float) -> None:
    x = noise(320, WIDE)
    clean = run(x)
    x[40:, channel] = value
    others = np.delete(np.arange(WIDE), channel)
    assert bits(run(x), others) == bits(clean, others)


@given(cuts=st.lists(st.integers(0, 900), max_size=8), whole_numbers=st.booleans())
@settings(max_examples=40)
def test_cutting_the_samples_anywhere_gives_the_same_bits(cuts: list[int], whole_numbers: bool) -> None:
    x = np.tile(spoilt(900), 23)  # two tiles
    if whole_numbers:
        x = (100.0 * noise(900, WIDE)).astype(np.int16)
    state = new_front_end_state(x.shape[1])
    whole = run(x, state=state)
    resumed = new_front_end_state(x.shape[1])
    parts = []
    for low, high in pairwise([0, *sorted(cuts), 900]):
        resumed = thaw(freeze(resumed), FrontEndState)
        parts.append(run(x[low:high], state=resumed))
    for name in (*FIGURES, "decimated"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(whole, name).tobytes(), name
    assert freeze(resumed) == freeze(state)


def test_no_state_is_denormal_after_a_signal_has_died() -> None:
    x = noise(6000, 4)
    x[300:] = 0.0
    x[:, 2] *= np.float32(1e-18)
    x[300:, 3] = 1e-39
    state = new_front_end_state(4)
    for row in range(0, 6000, 10):
        run(x[row : row + 10], state=state)
        sizes = np.abs(state.tiles.reshape(-1, ROWS, TILE)[:, :LOW])
        assert not ((sizes > 0.0) & (sizes < np.finfo(np.float32).tiny)).any(), row


def test_a_large_offset_makes_no_transient_and_costs_no_accuracy() -> None:
    x = np.round(100.0 * noise(600, 3))
    np.testing.assert_allclose(run(x + np.float32(20_000.0)).power, run(x).power, rtol=2e-4)


def test_a_dead_channel_that_wakes_does_not_trigger_until_its_averages_have_settled() -> None:
    x = noise(9000, 2)[:, 1:]
    x[200:8000] = 3.0
    found = run(x)
    assert not found.usable(0)[120:160].any()
    assert found.onsets[160:164].sum() == 0
    assert found.ratio[164:].min() > 0.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"low_hz": 1.0}, "allowed are 2 Hz up to, not including, 500 Hz"),
        ({"high_hz": 500.0}, "band is 5 to 500 Hz"),
        ({"block_s": 0.007}, "block_s is 0.007, which is 7 samples; allowed are 8 to 65536"),
        ({"short_s": 2.0}, "short_s and long_s are 2000 and 1000 samples"),
        ({"long_s": 200.0}, "allowed are 1 to 131072"),
        ({"off": 4.0}, "off is 4 and on 3"),
        ({"decimated_hz": 300.0}, "every 3 samples"),
        ({"decimated_hz": 100.0}, "the rate at least 200 Hz"),
    ],
)
def test_settings_that_the_rate_does_not_allow_are_named(change: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_front_end(FrontEndSettings(**change), RATE_HZ)


def test_samples_of_another_type_or_width_are_named() -> None:
    with pytest.raises(TypeError, match="samples are float64, allowed are float32 and int16"):
        run(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="samples have 2 channels, the state has 3"):
        run(np.zeros((5, 2), np.float32), state=new_front_end_state(3))
