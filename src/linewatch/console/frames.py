"""Frames of the live feed: a length (4 bytes, big-endian), then a MessagePack map. Encoded once, whoever listens.

`t` tells what a frame is: `d` detections as typed arrays (little-endian), `t` tracks, `k` known movers, `w` weather,
`s` state, `i` an incident (in a replay), `gap` something that was left out, with the reason, `end` the end of a replay.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.console.picture import NS_PER_MS, Read
from linewatch.records import MOVERS, Detections, KnownMover, Tick, Track, Weather, concatenate
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line, Site

UNKNOWN_CODE: Final = 255
"""Code of a mover where the sensor cannot tell movers apart."""
_encode: Final = msgspec.msgpack.Encoder().encode


class Frame(NamedTuple):
    """One frame, ready to send."""

    seq: int
    """Position in the record chain after which the next frame follows."""
    raw: bytes
    """Length and body."""


def frame_of(seq: int, body: dict[str, Any]) -> Frame:
    """A frame with this body."""
    raw = _encode(body)
    return Frame(seq, len(raw).to_bytes(4, "big") + raw)


def gap_frame(seq: int, why: str) -> Frame:
    """Says that something was left out."""
    return frame_of(seq, {"t": "gap", "seq": seq, "why": why})


def detection_frame(seq: int, tick: Tick, batch: Detections) -> Frame:
    """The detections of one line and tick."""
    return frame_of(
        seq,
        {
            "t": "d",
            "seq": seq,
            "tick_ms": tick.time_ns // NS_PER_MS,
            "line": batch.line,
            "sensor": batch.sensors,
            "s": batch.sensor_index.astype("<u2").tobytes(),
            "c": batch.chainage_m.astype("<f4").tobytes(),
            "h": ((batch.to_m - batch.from_m) / 2.0).astype("<f4").tobytes(),
            "g": batch.strength_db.astype("<f4").tobytes(),
            "m": mover_codes(batch).tobytes(),
        },
    )


def mover_codes(batch: Detections) -> NDArray[np.uint8]:
    """(n,) place of the likeliest mover in `MOVERS`, or `UNKNOWN_CODE`."""
    known = ~np.isnan(batch.mover_probabilities[:, 0])
    codes = np.full(len(batch), UNKNOWN_CODE, dtype=np.uint8)
    if known.any():
        codes[known] = batch.mover_probabilities[known].argmax(axis=1)
    return codes


def track_frame(site: Site, seq: int, tick_ns: int, tracks: Sequence[Track], *, whole: bool) -> Frame:
    """Tracks that changed, or with `whole` all that live."""
    return frame_of(
        seq,
        {
            "t": "t",
            "seq": seq,
            "tick_ms": tick_ns // NS_PER_MS,
            "whole": whole,
            "tracks": [body for line in site.lines for body in _tracks_of(line, tracks)],
        },
    )


def _tracks_of(line: Line, tracks: Sequence[Track]) -> list[dict[str, Any]]:
    mine = [track for track in tracks if track.line == line.id]
    if not mine:
        return []
    lons, lats = lonlat(line, [t.chainage_m for t in mine], [t.offset_m or 0.0 for t in mine])
    return [
        {
            "id": track.id,
            "line": track.line,
            "chainage_m": track.chainage_m,
            "offset_m": track.offset_m,
            "speed_mps": track.velocity_mps,
            "from_m": track.from_m,
            "to_m": track.to_m,
            "sigma_m": track.chainage_sigma_m,
            "mover": MOVERS[track.mover_probabilities.index(max(track.mover_probabilities))],
            "count_low": track.count_low,
            "count_high": track.count_high,
            "known": track.known,
            "life": track.state,
            "lon": lon,
            "lat": lat,
        }
        for track, lon, lat in zip(mine, lons, lats, strict=True)
    ]


def known_frame(seq: int, tick_ns: int, known: Iterable[KnownMover]) -> Frame:
    """Where own people say that they are."""
    movers = [
        {
            "id": each.id,
            "what": "own people",
            "line": each.line,
            "chainage_m": each.chainage_m,
            "sigma_m": each.chainage_sigma_m,
            "count": each.count,
            "authenticated": each.authenticated,
            "time_ms": each.time_ns // NS_PER_MS,
        }
        for each in known
    ]
    return frame_of(seq, {"t": "k", "seq": seq, "tick_ms": tick_ns // NS_PER_MS, "movers": movers})


def weather_frame(seq: int, tick_ns: int, weather: Iterable[Weather]) -> Frame:
    """The weather of some stretches."""
    spells = [
        {"line": each.line, "from_m": each.from_m, "to_m": each.to_m, "words": weather_words(each)} for each in weather
    ]
    return frame_of(seq, {"t": "w", "seq": seq, "tick_ms": tick_ns // NS_PER_MS, "weather": spells})


def weather_words(weather: Weather) -> str:
    """Weather in a few words, with what was not measured left out."""
    parts = (
        ("{:.0f} \N{DEGREE SIGN}C", weather.temperature_c),
        ("wind {:.0f} m/s", weather.wind_mps),
        ("gusts {:.0f} m/s", weather.gust_mps),
        ("rain {:.1f} mm/h", weather.rain_mm_per_h),
        ("sight {:.0f} m", weather.visibility_m),
    )
    return ", ".join(text.format(value) for text, value in parts if value is not None)


def lonlat(
    line: Line, chainage_m: Sequence[float], offset_m: Sequence[float] | float = 0.0
) -> tuple[list[float | None], list[float | None]]:
    """Longitudes and latitudes in degrees to 1e-6; None all along a bench line."""
    if not line.coordinates_deg or not len(chainage_m):
        nowhere: list[float | None] = [None] * len(chainage_m)
        return nowhere, nowhere
    lon, lat = geometry_of(line).to_lonlat(np.asarray(chainage_m, dtype=np.float64), np.asarray(offset_m))
    return np.round(lon, 6).tolist(), np.round(lat, 6).tolist()


class Filming:
    """Turns what is read into frames: detections tick by tick, tracks once for each call, the latest of each."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._tick: Tick | None = None

    def frames(self, reads: Iterable[Read]) -> list[Frame]:
        """The frames of these entries. They must hold whole ticks."""
        out: list[Frame] = []
        felt: dict[str, list[Detections]] = {}
        tracks: dict[str, Track] = {}
        known: dict[str, KnownMover] = {}
        weather: list[Weather] = []
        seq = -1
        for read in reads:
            seq = read.entry.seq
            record = read.record
            if isinstance(record, Tick):
                out += self._felt(felt, seq - 1)
                felt = {}
                self._tick = record
            elif isinstance(record, Detections) and len(record):
                felt.setdefault(record.line, []).append(record)
            elif isinstance(record, Track):
                tracks[record.id] = record
            elif isinstance(record, KnownMover):
                known[record.id] = record
            elif isinstance(record, Weather):
                weather.append(record)
        out += self._felt(felt, seq)
        if self._tick is None:
            return out
        time_ns = self._tick.time_ns
        out += [track_frame(self.site, seq, time_ns, list(tracks.values()), whole=False)] if tracks else []
        out += [known_frame(seq, time_ns, known.values())] if known else []
        out += [weather_frame(seq, time_ns, weather)] if weather else []
        return out

    def _felt(self, felt: dict[str, list[Detections]], seq: int) -> list[Frame]:
        if self._tick is None:
            return []
        return [
            detection_frame(seq, self._tick, concatenate(line, batches) if len(batches) > 1 else batches[0])
            for line, batches in felt.items()
        ]
