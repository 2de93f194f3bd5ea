"""Full frames of the fence recordings: the event's cells put back between the quiet cells beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Frame(NamedTuple):
    """One frame with its truth."""

    name: str
    """File name of the recording."""
    samples: NDArray[Any]
    """(rows, cells) amplitudes."""
    box_m: tuple[float, float]
    """Labelled stretch at 1 m a cell: box [a, b] is metres a to b + 1."""


def labelled(folder: Path) -> list[dict[str, Any]]:
    """The rows of the label files of this folder, in their order."""
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        if isinstance(content, dict) and isinstance(content.get("data"), list):
            rows += content["data"]
    return rows


def frames(folder: Path) -> Iterator[Frame]:
    """Every recording that has a box and a file of the quiet cells beside it."""
    for row in labelled(folder):
        event_file = folder / row["file_name"]
        index, boxes = row.get("no_event_index"), row.get("boxes") or []
        quiet_file = folder / "no_event" / f"{index}.npz"
        if index is None or not boxes or not (event_file.exists() and quiet_file.exists()):
            continue
        quiet, event = _only_array(quiet_file), _only_array(event_file)
        rows_n = min(len(quiet), len(event))
        first, last = (int(v) for v in boxes[0])
        full = np.hstack([quiet[:rows_n, :first], event[:rows_n], quiet[:rows_n, first:]])
        yield Frame(event_file.name, np.ascontiguousarray(full), (float(first), float(last + 1)))


def _only_array(file: Path) -> NDArray[Any]:
    with np.load(file) as arrays:
        return np.asarray(arrays[arrays.files[0]])
