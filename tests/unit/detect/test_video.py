"""The camera step: movers in made-up pictures become detections on the line; weather, light and faults do not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.detect.camera import Pose, places_of
from linewatch.detect.video import VideoSettings, VideoState, VideoStep
from linewatch.records import Block, Detections, Health, Record, Tick
from linewatch.records.state import freeze, thaw
from linewatch.signals.picture_cells import picture_shape
from linewatch.site.model import Line
from linewatch.site.sensor import Sensor

ROWS, COLUMNS, RATE_HZ = 90, 120, 10.0
# Due east along the parallel; the camera stands 5 m on the approach side (north) and looks along the line.
LINE = Line("main", 340.0, coordinates_deg=((21.0, 52.0), (21.005, 52.0)))
SENSOR = Sensor("cam-1", "camera", "main", at_m=50.0, offset_m=5.0, range_m=80.0, azimuth_deg=90.0, fov_deg=60.0)
CHOSEN = VideoSettings(height_m=5.0, tilt_deg=12.0, warm_up_frames=10)
POSE = Pose(5.0, 12.0, 60.0, ROWS, COLUMNS)
TICK = Tick(0, 0, 0, 1)
Frames = NDArray[np.float32]


def ground(n: int, seed: int = 1) -> Frames:
    rng = np.random.default_rng(seed)
    usual = rng.uniform(90.0, 130.0, (ROWS, COLUMNS))
    return (usual + rng.normal(0.0, 2.0, (n, ROWS, COLUMNS))).astype(np.float32)


def walk(frames: Frames, ahead_m: NDArray[np.float64], right_m: NDArray[np.float64], first: int = 20) -> Frames:
    """Draw a bright person of 1.7 m by 0.7 m into the frames from `first` on: the pinhole the other way round."""
    frames, tilt = frames.copy(), np.radians(POSE.tilt_deg)
    for frame, z, x in zip(frames[first:], ahead_m, right_m, strict=False):
        rows = []
        for drop in (POSE.height_m, POSE.height_m - 1.7):
            depth = z * np.cos(tilt) + drop * np.sin(tilt)
            rows.append(ROWS / 2 + POSE.focal_px * (drop * np.cos(tilt) - z * np.sin(tilt)) / depth)
        centre, half = COLUMNS / 2 + POSE.focal_px * x / depth, POSE.focal_px * 0.35 / depth
        frame[round(rows[1]) : round(rows[0]), round(centre - half) : round(centre + half)] = 200.0
    return frames


def blocks(frames: NDArray[np.generic], cuts: tuple[int, ...] = (), first: int = 0) -> list[Block]:
    flat = frames.reshape(len(frames), -1)
    edges = [0, *sorted(cuts), len(flat)]
    return [
        Block("main", "cam-1", 0, first + low, RATE_HZ, flat[low:high]) for low, high in pairwise(edges) if high > low
    ]


def watch(
    frames: NDArray[np.generic],
    cuts: tuple[int, ...] = (),
    chosen: VideoSettings = CHOSEN,
    sensor: Sensor = SENSOR,
    *,
    thawed: bool = False,
) -> list[Record]:
    step = VideoStep(sensor, LINE, chosen)
    state, out = step.initial(), []
    for block in blocks(frames, cuts):
        state, found = step.step(state, (block,), TICK)
        out += found
        if thawed:
            step, state = VideoStep(sensor, LINE, chosen), thaw(freeze(state), VideoState)
    return out


def detections(out: list[Record]) -> list[tuple[int, float, float | None]]:
    return [
        (d.time_ns, d.chainage_m, d.offset_m) for batch in out if isinstance(batch, Detections) for d in batch.rows()
    ]


def health(out: list[Record]) -> list[str]:
    return [record.condition for record in out if isinstance(record, Health) and record.condition != "dropped"]


STROLL = np.linspace(10.0, 14.0, 40), np.linspace(-2.0, 2.0, 40)


def test_a_walker_is_told_in_each_frame_where_he_walks() -> None:
    out = watch(walk(ground(60), *STROLL))
    rows = [d for batch in out if isinstance(batch, Detections) for d in batch.rows()]
    assert len(rows) == 39  # all but the first frame, in which he might have been a drop of rain
    for row, ahead_m, right_m in zip(rows, STROLL[0][1:], STROLL[1][1:], strict=True):
        # North is left of travel and outside: what is right of a camera that looks east lies towards the line.
        assert row.chainage_m == pytest.approx(50.0 + ahead_m, abs=3.0 * row.chainage_sigma_m)
        assert row.offset_m == pytest.approx(5.0 - right_m, abs=0.6)
        assert row.from_m <= row.chainage_m <= row.to_m
        assert 0.2 < row.chainage_sigma_m < 5.0
        assert row.strength_db > 20.0
    assert rows[0].duration_s == pytest.approx(0.2)
    assert [row.probability for row in rows[:5]] == sorted(row.probability for row in rows[:5])


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_whole_numbers_and_fractions_tell_the_same_movers(dtype: type) -> None:
    assert len(detections(watch(walk(ground(60), *STROLL).astype(dtype)))) == 39


@settings(max_examples=15)
@given(st.lists(st.integers(1, 59), max_size=6), st.booleans())
def test_cutting_the_pictures_anywhere_and_starting_again_change_nothing(cuts: list[int], thawed: bool) -> None:
    frames = walk(ground(60), *STROLL)
    assert detections(watch(frames, tuple(cuts), thawed=thawed)) == detections(watch(frames))


def test_a_camera_without_azimuth_says_somewhere_within_reach() -> None:
    out = watch(
        walk(ground(60), *STROLL), sensor=Sensor("cam-1", "camera", "main", at_m=50.0, range_m=80.0, fov_deg=60.0)
    )
    row = next(d for batch in out if isinstance(batch, Detections) for d in batch.rows())
    assert (row.chainage_m, row.from_m, row.to_m, row.offset_m) == (50.0, -30.0, 130.0, None)


def test_rain_is_not_told_and_is_counted() -> None:
    rng = np.random.default_rng(2)
    frames = ground(700)
    for frame in frames[20:]:
        y, x = rng.integers(30, ROWS - 20), rng.integers(0, COLUMNS - 4)
        frame[y : y + 16, x : x + 3] = 220.0
    out = watch(frames, chosen=VideoSettings(height_m=5.0, tilt_deg=12.0, least_frames=3))
    assert len(detections(out)) <= 7  # of 680 frames: two drops on one spot happen
    told = [record for record in out if isinstance(record, Health) and record.condition == "dropped"]
    assert told
    assert all("gone at once" in record.text for record in told)


def test_headlights_on_a_textured_wall_are_light_and_not_movers() -> None:
    rng = np.random.default_rng(3)
    frames = (rng.uniform(30.0, 120.0, (ROWS, COLUMNS)) + rng.normal(0.0, 2.0, (80, ROWS, COLUMNS))).astype(np.float32)
    for i, frame in enumerate(frames[30:]):
        frame[40:70, i : i + 30] *= 1.7
    assert detections(watch(frames)) == []


def test_clouds_are_no_movers() -> None:
    frames = ground(120) * (1.0 - 0.4 * np.sin(np.arange(120) / 10.0) ** 2)[:, None, None].astype(np.float32)
    assert detections(watch(frames.astype(np.float32))) == []


def test_a_light_switched_on_is_said_to_blind_and_to_be_over() -> None:
    frames = ground(80)
    frames[40:] = ground(40, seed=9)[:, ::-1] * 0.3 + 150.0
    frames[40:, :40] = 20.0
    out = watch(frames)
    assert detections(out) == []
    assert health(out) == ["common_mode", "recovered"]


def test_somebody_present_at_the_start_leaves_no_ghost_for_long() -> None:
    frames = walk(ground(80), np.full(25, 12.0), np.zeros(25), first=0)
    late = [time_ns for time_ns, _, _ in detections(watch(frames)) if time_ns > 3_500_000_000]
    assert late == []


def test_nobody_is_told_before_the_picture_is_learned() -> None:
    out = watch(walk(ground(12), *STROLL, first=2))
    assert all(time_ns >= 1_000_000_000 for time_ns, _, _ in detections(out))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_pixels_without_a_number_hide_nobody_and_make_nobody(bad: float) -> None:
    frames = walk(ground(60), *STROLL)
    frames[:, ::7, ::5] = bad
    found = detections(watch(frames))
    assert 30 <= len(found) <= 40
    quiet = ground(60)
    quiet[30:, :20] = bad
    assert detections(watch(quiet)) == []


def test_pixels_marked_bad_are_left_out() -> None:
    frames = walk(ground(60), *STROLL)
    (block,) = blocks(frames)
    hidden = Block("main", "cam-1", 0, 0, RATE_HZ, block.samples, valid=np.zeros(block.n_channels, bool))
    step = VideoStep(SENSOR, LINE, CHOSEN)
    _, out = step.step(step.initial(), (hidden,), TICK)
    assert detections(list(out)) == []


@pytest.mark.parametrize(
    "samples", [np.zeros((3, 7), np.int16), np.zeros((3, 1), np.int16), np.zeros((3, 0), np.int16)]
)
def test_a_picture_of_no_known_shape_is_told_once(samples: NDArray[np.int16]) -> None:
    step = VideoStep(SENSOR, LINE, CHOSEN)
    state, out = step.initial(), []
    for first in (0, 3):
        state, found = step.step(state, (Block("main", "cam-1", 0, first, RATE_HZ, samples),), TICK)
        out += found
    assert health(out) == ["wrong_shape"]


def test_a_picture_that_changes_its_size_is_learned_anew() -> None:
    step = VideoStep(SENSOR, LINE, CHOSEN)
    state, first = step.step(step.initial(), blocks(ground(20)), TICK)
    small = np.full((20, 45, 60), 100.0, np.float32)
    state, second = step.step(state, blocks(small, first=20), TICK)
    assert (health(list(first)), health(list(second))) == ([], ["wrong_shape"])


def test_what_sways_without_end_is_left_out_and_told() -> None:
    rng = np.random.default_rng(5)
    frames = ground(900)
    frames[30:, 30:60, 20:50] += 70.0 * (rng.random((870, 30, 1)) < 0.4)
    out = watch(frames)
    assert "noisy_channel" in health(out)
    assert [time_ns for time_ns, _, _ in detections(out) if time_ns > 60_000_000_000] == []


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [(320 * 240, (240, 320)), (960 * 540, (540, 960)), (176 * 144, (144, 176)), (384 * 288, (288, 384)), (7, None)],
)
def test_the_number_of_pixels_tells_the_shape(pixels: int, shape: tuple[int, int] | None) -> None:
    assert picture_shape(pixels) == shape


def test_no_number_of_pixels_fits_two_shapes() -> None:
    for pixels in range(200_000):
        shape = picture_shape(pixels)
        if shape is not None:
            assert shape[0] * shape[1] == pixels


@given(st.floats(2.0, 60.0), st.floats(-10.0, 10.0))
def test_a_point_on_the_ground_is_found_again_through_the_picture(ahead_m: float, right_m: float) -> None:
    tilt = np.radians(POSE.tilt_deg)
    depth = ahead_m * np.cos(tilt) + POSE.height_m * np.sin(tilt)
    x = COLUMNS / 2 + POSE.focal_px * right_m / depth
    y = ROWS / 2 + POSE.focal_px * (POSE.height_m * np.cos(tilt) - ahead_m * np.sin(tilt)) / depth
    np.testing.assert_allclose(np.array(POSE.ground_m(x, y)), (ahead_m, right_m), rtol=1e-6, atol=1e-6)


def test_above_the_horizon_there_is_no_ground_and_nobody_stands() -> None:
    horizon = ROWS / 2 - POSE.focal_px * np.tan(np.radians(POSE.tilt_deg))
    assert np.isnan(POSE.ground_m(60.0, horizon - 1.0)).all()
    upright = POSE.upright_px(1.7)
    assert (upright[: int(horizon)] == 0.0).all()
    assert (np.diff(upright[int(horizon) + 1 :]) > 0.0).all()


def test_places_turn_with_the_camera_and_grow_unsure_with_distance() -> None:
    south = Sensor("cam-1", "camera", "main", at_m=50.0, offset_m=30.0, range_m=80.0, azimuth_deg=180.0, fov_deg=60.0)
    left, right, foot = np.array([58.0, 58.0]), np.array([62.0, 62.0]), np.array([80.0, 50.0])
    places = places_of(POSE, south, LINE, left, right, foot, 1.0, 0.5)
    ahead_m, _ = POSE.ground_m(60.0, foot)
    np.testing.assert_allclose(places.chainage_m, 50.0, atol=0.01)
    np.testing.assert_allclose(places.offset_m, 30.0 - ahead_m, atol=0.01)
    assert places.offset_sigma_m[1] > 3.0 * places.offset_sigma_m[0]
    assert (places.half_extent_m > 0.0).all()
