"""Associate: which detection is whose, as probabilities over the gated pairs of one scan.

A pair's weight is the likelihood ratio of "this detection is of this track" against "it is noise or somebody new",
times the odds of the track being there and detected (Musicki and Evans, Joint integrated probabilistic data
association, 2004). Joint probabilities come from loopy belief propagation on the graph of pairs (Williams and Lau,
Approximate evaluation of marginal association probabilities with belief propagation, 2014): exact where the graph
is a tree, bounded in work where enumeration would explode.
"""

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.track.settings import TrackSettings

MOST_PAIRS: Final = 24  # nearest detections considered for one track
MOST_CELLS: Final = 10_000  # of a cost matrix that is still faster than its sparse form
IMPOSSIBLE: Final = 1e6  # cost of a pair outside the gate
MOST_ROUNDS: Final = 60
SETTLED: Final = 1e-4
MOST_RATIO: Final = 1e3  # a single detection never counts for more than this against noise
USUAL_ODDS: Final = 6.0  # a sensor that calls a detection real at these odds says no more than its false rate does


@njit(cache=True, nogil=True)
def _weigh(track: Any, z: Any, gate2: float, birth_per_m: float, per_offset_m: float, per_speed: float) -> float:
    """Weight of one pair; -1 outside the gate, and for crowds, which have taken what is theirs before."""
    if track.crowd:
        return -1.0
    lag_s = (z.time_ns - track.time_ns) * 1e-9
    s = track.p_xx + z.variance_m2
    dx = z.chainage_m - track.chainage_m - track.velocity_mps * lag_s
    d2 = dx * dx / s
    if d2 > gate2:
        return -1.0
    scale = math.log(2.0 * math.pi * s)
    noise_per_m = z.clutter_per_m + birth_per_m
    if not math.isnan(z.offset_m) and not math.isnan(track.offset_m):
        sy = track.p_yy + z.offset_variance_m2
        dy = z.offset_m - track.offset_m - track.offset_velocity_mps * lag_s
        d2 += dy * dy / sy
        scale += math.log(2.0 * math.pi * sy)
        noise_per_m *= per_offset_m
    if not math.isnan(z.velocity_mps):
        sv = track.p_vv + z.velocity_variance
        dv = z.velocity_mps - track.velocity_mps
        d2 += dv * dv / sv
        scale += math.log(2.0 * math.pi * sv)
        noise_per_m *= per_speed
    if d2 > gate2:
        return -1.0
    real = min(max(z.probability, 1e-3), 1.0 - 1e-3)
    ratio = min(real / (1.0 - real) / USUAL_ODDS, MOST_RATIO)
    there = track.existence * z.detect
    weight: float = there / (1.0 - there) * ratio * math.exp(-0.5 * (d2 + scale)) / noise_per_m
    if z.vendor != 0 and track.vendor != 0:
        # The sensor's own tracker says who it is: strong evidence, but not proof.
        weight *= 20.0 if z.vendor == track.vendor else 0.05
    return weight


@njit(cache=True, nogil=True)
def gate(
    tracks: NDArray[Any],
    scan: NDArray[Any],
    gate_sigma: float,
    birth_per_m: float,
    per_offset_m: float,
    per_speed: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs inside the gate: where each track's begin (n + 1,), the detection (p,) and the weight (p,) of each.

    `scan` is sorted by chainage. From a track's place the search goes outward, nearest detection first.
    """
    n, m = len(tracks), len(scan)
    widest = 0.0
    for j in range(m):
        widest = max(widest, scan[j].variance_m2)
    begin = np.zeros(n + 1, dtype=np.int64)
    size = max(64, 4 * n)
    detection = np.empty(size, dtype=np.int64)
    weight = np.empty(size, dtype=np.float64)
    count = 0
    gate2 = gate_sigma * gate_sigma
    for i in range(n):
        track = tracks[i]
        x = track.chainage_m
        reach = gate_sigma * math.sqrt(track.p_xx + widest) + abs(track.velocity_mps) * 0.1
        low, high = 0, m
        while low < high:
            middle = (low + high) // 2
            if scan[middle].chainage_m < x:
                low = middle + 1
            else:
                high = middle
        left, right, tried = low - 1, low, 0
        if count + MOST_PAIRS > size:
            size *= 2
            bigger = np.empty(size, dtype=np.int64)
            bigger[:count] = detection[:count]
            heavier = np.empty(size, dtype=np.float64)
            heavier[:count] = weight[:count]
            detection, weight = bigger, heavier
        while tried < MOST_PAIRS:
            to_left = x - scan[left].chainage_m if left >= 0 else np.inf
            to_right = scan[right].chainage_m - x if right < m else np.inf
            if min(to_left, to_right) > reach:
                break
            if to_left < to_right:
                j = left
                left -= 1
            else:
                j = right
                right += 1
            tried += 1
            w = _weigh(track, scan[j], gate2, birth_per_m, per_offset_m, per_speed)
            if w > 0.0:
                detection[count] = j
                weight[count] = w
                count += 1
        begin[i + 1] = count
    return begin, detection[:count], weight[:count]


@njit(cache=True, nogil=True)
def share(
    begin: NDArray[np.int64], detection: NDArray[np.int64], weight: NDArray[np.float64], m: int
) -> NDArray[np.float64]:
    """Joint association probability of every pair, by belief propagation; per track they add up to at most 1."""
    n, p = len(begin) - 1, len(detection)
    back = np.ones(p)  # from detection to track
    forth = np.empty(p)
    claim = np.empty(m)
    for _ in range(MOST_ROUNDS):
        claim[:] = 0.0
        for i in range(n):
            total = 1.0
            for k in range(begin[i], begin[i + 1]):
                total += weight[k] * back[k]
            for k in range(begin[i], begin[i + 1]):
                forth[k] = weight[k] / max(total - weight[k] * back[k], 1.0)
                claim[detection[k]] += forth[k]
        change = 0.0
        for k in range(p):
            new = 1.0 / (1.0 + max(claim[detection[k]] - forth[k], 0.0))
            change = max(change, abs(new - back[k]))
            back[k] = new
        if change < SETTLED:
            break
    out = np.empty(p)
    for i in range(n):
        total = 1.0
        for k in range(begin[i], begin[i + 1]):
            total += weight[k] * back[k]
        for k in range(begin[i], begin[i + 1]):
            out[k] = weight[k] * back[k] / total
    return out


@njit(cache=True, nogil=True)
def contested(begin: NDArray[np.int64], detection: NDArray[np.int64], m: int) -> NDArray[np.bool_]:
    """(p,) the pairs of tracks that have a detection in their gate that lies in another track's gate too."""
    claims = np.zeros(m, dtype=np.int64)
    for k in range(len(detection)):
        claims[detection[k]] += 1
    out = np.zeros(len(detection), dtype=np.bool_)
    for i in range(len(begin) - 1):
        rival = False
        for k in range(begin[i], begin[i + 1]):
            rival = rival or claims[detection[k]] > 1
        out[begin[i] : begin[i + 1]] = rival
    return out


def assign(
    begin: NDArray[np.int64], detection: NDArray[np.int64], weight: NDArray[np.float64], rivals: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Global nearest neighbour among the pairs `rivals`: the pairing of the largest product of weights.

    1 for its pairs. One assignment over all components at once: they share no edge, so each is solved apart.
    Small ones are laid out as a matrix, large ones stay sparse.
    """
    out = np.zeros(len(weight))
    pairs = np.flatnonzero(rivals)
    if not len(pairs):
        return out
    # Here, because they take as long to load as half of the rest, and a watch should begin at once.
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415
    from scipy.sparse import csr_array  # noqa: PLC0415
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching  # noqa: PLC0415

    tracks, row = np.unique(np.repeat(np.arange(len(begin) - 1), np.diff(begin))[pairs], return_inverse=True)
    found, column = np.unique(detection[pairs], return_inverse=True)
    n, m = len(tracks), len(found)
    # Every track may stay without a detection at weight 1; costs are shifted above zero, where sparse means absent.
    cost = -np.log(np.maximum(weight[pairs], 1e-30))
    shift = 1.0 - min(0.0, float(cost.min()))
    if n * (m + n) <= MOST_CELLS:
        matrix = np.full((n, m + n), IMPOSSIBLE)
        matrix[row, column] = cost + shift
        matrix[np.arange(n), m + np.arange(n)] = shift
        chosen = linear_sum_assignment(matrix)[1]
    else:
        rows, columns = np.r_[row, np.arange(n)], np.r_[column, m + np.arange(n)]
        graph = csr_array((np.r_[cost + shift, np.full(n, shift)], (rows, columns)), shape=(n, m + n))
        chosen = min_weight_full_bipartite_matching(graph)[1]
    out[pairs[chosen[row] == column]] = 1.0
    return out


def associate(
    begin: NDArray[np.int64],
    detection: NDArray[np.int64],
    weight: NDArray[np.float64],
    m: int,
    settings: TrackSettings,
) -> NDArray[np.float64]:
    """Probability of every gated pair under the association that the settings ask for."""
    if settings.association == "jpda":
        return np.asarray(share(begin, detection, weight, m))
    if settings.association == "gnn":
        return assign(begin, detection, weight, np.ones(len(weight), dtype=bool))
    joint = np.asarray(share(begin, detection, weight, m))
    rivals = contested(begin, detection, m)
    if not rivals.any():
        return joint
    # Mixing over all pairings draws close movers together until one track runs along the middle (coalescence).
    # So among rivals the best pairing says who, and the joint probability how far to trust it.
    pairing = assign(begin, detection, weight, rivals)
    return np.where(rivals, pairing * 0.5 * (1.0 + joint), joint)
