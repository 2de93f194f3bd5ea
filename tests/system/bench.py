"""A bench site and its recordings on disk, and the command line run as a user runs it."""

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linewatch.cli import main

START = "2021-11-18T00:00:00Z"
T0_NS = 1_637_193_600_000_000_000
SITE = """
[site]
name = "bench"
timezone = "Europe/Warsaw"
[[line]]
id = "main"
length_m = 96.0
[[section]]
name = "S01"
from_m = 0.0
to_m = 96.0
[[sensor]]
id = "fence-1"
kind = "fibre_vibration"
from_m = 0.0
to_m = 96.0
channels = 96
"""


def fence(seconds: float, seed: int = 1, event: tuple[float, float] | None = (1.0, 2.0)) -> NDArray[np.int16]:
    """Amplitudes at 1 kHz of 96 cells: noise, and cells 40 to 59 shaken for a while."""
    rng = np.random.default_rng(seed)
    samples = np.abs(rng.normal(0, 20, (round(seconds * 1000), 96)))
    if event is not None:
        rows = slice(round(event[0] * 1000), round(event[1] * 1000))
        samples[rows, 40:60] += np.abs(rng.normal(0, 900, samples[rows, 40:60].shape))
    return samples.astype(np.int16)


def write_bench(folder: Path, samples: NDArray[Any] | Sequence[NDArray[Any]], site: str = SITE, **header: str) -> Path:
    """Site and recording in one folder; gives the recording."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.toml").write_text(site)
    parts = [samples] if isinstance(samples, np.ndarray) else list(samples)
    for number, part in enumerate(parts):
        np.save(folder / f"part{number}.npy", part)
    lines = {
        "sensor": '"fence-1"',
        "data": json.dumps([f"part{number}.npy" for number in range(len(parts))]),
        "format": '"array"',
        "layout": '"time_channel"',
        "rate_hz": "1000.0",
        "start": f'"{START}"',
        **header,
    }
    recording = folder / "recording.toml"
    recording.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    return recording


def linewatch(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`linewatch WORDS`, in a process of its own."""
    command = [sys.executable, "-m", "linewatch", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=110)


class Done(NamedTuple):
    """What a verb left."""

    returncode: int
    stdout: str
    stderr: str


def in_process(*words: object) -> Done:
    """`linewatch WORDS` in this process: most of the time of a process of its own goes into starting it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return Done(status, out.getvalue(), err.getvalue())


def incidents(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The incident lines of a `replay --json`."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
