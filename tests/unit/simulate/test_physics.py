"""What sensors feel, and how well they tell things apart, is what the models state."""

import msgspec
import numpy as np
import pytest

from linewatch.records import ACTS, MOVERS, Detections, concatenate
from linewatch.records.vocabulary import SensorKind
from linewatch.simulate import SimulatedSource, bench_site, physics, read_scene_text
from linewatch.simulate.air import Air, sun_elevation_deg
from linewatch.simulate.course import GROUP, PERSON, STILL, VEHICLE, WALK, Floats
from linewatch.simulate.manners import ACT_CONFUSION, MANNERS, MOVER_CONFUSION
from linewatch.simulate.physics import Sight

SITE = bench_site()


def air(n: int, **values: float) -> Air:
    usual = {"temperature_c": 5.0, "wind_mps": 2.0, "gust_mps": 3.0, "rain_mm_per_h": 0.0, "visibility_m": 20_000.0}
    return Air(*(np.full(n, value) for value in (usual | values).values()))


def sight(distance_m: Floats, **values: float) -> Sight:
    n = len(distance_m)
    usual: dict[str, float] = {
        "along_m": 0.0, "across_m": 0.0, "range_m": 150.0, "weight": 1.0, "mover": PERSON, "pace": WALK, "act": 0,
        "gain_db": 0.0, "soil_db_per_m": 0.2, "terrain_db": 0.0, "thermal": 1, "blowing_mps": 2.0, "daylight": 0.0,
    }  # fmt: skip
    whole = ("mover", "pace", "act")
    columns = {k: np.full(n, v, dtype=np.int64 if k in whole else np.float64) for k, v in (usual | values).items()}
    return Sight(distance_m=distance_m, **columns | {"thermal": columns["thermal"] > 0})


def reach_m(db: Floats, distance_m: Floats) -> float:
    return float(distance_m[db >= physics.DETECTABLE_DB].max(initial=0.0))


NEAR = np.linspace(1.0, 300.0, 3_000)


def test_a_walker_is_felt_in_the_ground_within_tens_of_metres_and_a_truck_further() -> None:
    walker = reach_m(physics.ground_db(sight(NEAR), air(len(NEAR)), fibre=True), NEAR)
    truck = reach_m(physics.ground_db(sight(NEAR, mover=VEHICLE), air(len(NEAR)), fibre=True), NEAR)
    by_geophone = reach_m(physics.ground_db(sight(NEAR), air(len(NEAR)), fibre=False), NEAR)
    assert 20.0 < walker < by_geophone < 60.0
    assert truck > 2.5 * walker


def test_every_level_falls_with_distance() -> None:
    n = len(NEAR)
    for db in (
        physics.ground_db(sight(NEAR), air(n), fibre=True),
        physics.radar_db(sight(NEAR, range_m=1_000.0), air(n)),
        physics.camera_db(sight(NEAR, range_m=400.0), air(n)),
        physics.pir_db(sight(NEAR, range_m=400.0), air(n)),
    ):
        assert (np.diff(db) <= 1e-9).all()


def test_a_group_is_louder_than_one_and_by_less_than_its_number() -> None:
    one, hundred = (physics.ground_db(sight(NEAR, weight=w, mover=GROUP), air(len(NEAR)), fibre=True) for w in (1, 100))
    assert (hundred - one) == pytest.approx(20.0)  # a hundred times the power, ten times the amplitude


def test_weather_takes_what_it_is_said_to_take() -> None:
    at = np.array([60.0])
    clear, fog = (physics.camera_db(sight(at), air(1, visibility_m=v))[0] for v in (20_000.0, 300.0))
    assert clear - fog == pytest.approx(34.0 * 60.0 * (1 / 300.0 - 1 / 20_000.0))
    cold, warm = (physics.pir_db(sight(at), air(1, temperature_c=t))[0] for t in (0.0, 22.0))
    assert cold > warm + 15.0
    dry, wet = (physics.radar_db(sight(at), air(1, rain_mm_per_h=r))[0] for r in (0.0, 30.0))
    assert dry > wet + 5.0
    climb = ACTS.index("climb")
    calm, storm = (physics.fence_db(sight(at, act=climb, blowing_mps=v), air(1))[0] for v in (3.0, 24.0))
    assert calm - storm == pytest.approx(20.0 * np.log10(8.0))


def test_a_camera_without_a_thermal_head_is_blind_in_the_dark_only() -> None:
    at = np.array([50.0])
    assert physics.camera_db(sight(at, thermal=0), air(1))[0] < 0.0
    assert physics.camera_db(sight(at, thermal=0, daylight=1.0), air(1))[0] > 10.0


def test_who_does_not_move_is_lost_to_radar_and_to_the_ground() -> None:
    n = len(NEAR)
    assert physics.radar_db(sight(NEAR, pace=STILL, range_m=1_000.0), air(n)).max() < 10.0
    assert physics.ground_db(sight(NEAR, pace=STILL), air(n), fibre=False).max() < 10.0


def test_the_sun_stands_where_it_should() -> None:
    noon_of_solstice = 1_624_267_800.0  # 2021-06-21T09:30:00Z, about noon at 37 degrees east
    assert sun_elevation_deg(np.array([noon_of_solstice]), 37.0, 52.0)[0] == pytest.approx(61.4, abs=1.0)
    assert sun_elevation_deg(np.array([noon_of_solstice + 43_200.0]), 37.0, 52.0)[0] < 0.0


@pytest.mark.parametrize("kind", sorted(MOVER_CONFUSION))
def test_stated_probabilities_add_up_and_are_calibrated(kind: SensorKind) -> None:
    table = MOVER_CONFUSION[kind]
    assert table.posterior.sum(axis=1) == pytest.approx(np.ones(len(MOVERS)), abs=0.02)
    rng = np.random.default_rng(1)
    true = rng.integers(0, len(MOVERS), 200_000)
    taken = table.taken_for(true, rng.random(len(true)))
    for name in range(len(MOVERS)):
        share = np.bincount(true[taken == name], minlength=len(MOVERS)) / max((taken == name).sum(), 1)
        assert share == pytest.approx(table.posterior[name], abs=0.02)
    assert ACT_CONFUSION.posterior.shape == (len(ACTS), len(ACTS))


def played(story: str, seed: int) -> Detections:
    head = 'start = "2021-11-18T22:00:00Z"\nduration = "00:10:00"\nnatural = false\n'
    source = SimulatedSource(read_scene_text("made.toml", head + story, SITE), SITE, seed)
    return concatenate("main", [i for i in source.poll(source.end_ns + 10**9) if isinstance(i, Detections)])


def test_errors_of_place_are_as_large_as_their_sigma_says() -> None:
    # Somebody goes along at a known speed, so each sensor's error can be told at any time.
    batch = played(
        '[[mover]]\nwho="person"\nat="00:00:00"\nwhere=10.0\noffset_m=6.0\nspeed_mps=0.95\ndoes=["along 560 m"]\n', 3
    )
    start_ns = 1_637_272_800 * 10**9
    true_m = 10.0 + 0.95 * (batch.time_ns - start_ns) / 1e9
    for kind, low, high in (("fibre-1", 0.7, 1.3), ("radar-1", 0.7, 1.3), ("cam-225", 0.7, 1.4), ("geo-310", 0.3, 1.3)):
        mine = np.array([batch.sensors[i] == kind for i in batch.sensor_index])
        error = (batch.chainage_m[mine] - true_m[mine]) / batch.chainage_sigma_m[mine]
        assert mine.sum() > 30
        assert low < float(np.sqrt((error**2).mean())) < high, kind


def test_a_share_of_people_is_never_noticed_by_a_sensor_that_states_it() -> None:
    halved = tuple(
        msgspec.structs.replace(s, performance=msgspec.structs.replace(s.performance, pd_walk_fraction=0.5))
        for s in SITE.sensors
        if s.id == "fibre-1"
    )
    site = msgspec.structs.replace(SITE, sensors=halved)
    head = 'start = "2021-11-18T22:00:00Z"\nduration = "01:00:00"\nnatural = false\n'
    # One after another, each alone in its ten seconds.
    story = "".join(
        f'[[mover]]\nname="p{i}"\nwho="person"\nat="{i * 15} s"\nwhere=300.0\n'
        'offset_m=4.0\nspeed_mps=1.0\ndoes=["along 8 m"]\n'
        for i in range(200)
    )
    source = SimulatedSource(read_scene_text("made.toml", head + story, site), site, 1)
    batch = concatenate("main", [i for i in source.poll(source.end_ns) if isinstance(i, Detections)])
    noticed = np.unique((batch.time_ns - source.start_ns) // 15_000_000_000)
    assert len(noticed) == pytest.approx(100, abs=25)


def test_the_load_asked_for_is_the_load_given() -> None:
    batch = played("[[load]]\ndetections_per_s = 50.0\n", 1)
    assert len(batch) == pytest.approx(30_000, rel=0.02)


def test_manners_name_every_kind_of_sensor() -> None:
    assert {sensor.kind for sensor in SITE.sensors} <= set(MANNERS)
