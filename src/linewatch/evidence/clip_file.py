"""A clip of samples as an HDF5 file that other tools open, and back.

    /samples_0, /samples_1, ...   (samples, channels), one for each stretch without a break
        attributes: start_ns, start (ISO 8601), rate_hz, origin_ns, first_sample, first_channel
    /valid_0 ...                  (channels,) where some channels are known bad
    /ticks_0 ...                  (n, 2) index of each tick and the row at which it begins
    /chainage_m                   (channels,) metres along the line, where the sensor is a span
    /states/NAME                  bytes: a detector's state before the first sample, attribute `key`
    attributes: format, line, sensor, kind, request, incident, from_ns, to_ns, all_channels, state_tick

The bytes are the same for the same samples: no times of writing are kept.
"""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.records import Block, ClipRequest
from linewatch.site.sensor import Sensor

FORMAT: Final = "linewatch-clip/1"
NO_STATE: Final = -1


class ClipData(msgspec.Struct, frozen=True):
    """What a clip holds."""

    sensor: str
    """Sensor it is from."""
    kind: str
    """Kind of that sensor."""
    blocks: tuple[tuple[int, Block], ...]
    """Samples with the index of the tick in which they came, in order."""
    all_channels: bool
    """Whether it has all channels of the sensor."""
    state_tick: int | None
    """Tick after which the states hold; None where there are none."""
    states: dict[str, bytes]
    """States of the sensor's detectors before the first sample, by key; empty also where it had none yet."""
    chainage_m: NDArray[np.float64] | None = None
    """Where its channels are, for a span."""


def of_channels(block: Block, first: int, count: int) -> Block | None:
    """The part of a block in these channels (count 0: all); None where it has none of them."""
    if not count:
        return block
    low = max(first, block.first_channel)
    high = min(first + count, block.first_channel + block.n_channels)
    if low >= high:
        return None
    cut = slice(low - block.first_channel, high - block.first_channel)
    valid = None if block.valid is None else block.valid[cut]
    samples = np.ascontiguousarray(block.samples[:, cut])
    return msgspec.structs.replace(block, samples=samples, first_channel=low, valid=valid)


def write_clip(path: Path, request: ClipRequest, sensor: Sensor, clip: ClipData) -> None:
    """Write a clip. Raises `OSError` where the disk does not take it."""
    # Made in memory: a disk that fills up is then one plain error, and not one out of the depths of HDF5.
    made = io.BytesIO()
    with h5py.File(made, "w", track_order=True) as file:
        told = {
            "format": FORMAT,
            "line": sensor.line,
            "sensor": sensor.id,
            "kind": sensor.kind,
            "request": request.id,
            "incident": request.incident,
            "from_ns": request.from_ns,
            "to_ns": request.to_ns,
            "all_channels": clip.all_channels,
            "state_tick": NO_STATE if clip.state_tick is None else clip.state_tick,
        }
        for name, value in told.items():
            file.attrs[name] = value
        for number, run in enumerate(runs_of(clip.blocks)):
            _write_run(file, number, run)
        if clip.chainage_m is not None:
            file.create_dataset("chainage_m", data=clip.chainage_m)
        states = file.create_group("states")
        for number, (key, raw) in enumerate(sorted(clip.states.items())):
            kept = states.create_dataset(f"{number}", data=np.frombuffer(raw, dtype=np.uint8))
            kept.attrs["key"] = key
    path.write_bytes(made.getbuffer())


def read_clip(path: Path) -> ClipData:
    """The clip again. Raises `InputError` on what is none."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path}: format: found {file.attrs.get('format')!r}; allowed: {FORMAT!r}")
            blocks: list[tuple[int, Block]] = []
            number = 0
            while f"samples_{number}" in file:
                blocks += _read_run(file, number)
                number += 1
            state_tick = int(file.attrs["state_tick"])
            return ClipData(
                sensor=str(file.attrs["sensor"]),
                kind=str(file.attrs["kind"]),
                blocks=tuple(sorted(blocks, key=lambda pair: (pair[0], pair[1].first_channel, pair[1].start_ns))),
                all_channels=bool(file.attrs["all_channels"]),
                state_tick=None if state_tick == NO_STATE else state_tick,
                states={str(kept.attrs["key"]): kept[()].tobytes() for kept in file["states"].values()},
                chainage_m=file["chainage_m"][()] if "chainage_m" in file else None,
            )
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: found no clip ({error}); allowed: a file of format {FORMAT}") from error


def runs_of(blocks: Sequence[tuple[int, Block]]) -> list[list[tuple[int, Block]]]:
    """Blocks of the same channels that continue each other, together."""
    runs: list[list[tuple[int, Block]]] = []
    for tick, block in sorted(blocks, key=lambda pair: (pair[1].first_channel, pair[1].start_ns)):
        last = runs[-1][-1][1] if runs else None
        if last is None or not _continues(last, block):
            runs.append([])
        runs[-1].append((tick, block))
    return runs


def _continues(before: Block, after: Block) -> bool:
    facts = ("origin_ns", "rate_hz", "first_channel", "n_channels")
    same_valid = (before.valid is None and after.valid is None) or (
        before.valid is not None and after.valid is not None and np.array_equal(before.valid, after.valid)
    )
    return (
        all(getattr(before, fact) == getattr(after, fact) for fact in facts)
        and before.samples.dtype == after.samples.dtype
        and before.first_sample + before.n_samples == after.first_sample
        and same_valid
    )


def _write_run(file: Any, number: int, run: Sequence[tuple[int, Block]]) -> None:
    first = run[0][1]
    samples = np.concatenate([block.samples for _, block in run])
    kept = file.create_dataset(f"samples_{number}", data=samples, compression="gzip", compression_opts=1, shuffle=True)
    told = {
        "start_ns": first.start_ns,
        "start": _iso(first.start_ns),
        "rate_hz": first.rate_hz,
        "origin_ns": first.origin_ns,
        "first_sample": first.first_sample,
        "first_channel": first.first_channel,
    }
    for name, value in told.items():
        kept.attrs[name] = value
    rows = np.cumsum([0, *(block.n_samples for _, block in run)])[:-1]
    ticks = np.array([tick for tick, _ in run], dtype=np.int64)
    file.create_dataset(f"ticks_{number}", data=np.stack([ticks, rows.astype(np.int64)], axis=1))
    if first.valid is not None:
        file.create_dataset(f"valid_{number}", data=first.valid)


def _read_run(file: Any, number: int) -> list[tuple[int, Block]]:
    kept = file[f"samples_{number}"]
    samples = kept[()]
    ticks = file[f"ticks_{number}"][()]
    valid = file[f"valid_{number}"][()].astype(bool) if f"valid_{number}" in file else None
    whole = Block(
        line=str(file.attrs["line"]),
        sensor=str(file.attrs["sensor"]),
        origin_ns=int(kept.attrs["origin_ns"]),
        first_sample=int(kept.attrs["first_sample"]),
        rate_hz=float(kept.attrs["rate_hz"]),
        samples=samples,
        first_channel=int(kept.attrs["first_channel"]),
        valid=valid,
    )
    ends = [*ticks[1:, 1].tolist(), len(samples)]
    return [(int(tick), whole.rows(int(row), int(end))) for (tick, row), end in zip(ticks.tolist(), ends, strict=True)]


def _iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 1_000_000_000:09d}Z"
