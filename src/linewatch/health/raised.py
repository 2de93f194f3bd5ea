"""Noise that has risen over its usual level and stays there: wind, rain, a machine, somebody who shakes the fence.

What a detector hears above noise it cannot hear below it, whatever has raised it. So the level of short pieces of a
sensor is compared with its usual one, by the samples themselves and not by what the detector has made of them. The
usual level falls within a minute and rises by `learn_db_per_h` only: noise does not become usual because it lasts.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST_PIECES: Final = 256
_FALL_S: Final = 10.0
_SMOOTH_S: Final = 5.0


class RaisedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When noise counts as raised."""

    tell_db: float = 6.0
    """Height over the usual level from which it is told."""
    step_db: float = 6.0
    """It is told in steps of this, by the middle of each, and anew when the step changes."""
    hold_s: float = 20.0
    """How long every window must be so high: footsteps leave pauses, and most climbs are shorter."""
    calm_s: float = 60.0
    """How long every window must be lower before it is told to be lower, or over."""
    settle_s: float = 30.0
    """How long a sensor is listened to before its usual level counts."""
    learn_db_per_h: float = 1.0
    """How fast the usual level may rise."""
    piece_m: float = 25.0
    """Length of a piece; longer on sensors of more than 256 of them."""
    piece_channels: int = 4
    """Least channels of a piece, where the sensor has so many."""


class Raised(msgspec.Struct):
    """What is known of the pieces; arrays are (n_pieces,)."""

    windows: int
    """Windows listened to."""
    recent_db: NDArray[np.float64]
    """Level of the last moments."""
    usual_db: NDArray[np.float64]
    """Usual level."""
    over: NDArray[np.int32]
    """Windows in a row that stood over what is told."""
    under: NDArray[np.int32]
    """Windows in a row that stood under what is told."""
    told_db: NDArray[np.float64]
    """What is told and not over; 0 for nothing."""


class Told(msgspec.Struct, frozen=True):
    """Neighbouring channels whose noise was told anew."""

    first: int
    """First channel."""
    last: int
    """Last channel."""
    rise_db: float
    """How far it stands over the usual level now; 0 where that is over."""
    was_db: float
    """What was told before; 0 for nothing."""
    windows: int
    """For how many windows it has been so."""


def piece_of_channels(n_channels: int, pitch_m: float, settings: RaisedSettings) -> NDArray[np.int64]:
    """(n_channels,) number of the piece that each channel belongs to."""
    least = max(-(-n_channels // MOST_PIECES), min(settings.piece_channels, n_channels))
    wide = max(round(settings.piece_m / max(pitch_m, 1e-3)), least)
    return np.arange(n_channels) // wide


def new_raised(n_pieces: int) -> Raised:
    """Nothing heard."""
    unknown, nothing = np.full(n_pieces, np.nan), np.zeros(n_pieces, np.int32)
    return Raised(0, unknown, unknown.copy(), nothing, nothing.copy(), np.zeros(n_pieces))


def listen(
    state: Raised,
    level_db: NDArray[np.float64],
    heard: NDArray[np.bool_],
    piece: NDArray[np.int64],
    window_s: float,
    settings: RaisedSettings,
) -> list[Told]:
    """Take one window of all channels; tell where the noise has risen, changed its step, or come back.

    Args:
        state: changed in place.
        level_db: (n_channels,) level of the window.
        heard: (n_channels,) channels whose level means something.
        piece: (n_channels,) piece of each, ascending.
        window_s: length of the window.
        settings: as given.
    """
    state.windows += 1
    now_db = _means(level_db, heard, piece, len(state.told_db))
    known = np.isfinite(now_db)
    share = min(window_s / _SMOOTH_S, 1.0)
    fresh = np.isnan(state.recent_db)
    state.recent_db = np.where(
        known, np.where(fresh, now_db, state.recent_db + share * (now_db - state.recent_db)), state.recent_db
    )
    _learn(state, known, window_s, settings)
    if state.windows * window_s <= settings.settle_s:
        return []
    rise_db = np.where(known, state.recent_db - state.usual_db, np.nan)
    return _tell(state, rise_db, piece, window_s, settings)


def _means(
    level_db: NDArray[np.float64], heard: NDArray[np.bool_], piece: NDArray[np.int64], n_pieces: int
) -> NDArray[np.float64]:
    """Mean level of each piece in dB, so that one loud channel is not a loud piece; NaN where nothing is heard."""
    sums = np.bincount(piece[heard], level_db[heard], n_pieces)
    counts = np.bincount(piece[heard], minlength=n_pieces)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _learn(state: Raised, known: NDArray[np.bool_], window_s: float, settings: RaisedSettings) -> None:
    """Move the usual level: at first the mean of all there was, later quickly down and slowly up."""
    away_db = state.recent_db - state.usual_db
    if state.windows * window_s <= settings.settle_s:
        step_db = away_db / state.windows
    else:
        most_db = settings.learn_db_per_h * window_s / 3600.0
        step_db = np.where(away_db < 0.0, away_db * min(window_s / _FALL_S, 1.0), np.minimum(away_db, most_db))
    moved = np.where(np.isnan(state.usual_db), state.recent_db, state.usual_db + step_db)
    state.usual_db = np.where(known, moved, state.usual_db)


def _tell(
    state: Raised,
    rise_db: NDArray[np.float64],
    piece: NDArray[np.int64],
    window_s: float,
    settings: RaisedSettings,
) -> list[Told]:
    """A step up when all windows of `hold_s` stood over what is told, and down when all of `calm_s` stood under it."""
    height_db = np.nan_to_num(rise_db)
    step = (np.floor(height_db / settings.step_db) + 0.5) * settings.step_db
    step[height_db < settings.tell_db] = 0.0
    state.over = np.where(step > state.told_db, state.over + 1, 0).astype(np.int32)
    state.under = np.where(step < state.told_db, state.under + 1, 0).astype(np.int32)
    due = (state.over * window_s >= settings.hold_s) | (state.under * window_s >= settings.calm_s)
    if not due.any():
        return []
    new_db = np.where(due, step, state.told_db)
    out = _runs(state.told_db, new_db, np.where(due, np.maximum(state.over, state.under), 0), piece)
    state.told_db = new_db
    state.over[due] = 0
    state.under[due] = 0
    return out


def _runs(
    was_db: NDArray[np.float64], now_db: NDArray[np.float64], windows: NDArray[np.int32], piece: NDArray[np.int64]
) -> list[Told]:
    """What is told anew, so that what is told lies in whole runs of one step: a run that grows is told as a whole."""
    out: list[Told] = []
    before, after = _spans(was_db), _spans(now_db)
    for first, last in sorted(set(before) | set(after)):
        old = float(was_db[first]) if (first, last) in before else 0.0
        new = float(now_db[first]) if (first, last) in after else 0.0
        if old != new:
            channels = np.flatnonzero((piece >= first) & (piece <= last))
            held = int(windows[first : last + 1].max())
            out.append(Told(int(channels[0]), int(channels[-1]), new, old, held))
    # What is over first, so that nothing is told twice at once.
    return sorted(out, key=lambda told: (told.was_db == 0.0, told.first))


def _spans(told_db: NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """First and last piece of every run of one step above 0."""
    edges = np.flatnonzero(np.diff(told_db)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(told_db)]])
    return {(int(a), int(b) - 1): float(told_db[a]) for a, b in zip(starts, ends, strict=True) if told_db[a] > 0.0}
