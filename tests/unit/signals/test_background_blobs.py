"""Blobs against a plain twin (scipy's labels), and how people abreast and behind each other are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from linewatch.signals.blobs import BlobSettings, ages_of, find_blobs

PLAIN = BlobSettings(gap_rows=0, gap_columns=0, least_px=1)
Mask = NDArray[np.uint8]


def people(height: int = 60, width: int = 80, *feet: tuple[int, int]) -> Mask:
    """Bodies of 20 x 8 pixels above feet given as (x, y): a head, a trunk, two legs."""
    mask = np.zeros((height, width), np.uint8)
    for x, y in feet:
        mask[y - 20 : y - 15, x - 2 : x + 2] = 1
        mask[y - 15 : y - 7, x - 4 : x + 4] = 1
        mask[y - 7 : y, x - 4 : x - 1] = 1
        mask[y - 7 : y, x + 1 : x + 4] = 1
    return mask


def person_px(mask: Mask, px: float = 20.0) -> NDArray[np.float64]:
    return np.full(mask.shape[0] + 1, px)


@given(st.integers(1, 20), st.integers(1, 40), st.floats(0.05, 0.8), st.integers(0, 10_000))
def test_blobs_agree_with_the_twin(height: int, width: int, density: float, seed: int) -> None:
    mask = (np.random.default_rng(seed).random((height, width)) < density).astype(np.uint8)
    blobs, cleaned = find_blobs(mask, np.zeros(height + 1), PLAIN)
    around = ndimage.convolve(mask.astype(int), np.ones((3, 3), int), mode="constant")
    np.testing.assert_array_equal(cleaned, around >= 5)
    labels, n = ndimage.label(around >= 5, structure=np.ones((3, 3)))
    want = sorted(
        (c.start, r.start, c.stop, r.stop, int((labels == k + 1).sum()))
        for k, (r, c) in enumerate(ndimage.find_objects(labels))
    )
    found = sorted((*map(int, box), int(p)) for box, p in zip(blobs.boxes, blobs.pixels, strict=True))
    assert len(blobs) == n
    assert found == want


def test_an_empty_mask_has_no_blob() -> None:
    for shape in ((0, 0), (5, 0), (0, 5), (5, 7)):
        blobs, _ = find_blobs(np.zeros(shape, np.uint8), np.zeros(shape[0] + 1), BlobSettings())
        assert len(blobs) == 0


def test_one_person_is_one_blob_with_a_tight_box() -> None:
    mask = people(60, 80, (30, 50))
    blobs, _ = find_blobs(mask, person_px(mask), BlobSettings())
    assert len(blobs) == 1
    np.testing.assert_allclose(blobs.boxes[0], (26, 30, 34, 50), atol=1)


def test_people_abreast_are_cut_between_them() -> None:
    mask = people(60, 80, (20, 50), (31, 50), (42, 50))
    mask[36:40, 20:42] = 1  # hand in hand
    blobs, _ = find_blobs(mask, person_px(mask), BlobSettings())
    assert len(blobs) == 3
    assert set(blobs.component.tolist()) == {0}
    np.testing.assert_allclose(blobs.boxes[:, [0, 2]].mean(axis=1), (20, 31, 42), atol=1.5)


def test_people_behind_each_other_are_cut_at_the_height_of_one() -> None:
    mask = people(60, 80, (30, 32), (31, 52))
    blobs, _ = find_blobs(mask, person_px(mask), BlobSettings())
    assert sorted(blobs.boxes[:, 3].tolist()) == pytest.approx([32, 52], abs=1)


def test_a_belt_like_the_background_does_not_part_a_person() -> None:
    mask = people(60, 80, (30, 50))
    mask[41:44] = 0
    blobs, _ = find_blobs(mask, person_px(mask), BlobSettings())
    assert len(blobs) == 1


def test_where_nobody_can_stand_nothing_is_cut() -> None:
    mask = people(60, 80, (30, 50), (38, 50), (46, 50))
    blobs, _ = find_blobs(mask, np.zeros(61), BlobSettings())
    assert len(blobs) == 1


def test_a_rope_and_drops_are_left_out_and_counted() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[30, :] = 1
    mask[5:8, 5:8] = 1
    blobs, _ = find_blobs(mask, person_px(mask), BlobSettings())
    assert (len(blobs), blobs.small) == (0, 1)


def test_more_than_can_be_looked_at_is_said_to_be_so() -> None:
    mask = np.tile(np.kron(np.eye(2, dtype=np.uint8), np.ones((3, 3), np.uint8)), (40, 40))
    blobs, _ = find_blobs(mask, np.zeros(241), BlobSettings(least_px=1, least_of_nine=9))
    assert blobs.overflow


@given(st.integers(0, 300))
def test_any_mask_gives_boxes_inside_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = (ndimage.uniform_filter(rng.random((48, 64)), 5) > rng.uniform(0.45, 0.55)).astype(np.uint8)
    blobs, _ = find_blobs(mask, np.linspace(0.0, 30.0, 49), BlobSettings())
    assert (blobs.boxes[:, :2] >= 0).all()
    assert (blobs.boxes[:, :2] < blobs.boxes[:, 2:]).all()
    assert (blobs.boxes[:, 2:] <= (64, 48)).all()


def test_ages_follow_what_overlaps() -> None:
    before, ages = np.array([[0, 0, 10, 10], [8, 0, 20, 10]]), np.array([3, 7])
    boxes = np.array([[9, 5, 12, 12], [30, 0, 40, 10], [0, 9, 5, 12], [0, 10, 5, 12]])
    assert ages_of(boxes, before, ages).tolist() == [8, 1, 4, 1]
    assert ages_of(boxes, np.zeros((0, 4), np.int64), np.zeros(0, np.int64)).tolist() == [1] * 4


def test_sizes_that_do_not_fit_the_mask_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"a mask of 5 rows needs \(6,\)"):
        find_blobs(np.zeros((5, 5), np.uint8), np.zeros(5), BlobSettings())
