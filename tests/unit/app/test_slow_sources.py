"""Two lanes: what comes 20 s late waits for nobody, and nobody waits for it."""

from linewatch.app.replay import replay
from linewatch.records import Detection, Incident, Record
from tests.played import Played
from tests.unit.track.scenes import START_NS, S, at, fence_line, pir, radar

SITE = fence_line(sensors=[radar(), pir("pir", 100.0)])
SLOW_NS = 20 * S


def incidents(fast: list[Detection], slow: list[Detection]) -> list[Incident]:
    out: list[Incident] = []

    def keep(record: Record) -> None:
        if isinstance(record, Incident):
            out.append(record)

    sources = [
        Played([(d.time_ns, d) for d in fast], name="fast", lateness_s=0.25),
        Played([(d.time_ns + SLOW_NS, d) for d in slow], name="slow", lateness_s=0.5),
    ]
    sources = [source for source, given in zip(sources, (fast, slow), strict=True) if given]
    replay(SITE, sources, until_ns=START_NS + 40 * S, on_output=keep)
    return out


def passing() -> list[Detection]:
    return [at(0.5 + k, 100.0, sensor="radar") for k in range(35)]


def heard() -> list[Detection]:
    return [at(2.0 + k, 100.0, sensor="pir", sigma_m=5.0) for k in range(4)]


def test_the_fast_source_raises_within_two_seconds_and_the_slow_one_amends() -> None:
    versions = incidents(passing(), heard())
    assert len({incident.id for incident in versions}) == 1
    first, last = versions[0], versions[-1]
    assert first.raised_ns <= START_NS + round(2.5 * S)
    assert first.sensors == ("radar",) and not first.late
    assert last.sensors == ("pir", "radar") and last.late
    amended = next(incident for incident in versions if incident.late)
    assert START_NS + SLOW_NS <= amended.updated_ns <= START_NS + SLOW_NS + 7 * S


def test_the_slow_source_changes_nothing_that_was_said_before_it_spoke() -> None:
    alone = [i for i in incidents(passing(), []) if i.updated_ns < START_NS + SLOW_NS]
    beside = [i for i in incidents(passing(), heard()) if i.updated_ns < START_NS + SLOW_NS]
    assert beside == alone


def test_the_slow_source_alone_opens_an_incident_that_says_that_it_is_late() -> None:
    versions = incidents([], heard())
    assert versions
    assert all(incident.late and incident.sensors == ("pir",) for incident in versions)
    assert versions[0].raised_ns >= START_NS + SLOW_NS
