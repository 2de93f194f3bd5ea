"""Simulated samples have the statistics of real ones where these are at hand; docs/scenes.md states the difference."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt

from linewatch.records import Block
from linewatch.simulate import RawSource, bench_site, read_scene_text

pytestmark = pytest.mark.shared

SITE = bench_site()
HEAD = 'start = "2021-11-18T22:00:00Z"\nduration = "00:00:20"\n[[weather]]\nwind_mps = 1.0\ngust_mps = 1.0\n'
WALK = '[[mover]]\nwho="person"\nat="00:00:00"\nwhere=285.0\noffset_m=8.0\nspeed_mps=1.3\ndoes=["along 26 m"]\n'
CLIMB = '[[mover]]\nwho="person"\nat="00:00:00"\nwhere=300.0\noffset_m=0.0\ndoes=["climb 20 s"]\n'
CLIMBING = 0


class Steps(NamedTuple):
    """What a walk past one geophone looks like."""

    cadence_hz: float
    step_to_step_db: float
    loudest_db: float


def simulated(story: str, sensor: str, seed: int) -> NDArray[np.float64]:
    scene = read_scene_text("made.toml", HEAD + story, SITE)
    source = RawSource(scene, SITE, seed, from_m=250.0, to_m=350.0)
    blocks = [b for b in source.poll(source.end_ns) if isinstance(b, Block) and b.sensor == sensor]
    return np.concatenate([block.samples for block in blocks]).astype(np.float64)


def steps_of(samples: NDArray[np.float64], rate_hz: float) -> Steps | None:
    """Peaks of the envelope between 10 and 30 Hz; None where there are too few for a walk."""
    band = sosfiltfilt(butter(4, [10.0, 30.0], "band", fs=rate_hz, output="sos"), samples - np.median(samples))
    width = int(0.06 * rate_hz)
    envelope = np.sqrt(np.convolve(band**2, np.ones(width) / width, "same"))
    floor = np.quantile(envelope, 0.25)
    peaks, _ = find_peaks(envelope, height=4.0 * floor, distance=int(0.3 * rate_hz))
    gaps = np.diff(peaks) / rate_hz
    gaps = gaps[(gaps > 0.35) & (gaps < 0.75)]
    if len(peaks) < 4 or len(gaps) < 3:
        return None
    levels_db = 20.0 * np.log10(envelope[peaks] / floor)
    return Steps(1.0 / float(np.median(gaps)), float(np.diff(levels_db).std() / 2**0.5), float(levels_db.max()))


def medians(walks: list[Steps | None]) -> tuple[Steps, int]:
    found = [walk for walk in walks if walk is not None]
    return Steps(*(float(np.median(column)) for column in zip(*found, strict=True))), len(found)


def test_footsteps_of_a_geophone(shared_data: Path) -> None:
    files = sorted((shared_data / "geophone_footsteps").glob("walker_*/slow_500hz/*.npz"))
    real, walks = medians([steps_of(np.load(f)["data"].ravel().astype(np.float64), 495.0) for f in files])
    made, made_walks = medians([steps_of(simulated(WALK, "geo-290", seed)[:, 0], 500.0) for seed in range(12)])
    assert walks >= 0.8 * len(files)
    assert made_walks >= 10
    print(f"\nreal {real}\nsimulated {made}")  # noqa: T201 - the figures of docs/scenes.md
    assert made.cadence_hz == pytest.approx(real.cadence_hz, rel=0.10)
    assert 0.5 < made.step_to_step_db / real.step_to_step_db < 2.0
    assert abs(made.loudest_db - real.loudest_db) < 12.0


def felt_over(level: NDArray[np.float64], floor: float) -> int:
    """Cells whose mean level stands a tenth over the floor."""
    return int((level > 1.1 * floor).sum())


def test_width_of_a_climb_on_a_fence(shared_data: Path) -> None:
    folder = shared_data / "fence_fibre_vibration"
    labels = json.loads((folder / "labels.json").read_text())["data"]
    real = []
    for label in labels:
        file, quiet_file = folder / label["file_name"], folder / "no_event" / f"{label['no_event_index']}.npz"
        if label["labels"] == [CLIMBING] and file.is_file() and quiet_file.is_file():
            quiet, event = (np.load(f)["x"][:500].astype(np.float64).mean(axis=0) for f in (quiet_file, file))
            real.append(felt_over(event, float(np.median(quiet))))
    assert real
    floor = float(np.abs(simulated("", "fence-1", 0)).mean())
    made = [felt_over(np.abs(simulated(CLIMB, "fence-1", seed)).mean(axis=0), floor) for seed in range(3)]
    print(f"\nreal {real} cells of unknown length, simulated {made} cells of 1 m")  # noqa: T201 - as above
    assert 0.4 < np.median(made) / np.median(real) < 2.5


def test_background_of_a_fibre(shared_data: Path) -> None:
    files = sorted((shared_data / "phi_otdr_bjtu_background").glob("*.npz"))
    real = [background_of(np.load(f)["data"].astype(np.float64)) for f in files]
    made = [background_of(simulated("", "fibre-1", seed)) for seed in range(2)]
    (alike, tails), (made_alike, made_tails) = np.median(real, axis=0), np.median(made, axis=0)
    print(f"\nreal {alike:.3f} {tails:.2f}, simulated {made_alike:.3f} {made_tails:.2f}")  # noqa: T201 - as above
    assert made_tails == pytest.approx(tails, rel=0.05)
    assert abs(made_alike - alike) < 0.15


def background_of(samples: NDArray[np.float64]) -> tuple[float, float]:
    """Correlation of neighbouring channels, and kurtosis (3 for a normal law), of the change from sample to sample."""
    change = np.diff(samples, axis=0)
    change = (change - change.mean(axis=0)) / change.std(axis=0)
    alike = np.mean([(change[:, i] * change[:, i + 1]).mean() for i in range(change.shape[1] - 1)])
    return float(alike), float(np.median((change**4).mean(axis=0)))
