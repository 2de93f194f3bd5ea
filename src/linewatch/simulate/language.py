"""Reads a scene: a TOML file, or the name of a shipped one, checked against its site (see docs/scenes.md)."""

import tomllib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast, get_args

from linewatch.errors import InputError, Problem, SiteError
from linewatch.records.vocabulary import MOVERS, SENSOR_KINDS, Concern, Gait, Mover, SensorKind
from linewatch.simulate.phrases import ALLOWED, read_deed, read_time_s
from linewatch.simulate.scene import NS_PER_S, Deed, Event, Fault, FaultKind, Load, Scene, Spell
from linewatch.simulate.table import ANYWHERE, Table, shown
from linewatch.site.model import Line, Site

_MOVERS: Final = tuple(mover for mover in MOVERS if mover not in ("weather", "unknown"))
_FAULTS: Final[tuple[str, ...]] = get_args(FaultKind)
_MAX_S: Final = 400 * 86_400.0
_PARTS: Final = ("mover", "weather", "fault", "load")


def scene_names() -> tuple[str, ...]:
    """Names of the scenes that ship with Linewatch."""
    folder = resources.files("linewatch.simulate") / "scenes"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def read_scene(scene: str | Path, site: Site) -> Scene:
    """The scene of this file, or of this shipped name, for this site.

    Raises `InputError` where there is no such scene or it is no TOML, and `SiteError`, with every problem at once,
    where it does not fit its site or itself.
    """
    file, text = _text_of(scene)
    return read_scene_text(file, text, site)


def read_scene_text(file: str, text: str, site: Site) -> Scene:
    """The scene written in this text; `file` names it in messages. Raises as `read_scene` does."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise InputError(f"{file}: this is no valid TOML: {cause}") from cause
    problems: list[Problem] = []
    read = _Reader(file, site, problems).scene(Path(file).stem, values)
    if problems:
        raise SiteError(problems)
    return read


def _text_of(scene: str | Path) -> tuple[str, str]:
    if isinstance(scene, str) and not scene.endswith(".toml"):
        if scene not in scene_names():
            raise InputError(f"scene: found {scene!r}; allowed: a .toml file, or one of {', '.join(scene_names())}")
        return f"{scene}.toml", (resources.files("linewatch.simulate") / "scenes" / f"{scene}.toml").read_text("utf-8")
    try:
        return str(scene), Path(scene).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{scene}: the scene cannot be read: {cause}") from cause


class _Reader:
    """Reads the parts of one file."""

    def __init__(self, file: str, site: Site, problems: list[Problem]) -> None:
        self._file = file
        self._site = site
        self._problems = problems
        self._line = site.lines[0]
        self._duration_s = 0.0

    def scene(self, name: str, values: dict[str, Any]) -> Scene:
        """The whole."""
        parts = {part: values.pop(part, []) for part in _PARTS}
        head = Table(self._file, "", values, self._problems)
        self._line = self._line_of(head)
        start_ns = _start_ns(head)
        duration_s = read_time_s(head.text("duration"))
        if duration_s is None or not 0.0 < duration_s <= _MAX_S:
            head.wrong(
                "duration", shown(values.get("duration")), 'a time such as "08:00:00", above 0, at most 400 days'
            )
        self._duration_s = duration_s or _MAX_S
        text, natural = head.text("text", ""), head.flag("natural", default=True)
        head.finish()
        return Scene(
            name=name,
            text=text,
            start_ns=start_ns,
            duration_s=self._duration_s,
            line=self._line.id,
            events=tuple(self._event(table, i) for i, table in enumerate(self._tables(parts, "mover"))),
            weather=tuple(self._spell(table) for table in self._tables(parts, "weather")),
            faults=tuple(self._fault(table, i) for i, table in enumerate(self._tables(parts, "fault"))),
            loads=tuple(self._load(table) for table in self._tables(parts, "load")),
            natural=natural,
        )

    def _tables(self, parts: dict[str, Any], part: str) -> list[Table]:
        entries = parts[part]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._problems.append(Problem(self._file, part, shown(entries), f"tables headed [[{part}]]"))
            return []
        return [Table(self._file, f"{part}[{i}]", entry, self._problems) for i, entry in enumerate(entries)]

    def _line_of(self, table: Table) -> Line:
        ids = [line.id for line in self._site.lines]
        return self._site.line(table.choice("line", ids, self._line.id))

    def _event(self, table: Table, index: int) -> Event:
        line = self._line_of(table)
        mover = cast("Mover", table.choice("who", _MOVERS))
        event = Event(
            name=table.text("name", f"{mover}-{index}"),
            mover=mover,
            line=line.id,
            at_s=table.times_s("at", self._duration_s),
            stretch_m=table.stretch_m("where", line),
            deeds=_deeds(table),
            count=table.counts("count", 1, 1, 100_000),
            times=table.counts("times", 1, 0, 1_000_000)[0],
            offset_m=table.number("offset_m", 60.0, -5_000.0, 5_000.0),
            gait=cast("Gait", table.choice("gait", get_args(Gait), "walk")),
            speed_mps=table.number_or_none("speed_mps", 0.05, 70.0),
            spread_m=table.number_or_none("spread_m", 0.0, 20_000.0),
            concern=cast("Concern", table.choice("concern", ("none", "distress"), "none")),
            known=table.text("known") if table.has("known") else table.raw("known"),
        )
        table.finish()
        return event

    def _spell(self, table: Table) -> Spell:
        usual = Spell(from_s=0.0, to_s=0.0, stretch_m=(0.0, 0.0))
        wind_mps = table.number("wind_mps", usual.wind_mps, 0.0, 70.0)
        from_s, to_s = self._interval(table)
        spell = Spell(
            from_s=from_s,
            to_s=to_s,
            stretch_m=table.stretch_m("where", self._line, ANYWHERE),
            temperature_c=table.number("temperature_c", usual.temperature_c, -60.0, 60.0),
            wind_mps=wind_mps,
            gust_mps=table.number("gust_mps", max(wind_mps * 1.5, usual.gust_mps), wind_mps, 100.0),
            rain_mm_per_h=table.number("rain_mm_per_h", 0.0, 0.0, 300.0),
            visibility_m=table.number("visibility_m", usual.visibility_m, 1.0, 100_000.0),
            wet=table.flag("wet", default=False),
        )
        table.finish()
        return spell

    def _interval(self, table: Table) -> tuple[float, float]:
        from_s = table.time_s("from", 0.0, self._duration_s)
        to_s = table.time_s("to", self._duration_s, self._duration_s)
        if from_s >= to_s:
            table.wrong("to", f"{to_s:g} s", f"a time after 'from' ({from_s:g} s)")
        return from_s, to_s

    def _fault(self, table: Table, index: int) -> Fault:
        line = self._line_of(table)
        kind = cast("FaultKind", table.choice("what", _FAULTS))
        highest = {"loss": 1.0, "noisy": 1_000.0, "late": 60.0}.get(kind, 86_400.0)
        lowest = -highest if kind == "skew" else 0.0
        needed = None if kind in ("loss", "noisy", "skew", "late") else 0.0
        from_s, to_s = self._interval(table)
        stretch_m = table.stretch_m("where", line, ANYWHERE)
        fault = Fault(
            name=table.text("name", f"{kind}-{index}"),
            kind=kind,
            line=line.id,
            from_s=from_s,
            to_s=to_s,
            stretch_m=stretch_m,
            sensors=self._sensors(table, kind, line, stretch_m),
            amount=table.number("amount", needed, lowest, highest),
        )
        table.finish()
        return fault

    def _sensors(self, table: Table, kind: FaultKind, line: Line, stretch_m: tuple[float, float]) -> tuple[str, ...]:
        """The sensors named; else all that match `kinds`, `cabinet`, `power`, `network` and reach into the stretch."""
        named = table.words("sensors", [sensor.id for sensor in self._site.sensors if sensor.line == line.id])
        usual = {"dazzle": ("camera",), "cut": ("fibre_das", "fibre_vibration")}.get(kind, ())
        kinds = table.words("kinds", SENSOR_KINDS) or usual
        hangs = {key: table.text(key) for key in ("cabinet", "power", "network") if table.has(key)}
        for key in ("cabinet", "power", "network"):
            table.raw(key)
        if named:
            return tuple(sorted(named))
        found = [
            sensor.id
            for sensor in self._site.sensors
            if sensor.line == line.id
            and (not kinds or sensor.kind in kinds)
            and all(getattr(sensor, key) == value for key, value in hangs.items())
            and sensor.extent_m()[0] <= stretch_m[1]
            and sensor.extent_m()[1] >= stretch_m[0]
        ]
        if not found:
            table.wrong(
                "sensors", "no sensor of the site that fits", "'sensors', or 'where' and 'kinds' that meet some"
            )
        return tuple(sorted(found))

    def _load(self, table: Table) -> Load:
        from_s, to_s = self._interval(table)
        load = Load(
            from_s=from_s,
            to_s=to_s,
            stretch_m=table.stretch_m("where", self._line, ANYWHERE),
            detections_per_s=table.number("detections_per_s", None, 0.0, 200_000.0),
            kinds=cast("tuple[SensorKind, ...]", table.words("kinds", SENSOR_KINDS)),
        )
        table.finish()
        return load


def _start_ns(table: Table) -> int:
    value = table.raw("start")
    allowed = 'a date and time with its zone, such as "2021-11-18T22:00:00Z"'
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            table.wrong("start", shown(value), allowed)
            return 0
    if not isinstance(value, datetime) or value.tzinfo is None:
        table.wrong("start", "nothing" if value is None else shown(value), allowed)
        return 0
    since = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def _deeds(table: Table) -> tuple[Deed, ...]:
    phrases = table.words("does")
    if not phrases:
        table.wrong("does", "nothing", ALLOWED)
    deeds = []
    for phrase in phrases:
        if (deed := read_deed(phrase)) is None:
            table.wrong("does", shown(phrase), ALLOWED)
        else:
            deeds.append(deed)
    return tuple(deeds)
