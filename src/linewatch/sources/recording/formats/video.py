"""Format `video`: files of one camera, one after the other, as small grey pictures (the extra `video`).

Pictures count on at an even rate from the start of a stretch. They are decoded as they are wanted, forward.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import msgspec

from linewatch.errors import InputError, Problem
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources._nearest import nearest
from linewatch.sources.recording._array_files import ArrayFile, UnusableError
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._source import Reel
from linewatch.sources.recording._timeline import Opened, Stretched, Timeline
from linewatch.sources.recording.formats.array import ArrayReel, like

if TYPE_CHECKING:
    from linewatch.sources.video._clip import ClipFacts

FACTS: Final = Facts(required=frozenset({"sensor", "data", "format", "start"}), optional=frozenset({"rate_hz", "part"}))
SCALE: Final = 2
"""What both sides of a picture are divided by, as the detector of cameras expects."""


def open_reel(header: Header, site: Site) -> tuple[Reel | None, list[Problem]]:
    """The recording ready to be read, or everything that is wrong with it at the start."""
    file = str(header.file)
    problems = [
        Problem(file, f"data {name!r}", "nothing", f"a file in {header.folder}")
        for stretch in header.stretches
        for name in stretch.data
        if not (header.folder / name).is_file()
    ]
    if header.sensor is None or not site.has_sensor(header.sensor) or site.sensor(header.sensor).kind != "camera":
        allowed = nearest(str(header.sensor), (s.id for s in site.sensors if s.kind == "camera"), "a site with cameras")
        problems.append(Problem(file, "sensor", repr(header.sensor), allowed))
    if find_spec("av") is None:
        problems.append(Problem(file, "format", "the package av is not installed", "`pip install 'linewatch[video]'`"))
    if problems or header.sensor is None:
        return None, problems
    opened = [[(name, _opened(header, name)) for name in stretch.data] for stretch in header.stretches]
    first, rate_hz = opened[0][0][1]
    rate_hz = header.rate_hz or rate_hz
    where = f"data {header.stretches[0].data[0]!r}"
    if isinstance(first, UnusableError):
        return None, [Problem(file, where, str(first), "a file of video that can be read")]
    if rate_hz is None:
        return None, [Problem(file, "rate_hz", "nothing, and the file does not say it", "pictures a second")]
    stretches = [[(name, clip) for name, (clip, _) in files] for files in opened]
    return _reel(msgspec.structs.replace(header, rate_hz=rate_hz), site.sensor(header.sensor), first, stretches), []


def _reel(header: Header, sensor: Sensor, first: ArrayFile, opened: list[list[tuple[str, Opened]]]) -> Reel:
    assert header.rate_hz is not None
    timeline = Timeline(sensor.line, sensor.id, header.rate_hz, 0)
    for stretch, files in zip(header.stretches, opened, strict=True):
        assert stretch.start_ns is not None
        timeline.add(Stretched(stretch.start_ns, tuple((name, like(first, file)) for name, file in files)))
    return ArrayReel(header, sensor, first, timeline)


def _opened(header: Header, name: str) -> tuple[Opened, float | None]:
    from linewatch.sources.video._clip import clip_facts  # noqa: PLC0415 - needs the extra

    try:
        facts = clip_facts(header.folder / name, SCALE)
    except InputError as error:
        return UnusableError("unreadable", str(error)), None
    pixels = facts.height * facts.width
    clip = ArrayFile(name, facts.frames, pixels, "int16", facts.frames, pixels, (), _viewer(header, name, facts))
    return clip, facts.rate_hz


def _viewer(header: Header, name: str, facts: "ClipFacts") -> Callable[[], Any]:
    def view() -> Any:
        from linewatch.sources.video._clip import ClipFrames  # noqa: PLC0415 - as above

        return ClipFrames(header.folder / name, facts, SCALE)

    return view
