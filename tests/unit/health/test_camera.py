"""A camera that loses its view says so within a second, with the right word, and stays quiet otherwise."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from linewatch.health.camera import CameraHealthSettings, CameraHealthStep
from linewatch.records import Block, Tick
from linewatch.records.state import freeze, thaw
from tests.strategies import T0_NS
from tests.unit.health.cameras import CAMERA, HEIGHT, RATE_HZ, WIDTH, Picture, findings, scene, watched

S = 1_000_000_000
Change = Callable[[Picture, float], Picture]


NOISE = np.random.default_rng(5)


def noisy(picture: Picture) -> Picture:
    return np.clip(np.rint(picture + NOISE.normal(0, 1.5, picture.shape)), 0, 255).astype(np.float32)


def bloom(picture: Picture, at_x: float = 0.5) -> Picture:
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    apart = np.hypot(columns - at_x * WIDTH, rows - 0.5 * HEIGHT)
    return np.clip(picture + 255.0 * (22.0 / np.maximum(apart, 1.0)) ** 2, 0, 255).astype(np.float32)


def dazzle(picture: Picture, since_s: float) -> Picture:
    return bloom(picture)


def strobe(picture: Picture, since_s: float) -> Picture:
    return bloom(picture) if (since_s * 4.0) % 1.0 < 0.5 else picture


def cover(picture: Picture, since_s: float) -> Picture:
    return noisy(np.full_like(picture, 25.0))


def defocus(picture: Picture, since_s: float) -> Picture:
    return noisy(ndimage.uniform_filter(picture, 5))


def fog(picture: Picture, since_s: float) -> Picture:
    return noisy(0.15 * picture + 0.85 * 190.0)


def darkness(picture: Picture, since_s: float) -> Picture:
    return noisy(0.07 * picture)


def turn(picture: Picture, since_s: float) -> Picture:
    return noisy(np.roll(scene(), 45, axis=1))


def freeze_picture() -> Change:
    held: list[Picture] = []

    def change(picture: Picture, since_s: float) -> Picture:
        held.append(picture)
        return held[0]

    return change


KINDS: list[tuple[str, Change]] = [
    ("dazzled", dazzle),
    ("strobed", strobe),
    ("covered", cover),
    ("defocused", defocus),
    ("fogged", fog),
    ("dark", darkness),
    ("moved", turn),
    ("frozen", freeze_picture()),
]


@pytest.mark.parametrize(("kind", "change"), KINDS, ids=[kind for kind, _ in KINDS])
def test_every_way_of_losing_a_view_is_told_within_a_second_by_its_name(kind: str, change: Change) -> None:
    told = findings(watched(4.1, change))
    assert [health.condition for health in told] == [kind]
    assert told[0].severity in ("failed", "degraded")
    assert abs(told[0].time_ns - (T0_NS + 3 * S)) <= 0.3 * S


def test_an_untouched_view_says_nothing() -> None:
    assert findings(watched(20.0)) == []


def test_a_passer_by_who_covers_a_quarter_of_the_picture_is_no_blinding() -> None:
    def pass_by(picture: Picture, since_s: float) -> Picture:
        left = int(min(since_s * 40, WIDTH - 40))
        picture = picture.copy()
        picture[:, left : left + 40] = 60.0 + 20.0 * np.sin(np.arange(40))
        return noisy(picture)

    assert findings(watched(8.0, pass_by)) == []


def test_a_lamp_that_is_switched_on_is_no_blinding() -> None:
    assert findings(watched(8.0, lambda picture, since_s: np.minimum(1.15 * picture, 245.0))) == []


def test_a_view_that_is_back_is_told_to_be_so() -> None:
    told = findings(watched(9.0, lambda picture, since_s: cover(picture, since_s) if since_s < 2 else picture))
    assert [(health.condition, health.ends) for health in told] == [("covered", None), ("recovered", "covered")]


def test_a_frozen_picture_on_which_a_clock_goes_on_is_still_frozen() -> None:
    hold = freeze_picture()

    def with_clock(picture: Picture, since_s: float) -> Picture:
        frozen = hold(picture, since_s).copy()
        frozen[:5, :12] = 255.0 * ((int(since_s * RATE_HZ) + np.arange(12)) % 2)
        return frozen

    assert [health.condition for health in findings(watched(4.5, with_clock))] == ["frozen"]


def test_a_partial_dazzle_leaves_a_share_and_says_from_where_the_light_comes() -> None:
    told = findings(watched(4.1, lambda picture, since_s: bloom(picture, at_x=0.75)))[0]
    assert told.remaining_fraction is not None and 0.3 < told.remaining_fraction < 1.0
    # A quarter of the picture right of its middle, with a focal length of half a width over tan 30 degrees.
    assert told.bearing_deg == pytest.approx(90.0 + np.degrees(np.arctan(0.5 * np.tan(np.radians(30.0)))), abs=1.5)
    assert told.bearing_sigma_deg is not None and 1.0 <= told.bearing_sigma_deg < 5.0


def test_how_pictures_are_put_into_blocks_changes_nothing() -> None:
    pictures = watched(5.0, strobe)
    assert findings(pictures, (1,)) == findings(pictures, (3, 1, 7)) == findings(pictures, (50,))


def test_a_state_that_was_frozen_and_thawed_goes_on_as_if_nothing_had_been() -> None:
    pictures = watched(4.1, fog)
    step = CameraHealthStep(CAMERA, CameraHealthSettings())
    state, out = step.initial(), []
    for number, picture in enumerate(pictures):
        block = Block("main", CAMERA.id, T0_NS, number, RATE_HZ, picture.reshape(1, -1))
        state, found = step.step(thaw(freeze(state), step.state_type), (block,), Tick(number, 0, 0, 1))
        out += list(found)
    assert out == findings(pictures)


def test_pictures_of_a_shape_that_nobody_knows_are_left_to_the_detector() -> None:
    step = CameraHealthStep(CAMERA, CameraHealthSettings())
    block = Block("main", CAMERA.id, T0_NS, 0, RATE_HZ, np.zeros((5, 1237), np.float32))
    assert step.step(step.initial(), (block,), Tick(0, 0, 0, 1))[1] == ()
