"""NaN and infinity: counted by sample, told by change of state."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records import Health, header_of
from linewatch.sources.recording import load_recording
from linewatch.sources.recording._invalid import InvalidWatch
from linewatch.sources.recording._source import Carry
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, blocks, describe, findings

RATE_HZ = 10


def watch(samples: NDArray[Any], cuts: list[int]) -> tuple[list[Health], Carry]:
    """What is found when these rows are looked at in pieces."""
    watcher = InvalidWatch("main", "fence-1", RATE_HZ, first_channel=100)
    found: list[Health] = []
    carry = Carry()
    edges = [0, *sorted(cuts), len(samples)]
    for start, stop in pairwise(edges):
        if stop > start:
            more, carry = watcher.look(samples[start:stop], start, lambda row: T0_NS + row * S // RATE_HZ, carry)
            found += more
    return found, carry


def clean(rows: int = 100, channels: int = 5) -> NDArray[np.float32]:
    return np.ones((rows, channels), dtype=np.float32)


def test_clean_samples_say_nothing() -> None:
    assert watch(clean(), [])[0] == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_burst_is_told_when_it_begins_and_a_second_after_it_ended(value: float) -> None:
    samples = clean()
    samples[20:24, 3] = value
    begin, end = watch(samples, [])[0]
    assert (begin.condition, begin.severity, begin.time_ns) == ("not_a_number", "degraded", T0_NS + 2 * S)
    assert (begin.first_channel, begin.last_channel, begin.count) == (103, 103, 1)
    assert (end.condition, end.severity, end.count) == ("recovered", "ok", 4)
    assert end.time_ns == T0_NS + 3_300_000_000


def test_flicker_is_one_finding() -> None:
    samples = clean()
    samples[::3, 2] = np.nan
    found = watch(samples, [])[0]
    assert [finding.condition for finding in found] == ["not_a_number"]


def test_a_sensor_without_any_number_has_failed() -> None:
    samples = clean()
    samples[20:60] = np.nan
    found = watch(samples, [])[0]
    assert [(finding.condition, finding.severity) for finding in found] == [
        ("not_a_number", "failed"),
        ("recovered", "ok"),
    ]
    assert found[0].first_channel is None
    assert found[1].count == 200


def test_a_partial_recovery_is_a_recovery_and_a_lesser_trouble() -> None:
    samples = clean()
    samples[20:30] = np.nan
    samples[30:90, 1] = np.nan
    found = watch(samples, [])[0]
    assert [(finding.condition, finding.severity) for finding in found] == [
        ("not_a_number", "failed"),
        ("recovered", "ok"),
        ("not_a_number", "degraded"),
        ("recovered", "ok"),
    ][: len(found)]
    assert found[1].time_ns == found[2].time_ns == T0_NS + 3_900_000_000


def test_trouble_that_spreads_is_told_each_time_that_it_has_doubled() -> None:
    samples = clean(channels=40)
    for channel in range(40):
        samples[10 + channel :, channel] = np.nan
    spans = [finding.last_channel - 100 for finding in watch(samples, [])[0] if finding.last_channel is not None]
    assert spans == [0, 1, 3, 7, 15, 31]


def test_a_sum_that_overflows_is_no_trouble() -> None:
    samples = np.full((50, 5), np.finfo(np.float32).max, dtype=np.float32)
    assert watch(samples, [])[0] == []


@st.composite
def troubled(draw: st.DrawFn) -> NDArray[np.float32]:
    samples = clean(rows=80, channels=3)
    for _ in range(draw(st.integers(0, 8))):
        row, length = draw(st.integers(0, 79)), draw(st.integers(1, 30))
        low, high = sorted((draw(st.integers(0, 3)), draw(st.integers(0, 3))))
        samples[row : row + length, low:high] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return samples


@given(samples=troubled(), cuts=st.lists(st.integers(0, 80), max_size=12))
def test_how_rows_are_cut_cannot_be_seen(samples: NDArray[np.float32], cuts: list[int]) -> None:
    assert watch(samples, cuts) == watch(samples, [])


@given(samples=troubled())
def test_the_state_is_what_a_second_of_rows_says(samples: NDArray[np.float32]) -> None:
    """A slow twin: at each row the worst of the rows within the last second."""
    bad = ~np.isfinite(samples)
    worst = np.where(bad.all(axis=1), 2, np.where(bad.any(axis=1), 1, 0))
    expected = [int(worst[max(row - RATE_HZ + 1, 0) : row + 1].max()) for row in range(len(worst))]
    levels = {"degraded": 1, "failed": 2, "ok": 0}
    found = watch(samples, [])[0]
    level = 0
    for row, is_now in enumerate(expected):
        for finding in found:
            if finding.time_ns == T0_NS + row * S // RATE_HZ:
                level = levels[finding.severity]
        assert level == is_now, f"row {row}"
    counted = sum(finding.count for finding in found if finding.condition == "recovered" and "all" in finding.text)
    assert counted <= bad.sum()
    if expected[-1] == 0:
        assert counted == bad.sum()


def test_a_block_counts_every_sample(tmp_path: Path) -> None:
    samples = clean(rows=200, channels=4).astype(np.float64)
    samples[50:60, 1] = np.nan
    samples[55, 2] = 1e300  # more than float32 holds
    np.save(tmp_path / "a.npy", samples)
    recording = load_recording(describe(tmp_path), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert header_of(blocks(items)[0]).n_invalid == 11
    assert [finding.condition for finding in findings(items)] == ["not_a_number", "not_a_number", "recovered"]
    assert findings(items)[-1].count == 11
