"""Real PIR waveforms: a second with somebody in it is to be told from an empty one, from that second alone.

A window counts as present when at least half of its samples are. On recordings that the shipped model was not fitted
on, the shipped model is scored; where there are none such, folds of whole sessions are left out (`auc`), and folds of
single recordings (`auc_recording`). Yardstick: the deviation of the window.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.reporting import Figures, answer
from benchmarks.train_pir import TRAINING, Recording, fit, recordings, tested
from linewatch.detect.models import shipped_arrays
from linewatch.signals.act_model import from_arrays
from linewatch.signals.pir_features import SAMPLES

FOLDS = 8
SEED = 5
KEYS = ("auc", "auc_recording")


def left_out(everything: Sequence[Recording], groups: Sequence[str], folds: int, networks: int) -> list[float]:
    """Probability of presence, window by window in the order of the recordings, by models that left the group out."""
    names = sorted(set(groups))
    np.random.default_rng(SEED).shuffle(names)
    fold_of = {name: i % folds for i, name in enumerate(names)}
    said: dict[int, NDArray[np.float64]] = {}
    for fold in range(folds):
        out = [i for i, group in enumerate(groups) if fold_of[group] == fold]
        model = fit([r for i, r in enumerate(everything) if i not in out], replace(TRAINING, networks=networks))
        said |= {i: np.exp(tested(model, everything[i])[0][:, 1]) for i in out}
    return [float(p) for i in range(len(everything)) for p in said[i]]


def _ece(truth: NDArray[np.bool_], p: NDArray[np.float64], bins: int = 10) -> float:
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[which == b].sum() - truth[which == b].sum()) for b in range(bins)) / len(p))


def _auc(truth: NDArray[np.bool_], score: Sequence[float]) -> float | None:
    return round(float(roc_auc_score(truth, score)), 4) if truth.any() and not truth.all() else None


def measure(args: argparse.Namespace) -> Figures:
    """All figures."""
    shipped = shipped_arrays("pir_presence")
    seen = {str(name) for name in shipped["trained_on"]}
    everything = [r for r in recordings(args.data) if len(r.windows(SAMPLES)[0])]
    unseen = [r for r in everything if r.name not in seen]
    scored = unseen or everything
    if not scored:
        return dict.fromkeys(KEYS)
    truth = np.concatenate([r.windows(SAMPLES)[1] >= 0.5 for r in scored])
    deviation = [float(w.std()) for r in scored for w in r.windows(SAMPLES)[0]]
    if unseen:
        model = from_arrays(shipped)
        by_session = [float(np.exp(p)) for r in scored for p in tested(model, r)[0][:, 1]]
        by_recording = by_session
    else:
        folds, networks = (3, 1) if args.quick else (FOLDS, TRAINING.networks)
        by_session = left_out(scored, [r.session for r in scored], folds, networks)
        by_recording = left_out(scored, [r.name for r in scored], folds, networks)
    return {
        "auc": _auc(truth, by_session),
        "auc_recording": _auc(truth, by_recording),
        "auc_plain_deviation": _auc(truth, deviation),
        "ece": round(_ece(truth, np.array(by_session)), 4),
        "windows": len(truth),
        "windows_present": int(truth.sum()),
        "recordings": len(scored),
        "model": "shipped" if unseen else "sessions and recordings left out",
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="pir_analog_brno")


if __name__ == "__main__":
    main()
