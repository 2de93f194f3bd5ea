"""A small parametric classifier of windows: features in, calibrated probabilities and "unlike all I know" out.

The mean of a few networks with one hidden layer, a temperature fitted on recordings that the networks had not seen
(C. Guo et al., On Calibration of Modern Neural Networks, 2017), and for the unknown the distance to the nearest class
centre under the shared spread of all classes (P. C. Mahalanobis, 1936) beside the entropy of the answer. It holds
fitted numbers only, no samples.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FLOOR: Final = 1e-3
"""Probability below which no single window speaks against a class: one odd window must not outvote the others."""
_CLIP: Final = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class ActModel:
    """Fitted numbers; f features are used, h hidden units, n networks, k classes."""

    classes: tuple[str, ...]
    """The k classes: acts, and `wind`."""
    columns: NDArray[np.int64]
    """(f,) which of the features are used."""
    mean: NDArray[np.float64]
    """(f,) mean of each feature in training."""
    scale: NDArray[np.float64]
    """(f,) standard deviation of each."""
    hidden: NDArray[np.float64]
    """(n, f + 1, h) weights to the hidden units, offsets last."""
    output: NDArray[np.float64]
    """(n, h + 1, k) weights to the classes, offsets last."""
    temperature: float
    """What log-probabilities are divided by; above 1 where the networks are too sure."""
    pooling: float
    """How much surer several windows are than one: their mean log-probability counts n to this power times."""
    centres: NDArray[np.float64]
    """(k, f) mean of each class, standardised."""
    whitener: NDArray[np.float64]
    """(f, f) turns the spread within classes into a unit sphere."""
    known: NDArray[np.float64]
    """(4,) mean and deviation of entropy, and of log distance, over windows that were held out but of known classes."""
    unknown: tuple[float, float]
    """Strangeness at which `unknown` is as likely as not, and the width over which that turns."""


def standardised(model: ActModel, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, f) features that the model uses, in deviations from their mean, cut at 4."""
    z: NDArray[np.float64] = np.clip((features[:, model.columns] - model.mean) / model.scale, -_CLIP, _CLIP)
    return z


def log_probabilities(model: ActModel, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) calibrated log-probabilities of windows with these features (n, all)."""
    # One window and one network at a time, so that the answer to a window is the same bits whichever come with it.
    z = np.ascontiguousarray(standardised(model, features))[:, None, None, :]
    units = np.maximum(z @ model.hidden[:, :-1] + model.hidden[:, -1:], 0.0)
    logits = (units @ model.output[:, :-1] + model.output[:, -1:])[:, :, 0]
    share = np.zeros((len(features), len(model.classes)))
    for network in range(len(model.hidden)):
        share += np.exp(_log_softmax(logits[:, network]))
    return _log_softmax(np.log(share / len(model.hidden) + FLOOR) / model.temperature)


def together(log_p: NDArray[np.float64], pooling: float) -> NDArray[np.float64]:
    """(k,) probabilities of one decision over several windows (n, k).

    Windows overlap and one act goes on and on, so n windows are surer than one (pooling 0) but not n times (pooling 1).
    """
    pooled = log_p.mean(axis=0, keepdims=True) * len(log_p) ** pooling
    p: NDArray[np.float64] = np.exp(_log_softmax(pooled))[0]
    return p


def strangeness(model: ActModel, features: NDArray[np.float64], probabilities: NDArray[np.float64]) -> float:
    """How unlike the known classes the windows (n, all) of one decision are, in deviations; about 0 for known ones."""
    parts = strangeness_parts(model, features, probabilities)
    return float(((parts - model.known[0::2]) / model.known[1::2]).sum())


def strangeness_parts(
    model: ActModel, features: NDArray[np.float64], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(2,) entropy of the answer, and log distance of the windows' mean from the nearest class."""
    away = (standardised(model, features).mean(axis=0) - model.centres) @ model.whitener
    nearest = float((away**2).sum(axis=1).min())
    entropy = -float((probabilities * np.log(probabilities + 1e-12)).sum())
    return np.array([entropy, np.log(nearest + 1e-9)])


def unknown_probability(model: ActModel, strange: float) -> float:
    """Between 0 and 1: one half at the strangeness that one known decision in twenty exceeds."""
    middle, width = model.unknown
    return float(1.0 / (1.0 + np.exp(np.clip((middle - strange) / width, -50.0, 50.0))))


def _log_softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    top = x - x.max(axis=1, keepdims=True)
    shares: NDArray[np.float64] = top - np.log(np.exp(top).sum(axis=1, keepdims=True))
    return shares


def as_arrays(model: ActModel) -> dict[str, NDArray[Any]]:
    """The model as arrays of 32 bits, for one `.npz` file."""
    return {
        "classes": np.array(model.classes),
        "columns": model.columns.astype(np.int16),
        "temperature": np.array(model.temperature),
        "pooling": np.array(model.pooling),
        "unknown": np.array(model.unknown),
        **{
            name: getattr(model, name).astype(np.float32)
            for name in ("mean", "scale", "hidden", "output", "centres", "whitener", "known")
        },
    }


def from_arrays(arrays: dict[str, NDArray[Any]]) -> ActModel:
    """The model again. Raises `KeyError` where an array is missing."""
    floats = ("mean", "scale", "hidden", "output", "centres", "whitener", "known")
    middle, width = (float(v) for v in arrays["unknown"])
    return ActModel(
        classes=tuple(str(name) for name in arrays["classes"]),
        columns=arrays["columns"].astype(np.int64),
        temperature=float(arrays["temperature"]),
        pooling=float(arrays["pooling"]),
        unknown=(middle, width),
        **{name: arrays[name].astype(np.float64) for name in floats},
    )
