"""Format `miniseed`: one stream of one or more MiniSEED files, in order of its own times. The files say time and rate.

A file with several streams needs the name of one behind it: `day.mseed:AM_R1234_00_EHZ`.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from linewatch.errors import Problem
from linewatch.records import Health, quantise
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources._nearest import nearest
from linewatch.sources.recording._array_files import split_name
from linewatch.sources.recording._header import Facts, Header
from linewatch.sources.recording._source import Reel
from linewatch.sources.recording._timeline import Stretched, Timeline
from linewatch.sources.recording.formats.array import ArrayReel

if TYPE_CHECKING:
    from linewatch.sources.recording._mseed_files import Damage, Found

FACTS: Final = Facts(required=frozenset({"sensor", "data", "format"}), optional=frozenset({"first_channel"}))
SUFFIXES: Final = (".mseed", ".miniseed", ".msd")


def open_reel(header: Header, site: Site) -> tuple[Reel | None, list[Problem]]:
    """The recording ready to be read, or everything that is wrong with it at the start."""
    file = str(header.file)
    problems = [Problem(file, f"data {n!r}", *wrong) for n in header.stretches[0].data if (wrong := _wrong(header, n))]
    if header.sensor is None or not site.has_sensor(header.sensor):
        allowed = nearest(str(header.sensor), (each.id for each in site.sensors), "a site with sensors")
        problems.append(Problem(file, "sensor", repr(header.sensor), allowed))
    elif header.first_channel >= (channels := site.sensor(header.sensor).channels or 1):
        allowed = f"0 to {channels - 1}, the channels of {header.sensor!r}"
        problems.append(Problem(file, "first_channel", str(header.first_channel), allowed))
    if find_spec("pymseed") is None:
        allowed = "`pip install 'linewatch[seismic]'`"
        problems.append(Problem(file, "format", "the package pymseed is not installed", allowed))
    if problems:
        return None, problems
    records, damaged, problems = _scanned(header)
    if problems or header.sensor is None:
        return None, problems
    return _reel(header, site.sensor(header.sensor), records, damaged), []


def _wrong(header: Header, name: str) -> tuple[str, str] | None:
    path = header.folder / split_name(name)[0]
    if path.suffix.lower() not in SUFFIXES:
        return "another kind of file", f"{', '.join(SUFFIXES)} (with :STREAM where it holds several)"
    return None if path.is_file() else ("nothing", f"a file in {header.folder}")


def _scanned(header: Header) -> tuple[list["Found"], list[tuple[str, "Damage"]], list[Problem]]:
    """Records of the named streams, what is damaged between them, and what is wrong."""
    from linewatch.sources.recording._mseed_files import scan_file  # noqa: PLC0415 - needs the extra

    records: list[Found] = []
    damaged: list[tuple[str, Damage]] = []
    problems: list[Problem] = []
    for name in header.stretches[0].data:
        file, key = split_name(name)
        where = f"data {name!r}"
        try:
            scan = scan_file(header.folder / file)
        except OSError as error:
            problems.append(Problem(str(header.file), where, str(error.strerror or error), "a file that can be read"))
            continue
        damaged += [(Path(file).name, each) for each in scan.damaged]
        streams = ", ".join(sorted(scan.streams)[:8]) or "no record with samples"
        if key is None and len(scan.streams) == 1:
            records += next(iter(scan.streams.values()))
        elif key in scan.streams:
            records += scan.streams[key]
        else:
            found = streams if key is None or not scan.streams else f"no stream {key!r}"
            allowed = f"one of {streams}, named behind the file" if scan.streams else "MiniSEED records"
            problems.append(Problem(str(header.file), where, found, allowed))
    return records, damaged, problems


def _reel(header: Header, sensor: Sensor, records: list["Found"], damaged: list[tuple[str, "Damage"]]) -> Reel:
    from linewatch.sources.recording._mseed_files import files_of, runs_of  # noqa: PLC0415 - needs the extra

    runs = runs_of(records)
    first = runs[0][0]
    timeline = Timeline(sensor.line, sensor.id, first.rate_hz, header.first_channel)
    others: list[Found] = []
    for run in runs:
        if (run[0].rate_hz, run[0].kind) != (first.rate_hz, first.kind):
            others += run
            continue
        timeline.add(Stretched(run[0].start_ns, tuple((file.name, file) for file in files_of(run))))
    timeline.findings += [_other(sensor, first, each) for each in others]
    timeline.findings += [_damage(sensor, first.start_ns, name, each) for name, each in damaged]
    whole = msgspec.structs.replace(header, rate_hz=first.rate_hz)
    return ArrayReel(whole, sensor, files_of(runs[0])[0], timeline)


def _other(sensor: Sensor, first: "Found", found: "Found") -> Health:
    text = (
        f"{found.path.name}: {found.rows} samples of kind {found.kind} at {found.rate_hz:g} a second found, "
        f"{first.kind} at {first.rate_hz:g} expected as in the first record; not read"
    )
    condition = "wrong_rate" if found.rate_hz != first.rate_hz else "wrong_shape"
    return quantise(
        Health(sensor.line, sensor.id, found.start_ns, condition, "note", text, count=found.rows)  # type: ignore[arg-type]
    )


def _damage(sensor: Sensor, start_ns: int, name: str, damage: "Damage") -> Health:
    text = f"{name}: {damage.length} bytes from number {damage.offset} on are no MiniSEED record"
    time_ns = max(damage.after_ns, start_ns)
    return quantise(Health(sensor.line, sensor.id, time_ns, "unreadable", "note", text, count=damage.length))
