"""The self-check of a score: incidents made out of the truth itself, as they are or shifted."""

from collections.abc import Sequence

from linewatch.evaluate.matching import stretch_at
from linewatch.records import Incident, Truth, content_id, derive_kind
from linewatch.site.model import Site


def ideal_incidents(
    truth: Sequence[Truth], site: Site, *, shift_m: float = 0.0, shift_s: float = 0.0
) -> tuple[Incident, ...]:
    """One incident for each event, as a perfect watch would raise it, moved along the line and in time."""
    return tuple(_ideal(event, site, shift_m, round(shift_s * 1e9)) for event in truth)


def _ideal(event: Truth, site: Site, shift_m: float, shift_ns: int) -> Incident:
    known_ns = event.start_ns if event.detectable_ns is None else event.detectable_ns
    from_m, to_m = (place + shift_m for place in stretch_at(event, event.end_ns))
    middle_m = (from_m + to_m) / 2.0
    crosses = min((point[2] for point in event.path), default=0.0) < 0.0
    kind = derive_kind(
        concern=event.concern,
        act=event.act,
        mover=event.mover or "unknown",
        intent="crossing" if crosses else "approach",
        known=event.known,
    )
    if event.known and event.concern == "none":
        kind = "known"
    place = site.nearest_place(event.line, middle_m)
    return Incident(
        id=content_id("ideal", event.event),
        line=event.line,
        section=site.section_at(event.line, middle_m).name if site.line(event.line).sections else "",
        raised_ns=known_ns + shift_ns,
        updated_ns=event.end_ns + shift_ns,
        closed_ns=None,
        kind=kind,
        kind_probability=1.0,
        mover=event.mover or "unknown",
        act=event.act,
        concern=event.concern,
        chainage_m=middle_m,
        chainage_sigma_m=1.0,
        from_m=from_m,
        to_m=to_m,
        place=place.name if place else "",
        count_low=event.count,
        count_high=event.count,
        priority=5 if kind in ("known", "animal", "train", "nuisance") else 2,
        state="raised",
        sensors=(),
        reason="the truth itself",
        settings_id="",
    )
