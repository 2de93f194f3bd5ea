"""Movers along a line and what one or several sensors make of them: the made-up scenes of the tracking benchmark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Detections
from linewatch.records.detection import quantise_batch
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Performance, Sensor

S = 1_000_000_000
START_NS = 1_700_000_000 * S
PD = 0.9
SIGMA_M = 5.0
ACCELERATION = 0.05
CLUTTER_PER_MOVER = 0.3
STRIP_M = 500.0
ROOM_M = 1000.0
"""Line beyond both ends of where movers start, so that nobody walks off the line."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """One scan a second: where all movers are, and the points that one wide sensor gives."""

    length_m: float
    truth: list[Points]
    """(n, 2) chainage and offset at every scan."""
    scans: list[Points]
    """(m, 2) measured chainage and offset, clutter among them, shuffled."""
    clutter: float
    """Expected clutter points a scan."""


def _moves(rng: np.random.Generator, x: Points, scans: int) -> list[Points]:
    """Paths of constant velocity with white-noise acceleration along both axes; `x` is (n, 4): x, vx, y, vy."""
    step = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]])
    root = np.linalg.cholesky(np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]]) * ACCELERATION)
    out = []
    for k in range(scans):
        if k:
            noise = rng.standard_normal((len(x), 2, 2)) @ root.T
            x = x @ step.T
            x[:, 0:2] += noise[:, 0]
            x[:, 2:4] += noise[:, 1]
        out.append(x[:, [0, 2]].copy())
    return out


def _sensed(rng: np.random.Generator, truth: list[Points], low: float, high: float, clutter: float) -> list[Points]:
    scans = []
    for points in truth:
        found = points[rng.random(len(points)) < PD]
        found = found + rng.standard_normal(found.shape) * SIGMA_M
        n = rng.poisson(clutter)
        false = np.c_[rng.uniform(low, high, n), rng.uniform(-STRIP_M / 2, STRIP_M / 2, n)]
        every = np.r_[found, false]
        rng.shuffle(every)
        scans.append(every)
    return scans


def sparse(n: int, scans: int, seed: int) -> Scene:
    """`n` walkers, runners and vehicles on 400 m each."""
    rng = np.random.default_rng(seed)
    length_m = n * 400.0
    speed, course = rng.choice([1.5, 4.0, 12.0], n), rng.uniform(0, 2 * np.pi, n)
    x = np.c_[
        rng.uniform(0, length_m, n) + ROOM_M,
        speed * np.cos(course),
        rng.uniform(-100, 100, n),
        speed * np.sin(course) * 0.3,
    ]
    clutter = CLUTTER_PER_MOVER * n
    truth = _moves(rng, x, scans)
    return Scene(length_m, truth, _sensed(rng, truth, ROOM_M, length_m + ROOM_M, clutter), clutter)


def dense(n: int, scans: int, seed: int) -> Scene:
    """`n` movers close together: half walk side by side 2 to 20 m apart, half cross their way."""
    rng = np.random.default_rng(seed)
    length_m = 1000.0
    abreast = n // 2
    gaps = np.cumsum(rng.uniform(2.0, 20.0, abreast))
    beside = np.c_[np.full(abreast, ROOM_M + 300.0), np.full(abreast, 1.5), gaps - gaps.mean(), np.zeros(abreast)]
    meet_s = rng.uniform(15.0, scans - 15.0, n - abreast)
    speed, course = rng.uniform(1.0, 4.0, n - abreast), rng.uniform(0, 2 * np.pi, n - abreast)
    vx, vy = speed * np.cos(course), speed * np.sin(course)
    place = ROOM_M + 300.0 + 1.5 * meet_s
    across = np.c_[place - vx * meet_s, vx, rng.uniform(-15, 15, n - abreast) - vy * meet_s, vy]
    truth = _moves(rng, np.r_[beside, across], scans)
    # The same density of clutter as in the sparse scenes.
    clutter = CLUTTER_PER_MOVER * length_m / 400.0
    return Scene(length_m, truth, _sensed(rng, truth, ROOM_M, length_m + ROOM_M, clutter), clutter)


def site_of(length_m: float, clutter: float, period_s: float = 1.0) -> Site:
    """A bench line under one radar that sees all of it, with the false detections of the scene."""
    whole_m = length_m + 2.0 * ROOM_M
    sensor = Sensor(
        "radar",
        "radar",
        "main",
        at_m=whole_m / 2,
        range_m=whole_m / 2,
        performance=Performance(pd_walk_fraction=PD, far_per_day=clutter / period_s * 86_400.0),
    )
    line = Line("main", whole_m, sections=(Section("S01", "main", 0.0, whole_m),))
    return Site("bench", "UTC", (line,), (sensor,))


def batch(
    points: Points, time_ns: int, probability: float, *, sensor: str = "radar", sigma_m: float = SIGMA_M
) -> Detections:
    """Points as detections of one sensor at one moment."""
    points = points[np.argsort(points[:, 0], kind="stable")]
    n = len(points)
    unknown = np.full(n, np.nan)
    return quantise_batch(
        Detections(
            line="main",
            sensors=(sensor,),
            sensor_index=np.zeros(n, dtype=np.int32),
            time_ns=np.full(n, time_ns, dtype=np.int64),
            duration_s=np.zeros(n),
            chainage_m=points[:, 0].copy(),
            chainage_sigma_m=np.full(n, sigma_m),
            from_m=points[:, 0].copy(),
            to_m=points[:, 0].copy(),
            strength_db=np.full(n, 12.0),
            probability=np.full(n, probability),
            mover_probabilities=np.full((n, len(MOVERS)), np.nan),
            act_probabilities=np.full((n, len(ACTS)), np.nan),
            offset_m=points[:, 1].copy(),
            offset_sigma_m=np.full(n, sigma_m),
            velocity_mps=unknown,
            velocity_sigma_mps=unknown,
            count_low=np.full(n, -1, dtype=np.int32),
            count_high=np.full(n, -1, dtype=np.int32),
        )
    )
