"""Delete: silence lowers existence, and a track that is not believed any more, or long unseen, ends."""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.track.settings import TrackSettings
from linewatch.track.state import COASTING, CONFIRMED, NS_PER_S, TENTATIVE

ALIVE: Final = 0
NOT_BELIEVED: Final = 1
NOT_SEEN: Final = 2


@njit(cache=True, nogil=True)
def weigh_silence(tracks: NDArray[Any], evidence: NDArray[np.float64]) -> None:
    """Lower the odds of existence by the evidence of sensors that should have seen and did not."""
    for i in range(len(tracks)):
        left = np.exp(-evidence[i])
        r = tracks[i].existence
        tracks[i].existence = r * left / (1.0 - r + r * left)


@njit(cache=True, nogil=True)
def _judge(
    tracks: NDArray[Any],
    now_ns: int,
    told_ns: NDArray[np.int64],
    confirm: float,
    end: float,
    drop: float,
    coast_ns: int,
    forget_ns: int,
    forget_tentative_ns: int,
) -> NDArray[np.int8]:
    verdict = np.zeros(len(tracks), dtype=np.int8)
    for i in range(len(tracks)):
        track = tracks[i]
        if track.shadow:
            continue
        unseen_ns = now_ns - track.last_ns
        missed_ns = told_ns[i] - track.last_ns
        if track.life == TENTATIVE and track.existence >= confirm:
            track.life = CONFIRMED
        if track.life == TENTATIVE:
            if track.existence < drop:
                verdict[i] = NOT_BELIEVED
            elif missed_ns > forget_tentative_ns or unseen_ns > forget_ns:
                verdict[i] = NOT_SEEN
            continue
        track.life = COASTING if missed_ns > coast_ns else CONFIRMED
        if track.existence < end:
            verdict[i] = NOT_BELIEVED
        elif unseen_ns > forget_ns:
            verdict[i] = NOT_SEEN
    return verdict


def judge(tracks: NDArray[Any], now_ns: int, told_ns: NDArray[np.int64], settings: TrackSettings) -> NDArray[np.int8]:
    """Confirm, let coast, or condemn: sets the life of every track in place, returns who ends and why.

    `told_ns` (n,) is the time up to which each could have been told of: before it, nobody has missed it.
    """
    return np.asarray(
        _judge(
            tracks,
            now_ns,
            told_ns,
            settings.confirm_probability,
            settings.end_probability,
            settings.drop_probability,
            int(settings.coast_after_s * NS_PER_S),
            int(settings.forget_s * NS_PER_S),
            int(settings.forget_tentative_s * NS_PER_S),
        )
    )


def reason_of(verdict: int, unseen_s: float) -> str:
    """Why a track has ended, in words."""
    if verdict == NOT_SEEN:
        return f"not seen for {unseen_s:.0f} s, and no sensor that speaks by silence watches there"
    return f"sensors that should have seen it were silent for {unseen_s:.0f} s"
