"""How noisy each kind of sensor is here and now, learnt from what it says itself.

A detection that its sensor calls real with probability p is, by its own word, false with 1 - p. Their running sum is
the density of false detections on this section, among which tracks find their own. Where it is far above what sensors
of the kind usually give (rain on a fence, a bad night of the electronics), an unclaimed detection is hardly ever
somebody new, and must be borne out first. Detections that are nearly certain are believed at any noise.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from linewatch.track.performance import SILENCE_ALIKE, Watch

MEMORY_S: Final = 30.0
"""Time constant of the learning: longer than one mover stays at one sensor, shorter than weather takes to turn."""
LEAST_MEMORY_S: Final = 1.0
"""... but at the beginning only as long as was listened: a watch that starts in noise knows it soon."""
NEWCOMERS_PER_KM_H: Final = 6.0
"""Movers that come into sight of a kilometre in the busiest hour; sets how much noise it takes to doubt."""
LEAST_FALSE: Final = 0.3
"""Before so many false detections of its kind stand behind it, a density is the chance of one or two, and not known."""
USUAL_TIMES: Final = 5.0
"""Below this many times the usual false rate of its kind, a sensor is believed as it says."""
DENSE_PER_M_S: Final = 1e-3
"""So many false detections per metre and second, of all kinds together, come by chance as often as a mover's own."""
DENSE_ALIKE: Final = 0.5
"""There, what one more silent sensor adds to what silence says (`SILENCE_ALIKE` elsewhere; both *assumed*)."""


class NoiseFloor:
    """The learnt density of false detections by kind of sensor, in one section."""

    def __init__(self, watch: Watch, kinds: Sequence[str], zone_m: tuple[float, float]) -> None:
        names = sorted(set(kinds))
        self._kind = np.array([names.index(kind) for kind in kinds], dtype=np.int64)
        inside_m = np.minimum(watch.to_m, zone_m[1]) - np.maximum(watch.from_m, zone_m[0])
        here = inside_m > 0
        self._width_m = np.maximum(np.bincount(self._kind[here], inside_m[here], len(names)), 1.0)
        usual = watch.clutter_per_m / watch.look_s
        counts = np.maximum(np.bincount(self._kind, minlength=len(names)), 1)
        self._usual = np.bincount(self._kind, usual, len(names)) / counts

    def initial(self) -> NDArray[np.float64]:
        """(kinds + 1,) usual false detections per metre and second, before anything was heard; and 0 s of listening."""
        return np.append(self._usual, 0.0)

    def learn(
        self, noise: NDArray[np.float64], heard: list[tuple[NDArray[Any], NDArray[np.float64]]], period_s: float
    ) -> NDArray[np.float64]:
        """The densities after one more tick, silence included.

        `heard` holds scans, doubted in the noise that is known, each with how free of claims its detections are: what
        a track explains is no noise, and where all is noise, all of it counts.
        """
        false = np.zeros(len(self._usual))
        for scan, free in heard:
            false += np.bincount(self._kind[scan["sensor"]], (1.0 - scan["probability"]) * free, len(false))
        heard_s = noise[-1]
        keep = math.exp(-period_s / min(max(heard_s, LEAST_MEMORY_S), MEMORY_S))
        new: NDArray[np.float64] = keep * noise[:-1] + (1.0 - keep) * false / (self._width_m * period_s)
        return np.append(np.maximum(new, self._usual), min(heard_s + period_s, MEMORY_S))

    def _known(self, noise: NDArray[np.float64]) -> NDArray[np.float64]:
        """(kinds,) the density to reckon with: the usual one where too little was heard to know another."""
        told: NDArray[np.bool_] = noise[:-1] * self._width_m * max(noise[-1], LEAST_MEMORY_S) >= LEAST_FALSE
        return np.where(told, noise[:-1], self._usual)

    def among_noise(self, scan: NDArray[Any], noise: NDArray[np.float64]) -> NDArray[Any]:
        """The scan with the density of false detections, per look, that each of its detections stands among."""
        out = scan.copy()
        out["clutter_per_m"] = np.maximum(
            scan["clutter_per_m"], self._known(noise)[self._kind[scan["sensor"]]] * scan["look_s"]
        )
        return out

    def silence_share(self, noise: NDArray[np.float64]) -> float:
        """What one more silent sensor adds to what silence says.

        Who is missed by one sensor is likely missed by others for the same reason, so their silence counts little. But
        where false detections are dense, what bears a track out may be chance, and chance is found out by the rest.
        """
        dense = min(float(self._known(noise).sum()) / DENSE_PER_M_S, 1.0)
        return SILENCE_ALIKE + (DENSE_ALIKE - SILENCE_ALIKE) * dense

    def doubted(self, scan: NDArray[Any], noise: NDArray[np.float64]) -> NDArray[Any]:
        """The scan with the probabilities that its detections have as beginnings of something new."""
        density = self._known(noise)
        noisy = density > USUAL_TIMES * self._usual
        if not noisy.any():
            return scan
        rare = np.where(noisy, np.minimum(NEWCOMERS_PER_KM_H / 3.6e6 / density, 1.0), 1.0)[self._kind[scan["sensor"]]]
        out = scan.copy()
        p = scan["probability"]
        out["probability"] = p * rare / np.maximum(1.0 - p + p * rare, 1e-12)
        return out
