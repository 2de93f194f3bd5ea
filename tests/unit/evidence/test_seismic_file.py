"""Clips of geophones as MiniSEED: read back by another program, sample by sample."""

import io
import warnings
from typing import Any

import numpy as np
import pytest

from linewatch.evidence.clip_file import ClipData
from linewatch.evidence.seismic_file import seismic_file
from linewatch.records import Block

T0_NS = 1_700_000_000_123_456_000


def block(first: int, samples: np.ndarray, rate_hz: float = 100.0, **more: object) -> Block:
    return Block("main", "geo-1", T0_NS, first, rate_hz, samples, **more)  # type: ignore[arg-type]


def clip(*blocks: Block) -> ClipData:
    ticked = tuple(enumerate(blocks))
    return ClipData(sensor="geo-1", kind="geophone", blocks=ticked, all_channels=True, state_tick=None, states={})


def streams(raw: bytes) -> dict[str, list[Any]]:
    """Traces by stream, as ObsPy reads them."""
    found: dict[str, list[Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what ObsPy itself leans on
        import obspy  # noqa: PLC0415 - for the same reason

        traces = obspy.read(io.BytesIO(raw), format="MSEED")
    for trace in traces:
        found.setdefault(trace.id, []).append(trace)
    return found


@pytest.mark.parametrize("counts", [True, False])
def test_every_sample_and_every_time_comes_back(counts: bool) -> None:
    made = np.random.default_rng(0).normal(0.0, 3000.0, (900, 1)).astype(np.float32)
    samples = np.rint(made) if counts else made
    raw = seismic_file(clip(block(0, samples[:400]), block(400, samples[400:700]), block(1000, samples[700:])))
    (traces,) = streams(raw).values()
    assert traces[0].id == "XX.GEO1.00.EPZ"
    assert [len(trace) for trace in traces] == [700, 200]
    np.testing.assert_array_equal(np.concatenate([t.data for t in traces]), samples[:, 0])
    assert [t.stats.starttime.ns for t in traces] == [T0_NS, T0_NS + 10 * 10**9]
    assert traces[0].data.dtype == (np.int32 if counts else np.float32)


def test_what_is_no_number_stays_none_and_a_bad_channel_is_left_out() -> None:
    samples = np.ones((200, 3), np.float32)
    samples[50:60, 0] = np.nan
    raw = seismic_file(clip(block(0, samples, 500.0, valid=np.array([True, False, True]))))
    found = streams(raw)
    assert sorted(found) == ["XX.GEO1.00.DPZ", "XX.GEO1.02.DPZ"]
    assert np.isnan(found["XX.GEO1.00.DPZ"][0].data[50:60]).all()


def test_a_step_from_end_to_end_of_the_range_is_kept() -> None:
    samples = np.array([[-(2.0**24) + 1], [2.0**24 - 1]] * 200, np.float32)
    (traces,) = streams(seismic_file(clip(block(0, samples)))).values()
    np.testing.assert_array_equal(traces[0].data, samples[:, 0])
