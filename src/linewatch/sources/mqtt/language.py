"""The mapping language as it is written: maps, their rules, the conditions of these."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from linewatch.records.health import Condition, Severity
from linewatch.records.vocabulary import Mover

Gives = Literal["detection", "health", "weather", "nothing"]
WeatherField = Literal["temperature_c", "wind_mps", "gust_mps", "rain_mm_per_h", "visibility_m", "wet"]


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on the message. A path that leads nowhere does not hold."""

    path: str = ""
    """Where to look."""
    equals: Any = None
    """It is this."""
    one_of: tuple[Any, ...] = ()
    """Or one of these."""
    above: float | None = None
    """Or a number above this."""
    below: float | None = None
    """Or a number below this."""
    contains: str = ""
    """Or a text that contains this."""
    absent: bool = False
    """It is not there, is null, false or empty."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one kind of message becomes."""

    topic: str
    """Pattern: `{name}` is one level, `{name#}` one or more, `+` and `#` as in MQTT; `{base}` is the map's own."""
    gives: Gives
    """A detection, a finding, weather, or (known and of no interest) nothing."""
    address: str = "{device}"
    """Text that names the device: the key of `sensors` in the site."""
    payload: Literal["json", "meshtastic"] = "json"
    """How the message is read."""
    when: tuple[When, ...] = ()
    """Conditions, all of which must hold."""
    rise: str = ""
    """Path: holds only when what stands there is true and was not so in the device's message before."""
    time: str = ""
    """Path of the time at which it happened; empty or missing: when it came."""
    time_unit: Literal["s", "ms", "iso"] = "s"
    """Its form."""
    id: str = ""
    """Text that names the message: a second one of this name is a duplicate."""
    probability: float = 0.95
    """Probability that a detection is real ..."""
    probability_at: str = ""
    """... or the path of it, 0 to 1."""
    strength_db: float = 10.0
    """Strength of a detection: a round figure, since such devices tell none."""
    movers: Mapping[Mover, float] = {}
    """What moves, as shares; what they leave is spread over all kinds."""
    movers_at: str = ""
    """Path of a word ..."""
    movers_by: Mapping[str, Mapping[Mover, float]] = {}
    """... and the shares by that word."""
    track: str = ""
    """Text that names what the device follows, where it follows."""
    condition: Condition = "heartbeat"
    """Of a finding: what is the matter."""
    severity: Severity = "ok"
    """Of a finding: how bad."""
    ends: Condition | None = None
    """Of a finding that something recovered: what."""
    text: str = "heard"
    """Of a finding: in words, filled in."""
    weather: Mapping[WeatherField, str] = {}
    """Of weather: path of each quantity that the message holds ..."""
    weather_scale: Mapping[WeatherField, float] = {}
    """... and what a number is multiplied by where it comes in another unit (km/h: 0.277778)."""


class Map(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole map."""

    title: str
    """What it reads."""
    subscribe: tuple[str, ...]
    """Topics to subscribe to."""
    rule: tuple[Rule, ...]
    """Rules."""
    base: str = ""
    """First part of the topics, where the site does not say otherwise."""
    qos: int = 1
    """Quality of service to ask for."""
    listed: str = ""
    """In words: how devices are told apart."""
