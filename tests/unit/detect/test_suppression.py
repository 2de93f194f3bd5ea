"""What is not raised is counted: masks, narrow runs, common rises; an hour of shaking buys no blind fence."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.app.pipeline import Input, Pipeline, States
from linewatch.app.settings import settings_of
from linewatch.detect.masks import MaskedStretch
from linewatch.detect.vibration import VibrationSettings, VibrationStep
from linewatch.errors import SiteError
from linewatch.records import Block, Detections, Health, Incident, Outage, Record, Tick, Weather
from linewatch.records.state import freeze, thaw
from linewatch.site.coverage_report import coverage_at
from linewatch.site.model import Site
from tests.sites import fence_site
from tests.strategies import T0_NS

S = 1_000_000_000
RATE_HZ = 100.0
CHANNELS = 120
SITE = fence_site(length_m=float(CHANNELS), channels=CHANNELS, sections=2)
CABLE = SITE.sensor("f1")
Samples = NDArray[np.float32]


def fence(seconds: float, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(0.0, 20.0, (round(seconds * RATE_HZ), CHANNELS))).astype(np.float32)


def shaken(samples: Samples, from_s: float, to_s: float, channels: tuple[int, int], times: float) -> Samples:
    samples[round(from_s * RATE_HZ) : round(to_s * RATE_HZ), channels[0] : channels[1]] *= times
    return samples


def felt(step: VibrationStep, samples: Samples, piece_s: float = 1.0) -> list[Record]:
    state: Any = step.initial()
    out: list[Record] = []
    rows = round(piece_s * RATE_HZ)
    for first in range(0, len(samples), rows):
        block = Block("main", "f1", T0_NS, first, RATE_HZ, samples[first : first + rows])
        state, said = step.step(state, (block,), Tick(0, block.end_ns, block.end_ns, S))
        out += said
    return out


def places(out: Sequence[Record], after_s: float = 0.0) -> list[float]:
    after_ns = T0_NS + round(after_s * S)
    rows = [row for batch in out if isinstance(batch, Detections) for row in batch.rows()]
    return [row.chainage_m for row in rows if row.time_ns > after_ns]


def findings(out: Sequence[Record], condition: str) -> list[Health]:
    return [record for record in out if isinstance(record, Health) and record.condition == condition]


def test_under_a_mask_nothing_is_raised_and_every_frame_is_counted() -> None:
    masked = VibrationSettings(masks=(MaskedStretch(20.0, 60.0, "loose panel"),))
    samples = shaken(fence(61.0), 10.0, 20.0, (30, 50), 40.0)
    assert len(places(felt(VibrationStep(CABLE, VibrationSettings()), samples))) == 200
    out = felt(VibrationStep(CABLE, masked), samples)
    assert places(out) == []
    (told,) = findings(out, "masked")
    assert (told.first_channel, told.last_channel, told.severity) == (20, 59, "failed")
    assert "loose panel" in told.text
    (counted,) = findings(out, "suppressed")
    assert counted.count == 200 and "200 frames with disturbances under a mask" in counted.text


def test_beside_a_mask_everything_is_raised_as_ever() -> None:
    masked = VibrationSettings(masks=(MaskedStretch(20.0, 40.0, "loose panel"),))
    samples = shaken(shaken(fence(30.0), 0.0, 30.0, (22, 38), 40.0), 10.0, 20.0, (45, 60), 30.0)
    found = places(felt(VibrationStep(CABLE, masked), samples))
    assert len(found) == 200 and all(45.0 < place < 60.0 for place in found)


def test_a_mask_that_leaves_the_settings_is_taken_back() -> None:
    masked = VibrationStep(CABLE, VibrationSettings(masks=(MaskedStretch(20.0, 40.0, "loose panel"),)))
    state, _ = masked.step(masked.initial(), (Block("main", "f1", T0_NS, 0, RATE_HZ, fence(1.0)),), tick(1.0))
    plain = VibrationStep(CABLE, VibrationSettings())
    kept = thaw(freeze(state), plain.state_type)
    _, out = plain.step(kept, (Block("main", "f1", T0_NS, 100, RATE_HZ, fence(1.0)),), tick(2.0))
    (back,) = findings(out, "recovered")
    assert (back.first_channel, back.last_channel, back.ends) == (20, 39, "masked")


def test_a_section_has_its_own_thresholds() -> None:
    samples = shaken(shaken(fence(20.0), 5.0, 15.0, (20, 40), 40.0), 5.0, 15.0, (90, 110), 40.0)
    deaf = VibrationSettings(min_excess_db=50.0, own_min_excess_db=50.0)
    found = places(felt(VibrationStep(CABLE, VibrationSettings(), [(60.0, 120.0, deaf)]), samples))
    assert len(found) == 200 and all(place < 60.0 for place in found)


def test_narrow_runs_and_common_rises_are_counted() -> None:
    samples = shaken(fence(60.0), 10.0, 20.0, (30, 32), 40.0)
    out = felt(VibrationStep(CABLE, VibrationSettings()), shaken(samples, 40.0, 45.0, (0, CHANNELS), 40.0))
    (counted,) = findings(out, "suppressed")
    assert counted.count >= 200 and "narrow ones" in counted.text
    (common,) = findings(out, "common_mode")
    assert common.severity == "degraded" and common.rise_db is not None and common.rise_db > 25.0
    assert [back.ends for back in findings(out, "recovered")] == ["common_mode"]


@pytest.mark.parametrize("times", [2.2, 10.0])
def test_an_hour_of_shaking_however_gentle_buys_no_blind_fence(times: float) -> None:
    """Ten metres are shaken for an hour, at once or creeping up; then somebody climbs right there."""
    samples = fence(3700.0)
    samples[6000:363_000, 50:60] *= np.linspace(1.0, times, 357_000, dtype=np.float32)[:, None]
    samples = shaken(samples, 3640.0, 3650.0, (50, 60), 12.0)
    slow = VibrationSettings(frame_s=0.25)
    found = places(felt(VibrationStep(CABLE, slow), samples, 10.0), after_s=3640.0)
    assert len(found) >= 38 and all(50.0 < place < 60.0 for place in found)


def swinging(seconds: float, seed: int = 0) -> Samples:
    """A fence whose samples have a sign: it sways in the wind, slowly and far more than anybody shakes it."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 400.0)) / 400.0
    sway = np.cumsum(rng.normal(0.0, 1.0, (len(t), CHANNELS)), axis=0) * np.sin(2 * np.pi * 0.7 * t)[:, None]
    return (rng.normal(0.0, 1.0, sway.shape) + 0.3 * sway).astype(np.float32)


def test_a_fence_that_sways_in_the_wind_is_no_disturbance_and_a_climber_on_it_is() -> None:
    samples = swinging(40.0)
    knocks = np.sin(2 * np.pi * 25.0 * np.arange(len(samples)) / 400.0)[:, None]
    climbed = samples.copy()
    climbed[8000:10_000, 60:75] += (15.0 * knocks[8000:10_000]).astype(np.float32)
    step = VibrationStep(CABLE, VibrationSettings())

    def run(x: Samples) -> list[Record]:
        state: Any = step.initial()
        out: list[Record] = []
        for first in range(0, len(x), 130):
            block = Block("main", "f1", T0_NS, first, 400.0, x[first : first + 130])
            state, said = step.step(thaw(freeze(state), step.state_type), (block,), tick(first))
            out += said
        return out

    assert places(run(samples)) == []
    found = places(run(climbed))
    assert len(found) >= 90 and all(60.0 < place < 75.0 for place in found)


# -------------------------------------------------------------------------------------------------- the whole thread


def tick(second: float) -> Tick:
    time_ns = T0_NS + round(second * S)
    return Tick(time_ns // S, time_ns, time_ns, S)


def lived(site: Site, samples: Samples, weather: Weather | None = None) -> list[Record]:
    """All outputs of the pipeline over these samples, a block each second."""
    pipeline = Pipeline(site, settings_of(site))
    decisions: States = pipeline.initial()
    signals: States = {}
    out: list[Record] = []
    for second in range(round(len(samples) / RATE_HZ)):
        rows = samples[round(second * RATE_HZ) : round((second + 1) * RATE_HZ)]
        block = Block("main", "f1", T0_NS, round(second * RATE_HZ), RATE_HZ, rows)
        signals, inputs = pipeline.detect(signals, "cable", [block], tick(second + 1.0))
        if weather is not None and second == 1:
            inputs = (*inputs, Input("arrival", "weather", weather))
        decisions, said = pipeline.decide(decisions, inputs, tick(second + 1.0))
        out += said
    return out


def hour_on_short_fence() -> tuple[Site, Samples]:
    """Somebody shakes most of a short fence, so that everything rises at once and nothing is a place."""
    settings = {"health": {"unexplained": {"after_s": 60.0}}}
    site = msgspec.structs.replace(SITE, settings=settings)
    return site, shaken(fence(140.0), 40.0, 140.0, (10, 110), 6.0)


def test_shaking_most_of_a_short_fence_lowers_its_coverage_and_is_told_to_people() -> None:
    site, samples = hour_on_short_fence()
    out = lived(site, samples)
    outages = {record.id: record for record in out if isinstance(record, Outage) and record.cause != "silent"}
    assert {"common_mode", "raised_floor", "tamper"} <= {outage.cause for outage in outages.values()}
    at_once = next(record for record in out if isinstance(record, Outage) and record.cause == "common_mode")
    assert abs(at_once.start_ns - T0_NS - 40 * S) < S
    open_ones = [outage for outage in outages.values() if outage.end_ns is None]
    pd = coverage_at(site, outages=open_ones).pd("person_walking")
    assert pd[30:55].max() < 0.2 * coverage_at(site).pd("person_walking")[30:55].max()
    assert any(isinstance(record, Incident) and record.concern == "tamper" for record in out)


def test_in_a_reported_storm_the_same_noise_lowers_coverage_and_calls_nobody() -> None:
    site, samples = hour_on_short_fence()
    out = lived(site, samples, Weather("main", 0.0, 120.0, T0_NS + S, gust_mps=20.0))
    assert any(isinstance(record, Outage) and record.cause == "raised_floor" for record in out)
    assert not any(isinstance(record, Outage) and record.cause == "tamper" for record in out)


def test_a_mask_from_the_settings_lowers_coverage_from_the_first_sample_on() -> None:
    mask = {"from_m": 20.0, "to_m": 60.0, "reason": "loose panel"}
    site = msgspec.structs.replace(SITE, settings={"vibration": {"masks": [mask]}})
    (outage,) = [record for record in lived(site, fence(2.0)) if isinstance(record, Outage)]
    assert (outage.cause, outage.from_m, outage.to_m, outage.remaining_fraction) == ("masked", 20.0, 60.0, 0.0)
    assert coverage_at(site, outages=[outage]).pd("person_walking")[20:55].max() == 0.0


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"health": {"stream_silence_s": 1.0}}, "settings of a whole site"),
        ({"vibration": {"frame_s": 0.1}}, "a setting of whole sensors"),
        ({"vibration": {"masks": [{"from_m": 9.0, "to_m": 1.0, "reason": "x"}]}}, "9 to 1 m"),
        ({"vibration": {"masks": [{"from_m": 1.0, "to_m": 9.0, "reason": "x", "sensors": ["gone"]}]}}, "gone"),
    ],
)
def test_what_a_section_cannot_have_of_its_own_is_refused(own: dict[str, Any], told: str) -> None:
    line = SITE.lines[0]
    section = msgspec.structs.replace(line.sections[0], settings=own)
    site = msgspec.structs.replace(SITE, lines=(msgspec.structs.replace(line, sections=(section, *line.sections[1:])),))
    with pytest.raises(SiteError, match=told):
        settings_of(site)
