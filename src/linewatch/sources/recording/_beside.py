"""What lies beside the detections of a recording, one a line of JSON: findings, weather, own people and their cries."""

from pathlib import Path

import msgspec

from linewatch.records import Emergency, Health, KnownMover, Weather

Beside = Health | KnownMover | Weather | Emergency


class Found(msgspec.Struct, frozen=True):
    """Records of one file, and its lines that are none."""

    records: tuple[Beside, ...]
    """In order of time, as written where times are equal."""
    refused: tuple[tuple[int, str], ...]
    """Time of the record before it (0 where none was), and what is wrong with the line."""


def read_beside(path: Path, name: str) -> Found:
    """All records of a file. Raises `OSError` where it cannot be read; a line that is no record is told, not raised."""
    records: list[Beside] = []
    refused: list[tuple[int, str]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(msgspec.json.decode(line, type=Beside))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            before_ns = records[-1].time_ns if records else 0
            refused.append((before_ns, f"{name} line {number}: no finding, weather or position: {error}"))
    return Found(tuple(sorted(records, key=lambda record: record.time_ns)), tuple(refused))
