"""Mutes and masks: a person takes a sensor, or channels of it, out of all decisions for a while, at once unwatched.

Either is an outage of the cause `masked` whose end is known: minutes for a mute, days for a mask. It ends by itself, or
by `unmute` and `unmask`. What it hides is counted, told once a minute and when it ends, and stands in the record all
the same. What is never to be watched belongs into the settings, not here.
"""

from typing import Final

import msgspec
import numpy as np

from linewatch.health.outages import narrowed, outage_of
from linewatch.records import Detections, Health, OperatorAct, Outage, Tick
from linewatch.records.masking import masked_rows
from linewatch.site.model import Site

MOVES: Final = ("mute", "unmute", "mask", "unmask")
"""Acts on the site; values `sensor`, with `minutes` (of a mask `days`) and, for a part of a cable, `first_channel` and
`last_channel`."""
MUTERS: Final = ("operator", "maintainer")
"""Roles that may mute."""
MASKERS: Final = ("supervisor", "maintainer")
"""Roles that may mask."""
MOST_MINUTES: Final = 240
"""Longest time for which somebody may mute at once."""
MOST_DAYS: Final = 30
"""Longest time for which somebody may mask at once."""
MUTE: Final = "/mute/"
"""Middle of the name under which a mute is kept among the open outages."""
MASK: Final = "/mask/"
"""Likewise of a mask."""
TELL_NS: Final = 60_000_000_000
_NS_PER_MINUTE: Final = 60_000_000_000
_MINUTES_PER_DAY: Final = 1_440


class Hushed(msgspec.Struct, frozen=True):
    """What a mute has hidden."""

    untold: int
    """Detections since it was last told of them."""
    told_ns: int
    """When that was."""


class _Asked(msgspec.Struct, frozen=True):
    sensor: str
    minutes: int = 0
    days: int = 0
    first_channel: int | None = None
    last_channel: int | None = None


def about_mute(act: OperatorAct) -> str:
    """What the mute of an act that was not refused is kept under."""
    asked = msgspec.convert(dict(act.values), _Asked, strict=False)
    middle = MASK if act.move in ("mask", "unmask") else MUTE
    return f"{asked.sensor}{middle}{asked.first_channel}-{asked.last_channel}"


def mute_refusal(site: Site, act: OperatorAct, open_names: frozenset[str]) -> str:
    """Why an act is refused; empty where it is carried out. `open_names` are those of the outages that are open."""
    masks = act.move in ("mask", "unmask")
    roles, done = (MASKERS, "masked") if masks else (MUTERS, "muted")
    if act.role not in roles:
        return f"role {act.role}; allowed: {', '.join(roles)}"
    try:
        asked = msgspec.convert(dict(act.values), _Asked, strict=False)
    except msgspec.ValidationError as error:
        return f"values: {error}"
    if not site.has_sensor(asked.sensor):
        return f"there is no sensor {asked.sensor!r}"
    if not act.reason.strip():
        return "no reason; it is needed"
    if act.move in ("unmute", "unmask"):
        return "" if about_mute(act) in open_names else f"{asked.sensor} is not {done} there"
    length, found, most = ("days", asked.days, MOST_DAYS) if masks else ("minutes", asked.minutes, MOST_MINUTES)
    if not 1 <= found <= most:
        return f"{length}: found {found}; allowed: 1 to {most}"
    if about_mute(act) in open_names:
        return f"{asked.sensor} is {done} already; allowed: to un{act.move} it first"
    channels = site.sensor(asked.sensor).channels or 1
    return channel_problem(asked.sensor, channels, asked.first_channel, asked.last_channel)


def channel_problem(sensor: str, channels: int, first: int | None, last: int | None) -> str:
    """What is wrong with channels that somebody names; empty where nothing is."""
    if first is None and last is None:
        return ""
    if channels < 2:
        return f"channels: {sensor} has but one; allowed: the whole sensor"
    if first is None or last is None or not 0 <= first <= last < channels:
        return f"channels: found {first} to {last}; allowed: both, from 0 to {channels - 1}"
    return ""


def muted(site: Site, act: OperatorAct, tick: Tick) -> tuple[Health, Outage]:
    """The finding and the outage of an act that was not refused; its end stands in the finding."""
    asked = msgspec.convert(dict(act.values), _Asked, strict=False)
    sensor = site.sensor(asked.sensor)
    part = "" if asked.first_channel is None else f" channels {asked.first_channel} to {asked.last_channel}"
    done = f"masked for {asked.days} days" if act.move == "mask" else f"muted for {asked.minutes} min"
    minutes = asked.days * _MINUTES_PER_DAY if act.move == "mask" else asked.minutes
    text = f"{sensor.id}{part} {done} by {act.role} at {act.seat}: {act.reason}"
    health = Health(
        sensor.line,
        sensor.id,
        tick.time_ns,
        "masked",
        "failed",
        text,
        until_ns=tick.time_ns + minutes * _NS_PER_MINUTE,
        first_channel=asked.first_channel,
        last_channel=asked.last_channel,
    )
    return health, narrowed(outage_of(sensor, "masked", tick.time_ns, tick, text), health, sensor)


def count_hidden(hushed: dict[str, Hushed], opened: dict[str, Outage], batch: Detections) -> None:
    """Add what mutes hide of a batch; changes `hushed`."""
    for about, each in list(hushed.items()):
        rows = int(np.count_nonzero(masked_rows(batch, (opened[about],))))
        if rows:
            hushed[about] = Hushed(each.untold + rows, each.told_ns)


def tell_hidden(hushed: dict[str, Hushed], opened: dict[str, Outage], tick: Tick) -> list[Health]:
    """What mutes have hidden, once a minute and when they end; changes `hushed`."""
    out: list[Health] = []
    for about, each in list(hushed.items()):
        outage = opened[about]
        over = outage.end_ns is not None and outage.end_ns <= tick.time_ns
        if not over and tick.time_ns - each.told_ns < TELL_NS:
            continue
        if each.untold:
            text = f"{each.untold} detections hidden by a mute: {outage.reason}"
            out.append(
                Health(
                    *(outage.line, outage.sensors[0], tick.time_ns, "suppressed", "note", text),
                    count=each.untold,
                    first_channel=outage.first_channel,
                    last_channel=outage.last_channel,
                )
            )
        hushed[about] = Hushed(0, tick.time_ns)
        if over:
            del hushed[about]
    return out
