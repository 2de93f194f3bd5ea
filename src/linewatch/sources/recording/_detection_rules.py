"""Which detections of a recording make sense: a list of named rules. A row that breaks one is refused and counted."""

from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.recording._detection_files import COUNTS, FLOATS, Columns

NS_PER_S: Final = 1_000_000_000
EARLIEST_NS: Final = 946_684_800 * NS_PER_S
"""2000-01-01T00:00:00Z: a time before it comes from a clock that was never set, unless the recording says otherwise."""
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01T00:00:00Z."""
LONGEST_NS: Final = 366 * 86_400 * NS_PER_S
"""How far from its start, or from the middle of its times, a recording without a declared end may reach."""
LATEST_ARRIVAL_NS: Final = 86_400 * NS_PER_S
"""A detection that claims to have arrived later than this after its time has a wrong clock."""
_LARGEST: Final = 1e9
_REQUIRED: Final = FLOATS[:7]
_SUM_TOLERANCE: Final = 0.02  # eight probabilities on a grain of 1/255 may be off by 0.016 together


class Window(msgspec.Struct, frozen=True):
    """The time that belongs to a recording."""

    from_ns: int
    """Its start."""
    until_ns: int
    """Its end; nothing at or after it belongs."""


class Broken(NamedTuple):
    """A rule, and the rows that break it before any other."""

    condition: Condition
    text: str
    rows: NDArray[np.bool_]


def window_of(times_ns: NDArray[np.int64], start_ns: int | None, end_ns: int | None) -> Window | None:
    """The declared window; what is not declared is taken from the times. None where no time makes sense."""
    if start_ns is not None:
        return Window(start_ns, end_ns if end_ns is not None else start_ns + LONGEST_NS)
    sane = times_ns[(times_ns >= EARLIEST_NS) & (times_ns < (LATEST_NS if end_ns is None else end_ns))]
    if not len(sane):
        return None
    # One row from a clock that was never set must not make the recording begin years before all others.
    middle_ns = int(np.sort(sane)[len(sane) // 2])
    near = sane[(sane >= middle_ns - LONGEST_NS) & (sane < middle_ns + LONGEST_NS)]
    return Window(int(near.min()), middle_ns + LONGEST_NS if end_ns is None else end_ns)


def broken_rules(columns: Columns, site: Site, sensor: str | None, window: Window) -> list[Broken]:
    """Every rule that some row breaks; a row stands with the first it breaks."""
    kept = np.ones(len(columns.time_ns), dtype=bool)
    broken = []
    for condition, text, holds in (
        *_belonging(columns, site, sensor),
        *_time(columns, window),
        *_numbers(columns, site),
        *_likelihoods(columns),
    ):
        rows = kept & ~holds
        if rows.any():
            broken.append(Broken(condition, text, rows))
        kept &= holds
    return broken


_Rule = tuple[Condition, str, NDArray[np.bool_]]


def _belonging(columns: Columns, site: Site, sensor: str | None) -> list[_Rule]:
    lines = {each.id: each.line for each in site.sensors}
    n = len(columns.time_ns)
    known = np.fromiter((name in lines for name in columns.sensor), dtype=bool, count=n)
    at_home = np.fromiter(
        (lines.get(name) == line for name, line in zip(columns.sensor, columns.line, strict=True)), dtype=bool, count=n
    )
    rules: list[_Rule] = [
        ("unknown_sensor", "sensor that is not in the site", known),
        ("refused", "line on which its sensor does not stand", at_home),
    ]
    if sensor is not None:
        own = np.fromiter((name == sensor for name in columns.sensor), dtype=bool, count=n)
        rules.append(("unknown_sensor", f"sensor other than {sensor}, which the recording is said to be of", own))
    return rules


def _time(columns: Columns, window: Window) -> list[_Rule]:
    time_ns, received_ns = columns.time_ns, columns.received_ns
    in_time = (time_ns >= window.from_ns) & (time_ns < window.until_ns)
    # Compared with a bound and not by a difference, which would overflow for nonsense.
    arrived = received_ns <= np.where(in_time, time_ns, 0) + LATEST_ARRIVAL_NS
    return [
        ("refused", "time_ns outside the recording", in_time),
        ("refused", "received_ns over a day after time_ns", arrived),
    ]


def _numbers(columns: Columns, site: Site) -> list[_Rule]:
    floats = columns.floats
    lengths = {line.id: line.length_m for line in site.lines}
    n = len(columns.time_ns)
    length_m = np.fromiter((lengths.get(line, -1.0) for line in columns.line), dtype=np.float64, count=n)
    finite = np.ones(n, dtype=bool)
    for name in FLOATS:
        within = np.abs(floats[name]) <= _LARGEST  # false for NaN
        finite &= within if name in _REQUIRED else within | np.isnan(floats[name])
    positive = (floats["chainage_sigma_m"] > 0) & (floats["duration_s"] >= 0)
    for name in ("offset_sigma_m", "velocity_sigma_mps"):
        positive &= ~(floats[name] <= 0)
    on_line = (floats["chainage_m"] >= 0) & (floats["chainage_m"] <= length_m)
    return [
        ("refused", "a number that is missing, not finite or beyond a billion", finite),
        ("refused", "chainage_m outside the line", on_line),
        ("refused", "to_m below from_m", floats["from_m"] <= floats["to_m"]),
        ("refused", "a standard deviation not above 0, or a duration below 0", positive),
    ]


def _likelihoods(columns: Columns) -> list[_Rule]:
    probability = columns.floats["probability"]
    counts = [columns.counts[name] for name in COUNTS]
    sound = np.ones(len(probability), dtype=bool)
    for count in counts:
        sound &= (count >= -1) & (count <= np.iinfo(np.int32).max)
    sound &= (counts[0] < 0) | (counts[1] < 0) | (counts[0] <= counts[1])
    return [
        ("refused", "a probability outside 0 to 1", (probability >= 0) & (probability <= 1)),
        *(("refused", f"{name} that are no distribution", _sums_to_one(m)) for name, m in columns.matrices.items()),
        ("refused", "count_low above count_high, or a count below 0", sound),
    ]


def _sums_to_one(matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether each row is a distribution, or not known at all."""
    unknown = np.isnan(matrix).all(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.abs(matrix.sum(axis=1) - 1.0) <= _SUM_TOLERANCE
    within = ((matrix >= 0) & (matrix <= 1)).all(axis=1)
    sums: NDArray[np.bool_] = unknown | (whole & within)
    return sums
