"""Who else could have seen it: whether a stretch has a second witness, and whether it has spoken."""

from typing import TYPE_CHECKING

import numpy as np

from linewatch.records import Track
from linewatch.site.model import Site

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Sensors that speak only when something happens right at them: their silence tells nothing about a stretch.
_VIEWS = frozenset({"camera", "radar"})
_POINT_KINDS = frozenset({"pir", "contact", "microwave", "radio_link"})


class Witnesses:
    """For every place of every line, the sensors that watch it continuously."""

    def __init__(self, site: Site) -> None:
        self.site = site
        """The site whose sensors may bear witness."""
        self._ends: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._kinds: dict[str, NDArray[np.str_]] = {}
        for line in site.lines:
            watching = [
                s for s in site.sensors if s.line == line.id and s.state == "in_service" and s.kind not in _POINT_KINDS
            ]
            extents = np.array([s.extent_m() for s in watching], dtype=np.float64).reshape(-1, 2)
            self._ends[line.id] = (extents[:, 0], extents[:, 1])
            self._kinds[line.id] = np.array([s.kind for s in watching], dtype=str)

    def agree(self, track: Track) -> bool:
        """Whether sensors of two kinds have seen it, or two that each see the place itself.

        Two of another kind may share one cause: a gust shakes a whole fence. Two views that meet in one place do not.
        """
        kinds = [self.site.sensor(s).kind for s in track.sensors if self.site.has_sensor(s)]
        return len(set(kinds)) > 1 or sum(kind in _VIEWS for kind in kinds) > 1

    def could_agree(self, track: Track) -> bool:
        """Whether a sensor of another kind than those that saw it watches the place too."""
        seen = {self.site.sensor(s).kind for s in track.sensors if self.site.has_sensor(s)}
        from_m, to_m = self._ends[track.line]
        here = (from_m <= track.chainage_m) & (track.chainage_m <= to_m)
        return bool(set(self._kinds[track.line][here]) - seen)
