"""In a flood nothing is dropped: related incidents stand behind one, quiet places keep being shown."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.incident.desk import DeskSettings
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.step import IncidentStep
from linewatch.ports import Item
from linewatch.records import MOVERS, Attention, Incident, OperatorAct, Record, Track, Weather, interrupts, standing
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.incident.test_step import S, outage, tick, track

SITE = fence_site(length_m=30_000.0, channels=30_000, sections=30)
PERSON = tuple(0.94 if mover == "person" else 0.01 for mover in MOVERS)
GROUP = tuple(0.94 if mover == "group" else 0.01 for mover in MOVERS)
VEHICLE = tuple(0.94 if mover == "vehicle" else 0.01 for mover in MOVERS)


class Line:
    """A step over 30 sections of a kilometre, fed by seconds."""

    def __init__(self, desk: DeskSettings | None = None) -> None:
        self.step = IncidentStep(SITE, IncidentSettings(), "s", desk)
        self.state = self.step.initial()
        self.out: list[Record] = []

    def at(self, seconds: float, *batch: Item) -> "Line":
        self.state, out = self.step.step(self.state, batch, tick(seconds))
        self.out += out
        return self

    def do(self, seconds: float, incident: str, move: str, role: str = "operator", **values: str) -> "Line":
        at_ns = T0_NS + round(seconds * S)
        return self.at(
            seconds, OperatorAct(incident, move, role, "seat 1", at_ns, "so it is", tuple(sorted(values.items())))
        )

    def behind(self, lead: str) -> list[str]:
        return [each.tracks[0] for each in self.state.incidents.values() if each.group == lead]

    def of(self, name: str) -> Incident:
        return next(each for each in self.state.incidents.values() if name in each.tracks)

    @property
    def attention(self) -> list[Attention]:
        return [record for record in self.out if isinstance(record, Attention)]


def mover(seconds: float, name: str, at_m: float, wide_m: float = 2.0, **more: object) -> Track:
    """Somebody who is seen in a place and approaches it, unless said otherwise."""
    section = SITE.section_at("main", at_m).name
    base = track(
        seconds,
        name,
        section=section,
        chainage_m=at_m,
        from_m=at_m - wide_m / 2,
        to_m=at_m + wide_m / 2,
        detections=20,
        first_ns=T0_NS,
        mover_probabilities=PERSON,
        intent="approach",
        offset_m=30.0,
        offset_sigma_m=2.0,
    )
    return msgspec.structs.replace(base, **more)


def crowd(seconds: float, name: str, at_m: float, low: int = 200, **more: object) -> Track:
    more = {"count_low": low, "count_high": 2 * low, "mover_probabilities": GROUP} | more
    return mover(seconds, name, at_m, 100.0, **more)


def test_a_crowd_is_one_incident_with_its_size_its_sub_groups_and_its_front() -> None:
    line = Line()
    for at in (1, 2):
        line.at(at, crowd(at, "c1", 5_000.0, 200), crowd(at, "c2", 5_110.0, 20, offset_m=12.0))
    (found,) = line.state.incidents.values()
    assert (found.count_low, found.count_high, found.front_m) == (220, 440, 12.0)
    assert [(each.from_m, each.count_low) for each in found.parties] == [(4_950.0, 200), (5_060.0, 20)]


def test_what_comes_up_around_a_crowd_stands_behind_it_and_a_second_crowd_does_not() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0))
    lead = line.of("c1").id
    line.at(2, mover(2, "p1", 5_120.0), mover(2, "truck", 5_170.0, mover_probabilities=VEHICLE, intent="along"))
    line.at(3, crowd(3, "c2", 5_290.0, 50), mover(3, "far", 5_900.0))
    assert line.behind(lead) == ["p1", "truck"]
    assert (line.of("c2").group, line.of("far").group) == ("", "")


def test_who_crosses_beside_a_crowd_is_shown_unless_it_is_right_there() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0, intent="contact"))
    line.at(2, mover(2, "beside", 5_200.0, intent="contact"), mover(2, "within", 5_080.0, intent="contact"))
    assert line.of("c1").priority == 1
    assert (line.of("beside").group, line.of("within").group) == ("", line.of("c1").id)


def test_a_grouped_incident_that_becomes_more_urgent_is_shown() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0)).at(2, mover(2, "p1", 5_200.0))
    assert line.of("p1").group == line.of("c1").id
    line.at(3, mover(3, "p1", 5_200.0, intent="crossing"))
    assert (line.of("p1").group, line.of("p1").kind) == ("", "crossing")


def test_a_lead_in_distress_keeps_its_group_and_a_member_in_distress_leaves_it() -> None:
    line = Line().at(0, Weather("main", 0.0, 30_000.0, T0_NS, temperature_c=-6.0, wind_mps=4.0))
    for at in range(1, 260, 5):
        line.at(at, crowd(at, "c1", 5_000.0, offset_m=8.0), mover(at, "p1", 5_200.0 + at, offset_m=30.0))
    assert line.of("c1").concern == "distress"
    assert (line.of("p1").concern, line.of("p1").group) == ("none", line.of("c1").id)
    for at in range(260, 520, 5):
        line.at(at, crowd(at, "c1", 5_000.0, offset_m=8.0), mover(at, "p1", 5_300.0, offset_m=8.0))
    assert (line.of("p1").concern, line.of("p1").group) == ("distress", "")


def test_what_happens_again_in_one_place_before_anybody_looked_is_one_matter_and_afterwards_it_is_news() -> None:
    line = Line().at(1, mover(1, "p1", 5_000.0)).at(2, mover(2, "p2", 5_030.0))
    lead = line.of("p1").id
    assert line.behind(lead) == ["p2"]
    line.do(3, lead, "acknowledge").at(4, mover(4, "p3", 5_060.0))
    assert line.of("p2").state == "acknowledged"
    assert line.of("p3").group == ""


def test_when_the_lead_goes_the_most_urgent_of_its_group_is_shown_and_leads() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0)).at(2, mover(2, "p1", 5_200.0), mover(2, "p2", 5_250.0))
    lead = line.of("c1").id
    line.do(3, lead, "acknowledge").do(4, lead, "close")
    assert (line.of("p1").group, line.of("p2").group) == ("", line.of("p1").id)


def test_what_is_on_the_shelf_leads_nobody_when_the_lead_goes() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0)).at(2, mover(2, "p1", 5_200.0), mover(2, "p2", 5_290.0))
    lead = line.of("c1").id
    line.do(3, line.of("p1").id, "take_out", "supervisor").do(4, lead, "acknowledge").do(5, lead, "close")
    assert (line.of("p1").state, line.of("p1").group, line.of("p2").group) == ("out_of_service", "", "")
    assert interrupts(line.of("p2"))


def test_a_move_meant_for_all_of_a_group_is_made_with_all_of_them() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0)).at(2, mover(2, "p1", 5_200.0), mover(2, "p2", 5_250.0))
    lead = line.of("c1").id
    line.do(3, lead, "acknowledge").do(4, lead, "close", members="with")
    assert line.state.incidents == {}


def test_outages_side_by_side_are_one_matter() -> None:
    line = Line()
    first, second = outage(1), msgspec.structs.replace(outage(1), id="o2", from_m=700.0, to_m=900.0)
    line.at(1, first, second).at(7)
    assert [bool(each.group) for each in line.state.incidents.values()] == [False, True]


def test_thirty_separate_events_are_all_raised_and_shown_and_the_flood_is_declared() -> None:
    line = Line()
    for number in range(30):
        line.at(10.0 * number + 1, mover(10.0 * number + 1, f"p{number}", 500.0 + 1_000.0 * number))
    assert len(line.state.incidents) == 30
    assert all(interrupts(each) for each in line.state.incidents.values())
    (flood,) = line.attention
    assert (flood.flood, flood.interruptions, flood.loud) == (True, 11, ())
    assert flood.reason == "11 interruptions in ten minutes: a flood begins"
    line.at(900)
    assert not line.attention[-1].flood and line.attention[-1].interruptions < 5


def test_a_loud_section_holds_back_what_is_less_urgent_one_tick_later_and_quiet_ones_do_not() -> None:
    line = Line()
    for number in range(6):
        line.at(number + 1.0, mover(number + 1.0, f"p{number}", 5_050.0 + 150.0 * number))
    (found,) = line.attention
    assert (found.loud, found.threshold, found.flood, found.quiet_interruptions) == (("main/S06",), 2, False, 0)
    line.at(8, mover(8, "p7", 5_975.0), mover(8, "climber", 5_990.0, intent="contact"), mover(8, "away", 20_500.0))
    assert line.of("p7").group and not line.of("climber").group and not line.of("away").group


def test_attention_acts_one_tick_after_it_was_decided() -> None:
    line = Line()
    at_once = [mover(1, f"p{number}", 5_050.0 + 140.0 * number) for number in range(7)]
    line.at(1, *at_once)
    assert not any(each.group for each in line.state.incidents.values())
    assert line.attention[0].loud == ("main/S06",)


def test_a_diversion_elsewhere_is_shown_through_the_loudest_hour() -> None:
    line = Line().at(1, crowd(1, "c1", 5_500.0))
    around = [at_m for at_m in range(5_020, 6_000, 60) if abs(at_m - 5_500) > 100]
    for number, at_m in enumerate(around):
        at = 2.0 + number
        line.at(at, crowd(at, "c1", 5_500.0), mover(at, f"p{number}", float(at_m)))
    line.at(60, mover(60, "north", 900.0), mover(60, "south", 29_100.0, intent="crossing"))
    assert interrupts(line.of("north")) and interrupts(line.of("south"))
    shown = [each for each in line.state.incidents.values() if interrupts(each)]
    assert (len(line.state.incidents), len(shown)) == (len(around) + 3, 8)


places = st.sampled_from([500.0, 520.0, 560.0, 800.0, 5_000.0, 5_040.0, 29_000.0])
happenings = st.one_of(
    st.tuples(st.just("track"), places, st.sampled_from(["approach", "crossing", "contact", "along"])),
    st.tuples(st.just("crowd"), places, st.just("approach")),
    st.tuples(st.just("end"), st.integers(0, 30), st.just("")),
    st.tuples(
        st.sampled_from(["acknowledge", "close", "shelve", "take_out", "unshelve", "put_back", "merge", "undo"]),
        st.integers(0, 30),
        st.just(""),
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 700]), st.just("")),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(happenings, max_size=40))
def test_all_that_was_raised_is_shown_grouped_or_shelved_or_was_closed_by_a_person(script: list) -> None:
    line, now, names = Line(), 1.0, 0
    last: dict[str, Incident] = {}
    for what, where, intent in script:
        now += 1.0
        known = list(last)
        if what in ("track", "crowd"):
            names += 1
            made = crowd if what == "crowd" else mover
            line.at(now, made(now, f"t{names}", where, intent=intent))
        elif what == "end":
            line.at(now, mover(now, f"t{where}", 500.0, state="ended"))
        elif what == "wait":
            line.at(now := now + where)
        elif known:
            name = known[int(where) % len(known)]
            role = "operator" if what in ("acknowledge", "close", "undo") else "supervisor"
            values = {"shelve": {"until_ns": str(T0_NS + round((now + 600) * S))}, "merge": {"into": known[0]}}
            line.do(now, name, what, role, **values.get(what, {}))
        last |= {r.id: r for r in line.out if isinstance(r, Incident)}
        open_ = {key: each for key, each in last.items() if standing(each) != "closed"}
        assert open_ == line.state.incidents
        for each in open_.values():
            if standing(each) == "grouped":
                assert interrupts(open_[each.group]), "a group is led by one that is open and shown"
                assert each.concern != "distress"
