"""Detections become tracks: predict, associate, update, initiate and delete along the line."""

from linewatch.track.handover import route
from linewatch.track.settings import TrackSettings
from linewatch.track.state import TrackerState, estimates
from linewatch.track.step import TrackStep

__all__ = ["TrackSettings", "TrackStep", "TrackerState", "estimates", "route"]
