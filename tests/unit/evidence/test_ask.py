"""What is asked of the ring, when, and for which channels."""

import msgspec
import pytest

from linewatch.evidence.ask import ClipState, ClipStep, answered, due
from linewatch.evidence.settings import EvidenceSettings
from linewatch.records import BlockHeader, ClipRequest, Incident, Record, Tick
from linewatch.records.state import freeze, thaw
from linewatch.site.load import load_site
from linewatch.site.model import Site
from tests.unit.store.writing import incident

S = 1_000_000_000
SITE_TEXT = """
[site]
name = "bench"
timezone = "Europe/Warsaw"
[[line]]
id = "main"
length_m = 9000.0
[[section]]
name = "S01"
from_m = 0.0
to_m = 9000.0
[[sensor]]
id = "fence-1"
kind = "fibre_vibration"
from_m = 0.0
to_m = 9000.0
channels = 9000
[[sensor]]
id = "pir-1"
kind = "pir"
at_m = 120.0
range_m = 12.0
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    (folder / "site.toml").write_text(SITE_TEXT)
    return load_site(folder)


def tick_at(second: int) -> Tick:
    return Tick(second * 4, second * S, second * S, S // 4)


def header(sensor: str) -> BlockHeader:
    return BlockHeader("main", sensor, 0, 10, 0, 1, 100.0, 0)


def raised(*sensors: str, **fields: object) -> Incident:
    return incident("i1", 400, sensors=sensors, **fields)


def asked(step: ClipStep, *batches: list[Record]) -> tuple[ClipState, list[ClipRequest]]:
    state, out = step.initial(), []
    for number, batch in enumerate(batches):
        state, found = step.step(state, batch, tick_at(100 + number))
        out += found
    return state, [each for each in out if isinstance(each, ClipRequest)]


def test_each_sensor_that_gives_samples_is_asked_once(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings())
    batch: list[Record] = [header("fence-1"), raised("fence-1", "pir-1")]
    state, (only,) = asked(step, batch, [raised("fence-1", "pir-1", reason="more")])
    assert (only.sensor, only.incident) == ("fence-1", "i1")
    assert (only.from_ns, only.to_ns) == (80 * S, 115 * S)
    _, more = asked(step, batch, [header("pir-1")], [raised("fence-1", "pir-1")])
    assert [request.sensor for request in more] == ["fence-1", "pir-1"]
    assert list(state.pending) == [only.id]


def test_of_a_long_fibre_only_the_channels_near_the_incident_are_asked(site: Site) -> None:
    _, (near,) = asked(ClipStep(site, EvidenceSettings()), [header("fence-1"), raised("fence-1")])
    assert (near.first_channel, near.n_channels) == (18, 205)
    wide = raised("fence-1", from_m=0.0, to_m=9000.0, chainage_m=4000.0)
    _, (bounded,) = asked(ClipStep(site, EvidenceSettings()), [header("fence-1"), wide])
    assert bounded.n_channels == 512 and bounded.first_channel < 4000 < bounded.first_channel + 512


def test_distress_is_a_reason_to_ask_again(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings())
    batch: list[Record] = [header("fence-1"), raised("fence-1")]
    _, found = asked(step, batch, [raised("fence-1", concern="distress")], [raised("fence-1", concern="distress")])
    assert len(found) == 2 and found[0].id != found[1].id


def test_notes_and_closed_incidents_are_not_asked_about(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings())
    assert asked(step, [header("fence-1"), raised("fence-1", priority=5)])[1] == []
    assert asked(step, [header("fence-1"), raised("fence-1", state="closed")])[1] == []
    state, _ = asked(step, [header("fence-1"), raised("fence-1")], [raised("fence-1", state="closed")])
    assert state.asked == {} and len(state.pending) == 1  # what was asked is still owed


def test_no_more_sensors_are_asked_than_allowed(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings(most_sensors=1))
    batch: list[Record] = [header("fence-1"), header("pir-1"), raised("fence-1", "pir-1")]
    assert len(asked(step, batch, [raised("fence-1", "pir-1")])[1]) == 1


def test_a_request_is_due_when_its_time_has_passed_or_the_recording_ends(site: Site) -> None:
    state, (request,) = asked(ClipStep(site, EvidenceSettings()), [header("fence-1"), raised("fence-1")])
    assert due(state, tick_at(114), last=False) == ()
    assert due(state, tick_at(114), last=True) == due(state, tick_at(115), last=False) == (request,)
    late = msgspec.structs.replace(tick_at(115), watermark_ns=115 * S - 1)
    assert due(state, late, last=False) == ()
    assert answered(state, (request,)).pending == {}


def test_what_is_owed_survives_a_stop(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings())
    state, (request,) = asked(step, [header("fence-1"), raised("fence-1")])
    again = thaw(freeze(state), ClipState)
    assert again.pending == {request.id: request}
    assert step.step(again, [raised("fence-1")], tick_at(110))[1] == ()


def test_the_step_does_not_change_the_state_that_it_is_given(site: Site) -> None:
    step = ClipStep(site, EvidenceSettings())
    state, _ = asked(step, [header("fence-1")])
    before = freeze(state)
    step.step(state, [raised("fence-1")], tick_at(110))
    assert freeze(state) == before
