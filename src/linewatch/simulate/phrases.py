"""What a mover does, in phrases that can be read aloud: "approach from 80 m, crawling", "climb 20 s"."""

import re
from typing import Final, cast

from linewatch.records.vocabulary import Gait
from linewatch.simulate.scene import Deed, Verb

_NUMBER = r"-?\d+(?:\.\d+)?"
_LENGTH = rf"({_NUMBER}) ?(m|km)"
_TIME = rf"({_NUMBER}) ?(s|min|h)"
_METRES: Final = {"m": 1.0, "km": 1_000.0}
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3_600.0}
_GAIT = re.compile(r",? (walking|running|crawling)$")
_GAITS: Final[dict[str, Gait]] = {"walking": "walk", "running": "run", "crawling": "crawl"}
_APPROACH = re.compile(rf"approach(?: from {_LENGTH})?(?: to {_LENGTH})?")
_TOWARDS = re.compile(rf"(cross|return)(?: to {_LENGTH})?")
_ALONG = re.compile(rf"along {_LENGTH}")
_LASTING = re.compile(rf"(stop|lie|wander|climb|cut|saw|drill|shake|knock|dig) {_TIME}")
_GROW = re.compile(rf"grow to (\d+) over {_TIME}")

ALLOWED: Final = (
    "'approach [from 80 m] [to 5 m]', 'cross [to 40 m]', 'return [to 80 m]', 'along 200 m', "
    "'stop|lie|wander 10 min', 'climb|cut|saw|drill|shake|knock|dig 20 s', 'grow to 500 over 20 min', "
    "each with ', walking', ', running' or ', crawling'"
)


def read_time_s(text: str) -> float | None:
    """Seconds of "00:12:30", "12:30", or "90 s"; None where it is no time."""
    if match := re.fullmatch(_TIME, text):
        return float(match[1]) * _SECONDS[match[2]]
    if not (match := re.fullmatch(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)", text)):
        return None
    hours, minutes, seconds = int(match[1] or 0), int(match[2]), float(match[3])
    return hours * 3_600.0 + minutes * 60.0 + seconds if minutes < 60 and seconds < 60 else None


def _metres(number: str | None, unit: str | None) -> float | None:
    return None if number is None or unit is None else float(number) * _METRES[unit]


def read_deed(phrase: str) -> Deed | None:
    """The phrase as a deed; None where it is none (see `ALLOWED`)."""
    gait: Gait | None = None
    if found := _GAIT.search(phrase):
        gait, phrase = _GAITS[found[1]], phrase[: found.start()]
    if match := _APPROACH.fullmatch(phrase):
        from_m, to_m = _metres(match[1], match[2]), _metres(match[3], match[4])
        return Deed(verb="approach", from_m=from_m, to_m=1.0 if to_m is None else to_m, gait=gait)
    if match := _TOWARDS.fullmatch(phrase):
        to_m = _metres(match[2], match[3])
        if match[1] == "cross":
            return Deed(verb="cross", to_m=-abs(40.0 if to_m is None else to_m), gait=gait)
        return Deed(verb="return", to_m=to_m, gait=gait)
    if match := _ALONG.fullmatch(phrase):
        return Deed(verb="along", to_m=_metres(match[1], match[2]), gait=gait)
    if (match := _GROW.fullmatch(phrase)) and float(match[2]) > 0:
        return Deed(verb="grow", count=int(match[1]), duration_s=float(match[2]) * _SECONDS[match[3]], gait=gait)
    if (match := _LASTING.fullmatch(phrase)) and float(match[2]) > 0:
        return Deed(verb=cast("Verb", match[1]), duration_s=float(match[2]) * _SECONDS[match[3]], gait=gait)
    return None
