"""An incident as people read it: its queue line, its history, and what could have seen it."""

from collections.abc import Callable, Container, Sequence
from typing import Final

from linewatch.console.frames import lonlat
from linewatch.console.health_shapes import CorrectionShape, MuteShape
from linewatch.console.picture import NS_PER_MS, Kept, Picture
from linewatch.console.shapes import (
    CameraShape,
    IncidentShape,
    Moment,
    OutageShape,
    Position,
    ShouldHaveSeen,
)
from linewatch.records import Incident, OperatorAct, Outage
from linewatch.records.incident import standing
from linewatch.site.explain import MetreView
from linewatch.site.sight import sights

EXPECTED_PD: Final = 0.5
"""A sensor that would notice more than every second person walking here should have seen something."""
MUTED_NS: Final = 4 * 3_600_000_000_000
"""Longest mute; what holds for longer is a mask."""
_SAME: Final = (
    *("id", "line", "section", "kind", "kind_probability", "mover", "act", "concern", "priority", "state", "reason"),
    *("place", "chainage_m", "chainage_sigma_m", "from_m", "to_m", "count_low", "count_high", "assessment"),
    *("assessment_cause", "outcome", "hazards", "sensors", "late", "withdrawn", "escalations", "merged_into"),
    *("seat", "patrol"),
)
_CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "distress": (
        "Send help first; all else can wait",
        "Tell the nearest rescue contact place, time last seen and temperature",
        "Look through the nearest camera that can see",
        "Keep it open until somebody has been there",
    ),
    "barrier_contact": (
        "Look through the nearest camera that can see",
        "Tell the patrol what hazards are known before it goes",
        "Note what became of the people",
    ),
    "crossing": (
        "Look through the nearest camera that can see",
        "Tell the patrol side, direction and number as a range",
        "Think of the cold: ask whether anybody needs help",
    ),
    "outage": (
        "See what hangs on the same cabinet",
        "Send somebody to watch the stretch meanwhile",
        "Tell maintenance",
    ),
    "blinded": ("Look with a neighbouring camera", "Note direction and colour of the light", "Do not look into it"),
}
_CHECK_ALWAYS: Final = ("Say what it was, and what became of it",)


def incident_shape(kept: Kept, pictured: Container[str] = ()) -> IncidentShape:
    """An incident as the queue shows it; those in `pictured` have a picture as evidence."""
    incident = kept.incident
    return IncidentShape(
        **{name: getattr(incident, name) for name in _SAME},
        seq=kept.seq,
        raised_ms=incident.raised_ns // NS_PER_MS,
        updated_ms=incident.updated_ns // NS_PER_MS,
        closed_ms=_ms(incident.closed_ns),
        shelved_until_ms=_ms(incident.shelved_until_ns),
        assigned_ms=_ms(incident.assigned_ns),
        accepted_ms=_ms(incident.accepted_ns),
        under_way_ms=_ms(incident.under_way_ns),
        on_scene_ms=_ms(incident.on_scene_ns),
        owner=incident.seat,
        group=incident.group or None,
        standing=standing(incident),
        thumb_url=f"./api/incidents/{incident.id}/thumbnail" if incident.id in pictured else None,
    )


def _ms(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns // NS_PER_MS


def outage_shape(outage: Outage) -> OutageShape:
    """An outage as pages show it."""
    return OutageShape(
        id=outage.id,
        line=outage.line,
        from_m=outage.from_m,
        to_m=outage.to_m,
        sensors=outage.sensors,
        cause=outage.cause,
        why=outage.reason,
        since_ms=outage.start_ns // NS_PER_MS,
        partial=outage.remaining_fraction > 0.0,
    )


def mute_shapes(picture: Picture) -> list[MuteShape]:
    """Mutes in force, as pages show them."""
    return [
        MuteShape(
            *(outage.sensors[0], outage.line, outage.from_m, outage.to_m, outage.first_channel, outage.last_channel),
            why=outage.reason,
            since_ms=outage.start_ns // NS_PER_MS,
            until_ms=until_ns // NS_PER_MS,
            mask=until_ns - outage.start_ns > MUTED_NS,
        )
        for outage, until_ns in picture.mutes()
    ]


def correction_shapes(picture: Picture) -> list[CorrectionShape]:
    """Corrections of thresholds in force, as pages show them."""
    out = []
    for each in picture.corrections_of():
        if not picture.site.has_sensor(each.sensor):
            continue
        sensor = picture.site.sensor(each.sensor)
        from_m, to_m = sensor.extent_m()
        if sensor.is_span and each.first_channel is not None and each.last_channel is not None:
            edges_m = sensor.channel_edges_m()
            last = len(edges_m) - 1
            ends = float(edges_m[min(each.first_channel, last)]), float(edges_m[min(each.last_channel + 1, last)])
            from_m, to_m = min(ends), max(ends)
        out.append(
            CorrectionShape(
                *(each.sensor, each.line, from_m, to_m, each.first_channel, each.last_channel),
                correction_db=each.rise_db or 0.0,
                why=each.text,
                since_ms=each.time_ns // NS_PER_MS,
            )
        )
    return out


def checklist(incident: Incident) -> list[str]:
    """What to think of, by kind."""
    return [*_CHECKS.get(incident.kind, ()), *_CHECK_ALWAYS]


def position_of(
    picture: Picture, incident: Incident, grid: Callable[[float, float], str] | None = None
) -> Position | None:
    """Where on Earth, with its grid reference; None on a bench line."""
    lons, lats = lonlat(picture.site.line(incident.line), [incident.chainage_m])
    lon, lat = lons[0], lats[0]
    if lon is None or lat is None:
        return None
    return Position(lon, lat, grid(lon, lat) if grid else "")


def timeline(versions: Sequence[tuple[int, Incident]], acts: Sequence[tuple[int, OperatorAct]]) -> list[Moment]:
    """What happened to it, oldest first: what people did, and what the system did by itself."""
    moments: list[tuple[int, Moment]] = [
        (
            seq,
            Moment(
                time_ms=act.time_ns // NS_PER_MS,
                what=act.move + "".join(f", {name} {value}" for name, value in act.values),
                person=act.seat,
                role=act.role,
                reason=act.reason,
            ),
        )
        for seq, act in acts
    ]
    before: Incident | None = None
    for seq, incident in versions:
        for what in _what_changed(before, incident):
            reason = incident.reason if before is None or incident.reason != before.reason else ""
            moments.append((seq, Moment(incident.updated_ns // NS_PER_MS, what, "", "system", reason)))
        before = incident
    return [moment for _, moment in sorted(moments, key=lambda each: each[0])]


def _what_changed(before: Incident | None, now: Incident) -> list[str]:
    if before is None:
        return [f"raised: {now.kind}, priority {now.priority}"]
    said = []
    if now.kind != before.kind:
        said.append(f"now {now.kind}, priority {now.priority}")
    elif now.priority != before.priority:
        said.append(f"priority {now.priority}")
    if now.escalations != before.escalations:
        said.append("nobody acted: passed on")
    if now.state != before.state and now.state in ("raised", "returned"):
        said.append({"raised": "raised again", "returned": "gone quiet"}[now.state])
    if (now.count_low, now.count_high) != (before.count_low, before.count_high):
        said.append(f"{now.count_low} to {now.count_high} of them")
    if now.withdrawn and not before.withdrawn:
        said.append(f"withdrawn: {now.withdrawn}")
    if now.merged_into and not before.merged_into:
        said.append(f"merged into {now.merged_into}")
    return said


def should_have_seen(view: MetreView, incident: Incident) -> list[ShouldHaveSeen]:
    """Sensors that reach the place and do not bear the incident out, with the reason as far as it is known."""
    out = []
    for sensor in view.sensors:
        if sensor.sensor in incident.sensors:
            continue
        pd = sensor.pd.get("person_walking", 0.0)
        if not sensor.counts:
            out.append(ShouldHaveSeen(sensor.sensor, sensor.kind, f"does not count now: {sensor.why}"))
        elif pd >= EXPECTED_PD:
            out.append(ShouldHaveSeen(sensor.sensor, sensor.kind, f"would notice a person walking, Pd {pd:.2f}"))
    return out


def cameras_near(picture: Picture, view: MetreView, incident: Incident) -> list[CameraShape]:
    """Cameras that reach the place, who sees best first; those that are blinded or see nothing now are marked, last."""
    out = []
    for sight in sights(picture.site, view.sensors, incident.chainage_m):
        state, outage = picture.sensor_state(sight.camera)
        blinded = state == "out" or outage is not None
        url = picture.site.sensor(sight.camera).view_url
        out.append(CameraShape(sight.camera, sight.distance_m, blinded, url, sight.sight_db, sight.faces_it, sight.why))
    return sorted(out, key=lambda camera: camera.blinded)
