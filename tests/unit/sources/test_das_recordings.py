"""Files of fibre interrogators as recordings: one count of samples over all of them, and what is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linewatch.errors import SiteError
from linewatch.ports import Recording
from linewatch.records import Block, Health
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.recording import load_recording
from tests.das_files import write_das
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, write_toml

CHANNELS = 4


def samples(rows: int, seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(0.0, 100.0, (rows, CHANNELS)).astype(np.float32)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files that follow each other, a missing one, a broken one, one more, in another order than that of time."""
    folder = tmp_path_factory.mktemp("das")
    write_das(folder / "c.h5", samples(100, 2), T0_NS + 3 * S, 100.0)
    write_das(folder / "a.h5", samples(100, 0), T0_NS, 100.0)
    write_das(folder / "b.h5", samples(100, 1), T0_NS + S, 100.0)
    (folder / "broken.h5").write_bytes(b"no file at all")
    data = ["c.h5", "a.h5", "b.h5", "broken.h5"]
    return write_toml(folder / "recording.toml", {"sensor": "fence-1", "data": data, "format": "das"})


def test_files_are_read_in_order_of_their_times_and_what_is_missing_is_told(recording: Path) -> None:
    opened = load_recording(recording, bench_site(CHANNELS))
    items = list(opened.poll(opened.end_ns))
    blocks = [item for item in items if isinstance(item, Block)]
    expected = np.concatenate([samples(100, seed) for seed in range(3)])
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), expected)
    assert [(h.condition, h.time_ns) for h in items if isinstance(h, Health)] == [
        ("unreadable", T0_NS),
        ("gap", T0_NS + 2 * S),
    ]


@pytest.fixture
def factory(recording: Path) -> Callable[[], Recording]:
    return lambda: load_recording(recording, bench_site(CHANNELS))


def test_it_passes_the_whole_suite(factory: Callable[[], Recording]) -> None:
    opened = factory()
    assert "check_resume" in run_checks(factory, Span(opened.start_ns, opened.end_ns))


def test_a_real_file_is_a_recording(shared_data: Path, tmp_path: Path) -> None:
    name = str(shared_data / "das_formats_dascore" / "terra15_v5_test_file.hdf5")
    file = write_toml(tmp_path / "recording.toml", {"sensor": "fence-1", "data": [name], "format": "das"})
    opened = load_recording(file, bench_site(43))
    (block,) = opened.poll(opened.end_ns)
    assert isinstance(block, Block) and block.samples.shape == (2060, 43)


@pytest.mark.parametrize(
    ("keys", "channels", "named"),
    [
        ({}, 5, "4 channels"),
        ({"data": ["gone.h5"]}, 4, "a file in"),
        ({"data": ["broken.h5"]}, 4, "at least one file that can be read"),
        ({"rate_hz": 100.0}, 4, "has no use for it"),
    ],
)
def test_a_wrong_description_is_one_clear_error(
    recording: Path, keys: dict[str, Any], channels: int, named: str
) -> None:
    facts = {"sensor": "fence-1", "data": ["a.h5"], "format": "das", **keys}
    file = write_toml(recording.parent / "wrong" / "wrong.toml", facts)
    moved = file.rename(recording.parent / "wrong.toml")
    with pytest.raises(SiteError) as raised:
        load_recording(moved, bench_site(channels))
    assert named in str(raised.value)
