"""Real fence recordings: which act it is, how sure one may be, and wind kept apart from people.

On recordings that the shipped model was not trained on, the shipped model is scored. Where there are none such, every
recording is left out in turn and all that is fitted or chosen (networks, weight decay, temperature) is fitted and
chosen anew on the others. Yardstick: a random forest on the same windows and features, as one would first try.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from benchmarks.fence_training import (
    CLASSES,
    COLUMNS,
    QUICK,
    STRANGENESS_ROWS,
    WIND,
    Effort,
    Recording,
    decisions,
    fit,
    recordings,
)
from benchmarks.reporting import Figures, answer
from linewatch.detect.models import shipped_act_model, shipped_arrays
from linewatch.signals.act_model import ActModel, log_probabilities, strangeness, together
from linewatch.signals.fence_features import ROWS

SEED = 7
MODEL = "fence_acts"
KEYS = (
    "macro_f1_128", "macro_f1_512", "macro_f1_shape_256", "recordings", "recordings_right", "wind_as_intrusion",
    "intrusion_as_wind", "wind_as_intrusion_shape", "ece",
)  # fmt: skip


class Scored(NamedTuple):
    """One recording and what a model that never saw it says of each window."""

    recording: Recording
    log_p: NDArray[np.float64]
    pooling: float = 0.0


class Answers(NamedTuple):
    """Decisions over some rows, end to end."""

    truth: NDArray[np.int64]
    p: NDArray[np.float64]
    of: NDArray[np.int64]
    """Which recording each belongs to."""

    @property
    def said(self) -> NDArray[np.int64]:
        """The likeliest class of each."""
        return np.asarray(self.p.argmax(axis=1))


def answers(scored: Sequence[Scored], rows: int) -> Answers:
    """All decisions of this length."""
    truth, p, of = [], [], []
    for i, (recording, log_p, pooling) in enumerate(scored):
        for _, inside in decisions(recording.windows, log_p, rows):
            truth.append(recording.label)
            p.append(together(inside, pooling))
            of.append(i)
    return Answers(np.array(truth), np.array(p), np.array(of))


def macro_f1(a: Answers) -> float | None:
    """Mean F1 over the classes that occur; a class that does not occur can only cost precision."""
    if not len(a.truth):
        return None
    score = f1_score(a.truth, a.said, labels=np.unique(a.truth), average="macro", zero_division=0.0)
    return round(float(score), 4)


def confused(a: Answers) -> tuple[float | None, float | None]:
    """Shares of wind taken for an act, and of acts taken for wind."""
    wind = a.truth == WIND
    one = float(np.mean(a.said[wind] != WIND)) if wind.any() else None
    other = float(np.mean(a.said[~wind] == WIND)) if (~wind).any() else None
    return (None if one is None else round(one, 4)), (None if other is None else round(other, 4))


def calibration_error(a: Answers, bins: int = 10) -> tuple[float | None, list[list[float]]]:
    """Expected calibration error over equal steps of the top probability, and the reliability curve behind it."""
    if not len(a.truth):
        return None, []
    top, right = a.p.max(axis=1), a.said == a.truth
    which = np.minimum((top * bins).astype(int), bins - 1)
    curve = [
        [round(float(top[which == b].mean()), 3), round(float(right[which == b].mean()), 3), int((which == b).sum())]
        for b in range(bins)
        if (which == b).any()
    ]
    return round(sum(abs(sure - true) * n for sure, true, n in curve) / len(top), 4), curve


def band(a: Answers, times: int = 1000) -> list[float]:
    """5 to 95 % band of the macro F1 when recordings are drawn anew, class by class."""
    rng = np.random.default_rng(SEED)
    rows_of = [np.flatnonzero(a.of == i) for i in range(int(a.of.max()) + 1)]
    label = [int(a.truth[rows[0]]) if len(rows) else -1 for rows in rows_of]
    scores = []
    for _ in range(times):
        drawn = [rng.choice([i for i, y in enumerate(label) if y == c], label.count(c)) for c in set(label) - {-1}]
        rows = np.concatenate([rows_of[i] for i in np.concatenate(drawn)])
        scores.append(f1_score(a.truth[rows], a.said[rows], average="macro", zero_division=0.0))
    return [round(float(v), 3) for v in np.quantile(scores, [0.05, 0.95])]


def left_out(all_of: Sequence[Recording], variant: str, effort: Effort) -> list[Scored]:
    """Each recording as a model sees it that was fitted, and chosen, on the others."""
    scored = []
    for held in all_of:
        model, _ = fit([r for r in all_of if r is not held], COLUMNS[variant], effort, SEED)
        scored.append(Scored(held, _all_classes(model, held.windows), model.pooling))
    return scored


def _all_classes(model: ActModel, windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities in the order of `CLASSES`; a class the model never met has next to none."""
    log_p = np.full((len(windows), len(CLASSES)), np.log(1e-9))
    log_p[:, [CLASSES.index(name) for name in model.classes]] = log_probabilities(model, windows)
    return log_p


def shipped(all_of: Sequence[Recording], variant: str) -> list[Scored]:
    """Each recording as the shipped model sees it."""
    model = shipped_act_model(MODEL, variant)
    return [Scored(r, _all_classes(model, r.windows), model.pooling) for r in all_of]


def forest(all_of: Sequence[Recording]) -> list[Scored]:
    """Each recording as a plain random forest sees it that was fitted on the others."""
    scored = []
    for held in all_of:
        train = [r for r in all_of if r is not held]
        x = np.concatenate([r.windows[:: ROWS // 32] for r in train])
        y = np.concatenate([np.full(len(r.windows[:: ROWS // 32]), r.label) for r in train])
        trees = RandomForestClassifier(300, random_state=SEED, class_weight="balanced").fit(x, y)
        p = np.full((len(held.windows), len(CLASSES)), 1e-3)
        p[:, trees.classes_] += trees.predict_proba(held.windows)
        scored.append(Scored(held, np.log(p)))
    return scored


def unknown_auc(all_of: Sequence[Recording], variant: str, effort: Effort) -> dict[str, float]:
    """For each class kept from training: AUC of telling its decisions from those of held-out known recordings."""
    out = {}
    for label, name in enumerate(CLASSES):
        known = [r for r in all_of if r.label != label]
        strange = [r for r in all_of if r.label == label]
        if not strange or len({r.label for r in known}) < 2:
            continue
        scores, truth = [], []
        for fold in range(3):
            held = known[fold::3]
            model, _ = fit([r for r in known if r not in held], COLUMNS[variant], effort, SEED)
            for r in held + (strange if fold == 0 else []):
                s = _strangeness(model, r)
                scores += s
                truth += [r.label == label] * len(s)
        out[name] = round(float(roc_auc_score(truth, scores)), 3)
    return out


def _strangeness(model: ActModel, recording: Recording) -> list[float]:
    log_p = log_probabilities(model, recording.windows)
    return [
        strangeness(model, w, together(p, model.pooling))
        for w, p in decisions(recording.windows, log_p, STRANGENESS_ROWS)
    ]


def measure(args: argparse.Namespace) -> Figures:
    """All figures."""
    effort = QUICK if args.quick else Effort()
    seen = {str(name) for name in shipped_arrays(MODEL)["trained_on"]}
    unseen = [r for r in recordings(args.data) if r.fingerprint not in seen]
    everything = unseen or recordings(args.data, effort.stretches)
    if not everything:
        return dict.fromkeys(KEYS)
    score: Callable[[str], list[Scored]] = (
        (lambda variant: shipped(everything, variant))
        if unseen
        else (lambda variant: left_out(everything, variant, effort))
    )
    level, shape = score("level"), score("shape")
    figures = _figures(level, shape) | {"model": "shipped" if unseen else "leave one recording out"}
    if not unseen and not args.quick:
        figures["macro_f1_128_forest"] = macro_f1(answers(forest(everything), ROWS))
        lighter = Effort(1, effort.epochs, (1.0,), effort.stretches)
        for variant in COLUMNS:
            aucs = unknown_auc(everything, variant, lighter)
            figures[f"unknown_auc_{variant}"] = round(float(np.mean(list(aucs.values()))), 3)
            figures[f"unknown_auc_{variant}_by_class"] = aucs
    return figures


def _figures(level: Sequence[Scored], shape: Sequence[Scored]) -> Figures:
    at_128, at_512, shape_256 = answers(level, ROWS), answers(level, 4 * ROWS), answers(shape, 2 * ROWS)
    wind_as_act, act_as_wind = confused(at_128)
    wind_as_act_shape, act_as_wind_shape = confused(shape_256)
    ece, curve = calibration_error(at_128)
    whole = {s.recording.name: int(s.log_p.mean(axis=0).argmax()) == s.recording.label for s in level}
    sure = at_512.p.max(axis=1) >= 0.8 if len(at_512.truth) else np.zeros(0, dtype=bool)
    return {
        "macro_f1_128": macro_f1(at_128),
        "macro_f1_512": macro_f1(at_512),
        "macro_f1_shape_256": macro_f1(shape_256),
        "recordings": len(level),
        "recordings_right": sum(whole.values()),
        "wind_as_intrusion": wind_as_act,
        "intrusion_as_wind": act_as_wind,
        "wind_as_intrusion_shape": wind_as_act_shape,
        "ece": ece,
        "intrusion_as_wind_shape": act_as_wind_shape,
        "macro_f1_256": macro_f1(answers(level, 2 * ROWS)),
        "macro_f1_shape_128": macro_f1(answers(shape, ROWS)),
        "macro_f1_shape_512": macro_f1(answers(shape, 4 * ROWS)),
        "macro_f1_128_band": band(at_128),
        "ece_512": calibration_error(at_512)[0],
        "ece_shape_256": calibration_error(shape_256)[0],
        "sure_share_512": round(float(sure.mean()), 3) if len(sure) else None,
        "sure_right_512": round(float((at_512.said == at_512.truth)[sure].mean()), 3) if sure.any() else None,
        "reliability_128": curve,
        "classes": list(CLASSES),
        "confusion_128": _confusion(at_128),
        "confusion_shape_256": _confusion(shape_256),
        "recordings_wrong": [name for name, right in whole.items() if not right],
    }


def _confusion(a: Answers) -> list[list[int]]:
    """Rows: truth; columns: what was said."""
    counts: Any = confusion_matrix(a.truth, a.said, labels=range(len(CLASSES)))
    return [[int(n) for n in row] for row in counts]


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="fence_fibre_vibration")


if __name__ == "__main__":
    main()
