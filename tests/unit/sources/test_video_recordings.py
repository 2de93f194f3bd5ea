"""Files of video as recordings: the same pictures however they are looked at."""

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
from tests.rtsp_server import walker, write_clip
from tests.unit.sources.scenes import START, S, write_toml
from tests.unit.sources.test_video import SITE

PIXELS = 48 * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("video")
    write_clip(made / "a.mp4", walker(20, 96, 128))
    write_clip(made / "b.mp4", walker(15, 96, 128, seed=1))
    (made / "torn.mp4").write_bytes((made / "a.mp4").read_bytes()[:400])
    return made


def described(folder: Path, name: str = "recording.toml", **keys: Any) -> Path:
    facts = {"sensor": "cam-1", "data": ["a.mp4", "b.mp4"], "format": "video", "start": START, **keys}
    return write_toml(folder / name, facts)


@pytest.fixture
def factory(folder: Path) -> Callable[[], Recording]:
    part = [{"data": ["b.mp4"], "start": "2021-11-18T00:00:10Z"}]
    file = described(folder, part=part)
    return lambda: load_recording(file, SITE)


def test_pictures_are_small_grey_and_even(factory: Callable[[], Recording]) -> None:
    opened = factory()
    items = list(opened.poll(opened.end_ns))
    blocks = [item for item in items if isinstance(item, Block)]
    assert [(block.n_samples, block.n_channels, block.rate_hz) for block in blocks] == [
        (20, PIXELS, 10.0),
        (15, PIXELS, 10.0),
        (15, PIXELS, 10.0),
    ]
    small = walker(20, 96, 128).reshape(20, 48, 2, 64, 2).mean(axis=(2, 4)).reshape(20, -1)
    assert float(np.abs(blocks[0].samples - small).mean()) < 3.0
    (gap,) = [item for item in items if isinstance(item, Health)]
    assert gap.condition == "gap" and (gap.until_ns or 0) - gap.time_ns == 65 * S // 10


def test_it_passes_the_whole_suite(factory: Callable[[], Recording]) -> None:
    opened = factory()
    assert "check_resume" in run_checks(factory, Span(opened.start_ns, opened.end_ns))


def test_a_torn_file_later_on_is_told(folder: Path) -> None:
    opened = load_recording(described(folder, "torn.toml", data=["a.mp4", "torn.mp4"]), SITE)
    items = list(opened.poll(opened.end_ns))
    assert [item.condition for item in items if isinstance(item, Health)] == ["unreadable"]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"sensor": "pir-1"}, "cam-1"),
        ({"data": ["gone.mp4"]}, "a file in"),
        ({"data": ["torn.mp4"]}, "a file of video that can be read"),
        ({"channels": 3}, "has no use for it"),
    ],
)
def test_a_wrong_description_is_one_clear_error(folder: Path, keys: dict[str, Any], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        load_recording(described(folder, "wrong.toml", **keys), SITE)
    assert named in str(raised.value)
