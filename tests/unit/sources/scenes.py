"""A small bench site, and recordings of it written to a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.ports import Item
from linewatch.records import Block, Detection, Detections, Health
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

START = "2021-11-18T00:00:00Z"
S = 1_000_000_000


def bench_site(channels: int = 4) -> Site:
    """One line of 600 m with a fibre of that many channels, a PIR and a radar."""
    line = Line(id="main", length_m=600.0, sections=(Section(name="S01", line="main", from_m=0.0, to_m=600.0),))
    sensors = (
        Sensor(id="fence-1", kind="fibre_vibration", line="main", from_m=0.0, to_m=600.0, channels=channels),
        Sensor(id="pir-1", kind="pir", line="main", at_m=50.0, range_m=20.0),
        Sensor(id="radar-1", kind="radar", line="main", at_m=300.0, range_m=250.0),
    )
    return Site(name="bench", timezone="UTC", lines=(line,), sensors=sensors)


def describe(folder: Path, name: str = "recording.toml", /, **keys: Any) -> Path:
    """Write a recording.toml for an array of `fence-1` at 100 Hz, other keys as given; None leaves a key out."""
    facts: dict[str, Any] = {
        "sensor": "fence-1",
        "data": ["a.npy"],
        "format": "array",
        "rate_hz": 100.0,
        "start": START,
    }
    facts |= keys
    return write_toml(folder / name, {key: value for key, value in facts.items() if value is not None})


def describe_detections(folder: Path, **keys: Any) -> Path:
    """Write a recording.toml for detections, other keys as given."""
    return write_toml(folder / "recording.toml", {"data": ["d.jsonl"], "format": "detections", "start": START} | keys)


def write_toml(file: Path, facts: dict[str, Any]) -> Path:
    tables = {key: value for key, value in facts.items() if key == "part" and isinstance(value, list)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items() if key not in tables]
    for part in tables.get("part", []):
        lines += ["[[part]]", *(f"{key} = {json.dumps(value)}" for key, value in part.items())]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return file


def ramp(rows: int, channels: int = 4, dtype: Any = np.int16, first: int = 0) -> NDArray[Any]:
    """Samples that tell where they come from: row times 10 plus channel."""
    return (np.arange(first, first + rows)[:, None] * 10 + np.arange(channels)).astype(dtype)


def blocks(items: Sequence[Item]) -> list[Block]:
    return [item for item in items if isinstance(item, Block)]


def findings(items: Sequence[Item]) -> list[Health]:
    return [item for item in items if isinstance(item, Health)]


def detections(items: Sequence[Item]) -> list[Detection]:
    return [row for item in items if isinstance(item, Detections) for row in item.rows()]


def detection(seconds: float = 1.0, **fields: Any) -> dict[str, Any]:
    """A sound detection of the radar as it stands in a file, other fields as given."""
    sound: dict[str, Any] = {
        "line": "main",
        "sensor": "radar-1",
        "time_ns": T0_NS + round(seconds * S),
        "duration_s": 0.5,
        "chainage_m": 120.0,
        "chainage_sigma_m": 2.0,
        "from_m": 118.0,
        "to_m": 122.0,
        "strength_db": 12.0,
        "probability": 0.8,
    }
    return sound | fields


def write_lines(file: Path, rows: Sequence[dict[str, Any] | bytes]) -> Path:
    """One row a line; bytes as they are."""
    file.write_bytes(b"".join((row if isinstance(row, bytes) else msgspec.json.encode(row)) + b"\n" for row in rows))
    return file
