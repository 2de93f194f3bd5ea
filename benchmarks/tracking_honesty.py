"""Are the covariances honest? Normalised estimation error squared of the shipped step, for mixes of sensors."""

from collections.abc import Callable

import numpy as np

from benchmarks.tracking_scenes import ACCELERATION, START_NS, S
from benchmarks.tracking_scores import chi2_band
from linewatch.records import Detection, Tick, batch_of
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.track import TrackStep, estimates

SPACE_M = 3_000.0
STEP_S = 0.25
Error = dict[str, float]

# By mix: kind of sensor, seconds between its looks, its errors, and whether it sees across, speed.
MIXES: dict[str, tuple[tuple[str, float, Error], ...]] = {
    "fence cable": (("fibre_vibration", 0.5, {"x": 3.0}),),
    "buried fibre": (("fibre_das", 1.0, {"x": 5.0}),),
    "radar": (("radar", 1.0, {"x": 4.0, "y": 8.0, "v": 0.5}),),
    "camera and fibre": (("camera", 0.5, {"x": 2.0, "y": 3.0}), ("fibre_das", 1.0, {"x": 5.0})),
    "fibre and geophones": (("fibre_das", 1.0, {"x": 5.0}), ("geophone", 0.75, {"x": 8.0})),
    "fibre, link, radar": (
        ("fibre_das", 1.0, {"x": 5.0}),
        ("radio_link", 2.0, {"x": 15.0}),
        ("radar", 1.0, {"x": 4.0, "y": 8.0}),
    ),
}


def _site(mix: tuple[tuple[str, float, Error], ...], length_m: float) -> Site:
    sensors = tuple(
        Sensor(kind, kind, "main", from_m=0.0, to_m=length_m, channels=int(length_m))  # type: ignore[arg-type]
        for kind, _, _ in mix
    )
    return Site("bench", "UTC", (Line("main", length_m, sections=(Section("S01", "main", 0.0, length_m),)),), sensors)


def _measured(rng: np.random.Generator, kind: str, error: Error, state: np.ndarray, time_ns: int) -> Detection:
    def noisy(axis: str, value: float) -> float | None:
        return value + error[axis] * rng.standard_normal() if axis in error else None

    x = noisy("x", float(state[0]))
    assert x is not None
    return Detection(
        *("main", kind, time_ns, 0.0, x, error["x"], x, x, 12.0, 0.97),
        offset_m=noisy("y", float(state[2])),
        offset_sigma_m=error.get("y"),
        velocity_mps=noisy("v", float(state[1])),
        velocity_sigma_mps=error.get("v"),
    )


def nees_of(name: str, movers: int, seconds: int, seed: int, probability: Callable[[str], float]) -> tuple[float, int]:
    """Mean normalised error squared of place and speed along the line, over movers and moments, and their number."""
    mix = MIXES[name]
    rng = np.random.default_rng(seed)
    step = TrackStep(_site(mix, movers * SPACE_M), "main", "S01")
    slow = name == "fence cable"
    x = np.zeros((movers, 4))
    x[:, 0] = (np.arange(movers) + 0.5) * SPACE_M
    x[:, 1] = rng.normal(0.0, 0.5, movers) if slow else rng.uniform(-2.5, 2.5, movers)
    x[:, 2], x[:, 3] = rng.uniform(-20, 20, movers), rng.normal(0.0, 0.5, movers)
    move = np.kron(np.eye(2), np.array([[1.0, STEP_S], [0.0, 1.0]]))
    root = np.linalg.cholesky(np.array([[STEP_S**3 / 3, STEP_S**2 / 2], [STEP_S**2 / 2, STEP_S]]) * ACCELERATION)
    state, samples = step.initial(), []
    for second in range(seconds):
        found = []
        for quarter in range(4):
            k = 4 * second + quarter + 1
            noise = (rng.standard_normal((movers, 2, 2)) @ root.T).reshape(movers, 4)
            x = x @ move.T + noise
            time_ns = START_NS + round(k * STEP_S * S) - 1000
            for kind, every_s, error in mix:
                if k % round(every_s / STEP_S) == 0:
                    seen = np.flatnonzero(rng.random(movers) < probability(kind))
                    found += [_measured(rng, kind, error, x[i], time_ns) for i in seen]
        now_ns = START_NS + (second + 1) * S
        state, _ = step.step(state, (batch_of("main", found),), Tick(now_ns // S, now_ns, now_ns, S))
        # Moments far enough apart that their errors have little to do with each other.
        if second >= 15 and second % 10 == 5:
            samples += _samples(estimates(state), x)
    return float(np.mean(samples)), len(samples)


def _samples(tracks: np.ndarray, truth: np.ndarray) -> list[float]:
    out = []
    for row in tracks:
        true = truth[int(row["chainage_m"] // SPACE_M) % len(truth)]
        error = np.array([row["chainage_m"] - true[0], row["velocity_mps"] - true[1]])
        covariance = np.array([[row["p_xx"], row["p_xv"]], [row["p_xv"], row["p_vv"]]])
        out.append(float(error @ np.linalg.solve(covariance, error)))
    return out


def honesty(movers: int, seconds: int, seed: int) -> dict[str, dict[str, float | bool]]:
    """By mix of sensors: the mean, its 95 % band, and whether it lies inside."""
    out: dict[str, dict[str, float | bool]] = {}
    for number, name in enumerate(MIXES):
        mean, samples = nees_of(name, movers, seconds, seed + number, lambda _: 0.9)
        low, high = chi2_band(samples, 2)
        out[name] = {
            "mean": round(mean, 3),
            "low": round(low, 3),
            "high": round(high, 3),
            "inside": low <= mean <= high,
        }
    return out
