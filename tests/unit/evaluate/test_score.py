"""The score: perfect for the truth itself, nothing for what is out of the gates, and right on cases made by hand."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from linewatch.errors import InputError, SiteError
from linewatch.evaluate import Gates, ScoreSettings, gospa, gospa_over_time, ideal_incidents, load_of, read_truth, score
from linewatch.records import ACTS, MOVERS, Incident, Track, Truth, line_of_json
from linewatch.site.model import Line, Place, Section, Site
from linewatch.site.sensor import Sensor

S = 1_000_000_000
T0 = 1_637_272_800 * S
SITE = Site(
    "made",
    "UTC",
    (
        Line(
            "main",
            2_000.0,
            sections=(Section("S01", "main", 0.0, 1_000.0), Section("S02", "main", 1_000.0, 2_000.0)),
            places=(Place("Gate", "gate", 500.0),),
        ),
    ),
    (
        Sensor("cam", "camera", "main", at_m=500.0, range_m=200.0),
        Sensor("fibre", "fibre_das", "main", from_m=0.0, to_m=2_000.0, channels=200),
    ),
)
DAY = (T0, T0 + 86_400 * S)


def event(name: str, at_m: float = 500.0, start_s: float = 100.0, **changes: Any) -> Truth:
    start_ns, end_ns = T0 + round(start_s * S), T0 + round((start_s + 60.0) * S)
    wide_m = 0.3 * changes.get("count", 1)
    values: dict[str, Any] = {
        "mover": "person",
        "act": "none",
        "count": 1,
        "detectable_ns": start_ns + 5 * S,
        "line": "main",
        "gait": "walk",
    }
    values |= changes
    path = tuple(
        (t, at_m, y, at_m - wide_m, at_m + wide_m, values["count"]) for t, y in ((start_ns, 40.0), (end_ns, -20.0))
    )
    return Truth(event=name, start_ns=start_ns, end_ns=end_ns, path=path, **values)


STORY = (
    event("walker"),
    event("crawler", 900.0, 200.0, gait="crawl"),
    event("crowd", 1_500.0, 300.0, mover="group", count=500),
    event("truck", 1_500.0, 290.0, mover="vehicle", gait=None),
    event("deer", 300.0, 400.0, mover="animal", gait=None),
    event("patrol", 700.0, 100.0, mover="group", count=2, known=True),
    event("laser", 1_200.0, 500.0, mover=None, count=0, gait=None, concern="blinded"),
    event("cold", 100.0, 600.0, concern="distress"),
)


def changed(incident: Incident, **values: Any) -> Incident:
    return msgspec.structs.replace(incident, **values)


def test_the_truth_scored_against_itself_is_perfect() -> None:
    result = score(ideal_incidents(STORY, SITE), STORY, SITE, span_ns=DAY)
    assert all(row["share"] == 1.0 for row in result["pd"].values())
    assert result["seen"]["count"] == 0
    assert result["events_never_shown"] == 0
    assert result["location"]["max"] == 0.0
    assert result["latency"]["contact_s"]["max"] == 0.0
    assert result["count"]["share"] == 1.0
    assert (result["groups"]["n"], result["groups"]["right"]) == (1, 1)
    assert (result["distress"]["n"], result["distress"]["found"], result["distress"]["false"]) == (1, 1, 0)
    assert result["harmless_rightly_named"] == 2
    json.dumps(result)


@pytest.mark.parametrize("shift", [{"shift_m": 5_000.0}, {"shift_s": 3_600.0}])
def test_shifted_by_more_than_the_gate_it_scores_zero(shift: dict[str, float]) -> None:
    result = score(ideal_incidents(STORY, SITE, **shift), STORY, SITE, span_ns=DAY)
    assert all(row["found"] == 0 for row in result["pd"].values())
    assert result["events_never_shown"] == 6
    assert result["seen"]["count"] == 6
    assert (result["distress"]["found"], result["distress"]["false"]) == (0, 1)
    assert result["groups"]["right"] == 0


def test_just_inside_the_gate_counts_and_just_outside_does_not() -> None:
    (ideal,) = ideal_incidents(STORY[:1], SITE)
    width_m = ideal.to_m - ideal.from_m
    for gap_m, found in ((49.9, 1), (50.1, 0)):
        moved = changed(ideal, from_m=ideal.to_m + gap_m, to_m=ideal.to_m + gap_m + width_m)
        assert score([moved], STORY[:1], SITE)["pd"]["person"]["found"] == found
    late = changed(ideal, raised_ns=STORY[0].end_ns + 31 * S, updated_ns=STORY[0].end_ns + 31 * S)
    assert score([late], STORY[:1], SITE)["pd"]["person"]["found"] == 0


def test_the_gates_can_be_set() -> None:
    (ideal,) = ideal_incidents(STORY[:1], SITE)
    moved = changed(ideal, from_m=ideal.from_m + 20.0, to_m=ideal.to_m + 20.0)
    strict = ScoreSettings(gates=Gates(place_m=5.0))
    assert score([moved], STORY[:1], SITE)["pd"]["person"]["found"] == 1
    assert score([moved], STORY[:1], SITE, settings=strict)["pd"]["person"]["found"] == 0


def test_a_movement_never_finds_a_laser_and_an_outage_never_finds_a_walker() -> None:
    laser, walker = event("laser", mover=None, concern="blinded", count=0), event("walker")
    (of_laser,), (of_walker,) = ideal_incidents([laser], SITE), ideal_incidents([walker], SITE)
    assert score([of_walker], [laser], SITE)["pd"]["blinded"]["found"] == 0
    assert score([of_laser], [walker], SITE)["pd"]["person"]["found"] == 0


def test_an_alarm_without_cause_is_false_and_an_animal_called_person_is_a_nuisance() -> None:
    deer = STORY[4]
    (ideal,) = ideal_incidents([deer], SITE)
    as_person = changed(ideal, kind="crossing", mover="person", priority=2)
    ghost = changed(as_person, id="ghost", chainage_m=1_900.0, from_m=1_899.0, to_m=1_901.0)
    result = score([as_person, ghost], [deer], SITE, span_ns=DAY)
    assert (result["false"]["count"], result["nuisance"]["count"], result["seen"]["count"]) == (1, 1, 2)
    assert result["nuisance_km_day"] == pytest.approx(1.0)  # 2 on 2 km in one day
    assert result["seen"]["low"] < 1.0 < result["seen"]["high"]


def test_a_note_that_interrupts_nobody_is_counted_apart() -> None:
    (ideal,) = ideal_incidents(STORY[4:5], SITE)
    note = changed(ideal, id="gust", kind="nuisance", chainage_m=1_900.0, from_m=1_899.0, to_m=1_901.0)
    result = score([note], (), SITE, span_ns=DAY)
    assert (result["seen"]["count"], result["unexplained_notes"]) == (0, 1)
    assert result["load"]["interruptions"] == 0


def test_a_group_that_is_two_incidents_is_not_right() -> None:
    crowd = STORY[2]
    (ideal,) = ideal_incidents([crowd], SITE)
    twice = [ideal, changed(ideal, id="again", raised_ns=ideal.raised_ns + S)]
    assert score([ideal], [crowd], SITE)["groups"]["right"] == 1
    assert score(twice, [crowd], SITE)["groups"]["right"] == 0
    assert score([changed(ideal, count_low=10, count_high=499)], [crowd], SITE)["groups"]["right"] == 0


def test_the_first_version_of_an_incident_tells_what_raised_it() -> None:
    (ideal,) = ideal_incidents(STORY[:1], SITE)
    raised = changed(ideal, raised_ns=ideal.raised_ns + 3 * S, updated_ns=ideal.raised_ns + 3 * S, sensors=("fibre",))
    later = changed(raised, updated_ns=ideal.updated_ns, sensors=("cam", "fibre"))
    latency = score([later, raised], STORY[:1], SITE)["latency"]
    assert latency["steps_s"]["p95"] == pytest.approx(3.0)
    assert latency["contact_s"]["n"] == 0


def test_a_case_of_distress_that_nobody_judged_was_closed_by_a_timer() -> None:
    cold = STORY[7:]
    (ideal,) = ideal_incidents(cold, SITE)
    closed = changed(ideal, state="closed", closed_ns=ideal.updated_ns)
    judged = changed(closed, outcome="nobody_found")
    assert score([closed], cold, SITE)["distress"]["closed_by_timer"] == 1
    assert score([judged], cold, SITE)["distress"]["closed_by_timer"] == 0


def test_a_flood_begins_above_ten_in_ten_minutes_and_ends_below_five() -> None:
    burst = [T0 + i * 10 * S for i in range(11)]  # the eleventh comes after 100 s
    load = load_of(burst, T0, T0 + 3_600 * S)
    assert (load.peak_10min, load.floods) == (11, 1)
    # It ends when the seventh is ten minutes old and four are left: 60 + 600 s.
    assert load.flood_s == pytest.approx(660.0 - 100.0)
    assert load_of(burst[:10], T0, T0 + 3_600 * S).floods == 0


def test_the_sections_are_dealt_out_to_the_seats() -> None:
    incidents = ideal_incidents([event(f"e{i}", 100.0 + 190.0 * i, 10.0 * i) for i in range(10)], SITE)
    one = score(incidents, (), SITE)["load"]
    two = score(incidents, (), SITE, settings=ScoreSettings(seats=2))["load"]
    assert (one["peak_interruptions_10min"], two["peak_interruptions_10min"]) == (10, 5)


def test_what_stands_behind_a_lead_of_another_event_interrupts_nobody_and_was_not_shown() -> None:
    first, second = (event(name, 100.0 + 400.0 * n, 30.0 * n) for n, name in enumerate(("a", "b")))
    lead, grouped = ideal_incidents([first, second], SITE)
    grouped = changed(grouped, group=lead.id)
    result = score([lead, grouped], [first, second], SITE)
    assert (result["never_shown"], result["load"]["interruptions"]) == (["b"], 1)
    assert result["pd"]["person"]["found"] == 2
    let_out = changed(grouped, group="", updated_ns=grouped.updated_ns + S)
    result = score([lead, grouped, let_out], [first, second], SITE)
    assert (result["never_shown"], result["load"]["interruptions"]) == ([], 2)


def test_an_event_that_was_only_ever_a_note_was_shown_and_called_nobody() -> None:
    (ideal,) = ideal_incidents([event("a", 100.0, 0.0)], SITE)
    result = score([changed(ideal, priority=5, kind="animal")], [event("a", 100.0, 0.0)], SITE)
    assert (result["never_shown"], result["never_called"]) == ([], ["a"])


def test_an_incident_interrupts_again_when_somebody_in_it_is_in_distress_and_not_when_it_is_passed_on() -> None:
    (ideal,) = ideal_incidents([event("a", 100.0, 0.0)], SITE)
    passed_on = changed(ideal, escalations=1, updated_ns=ideal.raised_ns + S)
    distress = changed(passed_on, concern="distress", kind="distress", priority=1, updated_ns=ideal.raised_ns + 2 * S)
    first = changed(ideal, updated_ns=ideal.raised_ns)
    assert score([first, passed_on], (), SITE)["load"]["interruptions"] == 1
    assert score([first, passed_on, distress], (), SITE)["load"]["interruptions"] == 2


def test_gospa_is_what_its_definition_says() -> None:
    same = np.array([10.0, 50.0])
    assert gospa(same, same).distance_m == 0.0
    result = gospa(np.array([13.0]), np.array([10.0, 500.0]), cutoff_m=20.0)
    assert (result.missed, result.false, result.localisation_m) == (1, 0, 3.0)
    assert result.distance_m == pytest.approx((9.0 + 200.0) ** 0.5)
    assert gospa(np.array([]), np.array([]), 20.0).distance_m == 0.0
    assert gospa(np.array([0.0]), np.array([100.0]), 20.0).distance_m == pytest.approx(20.0)


def test_gospa_over_time_takes_the_last_live_version_of_each_track() -> None:
    walker = event("walker")
    flat = tuple(1.0 / len(MOVERS) for _ in MOVERS), tuple(1.0 / len(ACTS) for _ in ACTS)
    track = Track(
        "t",
        "main",
        "S01",
        T0 + 110 * S,
        T0,
        T0,
        "confirmed",
        0.99,
        500.0,
        1.0,
        1.0,
        0.1,
        0.0,
        499.0,
        501.0,
        20.0,
        *flat,
        ("cam",),
        "d",
        3,
    )
    ended = msgspec.structs.replace(track, time_ns=T0 + 115 * S, state="ended")
    first = gospa_over_time([ended, track], [walker], "main", [T0 + 112 * S])
    assert first is not None
    assert (first.missed, first.false, first.localisation_m) == (0, 0, pytest.approx(2.0))
    second = gospa_over_time([ended, track], [walker], "main", [T0 + 116 * S])
    assert second is not None
    assert (second.missed, second.false) == (1, 0)


def test_truth_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text("".join(line_of_json(truth) + "\n" for truth in STORY))
    assert read_truth(path) == STORY


def test_a_broken_truth_is_refused_with_every_wrong_line(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text("{}\n" + line_of_json(STORY[0]) + "\nnonsense\n")
    with pytest.raises(SiteError) as caught:
        read_truth(path)
    assert [problem.key for problem in caught.value.problems] == ["line 1", "line 3"]
    with pytest.raises(InputError, match="cannot be read"):
        read_truth(tmp_path / "absent.jsonl")


def test_a_walker_is_found_where_the_incident_rose_even_if_it_was_last_touched_long_after() -> None:
    walker = STORY[0]
    (ideal,) = ideal_incidents([walker], SITE)
    raised = changed(ideal, updated_ns=ideal.raised_ns)
    later = changed(ideal, chainage_m=1_800.0, from_m=1_799.0, to_m=1_801.0)
    assert score([raised, later], [walker], SITE)["pd"]["person"]["found"] == 1
    assert score([later], [walker], SITE)["pd"]["person"]["found"] == 0
    assert score([raised, later], [walker], SITE)["location"]["max"] == 0.0
