"""Health of channels: faults put into real recordings, and every word said about recordings in which nothing was put.

`cut_channel_err` and `fault_delay_s` are the worst of all events: a fibre cut at a random channel of the street
recording (dark to zeros, to NaN, to a faint hiss, or to a loud even hiss), and one to three channels that die, stick or
are driven to the end of their range, in the street recording and in those of the fence. `false_records` counts findings
about the recordings as they are that the samples do not bear out; those that they do (cells of the fence that hold
nothing but zeros) are `true_records`. The source does not state the rate of the fence recordings: 100 Hz is assumed.

`counters_*` replays seven years of hourly counts of 21 counters as heartbeats and compares the hours of silence of each
counter and year with the report that comes with them; hours for which there is no row at all are counted apart.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.geophone import files as geophone_files
from benchmarks.reporting import Figures, answer, shared_folder
from linewatch.evaluate import garwood
from linewatch.health.channels import ChannelHealthSettings, ChannelHealthStep
from linewatch.health.state import HealthSettings
from linewatch.health.watch import HealthStep
from linewatch.ports import AnyStep  # noqa: TC001 - annotations of this module are read where it stands
from linewatch.records import Block, Health, Outage, Tick
from linewatch.records.vocabulary import SensorKind
from linewatch.simulate import RawSource, read_scene, trimmed
from linewatch.site.load import load_site
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor

NS_PER_S: Final = 1_000_000_000
FENCE_HZ, STREET_HZ = 100.0, 625.0
PHI_HZ: Final = (8_000.0, 12_500.0)
TICK_S: Final = 0.25
CUTS, CUTS_QUICK = 60, 12
FAULTS, FAULTS_QUICK = 60, 12
LISTEN_S, AFTER_S = 34.0, 8.0
FAULT_LISTEN_S: Final = 10.0

Samples = NDArray[Any]


class Told(NamedTuple):
    """A finding and when it was told, in seconds of the recording."""

    told_s: float
    health: Health


class Stream(NamedTuple):
    """One recording."""

    name: str
    kind: SensorKind
    rate_hz: float
    samples: Samples


def told_of(samples: Samples, rate_hz: float, kind: SensorKind) -> list[Told]:
    """What the step says of samples that arrive a tick at a time."""
    n = samples.shape[1]
    step = ChannelHealthStep(Sensor("s", kind, "main", from_m=0.0, to_m=float(n), channels=n), ChannelHealthSettings())
    state = step.initial()
    rows = max(1, round(TICK_S * rate_hz))
    out: list[Told] = []
    for first in range(0, len(samples), rows):
        block = Block("main", "s", 0, first, rate_hz, np.ascontiguousarray(samples[first : first + rows]))
        state, found = step.step(state, (block,), Tick(0, block.end_ns, block.end_ns, 1))
        out += [Told(block.end_ns / NS_PER_S, record) for record in found if isinstance(record, Health)]
    return out


# ------------------------------------------------------------------------------------------------------- recordings


def street() -> Samples | None:
    """The street recording in one piece."""
    paths = sorted(shared_folder("das_street_vehicles").glob("*.npz"))
    return np.concatenate([np.load(path)["x"] for path in paths]).astype(np.float32) if paths else None


def fence(folder: str) -> Iterator[Stream]:
    """Recordings of the fence."""
    for path in sorted((shared_folder("fence_fibre_vibration") / folder).glob("*.npz")):
        with np.load(path) as arrays:
            yield Stream(f"{folder}/{path.stem}", "fibre_vibration", FENCE_HZ, arrays[arrays.files[0]].astype(np.int16))


def everything(*, quick: bool) -> Iterator[Stream]:
    """All real recordings of channels, as they are."""
    whole = street()
    if whole is not None:
        yield Stream("street", "fibre_das", STREET_HZ, whole)
    yield from fence("no_event")
    if not quick:
        yield from fence("train_list")
    paths = sorted(shared_folder("phi_otdr_bjtu_background").glob("*.npz"))
    for day in sorted({path.name[:6] for path in paths}):
        pieces = [np.load(path)["data"] for path in paths if path.name.startswith(day)]
        for rate_hz in PHI_HZ[: 1 if quick else None]:
            yield Stream(f"background {day}", "fibre_das", rate_hz, np.concatenate(pieces).astype(np.float32))
    for file in geophone_files(shared_folder("geophone_footsteps"))[: 10 if quick else None]:
        yield Stream(f"geophone {file.name}", "geophone", file.rate_hz, file.samples.astype(np.float32)[:, None])


def borne_out(stream: Stream, told: Told) -> bool:
    """Whether the samples themselves bear a finding out: channels of nothing but one number all the while."""
    health = told.health
    if health.severity == "ok":
        return True
    if health.condition not in ("dead_channel", "stuck_channel") or health.first_channel is None:
        return False
    rows = slice(int(health.time_ns / NS_PER_S * stream.rate_hz) + 1, int((told.told_s - TICK_S) * stream.rate_hz) - 1)
    part = stream.samples[rows, health.first_channel : (health.last_channel or 0) + 1]
    return bool(len(part) and (part == part[0]).all())


def real(*, quick: bool) -> Figures:
    """What is said about recordings as they are."""
    hours, true, false = 0.0, 0, []
    by_set: dict[str, float] = {}
    for stream in everything(quick=quick):
        n_hours = stream.samples.size / stream.rate_hz / 3600.0
        hours += n_hours
        name = stream.name.split("/")[0].split(" ")[0]
        by_set[name] = round(by_set.get(name, 0.0) + n_hours, 3)
        for told in told_of(stream.samples, stream.rate_hz, stream.kind):
            if borne_out(stream, told):
                true += told.health.severity != "ok"
            else:
                false.append(f"{stream.name}: {told.health.condition} at {told.told_s:.1f} s: {told.health.text}")
    return {
        "false_records": len(false),
        "true_records": true,
        "channel_hours": round(hours, 2),
        "false_per_channel_hour_high": round(garwood(len(false), hours)[1], 4) if hours else None,
        "channel_hours_by_set": by_set,
        "false": false[:20],
    }


def simulated(seconds: int, length_m: float) -> Figures:
    """What is said about simulated fibres in a storm, in which no fault is scripted on this stretch."""
    stretch_m = (20_000.0, 20_000.0 + length_m)
    whole = load_site("reference")
    site = trimmed(whole, *stretch_m)
    source = RawSource(read_scene("storm-raw", site), site, 1, from_m=stretch_m[0], to_m=stretch_m[1])
    steps: dict[str, AnyStep] = {}
    states: dict[str, Any] = {}
    found, samples = [], 0.0
    for second in range(seconds):
        until_ns = source.start_ns + (second + 1) * NS_PER_S
        for block in source.poll(until_ns):
            if not isinstance(block, Block):
                continue
            step = steps.setdefault(block.sensor, ChannelHealthStep(site.sensor(block.sensor), ChannelHealthSettings()))
            state = states.get(block.sensor) or step.initial()
            states[block.sensor], out = step.step(state, (block,), Tick(0, until_ns, until_ns, NS_PER_S))
            found += [
                f"{r.sensor}: {r.condition}: {r.text}" for r in out if isinstance(r, Health) and r.severity != "ok"
            ]
            samples += block.n_channels * block.n_samples / block.rate_hz
    hours = samples / 3600.0
    return {
        "simulated_records": len(found),
        "simulated_channel_hours": round(hours, 2),
        "simulated_per_channel_hour_high": round(garwood(len(found), hours)[1], 4) if hours else None,
        "simulated_said": found[:10],
    }


# ----------------------------------------------------------------------------------------------------------- faults


def cut(whole: Samples, rng: np.random.Generator, manner: str) -> tuple[float | None, float | None]:
    """One cut: how many channels off it is placed, and after how many seconds; None twice where it is not found."""
    n = whole.shape[1]
    place = int(rng.integers(1, n - 11))
    begin = int(rng.integers(round(LISTEN_S * STREET_HZ), len(whole) - round(AFTER_S * STREET_HZ)))
    part = whole[begin - round(LISTEN_S * STREET_HZ) : begin + round(AFTER_S * STREET_HZ)].copy()
    at = round(LISTEN_S * STREET_HZ)
    size = (len(part) - at, n - place)
    quietest = _quietest(part[:at])
    if manner == "zeros":
        part[at:, place:] = 0.0
    elif manner == "nan":
        part[at:, place:] = np.nan
    elif manner == "faint":
        part[at:, place:] = rng.normal(size=size) * quietest[place:] * 10.0 ** (-rng.uniform(10.0, 25.0) / 20.0)
    else:
        part[at:, place:] = rng.normal(size=size) * np.median(quietest) * 10.0 ** (rng.uniform(26.0, 40.0) / 20.0)
    for told in told_of(part, STREET_HZ, "fibre_das"):
        if told.health.condition == "fibre_cut" and told.health.first_channel is not None:
            return abs(told.health.first_channel - place), told.told_s - LISTEN_S
    return None, None


def _quietest(samples: Samples) -> NDArray[np.float64]:
    """Deviation of the steps of each channel in its quietest second, at about a hundred samples a second."""
    steps = np.diff(samples[:: int(STREET_HZ // 128)].astype(np.float64), axis=0)
    seconds = len(steps) // 128
    return np.asarray(np.sqrt((steps[: seconds * 128].reshape(seconds, 128, -1) ** 2).mean(axis=1).min(axis=0) / 2.0))


def fault(stream: Stream, rng: np.random.Generator, manner: str) -> float | None:
    """One run of one to three channels goes wrong: seconds until it is told with the right word; None if it is not."""
    n = stream.samples.shape[1]
    width = int(rng.integers(1, 4))
    low = int(rng.integers(0, n - width + 1))
    at = round((FAULT_LISTEN_S + rng.uniform(0.0, 1.0)) * stream.rate_hz)
    begin = int(rng.integers(0, len(stream.samples) - at - round(AFTER_S * stream.rate_hz)))
    part = stream.samples[begin : begin + at + round(AFTER_S * stream.rate_hz)].copy()
    run = (slice(at, None), slice(low, low + width))
    if manner == "dead":
        part[run] = 0
    elif manner == "stuck":
        part[run] = part[at, low : low + width] if (part[at, low : low + width] != 0).all() else 7
    elif part.dtype == np.int16:
        part[run] = np.clip(part[run].astype(np.float64) * 1e4, -32_768, 32_767)
    else:
        most = np.quantile(np.abs(part[run]), rng.uniform(0.1, 0.6))
        part[run] = np.clip(part[run], -most, most)
    words = {"dead": ("dead_channel",), "stuck": ("stuck_channel",), "saturated": ("saturated", "stuck_channel")}
    for told in told_of(part, stream.rate_hz, stream.kind):
        health = told.health
        first, last = health.first_channel or 0, health.last_channel or 0
        if health.condition in words[manner] and first <= low and last >= low + width - 1:
            return told.told_s - at / stream.rate_hz
    return None


def faults(*, quick: bool) -> Figures:
    """Cuts and faults put into real recordings."""
    whole = street()
    if whole is None:
        return {}
    rng = np.random.default_rng(20)
    manners = ("zeros", "nan", "faint", "loud")
    cuts = [cut(whole, rng, manners[i % 4]) for i in range(CUTS_QUICK if quick else CUTS)]
    errors = [error for error, _ in cuts if error is not None]
    cut_delays = [delay for _, delay in cuts if delay is not None]
    streams = [Stream("street", "fibre_das", STREET_HZ, whole), *fence("train_list")]
    streams = [s for s in streams if len(s.samples) > (FAULT_LISTEN_S + AFTER_S + 2.0) * s.rate_hz]
    kinds = ("dead", "stuck", "saturated")
    count = FAULTS_QUICK if quick else FAULTS
    delays = {kind: [fault(streams[i % len(streams)], rng, kind) for i in range(count)] for kind in kinds}
    known = [delay for each in delays.values() for delay in each if delay is not None]
    return {
        "cuts": len(cuts),
        "cuts_found": len(errors),
        "cut_channel_err": max(errors, default=None),
        "cut_channel_err_median": float(np.median(errors)) if errors else None,
        "cuts_within_one": sum(error <= 1 for error in errors),
        "cut_delay_s": round(max(cut_delays), 2) if cut_delays else None,
        "faults": 3 * count,
        "faults_found": len(known),
        "fault_delay_s": round(max(known), 2) if known else None,
        "fault_delay_median_s": round(float(np.median(known)), 2) if known else None,
        "faults_missed": {kind: sum(delay is None for delay in each) for kind, each in delays.items()},
    }


# --------------------------------------------------------------------------------------------------------- counters


def counters() -> Figures:
    """Seven years of hourly counts as heartbeats, against the report of what is missing."""
    folder = shared_folder("ped_counters_auckland")
    paths, reports = sorted(folder.glob("*.npz")), sorted(folder.glob("*report*.json"))
    if not paths or not reports:
        return {}
    with np.load(paths[0]) as arrays:
        names = [str(name) for name in arrays["site"]]
        hours = arrays["date"].astype("datetime64[h]").astype(np.int64) + arrays["hour"]
        counts = arrays["counts"]
    outages = _silences(names, hours, counts)
    told: dict[tuple[str, int], int] = {}
    rows, absent = set(hours.tolist()), 0
    for outage in outages.values():
        missing = range(outage.start_ns // _HOUR_NS + 1, (outage.end_ns or _HOUR_NS * int(hours.max())) // _HOUR_NS)
        for sensor in outage.sensors:
            for hour in missing:
                if hour not in rows:
                    absent += 1
                    continue
                key = (sensor, datetime.fromtimestamp(hour * 3600, UTC).year)
                told[key] = told.get(key, 0) + 1
    # Hours before a counter's first word are no outage: it may not have stood there yet.
    stated = _stated(json.loads(Path(reports[0]).read_text(encoding="utf-8")), names, hours, counts)
    differ = {f"{s} {y}": [stated.get((s, y), 0), told.get((s, y), 0)] for s, y in sorted({*stated, *told})}
    return {
        "counters_outages": len(outages),
        "counters_shared": sum(len(outage.sensors) > 1 for outage in outages.values()),
        "counters_hours_reported": sum(stated.values()),
        "counters_hours_found": sum(told.values()),
        "counters_hours_without_row": absent,
        "counters_differ": {key: pair for key, pair in differ.items() if pair[0] != pair[1]},
    }


_HOUR_NS: Final = 3600 * NS_PER_S


def _silences(names: Sequence[str], hours: NDArray[np.int64], counts: Samples) -> dict[str, Outage]:
    sensors = tuple(
        Sensor(name, "pir", "main", at_m=50.0 * i, range_m=10.0, heartbeat_s=4500.0, network="collector")
        for i, name in enumerate(names)
    )
    line = Line("main", 2_000.0, sections=(Section("S01", "main", 0.0, 2_000.0),))
    step = HealthStep(Site("counters", "UTC", (line,), sensors), HealthSettings())
    state = step.initial()
    by_hour: dict[int, set[int]] = {}
    for row, hour in enumerate(hours):
        by_hour.setdefault(int(hour), set()).update(np.flatnonzero(~np.isnan(counts[row])).tolist())
    outages: dict[str, Outage] = {}
    for half in range(2 * min(by_hour), 2 * max(by_hour) + 1):
        time_ns = half * _HOUR_NS // 2
        beats = sorted(by_hour.get(half // 2, ())) if half % 2 == 0 else []
        batch = [Health("main", names[i], time_ns, "heartbeat", "ok", "counts") for i in beats]
        state, out = step.step(state, tuple(batch), Tick(half, time_ns, time_ns, _HOUR_NS // 2))
        outages |= {record.id: record for record in out if isinstance(record, Outage)}
    return outages


def _stated(
    report: dict[str, Any], names: Sequence[str], hours: NDArray[np.int64], counts: Samples
) -> dict[tuple[str, int], int]:
    """Missing hours by counter and year, without those before its first count."""
    out: dict[tuple[str, int], int] = {}
    heard = {name: int(hours[~np.isnan(counts[:, i])].min()) for i, name in enumerate(names)}
    for year, facts in report.items():
        for name, missing in facts["per_sensor"].items():
            first = datetime.fromtimestamp(heard[name] * 3600, UTC) if name in heard else None
            if first is not None and first.year == int(year):
                start = int(datetime(first.year, 1, 1, tzinfo=UTC).timestamp()) // 3600
                out[name, int(year)] = missing - (heard[name] - start)
            else:
                out[name, int(year)] = missing
    return {key: missing for key, missing in out.items() if missing > 0}


def measure(args: argparse.Namespace) -> Figures:
    """Faults, recordings as they are, a simulated storm, and counters."""
    figures = dict.fromkeys(("cut_channel_err", "fault_delay_s", "false_records", "channel_hours"))
    sim = simulated(8, 500.0) if args.quick else simulated(60, 1_000.0)
    return figures | faults(quick=args.quick) | real(quick=args.quick) | sim | ({} if args.quick else counters())


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
