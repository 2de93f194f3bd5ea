"""Hostile bytes at every parser that takes bytes from outside; and the same guided by coverage, for a moment."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.guided import NAMES
from tests.fuzz.targets import TARGETS
from tests.fuzz.test_notify_doors import EVENT, PLOT, REPORT, damaged, to_xml

SEEDS = {
    "cot": to_xml(EVENT),
    "cot_stream": to_xml(EVENT) * 3,
    "nmea": b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n",
    "csv": b"time,mover,lon,lat\n1790000000,p,23.515,52.705\n",
    "asterix": PLOT,
    "sapient": REPORT.SerializeToString(),
    "mqtt": b'{"occupancy": true, "last_seen": 1790000000000, "object": {"motion": 1}, "outTemp_C": "3"}',
    "http": b'{"detections": [{"sensor": "s1", "probability": 0.9}], "positions": [{"mover": "p", "chainage_m": 5}]}',
    "das": b'{"version": 1, "dtype": "<f4", "shape": [2, 2], "rate_hz": 100.0, "start_ns": 1790000000000000000}',
    "record": b"\x82\xa4type\xa4tick\xa5index\x01",
}


def test_every_target_has_a_name_and_a_seed() -> None:
    assert tuple(TARGETS) == NAMES == tuple(SEEDS)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_and_random_bytes_break_no_parser(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(damaged(SEEDS[name]) | st.binary(max_size=300)))


@pytest.mark.slow
def test_a_moment_of_guided_fuzzing_finds_nothing() -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed (the extra `fuzz`; it has wheels for Linux on x86-64 only)")
    command = [sys.executable, "-m", "tests.fuzz.guided", "everything", "-max_total_time=2", "-seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr
