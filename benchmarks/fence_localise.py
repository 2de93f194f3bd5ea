"""Real fence recordings, whole frames: events found, how well their stretches fit, and what else is raised.

Yardstick of the speed is time itself: a stream of the same width at 1 kHz on one core.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fence_frames import Frame, frames
from benchmarks.reporting import Figures, answer
from linewatch.app.replay import replay
from linewatch.clock import cpu_s
from linewatch.records import Incident, Record
from linewatch.site.load import load_site
from linewatch.sources.recording import find_recordings

RATE_HZ = 1000.0


def bench_site(folder: Path, cells: int, kind: str = "fibre_vibration", metres: float | None = None) -> Path:
    """A straight line of 1 m a cell (or of `metres` in all) with one cable, written as anybody would write it."""
    length_m = float(cells if metres is None else metres)
    (folder / "site.toml").write_text(
        f"""
[site]
name = "bench"
timezone = "UTC"
[[line]]
id = "main"
length_m = {length_m}
[[section]]
name = "S01"
line = "main"
from_m = 0.0
to_m = {length_m}
[[sensor]]
id = "fibre-1"
kind = "{kind}"
line = "main"
from_m = 0.0
to_m = {length_m}
channels = {cells}
"""
    )
    return folder / "site.toml"


def incidents_of(
    samples: NDArray[Any],
    *,
    rate_hz: float = RATE_HZ,
    kind: str = "fibre_vibration",
    metres: float | None = None,
    on_output: Callable[[Record], None] | None = None,
) -> tuple[tuple[Incident, ...], float]:
    """Incidents of one recording under default settings, and the processor seconds that the replay took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "samples.npy", samples)
        (folder / "recording.toml").write_text(
            f'sensor = "fibre-1"\ndata = ["samples.npy"]\nformat = "array"\nlayout = "time_channel"\n'
            f'rate_hz = {rate_hz}\nstart = "2021-11-18T00:00:00Z"\n'
        )
        site = load_site(bench_site(folder, samples.shape[1], kind, metres))
        recordings = find_recordings([folder / "recording.toml"], site)
        begun_s = cpu_s()
        done = replay(site, recordings, on_output=on_output)
        return done.incidents, cpu_s() - begun_s


def overlap(incident: Incident, box_m: tuple[float, float]) -> float:
    """Intersection over union of an incident's stretch and a box."""
    shared_m = max(min(incident.to_m, box_m[1]) - max(incident.from_m, box_m[0]), 0.0)
    whole_m = max(incident.to_m, box_m[1]) - min(incident.from_m, box_m[0])
    return shared_m / whole_m if whole_m > 0 else 0.0


def _scored(frame: Frame, rows: int) -> tuple[float, int, float]:
    """Best overlap of a frame, its other incidents, and the processor seconds it took."""
    found, seconds = incidents_of(frame.samples[:rows])
    ranked = sorted((overlap(incident, frame.box_m) for incident in found), reverse=True)
    best = ranked[0] if ranked else 0.0
    return best, max(len(ranked) - (best > 0), 0), seconds


def measure(args: argparse.Namespace) -> Figures:
    """All frames, whole and their first 128 rows."""
    everything = list(frames(args.data))
    if not everything:
        return dict.fromkeys(("frames", "found", "iou_median", "iou_min", "iou_min_128", "extra", "speed_ratio"))
    _scored(everything[0], 128)  # compiles, or loads what was compiled: start-up is measured elsewhere
    whole = {frame.name: _scored(frame, len(frame.samples)) for frame in everything}
    short = {frame.name: _scored(frame, 128) for frame in everything}
    ratios = [len(frame.samples) / RATE_HZ / whole[frame.name][2] for frame in everything]
    overlaps = [best for best, _, _ in whole.values()]
    return {
        "frames": len(everything),
        "found": sum(best > 0 for best in overlaps),
        "iou_median": round(statistics.median(overlaps), 4),
        "iou_min": round(min(overlaps), 4),
        "iou_min_128": round(min(best for best, _, _ in short.values()), 4),
        "extra": sum(extra for _, extra, _ in whole.values()),
        "extra_128": sum(extra for _, extra, _ in short.values()),
        "speed_ratio": round(statistics.median(ratios), 1),
        "iou": {name: round(best, 3) for name, (best, _, _) in whole.items()},
        "iou_128": {name: round(best, 3) for name, (best, _, _) in short.items()},
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="fence_fibre_vibration")


if __name__ == "__main__":
    main()
