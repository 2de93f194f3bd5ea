"""The entry point `video`: a camera as a source of a site."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.ports import LiveSource
from linewatch.site.model import Site

_WHERE: Final = "source 'video'"


class VideoSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "video"`."""

    sensor: str
    """The camera."""
    url: str = ""
    """`rtsp://HOST/PATH`, without log-in; or `file`."""
    file: str = ""
    """A file that is played as if it were live; or `url`."""
    name: str = ""
    """Names the source; without it the sensor does: `video:SENSOR`."""
    username: str = ""
    """Log-in name."""
    password: str = ""
    """Password, as a reference."""
    rate_hz: float = 10.0
    """Pictures a second that are kept, at most."""
    scale: int = 2
    """What both sides of a picture are divided by."""
    most_lag_s: float = 1.0
    """Pictures that come later than this after their time are dropped."""
    loop: bool = False
    """Whether a file begins anew at its end."""


card: Final = Card(
    title="Cameras by RTSP, and files of video: grey pictures of half the size for the detector beside the camera",
    level="block, health",
    licence="Apache-2.0 (PyAV: BSD-3-Clause, its wheels carry FFmpeg with GPL parts; the extra `video`)",
    docs="docs/source-video.md",
    limits=(
        "One core decodes a handful of full-size streams: take the camera's smaller stream.",
        "Times are those of arrival less the least delay: RTCP's sender reports are not read.",
        "Only pictures: sound is never opened.",
    ),
)
settings_type: Final = VideoSettings


def build(site: Site, settings: VideoSettings, folder: Path) -> LiveSource:
    """The source, not yet opened. Raises `SiteError`."""
    problems = _problems(site, settings, folder)
    if find_spec("av") is None:
        allowed = "`pip install 'linewatch[video]'`"
        problems.append(Problem("site.toml", _WHERE, "the package av is not installed", allowed))
    if problems:
        raise SiteError(problems)
    from linewatch.sources.video.source import Camera, VideoSource  # noqa: PLC0415 - needs the extra

    camera = Camera(
        address=str(folder / settings.file) if settings.file else _address(settings),
        shown=settings.file or settings.url,
        rate_hz=settings.rate_hz,
        scale=settings.scale,
        most_lag_s=settings.most_lag_s,
        is_file=bool(settings.file),
        loop=settings.loop,
    )
    return VideoSource(site, settings.name or f"video:{settings.sensor}", site.sensor(settings.sensor), camera)


def _problems(site: Site, settings: VideoSettings, folder: Path) -> list[Problem]:
    problems = []
    if not site.has_sensor(settings.sensor) or site.sensor(settings.sensor).kind != "camera":
        problems.append(Problem("site.toml", f"{_WHERE} sensor", repr(settings.sensor[:60]), "a camera of the site"))
    if bool(settings.url) == bool(settings.file):
        found = "both" if settings.url else "neither"
        problems.append(Problem("site.toml", f"{_WHERE} url, file", found, "one of them"))
    elif settings.file and not (folder / settings.file).is_file():
        problems.append(Problem("site.toml", f"{_WHERE} file", repr(settings.file[:80]), f"a file in {folder}"))
    elif settings.url and not _is_rtsp(settings.url):
        # A log-in in the address would be a literal secret, so the address is not shown.
        allowed = "rtsp://HOST[:PORT]/PATH, or rtsps://; log-in as username and password"
        problems.append(Problem("site.toml", f"{_WHERE} url", "another form", allowed))
    if settings.password and not settings.username:
        problems.append(Problem("site.toml", f"{_WHERE} username", "nothing", "a name beside the password"))
    problems += [
        Problem("site.toml", f"{_WHERE} {key}", f"{getattr(settings, key):g}", f"{least:g} to {most:g}")
        for key, least, most in (("rate_hz", 0.5, 60.0), ("scale", 1, 16), ("most_lag_s", 0.1, 4.0))
        if not least <= getattr(settings, key) <= most
    ]
    return problems


def _is_rtsp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("rtsp", "rtsps") and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        return False


def _address(settings: VideoSettings) -> str:
    """The address with the log-in in it, as the library wants it; told nowhere."""
    if not settings.username:
        return settings.url
    scheme, rest = settings.url.split("://", 1)
    return f"{scheme}://{quote(settings.username, safe='')}:{quote(settings.password, safe='')}@{rest}"
