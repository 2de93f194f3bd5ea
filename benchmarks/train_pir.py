"""Fit the model that is shipped for PIR waveforms: `python -m benchmarks.train_pir [--data DIR] [--out FILE]`.

Seeded, and fixed in its settings. Only fitted numbers go into the file.
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from benchmarks.network_fit import Training, fit_networks
from benchmarks.reporting import shared_folder
from linewatch.signals.act_model import ActModel, as_arrays, log_probabilities
from linewatch.signals.pir_features import COUNT, SAMPLES, pir_features

SHIPPED = Path(__file__).resolve().parents[1] / "src/linewatch/detect/models/pir_presence.npz"
CLASSES = ("quiet", "present")
HOP = 25
TRAINING = Training(networks=3, epochs=10, decay=0.3, seed=20260901, hidden=16)


@dataclass(frozen=True, eq=False)
class Recording:
    """One labelled recording."""

    name: str
    samples: NDArray[np.float64]
    present: NDArray[np.int64]
    """(n,) 1 where somebody is there, 0 where nobody is, -1 where nothing is said."""

    @property
    def session(self) -> str:
        """Takes of one session differ by their last number."""
        return re.sub(r"_\d+$", "", self.name)

    def windows(self, hop: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Windows (n, SAMPLES) that are labelled throughout, and the share of presence in each."""
        starts = range(0, len(self.samples) - SAMPLES + 1, hop)
        cut = [i for i in starts if (self.present[i : i + SAMPLES] >= 0).all()]
        shares = [float(self.present[i : i + SAMPLES].mean()) for i in cut]
        return np.array([self.samples[i : i + SAMPLES] for i in cut]).reshape(-1, SAMPLES), np.array(shares)


def recordings(folder: Path) -> list[Recording]:
    """Every recording of the `.npz` files of this folder that a `.json` file beside them labels."""
    labels: dict[str, Any] = {}
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        labels |= {name: parts for name, parts in content.items() if isinstance(parts, list)}
    found = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as arrays:
            for name in sorted(set(arrays.files) & set(labels)):
                samples = arrays[name].astype(np.float64).ravel()
                present = np.full(len(samples), -1)
                for part in labels[name]:
                    first, length = int(part["start"]), int(part["length"])
                    present[first : first + length] = int(bool(part["key"][0]))
                found.append(Recording(name, samples, present))
    return found


def fit(train: Sequence[Recording], training: Training = TRAINING) -> ActModel:
    """The model of these recordings, calibrated by sessions that were held out of it in turn."""
    sessions = sorted({r.session for r in train})
    one = replace(training, networks=1)
    held: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    for fold in range(3):
        out = set(sessions[fold::3])
        model = _fit([r for r in train if r.session not in out], one)
        held += [tested(model, r) for r in train if r.session in out]
    log_p = np.concatenate([p for p, _ in held])
    truth = np.concatenate([t for _, t in held]).astype(int)

    def loss(temperature: float) -> float:
        scaled = log_p / temperature
        scaled = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -float(scaled[np.arange(len(truth)), truth].mean())

    return replace(
        _fit(train, training), temperature=float(minimize_scalar(loss, bounds=(0.3, 5.0), method="bounded").x)
    )


def _fit(train: Sequence[Recording], training: Training) -> ActModel:
    """Networks over overlapping windows, the same upside down, and the same backwards."""
    cut = [r.windows(HOP) for r in train]
    w, share = np.concatenate([w for w, _ in cut]), np.concatenate([s for _, s in cut])
    # A body may pass either way and be warmer or colder than what is behind it.
    x = pir_features(np.concatenate([w, -w, w[:, ::-1]]))
    share = np.tile(share, 3)
    weight = np.abs(share - 0.5) * 2.0 + 0.1
    return fit_networks(x, (share >= 0.5).astype(int), weight, CLASSES, np.arange(COUNT), training)


def tested(model: ActModel, recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-probabilities (n, 2) of the windows of a recording, end to end, and whether somebody was there."""
    windows, share = recording.windows(SAMPLES)
    if not len(windows):
        return np.zeros((0, 2)), np.zeros(0, dtype=bool)
    return log_probabilities(model, pir_features(windows)), share >= 0.5


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared_folder("pir_analog_brno"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    train = recordings(args.data)
    if not train:
        parser.exit(
            2, f"--data: found no labelled recordings in {args.data}; allowed: .npz files and labels in .json\n"
        )
    model = fit(train)
    np.savez_compressed(args.out, allow_pickle=False, trained_on=np.array([r.name for r in train]), **as_arrays(model))
    print(f"{len(train)} recordings, temperature {model.temperature:.2f}; wrote {args.out}")


if __name__ == "__main__":
    main()
