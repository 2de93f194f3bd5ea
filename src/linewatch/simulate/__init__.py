"""Scenes: who moves, in what weather, what goes wrong; what a site's sensors would then give, and the truth."""

from linewatch.simulate.bench import bench_site
from linewatch.simulate.language import read_scene, read_scene_text, scene_names
from linewatch.simulate.raw import RawSource, trimmed
from linewatch.simulate.recording import write_recording, write_truth
from linewatch.simulate.scene import Scene
from linewatch.simulate.shorten import shortened
from linewatch.simulate.source import SimulatedSource, SimulateSettings, build, card, settings_type
from linewatch.simulate.truth import truth_of

__all__ = [
    "RawSource",
    "Scene",
    "SimulateSettings",
    "SimulatedSource",
    "bench_site",
    "build",
    "card",
    "read_scene",
    "read_scene_text",
    "scene_names",
    "settings_type",
    "shortened",
    "trimmed",
    "truth_of",
    "write_recording",
    "write_truth",
]
