"""The load that the console is measured under: a record written at the pace of the clock, and readers of the feed.

`python -m benchmarks.console_load write DIR SECONDS TRACKS DETECTIONS_PER_S` keeps the record of a watch without the
watch: every 250 ms a tick with detections and tracks, every second a new incident, whose commit it prints.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx
import msgspec
import numpy as np

from linewatch import __version__
from linewatch.records import (
    ACTS,
    MOVERS,
    Detections,
    Incident,
    Tick,
    Track,
    canonical_bytes,
    content_id,
    quantise,
    quantise_batch,
)
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import load_site
from linewatch.site.model import Site
from linewatch.store.description import describe
from linewatch.store.identity import identity_of
from linewatch.store.journal import Journal, open_journal
from linewatch.store.keys import replay_salt_key
from linewatch.store.reader import open_store

PERIOD_NS = 250_000_000
OPEN_AT_ONCE = 40


def write(folder: Path, seconds: float, tracks: int, detections_per_s: int) -> None:
    """Write the record for so long, at the pace of the clock."""
    site = load_site("reference")
    site_id = site_fingerprint(site)
    identity = identity_of(
        site=site.name, site_id=site_id, settings_id="load", inputs_id="", package_version=__version__
    )
    journal = open_journal(folder, identity, salt_key=replay_salt_key(site_id, "load"), synchronous="NORMAL")
    with open_store(folder) as reader:
        describe(journal, reader, site, {})
    crowd = _Crowd(site, tracks)
    incidents: list[Incident] = []
    next_incident = 0
    index = time.time_ns() // PERIOD_NS
    last = index + round(seconds * 1e9 / PERIOD_NS)
    while index < last:
        # Ticks that a slow machine was late for are left out, as a live watch does: what is measured is the console.
        index = max(index, time.time_ns() // PERIOD_NS) + 1
        time.sleep(max(index * PERIOD_NS - time.time_ns(), 0) / 1e9)
        tick = Tick(index, index * PERIOD_NS, index * PERIOD_NS, PERIOD_NS)
        journal.append("tick", "", canonical_bytes(tick))
        for batch in crowd.felt(tick, detections_per_s // 4):
            journal.append("detections", batch.line, canonical_bytes(batch))
        for track in crowd.moved(tick):
            journal.append("track", track.id, canonical_bytes(track))
        new = None
        if index >= next_incident:
            next_incident = index + 4
            new = _incident(site, tick, len(incidents))
            incidents.append(new)
            _append(journal, new)
            if len(incidents) > OPEN_AT_ONCE:
                old = incidents[-OPEN_AT_ONCE - 1]
                _append(journal, msgspec.structs.replace(old, state="closed", closed_ns=tick.time_ns))
        journal.commit(tick, {}, {})
        if new is not None:
            print(json.dumps({"id": new.id, "commit_ns": time.time_ns()}), flush=True)
    journal.close()


def _append(journal: Journal, incident: Incident) -> None:
    journal.append("incident", incident.id, canonical_bytes(incident))


class _Crowd:
    """Movers along the line, and what the fibres feel of them."""

    def __init__(self, site: Site, tracks: int) -> None:
        self._line = site.lines[0]
        fibres = [s for s in site.sensors if s.kind == "fibre_das" and s.line == self._line.id]
        self._sensors = tuple(sorted(fibre.id for fibre in fibres))
        self._edges = [(self._sensors.index(f.id), *f.extent_m()) for f in fibres]
        self._random = np.random.default_rng(1)
        self._at_m = self._random.uniform(100.0, self._line.length_m - 100.0, tracks)
        self._speed_mps = self._random.uniform(-2.0, 2.0, tracks)

    def moved(self, tick: Tick) -> list[Track]:
        self._at_m = np.clip(self._at_m + self._speed_mps * 0.25, 100.0, self._line.length_m - 100.0)
        person = tuple(1.0 if name == "person" else 0.0 for name in MOVERS)
        nothing = tuple(1.0 if name == "none" else 0.0 for name in ACTS)
        return [
            quantise(
                Track(
                    id=f"{number:016x}",
                    line=self._line.id,
                    section=self._line.sections[0].name,
                    time_ns=tick.time_ns,
                    first_ns=tick.time_ns,
                    last_ns=tick.time_ns,
                    state="confirmed",
                    existence_probability=1.0,
                    chainage_m=float(at_m),
                    chainage_sigma_m=3.0,
                    velocity_mps=float(speed_mps),
                    velocity_sigma_mps=0.3,
                    covariance_m2ps=0.1,
                    from_m=float(at_m) - 2.0,
                    to_m=float(at_m) + 2.0,
                    strength_db=15.0,
                    mover_probabilities=person,
                    act_probabilities=nothing,
                    sensors=self._sensors[:1],
                    first_detection="load",
                    detections=9,
                    offset_m=10.0,
                )
            )
            for number, (at_m, speed_mps) in enumerate(zip(self._at_m, self._speed_mps, strict=True))
        ]

    def felt(self, tick: Tick, count: int) -> list[Detections]:
        if not count:
            return []
        at_m = np.sort(self._random.uniform(0.0, self._line.length_m, count))
        index = np.zeros(count, dtype=np.int32)
        for number, low, high in self._edges:
            index[(at_m >= low) & (at_m < high)] = number
        nan = np.full(count, np.nan)
        batch = Detections(
            line=self._line.id,
            sensors=self._sensors,
            sensor_index=index,
            time_ns=np.full(count, tick.time_ns - 1_000, dtype=np.int64),
            duration_s=np.full(count, 0.25),
            chainage_m=at_m,
            chainage_sigma_m=np.full(count, 2.0),
            from_m=np.maximum(at_m - 5.0, 0.0),
            to_m=np.minimum(at_m + 5.0, self._line.length_m),
            strength_db=self._random.uniform(6.0, 30.0, count),
            probability=np.full(count, 0.9),
            mover_probabilities=np.full((count, len(MOVERS)), np.nan),
            act_probabilities=np.full((count, len(ACTS)), np.nan),
            offset_m=nan,
            offset_sigma_m=nan,
            velocity_mps=nan,
            velocity_sigma_mps=nan,
            count_low=np.full(count, -1, dtype=np.int32),
            count_high=np.full(count, -1, dtype=np.int32),
        )
        return [quantise_batch(batch)]


def _incident(site: Site, tick: Tick, number: int) -> Incident:
    line = site.lines[0]
    at_m = float(1000 + number * 777 % 200_000)
    return quantise(
        Incident(
            id=content_id("load", number, tick.time_ns),
            line=line.id,
            section=site.section_at(line.id, at_m).name,
            raised_ns=tick.time_ns,
            updated_ns=tick.time_ns,
            closed_ns=None,
            kind="approach",
            kind_probability=0.9,
            mover="person",
            act="none",
            concern="none",
            chainage_m=at_m,
            chainage_sigma_m=3.0,
            from_m=at_m - 3.0,
            to_m=at_m + 3.0,
            place="post 1",
            count_low=1,
            count_high=2,
            priority=1 + number % 5,
            state="raised",
            sensors=("das-a-1",),
            reason="made up to measure the console",
            settings_id="load",
        )
    )


async def read_feeds(address: str, cookie: str, listeners: int, seconds: float) -> list[float]:
    """Seconds between a tick and the arrival of its detections, over all listeners."""
    lags_s: list[float] = []
    async with httpx.AsyncClient(
        base_url=address, cookies={"lw_session": cookie}, timeout=30.0, limits=httpx.Limits(max_connections=None)
    ) as client:
        await asyncio.gather(*(_read(client, seconds, lags_s) for _ in range(listeners)))
    return lags_s


async def _read(client: httpx.AsyncClient, seconds: float, lags_s: list[float]) -> None:
    until = time.monotonic() + seconds
    waiting = bytearray()
    async with client.stream("GET", "/api/feed") as answer:
        async for piece in answer.aiter_raw():
            waiting += piece
            now_ms = time.time() * 1000.0
            while len(waiting) >= 4 and len(waiting) >= 4 + (length := int.from_bytes(waiting[:4], "big")):
                frame = msgspec.msgpack.decode(bytes(waiting[4 : 4 + length]))
                del waiting[: 4 + length]
                if frame["t"] == "d":
                    lags_s.append((now_ms - frame["tick_ms"]) / 1000.0)
            if time.monotonic() > until:
                return


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        found = asyncio.run(read_feeds(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
        print(json.dumps(found))
