"""How well a watch did, measured against the truth of a scene, with intervals (docs/score.md)."""

from linewatch.evaluate.gospa import Gospa, gospa, gospa_over_time
from linewatch.evaluate.ideal import ideal_incidents
from linewatch.evaluate.intervals import clopper_pearson, garwood
from linewatch.evaluate.load import Load, load_of, loads_by_seat
from linewatch.evaluate.matching import Gates, Matches, match
from linewatch.evaluate.reading import read_truth
from linewatch.evaluate.score import ScoreSettings, score

__all__ = [
    "Gates",
    "Gospa",
    "Load",
    "Matches",
    "ScoreSettings",
    "clopper_pearson",
    "garwood",
    "gospa",
    "gospa_over_time",
    "ideal_incidents",
    "load_of",
    "loads_by_seat",
    "match",
    "read_truth",
    "score",
]
