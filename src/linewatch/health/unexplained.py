"""Noise that nothing explains: no weather that was reported, and no gust, which is as wide as weather.

Wind is correlated along hundreds of metres and wanders; one person shakes a fence on a few tens. So noise that has
stood for minutes and never been on more than a short stretch, while nobody reports wind or rain there, may be somebody
who wants the fence to be taken for a noisy one. It is told as a hint of tampering, once, with an outage that ends by
itself when the noise does.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from linewatch.records import Health, Outage, Tick, Weather, outage_id, quantise

_NS_PER_S: Final = 1_000_000_000
HINT: Final = "/hint/"
"""Within the name under which the outage of a hint is kept: it needs no re-test."""


class UnexplainedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When noise is a hint of tampering."""

    after_s: float = 300.0
    """How long noise must have stood on a stretch."""
    gust_m: float = 200.0
    """Noise that has taken in a longer stretch is taken for weather, whether or not somebody reports it."""
    join_m: float = 50.0
    """Noise of several sensors or pieces, no further apart than this, is one noise."""
    pause_s: float = 60.0
    """Noise that comes back sooner than this has not stopped."""
    windy_mps: float = 8.0
    """Wind or gusts from which on weather explains noise."""
    rainy_mm_per_h: float = 1.0
    """Rain from which on it does."""
    weather_s: float = 10_800.0
    """Older weather explains nothing."""


class Noise(msgspec.Struct, frozen=True):
    """One stretch on which noise stands."""

    line: str
    """Its line."""
    from_m: float
    """Start of all that it has taken in so far."""
    to_m: float
    """End of it."""
    since_ns: int
    """When it began."""
    last_ns: int
    """When it was last there."""
    hint: str = ""
    """Name under which the outage of its hint is kept; empty while there is none."""


def stretches(
    raised: Iterable[Outage], known: Sequence[Noise], tick: Tick, settings: UnexplainedSettings
) -> tuple[tuple[Noise, bool], ...]:
    """Noises now, by place, each with whether it stands at this tick; a noise that pauses does not."""
    now: list[Noise] = []
    for outage in sorted(raised, key=lambda o: (o.line, o.from_m, o.to_m)):
        here = Noise(outage.line, outage.from_m, outage.to_m, outage.start_ns, tick.time_ns)
        if now and now[-1].line == here.line and here.from_m <= now[-1].to_m + settings.join_m:
            here = _together(now.pop(), here)
        now.append(here)
    left = list(known)
    out: list[tuple[Noise, bool]] = []
    for noise in now:
        for before in [b for b in left if _meet(b, noise, settings.join_m)]:
            left.remove(before)
            noise = _together(noise, before)  # noqa: PLW2901 - it grows by what it was before
        out.append((noise, True))
    pause_ns = round(settings.pause_s * _NS_PER_S)
    out += [(noise, False) for noise in left if tick.time_ns - noise.last_ns <= pause_ns]
    return tuple(sorted(out, key=lambda pair: (pair[0].line, pair[0].from_m)))


def _meet(one: Noise, other: Noise, join_m: float) -> bool:
    return one.line == other.line and one.from_m <= other.to_m + join_m and other.from_m <= one.to_m + join_m


def _together(one: Noise, other: Noise) -> Noise:
    return Noise(
        one.line,
        min(one.from_m, other.from_m),
        max(one.to_m, other.to_m),
        min(one.since_ns, other.since_ns),
        max(one.last_ns, other.last_ns),
        one.hint or other.hint,
    )


def explained(noise: Noise, weather: Iterable[Weather], tick: Tick, settings: UnexplainedSettings) -> bool:
    """Whether a weather report that is not too old speaks of wind or rain where this noise is."""
    oldest_ns = tick.time_ns - round(settings.weather_s * _NS_PER_S)
    return any(
        spell.line == noise.line
        and spell.from_m < noise.to_m
        and spell.to_m > noise.from_m
        and spell.time_ns >= oldest_ns
        and (
            max(spell.wind_mps or 0.0, spell.gust_mps or 0.0) >= settings.windy_mps
            or (spell.rain_mm_per_h or 0.0) >= settings.rainy_mm_per_h
        )
        for spell in weather
    )


def hint_of(noise: Noise, sensors: tuple[str, ...], rise_db: float, tick: Tick) -> tuple[Health, Outage]:
    """The finding, and the outage that people are told by; what the noise takes stands in an outage of its own."""
    minutes = (tick.time_ns - noise.since_ns) / 60 / _NS_PER_S
    text = (
        f"noise has stood up to {rise_db:.0f} dB over its usual level on {noise.to_m - noise.from_m:.0f} m for "
        f"{minutes:.0f} min; no wind or rain is reported there and a gust is wider: somebody may be shaking it to be "
        "taken for noise"
    )
    health = Health(noise.line, sensors[0], tick.time_ns, "tamper", "note", text, count=len(sensors))
    outage = Outage(
        id=outage_id(noise.line, "tamper", sensors, noise.since_ns),
        line=noise.line,
        sensors=sensors,
        cause="tamper",
        from_m=noise.from_m,
        to_m=noise.to_m,
        start_ns=noise.since_ns,
        noticed_ns=tick.time_ns,
        end_ns=None,
        remaining_fraction=1.0,
        reason=text,
        chainage_m=(noise.from_m + noise.to_m) / 2.0,
        chainage_sigma_m=(noise.to_m - noise.from_m) / 12**0.5,
    )
    return health, quantise(outage)
