"""Clips as files, and the pictures drawn from them."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from linewatch.errors import InputError
from linewatch.evidence.clip_file import ClipData, of_channels, read_clip, write_clip
from linewatch.evidence.pictures import people_blurred, pictures_of
from linewatch.records import Block, ClipRequest
from linewatch.site.sensor import Sensor

REQUEST = ClipRequest("r1", "i1", "fence-1", 0, 10_000_000_000)
SENSOR = Sensor(id="fence-1", kind="fibre_vibration", line="main", from_m=0.0, to_m=40.0, channels=40)


def block(first_sample: int, rows: int = 250, channels: int = 40, dtype: type = np.int16) -> Block:
    rng = np.random.default_rng(first_sample)
    return Block("main", "fence-1", 7, first_sample, 1000.0, rng.normal(0, 50, (rows, channels)).astype(dtype))


def clip(blocks: list[Block], **fields: object) -> ClipData:
    told = {"sensor": "fence-1", "kind": "fibre_vibration", "all_channels": True, "state_tick": 3, "states": {}}
    ticked = tuple((n + 4, each) for n, each in enumerate(blocks))
    return ClipData(blocks=ticked, **{**told, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_clip_comes_back_tick_by_tick_and_bit_by_bit(tmp_path: Path, dtype: type) -> None:
    blocks = [block(n * 250, dtype=dtype) for n in range(8)]
    blocks.append(block(9_000, dtype=dtype))  # after a break
    kept = clip(blocks, states={"fence-1": b"\x00state", "fence-1/health": b""}, chainage_m=np.arange(40.0))
    write_clip(tmp_path / "a.h5", REQUEST, SENSOR, kept)
    again = read_clip(tmp_path / "a.h5")
    assert again.states == kept.states and again.state_tick == 3 and again.all_channels
    assert [tick for tick, _ in again.blocks] == [tick for tick, _ in kept.blocks]
    for (_, one), (_, other) in zip(again.blocks, kept.blocks, strict=True):
        assert one.start_ns == other.start_ns and one.samples.dtype == other.samples.dtype
        assert one.samples.tobytes() == other.samples.tobytes()


def test_the_same_samples_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_clip(tmp_path / name, REQUEST, SENSOR, clip([block(n * 250) for n in range(8)], states={"x": b"1"}))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_another_program_reads_samples_rate_and_start(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.h5", REQUEST, SENSOR, clip([block(n * 250) for n in range(8)]))
    with h5py.File(tmp_path / "a.h5") as file:
        samples = file["samples_0"]
        assert samples.shape == (2000, 40) and samples.attrs["rate_hz"] == 1000.0
        assert samples.attrs["start"] == "1970-01-01T00:00:00.000000007Z"


@pytest.mark.parametrize("content", [b"", b"no clip at all"])
def test_what_is_no_clip_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.h5: found no clip .* allowed: a file of format"):
        read_clip(tmp_path / "a.h5")


def test_channels_are_cut_out_where_a_block_has_them() -> None:
    cut = of_channels(block(0), 30, 20)
    assert cut is not None and (cut.first_channel, cut.n_channels) == (30, 10)
    assert np.array_equal(cut.samples, block(0).samples[:, 30:])
    assert of_channels(block(0), 40, 5) is None


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_waterfall_is_bright_where_and_when_it_shook() -> None:
    blocks = [block(n * 250) for n in range(16)]
    blocks[12].samples[:, 30:35] *= 40
    waterfall, spectrogram = pictures_of(clip(blocks), 0)
    assert (waterfall.kind, spectrogram.kind) == ("waterfall", "spectrogram")
    seen = pixels(waterfall.png).astype(int).sum(axis=2)
    high, wide = seen.shape
    # Channel 32 of 40 counts upwards from the foot, the 13th of 16 blocks from the left.
    row, column = round(high * (1 - 32.5 / 40)), round(wide * 12.5 / 16)
    assert seen[row, column] > 600 > 2 * seen[row, wide // 4] and seen[high // 4 * 3, column] < 300


def test_nobody_can_be_told_apart_in_a_blurred_picture() -> None:
    rng = np.random.default_rng(1)
    usual = np.full((240, 320), 90, dtype=np.uint8)
    grey = usual.copy()
    face = rng.integers(0, 255, (24, 18)).astype(np.uint8)
    grey[100:124, 150:168] = face
    blurred = np.asarray(people_blurred(grey, usual))
    left = blurred[100:124, 150:168]
    assert blurred.shape == grey.shape
    # What is left of the face is a handful of grey levels, one for each block.
    assert len(np.unique(left)) <= 12 and len(np.unique(face)) > 100
    assert abs(int(blurred[10, 10]) - 90) <= 1


def test_a_camera_shows_the_frame_of_the_raising_with_one_before_and_one_after() -> None:
    frames = np.zeros((100, 240 * 320), dtype=np.int16)
    frames[:] = np.arange(100)[:, None]
    camera = Block("main", "cam-1", 0, 0, 10.0, frames)
    shown = pictures_of(clip([camera], sensor="cam-1", kind="camera"), 5_000_000_000)
    assert [each.title for each in shown] == ["-2.0 s", "+0.0 s", "+2.0 s"]
    assert [int(pixels(each.png)[0, 0]) for each in shown] == [30, 50, 70]
    assert all("blurred" in each.title for each in pictures_of(clip([camera], kind="camera"), 0, blurred=True))
