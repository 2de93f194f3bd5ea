"""Fit the models that are shipped for fence vibration: `python -m benchmarks.train_fence [--data DIR] [--out FILE]`.

Seeded: the same recordings and the same versions of NumPy and scikit-learn give the same file. Of the recordings only
fitted numbers go into it, and a short hash of each, by which the benchmark knows what it must not score.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.fence_training import COLUMNS, STRETCHES, Effort, fit, recordings
from benchmarks.reporting import shared_folder
from linewatch.signals.act_model import as_arrays

SHIPPED = Path(__file__).resolve().parents[1] / "src/linewatch/detect/models/fence_acts.npz"
SEED = 20260901


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared_folder("fence_fibre_vibration"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    train = recordings(args.data, STRETCHES)
    if not train:
        parser.exit(2, f"--data: no labelled recordings in {args.data}; allowed: a folder like {SHIPPED.stem}'s\n")
    arrays = {"trained_on": np.array(sorted(r.fingerprint for r in train))}
    for name, columns in COLUMNS.items():
        model, decay = fit(train, columns, Effort(), SEED)
        arrays |= {f"{name}.{key}": value for key, value in as_arrays(model).items()}
        print(f"{name}: weight decay {decay:g}, temperature {model.temperature:.2f}, {len(train)} recordings")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out, allow_pickle=False, **arrays)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1024:.0f} kB)")


if __name__ == "__main__":
    main()
