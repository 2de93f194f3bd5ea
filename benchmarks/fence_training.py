"""How the classifier of fence recordings is fitted: recordings, windows, stretched copies, networks, calibration.

Everything that is chosen (weight decay, temperature, the scale of strangeness) is chosen inside the recordings that
are trained on, by folds of whole recordings, so that leaving one recording out leaves it out of every choice.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar

from benchmarks.fence_frames import labelled
from benchmarks.network_fit import Training, fit_networks
from linewatch.signals.act_model import (
    ActModel,
    log_probabilities,
    strangeness_parts,
    together,
)
from linewatch.signals.fence_features import CELLS, NAMES, ROWS, SHAPE, fence_features, strongest_cells

CLASSES = ("climb", "wind", "knock", "saw", "shake", "drill")
"""By the numbers of the label files."""
WIND = CLASSES.index("wind")
HOP_ROWS = 32
STRANGENESS_ROWS = 2 * ROWS
POOLED_ROWS = 4 * ROWS
STRETCHES = (0.6, 0.8, 1.25, 1.6)
EVERYTHING = np.arange(len(NAMES))
COLUMNS = {"level": EVERYTHING, "shape": SHAPE}


@dataclass(frozen=True)
class Effort:
    """How much work goes into one model."""

    networks: int = 3
    epochs: int = 20
    decays: tuple[float, ...] = (0.5, 1.0)
    stretches: tuple[float, ...] = STRETCHES
    folds: int = 3


QUICK = Effort(networks=1, epochs=12, decays=(0.5,), stretches=(0.8, 1.25), folds=2)


@dataclass(frozen=True, eq=False)
class Recording:
    """One labelled recording as features of its windows."""

    name: str
    label: int
    fingerprint: str
    windows: NDArray[np.float64]
    """(n, features) of windows HOP_ROWS apart."""
    stretched: tuple[NDArray[np.float64], ...]
    """The same of copies whose rhythm runs slower or faster; for training only."""


def windows_of(samples: NDArray[Any], hop: int) -> NDArray[np.float64]:
    """Features of the windows of a recording (rows, cells), each of its own strongest cells."""
    cut = [samples[i : i + ROWS] for i in range(0, len(samples) - ROWS + 1, hop)]
    firsts = [strongest_cells(w) for w in cut]
    return fence_features(np.stack([w[:, first : first + CELLS] for w, first in zip(cut, firsts, strict=True)]))


def stretch(samples: NDArray[Any], factor: float) -> NDArray[np.float64]:
    """Slow the common movement of the cells down by `factor`, and leave what each cell does beside it as it was."""
    common = gaussian_filter1d(samples.mean(axis=1, dtype=np.float64), 2.0)
    beside = samples / common[:, None]
    rows = min(len(samples), int(len(samples) * factor))
    moved = np.interp(np.arange(rows) / factor, np.arange(len(samples)), common)
    slowed: NDArray[np.float64] = moved[:, None] * beside[:rows]
    return slowed


def recordings(folder: Path, stretches: Sequence[float] = ()) -> list[Recording]:
    """Every recording of the folder that has a label of a known class, a file and rows and cells enough."""
    found = []
    for row in labelled(folder):
        file, labels = folder / row["file_name"], row.get("labels") or []
        if len(labels) != 1 or labels[0] not in range(len(CLASSES)) or not file.exists():
            continue
        with np.load(file) as arrays:
            samples = np.asarray(arrays[arrays.files[0]])
        if samples.shape[0] < ROWS or samples.shape[1] < CELLS:
            continue
        copies = tuple(windows_of(stretch(samples, factor), 2 * HOP_ROWS) for factor in stretches)
        digest = hashlib.sha256(np.ascontiguousarray(samples).tobytes()).hexdigest()[:16]
        found.append(Recording(file.stem, int(labels[0]), digest, windows_of(samples, HOP_ROWS), copies))
    return found


def fit(train: Sequence[Recording], columns: NDArray[Any], effort: Effort, seed: int = 0) -> tuple[ActModel, float]:
    """The model of these recordings, and the weight decay that was chosen inside them."""
    one = replace(effort, networks=1)
    # Each recording weighs the same, as in the loss of the networks.
    losses = {
        decay: float(np.mean([-h.log_p[:, h.label].mean() for h in _held_out(train, columns, one, decay, seed)]))
        for decay in (effort.decays if len(effort.decays) > 1 else ())
    }
    decay = min(losses, key=lambda d: losses[d]) if losses else effort.decays[0]
    # How sure the model may be depends on how many networks speak, so this time it is all of them.
    held = _held_out(train, columns, effort, decay, seed)
    return _calibrated(_networks(train, columns, effort, decay, seed), held), decay


@dataclass(frozen=True, eq=False)
class _Held:
    """What a model that had not seen a recording says of it."""

    label: int
    """Position among the classes of `model`."""
    windows: NDArray[np.float64]
    log_p: NDArray[np.float64]
    model: ActModel


def _held_out(
    train: Sequence[Recording], columns: NDArray[Any], effort: Effort, decay: float, seed: int
) -> list[_Held]:
    """Folds of whole recordings, dealt out class by class."""
    fold = np.zeros(len(train), dtype=int)
    for label in {r.label for r in train}:
        mine = [i for i, r in enumerate(train) if r.label == label]
        fold[mine] = np.arange(len(mine)) % effort.folds
    held = []
    for f in range(effort.folds):
        model = _networks([r for r, g in zip(train, fold, strict=True) if g != f], columns, effort, decay, seed)
        known = [r for r, g in zip(train, fold, strict=True) if g == f and r.label in _labels(model)]
        held += [
            _Held(_labels(model).index(r.label), r.windows, log_probabilities(model, r.windows), model) for r in known
        ]
    return held


def _labels(model: ActModel) -> list[int]:
    return [CLASSES.index(name) for name in model.classes]


def decisions(
    windows: NDArray[np.float64], log_p: NDArray[np.float64], rows: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Features and log-probabilities of the windows inside each stretch of `rows`, stretches end to end."""
    size, stride = (rows - ROWS) // HOP_ROWS + 1, rows // HOP_ROWS
    starts = range(0, len(windows) - size + 1, stride)
    return [(windows[i : i + size], log_p[i : i + size]) for i in starts]


def _networks(train: Sequence[Recording], columns: NDArray[Any], effort: Effort, decay: float, seed: int) -> ActModel:
    """Networks, class centres and spread; neither calibrated nor with a scale of strangeness yet."""
    x, y, weight = _table(train, columns)
    names = tuple(CLASSES[label] for label in np.unique(y))
    return fit_networks(x, y, weight, names, columns, Training(effort.networks, effort.epochs, decay, seed))


def _table(
    train: Sequence[Recording], columns: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Features, labels and weights: classes weigh the same, so do their recordings, stretched copies half."""
    of_class = {label: sum(r.label == label for r in train) for label in range(len(CLASSES))}
    x, y, weight = [], [], []
    for r in train:
        for windows, share in ((r.windows, 1.0), *((copy, 0.5) for copy in r.stretched)):
            x.append(windows[:, columns])
            y.append(np.full(len(windows), r.label))
            weight.append(np.full(len(windows), share / len(windows) / of_class[r.label]))
    w = np.concatenate(weight)
    return np.concatenate(x), np.concatenate(y), w / w.mean()


def _calibrated(model: ActModel, held: Sequence[_Held]) -> ActModel:
    """Temperature by the likelihood of held-out recordings; the strangeness that one known decision in 20 exceeds."""

    def loss(temperature: float) -> float:
        return float(np.mean([-_tempered(h.log_p, temperature)[:, h.label].mean() for h in held]))

    temperature = float(minimize_scalar(loss, bounds=(0.3, 5.0), method="bounded").x)
    pooling = _pooling(held, temperature)
    parts = np.array(
        [
            strangeness_parts(h.model, windows, together(log_p, pooling))
            for h in held
            for windows, log_p in decisions(h.windows, _tempered(h.log_p, temperature), STRANGENESS_ROWS)
        ]
    )
    known = np.stack([parts.mean(axis=0), parts.std(axis=0) + 1e-9], axis=1).ravel()
    total = ((parts - known[0::2]) / known[1::2]).sum(axis=1)
    unknown = (float(np.quantile(total, 0.95)), float(total.std()) / 4)
    values: dict[str, Any] = {name: getattr(model, name) for name in ActModel.__slots__}
    return ActModel(**values | {"temperature": temperature, "pooling": pooling, "known": known, "unknown": unknown})


def _pooling(held: Sequence[_Held], temperature: float) -> float:
    """The power under which decisions over POOLED_ROWS of held-out recordings are likeliest."""
    pooled = [
        (h.label, [log_p for _, log_p in decisions(h.windows, _tempered(h.log_p, temperature), POOLED_ROWS)])
        for h in held
    ]

    def loss(power: float) -> float:
        return float(np.mean([-np.log(together(log_p, power)[label] + 1e-3) for label, cut in pooled for log_p in cut]))

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)


def _tempered(log_p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    scaled = log_p / temperature
    tempered: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return tempered
