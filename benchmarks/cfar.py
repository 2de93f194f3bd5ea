"""CFAR and clusters of one second of a line, 20,000 channels in 20 frames, beside numpy and scipy on the same."""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, label, percentile_filter

from benchmarks.reporting import Figures, answer
from linewatch.signals.cfar import ordered_statistic
from linewatch.signals.line_cfar import LineCfarSettings, find_clusters

CHANNELS, FRAMES = 20_000, 20
SETTINGS = LineCfarSettings(guard=3, train=16, factor=2.2)


def frames() -> NDArray[np.float32]:
    """Energy of noise with 40 degrees of freedom; 200 places are disturbed for half of the second."""
    power = np.random.default_rng(0).chisquare(40, (FRAMES, CHANNELS)).astype(np.float32)
    for k in range(200):
        power[5:15, 100 * k : 100 * k + 4] *= 4
    return power


def by_numpy(power: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells over the mean of their neighbours, by cumulative sums."""
    guard, train = SETTINGS.guard, SETTINGS.train
    reach, n = guard + train, power.shape[1]
    sums = np.cumsum(np.pad(power, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.float64)
    outer = sums[:, 2 * reach + 1 :] - sums[:, :n]
    inner = sums[:, reach + guard + 1 : reach + guard + 1 + n] - sums[:, train : train + n]
    over: NDArray[np.bool_] = power * (2 * train) > SETTINGS.factor * (outer - inner)
    return over


def labelled(power: NDArray[np.float32]) -> object:
    """The same with scipy's labels and centres, frame by frame as we do."""
    along = np.zeros((3, 3))
    along[1] = 1
    regions, n = label(by_numpy(power), structure=along)
    return center_of_mass(power, regions, range(1, n + 1))


def milliseconds(run: Callable[[], object], rounds: int) -> float:
    """Median processor time; the first call is not counted."""
    run()
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return 1e3 * statistics.median(times)


def measure(args: argparse.Namespace) -> Figures:
    """Clean frames, and frames of which a tenth is masked."""
    power = frames()
    masked = np.random.default_rng(1).random(power.shape) > 0.1
    level_db, valid = 10.0 * np.log10(power.astype(np.float64)), np.ones(power.shape, np.bool_)
    rounds = 5 if args.quick else 40
    ours = milliseconds(lambda: find_clusters(power, None, SETTINGS), rounds)
    few = max(rounds // 8, 2)
    found = find_clusters(power, None, SETTINGS)
    places = {(int(f), int(p) // 100) for f, p in zip(found.frame, found.peak, strict=True) if p % 100 < 4}
    reference: Any = lambda: percentile_filter(power, 50, size=(1, 33))  # noqa: E731 - timed, not kept
    return {
        "ms_per_line_second": ours,
        "ms_masked": milliseconds(lambda: find_clusters(power, masked, SETTINGS), rounds),
        "ratio_numpy_scipy": milliseconds(lambda: labelled(power), few) / ours,
        "ms_ordered_statistic": milliseconds(lambda: ordered_statistic(level_db, valid, 3, 16, 0.5), few),
        "ms_ordered_statistic_scipy": milliseconds(reference, 1),
        "clusters": len(found.frame),
        "disturbed": 2000,
        "disturbed_found": len({(f, k) for f, k in places if 5 <= f < 15}),
    }


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
