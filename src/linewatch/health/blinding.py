"""Cameras that one light blinds: one outage, located where their bearings cross."""

from linewatch.health.light import Sight, locate
from linewatch.health.outages import LIGHT, joined
from linewatch.health.state import HealthSettings, HealthState
from linewatch.records import Health, Record
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

_NS_PER_S = 1_000_000_000


class LightWatch:
    """Joins the outages of cameras that the same light blinds."""

    def __init__(self, site: Site, settings: HealthSettings) -> None:
        self.site = site
        self.settings = settings

    def shared(self, state: HealthState, sensor: Sensor, health: Health) -> str | None:
        """What the outage of this camera's light is kept under, where other cameras see it as well."""
        for about, outage in state.open.items():
            if about.startswith("light/") and sensor.id in outage.sensors:
                return about
        return self.beside(state, sensor, health)

    def beside(self, state: HealthState, sensor: Sensor, health: Health) -> str | None:
        """The outage of another camera near by that was blinded at about the same time."""
        window_ns = round(self.settings.together_s * _NS_PER_S)
        at_m = sensor.at_m or 0.0
        for about, outage in sorted(state.open.items()):
            if outage.cause not in LIGHT or outage.line != sensor.line or sensor.id in outage.sensors:
                continue
            middles_m = [self.site.sensor(name).at_m or 0.0 for name in outage.sensors]
            near = min(abs(at_m - middle_m) for middle_m in middles_m) <= self.settings.light_m
            if near and health.time_ns - outage.start_ns <= window_ns:
                return about
        return None

    def join(self, state: HealthState, about: str, sensor: Sensor, health: Health, left: float) -> list[Record]:
        """One more camera in the same light: one outage, now perhaps with a place."""
        outage = state.open.pop(about)
        names = tuple(sorted({*outage.sensors, sensor.id}))
        sensors = tuple(self.site.sensor(name) for name in names)
        sights = [Sight(s, *state.sights[s.id]) for s in sensors if s.id in state.sights]
        place = locate(sights, self.site.line(outage.line))
        reason = f"{len(names)} cameras are blinded by light at the same time: {', '.join(names)}"
        if place is not None:
            side = "on the approach side" if place.offset_m >= 0 else "behind the line"
            reason += (
                f"; the light stands at {place.chainage_m:.0f} m, {abs(place.offset_m):.0f} m {side} "
                f"(give or take {place.chainage_sigma_m:.0f} and {place.offset_sigma_m:.0f} m)"
            )
        elif sights:
            reason += "; it comes from " + ", ".join(f"{s.bearing_deg:.0f} degrees at {s.sensor.id}" for s in sights)
        cause = "strobed" if "strobed" in (outage.cause, health.condition) else "dazzled"
        merged = joined(
            outage,
            sensors,
            reason,
            cause=cause,
            remaining_fraction=min(outage.remaining_fraction, left),
            chainage_m=None if place is None else place.chainage_m,
            chainage_sigma_m=None if place is None else place.chainage_sigma_m,
            offset_m=None if place is None else place.offset_m,
        )
        key = f"light/{outage.id}"
        state.back_ns[key] = {s: t for s, t in state.back_ns.pop(about, {}).items() if s != sensor.id}
        state.open[key] = merged
        return [] if merged == outage else [merged]
