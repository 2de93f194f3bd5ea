"""From detections to tracks: the shipped step at its default settings beside Stone Soup, on the same scans.

Sparse: 10, 100 and 500 movers on 400 m each, Pd 0.9, clutter 0.3 a mover and scan; Stone Soup's global nearest
neighbour with a tree. Dense: 6, 12 and 20 movers that walk side by side 2 to 20 m apart or cross their way; Stone
Soup's joint association with efficient hypothesis management, each scene capped in time (`jpda_scans` says how far it
came; both are scored on those scans), and its nearest neighbour for the switches of identity. Load: 5,000 movers and
20,000 detections a second in steps of 100 ms. Honesty: normalised errors for six mixes of sensors. Size: groups of
2 to 600 people. Times are processor seconds of the one thread that works; ours are the median of several runs.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

from benchmarks.reporting import Figures, answer
from benchmarks.tracking_groups import sizes
from benchmarks.tracking_honesty import honesty
from benchmarks.tracking_peers import Found, stone_soup
from benchmarks.tracking_scenes import START_NS, S, Scene, batch, dense, site_of, sparse
from benchmarks.tracking_scores import cardinality_error, mean_gospa, switches
from linewatch.records import Tick
from linewatch.track import TrackStep, estimates

# Share of true detections among all: what an honest sensor in these scenes says of each.
PROBABILITY = 0.75
SCANS = 60
SPARSE_SEED, DENSE_SEEDS, HONESTY_SEED, GROUP_SEED = 1, (301, 302, 303), 41, 51
RUNS = 5


def ours(scene: Scene) -> Found:
    """The shipped step over a scene, one scan a tick; detections are made before the clock starts."""
    step = TrackStep(site_of(scene.length_m, scene.clutter), "main", "S01")
    state = step.initial()
    # Each scan is taken a microsecond before its tick, so that tracks hold for the moment of the truth.
    batches = [batch(points, START_NS + (k + 1) * S - 1000, PROBABILITY) for k, points in enumerate(scene.scans)]
    found = Found()
    for k, detections in enumerate(batches):
        now_ns = START_NS + (k + 1) * S
        begun = time.thread_time()
        state, _ = step.step(state, (detections,), Tick(now_ns // S, now_ns, now_ns, S))
        found.seconds += time.thread_time() - begun
        tracks = estimates(state)
        found.points.append(np.stack([tracks["chainage_m"], tracks["offset_m"]], axis=1))
        found.names.append(tracks["id"].tolist())
    return found


def timed(scene: Scene) -> tuple[Found, float]:
    """What the step found, and its median processor seconds; the first run compiles and does not count."""
    found = ours(scene)
    return found, statistics.median(ours(scene).seconds for _ in range(RUNS))


def measure_sparse(n: int, limit_s: float, scans: int) -> Figures:
    """Speed and accuracy beside Stone Soup's nearest neighbour."""
    scene = sparse(n, scans, SPARSE_SEED)
    found, seconds = timed(scene)
    peer = stone_soup(scene, "gnn-kdtree", limit_s)
    lived = len(peer.points)
    rate, peer_rate = scans / seconds, lived / peer.seconds
    value, yardstick = mean_gospa(found.points[:lived], scene.truth), mean_gospa(peer.points, scene.truth)
    detections = sum(map(len, scene.scans)) / seconds
    # Fewer scans than this show only how tracks begin.
    scored = lived >= 20
    return {
        f"ratio_gnn_{n}": round(rate / peer_rate, 1),
        f"gospa_ratio_{n}": round(value / yardstick, 4) if scored else None,
        f"gospa_{n}": round(value, 3),
        f"cardinality_error_{n}": round(cardinality_error(found.points, scene.truth), 4),
        f"cardinality_error_gnn_{n}": round(cardinality_error(peer.points, scene.truth), 4),
        f"scans_per_s_{n}": round(rate, 1),
        f"scans_per_s_gnn_{n}": round(peer_rate, 2),
        f"detections_per_s_{n}": round(detections),
        f"gnn_scans_{n}": lived,
    }


def measure_dense(sizes_of_scene: tuple[int, ...], seeds: tuple[int, ...], limit_s: float) -> Figures:
    """Accuracy and switches of identity where movers are closer together than the sensor resolves."""
    scores, speeds, own, nearest, joint, scans = [], [], 0, 0, 0, []
    for n in sizes_of_scene:
        for seed in seeds:
            scene = dense(n, SCANS, seed)
            found, seconds = timed(scene)
            jpda = stone_soup(scene, "jpda", limit_s)
            gnn = stone_soup(scene, "gnn-kdtree", limit_s)
            lived = len(jpda.points)
            scans.append(lived)
            scores.append(
                (mean_gospa(found.points[:lived], scene.truth), mean_gospa(jpda.points, scene.truth), np.sqrt(n))
            )
            speeds.append((seconds / SCANS, jpda.seconds / lived))
            both = min(SCANS, len(gnn.points))
            own += switches(found.points[:both], found.names, scene.truth)
            nearest += switches(gnn.points, gnn.names, scene.truth)
            joint += switches(jpda.points, jpda.names, scene.truth)
    per_scan = np.sum(speeds, axis=0)
    worst = max(mine / theirs for mine, theirs, _ in scores)
    return {
        "ratio_jpda_dense": round(float(per_scan[1] / per_scan[0]), 1),
        "ratio_jpda_dense_least": round(min(theirs / mine for mine, theirs in speeds), 1),
        "gospa_ratio_dense": round(sum(m for m, _, _ in scores) / sum(t for _, t, _ in scores), 4),
        "gospa_ratio_dense_worst": round(worst, 4),
        "id_switches_dense": own,
        "id_switches_gnn_dense": nearest,
        "id_switches_jpda_dense": joint,
        "id_switch_ratio_dense": round(own / nearest, 3) if nearest else None,
        "jpda_scans": sum(scans),
        "jpda_scans_asked": SCANS * len(scans),
    }


def measure_load(seconds: int) -> Figures:
    """5,000 movers, each detected four times a second on average: the time of one step of 100 ms."""
    n, steps = 5_000, seconds * 10
    scene = sparse(n, 1, SPARSE_SEED)
    rng = np.random.default_rng(SPARSE_SEED)
    period_ns = S // 10
    step = TrackStep(site_of(scene.length_m, 500.0, period_s=1.0), "main", "S01")
    state = step.initial()
    place = scene.truth[0].copy()
    drift = rng.uniform(-3.0, 3.0, n)
    taken, counted, live = [], 0, []
    for k in range(steps):
        place[:, 0] += 0.1 * drift
        seen = place[rng.random(n) < 0.38] + 0.0
        seen += rng.standard_normal(seen.shape) * 5.0
        false = np.c_[rng.uniform(1000.0, 1000.0 + scene.length_m, 100), rng.uniform(-250, 250, 100)]
        now_ns = START_NS + (k + 1) * period_ns
        detections = batch(np.r_[seen, false], now_ns - 1000, PROBABILITY)
        begun = time.thread_time()
        state, _ = step.step(state, (detections,), Tick(now_ns // period_ns, now_ns, now_ns, period_ns))
        taken.append(time.thread_time() - begun)
        counted += len(detections)
        live.append(len(estimates(state)))
    settled = np.array(taken[20:])
    return {
        "step_p99_ms_20k": round(float(np.percentile(settled, 99) * 1e3), 2),
        "step_mean_ms_20k": round(float(settled.mean() * 1e3), 2),
        "detections_per_s_asked": round(counted / (steps / 10)),
        "tracks_live_20k": int(np.median(live[20:])),
        "core_share_20k": round(float(settled.sum() / (len(settled) * 0.1)), 3),
    }


def measure(args: argparse.Namespace) -> Figures:
    """All parts; `--quick` shortens Stone Soup's runs, which take most of the time, and the number of scenes."""
    quick = bool(args.quick)
    figures: dict[str, Any] = {}
    figures |= measure_sparse(10, 5.0, SCANS)
    figures |= measure_sparse(100, 8.0 if quick else 60.0, SCANS)
    figures |= measure_sparse(500, 12.0 if quick else 150.0, SCANS)
    figures |= measure_dense((12,), DENSE_SEEDS[:1], 6.0) if quick else measure_dense((6, 12, 20), DENSE_SEEDS, 40.0)
    figures |= measure_load(6 if quick else 20)
    honest = honesty(20, 36, HONESTY_SEED) if quick else honesty(60, 66, HONESTY_SEED)
    figures["nees_in_band"] = all(mix["inside"] for mix in honest.values())
    figures["nees"] = honest
    figures |= sizes(GROUP_SEED, 100 if quick else 400)
    return figures


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
