"""Tracks, outages and acts become incidents: one for each event, none lost, none raised twice."""

import msgspec
import pytest

from linewatch.incident.policy import IncidentSettings
from linewatch.incident.step import IncidentStep
from linewatch.ports import Item
from linewatch.records import ACTS, MOVERS, Health, Incident, KnownMover, OperatorAct, Outage, Record, Tick, Track
from tests.sites import fence_site
from tests.strategies import T0_NS

S = 1_000_000_000


def tick(seconds: float) -> Tick:
    time_ns = T0_NS + round(seconds * S)
    return Tick(time_ns // (S // 4), time_ns, time_ns, S // 4)


def track(seconds: float, name: str = "t1", **more: object) -> Track:
    base = Track(
        id=name,
        line="main",
        section="S01",
        time_ns=T0_NS + round(seconds * S),
        first_ns=T0_NS,
        last_ns=T0_NS + round(seconds * S),
        state="confirmed",
        existence_probability=0.99,
        chainage_m=150.0,
        chainage_sigma_m=3.0,
        velocity_mps=0.0,
        velocity_sigma_mps=0.5,
        covariance_m2ps=0.0,
        from_m=140.0,
        to_m=160.0,
        strength_db=20.0,
        mover_probabilities=(1 / len(MOVERS),) * len(MOVERS),
        act_probabilities=(1 / len(ACTS),) * len(ACTS),
        sensors=("f1",),
        first_detection=f"f1@{name}",
        detections=3,
    )
    return msgspec.structs.replace(base, **more)


def outage(start_s: float, end_s: float | None = None, cause: str = "silent") -> Outage:
    start_ns = T0_NS + round(start_s * S)
    end_ns = None if end_s is None else T0_NS + round(end_s * S)
    return Outage("o1", "main", ("f1",), cause, 0.0, 600.0, start_ns, start_ns, end_ns, 0.0, "nothing heard")


class Watch:
    """A step with its state, fed by seconds."""

    def __init__(self, **settings: object) -> None:
        self.step = IncidentStep(fence_site(), msgspec.convert(settings, IncidentSettings), "settings")
        self.state = self.step.initial()
        self.out: list[Record] = []

    def at(self, seconds: float, *batch: Item) -> "Watch":
        self.state, out = self.step.step(self.state, batch, tick(seconds))
        self.out += out
        return self

    @property
    def incidents(self) -> dict[str, Incident]:
        return {i.id: i for i in self.out if isinstance(i, Incident)}

    @property
    def only(self) -> Incident:
        (incident,) = self.incidents.values()
        return incident


def test_a_confirmed_track_raises_one_incident_with_its_reason_in_words() -> None:
    found = Watch().at(1, track(1)).at(2, track(2)).only
    assert (found.kind, found.priority, found.state) == ("barrier_contact", 1, "raised")
    assert found.reason == (
        "one fence cable, only witness; 20 dB over the noise floor on 20 m; not moving along the line; at gate 1"
    )
    assert found.raised_ns == T0_NS + S


def test_two_witnesses_that_agree_are_both_named() -> None:
    seen_by_both = track(1, sensors=("c1", "f1"), velocity_mps=1.3)
    reason = Watch().at(1, seen_by_both).only.reason
    assert reason.startswith("one contact and one fence cable agree; ") and "moving at 1.3 m/s" in reason


def test_a_tentative_or_unsure_track_raises_nothing() -> None:
    assert Watch().at(1, track(1, state="tentative")).at(2, track(2, existence_probability=0.5)).incidents == {}


def test_a_track_that_breaks_off_and_starts_again_here_is_the_same_event() -> None:
    watch = Watch().at(1, track(1)).at(2, track(2, state="ended")).at(10, track(10, name="t2"))
    assert watch.only.tracks == ("t1", "t2")


def test_a_second_track_beside_a_live_one_is_a_second_event() -> None:
    assert len(Watch().at(1, track(1), track(1, name="t2", from_m=200.0, to_m=220.0)).incidents) == 2


def test_a_track_that_ends_returns_to_normal_and_stays_visible() -> None:
    watch = Watch().at(1, track(1)).at(2, track(2, state="ended"))
    assert watch.only.state == "raised"
    assert watch.at(33, *()).only.state == "returned"


def test_an_unanswered_incident_escalates_three_times_and_an_answered_one_does_not() -> None:
    watch = Watch().at(0, track(0))
    for seconds in range(30, 400, 30):
        watch.at(seconds)
    assert watch.only.escalations == 3
    calm = Watch().at(0, track(0))
    calm.at(10, OperatorAct(calm.only.id, "acknowledge", "operator", "seat 1", T0_NS)).at(300)
    assert (calm.only.state, calm.only.escalations) == ("acknowledged", 0)


def test_an_act_that_is_refused_leaves_the_incident_and_says_why() -> None:
    watch = Watch().at(0, track(0))
    before = watch.only
    watch.at(1, OperatorAct(before.id, "close", "operator", "seat 1", T0_NS, "done"))
    refused = [r for r in watch.out if isinstance(r, Health)]
    assert watch.only == before and "close is not allowed while raised" in refused[0].text
    watch.at(2, OperatorAct("gone", "close", "operator", "seat 1", T0_NS, "done"))
    assert "there is no open incident 'gone'" in [r for r in watch.out if isinstance(r, Health)][1].text


def test_a_closed_event_is_not_raised_again_by_the_mover_that_is_still_there() -> None:
    watch = Watch().at(0, track(0))
    name = watch.only.id
    watch.at(1, OperatorAct(name, "acknowledge", "operator", "seat 1", T0_NS))
    watch.at(2, OperatorAct(name, "close", "operator", "seat 1", T0_NS, "seen on camera")).at(3, track(3))
    assert watch.only.state == "closed"
    assert len(watch.at(60, track(60, name="t9")).incidents) == 2


def test_an_outage_that_lasts_is_an_incident_and_returns_when_watched_again() -> None:
    watch = Watch().at(1, outage(1)).at(3)
    assert watch.incidents == {}
    found = watch.at(6).only
    assert (found.kind, found.concern, found.priority) == ("outage", "outage", 3)
    assert "600 m not watched by f1" in found.reason
    assert watch.at(20, outage(1, end_s=20)).only.state == "returned"


@pytest.mark.parametrize(("share", "words"), [(0.0, "not watched by"), (0.4, "watched less by"), (1.0, "noisier than")])
def test_the_reason_says_how_much_of_the_watch_is_left(share: float, words: str) -> None:
    lasting = msgspec.structs.replace(outage(1, cause="tamper"), remaining_fraction=share)
    found = Watch().at(1, lasting).at(7).only
    assert f"600 m {words}" in found.reason and ("not watched" in found.reason) == (share == 0.0)


def test_blinding_and_tampering_are_incidents_of_their_own_kind() -> None:
    assert Watch().at(1, outage(1, cause="dazzled")).at(7).only.kind == "blinded"
    assert Watch().at(1, outage(1, cause="fibre_cut")).at(7).only.kind == "tamper"


def test_a_short_outage_is_in_the_record_and_no_incident() -> None:
    assert Watch().at(1, outage(1)).at(4, outage(1, end_s=4)).at(60).incidents == {}


VEHICLE = tuple(0.94 if mover == "vehicle" else 0.01 for mover in MOVERS)
PATROL = KnownMover("patrol 1", "main", T0_NS, 150.0, 5.0, authenticated=True)


def patrol(seconds: float, **more: object) -> Track:
    return track(seconds, mover_probabilities=VEHICLE, known="patrol 1", intent="along", **more)


def test_a_patrol_that_has_proved_who_it_is_interrupts_nobody() -> None:
    assert Watch().at(0, PATROL).at(1, patrol(1)).only.priority == 5
    assert Watch().at(1, patrol(1)).only.priority == 3


def test_a_patrol_that_crosses_is_called_like_anybody() -> None:
    crossing = msgspec.structs.replace(patrol(1), intent="crossing", mover_probabilities=track(1).mover_probabilities)
    assert Watch().at(0, PATROL).at(1, crossing).only.priority <= 2


def test_a_deer_that_one_frame_takes_for_a_person_is_not_called() -> None:
    deer = tuple(0.94 if mover == "animal" else 0.01 for mover in MOVERS)
    doubtful = tuple({"animal": 0.3, "person": 0.6}.get(mover, 0.02) for mover in MOVERS)
    watch = Watch().at(1, track(1, mover_probabilities=deer, intent="along"))
    watch.at(2, track(2, mover_probabilities=doubtful, intent="along"))
    assert (watch.only.kind, watch.only.priority) == ("animal", 5)


def test_people_walking_side_by_side_are_one_event_and_counted_together() -> None:
    watch = Watch()
    for at in range(1, 4):
        watch.at(at, track(at, detections=20), track(at, name="t2", from_m=169.0, to_m=171.0, detections=20))
    assert watch.only.count_low == 2
    assert (watch.only.from_m, watch.only.to_m) == (140.0, 171.0)


def test_crowds_that_grow_together_become_one_incident() -> None:
    crowd = {"detections": 20, "count_low": 8, "count_high": 20}
    left, right = track(1, **crowd), track(1, name="t2", from_m=260.0, to_m=280.0, chainage_m=270.0, **crowd)
    watch = Watch().at(1, left, right)
    watch.at(2, msgspec.structs.replace(left, to_m=250.0))
    older, younger = watch.incidents.values()
    assert (younger.merged_into, younger.state) == (older.id, "closed")
    assert (older.from_m, older.to_m, older.count_low, older.count_high) == (140.0, 280.0, 16, 40)
    assert watch.at(3, msgspec.structs.replace(right, to_m=285.0)).incidents[older.id].to_m == 285.0


BESIDE = {
    "from_m": 162.0,
    "to_m": 164.0,
    "chainage_m": 163.0,
    "mover_probabilities": VEHICLE,
    "parents": ("t1",),
}
"""What comes out of the patrol's own track, and so is of its incident."""


def test_what_has_only_just_come_beside_a_patrol_takes_part_and_calls_nobody_yet() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    ghost = track(2, name="t2", existence_probability=0.5, **BESIDE)
    assert watch.at(2, patrol(2, detections=22), ghost).only.priority == 5
    assert watch.only.tracks == ("t1",)


def test_a_stranger_beside_a_patrol_is_called_however_often_the_patrol_reports() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    for at in (11, 12):
        watch.at(at, track(at, name="t2", intent="along", **BESIDE), patrol(at, detections=20 + at))
    assert watch.only.tracks == ("t1", "t2")
    priorities = [i.priority for i in watch.out if isinstance(i, Incident)]
    assert priorities[0] == 5 and set(priorities[1:]) == {3}


def test_a_stranger_beside_a_patrol_who_is_not_seen_for_a_while_is_called_still() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    watch.at(11, track(11, name="t2", intent="along", **BESIDE), patrol(11, detections=22))
    watch.at(12, track(12, name="t2", intent="along", state="coasting", **BESIDE), patrol(12, detections=24))
    assert watch.only.priority == 3


def test_a_patrol_that_is_seen_double_for_a_moment_calls_nobody() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    for at in (2, 3):
        double = track(at, name="t2", first_ns=T0_NS + 2 * S, intent="along", **BESIDE)
        watch.at(at, double, patrol(at, detections=20 + at))
    assert watch.only.priority == 5 and watch.only.tracks == ("t1",)


def test_wind_on_the_fence_is_a_note_and_a_hand_on_it_a_call() -> None:
    wind = tuple(0.97 if mover == "weather" else 0.005 for mover in MOVERS)
    hand = tuple(0.97 if mover == "person" else 0.005 for mover in MOVERS)
    blown = Watch().at(1, track(1, mover_probabilities=wind, intent="contact")).only
    assert (blown.kind, blown.priority) == ("nuisance", 5)
    touched = Watch().at(1, track(1, mover_probabilities=hand, intent="contact")).only
    assert (touched.kind, touched.priority) == ("barrier_contact", 1)


def test_who_crosses_beside_a_patrol_is_called_at_once() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    person = tuple(0.94 if mover == "person" else 0.01 for mover in MOVERS)
    crossing = track(
        2, name="t2", parents=("t1",), detections=1, existence_probability=0.95, intent="crossing",
        mover_probabilities=person,
    )  # fmt: skip
    assert watch.at(2, crossing).only.priority <= 2


def test_wind_that_may_be_a_hand_is_a_call() -> None:
    doubtful = tuple({"weather": 0.4, "person": 0.35}.get(mover, 0.05) for mover in MOVERS)
    assert Watch().at(1, track(1, mover_probabilities=doubtful, intent="contact")).only.kind == "barrier_contact"


def test_a_patrol_does_not_end_the_care_for_a_stranger_beside_it() -> None:
    watch = Watch().at(0, PATROL).at(1, patrol(1, detections=20))
    for at in range(2, 13):
        watch.at(at, track(at, name="t2", parents=("t1",), intent="along"), patrol(at, detections=20 + at))
    (vigil,) = watch.state.vigils.values()
    assert not vigil.known
