"""A pass is found by what was felt there and then, and chance is measured beside it."""

from linewatch.records import Detection, batch_of
from linewatch.site.walk_passes import Pass, PassGates, score_passes
from tests.strategies import T0_NS

S = 1_000_000_000


def felt(seconds: float, chainage_m: float, probability: float = 0.9, sigma_m: float = 2.0) -> Detection:
    return Detection(
        line="main",
        sensor="f1",
        time_ns=T0_NS + round(seconds * S),
        duration_s=1.0,
        chainage_m=chainage_m,
        chainage_sigma_m=sigma_m,
        from_m=chainage_m - 5.0,
        to_m=chainage_m + 5.0,
        strength_db=20.0,
        probability=probability,
    )


def crossing(seconds: float, chainage_m: float) -> Pass:
    return Pass(T0_NS + round(seconds * S), chainage_m)


def test_a_pass_is_found_by_a_detection_near_it_in_time_and_place() -> None:
    passes = [crossing(100, 50), crossing(200, 50), crossing(300, 50), crossing(400, 50)]
    batch = batch_of("main", [felt(98, 60), felt(200, 150), felt(330, 50), felt(401, 50, probability=0.2)])
    assert score_passes(passes, "main", [batch], ()).found == (True, False, False, False)


def test_a_place_that_is_not_sure_of_itself_may_be_further_away() -> None:
    batch = batch_of("main", [felt(100, 110, sigma_m=20.0)])
    assert score_passes([crossing(100, 50)], "main", [batch], ()).found == (True,)


def test_what_chance_finds_is_counted_at_moments_at_which_nobody_crossed() -> None:
    everywhere = batch_of("main", [felt(second, 50) for second in range(0, 400, 5)])
    score = score_passes([crossing(200, 50)], "main", [everywhere], ())
    assert (score.controls, score.controls_found) == (2, 2)


def test_the_next_pass_is_no_control_of_this_one() -> None:
    passes = [crossing(100, 50), crossing(100 + PassGates().control_s, 50)]
    assert score_passes(passes, "main", [], ()).controls == 2


def test_another_line_finds_nothing_here() -> None:
    assert score_passes([crossing(100, 50)], "other", [batch_of("main", [felt(100, 50)])], ()).found == (False,)
