"""How fast scenes are played, on one core: detections of the reference line, and raw samples of a stretch of 2 km.

`realtime_ratio_10k`: seconds of scene for one second of the processor while 10,000 detections a second are made, two
thirds of them by people who walk and one third without a cause. `raw_realtime_ratio_2km`: the same for the raw samples
of 2 km: two fibres of 200 channels and a fence cable of 200 cells at 1 kHz, 12 geophones at 500 Hz; a storm, people
and a truck.
"""

import argparse
import time

from benchmarks.reporting import Figures, answer
from linewatch.records import Block, Detections
from linewatch.simulate import RawSource, SimulatedSource, read_scene_text
from linewatch.site.load import load_site

_HEAD = 'start = "2021-11-18T22:00:00Z"\nduration = "00:02:00"\n'
_CROWDED = (
    _HEAD
    + """
[[load]]
detections_per_s = 4000.0
[[mover]]
who = "person"
name = "walker"
times = 850
at = "00:00:00"
where = "anywhere"
offset_m = 12.0
does = ["along 200 m"]
"""
)
_STORMY = (
    _HEAD
    + """
[[weather]]
wind_mps = 14.0
gust_mps = 25.0
rain_mm_per_h = 8.0
[[mover]]
who = "person"
name = "walker"
times = 10
at = ["00:00:00", "00:01:00"]
where = [20000.0, 22000.0]
offset_m = 30.0
does = ["approach from 30 m", "climb 20 s", "cross to 30 m"]
[[mover]]
who = "vehicle"
name = "truck"
at = "00:00:10"
where = 20100.0
offset_m = 25.0
does = ["along 1500 m"]
"""
)
_S = 1_000_000_000


def _detections(seconds: int) -> tuple[float, float]:
    """Seconds of scene for a second of the processor, and detections a second of scene."""
    site = load_site("reference")
    source = SimulatedSource(read_scene_text("crowded", _CROWDED, site), site, 1)
    list(source.poll(source.start_ns + _S))
    count, begun = 0, time.process_time()
    # From the end of what the first poll has made to the end of a chunk, so that only whole chunks are timed.
    first = round(source.simulation.chunk_s)
    for second in range(first, first + seconds):
        items = source.poll(source.start_ns + (second + 1) * _S)
        count += sum(len(item) for item in items if isinstance(item, Detections))
    return seconds / (time.process_time() - begun), count / seconds


def _raw(seconds: int) -> tuple[float, int]:
    site = load_site("reference")
    source = RawSource(read_scene_text("stormy", _STORMY, site), site, 1, from_m=20_000.0, to_m=22_000.0)
    list(source.poll(source.start_ns + _S))
    samples, begun = 0, time.process_time()
    for second in range(1, seconds + 1):
        items = source.poll(source.start_ns + (second + 1) * _S)
        samples += sum(item.samples.size for item in items if isinstance(item, Block))
    return seconds / (time.process_time() - begun), samples // seconds


def measure(args: argparse.Namespace) -> Figures:
    """Both levels."""
    detections_ratio, detections_per_s = _detections(20 if args.quick else 60)
    raw_ratio, samples_per_s = _raw(20 if args.quick else 60)
    return {
        "realtime_ratio_10k": round(detections_ratio, 1),
        "detections_per_s": round(detections_per_s),
        "raw_realtime_ratio_2km": round(raw_ratio, 2),
        "raw_samples_per_s": samples_per_s,
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
