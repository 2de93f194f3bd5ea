"""The reason of an incident in words that a tired person takes in at a glance."""

from collections import Counter
from collections.abc import Sequence

from linewatch.records import Outage, Track
from linewatch.records.vocabulary import SensorKind
from linewatch.site.model import Site

_KIND_WORDS: dict[SensorKind, tuple[str, str]] = {
    "fibre_das": ("fibre", "fibres"),
    "fibre_vibration": ("fence cable", "fence cables"),
    "geophone": ("geophone", "geophones"),
    "pir": ("infra-red sensor", "infra-red sensors"),
    "microwave": ("microwave link", "microwave links"),
    "radio_link": ("radio link", "radio links"),
    "radar": ("radar", "radars"),
    "camera": ("camera", "cameras"),
    "contact": ("contact", "contacts"),
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
STANDING_MPS = 0.3
"""Slower than this is "still": under a third of a slow walk (0.3 of 1.0 m/s) and above the drift of a centroid."""


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def witnesses(site: Site, sensors: Sequence[str]) -> str:
    """Who saw it: "two fence cables and a thermal camera agree", or "only witness"."""
    kinds = Counter(site.sensor(s).kind for s in sensors if site.has_sensor(s))
    parts = [f"{_number(n)} {_KIND_WORDS[kind][n > 1]}" for kind, n in sorted(kinds.items())]
    if not parts:
        return "no sensor of this site"
    if sum(kinds.values()) == 1:
        return f"{parts[0]}, only witness"
    return (", ".join(parts[:-1]) + " and " if len(parts) > 1 else "") + parts[-1] + " agree"


def where(site: Site, line: str, chainage_m: float) -> str:
    """Where it is, as people say it."""
    place = site.nearest_place(line, chainage_m)
    if place is None:
        return f"at {chainage_m:.0f} m"
    away_m = abs(place.chainage_m - chainage_m)
    return f"at {place.name}" if away_m < 1 else f"{away_m:.0f} m from {place.name}"


def _movement(track: Track) -> str:
    speed_mps = abs(track.velocity_mps)
    if track.intent not in ("unknown", "still"):
        return f"{track.intent} at {speed_mps:.1f} m/s" if speed_mps >= STANDING_MPS else track.intent
    return f"moving at {speed_mps:.1f} m/s" if speed_mps >= STANDING_MPS else "not moving along the line"


def of_track(site: Site, track: Track) -> str:
    """Reason of an incident that a track raised."""
    stretch_m = track.to_m - track.from_m
    parts = [
        witnesses(site, track.sensors),
        f"{track.strength_db:.0f} dB over the noise floor on {stretch_m:.0f} m",
        _movement(track),
    ]
    if track.count_high > 1:
        parts.append(f"{track.count_low} to {track.count_high} of them")
    if track.known is not None:
        parts.append(f"matched with {track.known}")
    parts.append(where(site, track.line, track.chainage_m))
    return "; ".join(parts)


def of_outage(site: Site, outage: Outage) -> str:
    """Reason of an incident that an outage raised."""
    middle_m = (outage.from_m + outage.to_m) / 2
    return (
        f"{outage.reason}; {outage.to_m - outage.from_m:.0f} m {_watched(outage)} {', '.join(outage.sensors)}; "
        f"{where(site, outage.line, middle_m)}"
    )


def _watched(outage: Outage) -> str:
    """What is left of the watch there: a hint (a share of 1) takes nothing itself, the noise that it speaks of may."""
    if outage.remaining_fraction >= 1.0:
        return "noisier than usual, which may hide something, to"
    return "not watched by" if outage.remaining_fraction <= 0.0 else "watched less by"
