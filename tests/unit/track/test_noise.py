"""What is known of false detections: nothing from one or two, and in numbers it lets the silence of all count."""

import numpy as np

from linewatch.track.noise import DENSE_ALIKE, DENSE_PER_M_S, NoiseFloor
from linewatch.track.performance import SILENCE_ALIKE, Watch
from tests.sites import fence_site

SITE = fence_site()
WATCH = Watch(SITE, "main")
LENGTH_M = SITE.line("main").length_m


def floor() -> NoiseFloor:
    return NoiseFloor(WATCH, [SITE.sensor(sensor).kind for sensor in WATCH.ids], (0.0, LENGTH_M))


def heard(at_per_m_s: float, seconds: float) -> np.ndarray:
    """So dense in each kind, after so long."""
    noise = floor().initial()
    noise[:-1], noise[-1] = at_per_m_s, seconds
    return noise


def test_before_anything_is_heard_silence_counts_as_everywhere() -> None:
    assert floor().silence_share(floor().initial()) < SILENCE_ALIKE + 0.01


def test_one_or_two_false_detections_are_no_noise_and_many_are() -> None:
    few = 0.1 / LENGTH_M
    assert floor().silence_share(heard(few, 1.0)) == floor().silence_share(floor().initial())
    assert floor().silence_share(heard(few, 30.0)) > floor().silence_share(floor().initial())


def test_where_false_detections_are_dense_the_silence_of_all_counts_and_no_more_than_that() -> None:
    assert floor().silence_share(heard(DENSE_PER_M_S, 30.0)) == DENSE_ALIKE
    assert floor().silence_share(heard(100.0 * DENSE_PER_M_S, 30.0)) == DENSE_ALIKE


def test_what_only_reports_events_is_expected_to_speak_less_often_than_what_looks_all_the_time() -> None:
    speaks = WATCH.silence_per_s > 0.0
    assert speaks.any() and (~speaks).any()
    assert (WATCH.detect[speaks] > 0.2).all() and (WATCH.detect[~speaks] <= 0.2).all()
