"""Sensors as a site describes them, one by one or as the rows of a table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from linewatch.records.vocabulary import SENSOR_KINDS, SENSOR_STATES, SensorKind, SensorState
from linewatch.site.model import Line
from linewatch.site.problems import Fields, Findings, one_of, shown
from linewatch.site.read_line import END_M
from linewatch.site.secrets import REFERENCE, holds_secret
from linewatch.site.sensor import Performance, Sensor
from linewatch.site.table import read_rows

Lines = Mapping[str, Line | None]
"""Lines of a site by id; None for one that is named but cannot be used."""

_SENSORS: Final = "a CSV file whose columns are keys of [[sensor]]"
_CALIBRATION: Final = "a CSV file with the columns channel, chainage_m"
_SPANS_ONLY: Final = ("fibre_das", "fibre_vibration")
_LINKS: Final = ("microwave", "radio_link")
_SPAN_KEYS: Final = ("from_m", "to_m", "channels", "calibration")
_FORMS: Final = "a span (from_m, to_m, channels), a calibrated span (calibration, channels) or a point (at_m)"
_MOST_CHANNELS: Final = 1_000_000
_FARTHEST_M: Final = 100_000.0
_LONGEST_URL: Final = 2_000


def read_line_id(fields: Fields, lines: Lines, usual: str | None = None) -> str | None:
    """The line that something belongs to: as it says, else the usual one, else the only one."""
    named = fields.text("line")
    if named is not None and named not in lines:
        fields.refuse("line", shown(named), one_of(lines, named))
        return None
    if named is not None or fields.get("line") is not None:
        return named
    if usual is not None or len(lines) == 1:
        return usual or next(iter(lines))
    if lines:
        fields.refuse("line", "nothing", f"{one_of(lines)}, since the site has several lines")
    return None


def read_sensors(
    findings: Findings, folder: Path, file: str, lines: Lines, usual: str | None
) -> Iterator[tuple[Fields, Sensor]]:
    """The usable sensors of a CSV file, each with the row it came from."""
    for row in read_rows(findings, folder / file, file, _SENSORS, ("id", "kind")):
        sensor = read_sensor(row, folder, lines, usual)
        if sensor is not None:
            yield row, sensor


def read_sensor(fields: Fields, folder: Path, lines: Lines, usual: str | None = None) -> Sensor | None:
    """One `[[sensor]]` or row; None where it is not usable, with the problems noted."""
    before = len(fields.findings)
    sensor_id = fields.text("id", required=True)
    kind = fields.choice("kind", SENSOR_KINDS, required=True)
    line_id = read_line_id(fields, lines, usual)
    line = lines[line_id] if line_id is not None else None
    end_m = line.length_m if line else None
    from_m = fields.number("from_m", low=0.0, high=end_m, slack=END_M)
    to_m = fields.number("to_m", above=from_m if from_m is not None else 0.0, high=end_m, slack=END_M)
    channels = fields.whole("channels", low=1, high=_MOST_CHANNELS)
    calibration_file = fields.text("calibration")
    at_m = fields.number("at_m", low=0.0, high=end_m, slack=END_M)
    channels = _check_form(fields, kind, channels)
    taps = _read_taps(fields.findings, folder, calibration_file, channels, end_m) if calibration_file else ()
    sensor = Sensor(
        id=sensor_id or "",
        kind=cast("SensorKind", kind),
        line=line_id or "",
        from_m=from_m,
        to_m=to_m,
        channels=channels,
        at_m=at_m,
        offset_m=fields.number("offset_m", low=-_FARTHEST_M, high=_FARTHEST_M) or 0.0,
        range_m=fields.number("range_m", above=0.0, high=_FARTHEST_M),
        azimuth_deg=fields.number("azimuth_deg", low=0.0, below=360.0),
        fov_deg=fields.number("fov_deg", above=0.0, high=360.0),
        view_url=_read_url(fields, "view_url"),
        calibration=taps,
        cabinet=fields.text("cabinet"),
        power=fields.text("power"),
        network=fields.text("network"),
        heartbeat_s=fields.number("heartbeat_s", above=0.0),
        state=cast("SensorState", fields.choice("state", SENSOR_STATES) or "in_service"),
        performance=_read_performance(fields.nested("performance")),
    )
    fields.close()
    if len(fields.findings) == before and taps and line:
        _check_calibrated(fields, sensor, line)
    return sensor if len(fields.findings) == before and line else None


def _check_form(fields: Fields, kind: str | None, channels: int | None) -> int | None:
    """Note where a sensor is neither a span nor a point, or both; the channels that it then has."""
    span = [key for key in _SPAN_KEYS if fields.get(key) is not None]
    point = fields.get("at_m") is not None
    if point and (span or kind in _SPANS_ONLY):
        fields.refuse("at_m", f"a point beside {span[0]}" if span else f"a point of kind {kind}", _FORMS)
    elif not point and not span:
        fields.refuse("from_m" if kind in _SPANS_ONLY else "at_m", "nothing", _FORMS)
    elif span:
        if "channels" not in span and kind in _LINKS:
            channels = 1  # a link is felt as a whole
        elif "channels" not in span:
            fields.refuse("channels", "nothing", f"a whole number from 1 to {_MOST_CHANNELS}")
        for key in ("from_m", "to_m"):
            if key not in span and "calibration" not in span:
                fields.refuse(key, "nothing", _FORMS)
    return channels


def _read_taps(
    findings: Findings, folder: Path, file: str, channels: int | None, end_m: float | None
) -> tuple[tuple[float, float], ...]:
    """Calibration points of a span; both columns must rise from row to row, or a channel had no one place."""
    taps: list[tuple[float, float]] = []
    last = channels - 1 if channels is not None else _MOST_CHANNELS
    known = len(findings)
    for row in read_rows(findings, folder / file, file, _CALIBRATION, ("channel", "chainage_m")):
        channel = row.number("channel", required=True, low=0.0, high=last)
        chainage_m = row.number("chainage_m", required=True, low=0.0, high=end_m, slack=END_M)
        row.close()
        if channel is None or chainage_m is None:
            continue
        tap = (channel, chainage_m)
        for key, value, before in zip(("channel", "chainage_m"), tap, taps[-1], strict=True) if taps else ():
            if value <= before:
                row.refuse(key, f"{value:.10g}, which does not rise", f"above {before:.10g}, that of the row before")
        taps.append(tap)
    if len(taps) < 2 and len(findings) == known:
        findings.add(file, "rows", str(len(taps)), "2 or more calibration points")
    return tuple(taps)


def _check_calibrated(fields: Fields, sensor: Sensor, line: Line) -> None:
    """Note where the calibration, drawn on beyond its outermost points, puts channels off the line."""
    centres_m = sensor.channel_centres_m()
    for channel in (0, len(centres_m) - 1):
        if not -END_M <= centres_m[channel] <= line.length_m + END_M:
            fields.refuse(
                "calibration",
                f"channel {channel} at {centres_m[channel]:.10g} m",
                f"channels on the line, from 0 to {line.length_m:.10g} m",
            )


def _read_url(fields: Fields, key: str) -> str | None:
    url = fields.text(key, longest=_LONGEST_URL)
    if url is not None and holds_secret(url):
        fields.refuse(
            key, "an address that holds a secret (not shown)", f"an address without one; a secret is {REFERENCE}"
        )
        return None
    return url


def _read_performance(fields: Fields) -> Performance:
    thermal = fields.flag("thermal")
    performance = Performance(
        pd_walk_fraction=fields.number("pd_walk_fraction", low=0.0, high=1.0),
        pd_crawl_fraction=fields.number("pd_crawl_fraction", low=0.0, high=1.0),
        pd_vehicle_fraction=fields.number("pd_vehicle_fraction", low=0.0, high=1.0),
        far_per_day=fields.number("far_per_day", low=0.0),
        thermal=True if thermal is None else thermal,
    )
    fields.close()
    return performance
