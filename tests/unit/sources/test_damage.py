"""Bytes changed at random: the start is refused clearly, or the whole is read without an exception."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.records import Block, Detections, canonical_bytes, header_of, quantise
from linewatch.sources.recording import load_recording
from tests.unit.sources.scenes import bench_site, describe, describe_detections, detection, ramp, write_lines

SOUND: dict[str, Callable[[Path], object]] = {
    "x.npy": lambda file: np.save(file, ramp(60, dtype=np.float32)),
    "x.npz": lambda file: np.savez_compressed(file, x=ramp(60)),
    "x.csv": lambda file: np.savetxt(file, ramp(60), delimiter=",", fmt="%d"),
    "x.jsonl": lambda file: write_lines(file, [detection(float(second)) for second in range(9)]),
    "x.parquet": lambda file: pq.write_table(pa.Table.from_pylist([detection(float(s)) for s in range(9)]), file),
}


def damaged(raw: bytes, seed: int) -> bytes:
    """A few bytes changed, removed, doubled, or the end cut off."""
    draw = random.Random(seed)
    out = bytearray(raw)
    for _ in range(draw.randint(1, 6)):
        place = draw.randrange(len(out) + 1)
        match draw.randrange(5):
            case 0:
                out[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                del out[place : place + draw.randint(1, 40)]
            case 2:
                out[place:place] = out[: draw.randint(1, 60)]
            case 3:
                del out[place:]
            case _:
                out[place : place + 8] = draw.choice([b"\xff" * 8, b"\x00" * 8, b"NaN,1e999", b"99999999"])
    return bytes(out)


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing:UserWarning")
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", sorted(SOUND))
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_damage_is_refused_or_read_without_an_exception(
    tmp_path_factory: pytest.TempPathFactory, name: str, first: bool, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    SOUND[name](folder / name)
    good = folder / f"good{Path(name).suffix}"
    good.write_bytes((folder / name).read_bytes())
    (folder / name).write_bytes(damaged((folder / name).read_bytes(), seed))
    data = [name, good.name] if first else [good.name, name, good.name]
    make = describe_detections if name.endswith(("jsonl", "parquet")) else describe
    try:
        recording = load_recording(make(folder, data=data), bench_site())
    except InputError:
        # A key of an .npz is looked up for every file, so damage to any archive's directory may show at the start.
        assert first or name.endswith("npz")
        return
    step_ns = max((recording.end_ns - recording.start_ns) // 7, 1)
    for count in itertools.count(1):
        for item in recording.poll(recording.start_ns + count * step_ns):
            if isinstance(item, Block):
                header_of(item)
            else:
                canonical_bytes(item if isinstance(item, Detections) else quantise(item))
        if count * step_ns >= recording.end_ns - recording.start_ns:
            break
    assert len(recording.fingerprint) == 64
