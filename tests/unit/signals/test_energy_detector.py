"""The energy detector on made-up lines: what it must find, what it must not, and what it may forget."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.energy import AMPLITUDE, RAW, accumulate_energy, new_energy_state
from linewatch.signals.energy_detector import (
    DisturbedRuns,
    EnergyDetectorSettings,
    EnergyDetectorState,
    detect_frames,
    live_channels,
    new_energy_detector_state,
    probability,
)

DEFAULT = EnergyDetectorSettings()
COARSE = EnergyDetectorSettings.for_sensor(pitch_m=10.0, frame_s=0.05)


def quiet_energy(rng: np.random.Generator, n_frames: int, n_channels: int) -> NDArray[Any]:
    """Mean squares of 50 normal samples, as a quiet line has them."""
    return (rng.chisquare(50, (n_frames, n_channels)) / 50).astype(np.float32)


def detect(
    energy: NDArray[Any],
    settings: EnergyDetectorSettings = DEFAULT,
    valid: NDArray[Any] | None = None,
    state: EnergyDetectorState | None = None,
) -> tuple[list[DisturbedRuns], EnergyDetectorState]:
    state = state or new_energy_detector_state(energy.shape[1])
    valid = energy > 0 if valid is None else valid
    return detect_frames(energy.astype(np.float32), valid, settings, state), state


def found(frames: list[DisturbedRuns]) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for f in frames for a, b in zip(f.runs.first, f.runs.end, strict=True)]


def test_an_event_that_lasts_from_the_first_row_is_found_where_it_is() -> None:
    energy = quiet_energy(np.random.default_rng(0), 10, 300)
    energy[:, 100:120] *= 1000.0
    frames, _ = detect(energy)
    assert found(frames) == [(100, 120)] * 10
    last = frames[-1]
    assert last.centre[0] == pytest.approx(110.0, abs=1.0)
    assert 1.0 < last.centre_sigma[0] < 4.0
    assert last.strength_db[0] == pytest.approx(31.0, abs=2.0)
    assert last.probability[0] > 0.99


@pytest.mark.parametrize("n_channels", [1, 2, 7, 8, 12, 560])
def test_a_quiet_line_of_any_width_shows_nothing(n_channels: int) -> None:
    frames, _ = detect(quiet_energy(np.random.default_rng(1), 700, n_channels), COARSE)
    assert found(frames) == []
    assert not any(f.common_db for f in frames)


def test_nothing_in_nothing_out() -> None:
    assert detect(np.zeros((0, 5), np.float32))[0] == []
    frames, _ = detect(np.zeros((3, 0), np.float32))
    assert [f.live for f in frames] == [0, 0, 0]
    frames, _ = detect(np.zeros((3, 40), np.float32))
    assert [(f.live, len(f.runs.first)) for f in frames] == [(0, 0)] * 3


def test_masked_channels_change_nothing_for_the_others() -> None:
    energy = quiet_energy(np.random.default_rng(2), 5, 200)
    energy[:, 50:70] *= 300.0
    valid = np.ones(energy.shape, bool)
    valid[:, [3, 60, 150]] = False
    wild = energy.copy()
    wild[:, [3, 60, 150]] = [np.nan, np.inf, 3e38]
    plain, _ = detect(energy, valid=valid)
    frames, _ = detect(wild, valid=valid)
    assert found(frames) == found(plain) == [(50, 70)] * 5
    for a, b in zip(frames, plain, strict=True):
        assert a.strength_db.tobytes() == b.strength_db.tobytes()
        assert a.centre.tobytes() == b.centre.tobytes()


def test_a_rise_over_the_whole_line_is_common_and_no_place() -> None:
    energy = quiet_energy(np.random.default_rng(3), 40, 500)
    energy[20:] *= 1e4
    frames, _ = detect(energy)
    assert found(frames) == []
    assert [f.common_db > 0 for f in frames] == [False] * 20 + [True] * 20
    assert frames[20].common_db == pytest.approx(40.0, abs=1.0)


def test_a_laser_step_that_levels_all_channels_is_common_and_no_place() -> None:
    rng = np.random.default_rng(4)
    pattern = 10.0 ** (rng.normal(0.0, 6.0, 500) / 10.0)  # some channels are always louder than others
    energy = quiet_energy(rng, 760, 500) * pattern.astype(np.float32)
    energy[750] += np.float32(1e5)
    frames, state = detect(energy)
    assert (state.own.quiet_frames >= DEFAULT.own.proof_frames).mean() > 0.9
    assert found(frames) == []
    assert frames[750].common_db > 30.0


def test_an_event_inside_a_gust_is_still_found() -> None:
    energy = quiet_energy(np.random.default_rng(5), 30, 500)
    energy[10:] *= 100.0
    energy[10:, 200:220] *= 1000.0
    frames, _ = detect(energy)
    assert found(frames) == [(200, 220)] * 20


def test_a_proven_channel_is_judged_by_its_own_past() -> None:
    energy = quiet_energy(np.random.default_rng(6), 700, 300)
    energy[:, 50:150] *= 10.0  # a stretch that always stands 10 dB above the rest
    energy[650:, 100:110] *= 30.0  # and an event 15 dB above that stretch
    frames, _ = detect(energy)
    assert found(frames[:650]) == []
    assert len(found(frames[650:])) == 50
    np.testing.assert_allclose(found(frames[650:]), [(100, 110)] * 50, atol=2)


def test_whoever_shakes_for_long_does_not_blind_the_fence() -> None:
    energy = quiet_energy(np.random.default_rng(7), 13_000, 40)
    energy[:12_000, 10:20] *= 1000.0  # ten minutes from the first frame on
    energy[12_100:, 10:20] *= 1000.0
    frames, _ = detect(energy)
    assert all(len(f.runs.first) == 1 for f in frames[:12_000])
    assert all(len(f.runs.first) == 1 for f in frames[12_100:])


def test_two_channels_watch_once_they_are_proven_and_say_so_before() -> None:
    energy = quiet_energy(np.random.default_rng(8), 800, 2)
    energy[700:, 1] *= 100.0
    frames, _ = detect(energy, COARSE)
    assert [f.unwatched for f in frames[:600]] == [2] * 600
    assert [f.unwatched for f in frames[600:]] == [0] * 200
    assert found(frames) == [(1, 2)] * 100


def test_stopping_and_starting_changes_no_bit() -> None:
    energy = quiet_energy(np.random.default_rng(9), 900, 60)
    energy[300:340, 20:30] *= 200.0
    energy[700:800, 40:50] *= 30.0
    whole, end = detect(energy)
    state = new_energy_detector_state(60)
    parts = []
    for low in range(0, 900, 70):
        state = thaw(freeze(state), EnergyDetectorState)
        parts += detect(energy[low : low + 70], state=state)[0]
    assert found(parts) == found(whole) != []
    for a, b in zip(parts, whole, strict=True):
        assert a.centre.tobytes() == b.centre.tobytes()
        assert a.margin.tobytes() == b.margin.tobytes()
    assert freeze(state) == freeze(end)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("measure", [AMPLITUDE, RAW])
def test_samples_of_both_types_and_measures_lead_to_the_event(dtype: type[np.generic], measure: int) -> None:
    rng = np.random.default_rng(10)
    x = rng.normal(0.0, 20.0, (1000, 200))
    x[500:, 80:100] *= 60.0
    x = np.clip(np.abs(x) if measure == AMPLITUDE else x + 8000.0, -32768, 32767)  # some samples saturate
    energy, count, moving = accumulate_energy(
        x.astype(dtype), np.arange(50, 1001, 50), measure, 1, new_energy_state(200)
    )
    valid = live_channels(energy, count, moving, 25)
    assert valid.all()
    frames, _ = detect(energy, valid=valid)
    assert found(frames[:10]) == []
    assert found(frames[10:]) == [(80, 100)] * 10


def test_a_channel_that_stands_still_or_lacks_samples_is_not_alive() -> None:
    x = np.random.default_rng(11).normal(10.0, 1.0, (100, 4)).astype(np.float32)
    x[:, 1] = 7.3
    x[30:, 2] = np.nan
    x[:, 3] = 0.0
    out = accumulate_energy(x, np.array([100]), AMPLITUDE, 1, new_energy_state(4))
    assert live_channels(*out, 50).tolist() == [[True, False, False, False]]


def test_probability_is_one_half_at_the_threshold_and_rises() -> None:
    assert probability(1.0) == pytest.approx(0.5)
    assert probability(0.65) < 0.02
    assert probability(1.6) > 0.999


def test_widths_follow_the_pitch_and_times_the_frame() -> None:
    assert EnergyDetectorSettings.for_sensor(1.0, 0.05) == DEFAULT
    assert EnergyDetectorSettings.for_sensor(5.0, 0.1).reach_channels == 8
    assert EnergyDetectorSettings.for_sensor(5.0, 0.1).own.proof_frames == 300
    assert COARSE.min_channels == 1
    with pytest.raises(ValueError, match=r"pitch_m is 0.0"):
        EnergyDetectorSettings.for_sensor(0.0, 0.05)
