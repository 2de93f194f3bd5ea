"""The shipped scenes are what they say, on the site that they play on."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from linewatch.evaluate import ideal_incidents, score
from linewatch.records import Detections, Health
from linewatch.simulate import SimulatedSource, bench_site, read_scene, scene_names, shortened
from linewatch.simulate.course import movers_of
from linewatch.simulate.scene import Scene
from linewatch.site.model import Site
from linewatch.site.reference import reference_site

ON_BENCH = ("walker-and-wind",)


def site_of(name: str) -> Site:
    return bench_site() if name in ON_BENCH else reference_site()


def scene_of(name: str) -> Scene:
    return read_scene(name, site_of(name))


@pytest.mark.parametrize("name", scene_names())
def test_every_scene_is_read_on_its_site_and_says_what_happens(name: str) -> None:
    scene = scene_of(name)
    assert scene.text.endswith(".")
    assert scene.events


def test_the_night_is_the_night_of_the_reference_scenario() -> None:
    scene = scene_of("the-night")
    movers = movers_of(scene, reference_site(), 1)
    event = {e.name: e for e in scene.events}
    of = Counter(scene.events[i].name for i in movers.events)
    assert scene.duration_s == 8 * 3600
    sizes = dict(zip(movers.names, movers.count_max, strict=True))
    assert (sizes["crowd at post 125"], sizes["crowd at post 234"]) == (550, 500)
    assert event["crowd at post 234"].count == (100, 100)
    assert of["climbers"] + of["cutters"] + of["turning back"] == 85  # 255 a day
    assert of["truck"] >= 5
    assert sum(e.times for e in scene.events if e.concern == "distress") == 3
    assert sum(e.times for e in scene.events if e.name.startswith("diversion")) == 2
    assert [f.kind for f in scene.faults] == ["dazzle", "dazzle"]
    assert min(w.temperature_c for w in scene.weather) < 0
    assert scene.loads[0].detections_per_s == 300
    assert sum(load.detections_per_s for load in scene.loads[1:]) == 20_000


def test_the_season_has_the_published_totals() -> None:
    scene = scene_of("season")
    months = {event.name: event.times for event in scene.events}
    assert sum(months.values()) == 34_000
    assert (months["August"], months["October"], months["November"]) == (3_500, 17_300, 7_000)
    assert scene.duration_s == 319 * 86_400
    ends = [event.at_s for event in scene.events]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))


def test_load_is_a_thousand_and_then_five_thousand_single_movers() -> None:
    assert [event.times for event in scene_of("load").events] == [1_000, 5_000]


@pytest.mark.parametrize("name", ["quiet-night", "storm", "storm-raw", "stillness", "diversion", "the-night"])
def test_the_truth_of_a_scene_scored_against_itself_is_perfect(name: str) -> None:
    site = site_of(name)
    scene = scene_of(name)
    truth = SimulatedSource(scene, site, 1).truth()
    perfect = score(ideal_incidents(truth, site), truth, site)
    assert all(row["share"] == 1.0 for row in perfect["pd"].values())
    assert (perfect["seen"]["count"], perfect["events_never_shown"]) == (0, 0)
    assert perfect["groups"]["right"] == perfect["groups"]["n"]
    assert perfect["distress"]["found"] == perfect["distress"]["n"]
    beyond = score(ideal_incidents(truth, site, shift_s=30 * 86_400.0), truth, site)
    assert all(row["found"] == 0 for row in beyond["pd"].values())


def test_a_shortened_scene_keeps_every_event_and_its_length() -> None:
    site, scene = reference_site(), scene_of("the-night")
    short = shortened(scene, site, 1)
    whole, less = movers_of(scene, site, 1), movers_of(short, site, 1)
    assert short.duration_s < 0.3 * scene.duration_s
    assert less.names == whole.names
    np.testing.assert_allclose(less.end_s - less.start_s, whole.end_s - whole.start_s, rtol=1e-9)
    assert [f.to_s - f.from_s for f in short.faults] == pytest.approx([f.to_s - f.from_s for f in scene.faults])
    assert short.loads[0].detections_per_s == 30
    assert [load.detections_per_s for load in short.loads[1:]] == [10_000, 10_000]


def test_a_laser_blinds_the_cameras_there_and_no_others() -> None:
    site = reference_site()
    scene = scene_of("the-night")
    source = SimulatedSource(scene, site, 1)
    start_ns = scene.start_ns + round((2 * 3600 + 14 * 60) * 1e9)
    source.seek(str(start_ns - 1_000_000_000))
    found = [item for item in source.poll(start_ns + 4 * 60 * 10**9) if isinstance(item, Health | Detections)]
    dazzled = {item.sensor for item in found if isinstance(item, Health) and item.condition == "dazzled"}
    assert dazzled == set(scene.faults[0].sensors)
    assert 3 <= len(dazzled) <= 30
    seeing: set[str] = set()
    for item in found:
        if isinstance(item, Detections):
            late = item.take(item.time_ns >= start_ns)
            seeing |= {late.sensors[int(i)] for i in np.unique(late.sensor_index)}
    assert not seeing & dazzled
    assert any(sensor.startswith("camera") for sensor in seeing)
