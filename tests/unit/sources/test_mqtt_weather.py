"""Weather by MQTT: whatever a station calls its quantities, in whatever unit, in one message or in several."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.records import Health, Weather
from linewatch.site.model import Site, SourceSpec
from linewatch.sources.build import build_source
from linewatch.sources.mqtt.source import MqttSource
from tests.brokers import Talker, broker, until
from tests.unit.notify.made import site

MAP = """
title = "a hut"
subscribe = ["hut/#"]
[[rule]]
topic = "hut/{device}"
gives = "weather"
weather = { temperature_c = "t", wind_mps = "wind.kmh", wet = "rain" }
weather_scale = { wind_mps = 0.277778 }
"""


def made(folder: Path, url: str = "mqtt://127.0.0.1:9", **more: object) -> MqttSource:
    (folder / "mine.toml").write_text(MAP, encoding="utf-8")
    usual = {"url": url, "map": "mine.toml", "weather": {"north": {"from_m": 0.0, "to_m": 2000.0}}}
    bare = site()
    here = Site(bare.name, bare.timezone, bare.lines, folder=str(folder))
    source = build_source(here, SourceSpec("mqtt", {**usual, **more}))
    assert isinstance(source, MqttSource)
    return source


def after(source: MqttSource, *messages: tuple[str, object]) -> list[Item]:
    for topic, value in messages:
        raw = json.dumps(value).encode()
        source.message(topic, raw, mid=0, qos=0, retained=False, repeated=False)
    return source.poll(time.time_ns() + 10**9)


def weather(items: Sequence[Item]) -> list[Weather]:
    return [item for item in items if isinstance(item, Weather)]


def test_a_message_is_weather_on_the_stretch_of_its_station_in_our_units(tmp_path: Path) -> None:
    (found,) = weather(after(made(tmp_path), ("hut/north", {"t": -3.25, "wind": {"kmh": 36}, "rain": 1})))
    assert (found.line, found.from_m, found.to_m) == ("main", 0.0, 2000.0)
    assert (found.temperature_c, found.wind_mps, found.wet, found.gust_mps) == (-3.25, 10.0, True, None)


def test_what_a_station_says_in_another_message_goes_on_counting(tmp_path: Path) -> None:
    source = made(tmp_path)
    after(source, ("hut/north", {"t": "-3"}))
    (found,) = weather(after(source, ("hut/north", {"wind": {"kmh": 36}})))
    assert (found.temperature_c, found.wind_mps) == (-3.0, 10.0)
    assert weather(after(source, ("hut/north", {"battery": 80}))) == []


def test_a_station_that_is_not_of_the_site_is_offered_and_says_nothing(tmp_path: Path) -> None:
    (said,) = after(made(tmp_path), ("hut/south", {"t": 4}))
    assert isinstance(said, Health) and said.condition == "unknown_sensor"


@pytest.mark.parametrize("value", [{"t": "warm"}, {"t": 400}, {"t": True}, {"t": [1]}, {"wind": {"kmh": -1}}])
def test_a_value_that_no_weather_has_costs_one_finding(value: dict[str, object], tmp_path: Path) -> None:
    (said,) = after(made(tmp_path), ("hut/north", value))
    assert isinstance(said, Health) and said.condition == "refused"


def test_a_stretch_that_is_not_of_the_site_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="within 0 to 4600"):
        made(tmp_path, weather={"north": {"from_m": 0.0, "to_m": 9_000.0}})


@pytest.mark.parametrize(
    ("units", "packet"),
    [
        ("METRICWX", {"outTemp_C": "-2.5", "windSpeed_mps": "10.0", "windGust_mps": None, "rainRate_mm_per_hour": "1"}),
        ("METRIC", {"outTemp_C": "-2.5", "windSpeed_kph": "36.0", "rainRate_cm_per_hour": "0.1"}),
    ],
)
def test_the_packets_of_weewx_are_read_over_a_real_broker(
    units: str, packet: dict[str, object], tmp_path: Path
) -> None:
    with broker(tmp_path / "broker") as running:
        source = made(tmp_path, running.url, map="weewx", weather={"weather": {}})
        source.start()
        talker = Talker(running.port)
        items: list[Item] = []
        try:
            until(lambda: source.status().up, 10.0, "the link")
            talker.say("weather/loop", json.dumps({"dateTime": str(int(time.time())), "usUnits": "17", **packet}))
            until(lambda: items.extend(source.poll(time.time_ns() + 10**9)) or weather(items), 10.0, "weather")
        finally:
            talker.close()
            source.close()
    found = weather(items)[-1]
    assert (found.temperature_c, found.wind_mps, found.rain_mm_per_h) == (-2.5, 10.0, 1.0)
    assert (found.from_m, found.to_m) == (0.0, 4600.0)
