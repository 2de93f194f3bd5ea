"""What the archive costs and how fast it answers: `python -m benchmarks.store --json`.

Detections are drawn as a buried fibre would give them along 201 km in 200 sections: cells of 10 m, some of them wide,
the centre to a millimetre, strengths and sigmas of the fibre, a classifier's probabilities for half of them. They are
put in in batches of 10,000, through the same writer as in a watch: gathered, cut into files, cited and committed.

`insert_per_s` is over all of that at full load, 20,000 detections a second; `insert_sparse_per_s` for the same number
over a season, where each detection is a row of the rollup besides. `bytes_per_detection` is the larger of both, with
everything that the store keeps of them; `insert_journal_per_s` and `bytes_journal` add what the journal keeps for as
long as it is to be derived again. `season_ms` is for 34,000 incidents by day and section, straight from the store;
`rollup_100m_s` and `raw_100m_s` are for 100 million detections (`detections_queried` says how many there were) by day
and section from rollups and from every row, on all cores: best of three, with the files in the cache of the operating
system. SQLite takes the same detections into one table with two indexes, with the same batches, in the same run, and is
asked for the same counts by day and section. `--quick` takes 300,000 and a million instead of a million and 100.
"""

import argparse
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.reporting import Figures, answer
from linewatch.records import ACTS, MOVERS, Detections, Tick, canonical_bytes, quantise_batch
from linewatch.site.local_time import LocalTime
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.store import Journal, open_journal, open_store
from linewatch.store.archive.columns import whereabouts
from linewatch.store.archive.counting import detections_by_day, incidents_by_day
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.archive.writer import ArchiveWriter
from tests.unit.store.writing import IDENTITY, SALT_KEY, incident

LENGTH_M, SECTIONS, SPANS, CELL_M = 201_168.0, 200, 8, 10.0
BATCH = 10_000
S = 1_000_000_000
START_NS = 1_609_459_200 * S
SEASON_DAYS, ATTEMPTS = 319, 34_000
MANY, QUICK_MANY, COMPARED, QUICK_COMPARED, LOAD_PER_S = 100_000_000, 1_000_000, 1_000_000, 300_000, 20_000
CLOCK = LocalTime("Europe/Warsaw")


def the_site() -> Site:
    """A straight line of the reference line's length with eight fibres."""
    width_m = LENGTH_M / SECTIONS
    sections = tuple(Section(f"S{n:03d}", "main", n * width_m, (n + 1) * width_m) for n in range(SECTIONS))
    span_m = LENGTH_M / SPANS
    sensors = tuple(
        Sensor(
            f"das-{n}", "fibre_das", "main", from_m=n * span_m, to_m=(n + 1) * span_m, channels=round(span_m / CELL_M)
        )
        for n in range(SPANS)
    )
    return Site("bench", "Europe/Warsaw", (Line("main", LENGTH_M, sections=sections),), sensors)


def batches(rows: int, span_ns: int, seed: int = 1) -> Iterator[Detections]:
    """Detections spread over a time, in batches: half of them told apart by a classifier of a few certain answers."""
    rng = np.random.default_rng(seed)
    answers = rng.dirichlet(np.full(len(MOVERS), 0.3), 64), rng.dirichlet(np.full(len(ACTS), 0.3), 64)
    count = rows // BATCH
    for number in range(count):
        n = BATCH
        begin_ns = START_NS + span_ns * number // count
        centre_m = rng.uniform(0.0, LENGTH_M, n)
        cells = rng.geometric(0.4, n)
        from_m = np.floor(centre_m / CELL_M) * CELL_M
        told = rng.random(n) < 0.5
        which = rng.integers(0, 64, n)
        movers, acts = (np.where(told[:, None], table[which], np.nan) for table in answers)
        nothing = np.full(n, np.nan)
        yield quantise_batch(
            Detections(
                line="main",
                sensors=tuple(f"das-{k}" for k in range(SPANS)),
                sensor_index=np.minimum(centre_m / LENGTH_M * SPANS, SPANS - 1).astype(np.int32),
                time_ns=begin_ns + np.sort(rng.integers(0, span_ns // count // 50_000_000 + 1, n)) * 50_000_000,
                duration_s=np.full(n, 0.05),
                chainage_m=centre_m,
                chainage_sigma_m=np.round(rng.uniform(2.0, 6.0, n), 1),
                from_m=from_m,
                to_m=np.minimum(from_m + cells * CELL_M, LENGTH_M),
                strength_db=rng.gamma(2.0, 4.0, n) + 6.0,
                probability=rng.beta(4.0, 1.5, n),
                mover_probabilities=movers,
                act_probabilities=acts,
                offset_m=nothing,
                offset_sigma_m=nothing,
                velocity_mps=nothing,
                velocity_sigma_mps=nothing,
                count_low=np.full(n, -1, dtype=np.int32),
                count_high=np.full(n, -1, dtype=np.int32),
            )
        )


def opened(folder: Path) -> Journal:
    """A new store, as a replay opens it."""
    return open_journal(folder, IDENTITY, salt_key=SALT_KEY, synchronous="NORMAL")


class Taken(NamedTuple):
    """What something took."""

    wall_s: float
    """By the clock on the wall."""
    processor_s: float
    """Of processors, all threads together."""


def now() -> Taken:
    """Both clocks."""
    return Taken(time.perf_counter(), time.process_time())


def put_in(folder: Path, given: Iterator[Detections], *, journalled: bool) -> Taken:
    """Write a store of these batches, a tick for each; what it took, without making the batches."""
    journal, taken = opened(folder), Taken(0.0, 0.0)
    archive = ArchiveWriter(journal, whereabouts(the_site()))
    last = 0
    for batch in given:
        begun = now()
        end_ns = int(batch.time_ns[-1]) // S * S + S
        index = max(last + 1, end_ns // S)
        tick = Tick(index, index * S, index * S, S)
        archive.begin(tick)
        archive.take(journal.next_seq, batch)
        if journalled:
            journal.append("detections", "das", canonical_bytes(batch))
        journal.append("tick", "", canonical_bytes(tick))
        journal.commit(tick, {}, {})
        last = index
        taken = Taken(*(t + b - a for t, a, b in zip(taken, begun, now(), strict=True)))
    begun = now()
    end = (last * S // (86_400 * S) + 1) * 86_400 + 1
    archive.begin(Tick(end, end * S, end * S, S))
    journal.append("tick", "", canonical_bytes(Tick(end, end * S, end * S, S)))
    journal.commit(Tick(end, end * S, end * S, S), {}, {})
    taken = Taken(*(t + b - a for t, a, b in zip(taken, begun, now(), strict=True)))
    journal.close()
    return taken


def bytes_of(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def best(ask: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of a few runs."""
    taken_s = []
    for _ in range(times):
        begun_s = time.perf_counter()
        ask()
        taken_s.append(time.perf_counter() - begun_s)
    return min(taken_s)


def inserts(folder: Path, size: int) -> Figures:
    """So many (a million) at full load (20,000 a second) into the archive, with the journal's part, and into SQLite."""
    given = list(batches(size, size // LOAD_PER_S * S))
    rows = sum(map(len, given))
    ours = put_in(folder / "ours", iter(given), journalled=False)
    both = put_in(folder / "both", iter(given), journalled=True)
    theirs_s, theirs = sqlite_takes(folder / "theirs.sqlite", given)
    theirs.close()
    return {
        "insert_per_s": rows / ours.wall_s,
        "insert_per_processor_s": rows / ours.processor_s,
        "insert_journal_per_s": rows / both.wall_s,
        "bytes_journal": (bytes_of(folder / "both") - bytes_of(folder / "ours")) / rows,
        "bytes_full_load": bytes_of(folder / "ours") / rows,
        "ratio_sqlite_insert": theirs_s / ours.wall_s,
        "sqlite_insert_per_s": rows / theirs_s,
        "sqlite_bytes_per_detection": (folder / "theirs.sqlite").stat().st_size / rows,
    }


def questions(folder: Path, size: int) -> Figures:
    """So many over a season, rollups as good as one a row, and the same question to the archive and to SQLite."""
    given = list(batches(size, SEASON_DAYS * 86_400 * S))
    rows = sum(map(len, given))
    taken = put_in(folder / "ours", iter(given), journalled=False)
    _, theirs = sqlite_takes(folder / "theirs.sqlite", given)
    question = "SELECT day, section, count(*) FROM detection GROUP BY 1, 2"
    sqlite_s = best(lambda: theirs.execute(question).fetchall())
    with OpenedStore(folder / "ours") as store:
        from_rows_s = best(lambda: detections_by_day(store, "rows"))
        ours = [detections_by_day(store, basis) for basis in ("rows", "rollup")]
    wanted = sorted(theirs.execute(question).fetchall())
    for table in ours:
        columns = (table["day"].cast("int32"), table["section"], table["detections"])
        assert sorted(zip(*(column.to_pylist() for column in columns), strict=True)) == wanted
    theirs.close()
    return {
        "bytes_per_detection": bytes_of(folder / "ours") / rows,
        "insert_sparse_per_s": rows / taken.wall_s,
        "ratio_sqlite_query": sqlite_s / from_rows_s,
    }


def sqlite_takes(path: Path, given: list[Detections]) -> tuple[float, sqlite3.Connection]:
    """The same columns in one table, indexed by time and by section and time; one transaction a batch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    where = whereabouts(the_site())
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE detection (time_ns INTEGER, day INTEGER, sensor TEXT, section TEXT, chainage_m REAL, "
        "sigma_m REAL, from_m REAL, to_m REAL, strength_db REAL, probability REAL, movers BLOB, acts BLOB)"
    )
    connection.execute("CREATE INDEX detection_time ON detection (time_ns)")
    connection.execute("CREATE INDEX detection_section ON detection (section, time_ns)")
    taken_s = 0.0
    for batch in given:
        names = np.array(where.sections["main"])[where.section_numbers("main", batch.chainage_m)].tolist()
        likely = [
            [None if np.isnan(row[0]) else row.tobytes() for row in np.rint(matrix * 255).astype(np.float16)]
            for matrix in (batch.mover_probabilities, batch.act_probabilities)
        ]
        columns = (
            batch.chainage_m,
            batch.chainage_sigma_m,
            batch.from_m,
            batch.to_m,
            batch.strength_db,
            batch.probability,
        )
        sensors = [batch.sensors[k] for k in batch.sensor_index.tolist()]
        days = CLOCK.number(batch.time_ns, "day").tolist()
        rows = list(
            zip(batch.time_ns.tolist(), days, sensors, names, *(c.tolist() for c in columns), *likely, strict=True)
        )
        begun_s = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO detection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        taken_s += time.perf_counter() - begun_s
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return taken_s, connection


def season(folder: Path) -> Figures:
    """A season of incidents, counted by day and section."""
    chance = random.Random(1)  # noqa: S311 - made-up input
    with opened(folder) as journal:
        for number in range(ATTEMPTS):
            raised_ns = START_NS + chance.randrange(SEASON_DAYS * 86_400) * S
            name = f"{chance.getrandbits(64):016x}"
            found = incident(name, number, raised_ns=raised_ns, section=f"S{chance.randrange(SECTIONS):03d}")
            journal.append("incident", name, canonical_bytes(found))
        journal.commit(Tick(1, S, S, S), {}, {})
    with open_store(folder) as reader:
        taken_s = best(lambda: incidents_by_day(reader, CLOCK), 9)
        assert sum(incidents_by_day(reader, CLOCK)["incidents"].to_pylist()) == ATTEMPTS
    return {"season_ms": taken_s * 1000.0}


def many(folder: Path, rows: int) -> Figures:
    """Detections of a season by day and section, from rollups and from every row."""
    put_in(folder, batches(rows, SEASON_DAYS * 86_400 * S, seed=2), journalled=False)
    with OpenedStore(folder) as store:
        begun_s = time.perf_counter()
        detections_by_day(store)
        first_s = time.perf_counter() - begun_s
        rollup_s = best(lambda: detections_by_day(store))
        raw_s = best(lambda: detections_by_day(store, "rows"))
        total = sum(detections_by_day(store)["detections"].to_pylist())
    assert total == rows
    return {
        "detections_queried": rows,
        "rollup_100m_s": rollup_s,
        "rollup_first_s": first_s,
        "raw_100m_s": raw_s,
        "cores": os.cpu_count(),
    }


def measure(args: argparse.Namespace) -> Figures:
    """All of it, in a folder that goes again."""
    folder = Path(tempfile.mkdtemp(prefix="linewatch-store-"))
    try:
        size = QUICK_COMPARED if args.quick else COMPARED
        figures = inserts(folder / "full", size) | questions(folder / "season", size) | season(folder / "incidents")
        return figures | many(folder / "many", QUICK_MANY if args.quick else args.detections)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure and answer."""
    answer(
        measure,
        __doc__,
        more=lambda parser: parser.add_argument("--detections", type=int, default=MANY, help="how many are queried"),
    )


if __name__ == "__main__":
    main()
