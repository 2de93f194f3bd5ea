"""DAS: real files of many makers are read whole; a watched folder and a live stream become one count of samples."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError, SiteError
from linewatch.ports import Item, Source
from linewatch.records import Block, Health
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.das import _reading
from linewatch.sources.das._frames import read_frame, write_frame
from linewatch.sources.das._reading import read_pieces, scan_das
from linewatch.sources.das.stream_source import DasStreamSource, Publisher
from tests.brokers import free_port
from tests.das_files import write_das
from tests.unit.notify.made import site

S = 10**9
CHANNELS = 6
REAL = {
    "ap_sensing_1.hdf5": (150, 4082, 500.0),
    "decimated_optodas.hdf5": (5000, 51, 500.0),
    "deformation_rate_event_1.hdf5": (900, 225, 1999.976),
    "gdr_1.h5": (10000, 10, 1000.0),
    "neubrex_das_1.h5": (30, 17534, 1000.0),
    "prodml_2.0.h5": (2500, 512, 200.0),
    "silixa_h5_1.hdf5": (100, 3840, 500.0),
    "terra15_v5_test_file.hdf5": (2060, 43, 3217.803),
    "valencia_febus_example.h5": (1250, 100, 250.0),
}


def stored_array(path: Path, size: int) -> np.ndarray[Any, Any] | None:
    """The array of so many values in a file, past dascore."""
    found: list[Any] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, each: found.append(each[()]) if getattr(each, "size", 0) == size else None)
    return found[0] if found else None


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_read_whole_in_pieces_that_follow_each_other(shared_data: Path, name: str) -> None:
    file = scan_das(shared_data / "das_formats_dascore" / name)
    rows, channels, rate_hz = REAL[name]
    assert (file.rows, file.channels, round(file.rate_hz, 3)) == (rows, channels, rate_hz)
    pieces = list(read_pieces(file, rows // 7 + 1))
    whole = np.concatenate([samples for _, samples in pieces])
    assert whole.shape == (rows, channels) and whole.dtype in (np.float32, np.int16)
    stored = stored_array(file.path, whole.size)
    if name != "valencia_febus_example.h5":  # whose blocks overlap: no array of the file is as long
        assert stored is not None
        same = stored if stored.shape == whole.shape else stored.T
        np.testing.assert_array_equal(same.astype(whole.dtype), whole)
    starts_ns = np.array([start_ns for start_ns, _ in pieces])
    expected_ns = file.start_ns + np.arange(len(pieces)) * (rows // 7 + 1) * 1e9 / file.rate_hz
    assert np.abs(starts_ns - expected_ns).max() < 0.1e9 / file.rate_hz


@pytest.mark.parametrize("name", ["silixa_h5_1.hdf5", "terra15_v5_test_file.hdf5", "decimated_optodas.hdf5"])
def test_a_large_file_is_read_in_slices_and_gives_the_same(
    shared_data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scan_das(shared_data / "das_formats_dascore" / name)
    whole = np.concatenate([samples for _, samples in read_pieces(file, 37)])
    monkeypatch.setattr(_reading, "WHOLE_BYTES", 0)
    np.testing.assert_array_equal(np.concatenate([samples for _, samples in read_pieces(file, 977)]), whole)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ofl100_1.sor", "uneven times, or a single row"),
        ("prodml_fbe_1.h5", "5 arrays"),
        ("sintela_protobuf_1.pb", "no format"),
        ("xdas_netcdf.nc", "no format"),
    ],
)
def test_a_real_file_that_is_of_no_use_says_why(shared_data: Path, name: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        scan_das(shared_data / "das_formats_dascore" / name)


# --- a watched folder and a stream ------------------------------------------------------------------------------------


def fibre_site() -> Site:
    bare = site()
    fibre = Sensor(
        id="fibre-1", kind="fibre_das", line="main", from_m=0.0, to_m=60.0, channels=CHANNELS, heartbeat_s=30.0
    )
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=(fibre,))


def samples(rows: int, seed: int = 0, channels: int = CHANNELS) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(0.0, 1.0, (rows, channels)).astype(np.float32)


class Listening:
    """A source and all that it gave."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.items: list[Item] = []

    def until(self, holds: Callable[[], object], within_s: float = 15.0) -> None:
        end_s = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end_s, [i for i in self.items if isinstance(i, Health)]
            time.sleep(0.01)
            self.items += self.source.poll(time.time_ns() + S)

    def rows(self) -> int:
        return sum(item.n_samples for item in self.items if isinstance(item, Block))

    def health(self, condition: str) -> list[Health]:
        return [item for item in self.items if isinstance(item, Health) and item.condition == condition]


@contextmanager
def listening(position: str = "", folder: Path | None = None, **settings: Any) -> Iterator[Listening]:
    settings = {"sensor": "fibre-1", **settings}
    if folder is not None:
        settings |= {"folder": str(folder), "settle_s": 0.1}
    source = build_source(fibre_site(), SourceSpec("das", settings))
    if position:
        source.seek(position)
    source.start()  # type: ignore[attr-defined]
    try:
        yield Listening(source)
    finally:
        source.close()


def test_files_are_taken_in_order_each_is_named_and_their_samples_are_one_count(tmp_path: Path) -> None:
    made, start_ns = samples(3000), time.time_ns() - 3 * S
    for i in range(3):
        write_das(tmp_path / f"{i}.h5", made[i * 1000 : (i + 1) * 1000], start_ns + i * S)
        os.utime(tmp_path / f"{i}.h5", ns=(start_ns + i * S, start_ns + i * S))
    with listening(folder=tmp_path) as running:
        running.until(lambda: len(running.health("heartbeat")) == 3)
    assert [h.text.split(": ")[1] for h in running.health("heartbeat")] == ["0.h5", "1.h5", "2.h5"]
    blocks = [item for item in running.items if isinstance(item, Block)]
    assert len({block.origin_ns for block in blocks}) == 1 and blocks[0].start_ns == start_ns
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), made)
    assert {type(i) for i in running.items} == {Block, Health} and not running.health("gap")


def test_a_missing_file_is_a_gap_and_a_broken_one_costs_one_finding(tmp_path: Path) -> None:
    start_ns = time.time_ns() - 3 * S
    with listening(folder=tmp_path) as running:
        write_das(tmp_path / "a.h5", samples(1000), start_ns)
        (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:3000])
        running.until(lambda: running.health("unreadable"))
        write_das(tmp_path / "c.h5", samples(1000), start_ns + 2 * S)
        running.until(lambda: running.rows() == 2000)
    assert len(running.health("unreadable")) == 1 and "b.h5" in running.health("unreadable")[0].text
    assert [(h.time_ns // 1000, (h.until_ns or 0) // 1000) for h in running.health("gap")] == [
        ((start_ns + S) // 1000, (start_ns + 2 * S) // 1000)
    ]


def test_a_file_that_still_grows_is_left_alone(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    write_das(whole / "a.h5", samples(1000), time.time_ns() - 2 * S)
    raw = (whole / "a.h5").read_bytes()
    watched = tmp_path / "watched"
    watched.mkdir()
    with listening(folder=watched) as running, (watched / "a.h5").open("wb") as file:
        for at in range(0, len(raw), len(raw) // 12 + 1):
            file.write(raw[at : at + len(raw) // 12 + 1])
            file.flush()
            running.items += running.source.poll(time.time_ns() + S)
            time.sleep(0.05)
        running.until(lambda: running.health("heartbeat"))
    assert not running.health("unreadable") and running.rows() == 1000


def test_after_a_stop_it_goes_on_with_the_next_file(tmp_path: Path) -> None:
    start_ns = time.time_ns() - 3 * S
    write_das(tmp_path / "a.h5", samples(1000), start_ns)
    with listening(folder=tmp_path) as first:
        first.until(lambda: first.health("heartbeat"))
        position = first.source.position()
    write_das(tmp_path / "b.h5", samples(500), start_ns + S)
    with listening(position, folder=tmp_path) as second:
        second.until(lambda: second.health("heartbeat"))
    assert second.rows() == 500 and not second.health("duplicate") and not second.health("gap")


def test_a_stop_while_a_file_cannot_be_read_yet_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, start_ns = samples(2000), time.time_ns() - 3 * S
    tried: list[str] = []

    def not_yet(path: Path) -> Any:
        tried.append(path.name)
        raise InputError(f"{path.name}: found half of it; allowed: a whole file")

    for number in range(2):
        write_das(tmp_path / f"{number}.h5", made[1000 * number : 1000 * (number + 1)], start_ns + number * S)
    with monkeypatch.context() as patch:
        patch.setattr("linewatch.sources.das.folder_source.TRIES", 1_000_000)
        patch.setattr("linewatch.sources.das._reading.scan_das", not_yet)
        with listening(folder=tmp_path) as first:
            first.until(lambda: len(tried) > 1)
            position = first.source.position()
    assert set(tried) == {"0.h5"} and first.rows() == 0
    with listening(position, folder=tmp_path) as second:
        second.until(lambda: second.rows() == 2000)
    assert not second.health("gap") and not second.health("late")


def test_a_stop_within_a_file_gives_no_sample_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_das(tmp_path / "0.h5", samples(1000), time.time_ns() - 3 * S)
    with monkeypatch.context() as patch:
        patch.setattr("linewatch.sources.das.folder_source.PIECE_BYTES", 100 * CHANNELS * 4)
        patch.setattr("linewatch.sources.das.folder_source.MOST_PIECES", 1)
        with listening(folder=tmp_path) as first:
            first.until(lambda: first.rows() >= 300)
            position = first.source.position()
    assert first.rows() < 1000
    with listening(position, folder=tmp_path) as second:
        second.until(lambda: second.health("heartbeat"))
    assert first.rows() + second.rows() == 1000 and not second.health("gap")


def test_old_files_and_those_of_another_fibre_are_told_and_not_taken(tmp_path: Path) -> None:
    write_das(tmp_path / "old.h5", samples(100), time.time_ns() - 7200 * S)
    write_das(tmp_path / "narrow.h5", samples(100, channels=3), time.time_ns() - S)
    write_das(tmp_path / "before.h5", samples(100), time.time_ns() - S)
    os.utime(tmp_path / "before.h5", (1_700_000_000, 1_700_000_000))
    with listening(folder=tmp_path) as running:
        running.until(lambda: len(running.health("late")) == 2 and running.health("wrong_shape"))
    assert running.rows() == 0
    assert "3 channels" in running.health("wrong_shape")[0].text


def test_a_folder_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    with listening(folder=folder) as running:
        time.sleep(0.2)
        folder.rmdir()
        running.until(lambda: running.health("link_lost"))
        folder.mkdir()
        running.until(lambda: running.health("recovered"))
        assert len(running.health("link_lost")) == len(running.health("recovered")) == 1


@contextmanager
def publishing(**keys: bytes) -> Iterator[tuple[zmq.Socket[bytes], int]]:
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        for key, value in keys.items():
            setattr(socket, key, value)
        port = free_port()
        socket.bind(f"tcp://127.0.0.1:{port}")
        yield socket, port


def subscribed(socket: "zmq.Socket[bytes]") -> None:
    assert socket.poll(5000), "nobody subscribes"
    socket.recv()


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_frames_of_a_stream_are_one_count_and_a_lost_one_is_told_twice(dtype: type) -> None:
    made, start_ns = (samples(500) * 50).astype(dtype), time.time_ns() - S
    with publishing() as (socket, port), listening(stream=f"tcp://127.0.0.1:{port}", skip_channels=1) as running:
        subscribed(socket)
        for i in (0, 1, 3, 4):
            wide = np.pad(made[i * 100 : (i + 1) * 100], ((0, 0), (1, 2)))
            socket.send_multipart(write_frame(wide, start_ns + i * S // 10, 1000.0, i))
        running.until(lambda: running.rows() == 400)
    kept = np.concatenate([item.samples for item in running.items if isinstance(item, Block)])
    np.testing.assert_array_equal(kept, np.delete(made, slice(200, 300), axis=0))
    assert kept.dtype == dtype
    assert len(running.health("gap")) == 1 and [h.count for h in running.health("dropped")] == [1]


def test_a_stream_that_falls_silent_is_lost_and_comes_back() -> None:
    with publishing() as (socket, port):
        sensor = fibre_site().sensor("fibre-1")
        source = DasStreamSource(fibre_site(), "das", sensor, Publisher(f"tcp://127.0.0.1:{port}"), silent_s=0.3)
        running = Listening(source)
        source.start()
        try:
            subscribed(socket)
            running.until(lambda: running.health("link_lost"))
            socket.send_multipart(write_frame(samples(100), time.time_ns() - S, 1000.0, 0))
            running.until(lambda: running.rows() == 100 and running.health("recovered"))
            assert len(running.health("link_lost")) == 1
        finally:
            source.close()


def test_with_keys_a_stream_is_encrypted_and_a_stranger_gets_nothing() -> None:
    ours, theirs, strange = zmq.curve_keypair(), zmq.curve_keypair(), zmq.curve_keypair()
    keys = {"public_key": ours[0].decode(), "secret_key": ours[1].decode()}
    with publishing(curve_server=True, curve_secretkey=theirs[1]) as (socket, port):  # type: ignore[arg-type]
        stream = f"tcp://127.0.0.1:{port}"
        with listening(stream=stream, server_key=strange[0].decode(), **keys):
            assert not socket.poll(300)
        with listening(stream=stream, server_key=theirs[0].decode(), **keys) as running:
            subscribed(socket)
            socket.send_multipart(write_frame(samples(100), time.time_ns() - S, 1000.0, 0))
            running.until(lambda: running.rows() == 100)


def test_what_is_no_frame_costs_one_finding() -> None:
    good = write_frame(samples(100), time.time_ns() - S, 1000.0, 5)
    narrow = write_frame(samples(10, channels=2), time.time_ns(), 1000.0, 6)
    with publishing() as (socket, port), listening(stream=f"tcp://127.0.0.1:{port}") as running:
        subscribed(socket)
        for parts in ([b"hello"], [b"", b"{}", b""], narrow, good):
            socket.send_multipart(parts)
        running.until(lambda: running.rows() == 100)
    assert sum(h.count for h in running.health("refused")) == 3


HEADER = st.fixed_dictionaries(
    {
        "version": st.integers(0, 2),
        "seq": st.integers(),
        "start_ns": st.integers(),
        "rate_hz": st.floats(),
        "shape": st.lists(st.integers(-3, 40), min_size=1, max_size=3),
        "dtype": st.sampled_from(["<f4", "<i2", ">f8", "O", ""]),
    }
)


@given(
    st.lists(st.binary(max_size=60), max_size=4) | st.tuples(st.just(b""), HEADER.map(msgspec.json.encode), st.binary())
)
def test_no_bytes_break_the_reader_of_frames(parts: Any) -> None:
    try:
        frame = read_frame(parts)
    except InputError:
        return
    assert frame.samples.shape == frame.header.shape


@pytest.mark.parametrize("way", ["folder", "stream"])
def test_it_keeps_to_what_is_asked_of_every_source(way: str, tmp_path: Path) -> None:
    where = str(tmp_path) if way == "folder" else "tcp://127.0.0.1:1"
    spec = SourceSpec("das", {"sensor": "fibre-1", way: where})
    for check in ANY_SOURCE:
        check(lambda: build_source(fibre_site(), spec), Span(0, 10 * S))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "one of them"),
        ({"folder": "gone"}, "a folder that exists"),
        ({"folder": ".", "sensor": "nobody"}, "a sensor of the site"),
        ({"stream": "udp://x"}, "tcp://HOST:PORT"),
        ({"stream": "tcp://10.0.0.1:5555"}, "private_network"),
        ({"stream": "tcp://127.0.0.1:5555", "server_key": "short"}, "40 characters"),
        ({"folder": ".", "settle_s": 0.0}, "settle_s"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(fibre_site(), SourceSpec("das", {"sensor": "fibre-1", **settings}))
    assert named in str(raised.value)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linewatch.sources.das.plugin.find_spec", lambda name: None)
    with pytest.raises(SiteError, match=r"pip install 'linewatch\[das\]'"):
        build_source(fibre_site(), SourceSpec("das", {"sensor": "fibre-1", "folder": "."}))
