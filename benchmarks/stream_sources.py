"""Sources of raw samples: how much each of them takes in on one core, files and records made up for it.

`seedlink_records_per_s`: MiniSEED records of 512 bytes decoded and put on one count; a geophone at 100 samples a second
gives about one in four seconds. `mseed_scan_mb_s`: opening a MiniSEED recording, which decodes all of it.
`das_file_mb_s`: a DASDAE file of 2,000 channels through dascore to blocks, read from the disk's cache. `video_ms`:
processor time to decode a picture of 1280 by 720 and make the small grey one of it; `video_streams_per_core` is ten of
them a second.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from pymseed import DataEncoding, MS3Record

from benchmarks.reporting import Figures, answer
from linewatch.clock import cpu_s
from linewatch.records.health import Condition
from linewatch.sources.continuity import Continuity
from linewatch.sources.das._reading import read_pieces, scan_das
from linewatch.sources.miniseed import read_piece
from linewatch.sources.recording._mseed_files import scan_file
from linewatch.sources.video._pictures import pictures

STREAM_HZ = 10.0
START_NS = 1_790_000_000_000_000_000


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of the better of two runs; the first may load or compile."""
    taken = []
    for _ in range(2):
        begun_s = cpu_s()
        work()
        taken.append(cpu_s() - begun_s)
    return min(taken)


def _fail(condition: Condition, text: str) -> None:
    raise AssertionError(f"{condition}: {text}")


def seismic(samples: int, folder: Path) -> Figures:
    """Records of a noisy geophone, one by one as a link gives them, and as a file."""
    counts = np.random.default_rng(0).integers(-500, 500, samples).astype(np.int32)
    record = MS3Record(reclen=512)
    record.sourceid, record.formatversion, record.samprate = "FDSN:XX_MADE_00_E_P_Z", 2, 100.0
    record.encoding, record.starttime = DataEncoding.STEIM2, START_NS
    records = list(record.generate(data_samples=counts, sample_type="i"))

    def take() -> None:
        stream = Continuity("main", "geo-1", 0, _fail)
        pieces = [read_piece(each) for each in records]
        given = [stream.take(each.start_ns, each.rate_hz, each.samples) for each in pieces]
        assert all(each.block is not None and each.gap is None for each in given)

    path = folder / "made.mseed"
    path.write_bytes(b"".join(records))
    scan_s = _seconds(lambda: scan_file(path))
    return {
        "seedlink_records_per_s": round(len(records) / _seconds(take)),
        "mseed_scan_mb_s": round(path.stat().st_size / 1e6 / scan_s, 1),
    }


def fibre(rows: int, folder: Path) -> Figures:
    """A fibre of 2,000 channels as one file."""
    import dascore  # noqa: PLC0415 - takes seconds

    samples = np.random.default_rng(0).normal(0.0, 1.0, (rows, 2000)).astype(np.float32)
    times = np.datetime64(START_NS, "ns") + np.arange(rows) * np.timedelta64(1_000_000, "ns")
    coords = {"time": times, "distance": np.arange(2000.0)}
    path = folder / "made.h5"
    dascore.Patch(data=samples, dims=("time", "distance"), coords=coords).io.write(path, "dasdae")

    def take_file() -> None:
        file = scan_das(path)
        stream = Continuity("main", "fibre-1", 0, _fail)
        for start_ns, piece in read_pieces(file, 1000):
            stream.take(start_ns, file.rate_hz, piece)

    return {"das_file_mb_s": round(samples.nbytes / 1e6 / _seconds(take_file))}


def video(frames: int, folder: Path) -> Figures:
    """A clip of noise on a still picture as a camera would send it, H.264 on one thread."""
    rng = np.random.default_rng(0)
    still = np.kron(rng.integers(60, 190, (45, 80)), np.ones((16, 16))).astype(np.float64)
    path = folder / "made.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "veryfast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 1280, 720, "yuv420p", 20
        for _ in range(frames):
            picture = np.clip(still + rng.normal(0.0, 2.0, still.shape), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    seen = 0

    def take() -> None:
        nonlocal seen
        seen = sum(1 for _ in pictures(str(path), 2, lambda _: False, lambda _: True))

    took_s = _seconds(take)
    assert seen == frames
    return {
        "video_ms": round(1000.0 * took_s / frames, 2),
        "video_streams_per_core": round(frames / took_s / STREAM_HZ, 1),
    }


def measure(args: argparse.Namespace) -> Figures:
    """All of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            **seismic(200_000 if args.quick else 2_000_000, folder),
            **fibre(4_000 if args.quick else 20_000, folder),
            **video(40 if args.quick else 200, folder),
        }


def main() -> None:
    """Measure and answer."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
