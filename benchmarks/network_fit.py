"""Small networks fitted with scikit-learn, as the plain arrays that Linewatch evaluates by itself."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from linewatch.signals.act_model import ActModel


@dataclass(frozen=True)
class Training:
    """How networks are trained; with the same seed and versions, the same networks."""

    networks: int
    epochs: int
    decay: float
    seed: int
    hidden: int = 24


def fit_networks(
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    names: tuple[str, ...],
    columns: NDArray[Any],
    training: Training,
) -> ActModel:
    """Networks, class centres and spread of features (n, f), labels and weights (n,); `names` in the order of labels.

    Not calibrated yet: temperature 1, no pooling, and no scale of strangeness.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.clip((x - mean) / scale, -4.0, 4.0)
    hidden, output = [], []
    for i in range(training.networks):
        net = MLPClassifier(
            (training.hidden,),
            alpha=training.decay,
            max_iter=training.epochs,
            batch_size=128,
            learning_rate_init=2e-3,
            random_state=training.seed + i,
            tol=0.0,
            n_iter_no_change=training.epochs + 1,
        )
        with warnings.catch_warnings():
            # The number of epochs is the stopping rule here.
            warnings.simplefilter("ignore", ConvergenceWarning)
            net.fit(z, y, sample_weight=weight)
        hidden.append(np.vstack([net.coefs_[0], net.intercepts_[0]]))
        output.append(_all_outputs(net))
    labels = np.unique(y)
    centres = np.stack([z[y == label].mean(axis=0) for label in labels])
    within = np.mean([np.cov(z[y == label].T, bias=True) for label in labels], axis=0)
    within = 0.5 * within + 0.5 * np.trace(within) / len(within) * np.eye(len(within))
    return ActModel(
        classes=names,
        columns=columns,
        mean=mean,
        scale=scale,
        hidden=np.stack(hidden),
        output=np.stack(output),
        temperature=1.0,
        pooling=0.0,
        centres=centres,
        whitener=np.asarray(np.linalg.cholesky(np.linalg.inv(within)), dtype=np.float64),
        known=np.array([0.0, 1.0, 0.0, 1.0]),
        unknown=(0.0, 1.0),
    )


def _all_outputs(net: MLPClassifier) -> NDArray[np.float64]:
    """One output a class: of two classes scikit-learn keeps one logit, that of the second."""
    output = np.vstack([net.coefs_[1], net.intercepts_[1]])
    return np.hstack([np.zeros_like(output), output]) if output.shape[1] == 1 else output
