"""Scores of what a store holds, or of a truth against itself."""

from pathlib import Path
from typing import Any

from linewatch.evaluate import ideal_incidents, read_truth, score
from linewatch.records import Incident, Tick, Track, from_bytes
from linewatch.site.model import Site
from linewatch.store.reader import open_store


def score_store(store: Path, truth: Path, site: Site) -> dict[str, Any]:
    """Everything that a replay left, against the truth, over the time that it watched."""
    events = read_truth(truth)
    incidents: list[Incident] = []
    tracks: list[Track] = []
    times_ns: list[int] = []
    with open_store(store) as reader:
        for entry in reader.entries(kinds=("tick", "track", "incident")):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, Incident):
                incidents.append(record)
            elif isinstance(record, Track):
                tracks.append(record)
            elif isinstance(record, Tick):
                times_ns.append(record.time_ns)
    span_ns = (times_ns[0], times_ns[-1]) if times_ns else None
    return score(incidents, events, site, tracks=tracks, span_ns=span_ns)


def score_truth(claimed: Path, truth: Path, site: Site) -> dict[str, Any]:
    """The incidents that a perfect watch would have raised for `claimed`, against `truth`."""
    return score(ideal_incidents(read_truth(claimed), site), read_truth(truth), site)
