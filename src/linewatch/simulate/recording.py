"""A scene written down: detections as Parquet by day and hour, all other records and the truth as lines of JSON.

The same scene, site and seed give the same bytes on every run with the same versions of the libraries.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.records import ACTS, MOVERS, Block, Detections, Truth, concatenate, line_of_json
from linewatch.simulate.scene import NS_PER_S, Scene
from linewatch.simulate.source import SimulatedSource
from linewatch.site.model import Site

_HOUR_NS: Final = 3_600 * NS_PER_S
_STEP_NS: Final = 60 * NS_PER_S
_FLOATS: Final = (
    "duration_s",
    "chainage_m",
    "chainage_sigma_m",
    "from_m",
    "to_m",
    "strength_db",
    "probability",
    "offset_m",
    "offset_sigma_m",
    "velocity_mps",
    "velocity_sigma_mps",
)


def write_recording(
    scene: Scene, site: Site, seed: int, out_dir: Path, *, nuisance_factor: float = 1.0
) -> tuple[Path, Path]:
    """Play a scene and write it into a new or empty folder; gives the paths of recording.toml and truth.jsonl.

    Beside them lie `records.jsonl` (health, weather, known movers: what is no detection) and the folder `detections`.

    Raises `InputError` where the folder holds anything already.
    """
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise InputError(f"{out_dir}: found a file, or a folder that is not empty; allowed: a new or an empty folder")
    source = SimulatedSource(scene, site, seed, nuisance_factor=nuisance_factor)
    out_dir.mkdir(parents=True, exist_ok=True)
    files = []
    with (out_dir / "records.jsonl").open("w", encoding="utf-8", newline="\n") as records:
        for hour_ns, batches in itertools.groupby(_minutes(source, records), key=lambda pair: pair[0]):
            for line, batch in _by_line([batch for _, batch in batches]):
                files.append(_write_hour(out_dir, line, hour_ns, batch))
    write_truth(source.truth(), out_dir / "truth.jsonl")
    description = _description(scene, seed, nuisance_factor, files)
    (out_dir / "recording.toml").write_text(description, encoding="utf-8", newline="\n")
    return out_dir / "recording.toml", out_dir / "truth.jsonl"


def write_truth(truth: Sequence[Truth], path: Path) -> None:
    """One line of JSON an event, in the order given."""
    path.write_text("".join(line_of_json(event) + "\n" for event in truth), encoding="utf-8", newline="\n")


def _minutes(source: SimulatedSource, records: Any) -> Iterator[tuple[int, Detections]]:
    """Every batch under the hour in which it arrived; other records are written on the way."""
    end_ns = source.end_ns + 2 * _STEP_NS  # what is late still arrives
    for time_ns in range(source.start_ns, end_ns, _STEP_NS):
        for item in source.poll(time_ns + _STEP_NS):
            if isinstance(item, Detections):
                yield time_ns // _HOUR_NS * _HOUR_NS, item
            elif not isinstance(item, Block):
                records.write(line_of_json(item) + "\n")


def _by_line(batches: list[Detections]) -> list[tuple[str, Detections]]:
    lines = sorted({batch.line for batch in batches})
    return [(line, concatenate(line, [batch for batch in batches if batch.line == line])) for line in lines]


def _write_hour(out_dir: Path, line: str, hour_ns: int, batch: Detections) -> str:
    hour = datetime.fromtimestamp(hour_ns // NS_PER_S, UTC)
    name = f"detections/{line}/{hour:%Y-%m-%d}/{hour:%H}.parquet"
    path = out_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # No statistics and no time of writing: the bytes depend on the rows alone.
    pq.write_table(table_of(batch), path, compression="zstd", row_group_size=1 << 17, write_statistics=False)
    return name


def table_of(batch: Detections) -> pa.Table:
    """The batch as an Arrow table with the field names of `Detection`; null where a sensor cannot say."""
    sensors = pa.DictionaryArray.from_arrays(pa.array(batch.sensor_index), pa.array(batch.sensors, pa.string()))
    columns: dict[str, Any] = {
        "line": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(batch), dtype=np.int32)), pa.array([batch.line])),
        "sensor": sensors,
        "time_ns": pa.array(batch.time_ns),
    }
    columns |= {name: pa.array(getattr(batch, name), from_pandas=True) for name in _FLOATS}
    for name, width in (("mover_probabilities", len(MOVERS)), ("act_probabilities", len(ACTS))):
        columns[name] = _matrix(getattr(batch, name), width)
    for name in ("count_low", "count_high"):
        values = getattr(batch, name)
        columns[name] = pa.array(values, mask=values < 0)
    if batch.received_ns is not None:
        columns["received_ns"] = pa.array(batch.received_ns, mask=batch.received_ns == np.iinfo(np.int64).min)
    else:
        columns["received_ns"] = pa.nulls(len(batch), pa.int64())
    return pa.table(columns)


def _matrix(values: NDArray[np.float64], width: int) -> pa.Array:
    absent = np.isnan(values[:, 0])
    flat = pa.array(np.where(absent[:, None], 0.0, values).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, width, mask=pa.array(absent))


def _description(scene: Scene, seed: int, nuisance_factor: float, files: Sequence[str]) -> str:
    start, end = (datetime.fromtimestamp(-(-time_ns // NS_PER_S), UTC) for time_ns in (scene.start_ns, scene.end_ns))
    listed = "".join(f"  {json.dumps(name)},\n" for name in sorted(files))
    return (
        f"# Scene {json.dumps(scene.name)}, seed {seed}, nuisance factor {nuisance_factor:g}.\n"
        f'format = "detections"\n'
        f'beside = "records.jsonl"\n'
        f'start = "{start:%Y-%m-%dT%H:%M:%SZ}"\n'
        f'end = "{end:%Y-%m-%dT%H:%M:%SZ}"\n'
        f"data = [\n{listed}]\n"
    )
