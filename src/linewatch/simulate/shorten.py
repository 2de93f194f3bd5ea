"""A scene made shorter without leaving anything out: only the time between events, and the background, shrink."""

from typing import Final

import msgspec

from linewatch.simulate.course import movers_of
from linewatch.simulate.scene import Fault, Load, Scene
from linewatch.site.model import Site

_SPREAD_S: Final = 300.0
_BACKGROUND_SHARE: Final = 0.1


def shortened(scene: Scene, site: Site, seed: int, spread_s: float = _SPREAD_S) -> Scene:
    """The same events, faults and bursts, all beginning within `spread_s`, and a tenth of the background.

    What lasts keeps its length, so that somebody who lies still for 25 minutes still does. Rates that need the usual
    time between events (interruptions in ten minutes) are not those of the whole scene. A scene that would not become
    shorter is given back as it is.
    """
    movers = movers_of(scene, site, seed)
    lasting = [float(end - start) for start, end in zip(movers.start_s, movers.end_s, strict=True)]
    lasting += [fault.to_s - fault.from_s for fault in scene.faults if not _throughout(fault, scene)]
    lasting += [load.to_s - load.from_s for load in scene.loads if not _throughout(load, scene)]
    duration_s = min(max(lasting, default=0.0) + spread_s + 60.0, scene.duration_s)
    if duration_s >= scene.duration_s:
        return scene
    scale = spread_s / scene.duration_s

    def moved(part: Fault | Load) -> dict[str, float]:
        if _throughout(part, scene):
            return {"from_s": part.from_s * scale, "to_s": duration_s}
        return {"from_s": part.from_s * scale, "to_s": min(part.from_s * scale + part.to_s - part.from_s, duration_s)}

    replace = msgspec.structs.replace
    return replace(
        scene,
        duration_s=duration_s,
        events=tuple(replace(e, at_s=(e.at_s[0] * scale, e.at_s[1] * scale)) for e in scene.events),
        weather=tuple(
            replace(w, from_s=w.from_s * scale, to_s=_end_s(w.to_s, scene, duration_s, scale)) for w in scene.weather
        ),
        faults=tuple(replace(fault, **moved(fault)) for fault in scene.faults),
        loads=tuple(
            replace(
                load,
                detections_per_s=load.detections_per_s * (_BACKGROUND_SHARE if _throughout(load, scene) else 1.0),
                **moved(load),
            )
            for load in scene.loads
        ),
    )


def _throughout(part: Fault | Load, scene: Scene) -> bool:
    """Whether it goes on to the end: background, and faults that nobody mends."""
    return part.to_s >= scene.duration_s


def _end_s(to_s: float, scene: Scene, duration_s: float, scale: float) -> float:
    """Weather changes with the events, and the last of it stays to the end."""
    return duration_s if to_s >= scene.duration_s else to_s * scale
