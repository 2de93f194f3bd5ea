"""What the web interface says: plain values, times in whole milliseconds since 1970 UTC, units in the names."""

from typing import Any

import msgspec

from linewatch.console.cluster_shapes import ClusterShape
from linewatch.console.health_shapes import CorrectionShape, MuteShape, RepairShape
from linewatch.records.incident import IncidentState, Standing
from linewatch.records.vocabulary import Act, Assessment, Concern, Hazard, Kind, Mover, Outcome, Role


class SiteName(msgspec.Struct, frozen=True):
    """Which site this is."""

    name: str
    timezone: str


class Me(msgspec.Struct, frozen=True):
    """Who has come in. `all_sites` is where the queue over all sites is; empty where this is the only one."""

    name: str
    role: Role
    seat: str
    csrf: str
    must_change_password: bool
    run: str
    site: SiteName
    locale: str
    all_sites: str = ""


class SectionShape(msgspec.Struct, frozen=True):
    """A section of a line."""

    name: str
    from_m: float
    to_m: float


class PlaceShape(msgspec.Struct, frozen=True):
    """A place of a line; without geography lon and lat are null."""

    name: str
    kind: str
    chainage_m: float
    lon: float | None
    lat: float | None


class LineShape(msgspec.Struct, frozen=True):
    """A line; `geometry` holds lon, lat and chainage, and is empty on a bench line. `outside` is left or right."""

    id: str
    length_m: float
    outside: str
    geometry: list[tuple[float, float, float]]
    sections: list[SectionShape]
    places: list[PlaceShape]


class SiteShape(msgspec.Struct, frozen=True):
    """The site as it stands. `movers` gives the words behind the codes of the live feed; `version` is its hash."""

    name: str
    timezone: str
    outside: str
    lines: list[LineShape]
    movers: tuple[str, ...]
    version: str


class SensorColumns(msgspec.Struct, frozen=True):
    """All sensors, as columns of equal length; `at_m` is where a point sensor stands, or the middle of a span."""

    id: list[str]
    kind: list[str]
    line: list[str]
    at_m: list[float]
    offset_m: list[float]
    from_m: list[float]
    to_m: list[float]
    lon: list[float | None]
    lat: list[float | None]
    state: list[str]
    cabinet: list[str | None]


class IncidentShape(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as the queue shows it. `seat` is the one that has taken it; `owner` is who sits there, if known."""

    id: str
    seq: int
    line: str
    section: str
    kind: Kind
    kind_probability: float
    mover: Mover
    act: Act
    concern: Concern
    priority: int
    state: IncidentState
    reason: str
    place: str
    chainage_m: float
    chainage_sigma_m: float
    from_m: float
    to_m: float
    count_low: int
    count_high: int
    raised_ms: int
    updated_ms: int
    closed_ms: int | None
    assessment: Assessment
    assessment_cause: str
    outcome: Outcome
    hazards: tuple[Hazard, ...]
    owner: str
    seat: str
    group: str | None
    sensors: tuple[str, ...]
    late: bool
    withdrawn: str
    escalations: int
    merged_into: str | None
    standing: Standing
    patrol: str
    shelved_until_ms: int | None
    assigned_ms: int | None
    accepted_ms: int | None
    under_way_ms: int | None
    on_scene_ms: int | None
    thumb_url: str | None = None


class IncidentList(msgspec.Struct, frozen=True):
    """Incidents, and how many there are of each sort: raised = shown + grouped + shelved."""

    incidents: list[IncidentShape]
    raised: int
    shown: int
    grouped: int
    shelved: int
    run: str
    seq: int


class Moment(msgspec.Struct, frozen=True):
    """One line of a timeline."""

    time_ms: int
    what: str
    person: str
    role: str
    reason: str


class AllowedMove(msgspec.Struct, frozen=True):
    """A move that this person may make now."""

    move: str
    label: str
    needs_reason: bool
    undo_s: float
    needs: tuple[str, ...]
    takes: tuple[str, ...]


class ShouldHaveSeen(msgspec.Struct, frozen=True):
    """A sensor that reaches the place and does not bear the incident out."""

    id: str
    kind: str
    why: str


class CameraShape(msgspec.Struct, frozen=True):
    """A camera that reaches the place; `sight_db` is how well it sees (docs/console.md), null where not at all."""

    id: str
    distance_m: float
    blinded: bool
    view_url: str | None
    sight_db: float | None
    faces_it: bool
    why: str


class EvidenceShape(msgspec.Struct, frozen=True):
    """One piece of evidence."""

    id: str
    kind: str
    title: str
    url: str


class Position(msgspec.Struct, frozen=True):
    """Where on Earth; `mgrs` is empty where nobody makes grid references."""

    lon: float
    lat: float
    mgrs: str = ""


class IncidentDetail(IncidentShape, frozen=True, kw_only=True):
    """An incident with all that one needs to deal with it."""

    timeline: list[Moment]
    allowed: list[AllowedMove]
    sensors_saw: list[str]
    sensors_should: list[ShouldHaveSeen]
    cameras: list[CameraShape]
    evidence: list[EvidenceShape]
    position: Position | None
    checklist: list[str]


class Moved(msgspec.Struct, frozen=True):
    """A move that was made."""

    seq: int
    incident: IncidentShape


class GapShape(msgspec.Struct, frozen=True):
    """A stretch that is not watched, or only weakly."""

    from_m: float
    to_m: float
    why: str
    state: str


class WeakestKm(msgspec.Struct, frozen=True):
    """The kilometre with the least mean Pd."""

    from_m: float
    to_m: float
    mean_pd: float
    place: str


class CoverageShape(msgspec.Struct, frozen=True):
    """How well each stretch is watched: the least Pd within each of equal bins."""

    line: str
    from_m: float
    to_m: float
    mover: str
    pd: list[float]
    watched: list[bool]
    basis: str
    gaps: list[GapShape]
    gaps_total: int
    weakest_km: WeakestKm
    unwatched_m: float
    version: int


class SensorHealth(msgspec.Struct, frozen=True):
    """A sensor that is not as it should be."""

    id: str
    kind: str
    state: str
    why: str
    since_ms: int | None
    last_heard_ms: int | None


class OutageShape(msgspec.Struct, frozen=True):
    """A stretch that is not, or only partly, watched."""

    id: str
    line: str
    from_m: float
    to_m: float
    sensors: tuple[str, ...]
    cause: str
    why: str
    since_ms: int
    partial: bool


class HealthShape(msgspec.Struct, frozen=True):
    """How sensors and sources are; of sensors only those that are not well, with the number of the others."""

    sensors: list[SensorHealth]
    well: int
    never_heard: int
    outages: list[OutageShape]
    sources: list[dict[str, Any]]
    repair: list[RepairShape]
    mutes: list[MuteShape]
    corrections: list[CorrectionShape]
    cluster: ClusterShape | None


class SeatShape(msgspec.Struct, frozen=True):
    """A seat and who keeps it."""

    seat: str
    sections: list[str]
    person: str
    since_ms: int | None
    sound: bool | None


class NoteShape(msgspec.Struct, frozen=True):
    """Something said for those who come after."""

    time_ms: int
    seat: str
    role: str
    text: str


class LoadShape(msgspec.Struct, frozen=True):
    """How often a seat was interrupted in the last ten minutes."""

    seat: str
    per_10_min: int


class ShiftShape(msgspec.Struct, frozen=True):
    """What the next shift must know."""

    seats: list[SeatShape]
    open: list[IncidentShape]
    shelved: list[IncidentShape]
    outages: list[OutageShape]
    mutes: list[MuteShape]
    corrections: list[CorrectionShape]
    notes: list[NoteShape]
    load: list[LoadShape]


class ActDone(msgspec.Struct, frozen=True):
    """An act that stands in the record."""

    seq: int


class AccountShape(msgspec.Struct, frozen=True):
    """Somebody who may come in."""

    name: str
    role: Role
    disabled: bool
    must_change_password: bool
    created_ms: int


class TokenShape(msgspec.Struct, frozen=True):
    """A way in for a program."""

    id: str
    name: str
    label: str
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int | None


class NewToken(msgspec.Struct, frozen=True):
    """A token with the secret that opens it, shown this once."""

    secret: str
    token: TokenShape


class StateShape(msgspec.Struct, frozen=True, kw_only=True):
    """How the watch is, at least once a second. `unworked` counts sections that no worker of a cluster works on."""

    run: str
    seq: int
    tick_ms: int | None
    watermark_ms: int | None
    now_ms: int
    wall_ms: int
    lag_s: float
    played: bool
    raised: int
    shown: int
    grouped: int
    shelved: int
    sources: list[dict[str, Any]]
    watch: str
    why: str
    unworked: int
