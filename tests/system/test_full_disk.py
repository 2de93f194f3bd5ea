"""A watch whose disk takes no more samples: it goes on, says so, and answers with what there is, or why not."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from linewatch.evidence.clip_file import read_clip
from linewatch.records import Clip, Health, from_bytes
from linewatch.store import open_store, verify
from tests.system.bench import fence, incidents, linewatch, write_bench

LARGEST_FILE = 3_000_000
"""Above what the journal of these seconds takes, below ten seconds of the sensor."""


def records_of(store: Path, kind: str) -> list[object]:
    with open_store(store) as reader:
        return [from_bytes(entry.payload) for entry in reader.entries(kinds=(kind,)) if entry.payload is not None]


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


@pytest.mark.slow
def test_a_disk_that_takes_no_more_costs_samples_of_the_clip_and_nothing_else(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(14.0, event=(12.0, 13.0)).astype(np.float32) + np.float32(0.1))
    undisturbed = incidents(linewatch("replay", tmp_path, recording, "--json"))
    command = [sys.executable, "-m", "linewatch", "replay", tmp_path, recording, "--json", "--out", tmp_path / "out"]
    done = subprocess.run(
        [*map(str, command)],
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert incidents(done) == undisturbed != []
    said = [r for r in records_of(tmp_path / "out", "health") if isinstance(r, Health) and "evidence" in r.text]
    assert [finding.condition for finding in said][:1] == ["dropped"] and "File too large" in said[0].text
    (clip,) = records_of(tmp_path / "out", "clip")
    assert isinstance(clip, Clip) and clip.file
    kept = sum(block.n_samples for _, block in read_clip(tmp_path / "out" / clip.file).blocks)
    assert 1_000 < kept < 14_000  # what the ring could take, and no more
    assert verify(tmp_path / "out").status == "unanchored"


def test_a_ring_that_cannot_be_opened_is_told_once(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(3.0))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ring").write_text("in the way")
    assert incidents(linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "out"))
    said = [r for r in records_of(tmp_path / "out", "health") if isinstance(r, Health) and "evidence" in r.text]
    assert len(said) == 1 and said[0].severity == "degraded"
    (clip,) = records_of(tmp_path / "out", "clip")
    assert isinstance(clip, Clip) and "no samples were kept" in clip.refusal
