"""Detections, findings and whole archives made up for tests, the same every time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linewatch.records import ACTS, MOVERS, Detection, Detections, Health, Tick, batch_of, canonical_bytes
from linewatch.simulate import bench_site
from linewatch.store import Journal, open_store
from linewatch.store.archive.columns import Whereabouts, whereabouts
from linewatch.store.archive.writer import ArchiveWriter
from tests.unit.store.writing import opened

SITE = bench_site()
LINE = SITE.lines[0]
SENSOR = SITE.sensors[0].id
WHERE = whereabouts(SITE)
S = 1_000_000_000
PERIOD_NS = 60 * S
"""Ticks of a minute, so that days are short; every whole day begins with a tick."""
DAY = 1440
FIRST = 18_000 * DAY


def tick_at(index: int) -> Tick:
    """The tick with this index."""
    return Tick(index, index * PERIOD_NS, index * PERIOD_NS, PERIOD_NS)


def detection(index: int, number: int, **fields: object) -> Detection:
    """One detection of the minute before a tick."""
    chance = np.random.default_rng((index, number))
    mover = chance.integers(0, 10, len(MOVERS))
    mover[int(chance.integers(len(MOVERS)))] += 5
    values: dict[str, object] = {
        "line": LINE.id,
        "sensor": SENSOR,
        "time_ns": (index - 1) * PERIOD_NS + number * S,
        "duration_s": 0.25,
        "chainage_m": float(chance.uniform(0, LINE.length_m)),
        "chainage_sigma_m": 1.5,
        "from_m": 0.0,
        "to_m": float(chance.uniform(0, LINE.length_m)),
        "strength_db": float(chance.uniform(-3, 30)),
        "probability": float(chance.uniform()),
        "mover_probabilities": tuple(mover / mover.sum()) if number % 3 else None,
        "act_probabilities": tuple(np.eye(len(ACTS))[number % len(ACTS)]) if number % 2 else None,
        "velocity_mps": -1.25 if number % 5 == 0 else None,
        "velocity_sigma_mps": 0.5 if number % 5 == 0 else None,
        "count_low": 2 if number % 4 == 0 else None,
        "sensor_track": f"t{number}" if number % 7 == 0 else None,
        **fields,
    }
    return Detection(**values)  # type: ignore[arg-type]


def batch(index: int, size: int = 5, **fields: object) -> Detections:
    """The detections of the minute before a tick."""
    return batch_of(LINE.id, [detection(index, number, **fields) for number in range(size)])


def finding(index: int) -> Health:
    """A finding of the minute before a tick."""
    return Health(LINE.id, SENSOR, (index - 1) * PERIOD_NS + 3 * S, "gap", "degraded", "two rows are missing", count=2)


def run(
    folder: Path,
    ticks: range,
    *,
    most_rows: int = 1_000_000,
    size: int = 5,
    kill: bool = False,
    where: Whereabouts = WHERE,
) -> Path:
    """A store that was written over these ticks, each with a batch, every tenth with a finding."""
    journal = opened(folder)
    archive = ArchiveWriter(journal, where, most_rows)
    for index in ticks:
        write_tick(journal, archive, index, size)
    if kill:
        journal.abandon()
    else:
        journal.close()
    return folder


def write_tick(journal: Journal, archive: ArchiveWriter, index: int, size: int = 5) -> None:
    """One tick, from its cuts to its commit."""
    archive.begin(tick_at(index))
    journal.append("tick", "", canonical_bytes(tick_at(index)))
    records = [("detections", SENSOR, batch(index, size)), *([("health", SENSOR, finding(index))] * (index % 10 == 0))]
    for kind, key, record in records:
        archive.take(journal.next_seq, record)
        journal.append(kind, key, canonical_bytes(record))
    journal.commit(tick_at(index), {}, {})


def tables(folder: Path, what: str) -> list[pa.Table]:
    """Every file of one kind."""
    with open_store(folder) as reader:
        return [pq.read_table(folder / each.name) for each in reader.segments() if each.what == what]
