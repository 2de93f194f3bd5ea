"""Settings of the tracker: frozen, the same for every section unless a section says otherwise."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from linewatch.track.group import WIDTH

Association = Literal["auto", "gnn", "jpda"]


class TrackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How movers are followed. Every default is the one that is measured in `docs/tracking.md`."""

    overlap_m: float = 100.0
    """How far beyond its ends a section listens, and how near to an end it shows its tracks to the neighbour."""
    slot_s: float = 0.05
    """Detections of one slot of the absolute time grid are associated together; each keeps its own time."""
    acceleration_m2ps3: float = 0.05
    """Intensity of the white-noise acceleration of the constant-velocity model."""
    top_speed_mps: float = 15.0
    """Speeds of new movers are uniform up to this, so their variance is a third of its square."""
    touch_speed_mps: float = 0.5
    """Standard deviation of the speed of somebody who is first felt touching the barrier."""
    gate_sigma: float = 3.7
    """Radius of the association gate in standard deviations."""
    association: Association = "auto"
    """`gnn`: the best pairing; `jpda`: joint probabilities; `auto`: joint, and the best pairing among rivals."""
    birth_per_km: float = 0.002
    """Expected new movers per kilometre and scan: how readily a detection is taken for somebody new."""
    offset_span_m: float = 500.0
    """Width of the strip in which offsets lie: turns a density along the line into one over the plane."""
    confirm_probability: float = 0.9
    """A track with this existence probability is confirmed, however young it is."""
    end_probability: float = 0.05
    """A confirmed track below this has ended."""
    drop_probability: float = 0.0005
    """A tentative track below this is forgotten without a word."""
    most_probability: float = 0.9999
    """Existence probability never rises above this, so that silence can always bring it down in bounded time."""
    life_s: float = 600.0
    """Mean time for which a mover stays near the line at all."""
    coast_after_s: float = 3.0
    """A confirmed track that was not seen for so long is coasting."""
    forget_s: float = 90.0
    """A track that nothing has seen for so long ends, even where no sensor could have seen it."""
    forget_tentative_s: float = 10.0
    """The same for one that was never confirmed."""
    window_s: float = 2.0
    """Detections up to this late are used as if they had been in time."""
    slow_s: float = 120.0
    """Later ones, up to this late, corroborate: they are used on arrival, with a wider place, and counted as Health."""
    slow_mps: float = 2.0
    """How much wider for each second that they come late: as far as somebody on foot may have gone."""
    future_s: float = 1.0
    """A detection further ahead of the tick than this is refused."""
    margin_m: float = 100.0
    """A detection further outside the line than this is refused."""
    max_detections: int = 20_000
    """Most detections taken in one tick; the weaker rest is dropped and counted."""
    refresh_s: float = 5.0
    """A live confirmed track is reported at least so often."""
    moved_m: float = 5.0
    """... and whenever it is further than this from where its last report lets one expect it."""
    extent_changed_m: float = 0.5
    """... and whenever an end of its stretch has shifted by this against the rest of it."""
    same_sigma: float = 2.0
    """Tracks nearer to each other than this, which share the detections of one mover, are one and the same."""
    group_width: tuple[float, float, float] = WIDTH
    """How the width of a stretch grows with a group: see `group`."""
    footprint_db_per_m: float = 1.0
    """How fast the signal of one walker falls along a fibre, which gives away over how much of it one is felt ..."""
    footprint_floor_db: float = 10.0
    """... down to this level."""
    clock_skew_s: Mapping[str, float] = {}
    """By sensor: how far its clock is known to run ahead; subtracted from its times."""
