"""The formats of a recording, one file each. To add one, write its file and name it here."""

from collections.abc import Callable
from typing import Final, NamedTuple

from linewatch.errors import Problem
from linewatch.site.model import Site
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._source import Reel
from linewatch.sources.recording.formats import array, das, detections, miniseed, video


class Format(NamedTuple):
    """How one format is described and opened."""

    facts: Facts
    """Keys of a `recording.toml` that it takes."""
    open_reel: Callable[[Header, Site], tuple[Reel | None, list[Problem]]]
    """The recording ready to be read, or everything that is wrong with it at the start."""


FORMATS: Final[dict[str, Format]] = {
    "array": Format(array.FACTS, array.open_reel),
    "das": Format(das.FACTS, das.open_reel),
    "detections": Format(detections.FACTS, detections.open_reel),
    "miniseed": Format(miniseed.FACTS, miniseed.open_reel),
    "video": Format(video.FACTS, video.open_reel),
}
