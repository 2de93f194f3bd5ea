"""The score of a watch: what it found, what it raised for nothing, how exactly, how soon, and what it cost people.

Everything is measured against the truth of the scene and nothing else; every share and rate has its exact interval.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from linewatch.evaluate.gospa import gospa_over_time
from linewatch.evaluate.intervals import clopper_pearson, garwood
from linewatch.evaluate.load import asks, loads_by_seat
from linewatch.evaluate.matching import Gates, Matches, match, stretch_at
from linewatch.records import Incident, Track, Truth
from linewatch.site.model import Site

_DAY_NS: Final = 86_400_000_000_000
_GOSPA_EVERY_NS: Final = 10_000_000_000
_HARMLESS: Final = frozenset({"animal", "train"})
_HARMLESS_KINDS: Final = frozenset({"animal", "train", "known", "nuisance"})
_STEPS: Final = frozenset({"fibre_das", "geophone"})


class ScoreSettings(msgspec.Struct, frozen=True):
    """How a watch is scored."""

    gates: Gates = Gates()
    """When an incident is of an event."""
    seats: int = 1
    """Seats among which the sections are dealt out."""
    confidence: float = 0.95
    """Of all intervals."""


class _Case(msgspec.Struct, frozen=True):
    """All that every part of the score looks at."""

    site: Site
    settings: ScoreSettings
    incidents: tuple[Incident, ...]
    """The last version of each."""
    first: dict[str, Incident]
    """The first version of each: how it was when it was raised."""
    called: frozenset[str]
    """Incidents that called somebody in any version: as more than a note, and not as something harmless."""
    shown: frozenset[str]
    """Incidents that had a line of their own in the queue in any version: behind no lead, and not on the shelf."""
    versions: tuple[Incident, ...]
    """All versions, as far as they are given, in order of time, of those that stand."""
    truth: tuple[Truth, ...]
    matches: Matches
    start_ns: int
    end_ns: int
    watched_km: float


def score(
    incidents: Sequence[Incident],
    truth: Sequence[Truth],
    site: Site,
    *,
    tracks: Sequence[Track] = (),
    span_ns: tuple[int, int] | None = None,
    watched_km: float | None = None,
    settings: ScoreSettings | None = None,
) -> dict[str, Any]:
    """The score as plain values, ready for JSON; what cannot be scored is None.

    `incidents` may hold several versions of one incident: the last one counts, and the first one tells which sensors
    raised it. `span_ns` is when was watched, from and to; by default from the first event or incident to the last.
    `watched_km` is how much of the line was; by default all of it.
    `tracks` (all versions) are needed for GOSPA only.
    """
    settings = settings or ScoreSettings()
    first: dict[str, Incident] = {}
    last: dict[str, Incident] = {}
    for incident in sorted(incidents, key=lambda i: (i.updated_ns, i.id)):
        first.setdefault(incident.id, incident)
        last[incident.id] = incident
    standing = tuple(
        sorted(
            (i for i in last.values() if not i.withdrawn and i.merged_into is None), key=lambda i: (i.raised_ns, i.id)
        )
    )
    start_ns, end_ns = span_ns or _hull(standing, truth)
    watched_km = _line_km(site) if watched_km is None else watched_km
    matches = match(standing, truth, settings.gates, first)
    called = frozenset(i.id for i in incidents if asks(i) and i.kind not in _HARMLESS_KINDS)
    shown = frozenset(
        i.id
        for i in incidents
        if not i.group and i.merged_into is None and i.state not in ("shelved", "out_of_service")
    )
    names = {i.id for i in standing}
    versions = tuple(sorted((i for i in incidents if i.id in names), key=lambda i: i.updated_ns))
    case = _Case(
        site, settings, standing, first, called, shown, versions, tuple(truth), matches, start_ns, end_ns, watched_km
    )
    hidden = never_shown(case.truth, matches, [i.id in shown for i in standing])
    uncalled = never_shown(case.truth, matches, [i.id in shown & called for i in standing])
    return {
        "span_s": (end_ns - start_ns) / 1e9,
        "watched_km": watched_km,
        "events": len(truth),
        "incidents": len(standing),
        "gates": msgspec.to_builtins(settings.gates),
        "pd": _pd(case),
        **_alarms(case),
        "location": _location(case),
        "latency": _latency(case),
        "count": _count(case),
        "groups": _groups(case),
        "distress": _distress(case),
        "load": _load(case),
        "events_never_shown": len(hidden),
        "never_shown": [case.truth[event].event for event in hidden],
        "events_never_called": len(uncalled),
        "never_called": [case.truth[event].event for event in uncalled],
        "gospa": _gospa(case, tracks),
    }


def _hull(incidents: Sequence[Incident], truth: Sequence[Truth]) -> tuple[int, int]:
    starts = [event.start_ns for event in truth] + [incident.raised_ns for incident in incidents]
    ends = [event.end_ns for event in truth] + [incident.updated_ns for incident in incidents]
    return (min(starts), max(ends)) if starts else (0, 0)


def _line_km(site: Site) -> float:
    return sum(line.length_m for line in site.lines) / 1_000.0


def harmless(event: Truth) -> bool:
    """An animal, a train, or somebody known: real, and no reason to act."""
    return event.known or event.mover in _HARMLESS


def share(found: int, of: int, confidence: float) -> dict[str, Any]:
    """A share with its exact interval; None where nothing was tried."""
    low, high = clopper_pearson(found, of, confidence)
    return {"n": of, "found": found, "share": found / of if of else None, "low": low, "high": high}


def _pd(case: _Case) -> dict[str, Any]:
    """Detection probability by mover, and by mover and gait: the share of events of which any incident speaks."""
    rows: dict[str, list[bool]] = {}
    for number, event in enumerate(case.truth):
        name: str = "known" if event.known else event.mover or event.concern
        found = bool(case.matches.of_event[number])
        rows.setdefault(name, []).append(found)
        if event.gait is not None and not event.known:
            rows.setdefault(f"{name}/{event.gait}", []).append(found)
    return {name: share(sum(row), len(row), case.settings.confidence) for name, row in sorted(rows.items())}


def _alarms(case: _Case) -> dict[str, Any]:
    """Alarms that should not have interrupted anybody, per km and day, whatever became of them afterwards.

    *False*: no event explains it (gusts, rain and electronics are no events, so they are counted here). *Nuisance*: its
    main event is harmless, and it was not called so. `nuisance_km_day` is both together: what operators see.
    """
    unexplained = harmless_called_threat = harmless_right = notes = 0
    for number, incident in enumerate(case.incidents):
        main = case.matches.main_event[number]
        if main is not None and not harmless(case.truth[main]):
            continue
        called_harmless = incident.id not in case.called
        if main is None:
            unexplained += not called_harmless
            notes += called_harmless
        else:
            harmless_called_threat += not called_harmless
            harmless_right += called_harmless
    km_days = case.watched_km * (case.end_ns - case.start_ns) / _DAY_NS

    def rate(count: int) -> dict[str, Any]:
        low, high = garwood(count, km_days, case.settings.confidence)
        return {
            "count": count,
            "per_km_day": count / km_days if km_days else None,
            "low": low,
            "high": high if km_days else None,
        }

    return {
        "km_days": km_days,
        "false": rate(unexplained),
        "nuisance": rate(harmless_called_threat),
        "seen": rate(unexplained + harmless_called_threat),
        "nuisance_km_day": rate(unexplained + harmless_called_threat)["per_km_day"],
        "harmless_rightly_named": harmless_right,
        "unexplained_notes": notes,
    }


def _percentiles(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0, "p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(np.array(values), [50.0, 95.0])
    return {"n": len(values), "p50": float(p50), "p95": float(p95), "max": float(max(values))}


def _location(case: _Case) -> dict[str, Any]:
    """Distance in metres from where an incident was raised to the stretch in which its event was at that moment.

    Where only the last version is known, it may be of either moment: the smaller distance counts.
    """
    errors, sigmas = [], []
    for number, incident in enumerate(case.incidents):
        main = case.matches.main_event[number]
        if main is None or case.truth[main].mover is None:
            continue
        raised = case.first[incident.id]
        moments = (raised.raised_ns,) if raised is not incident else (incident.raised_ns, incident.updated_ns)
        stretches = [stretch_at(case.truth[main], time_ns) for time_ns in moments]
        error_m = min(max(a - raised.chainage_m, raised.chainage_m - b, 0.0) for a, b in stretches)
        errors.append(error_m)
        sigmas.append(error_m <= 1.96 * raised.chainage_sigma_m)
    within = sum(sigmas) / len(sigmas) if sigmas else None
    return _percentiles(errors) | {"share_within_stated_95": within}


def _latency(case: _Case) -> dict[str, Any]:
    """Seconds from the moment at which an event could be sensed to its first incident, by what raised it.

    *Steps* alone are fibre and geophone; *contact* is everything else (barrier contact, radar, camera, infra-red,
    links). By first versions where they are given, else by all sensors that ever supported the incident.
    """
    by_class: dict[str, list[float]] = {"contact": [], "steps": []}
    for number, event in enumerate(case.truth):
        mine = case.matches.of_event[number]
        if not mine or event.detectable_ns is None or event.mover is None or harmless(event):
            continue
        incident = case.first[case.incidents[mine[0]].id]
        kinds = {case.site.sensor(sensor).kind for sensor in incident.sensors if case.site.has_sensor(sensor)}
        name = "steps" if kinds and kinds <= _STEPS else "contact"
        by_class[name].append((incident.raised_ns - event.detectable_ns) / 1e9)
    return {f"{name}_s": _percentiles(values) for name, values in by_class.items()}


def _count(case: _Case) -> dict[str, Any]:
    """How often an incident's stated interval holds the largest true number, and how wide it is."""
    held, widths = [], []
    for number, event in enumerate(case.truth):
        own = case.matches.own(number)
        if event.mover not in ("person", "group") or event.known or not own:
            continue
        widest = max((case.incidents[i] for i in own), key=lambda incident: incident.count_high)
        held.append(widest.count_low <= event.count <= widest.count_high)
        widths.append(widest.count_high / max(widest.count_low, 1))
    return share(sum(held), len(held), case.settings.confidence) | {
        "ratio_p50": float(np.median(widths)) if widths else None
    }


def _groups(case: _Case) -> dict[str, Any]:
    """Groups that are one incident each, with the true size inside its interval."""
    rows = []
    for number, event in enumerate(case.truth):
        if event.mover != "group" or event.known:
            continue
        own = [case.incidents[i] for i in case.matches.own(number)]
        right = len(own) == 1 and own[0].count_low <= event.count <= own[0].count_high
        stated = [[incident.count_low, incident.count_high] for incident in own]
        rows.append(
            {"event": event.event, "count": event.count, "incidents": len(own), "stated": stated, "right": right}
        )
    return {"n": len(rows), "right": sum(bool(row["right"]) for row in rows), "each": rows}


def _distress(case: _Case) -> dict[str, Any]:
    """People in need: found, raised for nobody, and closed by nobody but a timer."""
    cases = [i for i, incident in enumerate(case.incidents) if "distress" in (incident.kind, incident.concern)]
    true = [number for number, event in enumerate(case.truth) if event.concern == "distress"]
    found = [number for number in true if set(case.matches.of_event[number]) & set(cases)]
    explained = {i for number in true for i in case.matches.of_event[number]}
    false = [i for i in cases if i not in explained]
    days = (case.end_ns - case.start_ns) / _DAY_NS
    by_timer = [i for i in cases if _closed_by_timer(case.incidents[i])]
    return {
        "n": len(true),
        "found": len(found),
        "missed": [case.truth[number].event for number in true if number not in found],
        "false": len(false),
        "false_day": len(false) / days if days else None,
        "closed_by_timer": len(by_timer),
    }


def _closed_by_timer(incident: Incident) -> bool:
    """Closed although no person has said what it was nor what became of the people."""
    return incident.closed_ns is not None and incident.assessment == "undetermined" and incident.outcome == "unknown"


def _load(case: _Case) -> dict[str, Any]:
    loads = loads_by_seat(case.versions, case.site, case.settings.seats, case.start_ns, case.end_ns)
    span_s = (case.end_ns - case.start_ns) / 1e9
    return {
        "seats": case.settings.seats,
        "interruptions": sum(load.interruptions for load in loads),
        "peak_interruptions_10min": max((load.peak_10min for load in loads), default=0),
        "mean_interruptions_10min": max((load.mean_10min for load in loads), default=0.0),
        "floods": sum(load.floods for load in loads),
        "flood_share": max((load.flood_s for load in loads), default=0.0) / span_s if span_s else None,
    }


def never_shown(truth: Sequence[Truth], matches: Matches, shown: Sequence[bool]) -> tuple[int, ...]:
    """Events that a person should have seen and no incident that was shown speaks of: every one that is not harmless.

    `shown` tells of each incident whether it ever stood in the queue by itself; what only stood behind a lead of
    another event was not shown.
    """
    return tuple(
        number
        for number, event in enumerate(truth)
        if not harmless(event) and not any(shown[i] for i in matches.of_event[number])
    )


def _gospa(case: _Case, tracks: Sequence[Track]) -> dict[str, Any] | None:
    if not tracks:
        return None
    times = range(case.start_ns + _GOSPA_EVERY_NS, case.end_ns, _GOSPA_EVERY_NS)
    found = {line.id: gospa_over_time(tracks, case.truth, line.id, times) for line in case.site.lines}
    return {line: None if value is None else msgspec.to_builtins(value) for line, value in found.items()}
