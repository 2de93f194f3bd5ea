"""The fused front end: speed beside what users would pick instead, share of a core at full scale, and agreement.

All rates are per second of processor time, interleaved and taken as medians, so that a busy moment hits all alike.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.front_end_peers import CHAINS, LONG, OFF, ON, RATE_HZ, SHORT, obspy_onsets, reference_ratio
from benchmarks.reporting import Figures, answer
from linewatch.signals.front_end import FrontEnd, FrontEndSettings, fit_front_end, new_front_end_state, run_front_end
from linewatch.signals.line_cfar import LineCfarSettings, find_clusters

BLOCK = 50
CHUNK = 100
SETTINGS = FrontEndSettings(short_s=SHORT / RATE_HZ, long_s=LONG / RATE_HZ, on=ON, off=OFF, block_s=BLOCK / RATE_HZ)
ROUNDS = 7

Runs = dict[str, Callable[[], object]]


def seconds(runs: Runs, rounds: int) -> dict[str, float]:
    """Median processor time of each, run in turn; the first call of each is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            times[name].append(time.process_time() - begun)
    return {name: statistics.median(taken) for name, taken in times.items()}


def traces(n_channels: int, n_samples: int) -> NDArray[np.float32]:
    """(n_channels, n_samples) of noise, with bursts in every fifth channel."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n_channels, n_samples), dtype=np.float32)
    burst = (8 * np.hanning(120) * np.sin(2 * np.pi * 30 * np.arange(120) / RATE_HZ)).astype(np.float32)
    for k in range(0, n_channels, 5):
        for start in range(2000 + (k % 7) * 50, n_samples - 500, 900):
            x[k, start : start + 120] += burst
    return x


def whole(front_end: FrontEnd, x: NDArray[Any]) -> Callable[[], object]:
    """The front end over all samples, from a new state, ten seconds at a time."""

    def run() -> object:
        state = new_front_end_state(x.shape[1])
        return [run_front_end(x[t : t + 10_000], front_end, state).onsets.sum() for t in range(0, len(x), 10_000)]

    return run


def against_peers(front_end: FrontEnd, *, quick: bool) -> Figures:
    """Ratios of speed on the same input: scipy on many traces of 10 s, obspy and the others on traces of 100 s."""
    short, long = traces(512 if quick else 2000, 10_000), traces(128 if quick else 256, 100_000)
    ours = whole(front_end, np.ascontiguousarray(short.T))
    took = seconds({"ours": ours, "scipy": CHAINS["scipy"](short)}, 3 if quick else ROUNDS)
    figures: Figures = {"ratio_scipy": took["scipy"] / took["ours"]}
    ours = whole(front_end, np.ascontiguousarray(long.T))
    took = seconds(
        {"ours": ours} | {name: CHAINS[name](long) for name in ("obspy", "xdas", "dascore")}, 1 if quick else 3
    )
    figures |= {f"ratio_{name}": taken / took["ours"] for name, taken in took.items() if name != "ours"}
    return figures | agreement(front_end, long[:50])


def agreement(front_end: FrontEnd, x: NDArray[np.float32]) -> Figures:
    """Ratio against float64 and onsets against obspy, both given traces that begin at zero as we take them."""
    found = run_front_end(np.ascontiguousarray(x.T), front_end, new_front_end_state(len(x)))
    settled = slice(LONG // BLOCK, None)
    want = reference_ratio((x - x[:, :1]).T, BLOCK)[settled]
    error = np.abs(found.ratio[settled] - want) / want
    theirs = [obspy_onsets(row - row[0]) for row in x]
    n_ours, worst, unmatched = 0, 0, 0
    for c, onsets in enumerate(theirs):
        blocks = np.flatnonzero(found.onsets[:, c])
        ours = blocks * BLOCK + found.first_onset[blocks, c]
        n_ours += int(found.onsets[:, c].sum())
        for onset in onsets:
            apart = int(np.abs(ours - onset).min(initial=1 << 30))
            # Farther apart than a short average is not a shifted onset but another one.
            unmatched += apart > SHORT
            worst = max(worst, apart) if apart <= SHORT else worst
    return {
        "max_rel_err": float(error.max()),
        "onset_max_diff": worst,
        "onsets": n_ours,
        "onsets_obspy": sum(map(len, theirs)),
        "onsets_unmatched": unmatched,
    }


@njit(fastmath=True)
def _read(x: Any) -> Any:
    """Sum, as fast as memory gives."""
    total = np.float32(0)
    for i in range(x.size):
        total += x[i]
    return total


def chunks(n_channels: int, count: int, kind: type[np.generic]) -> list[NDArray[Any]]:
    """Fresh buffers in turn, so that every chunk comes from memory."""
    rng = np.random.default_rng(1)
    floats = (rng.standard_normal((CHUNK, n_channels), dtype=np.float32) for _ in range(count))
    return [(1000 * x).astype(kind) if kind is np.int16 else x for x in floats]


def spoilt(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """A tenth of the channels each: not a number, zero, denormal, and with single bad samples."""
    x = x.copy()
    x[:, 0::10] = np.nan
    x[:, 1::10] = 0.0
    x[:, 2::10] *= np.float32(1e-40)
    x[::7, 3::10] = np.nan
    x[::11, 4::10] = np.inf
    return x


class Line:
    """All channels of a line, chunk by chunk, with what comes after the front end where asked for."""

    def __init__(self, pool: Sequence[NDArray[Any]], front_end: FrontEnd, *, cfar: bool) -> None:
        self.pool, self.front_end, self.cfar = pool, front_end, cfar
        self.state = new_front_end_state(pool[0].shape[1])
        self.at = 0

    def __call__(self) -> object:
        """Take the next chunk."""
        chunk = self.pool[self.at % len(self.pool)]
        self.at += 1
        blocks = run_front_end(chunk, self.front_end, self.state)
        return find_clusters(blocks.power, blocks.usable(BLOCK // 2), CFAR) if self.cfar else None


CFAR = LineCfarSettings()


def at_full_scale(front_end: FrontEnd, *, quick: bool) -> Figures:
    """Share of one core, in chunks of 100 ms."""
    count = 4 if quick else 8
    chunk_s = CHUNK / RATE_HZ
    decimating = fit_front_end(msgspec.structs.replace(SETTINGS, decimated_hz=200.0), RATE_HZ)
    pool = chunks(20_000, count, np.float32)
    reading = iter(range(1 << 30))
    twenty: Runs = {
        "float32": Line(pool, front_end, cfar=False),
        "int16": Line(chunks(20_000, count, np.int16), front_end, cfar=False),
        "decimated": Line(pool, decimating, cfar=False),
        "read": lambda: _read(pool[next(reading) % count].reshape(-1)),
    }
    took = seconds(twenty, 12 if quick else 60)
    wide = chunks(40_200, count, np.float32)
    forty: Runs = {
        "clean": Line(wide, front_end, cfar=True),
        "bad": Line([spoilt(x) for x in wide], front_end, cfar=True),
    }
    took |= seconds(forty, 12 if quick else 60)
    return {
        "core_share_20k": took["float32"] / chunk_s,
        "core_share_20k_int16": took["int16"] / chunk_s,
        "core_share_20k_decimated": took["decimated"] / chunk_s,
        "core_share_40k": took["clean"] / chunk_s,
        "core_share_40k_bad_input": took["bad"] / chunk_s,
        "bad_input_over_clean": took["bad"] / took["clean"],
        "ratio_read_bandwidth": took["read"] / took["float32"],
    }


SITE = """
[site]
name = "Start"
timezone = "UTC"
[[line]]
id = "main"
length_m = 60.0
outside = "left"
[[section]]
name = "S01"
from_m = 0.0
to_m = 60.0
[[sensor]]
id = "fence"
kind = "fibre_vibration"
from_m = 0.0
to_m = 60.0
channels = 60
"""
RECORDING = """
sensor = "fence"
data = ["a.npy"]
format = "array"
layout = "time_channel"
rate_hz = 1000.0
start = "2024-01-01T00:00:00Z"
"""
UNTIL_WORK = """
import os, sys
from linewatch import cli
from linewatch.app import run
first = run.Runner.advance
def advance(self, index):
    first(self, index)
    os._exit(0)
run.Runner.advance = advance
sys.exit(cli.main(sys.argv[1:]) or 3)
"""


def start_up(*, quick: bool) -> Figures:
    """From the start of the process to the first tick done; the caches are warm after the first time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site.toml").write_text(SITE)
        (folder / "recording.toml").write_text(RECORDING)
        rng = np.random.default_rng(0)
        np.save(folder / "a.npy", np.abs(rng.standard_normal((2000, 60))).astype(np.float32))
        command = [sys.executable, "-c", UNTIL_WORK, "replay", str(folder), str(folder / "recording.toml"), "--json"]
        wall, spent = [], []
        for _ in range(3 if quick else 6):
            begun, before = time.perf_counter(), os.times()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
            after = os.times()
            wall.append(time.perf_counter() - begun)
            spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return {"start_s": statistics.median(wall[1:]), "start_cpu_s": statistics.median(spent[1:])}


def measure(args: argparse.Namespace) -> Figures:
    """All of it."""
    front_end = fit_front_end(SETTINGS, RATE_HZ)
    figures = against_peers(front_end, quick=args.quick)
    figures |= at_full_scale(front_end, quick=args.quick)
    figures |= start_up(quick=args.quick)
    return {key: round(value, 9) if isinstance(value, float) else value for key, value in figures.items()}


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
