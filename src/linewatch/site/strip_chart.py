"""The coverage of a line as a picture: chainage from left to right over several rows, gaps in plain sight.

Each row shows, from top to bottom: places; Pd by mover on a scale of nines (each mark upwards is ten times fewer
crossings missed); for each mover where it is watched, weak or not watched; the sensors by family; sections. Within one
column of pixels the worst metre counts, and a gap is drawn wide enough to be seen, however short it is. Colours are
told apart by people with any colour vision (after Okabe and Ito 2008), and hatching says the same again.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.site.chart_words import Banner, draw_banner, draw_table
from linewatch.site.coverage import Coverage
from linewatch.site.gaps import Cluster, Thresholds, states_of
from linewatch.site.grid import Stretch
from linewatch.site.performance import FAMILIES, WATCHED, Family, Watched, family_of
from linewatch.site.sensor import Sensor
from linewatch.site.svg import Drawing, number, width_of

Floats = NDArray[np.float64]

WIDTH: Final = 1200.0
LEFT: Final = 86.0
PLOT: Final = 1090.0
"""Width of the part that has chainage in it."""
CHART: Final = 52.0
LANE: Final = 11.0
FAMILY: Final = 8.0
_ROW_KM: Final = 25.0
_MOST_ROWS: Final = 16
_COLUMNS: Final = 1090
_LEAST_GAP_PX: Final = 3.0
_MARKED: Final = 10

INK: Final = "#1b2733"
FAINT: Final = "#8a97a5"
RULE: Final = "#d5dce3"
TINTS: Final[dict[Watched, str]] = {
    "vehicle": "#dcebf5",
    "group": "#b7d6ea",
    "person_walking": "#6baed6",
    "person_crawling": "#1f6fa8",
}
"""Areas from the back to the front."""
NAMES: Final[dict[Watched, str]] = {
    "person_walking": "walking",
    "person_crawling": "crawling",
    "group": "group",
    "vehicle": "vehicle",
}
WATCHED_FILL: Final = "#cfe3ef"
WEAK_INK: Final = "#e69f00"
GAP_INK: Final = "#c2410c"
_MARKS: Final = ((0.5, ".5"), (0.9, ".9"), (0.99, ".99"), (0.999, ".999"))
_PLACE_RANK: Final = ("gate", "road", "stream", "post")


class _Row(msgspec.Struct, frozen=True):
    """One row of the chart."""

    low: int
    """First step."""
    high: int
    """Step after the last."""
    top: float
    """Where it begins."""

    def x(self, step: float) -> float:
        return LEFT + PLOT * (step - self.low) / (self.high - self.low)


def strip_chart(
    coverage: Coverage,
    thresholds: Thresholds | None = None,
    mover: Watched = "person_walking",
    *,
    title: str = "",
    subtitle: str = "",
) -> str:
    """The picture as the text of an SVG file; `mover` is the one whose gaps are numbered and listed."""
    limits = thresholds or Thresholds()
    worst = coverage.clusters(mover, limits, most=_MARKED)
    families = [family for family in FAMILIES if any(family_of(s) == family for s in coverage.sensing.reach.sensors)]
    banner = Banner.of(coverage, limits, title=title, subtitle=subtitle)
    row_height = 22.0 + CHART + 5.0 + LANE * len(WATCHED) + 4.0 + FAMILY * len(families) + 34.0
    rows = _rows(coverage, banner.height + 8.0, row_height)
    table_top = banner.height + 8.0 + row_height * len(rows) + 6.0
    height = table_top + 46.0 + 19.0 * max(1, len(worst)) + 18.0
    drawing = Drawing.blank(WIDTH, height, banner.title, banner.spoken)
    defs = drawing.add("defs")
    defs.hatch("gap", "#fde3d6", GAP_INK, gap=5, stroke=2.2, turn_deg=45)
    defs.hatch("weak", "#fdf0cf", WEAK_INK, gap=4, stroke=1.1, turn_deg=-45)
    drawing.rect(0, 0, WIDTH, height, fill="#ffffff")
    draw_banner(drawing, banner)
    pds = {each: coverage.pd(each) for each in WATCHED}
    for row in rows:
        _draw_pd(drawing, row, pds)
        _draw_places(drawing, row, coverage, worst)
        _draw_lanes(drawing, row, pds, limits)
        _draw_sensors(drawing, row, coverage, families)
        _draw_sections(drawing, row, coverage, len(families))
        _draw_gaps(drawing, row, pds[mover], limits, row_height - 52.0)
    draw_table(drawing, table_top, worst, mover, limits)
    return drawing.to_text()


def _rows(coverage: Coverage, top: float, height: float) -> list[_Row]:
    count = int(min(max(1, round(coverage.line.length_m / (_ROW_KM * 1_000.0))), _MOST_ROWS, coverage.grid.steps))
    ends = np.linspace(0, coverage.grid.steps, count + 1).astype(int).tolist()
    return [_Row(low, high, top + height * index) for index, (low, high) in enumerate(pairwise(ends))]


# ------------------------------------------------------------------------------------------------- the parts of a row


def nines(pd: Floats) -> Floats:
    """0 at Pd 0, 1 at Pd 0.999 and above: the logarithm of what is missed."""
    share: Floats = np.clip(-np.log10(np.maximum(1.0 - pd, 1e-3)) / 3.0, 0.0, 1.0)
    return share


def _columns(row: _Row) -> NDArray[np.int64]:
    """Borders, in steps, of what falls into one column of pixels."""
    return np.unique(np.linspace(row.low, row.high, min(_COLUMNS, row.high - row.low) + 1).astype(np.int64))


def _draw_pd(drawing: Drawing, row: _Row, pds: dict[Watched, Floats]) -> None:
    base = row.top + 22.0 + CHART
    edges = _columns(row)
    for mover, tint in TINTS.items():
        share = nines(np.minimum.reduceat(pds[mover][: row.high], edges[:-1]))
        drawing.path(_skyline(row, edges, CHART * share, base), fill=tint)
    marks = drawing.group(font_size=9.5, fill=FAINT, text_anchor="end")
    for pd, words in _MARKS:
        y = base - CHART * float(nines(np.array(pd)))
        rule = {"stroke_dasharray": "2 3"} if pd != 0.5 else {}
        ink = GAP_INK if pd == 0.5 else "#5f6f7f"
        drawing.path(f"M{number(LEFT)} {number(y)}h{number(PLOT)}", stroke=ink, stroke_width=0.6, opacity=0.7, **rule)
        marks.text(LEFT - 6, y + 3.2, words)
    drawing.path(f"M{number(LEFT)} {number(base)}h{number(PLOT)}", stroke=INK, stroke_width=0.8)


def _skyline(row: _Row, edges: NDArray[np.int64], height: Floats, base: float) -> str:
    """An area of columns over a base line; relative moves on a grid of half pixels keep the file small."""
    x = np.round((LEFT + PLOT * (edges - row.low) / (row.high - row.low)) * 10.0).astype(int)
    y = np.round(height * 2.0).astype(int)
    borders = np.concatenate(([0], np.flatnonzero(np.diff(y)) + 1, [len(y)]))
    level = np.concatenate(([0], y[borders[:-1]], [0]))
    moves = [f"M{number(x[0] / 10.0)} {number(base)}"]
    for index, (left, right) in enumerate(pairwise(borders.tolist())):
        moves.append(f"v{number((level[index] - level[index + 1]) / 2.0)}h{number((x[right] - x[left]) / 10.0)}")
    return "".join([*moves, f"V{number(base)}z"])


def _draw_gaps(drawing: Drawing, row: _Row, pd: Floats, thresholds: Thresholds, height: float) -> None:
    """Columns through the row wherever the chosen mover is not watched."""
    edges = _columns(row)
    states = np.maximum.reduceat(states_of(pd[: row.high], thresholds), edges[:-1])
    columns = []
    for left, right in _spans_of(states == 2):
        x, width = _wide_enough(row.x(edges[left]), row.x(edges[right]), _LEAST_GAP_PX)
        columns.append(f"M{number(x)} {number(row.top + 20.0)}h{number(width)}v{number(height)}h{number(-width)}z")
    if columns:
        drawing.path("".join(columns), fill="url(#gap)", fill_opacity=0.5, stroke=GAP_INK, stroke_width=0.6)


def _wide_enough(left: float, right: float, least: float) -> tuple[float, float]:
    """Left side and width of something that must be seen, however short it is."""
    spare = max(0.0, least - (right - left)) / 2.0
    return left - spare, right - left + 2.0 * spare


def _draw_places(drawing: Drawing, row: _Row, coverage: Coverage, worst: Sequence[Cluster]) -> None:
    """Flags of the numbered stretches, then as many names of places as there is room for, the important kinds first."""
    taken: list[tuple[float, float]] = []
    y = row.top + 14.0
    flags = drawing.group(font_size=10, font_weight="bold", fill="#ffffff", text_anchor="middle")
    step_m = coverage.grid.step_m
    for rank, cluster in enumerate(worst, start=1):
        low, high = max(cluster.from_m / step_m, row.low), min(cluster.to_m / step_m, row.high)
        if high <= low:
            continue
        x = min(max(row.x((low + high) / 2.0), LEFT + 8.0), LEFT + PLOT - 8.0)
        while any(left < x + 9.0 and right > x - 9.0 for left, right in taken):
            x += 3.0
        ink = GAP_INK if cluster.state == "not_watched" else "#8a5a00"
        left, width = _wide_enough(row.x(low), row.x(high), _LEAST_GAP_PX)
        flags.path(f"M{number(left)} {number(y + 6)}h{number(width)}", stroke=ink, stroke_width=2.5)
        flags.rect(x - 8, y - 10, 16, 14, rx=4, fill=ink)
        flags.text(x, y + 0.8, str(rank))
        taken.append((x - 11.0, x + 11.0))
    names = drawing.group(font_size=10, fill="#4a5866", text_anchor="middle")
    places = [p for p in coverage.line.places if row.low <= p.chainage_m / step_m < row.high]
    for place in sorted(places, key=lambda p: (_rank(p.kind), p.chainage_m)):
        half = width_of(place.name, 10) / 2.0 + 4.0
        x = row.x(place.chainage_m / step_m)
        centre = min(max(x, LEFT + half), LEFT + PLOT - half)
        if all(centre + half < low or centre - half > high for low, high in taken):
            taken.append((centre - half, centre + half))
            names.text(centre, y + 0.5, place.name)
            names.path(f"M{number(x)} {number(y + 3.5)}v4.5", stroke=FAINT, stroke_width=0.8)


def _rank(kind: str) -> int:
    return _PLACE_RANK.index(kind) if kind in _PLACE_RANK else 0


def _draw_lanes(drawing: Drawing, row: _Row, pds: dict[Watched, Floats], thresholds: Thresholds) -> None:
    edges = _columns(row)
    labels = drawing.group(font_size=9.5, fill=INK, text_anchor="end")
    top = row.top + 22.0 + CHART + 5.0
    for index, mover in enumerate(WATCHED):
        y = top + LANE * index
        states = np.maximum.reduceat(states_of(pds[mover][: row.high], thresholds), edges[:-1])
        drawing.rect(LEFT, y, PLOT, LANE - 2.0, fill=WATCHED_FILL)
        for state, fill, least in ((1, "url(#weak)", 1.0), (2, "url(#gap)", _LEAST_GAP_PX)):
            boxes: list[str] = []
            for left, right in _spans_of(states == state):
                x, width = _wide_enough(row.x(edges[left]), row.x(edges[right]), least)
                boxes.append(f"M{number(x)} {number(y)}h{number(width)}v{number(LANE - 2.0)}h{number(-width)}z")
            if boxes:
                drawing.path("".join(boxes), fill=fill)
        labels.text(LEFT - 6, y + LANE - 2.6, NAMES[mover])


def _spans_of(chosen: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Runs of true values: first, one after the last."""
    borders = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False]))))
    return zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True)


def _draw_sensors(drawing: Drawing, row: _Row, coverage: Coverage, families: list[Family]) -> None:
    """Spans as bars, other sensors as ticks; where something is wrong it is thicker and of another colour."""
    top = row.top + 22.0 + CHART + 5.0 + LANE * len(WATCHED) + 4.0
    labels = drawing.group(font_size=9, fill=FAINT, text_anchor="end")
    for index, family in enumerate(families):
        labels.text(LEFT - 6, top + FAMILY * index + FAMILY - 1.6, family)
    sound: list[str] = []
    wrong: list[str] = []
    lanes: dict[Family, list[float]] = {}
    for sensor_number in np.argsort(coverage.sensing.reach.first, kind="stable").tolist():
        first, stop = coverage.sensing.ends[sensor_number]
        if stop <= row.low or first >= row.high:
            continue
        sensor = coverage.sensing.reach.sensors[sensor_number]
        family, (well, ill) = family_of(sensor), _stretches(coverage, sensor_number, sensor)
        y = top + FAMILY * families.index(family)
        if sensor.is_span and stop - first > (row.high - row.low) / 100:
            y += 1.2 + 2.1 * _lane(lanes.setdefault(family, []), first, stop)
            sound += [_bar(row, y, part) for part in well]
            wrong += [_bar(row, y, part) for part in ill]
            continue
        at = (sensor.at_m if sensor.at_m is not None else sum(sensor.extent_m()) / 2.0) / coverage.grid.step_m
        if row.low <= at < row.high:
            (wrong if ill else sound).append(f"M{number(row.x(at))} {number(y)}v{number(FAMILY - 2.0)}")
    drawing.path("".join(sound), stroke="#4a6076", stroke_width=1.1, fill="none")
    drawing.path("".join(wrong), stroke=GAP_INK, stroke_width=2.1, fill="none")


def _stretches(coverage: Coverage, sensor_number: int, sensor: Sensor) -> tuple[list[Stretch], list[Stretch]]:
    """Where a sensor is in service, and where something is wrong with it."""
    if sensor.state != "in_service":
        return [], [coverage.sensing.ends[sensor_number]]
    return [coverage.sensing.ends[sensor_number]], coverage.sensing.condition_of(sensor_number).parts()


def _bar(row: _Row, y: float, part: Stretch) -> str:
    """A stretch as a line, cut to the row; nothing outside of it."""
    low, high = max(part[0], row.low), min(part[1], row.high)
    if high <= low:
        return ""
    return f"M{number(row.x(low))} {number(y)}H{number(max(row.x(high) - 1.0, row.x(low) + 1.0))}"


def _lane(ends: list[float], first: float, stop: float) -> int:
    """The first of three lanes that is free; the last one where none is."""
    for lane, end in enumerate(ends):
        if end <= first:
            ends[lane] = stop
            return lane
    if len(ends) < 3:
        ends.append(stop)
        return len(ends) - 1
    return 2


def _draw_sections(drawing: Drawing, row: _Row, coverage: Coverage, families: int) -> None:
    """Names and terrain of sections, and kilometres."""
    y = row.top + 22.0 + CHART + 5.0 + LANE * len(WATCHED) + 4.0 + FAMILY * families + 1.0
    step_m = coverage.grid.step_m
    bands = drawing.group()
    words = drawing.group(font_size=10, fill="#4a5866", text_anchor="middle")
    for index, section in enumerate(coverage.line.sections):
        low, high = max(section.from_m / step_m, row.low), min(section.to_m / step_m, row.high)
        if high <= low:
            continue
        left, right = row.x(low), row.x(high)
        bands.rect(left, y, right - left, 12, fill="#eef2f5" if index % 2 else "#e0e7ed")
        name = f"{section.name} {section.terrain}"
        if right - left > width_of(name, 10) + 4:
            words.text((left + right) / 2.0, y + 9.5, name)
    kilometres = drawing.group(font_size=9.5, fill=FAINT, text_anchor="middle")
    every_m = _nice((row.high - row.low) * step_m / 10.0)
    first = int(np.ceil(row.low * step_m / every_m - 1e-9))
    for mark in range(first, int(row.high * step_m / every_m) + 1):
        x = row.x(mark * every_m / step_m)
        kilometres.path(f"M{number(x)} {number(y + 12)}v3", stroke=FAINT, stroke_width=0.8)
        unit = f"{mark * every_m / 1000.0:g} km" if every_m >= 100.0 else f"{mark * every_m:g} m"
        kilometres.text(min(x, LEFT + PLOT - 12), y + 24, unit)


def _nice(value: float) -> float:
    """The next of 1, 2, 5, 10, ... at or above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * (1.0 - 1e-9)))
