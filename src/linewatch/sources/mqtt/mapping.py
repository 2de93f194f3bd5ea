"""The mapping language: from a topic and the JSON in its message to detections and findings.

A map is a TOML file of rules. The first topic that fits a message decides; all rules of that topic are tried. A path
such as `after.camera` or `rxInfo.0.rssi` leads into the JSON; the empty path is the whole of it (or the text, where a
message is no JSON). A text such as `{device}/{after.label}` is filled in from parts of the topic and from paths.
"""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.protocols.meshtastic import read_envelope
from linewatch.records.vocabulary import Mover
from linewatch.sources.mqtt.language import Map, Rule, WeatherField, When

MOST_BYTES: Final = 262_144
"""Longest message that is looked into."""
_PART: Final = re.compile(r"\{(\w+)(#?)\}|(\+)|(#)|([^{}+#]+)")
_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_MISSING: Final = object()


class Event(msgspec.Struct, frozen=True):
    """What a message says, by one rule."""

    rule: Rule
    """The rule."""
    address: str
    """Device it speaks of."""
    stamped_ns: int | None
    """When it says that it happened."""
    probability: float
    """Probability of being real."""
    movers: tuple[tuple[Mover, float], ...]
    """Shares of movers."""
    track: str | None
    """What the device follows."""
    text: str
    """In words."""
    weather: Mapping[WeatherField, float | bool] = {}
    """Of weather: what the message holds of it."""


class Read(msgspec.Struct, frozen=True):
    """What became of one message."""

    events: tuple[Event, ...] = ()
    """What it says."""
    addresses: tuple[str, ...] = ()
    """Devices that it is from, whether or not it says anything."""
    wrong: str = ""
    """Why it could not be read; empty where it could."""
    matched: bool = True
    """Whether any rule knows its topic."""
    duplicate: bool = False
    """Whether it came before."""


def map_names() -> tuple[str, ...]:
    """Maps that ship with Linewatch."""
    folder = files("linewatch.sources.mqtt") / "maps"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def load_map(name: str, folder: Path, base: str = "") -> Map:
    """A shipped map by its name, or a file of the site ending in `.toml`. Raises `InputError`."""
    if name.endswith(".toml"):
        path = folder / name
        if not path.is_file():
            raise InputError(
                f"site.toml: map: found {name!r}, no such file; allowed: {', '.join(map_names())} or a file"
            )
        text = path.read_text(encoding="utf-8")
    elif name in map_names():
        text = (files("linewatch.sources.mqtt") / "maps" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise InputError(f"site.toml: map: found {name!r}; allowed: {', '.join(map_names())} or a .toml file")
    try:
        read = msgspec.convert(tomllib.loads(text), Map)
        chosen = msgspec.structs.replace(read, base=base or read.base)
        Mapper(chosen)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{name}: {error}; allowed: a map as in docs/source-mqtt.md") from error
    return chosen


class Mapper:
    """Applies one map. Remembers, by device, what rises; and which messages it has seen."""

    def __init__(self, chosen: Map, most_ids: int = 20_000) -> None:
        self.map = chosen
        self._groups: list[tuple[re.Pattern[str], list[Rule]]] = []
        by_topic: dict[str, list[Rule]] = {}
        for rule in chosen.rule:
            by_topic.setdefault(rule.topic, []).append(rule)
        for topic, rules in by_topic.items():
            self._groups.append((_pattern(topic, chosen.base), rules))
        self._raised: dict[tuple[str, str], bool] = {}
        self._ids: dict[str, None] = {}
        self._most_ids = most_ids
        self._find = lru_cache(maxsize=10_000)(self._found)

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return tuple(topic.replace("{base}", self.map.base) for topic in self.map.subscribe)

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Read:
        """What a message says. A retained one is old news: it is remembered and says nothing."""
        found = self._find(topic)
        if found is None:
            return Read(matched=False)
        rules, parts = found
        if all(rule.gives == "nothing" for rule in rules):
            return Read()
        if len(payload) > MOST_BYTES:
            return Read(wrong=f"a message of {len(payload)} bytes; allowed: at most {MOST_BYTES}")
        values: dict[str, Any] = {}
        events: list[Event] = []
        addresses: dict[str, None] = {}
        for rule in rules:
            if rule.payload not in values:
                try:
                    values[rule.payload] = _decoded(rule.payload, payload)
                except ValueError as error:
                    return Read(wrong=f"{topic[:80]}: {error}")
            value = values[rule.payload]
            address = _filled(rule.address, parts, value)
            if not address or rule.gives == "nothing":
                continue
            holds = all(_condition_holds(when, value) for when in rule.when)
            if holds and self._repeated(rule, parts, value):
                return Read(addresses=(address,), duplicate=True)
            holds = holds and self._rises(rule, address, value)
            if holds or not rule.when:
                addresses[address] = None
            if holds and not retained:
                try:
                    events.append(_event(rule, address, parts, value))
                except ValueError as error:
                    return Read(addresses=tuple(addresses), wrong=f"{topic[:80]}: {error}")
        return Read(tuple(events), tuple(addresses))

    def _found(self, topic: str) -> tuple[list[Rule], dict[str, str]] | None:
        for pattern, rules in self._groups:
            match = pattern.fullmatch(topic)
            if match is not None:
                return rules, match.groupdict()
        return None

    def _repeated(self, rule: Rule, parts: Mapping[str, str], value: Any) -> bool:
        if not rule.id:
            return False
        name = _filled(rule.id, parts, value)
        key = f"{rule.topic}\n{self.map.rule.index(rule)}\n{name}"
        if not name or key not in self._ids:
            self._ids[key] = None
            if len(self._ids) > self._most_ids:
                del self._ids[next(iter(self._ids))]
            return False
        return True

    def _rises(self, rule: Rule, address: str, value: Any) -> bool:
        if not rule.rise:
            return True
        now = _at(value, rule.rise)
        if now is _MISSING:
            return False  # messages about something else say nothing of it
        key = (address, rule.rise)
        before = self._raised.get(key, False)
        self._raised[key] = _is_true(now)
        return self._raised[key] and not before


def _pattern(topic: str, base: str) -> re.Pattern[str]:
    """A topic as a regular expression."""
    out, at = "", 0
    for part in _PART.finditer(topic):
        if part.start() != at:
            break
        at = part.end()
        name, many, level, rest, text = part.groups()
        if name == "base":
            out += re.escape(base)
        elif name:
            out += f"(?P<{name}>.+)" if many else f"(?P<{name}>[^/]+)"
        elif level:
            out += "[^/]+"
        elif rest:
            out += ".*"
        else:
            out += re.escape(text)
    if at != len(topic) or not topic:
        raise ValueError(f"topic: found {topic!r}; allowed: text, {{name}}, {{name#}}, + and #")
    return re.compile(out)


def _decoded(how: str, payload: bytes) -> Any:
    if how == "meshtastic":
        return read_envelope(payload)
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if payload[:1] in (b"{", b"["):
            raise ValueError("a message that is no whole JSON") from None
        try:
            return payload.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("a message that is neither JSON nor text") from None


def _at(value: Any, path: str) -> Any:
    if not path:
        return value
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def _filled(text: str, parts: Mapping[str, str], value: Any) -> str:
    """A text with its slots filled; empty where one cannot be."""
    if "{" not in text:
        return text[:200]
    out, at = "", 0
    for slot in _SLOT.finditer(text):
        name = slot.group(1)
        found = parts[name] if name in parts else _at(value, name)
        if found is _MISSING or found is None or isinstance(found, dict | list):
            return ""
        out += text[at : slot.start()] + str(found)
        at = slot.end()
    return (out + text[at:])[:200]


def _is_true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in ("true", "on", "1"))


def _condition_holds(when: When, value: Any) -> bool:
    found = _at(value, when.path)
    if when.absent:
        return found is _MISSING or not found
    if found is _MISSING:
        return False
    if when.contains:
        return isinstance(found, str) and when.contains in found
    if when.above is not None or when.below is not None:
        if isinstance(found, bool) or not isinstance(found, int | float):
            return False
        return (when.above is None or found > when.above) and (when.below is None or found < when.below)
    allowed: Sequence[Any] = when.one_of or (when.equals,)
    # True is not 1 here: a device that sends numbers means numbers.
    return any(type(found) is type(each) and found == each for each in allowed)


def _event(rule: Rule, address: str, parts: Mapping[str, str], value: Any) -> Event:
    movers: Mapping[Mover, float] = rule.movers
    if rule.movers_at:
        word = _at(value, rule.movers_at)
        movers = rule.movers_by.get(word, rule.movers) if isinstance(word, str) else rule.movers
    return Event(
        rule=rule,
        address=address,
        stamped_ns=_stamp_ns(rule, value),
        probability=_probability(rule, value),
        movers=tuple(movers.items()),
        track=_filled(rule.track, parts, value) or None if rule.track else None,
        text=_filled(rule.text, parts, value) or rule.text,
        weather=_weather(rule, value) if rule.gives == "weather" else {},
    )


def _weather(rule: Rule, value: Any) -> dict[WeatherField, float | bool]:
    """Quantities that the message holds. Numbers may come as texts; what is null or empty is not there."""
    out: dict[WeatherField, float | bool] = {}
    for field, path in rule.weather.items():
        found = _at(value, path)
        if found is _MISSING or found is None or found == "":
            continue
        if field == "wet":
            out[field] = _is_true(found)
            continue
        try:
            number = float("nan") if isinstance(found, bool) else float(found)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not math.isfinite(number):
            raise ValueError(f"{path}: found {str(found)[:40]!r}; allowed: a number")
        out[field] = number * rule.weather_scale.get(field, 1.0)
    return out


def _probability(rule: Rule, value: Any) -> float:
    if not rule.probability_at:
        return rule.probability
    found = _at(value, rule.probability_at)
    if found is _MISSING or found is None:
        return rule.probability
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0.0 <= found <= 1.0:
        raise ValueError(f"{rule.probability_at}: found {str(found)[:40]!r}; allowed: 0 to 1")
    return float(found)


def _stamp_ns(rule: Rule, value: Any) -> int | None:
    found = _at(value, rule.time) if rule.time else None
    if found is _MISSING or found is None:
        return None
    time_ns = _moment_ns(found, rule.time_unit)
    if time_ns is None:
        raise ValueError(f"{rule.time}: found {str(found)[:40]!r}; allowed: a time since 1970 ({rule.time_unit})")
    return time_ns


def _moment_ns(found: Any, unit: str) -> int | None:
    """A time in whatever form; None where it is none. A text is ISO 8601 with its zone, whatever the unit."""
    try:
        if unit == "iso" or isinstance(found, str):
            moment = datetime.fromisoformat(str(found))
            time_ns = -1 if moment.tzinfo is None else int(moment.timestamp() * 1_000_000) * 1_000
        else:
            time_ns = int(found * (1_000_000_000 if unit == "s" else 1_000_000))
    except (ValueError, TypeError, OverflowError):
        return None
    return time_ns if 0 <= time_ns < 2**63 else None
