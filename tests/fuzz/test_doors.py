"""Hostile bytes at every door: an answer in clear words or a counted refusal, never a crash."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.app.check import check
from linewatch.errors import InputError
from linewatch.records import canonical_bytes, from_bytes
from linewatch.site.load import load_site
from linewatch.sources.recording import load_recording
from tests.system.bench import SITE, fence, write_bench

TEXT = st.text(max_size=40) | st.sampled_from(['"', "[", "]]", "=", "\n", "to_m", "1e309", "[[sensor]]", "nan", "-1"])


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """A text with a few places overwritten, cut out or doubled."""
    raw = bytearray(text.encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=8) | TEXT.map(str.encode))
    return bytes(raw)


@given(damaged(SITE))
def test_a_damaged_site_is_told_in_problems(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "site.toml").write_bytes(raw)
        checked = check(folder)
        assert checked.site is not None or checked.problems


@given(data=st.data())
def test_a_damaged_recording_is_refused_or_read(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = write_bench(folder, fence(0.05))
        site = load_site(folder)
        recording.write_bytes(data.draw(damaged(recording.read_text())))
        samples = bytearray((folder / "part0.npy").read_bytes())
        samples[: data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=64))
        (folder / "part0.npy").write_bytes(samples)
        try:
            source = load_recording(recording, site)
        except InputError:
            return
        found = list(source.poll(2**62))
        source.close()
        assert all(type(item).__name__ in {"Block", "Health"} for item in found)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused_by_one_kind_of_error(raw: bytes) -> None:
    try:
        record = from_bytes(raw)
    except msgspec.DecodeError:
        return
    assert isinstance(canonical_bytes(record), bytes)


pytestmark = pytest.mark.filterwarnings("default")
