"""Stone Soup's trackers on the same scans: the yardstick. Its own models, gates and life rules; no shortcut of ours."""

import datetime as dt
import time
import warnings
from typing import Any

import numpy as np
from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
from stonesoup.dataassociator.probability import JPDAwithEHM2
from stonesoup.dataassociator.tree import DetectionKDTreeMixIn
from stonesoup.deleter.time import UpdateTimeStepsDeleter
from stonesoup.hypothesiser.distance import DistanceHypothesiser
from stonesoup.hypothesiser.probability import PDAHypothesiser
from stonesoup.initiator.simple import MultiMeasurementInitiator
from stonesoup.measures import Mahalanobis
from stonesoup.models.measurement.linear import LinearGaussian
from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
from stonesoup.predictor.kalman import KalmanPredictor
from stonesoup.tracker.simple import MultiTargetMixtureTracker, MultiTargetTracker
from stonesoup.types.array import StateVector
from stonesoup.types.detection import Detection
from stonesoup.types.state import GaussianState
from stonesoup.updater.kalman import KalmanUpdater

from benchmarks.tracking_scenes import ACCELERATION, PD, SIGMA_M, STRIP_M, Points, Scene

GATE_SIGMA = 3.7
TOP_SPEED_VARIANCE = 15.0**2 / 3.0


class Found:
    """What a tracker reported at each scan, and how long it took."""

    def __init__(self) -> None:
        self.points: list[Points] = []
        self.names: list[list[Any]] = []
        self.seconds = 0.0


def stone_soup(scene: Scene, kind: str, limit_s: float) -> Found:
    """Run `gnn` (two-dimensional assignment), `gnn-kdtree` or `jpda` (efficient hypothesis management), time capped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _run(scene, kind, limit_s)


def _run(scene: Scene, kind: str, limit_s: float) -> Found:
    motion = CombinedLinearGaussianTransitionModel([ConstantVelocity(ACCELERATION)] * 2)
    model = LinearGaussian(4, [0, 2], np.eye(2) * SIGMA_M**2)
    predictor, updater = KalmanPredictor(motion), KalmanUpdater(model)
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Stone Soup compares naive times
    times = [start + dt.timedelta(seconds=k) for k in range(len(scene.scans))]
    detector = [
        (at, {Detection(StateVector(z), timestamp=at, measurement_model=model) for z in points})
        for at, points in zip(times, scene.scans, strict=True)
    ]
    nearest = DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=GATE_SIGMA)
    initiator = MultiMeasurementInitiator(
        prior_state=GaussianState([[0], [0], [0], [0]], np.diag([0, TOP_SPEED_VARIANCE, 0, TOP_SPEED_VARIANCE])),
        deleter=UpdateTimeStepsDeleter(2),
        data_associator=_nearest(nearest, predictor, updater, tree=kind != "gnn"),
        updater=updater,
        min_points=3,
        measurement_model=model,
    )
    if kind == "jpda":
        associator, tracker_type = _joint(scene, predictor, updater), MultiTargetMixtureTracker
    else:
        associator = _nearest(nearest, predictor, updater, tree=kind == "gnn-kdtree")
        tracker_type = MultiTargetTracker
    tracker = tracker_type(
        initiator=initiator,
        deleter=UpdateTimeStepsDeleter(5),
        detector=detector,
        data_associator=associator,
        updater=updater,
    )
    found = Found()
    begun = time.thread_time()
    for _, tracks in tracker:
        ordered = sorted(tracks, key=lambda track: track.id)
        found.points.append(np.array([_place(track) for track in ordered]).reshape(-1, 2))
        found.names.append([track.id for track in ordered])
        found.seconds = time.thread_time() - begun
        if found.seconds > limit_s:
            break
    return found


def _place(track: Any) -> tuple[float, float]:
    state = track.state.mean if hasattr(track.state, "mean") else track.state_vector
    return float(state[0, 0]), float(state[2, 0])


def _nearest(hypothesiser: Any, predictor: Any, updater: Any, *, tree: bool) -> Any:

    if not tree:
        return GNNWith2DAssignment(hypothesiser)

    class InTree(DetectionKDTreeMixIn, GNNWith2DAssignment):
        """Nearest neighbours found in a tree, as its documentation builds it."""

    return InTree(
        hypothesiser, predictor, updater, number_of_neighbours=5, max_distance_covariance_multiplier=GATE_SIGMA
    )


def _joint(scene: Scene, predictor: Any, updater: Any) -> Any:

    density = scene.clutter / (scene.length_m * STRIP_M)
    return JPDAwithEHM2(
        PDAHypothesiser(predictor, updater, clutter_spatial_density=density, prob_detect=PD, prob_gate=0.999)
    )
