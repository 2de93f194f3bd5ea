"""Report: which tracks have something new to say, and their `Track` records.

A confirmed track is reported when it is confirmed; when its state, intent, kind, size or stretch changes; when it is
not where its last report, carried on at constant speed, lets one expect it (dead reckoning); at least every
`refresh_s`; and when it ends. Tentative tracks are never reported.
"""

import math
from typing import Any, Final, get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Track, track_id
from linewatch.records.quantise import quantise_time_ns
from linewatch.records.track import TrackState
from linewatch.records.vocabulary import Gait, Intent
from linewatch.site.model import Line
from linewatch.track.performance import Watch
from linewatch.track.settings import TrackSettings
from linewatch.track.state import NS_PER_S

INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)
GAITS: Final[tuple[Gait, ...]] = get_args(Gait)
LIVES: Final[tuple[TrackState, ...]] = ("tentative", "confirmed", "coasting", "ended")
ENDED: Final = 3
COLUMNS: Final = (
    "existence",
    "chainage_m",
    "p_xx",
    "velocity_mps",
    "p_vv",
    "p_xv",
    "from_m",
    "to_m",
    "strength_db",
    "offset_m",
    "p_yy",
    "offset_velocity_mps",
)


@njit(cache=True, nogil=True)
def _kind(track: Any) -> int:
    """The likeliest mover and act as one number."""
    mover = act = 0
    for k in range(len(track.mover)):
        if track.mover[k] > track.mover[mover]:
            mover = k
    for k in range(len(track.act)):
        if track.act[k] > track.act[act]:
            act = k
    return 1 + mover * len(track.act) + act


@njit(cache=True, nogil=True)
def stretch(track: Any) -> tuple[float, float]:
    """The stretch now: carried along with a track that clearly moves."""
    shift = 0.0
    if abs(track.velocity_mps) > 3.0 * math.sqrt(track.p_vv):
        shift = track.velocity_mps * (track.time_ns - track.extent_ns) * 1e-9
    return track.from_m + shift, track.to_m + shift


@njit(cache=True, nogil=True)
def newsworthy(
    tracks: NDArray[Any], now_ns: int, refresh_ns: int, moved_m: float, extent_changed_m: float
) -> NDArray[np.bool_]:
    """Which tracks are to be reported now; notes in place what is being said."""
    out = np.zeros(len(tracks), dtype=np.bool_)
    for i in range(len(tracks)):
        track = tracks[i]
        if track.shadow or track.life == 0:
            continue
        kind = _kind(track)
        expected = track.sent_chainage_m + track.sent_velocity_mps * (now_ns - track.sent_ns) * 1e-9
        from_m, to_m = track.from_m - track.chainage_m, track.to_m - track.chainage_m
        news = (
            track.sent_ns == 0
            or track.sent_life != track.life
            or track.sent_intent != track.intent
            or track.sent_kind != kind
            or abs(track.count_high - track.sent_count_high) > 0.2 * track.sent_count_high
            or abs(track.count_low - track.sent_count_low) > 0.2 * track.sent_count_low
            or now_ns - track.sent_ns >= refresh_ns
            or abs(track.chainage_m - expected) > max(moved_m, 2.0 * math.sqrt(track.p_xx))
            or abs((to_m - from_m) - (track.sent_to_m - track.sent_from_m)) > extent_changed_m
        )
        if not news:
            continue
        out[i] = True
        track.sent_ns, track.sent_life, track.sent_intent, track.sent_kind = now_ns, track.life, track.intent, kind
        track.sent_chainage_m, track.sent_velocity_mps = track.chainage_m, track.velocity_mps
        track.sent_from_m, track.sent_to_m = from_m, to_m
        track.sent_count_low, track.sent_count_high = track.count_low, track.count_high
    return out


def which(tracks: NDArray[Any], now_ns: int, settings: TrackSettings) -> NDArray[np.int64]:
    """Rows of the tracks that are to be reported now."""
    refresh_ns = int(settings.refresh_s * NS_PER_S)
    return np.flatnonzero(newsworthy(tracks, now_ns, refresh_ns, settings.moved_m, settings.extent_changed_m))


def first_key(track: Any, watch: Watch) -> str:
    """Key of the track's first detection, as `Detection.key` writes it."""
    return f"{watch.ids[int(track['first_sensor'])]}@{int(track['first_ns']) // 1000}/{int(track['place_mm'])}"


def name(tracks: NDArray[Any], line: Line, watch: Watch) -> None:
    """Give every confirmed track that has none its id, in place."""
    for row in np.flatnonzero((tracks["id"] == 0) & (tracks["life"] > 0)).tolist():
        section = line.sections[int(tracks["origin"][row])].name
        tracks["id"][row] = int(track_id(line.id, section, first_key(tracks[row], watch)), 16)


@njit(cache=True, nogil=True)
def _set_stretches(tracks: NDArray[Any]) -> None:
    for i in range(len(tracks)):
        tracks[i].from_m, tracks[i].to_m = stretch(tracks[i])


def records(
    tracks: NDArray[Any],
    seen: NDArray[np.uint64],
    section: str,
    line: Line,
    watch: Watch,
    *,
    known: tuple[str | None, ...] = (),
    reasons: tuple[str, ...] = (),
    ended: tuple[str, ...] = (),
) -> list[Track]:
    """The tracks as records on the grain of the archive, all at their own `time_ns`."""
    if not len(tracks):
        return []
    shown = tracks.copy()
    _set_stretches(shown)
    for p, floor in (("p_xx", 1e-6), ("p_vv", 1e-6), ("p_yy", 1e-6)):
        shown[p] = np.sqrt(np.maximum(shown[p], floor))
    columns = [np.round(shown[field] * 1000.0) / 1000.0 + 0.0 for field in COLUMNS]
    columns[0] = np.round(shown["existence"] * 255.0) / 255.0
    columns[5] = np.round(shown["p_xv"] * 1e6) / 1e6 + 0.0
    columns[8] = np.round(shown["strength_db"] * 100.0) / 100.0 + 0.0
    movers = _shares(shown["mover"], MOVERS.index("unknown"))
    acts = _shares(shown["act"], ACTS.index("none"))
    values = zip(*(column.tolist() for column in columns), movers, acts, strict=True)
    rows = zip(
        shown[["time_ns", "first_ns", "last_ns", "id", "origin", "detections", "count_low", "count_high"]].tolist(),
        shown[["life", "intent", "gait"]].tolist(),
        values,
        strict=True,
    )
    out: list[Track] = []
    for i, (whole, states, value) in enumerate(rows):
        time_ns, first_ns, last_ns, number, origin, detections, count_low, count_high = whole
        existence, x, sx, v, sv, xv, from_m, to_m, db, y, sy, w, mover, act = value
        first = first_key(shown[i], watch)
        parents = shown["parents"][i]
        blind = math.isnan(y)
        out.append(
            Track(
                id=f"{number:016x}" if number else track_id(line.id, line.sections[origin].name, first),
                line=line.id,
                section=section,
                time_ns=quantise_time_ns(time_ns),
                first_ns=quantise_time_ns(first_ns),
                last_ns=quantise_time_ns(last_ns),
                state=LIVES[ENDED] if ended else LIVES[states[0]],
                existence_probability=existence,
                chainage_m=x,
                chainage_sigma_m=sx,
                velocity_mps=v,
                velocity_sigma_mps=sv,
                covariance_m2ps=xv,
                from_m=from_m,
                to_m=to_m,
                strength_db=db,
                mover_probabilities=mover,
                act_probabilities=act,
                sensors=watch.names(seen[i]),
                first_detection=first,
                detections=detections,
                count_low=count_low,
                count_high=count_high,
                offset_m=None if blind else y,
                offset_sigma_m=None if blind else sy,
                offset_velocity_mps=None if blind else w,
                intent=INTENTS[states[1]],
                intent_reason=reasons[i] if reasons else "",
                gait=GAITS[states[2] - 1] if states[2] else None,
                known=known[i] if known else None,
                parents=tuple(f"{parent:016x}" for parent in parents.tolist() if parent) if parents.any() else (),
                ended_reason=ended[i] if ended else "",
            )
        )
    return out


def _shares(rows: NDArray[np.float64], otherwise: int) -> list[tuple[float, ...]]:
    """Each row as probabilities on the grain of the archive; where no sensor has said anything, all on one."""
    silent = ~rows.any(axis=1)
    shares = rows.copy()
    shares[silent, otherwise] = 1.0
    return list(map(tuple, (np.round(shares * 255.0) / 255.0).tolist()))
