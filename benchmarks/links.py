"""Real radio links around a room: movement told from quiet, row by row, and every episode found.

Causal and unsupervised: the detector sees past rows only and no label. Rows of the first WARM_UP_ROWS are not scored
row by row; episodes that end within them are not counted either. Yardstick: the deviation over the last rows, averaged
over links, which is the usual first answer.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.reporting import Figures, answer
from linewatch.detect.link import LinkStep
from linewatch.records import Block, Detections, Tick
from linewatch.records.block import NS_PER_S
from linewatch.signals.link_variance import link_scores, new_link_state
from linewatch.site.sensor import Sensor

WARM_UP_ROWS = 200
TAIL_ROWS = 15
PLAIN_ROWS = 10
KEYS = ("auc", "events", "events_found", "false_runs")


def runs_of(samples: NDArray[Any]) -> list[tuple[int, int]]:
    """First and last row of each run of detections of the step, at one row a second."""
    sensor = Sensor(id="links", kind="radio_link", line="main", at_m=0.0, range_m=5.0)
    step = LinkStep(sensor)
    every = step.settings.every_rows
    block = Block("main", "links", 0, 0, 1.0, np.ascontiguousarray(samples, dtype=np.float32))
    _, out = step.step(step.initial(), [block], Tick(index=0, time_ns=0, watermark_ns=0, period_ns=NS_PER_S))
    rows = [int(t) // NS_PER_S for batch in out if isinstance(batch, Detections) for t in batch.time_ns]
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and row - runs[-1][1] <= every:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def recordings(folder: Path) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Readings (rows, links) and motion (rows,) of every file that has both."""
    found = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as arrays:
            if {"dataLinear", "motionCode"} <= set(arrays.files):
                motion = arrays["motionCode"].ravel() > 0
                samples = arrays["dataLinear"]
                found.append((samples if len(samples) == len(motion) else samples.T, motion))
    return found


def episodes(motion: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row and the row after the last of every episode."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], motion, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in steps.reshape(-1, 2)]


def _plain(samples: NDArray[Any]) -> NDArray[np.float64]:
    x = samples.astype(np.float64)
    return np.array([x[max(t - PLAIN_ROWS + 1, 0) : t + 1].std(axis=0).mean() for t in range(len(x))])


def _auc(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    return round(float(roc_auc_score(truth, score)), 4) if truth.any() and not truth.all() else None


def measure(args: argparse.Namespace) -> Figures:
    """All figures."""
    everything = recordings(args.data)
    if not everything:
        return dict.fromkeys(KEYS)
    truth, score, plain, whole, events, found, false_runs, delays = [], [], [], [], 0, 0, 0, []
    for samples, motion in everything:
        s = link_scores(samples, new_link_state(samples.shape[1])).scores
        truth.append(motion[WARM_UP_ROWS:])
        score.append(s[WARM_UP_ROWS:])
        plain.append(_plain(samples)[WARM_UP_ROWS:])
        whole.append((motion, s))
        runs = runs_of(samples)
        here = episodes(motion)
        hits = [[first - a for first, last in runs if first < b + TAIL_ROWS and last >= a] for a, b in here]
        events += len(here)
        found += sum(bool(h) for h in hits)
        delays += [max(min(h), 0) for h in hits if h]
        false_runs += sum(not any(f < b + TAIL_ROWS and last >= a for a, b in here) for f, last in runs)
    y = np.concatenate(truth)
    return {
        "auc": _auc(y, np.concatenate(score)),
        "events": events,
        "events_found": found,
        "false_runs": false_runs,
        "auc_plain_deviation": _auc(y, np.concatenate(plain)),
        "auc_with_warm_up": _auc(np.concatenate([m for m, _ in whole]), np.concatenate([s for _, s in whole])),
        "rows": int(sum(len(m) for m, _ in whole)),
        "median_delay_rows": float(np.median(delays)) if delays else None,
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, data="rf_rss_intruder_michigan")


if __name__ == "__main__":
    main()
