"""Detections and findings of health as Parquet columns, on exactly the grain at which they passed the door.

Lengths, speeds and strengths are decimals: Parquet keeps them as whole quanta (a millimetre, a hundredth of a decibel)
in 32 bits, and every program that opens the file still reads metres and decibels. Probabilities are whole 255ths in
one byte each. Empty means: the sensor cannot say.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Detections, Health
from linewatch.records.quantise import steps_per_unit, to_quanta
from linewatch.site.local_time import LocalTime
from linewatch.site.model import Site

TIME: Final = pa.timestamp("us", tz="UTC")
TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_DECIMALS: Final[dict[str, tuple[int, int]]] = {
    "duration_s": (18, 6),
    "chainage_m": (9, 3),
    "chainage_sigma_m": (9, 3),
    "from_m": (9, 3),
    "to_m": (9, 3),
    "strength_db": (7, 2),
    "offset_m": (9, 3),
    "offset_sigma_m": (9, 3),
    "velocity_mps": (9, 3),
    "velocity_sigma_mps": (9, 3),
}
_UNKNOWN: Final = np.iinfo(np.int64).min
_STEPS: Final = 255

DETECTIONS: Final = pa.schema(
    [
        ("seq", pa.int64()),
        ("line", TEXT),
        ("section", TEXT),
        ("sensor", TEXT),
        ("sensor_kind", TEXT),
        ("time", TIME),
        ("day", pa.date32()),
        *((name, pa.decimal64(*size) if size[0] > 9 else pa.decimal32(*size)) for name, size in _DECIMALS.items()),
        ("probability", pa.float32()),
        ("mover", TEXT),
        ("act", TEXT),
        ("mover_probabilities", pa.binary(len(MOVERS))),
        ("act_probabilities", pa.binary(len(ACTS))),
        ("count_low", pa.int32()),
        ("count_high", pa.int32()),
        ("sensor_track", TEXT),
        ("received", TIME),
    ]
)
"""Columns of a segment of detections. `seq` is the journal entry that each came from, `day` the site's local day."""

HEALTH: Final = pa.schema(
    [
        ("seq", pa.int64()),
        ("line", TEXT),
        ("section", TEXT),
        ("sensor", TEXT),
        ("time", TIME),
        ("day", pa.date32()),
        ("until", TIME),
        ("condition", TEXT),
        ("severity", TEXT),
        ("text", pa.string()),
        ("first_channel", pa.int32()),
        ("last_channel", pa.int32()),
        ("count", pa.int64()),
    ]
)
"""Columns of a segment of findings of health. The section is that in which the sensor stands, empty for the system."""

Array = Any  # pyarrow ships no types
Taken = tuple[int, Detections]
"""A batch and the journal entry that holds it."""


class Whereabouts(NamedTuple):
    """What the archive needs of a site: in which section a place lies, and of what kind a sensor is."""

    borders_m: Mapping[str, NDArray[np.float64]]
    """Upper borders of all sections of a line but the last, by line."""
    sections: Mapping[str, tuple[str, ...]]
    """Names of the sections of a line, in order."""
    kinds: Mapping[str, str]
    """Kind of every sensor."""
    places_m: Mapping[str, float]
    """Middle of the stretch that every sensor senses."""
    clock: LocalTime
    """The clock on the wall there."""

    def section_numbers(self, line: str, chainage_m: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of the section that owns each point, as `Site.section_at` says."""
        borders_m = self.borders_m.get(line, np.empty(0))
        return np.searchsorted(borders_m, chainage_m, side="right")


def whereabouts(site: Site) -> Whereabouts:
    """The facts of this site."""
    return Whereabouts(
        {line.id: np.array([section.to_m for section in line.sections[:-1]]) for line in site.lines},
        {line.id: tuple(section.name for section in line.sections) or ("",) for line in site.lines},
        {sensor.id: sensor.kind for sensor in site.sensors},
        {sensor.id: sum(sensor.extent_m()) / 2.0 for sensor in site.sensors},
        LocalTime(site.timezone),
    )


def detections_table(taken: Sequence[Taken], where: Whereabouts) -> pa.Table:
    """All these batches as one table, in their order. Raises `ValueError` where one is of a line the site has not."""
    batches = [batch for _, batch in taken]
    lengths = [len(batch) for batch in batches]
    columns: dict[str, Array] = {"seq": pa.array(np.repeat([seq for seq, _ in taken], lengths), pa.int64())}
    columns |= _places(batches, where)
    times_ns = _joined(batches, "time_ns")
    columns["time"] = _times(times_ns)
    columns["day"] = _days(times_ns, where)
    for name in _DECIMALS:
        columns[name] = _decimals(name, _joined(batches, name))
    columns["probability"] = pa.array(_joined(batches, "probability").astype(np.float32), pa.float32())
    for name, column, words in (("mover", "mover_probabilities", MOVERS), ("act", "act_probabilities", ACTS)):
        columns |= _likely(name, column, words, np.concatenate([getattr(batch, column) for batch in batches]))
    for name in ("count_low", "count_high"):
        counts = _joined(batches, name)
        columns[name] = pa.array(counts, pa.int32(), mask=counts < 0)
    columns["sensor_track"] = _tracks(batches)
    columns["received"] = _received(batches)
    return pa.Table.from_arrays([columns[name] for name in DETECTIONS.names], schema=DETECTIONS)


def health_table(taken: Sequence[tuple[int, Health]], where: Whereabouts) -> pa.Table:
    """Findings of health as one table, in their order."""
    rows = [finding for _, finding in taken]
    times_ns = np.array([row.time_ns for row in rows], dtype=np.int64)
    columns: dict[str, Array] = {
        "seq": pa.array([seq for seq, _ in taken], pa.int64()),
        "section": pa.array([health_section(row, where) for row in rows], pa.string()).dictionary_encode(),
        "time": _times(times_ns),
        "day": _days(times_ns, where),
        "until": _times(np.array([_UNKNOWN if r.until_ns is None else r.until_ns for r in rows], dtype=np.int64)),
    }
    for field in HEALTH:
        if field.name not in columns:
            values = pa.array([getattr(row, field.name) for row in rows])
            columns[field.name] = (
                values.cast(pa.string()).dictionary_encode() if field.type == TEXT else values.cast(field.type)
            )
    return pa.Table.from_arrays([columns[name] for name in HEALTH.names], schema=HEALTH)


def health_section(finding: Health, where: Whereabouts) -> str:
    """Name of the section in which the sensor of a finding stands; empty where it is about the system."""
    place_m = where.places_m.get(finding.sensor)
    if place_m is None or finding.line not in where.sections:
        return ""
    return where.sections[finding.line][int(where.section_numbers(finding.line, np.array([place_m]))[0])]


def _joined(batches: Sequence[Detections], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(batch, name) for batch in batches])


def _places(batches: Sequence[Detections], where: Whereabouts) -> dict[str, Array]:
    """Line, section, sensor and its kind: numbers into short lists of words."""
    lines = sorted({batch.line for batch in batches})
    if strangers := [line for line in lines if line not in where.sections]:
        raise ValueError(f"line is {strangers[0]!r}; allowed: {', '.join(where.sections)}")
    names: dict[str, int] = {}
    for line in lines:
        for section in where.sections[line]:
            names.setdefault(section, len(names))
    number_of = {line: np.array([names[section] for section in where.sections[line]]) for line in lines}
    sensors = sorted({sensor for batch in batches for sensor in batch.sensors})
    rank = {sensor: number for number, sensor in enumerate(sensors)}
    kinds = sorted({where.kinds.get(sensor, "") for sensor in sensors})
    kind_of = np.array([kinds.index(where.kinds.get(sensor, "")) for sensor in sensors], dtype=np.int32)
    sensor_numbers = np.concatenate([_ranked(batch, rank) for batch in batches])
    section_numbers = np.concatenate(
        [number_of[batch.line][where.section_numbers(batch.line, batch.chainage_m)] for batch in batches]
    )
    line_numbers = np.repeat([lines.index(batch.line) for batch in batches], [len(batch) for batch in batches])
    return {
        "line": _words(line_numbers, lines),
        "section": _words(section_numbers, list(names)),
        "sensor": _words(sensor_numbers, sensors),
        "sensor_kind": _words(kind_of[sensor_numbers] if sensors else sensor_numbers, kinds),
    }


def _ranked(batch: Detections, rank: Mapping[str, int]) -> NDArray[np.int32]:
    if not len(batch):
        return np.empty(0, dtype=np.int32)
    return np.array([rank[sensor] for sensor in batch.sensors], dtype=np.int32)[batch.sensor_index]


def _words(numbers: NDArray[Any], words: Sequence[str], known: NDArray[np.bool_] | None = None) -> Array:
    mask = None if known is None else ~known
    indices = pa.array(numbers.astype(np.int32), pa.int32(), mask=mask)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(words), pa.string()))


def _times(times_ns: NDArray[np.int64]) -> Array:
    known = times_ns != _UNKNOWN
    return pa.array(np.where(known, times_ns // 1000, 0), pa.int64(), mask=~known).cast(TIME)


def _days(times_ns: NDArray[np.int64], where: Whereabouts) -> Array:
    return pa.array(where.clock.number(times_ns, "day").astype(np.int32), pa.int32()).cast(pa.date32())


def _decimals(name: str, values: NDArray[np.float64]) -> Array:
    steps = steps_per_unit(name)
    assert steps is not None
    quanta = to_quanta(values, steps)
    known = quanta != _UNKNOWN
    kind = DETECTIONS.field(name).type
    body = np.where(known, quanta, 0).astype(np.int64 if kind.bit_width == 64 else np.int32)
    return pa.Array.from_buffers(kind, len(body), [_bits(known), pa.py_buffer(body)])


def _bits(known: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))


def _likely(name: str, column: str, words: Sequence[str], matrix: NDArray[np.float64]) -> dict[str, Array]:
    """The likeliest word (the first of equals), and the whole row as 255ths."""
    known = ~np.isnan(matrix[:, 0])
    filled = np.where(known[:, None], matrix, 0.0)
    quanta = np.rint(filled * _STEPS).astype(np.uint8)
    kind = DETECTIONS.field(column).type
    return {
        name: _words(filled.argmax(axis=1), words, known),
        column: pa.Array.from_buffers(kind, len(matrix), [_bits(known), pa.py_buffer(np.ascontiguousarray(quanta))]),
    }


def _tracks(batches: Sequence[Detections]) -> Array:
    if not any(batch.sensor_tracks for batch in batches):
        return _words(np.zeros(n := sum(map(len, batches)), dtype=np.int32), (), np.zeros(n, dtype=bool))
    names = [name for batch in batches for name in (batch.sensor_tracks or (None,) * len(batch))]
    return pa.array(names, pa.string()).dictionary_encode()


def _received(batches: Sequence[Detections]) -> Array:
    return _times(
        np.concatenate(
            [
                np.full(len(batch), _UNKNOWN, dtype=np.int64) if batch.received_ns is None else batch.received_ns
                for batch in batches
            ]
        )
    )
