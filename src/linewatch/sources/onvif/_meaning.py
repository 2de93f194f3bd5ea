"""What an ONVIF event means: topics by their last names, since prefixes and makers' branches differ.

A motion is told when its state rises, and again as long as it lasts. What a camera says of the state at the beginning
of a subscription (`Initialized`) is no event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from linewatch.records.vocabulary import Mover

MOST_LASTING_S: Final = 60.0
"""A motion of which nothing more is said for so long is taken for over: its end may have been lost."""
_NS_PER_S: Final = 1_000_000_000
_MOST_STATES: Final = 1_000


class Motion(NamedTuple):
    """Something moves."""

    movers: tuple[tuple[Mover, float], ...] = ()
    """Shares of what it is, where the camera says so."""
    probability: float = 0.85
    """How sure one such word is (*assumed*)."""


class Tamper(NamedTuple):
    """Somebody does something to the camera, or its picture is lost."""

    begins: bool
    """Whether it begins or is over."""
    text: str
    """What, in the camera's own words."""


Meaning = Motion | Tamper
# Last names of topics, from the ONVIF Analytics and Imaging specifications and from cameras in use.
_MOTION: Final[dict[str, Motion]] = {
    "CellMotionDetector/Motion": Motion(),
    "MotionRegionDetector/Motion": Motion(),
    "VideoSource/MotionAlarm": Motion(),
    "FieldDetector/ObjectsInside": Motion(probability=0.9),
    "LineDetector/Crossed": Motion(probability=0.9),
    "Sensor/PIR": Motion(probability=0.9),
    "MyRuleDetector/PeopleDetect": Motion((("person", 0.8),), 0.9),
    "MyRuleDetector/VehicleDetect": Motion((("vehicle", 0.8),), 0.9),
    "MyRuleDetector/DogCatDetect": Motion((("animal", 0.8),), 0.9),
}
_TAMPER: Final = (
    "TamperDetector/Tamper",
    "VideoSource/GlobalSceneChange",
    "GlobalSceneChange/ImagingService",
    "GlobalSceneChange/AnalyticsService",
    "ImageTooBlurry/ImagingService",
    "ImageTooDark/ImagingService",
    "ImageTooBright/ImagingService",
    "VideoSource/SignalLoss",
)
_EVERY_TIME: Final = ("LineDetector/Crossed",)
"""Topics that have no state: each message is an event."""
_TRUE: Final = ("true", "1", "on", "active")
_FALSE: Final = ("false", "0", "off", "inactive")


class Reader:
    """Reads messages of one camera, and remembers the states that they rise from."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], bool] = {}
        self._lasting: dict[tuple[str, str], tuple[Motion, float]] = {}

    def lasting(self, now_s: float) -> list[Motion]:
        """Motions that began within `MOST_LASTING_S` and are not over; `now_s` is on the clock of `read`."""
        return [motion for motion, since_s in self._lasting.values() if now_s - since_s <= MOST_LASTING_S]

    def read(self, message: Mapping[str, Any], now_s: float = 0.0) -> tuple[Meaning | None, int | None, str]:
        """What a message means, its time, and why it means nothing. Never raises."""
        topic = "/".join(part.rsplit(":", 1)[-1] for part in str(message.get("topic") or "").strip().split("/"))
        name = "/".join(topic.split("/")[-2:])
        time_ns = _time_ns(message.get("utc_time"))
        motion, tamper = _MOTION.get(name), name in _TAMPER
        if motion is None and not tamper:
            return None, time_ns, f"topic {name[:80]!r} is not known"
        operation = str(message.get("property_operation") or "")
        if name in _EVERY_TIME:
            return (None, time_ns, "state at the beginning") if operation == "Initialized" else (motion, time_ns, "")
        state = _state(message.get("data"))
        if state is None:
            return None, time_ns, "no state in it that is true or false"
        key = (topic, repr(message.get("source")))
        before = self._states.get(key, False)
        if key in self._states or len(self._states) < _MOST_STATES:
            self._states[key] = state
        self._lasting.pop(key, None)
        if operation == "Initialized":
            return None, time_ns, "state at the beginning"
        if motion is not None and state and len(self._lasting) < _MOST_STATES:
            self._lasting[key] = (motion, now_s)
        if state == before:
            return None, time_ns, "the same state as before"
        if tamper:
            return Tamper(state, name), time_ns, ""
        return (motion, time_ns, "") if state else (None, time_ns, "the motion has ended")


def _state(data: Any) -> bool | None:
    """The first value that is true or false."""
    values = [str(value).strip().lower() for value in data.values()] if isinstance(data, Mapping) else []
    return next((value in _TRUE for value in values if value in _TRUE or value in _FALSE), None)


def _time_ns(text: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return max((since.days * 86_400 + since.seconds) * _NS_PER_S + since.microseconds * 1_000, 0)
