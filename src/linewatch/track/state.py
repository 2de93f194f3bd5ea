"""What the tracker remembers: one row a track, in arrays that every verb works on at once.

A row lies in one numpy record, so that filtering, copying and freezing a hundred tracks is one operation and a
compiled loop reaches every field by its name. An unknown offset is NaN. Fields are ordered so that no padding lies
between them: equal states have equal bytes.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import ACTS, MOVERS, Detections, HandOver, KnownMover, Outage, Tick
from linewatch.track.performance import KINDS

N_MOVERS: Final = len(MOVERS)
N_ACTS: Final = len(ACTS)
N_SENSOR_KINDS: Final = len(KINDS)
NS_PER_S: Final = 1_000_000_000

TENTATIVE: Final = 0
CONFIRMED: Final = 1
COASTING: Final = 2

TRACK: Final = np.dtype(
    [
        # Times, UTC nanoseconds; 0 means never.
        ("time_ns", "i8"),  # the state holds for this time
        ("first_ns", "i8"),  # first detection
        ("last_ns", "i8"),  # last detection
        ("own_ns", "i8"),  # last detection that was more likely its own than anyone else's
        ("extent_ns", "i8"),  # the stretch held at this time
        ("anchor_ns", "i8"),  # it has stayed near `anchor_m` since
        ("sent_ns", "i8"),  # last report
        ("place_mm", "i8"),  # place of the first detection, for its key
        ("vendor", "i8"),  # hash of the track id that a sensor of its own gives it
        ("spoke_ns", "i8", N_SENSOR_KINDS),  # when a sensor of each kind last said what it is
        ("id", "u8"),  # the sixteen hex digits of the track's id; 0 until it is confirmed
        ("parents", "u8", 4),  # ids it came out of, latest first
        # Motion: along the line, and across it where observable.
        ("chainage_m", "f8"),
        ("velocity_mps", "f8"),
        ("p_xx", "f8"),
        ("p_xv", "f8"),
        ("p_vv", "f8"),
        ("offset_m", "f8"),
        ("offset_velocity_mps", "f8"),
        ("p_yy", "f8"),
        ("p_yw", "f8"),
        ("p_ww", "f8"),
        ("existence", "f8"),
        # Share of a detection it got, and the share that one of two true movers would get: running means over scans.
        ("fed", "f8"),
        ("due", "f8"),
        # The stretch it takes up, at `extent_ns`.
        ("from_m", "f8"),
        ("to_m", "f8"),
        ("extent_s", "f8"),  # length of the signal that the stretch rests on
        ("extent_sigma_m", "f8"),
        ("anchor_m", "f8"),
        ("strength_db", "f8"),
        # What was last reported, to know what has changed.
        ("sent_chainage_m", "f8"),
        ("sent_velocity_mps", "f8"),
        ("sent_from_m", "f8"),
        ("sent_to_m", "f8"),
        # Kinds: rows of zeros where no sensor has said anything.
        ("mover", "f8", N_MOVERS),
        ("act", "f8", N_ACTS),
        # Running means of what speaks of a group's size; NaN where nothing has.
        ("width_log", "f8"),  # natural logarithm of the width in metres over which its people are
        ("told_log", "f8"),  # natural logarithm of the number that a sensor takes it for
        ("told_sigma", "f8"),
        ("sized_ns", "i8"),  # when they were last brought up to date
        ("hole_ns", "i8"),  # since when a hole has lain between the parts of a crowd; 0 for none
        ("hole_m", "f8"),  # where
        ("first_sensor", "i4"),  # index into the sensors of the line
        ("origin", "i4"),  # index of the section it began in
        ("detections", "i4"),
        ("touches", "i4"),  # detections of sensors that feel the barrier being touched
        ("count_low", "i4"),
        ("count_high", "i4"),
        ("sent_count_low", "i4"),
        ("sent_count_high", "i4"),
        ("last_sensor", "i4"),  # sensor of the last detection of its own
        ("spread", "i4"),  # 1: its stretch is one over which people spread, not one along which a cable shakes
        ("vehicle", "i4"),  # 1: it began beside a vehicle that stood still
        ("known", "i4"),  # number of the known mover it is matched with; 0 for none
        ("sent_known", "i4"),
        ("life", "u1"),
        ("intent", "u1"),
        ("gait", "u1"),
        ("shadow", "u1"),  # 1: the neighbour's, seen here for one tick
        ("late", "u1"),  # 1: it rests on something that came late
        ("crowd", "u1"),  # 1: many people, who give many detections at once; see `track.crowd`
        ("side", "i1"),  # which side of the line it was last clearly on: 1 approach side, -1 beyond, 0 not known
        ("sent_life", "u1"),
        ("sent_intent", "u1"),
        ("sent_kind", "u1"),
    ]
)
"""One track."""

MEASUREMENT: Final = np.dtype(
    [
        ("time_ns", "i8"),
        ("vendor", "i8"),
        ("place_mm", "i8"),
        ("chainage_m", "f8"),
        ("variance_m2", "f8"),
        ("from_m", "f8"),
        ("to_m", "f8"),
        ("core_from_m", "f8"),  # the stretch less the reach of the signal, where people are; may lie beyond `core_to_m`
        ("core_to_m", "f8"),
        ("duration_s", "f8"),
        ("strength_db", "f8"),
        ("probability", "f8"),
        ("offset_m", "f8"),
        ("offset_variance_m2", "f8"),
        ("velocity_mps", "f8"),
        ("velocity_variance", "f8"),
        ("clutter_per_m", "f8"),  # density of false detections of its sensor
        ("look_s", "f8"),  # detections of one sensor closer together than this are one piece of evidence
        ("start_speed_variance", "f8"),  # of a mover that this detection begins
        ("detect", "f8"),  # probability with which its sensor detects
        ("mover", "f8", N_MOVERS),
        ("act", "f8", N_ACTS),
        ("count_low", "i4"),
        ("count_high", "i4"),
        ("sensor", "i4"),
        ("kind", "i4"),  # number of its sensor's kind in `performance.KINDS`
        ("late", "i4"),  # 1: it came too late for its own time, and speaks of now
        ("scan", "i4"),
        ("feels", "i4"),  # what its sensor feels: `TOUCH`, `STEPS`, `BODIES` or none of them
        ("company_low", "i4"),  # it and those that its sensor shows right beside it; -1 where it does not count
        ("company_high", "i4"),
        ("pieces", "i4"),  # detections of one frame that it was gathered from
    ]
)
"""One detection that passed the door."""


_RAW: Final = np.dtype(f"V{TRACK.itemsize}")


def chosen(tracks: NDArray[Any], rows: NDArray[np.bool_]) -> NDArray[Any]:
    """The rows of a mask. Whole rows are copied as bytes: field by field, as numpy indexes records, is far slower."""
    return tracks.view(_RAW).take(np.flatnonzero(rows)).view(TRACK)


def joined(*parts: NDArray[Any]) -> NDArray[Any]:
    """All rows of these in order, copied as bytes."""
    return np.concatenate([part.view(_RAW) for part in parts]).view(TRACK)


class Corroboration(msgspec.Struct, frozen=True, eq=False, tag="corroboration"):
    """Detections that came too late for their own time, as they are used on arrival (`admit.on_arrival`)."""

    batch: Detections
    """What they say about now."""


class Reports(msgspec.Struct, frozen=True, tag="reports"):
    """How far sensors have reported by what came in one tick."""

    newest: tuple[tuple[int, int, bool], ...]
    """Number of the sensor, time of its newest word, and whether that came late, in the order of the numbers."""


Items = tuple[Detections | Corroboration | Reports | HandOver | KnownMover | Outage, ...]


class Moment(msgspec.Struct, frozen=True, eq=False):
    """What came at one tick of the window, and what was known before it."""

    tick: Tick
    """The tick."""
    items: Items
    """What came."""
    before: "Known | None"
    """State before it; kept for one tick a second only."""
    passed: tuple[str, ...] = ()
    """Ids of the tracks passed to other sections at its end."""


class Known(msgspec.Struct, frozen=True, eq=False):
    """Tracks and context at the end of a tick."""

    tracks: NDArray[np.void]
    """(n,) rows of `TRACK`."""
    seen: NDArray[np.uint64]
    """(n, words) bit mask of the line's sensors that have seen each."""
    noise: NDArray[np.float64]
    """(kinds + 1,) learnt false detections per metre and second, and how long was listened; see `track.noise`."""
    movers: tuple[KnownMover, ...] = ()
    """Latest report of every known mover, by id."""
    outages: tuple[Outage, ...] = ()
    """What is not watched now, by id."""
    slow: tuple[tuple[int, int], ...] = ()
    """Number of each sensor that reports late, and the time up to which it has; see `track.reach`."""

    def __post_init__(self) -> None:
        """A store of another version may hold rows of another shape, which would be read as nonsense."""
        if self.tracks.dtype is not TRACK and self.tracks.dtype != TRACK:
            raise ValueError(
                f"rows of tracks with {len(self.tracks.dtype.names or ())} fields, not {len(TRACK.names or ())}"
            )


class TrackerState(msgspec.Struct, frozen=True, eq=False):
    """Declared state of the tracker step."""

    known: Known
    """Now."""
    past: tuple[Moment, ...] = ()
    """The window, oldest first."""


def no_tracks(words: int, noise: NDArray[np.float64]) -> Known:
    """Nothing known; `words` 64-bit words name the sensors."""
    return Known(tracks=np.zeros(0, dtype=TRACK), seen=np.zeros((0, words), dtype=np.uint64), noise=noise)


def rows_of(known: Known) -> NDArray[Any]:
    """The tracks with their field names, which a thawed state has lost; a view, not a copy."""
    return known.tracks.view(TRACK)


def estimates(state: TrackerState) -> NDArray[Any]:
    """Rows of `TRACK` of all confirmed tracks that this section owns: what it believes to be there."""
    tracks = rows_of(state.known)
    return chosen(tracks, (tracks["life"] > TENTATIVE) & (tracks["shadow"] == 0))
