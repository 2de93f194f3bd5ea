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
from linewatch.records.quantise import TIME_GRAIN_NS
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
EXACT: Final = (
    *("time_ns", "first_ns", "last_ns", "id", "origin", "first_sensor", "place_mm"),
    *("detections", "count_low", "count_high", "life", "intent", "gait", "late"),
)
KEY: Final = ("origin", "first_sensor", "first_ns", "place_mm")
NUMBERS: Final = (
    *("existence", "chainage_m", "p_xx", "velocity_mps", "p_vv", "p_xv", "from_m", "to_m", "strength_db"),
    *("offset_m", "p_yy", "offset_velocity_mps"),
)
STEPS: Final = np.array([[255.0], *[[1e3]] * 4, [1e6], *[[1e3]] * 2, [1e2], *[[1e3]] * 3])
VARIANCES: Final = [NUMBERS.index(name) for name in ("p_xx", "p_vv", "p_yy")]

# Whether a new mover is borne out decides if a person is called, so its first seconds are told more often.
YOUNG_NS: Final = 10_000_000_000
YOUNG_REFRESH_NS: Final = 500_000_000


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
            or track.sent_known != track.known
            or abs(track.count_high - track.sent_count_high) > 0.2 * track.sent_count_high
            or abs(track.count_low - track.sent_count_low) > 0.2 * track.sent_count_low
            or now_ns - track.sent_ns >= (YOUNG_REFRESH_NS if now_ns - track.first_ns < YOUNG_NS else refresh_ns)
            or abs(track.chainage_m - expected) > max(moved_m, 2.0 * math.sqrt(track.p_xx))
            or abs((to_m - from_m) - (track.sent_to_m - track.sent_from_m)) > extent_changed_m
        )
        if not news:
            continue
        out[i] = True
        track.sent_ns, track.sent_life, track.sent_intent, track.sent_kind = now_ns, track.life, track.intent, kind
        track.sent_chainage_m, track.sent_velocity_mps = track.chainage_m, track.velocity_mps
        track.sent_from_m, track.sent_to_m = from_m, to_m
        track.sent_known = track.known
        track.sent_count_low, track.sent_count_high = track.count_low, track.count_high
    return out


def which(tracks: NDArray[Any], now_ns: int, settings: TrackSettings) -> NDArray[np.int64]:
    """Rows of the tracks that are to be reported now."""
    refresh_ns = int(settings.refresh_s * NS_PER_S)
    return np.flatnonzero(newsworthy(tracks, now_ns, refresh_ns, settings.moved_m, settings.extent_changed_m))


def name(tracks: NDArray[Any], line: Line, watch: Watch) -> None:
    """Give every confirmed track that has none its id, in place."""
    nameless = np.flatnonzero((tracks["id"] == 0) & (tracks["life"] > 0))
    if not len(nameless):
        return
    rows = zip(*(tracks[field][nameless].tolist() for field in KEY), strict=True)
    tracks["id"][nameless] = [
        int(track_id(line.id, line.sections[origin].name, _key(watch, sensor, first_ns, place_mm)), 16)
        for origin, sensor, first_ns, place_mm in rows
    ]


def _key(watch: Watch, sensor: int, first_ns: int, place_mm: int) -> str:
    """Key of a track's first detection, as `Detection.key` writes it."""
    return f"{watch.ids[sensor]}@{first_ns // TIME_GRAIN_NS}/{place_mm}"


@njit(cache=True, nogil=True)
def _set_stretches(tracks: NDArray[Any]) -> None:
    for i in range(len(tracks)):
        tracks[i].from_m, tracks[i].to_m = stretch(tracks[i])


@njit(cache=True, nogil=True)
def stretches(tracks: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 2) the stretch of every track now."""
    out = np.empty((len(tracks), 2))
    for i in range(len(tracks)):
        out[i, 0], out[i, 1] = stretch(tracks[i])
    return out


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
    exact = zip(*(shown[field].tolist() for field in EXACT), strict=True)
    rounded = zip(*_rounded(shown), strict=True)
    movers = _shares(shown["mover"], MOVERS.index("unknown"))
    acts = _shares(shown["act"], ACTS.index("none"))
    parents = shown["parents"].tolist() if shown["parents"].any() else None
    state = ENDED if ended else None
    out: list[Track] = []
    for i, (whole, number) in enumerate(zip(exact, rounded, strict=True)):
        time_ns, first_ns, last_ns, id_, origin, sensor, place_mm, *_, late = whole
        detections, low, high, life, intent, gait = whole[7:13]
        existence, x, sx, v, sv, xv, from_m, to_m, db, y, sy, w = number
        first = _key(watch, sensor, first_ns, place_mm)
        blind = math.isnan(y)
        out.append(
            Track(
                id=f"{id_:016x}" if id_ else track_id(line.id, line.sections[origin].name, first),
                line=line.id,
                section=section,
                time_ns=time_ns - time_ns % TIME_GRAIN_NS,
                first_ns=first_ns - first_ns % TIME_GRAIN_NS,
                last_ns=last_ns - last_ns % TIME_GRAIN_NS,
                state=LIVES[life if state is None else state],
                existence_probability=existence,
                chainage_m=x,
                chainage_sigma_m=sx,
                velocity_mps=v,
                velocity_sigma_mps=sv,
                covariance_m2ps=xv,
                from_m=from_m,
                to_m=to_m,
                strength_db=db,
                mover_probabilities=movers[i],
                act_probabilities=acts[i],
                sensors=watch.names(seen[i]),
                first_detection=first,
                detections=detections,
                count_low=low,
                count_high=high,
                offset_m=None if blind else y,
                offset_sigma_m=None if blind else sy,
                offset_velocity_mps=None if blind else w,
                intent=INTENTS[intent],
                intent_reason=reasons[i] if reasons else "",
                gait=GAITS[gait - 1] if gait else None,
                known=known[i] if known else None,
                parents=() if parents is None else tuple(f"{parent:016x}" for parent in parents[i] if parent),
                ended_reason=ended[i] if ended else "",
                late=bool(late),
            )
        )
    return out


def _rounded(shown: NDArray[Any]) -> list[list[float]]:
    """Columns of `NUMBERS` on the grain of the archive, variances as standard deviations."""
    values = np.stack([shown[field] for field in NUMBERS])
    with np.errstate(invalid="ignore"):
        values[VARIANCES] = np.sqrt(np.maximum(values[VARIANCES], 1e-6))
    # Adding 0.0 turns a negative zero, which would have other bytes, into zero.
    rounded: list[list[float]] = (np.rint(values * STEPS) / STEPS + 0.0).tolist()
    return rounded


def _shares(rows: NDArray[np.float64], otherwise: int) -> list[tuple[float, ...]]:
    """Each row as probabilities on the grain of the archive; where no sensor has said anything, all on one."""
    silent = ~rows.any(axis=1)
    shares = rows.copy()
    shares[silent, otherwise] = 1.0
    return list(map(tuple, (np.round(shares * 255.0) / 255.0).tolist()))
