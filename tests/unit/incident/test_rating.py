"""How urgent an incident is beyond its kind, what is dangerous there, and which settings hold when."""

import msgspec
import pytest

from linewatch.incident.desk import DeskSettings, TimedRule
from linewatch.incident.hours import Hours
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.rating import hazards_here, rated, rerated
from linewatch.records import Weather
from linewatch.site.model import Site
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.incident.test_lifecycle import S, incident

BITTER = Weather("main", 0.0, 600.0, T0_NS, temperature_c=-12.0, wind_mps=6.0)
STORM = Weather("main", 0.0, 600.0, T0_NS, temperature_c=8.0, wind_mps=12.0, gust_mps=20.0)


@pytest.mark.parametrize(
    ("more", "weather", "priority"),
    [
        ({"mover": "person", "kind": "approach"}, None, 3),
        ({"mover": "person", "kind": "approach"}, BITTER, 2),
        ({"mover": "vehicle", "kind": "vehicle"}, BITTER, 3),
        ({"mover": "group", "kind": "approach", "count_low": 10}, None, 2),
        ({"mover": "group", "kind": "crossing", "count_low": 10, "priority": 2}, None, 1),
        ({"mover": "person", "kind": "approach", "kind_probability": 0.2}, None, 4),
        ({"kind": "unknown"}, STORM, 4),
        ({"kind": "unknown", "act": "saw"}, STORM, 3),
        ({"kind": "unknown"}, Weather("main", 0.0, 600.0, T0_NS), 3),
        ({"kind": "animal", "mover": "animal", "priority": 5, "kind_probability": 0.1}, STORM, 5),
        ({"kind": "barrier_contact", "priority": 1, "kind_probability": 0.1}, STORM, 1),
        ({"kind": "outage", "concern": "outage", "kind_probability": 0.1}, STORM, 3),
    ],
)
def test_priority_follows_from_mover_act_confidence_size_and_weather(
    more: dict[str, object], weather: Weather | None, priority: int
) -> None:
    assert rated(incident(**({"mover": "unknown"} | more)), weather, crowd_count=10) == priority


def test_a_version_that_only_looks_new_is_the_old_one() -> None:
    old = rerated(None, incident(mover="person", kind="approach"), BITTER, 10)
    again = incident(mover="person", kind="approach", updated_ns=T0_NS + S)
    assert rerated(old, again, BITTER, 10) is old
    assert rerated(old, again, None, 10).priority == 3


def test_a_river_is_dangerous_and_in_the_frost_its_ice_too() -> None:
    site = fence_site()
    section = msgspec.structs.replace(site.lines[0].sections[0], terrain="river")
    river = msgspec.structs.replace(site, lines=(msgspec.structs.replace(site.lines[0], sections=(section,)),))
    assert hazards_here(site, incident(), BITTER) == ()
    assert hazards_here(river, incident(), BITTER) == ("ice", "water")
    assert hazards_here(river, incident(), STORM) == hazards_here(river, incident(), None) == ("water",)


def hours(site: Site, *rules: TimedRule, **by_section: IncidentSettings) -> Hours:
    named = {f"main/{name}": settings for name, settings in by_section.items()}
    return Hours(site, IncidentSettings(), named, rules)


def test_a_section_has_its_own_settings_and_an_hour_its_rules_on_the_wall_clock_of_the_site() -> None:
    night = TimedRule(sections=("main/S01",), from_time="22:00", to_time="06:00", raise_probability=0.97)
    always = TimedRule(lone_detections=5)
    found = hours(fence_site(sections=2), night, always, S02=IncidentSettings(raise_probability=0.8))
    midnight_utc = T0_NS  # one o'clock in the morning there
    assert found.settings_at("main", "S01", midnight_utc).raise_probability == 0.97
    assert found.settings_at("main", "S02", midnight_utc).raise_probability == 0.8
    assert found.settings_at("main", "S01", midnight_utc + 5 * 3600 * S).raise_probability == 0.9
    assert found.settings_at("main", "S01", midnight_utc + 21 * 3600 * S).raise_probability == 0.97
    assert found.settings_at("main", "S02", midnight_utc).lone_detections == 5
    assert hours(fence_site()).settings_at("main", "S01", T0_NS) == IncidentSettings()


def test_a_rule_within_one_day_holds_from_its_first_minute_to_before_its_last() -> None:
    rule = TimedRule(from_time="06:00", to_time="06:30")
    assert [rule.holds_at(minute) for minute in (359, 360, 389, 390)] == [False, True, True, False]
    assert TimedRule().holds_at(0) and TimedRule().holds_at(1439)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("from_time", "24:00", "found '24:00'; allowed: 00:00 to 23:59"),
        ("raise_probability", 0.2, "found 0.2; allowed: 0.5 to 1"),
        ("lone_detections", 99, "found 99; allowed: 1 to 20"),
    ],
)
def test_a_rule_that_would_blind_the_watch_is_refused(key: str, value: object, words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert({"rules": [{key: value}]}, DeskSettings)
