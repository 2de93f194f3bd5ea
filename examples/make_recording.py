"""Make up five seconds of a vibration cable on a fence, and something that shakes it: `make_recording.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np

RATE_HZ, SECONDS, CHANNELS = 1000, 5, 600
HEADER = """\
sensor = "{sensor}"
data = ["samples.npy"]
format = "array"
layout = "time_channel"
rate_hz = {rate_hz}.0
start = "2026-11-18T02:00:00Z"
"""


def main() -> None:
    """Write `samples.npy` and `recording.toml` into a folder."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_recording.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    samples = np.abs(rng.normal(0.0, 20.0, (SECONDS * RATE_HZ, CHANNELS)))
    shaken = samples[2 * RATE_HZ : 4 * RATE_HZ, 240:260]
    shaken += np.abs(rng.normal(0.0, 900.0, shaken.shape))
    np.save(folder / "samples.npy", samples.astype(np.int16))
    (folder / "recording.toml").write_text(HEADER.format(sensor="fence-1", rate_hz=RATE_HZ), encoding="utf-8")
    print(f"wrote {folder / 'recording.toml'}")


if __name__ == "__main__":
    main()
