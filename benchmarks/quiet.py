"""Quiet fibre: real background of about a second a file, in which nothing happens. Every incident is one too many.

The recordings do not say which of two rates they have, so each is run at both.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.fence_localise import incidents_of
from benchmarks.reporting import Figures, answer
from linewatch.records import Detections, Record

RATES_HZ = (12_500.0, 8_000.0)
METRES_PER_POINT = 10.0


def measure(args: argparse.Namespace) -> Figures:
    """Every file at both rates, each as a recording of its own."""
    files = sorted(Path(args.data).glob("*.npz"))[: 6 if args.quick else None]
    seconds, incidents, raised_in = 0.0, 0, []
    felt: list[int] = []

    def count(record: Record) -> None:
        if isinstance(record, Detections):
            felt.append(len(record))

    for file in files:
        with np.load(file) as arrays:
            samples = np.asarray(arrays[arrays.files[0]])
        for rate_hz in RATES_HZ:
            found, _ = incidents_of(
                samples,
                rate_hz=rate_hz,
                kind="fibre_das",
                metres=METRES_PER_POINT * samples.shape[1],
                on_output=count,
            )
            seconds += len(samples) / rate_hz
            incidents += len(found)
            raised_in += [file.name] if found else []
    return {
        "files": len(files),
        "seconds": round(seconds, 2),
        "detections": sum(felt),
        "incidents": incidents,
        "raised_in": sorted(set(raised_in)),
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="phi_otdr_bjtu_background")


if __name__ == "__main__":
    main()
