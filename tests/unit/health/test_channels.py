"""Channels that no longer feel are told within five seconds, a cut by the channel at which the signal ends."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.health.channels import ChannelHealthSettings, ChannelHealthStep
from linewatch.records import Block, Health, Tick
from linewatch.records.state import freeze, thaw
from linewatch.records.vocabulary import SensorKind
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

RATE_HZ, CHANNELS, S = 200.0, 40, 1_000_000_000
Samples = NDArray[Any]


def hum(seconds: float, seed: int = 1, channels: int = CHANNELS) -> Samples:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 10, (round(seconds * RATE_HZ), channels)).astype(np.float32)


def told(
    samples: Samples, kind: SensorKind = "fibre_das", pieces: Sequence[int] = (50,), *, thawed: bool = False
) -> list[tuple[float, Health]]:
    n = samples.shape[1]
    step = ChannelHealthStep(Sensor("f1", kind, "main", from_m=0.0, to_m=float(n), channels=n), ChannelHealthSettings())
    state: Any = step.initial()
    out: list[tuple[float, Health]] = []
    first, number = 0, 0
    while first < len(samples):
        part = samples[first : first + pieces[number % len(pieces)]]
        block = Block("main", "f1", T0_NS, first, RATE_HZ, part)
        state, found = step.step(state, (block,), Tick(number, block.end_ns, block.end_ns, 1))
        state = thaw(freeze(state), step.state_type) if thawed else state
        out += [((block.end_ns - T0_NS) / S, record) for record in found if isinstance(record, Health)]
        first, number = first + len(part), number + 1
    return out


def words(found: list[tuple[float, Health]]) -> list[tuple[str, int | None, int | None]]:
    return [(health.condition, health.first_channel, health.last_channel) for _, health in found]


def test_channels_that_are_well_say_nothing() -> None:
    assert told(hum(60.0)) == []


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_channel_that_gives_nothing_is_dead(value: float) -> None:
    samples = hum(14.0)
    samples[1000:, 7] = value
    found = told(samples)
    assert words(found) == [("dead_channel", 7, 7)]
    assert found[0][0] - 5.0 <= 5.0 and abs(found[0][1].time_ns - T0_NS - 5 * S) <= S


def test_a_channel_that_always_gives_the_same_is_stuck() -> None:
    samples = hum(14.0)
    samples[1000:, 3:5] = 42.0
    found = told(samples)
    assert words(found) == [("stuck_channel", 3, 4)] and found[0][0] - 5.0 <= 5.0


def test_a_channel_at_the_end_of_its_range_is_saturated() -> None:
    samples = np.clip(hum(14.0) * 100, -32_768, 32_767)
    samples[1000:, 9] = np.clip(samples[1000:, 9] * 1000, -32_768, 32_767)
    found = told(samples.astype(np.int16))
    assert words(found) == [("saturated", 9, 9)] and found[0][0] - 5.0 <= 5.0


def test_a_clipped_shape_is_saturated_whatever_its_range() -> None:
    samples = hum(14.0)
    samples[1000:, 9] = np.clip(samples[1000:, 9], -4.3, 4.3)
    assert words(told(samples)) == [("saturated", 9, 9)]


def test_coarse_numbers_that_often_stand_at_their_ends_are_not_saturated() -> None:
    assert told(np.rint(hum(30.0) / 10.0).astype(np.int16)) == []


def test_a_channel_that_lives_again_is_told_to_be_well() -> None:
    samples = hum(20.0)
    samples[1000:2000, 7] = 0.0
    found = told(samples)
    assert words(found) == [("dead_channel", 7, 7), ("recovered", 7, 7)]
    assert found[1][1].ends == "dead_channel"


@pytest.mark.parametrize("place", [1, 13, 33])
@pytest.mark.parametrize("dark", ["zeros", "faint"])
def test_a_cut_is_found_at_the_channel_where_the_signal_ends(place: int, dark: str) -> None:
    samples = hum(45.0)
    begin = round(40.0 * RATE_HZ)
    samples[begin:, place:] *= 0.0 if dark == "zeros" else 0.1
    found = told(samples)
    assert words(found) == [("fibre_cut", place, CHANNELS - 1)]
    assert found[0][0] - 40.0 <= 5.0


def test_an_even_hiss_beyond_a_place_is_a_cut_too() -> None:
    samples = hum(45.0)
    rng = np.random.default_rng(3)
    samples[8000:, 12:] = rng.normal(0, 400, (len(samples) - 8000, CHANNELS - 12))
    assert words(told(samples)) == [("fibre_cut", 12, CHANNELS - 1)]


def test_a_loud_event_at_the_end_of_the_fibre_is_no_cut() -> None:
    samples = hum(50.0)
    samples[7000:9000, 20:] *= 20.0 * np.exp(-np.abs(np.arange(20) - 10.0) / 4.0)
    assert told(samples) == []


def test_a_cut_that_is_spliced_is_over() -> None:
    samples = hum(50.0)
    samples[7000:9000, 25:] = 0.0
    found = told(samples)
    assert [(health.condition, health.ends) for _, health in found] == [
        ("fibre_cut", None),
        ("recovered", "fibre_cut"),
    ]


def test_a_lone_channel_that_becomes_far_louder_for_a_minute_is_noisy() -> None:
    samples = hum(80.0, channels=12)
    samples[2000:, 5] *= 30.0
    found = told(samples)
    assert words(found) == [("noisy_channel", 5, 5)] and found[0][1].severity == "degraded"


def test_samples_that_were_there_before_are_played_again() -> None:
    samples = hum(45.0)
    samples[5001:7801] = samples[1013:3813]
    found = told(samples)
    assert words(found)[0] == ("replayed_data", None, None)
    assert found[0][1].severity == "failed" and "19.94 s before" in found[0][1].text
    assert found[-1][1].ends == "replayed_data"


def test_a_device_that_repeats_its_last_second_is_found() -> None:
    samples = hum(20.0)
    samples[2000:] = np.tile(samples[1800:2000], (10, 1))
    assert "replayed_data" in [health.condition for _, health in told(samples)]


def test_two_channels_that_give_the_same_samples_are_suspicious() -> None:
    samples = hum(10.0)
    samples[:, 30] = samples[:, 4]
    assert words(told(samples)) == [("replayed_data", 4, 4), ("replayed_data", 30, 30)]


def test_how_samples_are_cut_changes_nothing() -> None:
    samples = hum(14.0)
    samples[1000:, 7] = 0.0
    samples[1300:, 20:22] = 9.0
    whole = [health for _, health in told(samples)]
    assert whole and whole == [health for _, health in told(samples, pieces=(1, 7, 333))]
    assert whole == [health for _, health in told(samples, thawed=True)]


def test_a_link_that_rests_at_one_number_is_not_stuck_but_one_that_gives_nothing_is_lost() -> None:
    resting = np.full((1200, 1), -60.0, np.float32)
    assert told(resting, "radio_link") == []
    resting[600:] = np.nan
    assert [health.condition for _, health in told(resting, "radio_link")] == ["link_lost"]
