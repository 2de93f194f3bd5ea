"""The entry point `das`: fibre interrogators as a source of a site, by a watched folder or a live stream."""

import ipaddress
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.ports import LiveSource
from linewatch.site.model import Site

_WHERE: Final = "source 'das'"
_INSTALL: Final = "`pip install 'linewatch[das]'`"
_KEY_LENGTH: Final = 40


class DasSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "das"`."""

    sensor: str
    """The fibre."""
    folder: str = ""
    """Folder that the interrogator writes files into; or `stream`."""
    stream: str = ""
    """`tcp://HOST:PORT` of a ZeroMQ publisher; or `folder`."""
    name: str = "das"
    """Names the source."""
    skip_channels: int = 0
    """Channels of the interrogator ahead of the sensor's first."""
    pattern: str = "*"
    """Names of the files that are taken, such as `*.h5`, at any depth."""
    settle_s: float = 2.0
    """A file that has not grown for so long is complete."""
    catch_up_s: float = 600.0
    """Older files are not taken any more."""
    topic: str = ""
    """Beginning of the topics that are taken of a stream."""
    private_network: bool = False
    """A stream in the clear carries no proof of who sent it: one from beyond this machine needs this word for it."""
    server_key: str = ""
    """The publisher's public CURVE key (40 characters); makes the stream encrypted."""
    public_key: str = ""
    """Our public CURVE key."""
    secret_key: str = ""
    """Our secret CURVE key, as a reference."""


card: Final = Card(
    title="DAS: files of ProdML, Terra15, Silixa, Febus, OptoDAS, AP Sensing, TDMS, SEG-Y and others; ZeroMQ streams",
    level="block, health",
    licence="Apache-2.0 (dascore: LGPL-3.0-or-later; pyzmq: BSD-3-Clause; the extra `das`)",
    docs="docs/source-das.md",
    limits=(
        "What a file tells is as old as the file is long when it comes: short files, or a stream.",
        "Formats are dascore's; a file with several arrays, or with uneven times, is refused.",
        "The quantity that was measured is told as the file declares it, and not converted.",
    ),
)
settings_type: Final = DasSettings


def build(site: Site, settings: DasSettings, folder: Path) -> LiveSource:
    """The source, not yet reading. Raises `SiteError`."""
    problems = [*_sensor_problems(site, settings), *_way_problems(settings, folder)]
    problems += [
        Problem("site.toml", f"{_WHERE} {key}", f"{getattr(settings, key):g}", f"{least:g} to {most:g}")
        for key, least, most in (
            ("skip_channels", 0, 10_000_000),
            ("settle_s", 0.1, 600.0),
            ("catch_up_s", 1.0, 86_400.0),
        )
        if not least <= getattr(settings, key) <= most
    ]
    if problems:
        raise SiteError(problems)
    sensor = site.sensor(settings.sensor)
    if settings.folder:
        from linewatch.sources.das.folder_source import DasFolderSource  # noqa: PLC0415 - one of two ways

        return DasFolderSource(
            site,
            settings.name,
            sensor,
            folder / settings.folder,
            pattern=settings.pattern,
            skip_channels=settings.skip_channels,
            settle_s=settings.settle_s,
            catch_up_s=settings.catch_up_s,
        )
    from linewatch.sources.das.stream_source import DasStreamSource, Publisher  # noqa: PLC0415 - needs the extra

    publisher = Publisher(
        settings.stream, settings.topic, settings.server_key, settings.public_key, settings.secret_key
    )
    return DasStreamSource(site, settings.name, sensor, publisher, skip_channels=settings.skip_channels)


def _sensor_problems(site: Site, settings: DasSettings) -> list[Problem]:
    if not site.has_sensor(settings.sensor):
        return [Problem("site.toml", f"{_WHERE} sensor", repr(settings.sensor[:60]), "a sensor of the site")]
    sensor = site.sensor(settings.sensor)
    if not sensor.is_span or not sensor.channels:
        return [Problem("site.toml", f"{_WHERE} sensor", f"the point {sensor.id!r}", "a sensor with channels")]
    if settings.folder and sensor.heartbeat_s is None:
        allowed = "more than the length of a file: nothing is heard in between"
        return [Problem("site.toml", f"sensor {sensor.id!r} heartbeat_s", "nothing", allowed)]
    return []


def _way_problems(settings: DasSettings, folder: Path) -> list[Problem]:
    """What is wrong with the folder or the stream."""
    if bool(settings.folder) == bool(settings.stream):
        found = "both" if settings.folder else "neither"
        return [Problem("site.toml", f"{_WHERE} folder, stream", found, "one of them")]
    if settings.folder:
        problems = []
        if not (folder / settings.folder).is_dir():
            problems.append(
                Problem("site.toml", f"{_WHERE} folder", repr(settings.folder[:80]), "a folder that exists")
            )
        if find_spec("dascore") is None:
            problems.append(Problem("site.toml", _WHERE, "the package dascore is not installed", _INSTALL))
        return problems
    return _stream_problems(settings)


def _stream_problems(settings: DasSettings) -> list[Problem]:
    problems = []
    if find_spec("zmq") is None:
        problems.append(Problem("site.toml", _WHERE, "the package pyzmq is not installed", _INSTALL))
    try:
        parts = urlsplit(settings.stream)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme != "tcp" or not host or not port or parts.path or "@" in parts.netloc:
        return [*problems, Problem("site.toml", f"{_WHERE} stream", repr(settings.stream[:80]), "tcp://HOST:PORT")]
    keys = (settings.server_key, settings.public_key, settings.secret_key)
    if any(keys) and any(len(key) != _KEY_LENGTH for key in keys):
        allowed = f"server_key, public_key and secret_key of {_KEY_LENGTH} characters each, or none"
        problems.append(Problem("site.toml", f"{_WHERE} keys", "another length", allowed))
    if not any(keys) and not settings.private_network and not _is_loopback(host):
        allowed = "an address of this machine, CURVE keys, or private_network = true"
        problems.append(Problem("site.toml", f"{_WHERE} stream", repr(settings.stream[:80]), allowed))
    return problems


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
