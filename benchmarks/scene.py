"""A scene on its site, watched from detections (`storm-raw`: from raw samples) to incidents and scored (docs/score.md).

`--quick` keeps every scripted event and shortens only the time between them and the background; `simulated_s` says how
long the scene then is. `--seeds N` plays it N times and scores all of them together as far as that makes sense.
"""

import argparse
import time
from typing import Any

import msgspec

from benchmarks.reporting import Figures, answer
from linewatch.app.replay import replay
from linewatch.evaluate import clopper_pearson, garwood, score
from linewatch.records import Incident, Record, Track
from linewatch.simulate import RawSource, SimulatedSource, bench_site, read_scene, scene_names, shortened, trimmed
from linewatch.site.load import load_site

BENCH_SCENES = ("walker-and-wind",)
RAW_STRETCHES_M = {"storm-raw": (20_000.0, 22_000.0)}
"""Scenes that are played as raw samples, and where; all others begin at detections."""
DRAIN_S = 120.0


def play_and_score(name: str, seed: int, *, quick: bool, nuisance_factor: float, gospa: bool) -> dict[str, Any]:
    """One scene with one seed: its score, with the time it took."""
    site = bench_site() if name in BENCH_SCENES else load_site("reference")
    scene = read_scene(name, site)
    full_s = scene.duration_s
    if quick:
        scene = shortened(scene, site, seed)
    # The night goes on after its last event: sensors that fell silent together would be one great outage.
    scene = msgspec.structs.replace(scene, duration_s=scene.duration_s + DRAIN_S)
    stretch_m = RAW_STRETCHES_M.get(name)
    source: RawSource | SimulatedSource
    if stretch_m is not None:
        site = trimmed(site, *stretch_m)
        source = RawSource(scene, site, seed, from_m=stretch_m[0], to_m=stretch_m[1])
    else:
        source = SimulatedSource(scene, site, seed, nuisance_factor=nuisance_factor)
    incidents: list[Incident] = []
    tracks: list[Track] = []

    def keep(record: Record) -> None:
        if isinstance(record, Incident):
            incidents.append(record)
        elif gospa and isinstance(record, Track):
            tracks.append(record)

    begun = time.perf_counter()
    end_ns = scene.end_ns
    replay(site, [source], until_ns=end_ns, on_output=keep)
    wall_s = time.perf_counter() - begun
    result = score(
        incidents,
        source.truth(),
        site,
        tracks=tracks,
        span_ns=(scene.start_ns, end_ns),
        watched_km=None if stretch_m is None else (stretch_m[1] - stretch_m[0]) / 1_000.0,
    )
    return result | {"simulated_s": scene.duration_s, "full_s": full_s, "wall_s": wall_s}


def _sum(results: list[dict[str, Any]], *path: str) -> Any:
    values = []
    for result in results:
        value: Any = result
        for key in path:
            value = value.get(key, 0) if isinstance(value, dict) else 0
        values.append(value)
    return sum(values)


def _worst(results: list[dict[str, Any]], *path: str) -> float | None:
    values = []
    for result in results:
        value: Any = result
        for key in path:
            value = value[key]
        values.append(value)
    known = [value for value in values if value is not None]
    return max(known) if known else None


def figures_of(results: list[dict[str, Any]]) -> Figures:
    """The figures of the benchmark; counts are sums over the seeds, percentiles the worst seed's."""
    crossings, found = _sum(results, "pd", "person", "n"), _sum(results, "pd", "person", "found")
    low, high = clopper_pearson(found, crossings)
    seen, km_days = _sum(results, "seen", "count"), _sum(results, "km_days")
    rate = garwood(seen, km_days)
    simulated_s, full_s = _sum(results, "simulated_s"), _sum(results, "full_s")
    # What has an event behind it comes as often in a shortened scene as in the whole one, all else by its length.
    harmless, unexplained = _sum(results, "nuisance", "count"), _sum(results, "false", "count")
    full_rate = harmless / (km_days * full_s / simulated_s) + unexplained / km_days
    pd = {
        mover: {"n": _sum(results, "pd", mover, "n"), "found": _sum(results, "pd", mover, "found")}
        for mover in sorted({mover for result in results for mover in result["pd"]})
    }
    return {
        "seeds": len(results),
        "simulated_s": simulated_s,
        "realtime_ratio": simulated_s / max(_sum(results, "wall_s"), 1e-9),
        "crossings": crossings,
        "found": found,
        "pd_person": found / crossings if crossings else None,
        "pd_person_low": low,
        "pd_person_high": high,
        "pd": pd,
        "incidents": _sum(results, "incidents"),
        "nuisance": seen,
        "nuisance_km_day": seen / km_days,
        "nuisance_km_day_low": rate[0],
        "nuisance_km_day_high": rate[1],
        "nuisance_harmless": harmless,
        "nuisance_full_km_day": full_rate,
        "latency_p95_contact_s": _worst(results, "latency", "contact_s", "p95"),
        "latency_p95_steps_s": _worst(results, "latency", "steps_s", "p95"),
        "latency_p50_contact_s": _worst(results, "latency", "contact_s", "p50"),
        "location_error_m": _worst(results, "location", "p50"),
        "location_error_p95_m": _worst(results, "location", "p95"),
        "count_n": _sum(results, "count", "n"),
        "count_held": _sum(results, "count", "found"),
        "peak_interruptions_10min": _worst(results, "load", "peak_interruptions_10min"),
        "flood_share": _worst(results, "load", "flood_share"),
        "events_never_shown": _sum(results, "events_never_shown"),
        "never_shown": [name for result in results for name in result["never_shown"]],
        "events_never_called": _sum(results, "events_never_called"),
        "never_called": [name for result in results for name in result["never_called"]],
        "interruptions": _sum(results, "load", "interruptions"),
        "floods": _sum(results, "load", "floods"),
        "groups": _sum(results, "groups", "n"),
        "groups_right": _sum(results, "groups", "right"),
        "large_groups": [
            {key: group[key] for key in ("event", "count", "incidents", "stated", "right")}
            for result in results
            for group in result["groups"]["each"]
            if group["count"] >= 50
        ],
        "distress": _sum(results, "distress", "n"),
        "distress_found": _sum(results, "distress", "found"),
        "distress_false": _sum(results, "distress", "false"),
        "distress_false_day": _sum(results, "distress", "false") / (simulated_s / 86_400.0),
        "distress_false_full_day": _sum(results, "distress", "false") / (full_s / 86_400.0),
        "closed_by_timer": _sum(results, "distress", "closed_by_timer"),
        "gospa": [result["gospa"] for result in results if result["gospa"] is not None] or None,
    }


def measure(args: argparse.Namespace) -> Figures:
    """Play, watch and score."""
    results = [
        play_and_score(args.scene, seed, quick=args.quick, nuisance_factor=args.nuisance_factor, gospa=args.gospa)
        for seed in range(args.seed, args.seed + args.seeds)
    ]
    settings = {"scene": args.scene, "seed": args.seed, "nuisance_factor": args.nuisance_factor, "quick": args.quick}
    return settings | figures_of(results)


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", default="quiet-night", choices=scene_names(), help="a shipped scene")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after another")
    parser.add_argument("--nuisance-factor", type=float, default=1.0, help="multiplies what has no mover behind it")
    parser.add_argument("--gospa", action="store_true", help="also the distance between tracks and truth (slow)")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
