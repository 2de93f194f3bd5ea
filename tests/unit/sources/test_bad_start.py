"""What is wrong at the start is told at once, all of it, with what is allowed; then nothing is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linewatch.errors import InputError, SiteError
from linewatch.sources.recording import find_recordings, load_recording
from tests.unit.sources.scenes import bench_site, describe, describe_detections, detection, ramp, write_lines


def problems_of(file: Path) -> list[tuple[str, str, str]]:
    """Key, found and allowed of each problem."""
    with pytest.raises(SiteError) as caught:
        load_recording(file, bench_site())
    assert isinstance(caught.value, InputError)
    assert all(problem.file == str(file) for problem in caught.value.problems)
    return [(problem.key, problem.found, problem.allowed) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", ramp(10))
    write_lines(tmp_path / "d.jsonl", [detection()])
    return tmp_path


@pytest.mark.parametrize(
    ("keys", "key", "allowed"),
    [
        ({"sensor": "fence-2"}, "sensor", "fence-1 (nearest), or one of fence-1, pir-1, radar-1"),
        ({"sensor": None}, "sensor", "this key is required by format 'array'"),
        ({"format": "arrays"}, "format", "array (nearest), or one of array, das, detections, miniseed, video"),
        ({"format": None}, "format", "this key is required"),
        ({"rate": 5}, "rate", "rate_hz (nearest)"),
        ({"wholly_unknown": 5}, "wholly_unknown", "channels, data, end, first_channel"),
        ({"rate_hz": 0}, "rate_hz", "0.001 to 1000000"),
        ({"rate_hz": True}, "rate_hz", "0.001 to 1000000"),
        ({"rate_hz": None}, "rate_hz", "this key is required by format 'array'"),
        ({"layout": "sideways"}, "layout", "time_channel, channel_time"),
        ({"start": "2021-11-18T00:00:00"}, "start", "a time with its zone"),
        ({"start": "yesterday"}, "start", "a time with its zone"),
        ({"start": "2021-11-18T00:00:00.0123456789Z"}, "start", "at most nine digits"),
        ({"start": "2150-01-01T00:00:00Z"}, "start", "1970 to 2099"),
        ({"data": []}, "data", "a list of one or more file names"),
        ({"data": ["missing.npy"]}, "data 'missing.npy'", "a file in "),
        ({"data": ["a.npy", "missing.npy"]}, "data 'missing.npy'", "a file in "),
        ({"data": ["a.wav"]}, "data 'a.wav'", ".npy, .npz (with :key) or .csv"),
        ({"first_channel": -1}, "first_channel", "a whole number from 0"),
        ({"first_channel": 4}, "first_channel", "0 to 3, the channels of 'fence-1'"),
        ({"first_channel": 1}, "data 'a.npy'", "1 to 3, the channels of 'fence-1' from 1 on"),
        ({"channels": 3}, "data 'a.npy'", "3, as the key channels says"),
        ({"sensor": "pir-1"}, "data 'a.npy'", "1, as sensor 'pir-1' of the site has"),
        ({"end": "2021-11-18T01:00:00Z"}, "end", "absent: format 'array' has no use for it"),
        ({"part": [{"data": ["a.npy"]}]}, "part[0].start", "this key is required"),
        ({"part": [{"data": ["a.npy"], "start": "2021-11-17T00:00:00Z"}]}, "part[0].start", "starts that rise"),
        ({"part": [{"dta": ["a.npy"], "start": "2021-11-19T00:00:00Z"}]}, "part[0].dta", "data (nearest)"),
        ({"part": 3}, "part", "tables [[part]]"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(folder: Path, keys: dict[str, Any], key: str, allowed: str) -> None:
    found = problems_of(describe(folder, **keys))
    assert any(each[0] == key and allowed in each[2] for each in found), found


def test_every_problem_is_told_at_once(folder: Path) -> None:
    found = problems_of(describe(folder, rate_hz="fast", layout="x", frist_channel=0, start=5))
    assert sorted(key for key, _, _ in found) == ["frist_channel", "layout", "rate_hz", "start"]
    found = problems_of(describe(folder, sensor="nobody", data=["x.npy", "a.npy", "y.wav"]))
    assert [key for key, _, _ in found] == ["data 'x.npy'", "data 'y.wav'", "sensor"]


def test_a_wrong_channel_count_names_both_counts(folder: Path) -> None:
    np.save(folder / "a.npy", ramp(10, channels=3))
    assert problems_of(describe(folder)) == [
        (
            "data 'a.npy'",
            "3 channels",
            "4, as sensor 'fence-1' of the site has (or the key channels, for a part of them)",
        )
    ]


def test_an_unknown_array_in_an_npz_is_told_with_those_that_are_there(folder: Path) -> None:
    np.savez(folder / "a.npz", left=ramp(10), right=ramp(10))
    assert problems_of(describe(folder, data=["a.npz:x"])) == [("data 'a.npz:x'", "no array 'x'", "one of left, right")]
    found = problems_of(describe(folder, data=["a.npz"]))
    assert found == [("data 'a.npz'", "2 arrays", ":key behind the name, one of left, right")]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (ramp(10) > 0, "values of type bool; allowed: integers and real floating-point numbers"),
        (ramp(10, dtype=np.complex128), "values of type complex128"),
        (ramp(10).astype("U3"), "values of type <U3"),
        (np.zeros((2, 3, 4)), "an array of shape (2, 3, 4); allowed: one or two axes"),
        (np.zeros((), dtype=np.int16), "an array of shape (); allowed: one or two axes"),
        (np.zeros((0, 4), dtype=np.int16), "no sample"),
        (np.zeros((5, 0), dtype=np.int16), "no sample"),
        (np.zeros(3, dtype="M8[ns]"), "values of type datetime64[ns]"),
    ],
)
def test_a_first_array_that_holds_no_samples_is_refused(folder: Path, values: np.ndarray, said: str) -> None:
    np.save(folder / "a.npy", values)
    ((_, found, _),) = problems_of(describe(folder))
    assert said in found


def test_pickled_objects_are_never_opened(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (folder / "exploded",))

    np.save(folder / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(folder / "b.npz", x=np.array([Bomb()], dtype=object))
    assert "values of type object" in problems_of(describe(folder))[0][1]
    assert "values of type object" in problems_of(describe(folder, data=["b.npz:x"]))[0][1]
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize("raw", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x76\x00{'descr'", b"PK\x03\x04", b"\xff" * 300])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv"])
def test_a_first_file_that_cannot_be_read_is_refused(folder: Path, name: str, raw: bytes) -> None:
    (folder / name).write_bytes(raw)
    found = problems_of(describe(folder, data=[name]))
    assert [key for key, _, _ in found] == [f"data {name!r}"]


def test_a_description_that_is_no_toml_or_not_there_is_told(folder: Path) -> None:
    (folder / "recording.toml").write_text("sensor = \n")
    assert problems_of(folder / "recording.toml")[0][2] == "a readable TOML file"
    assert problems_of(folder / "nowhere.toml") == [("file", "nothing", "a recording.toml")]


@pytest.mark.parametrize(
    ("keys", "key", "allowed"),
    [
        ({"sensor": "radar-2"}, "sensor", "radar-1 (nearest)"),
        ({"data": ["d.csv"]}, "data 'd.csv'", ".parquet or .jsonl"),
        ({"data": ["d.jsonl", "x.jsonl"]}, "data 'x.jsonl'", "a file in "),
        ({"end": "2021-11-17T00:00:00Z"}, "end", "a later time"),
        ({"part": [{"data": ["d.jsonl"], "start": "2021-11-19T00:00:00Z"}]}, "part", "absent"),
    ],
)
def test_a_wrong_value_for_detections_is_told(folder: Path, keys: dict[str, Any], key: str, allowed: str) -> None:
    found = problems_of(describe_detections(folder, **keys))
    assert any(each[0] == key and allowed in each[2] for each in found), found


def test_the_problems_of_all_recordings_of_a_folder_are_told_together(folder: Path) -> None:
    describe(folder / "one", data=["x.npy"])
    describe(folder / "two", data=["../a.npy"], sensor="nobody")
    (folder / "three.toml").write_text("not toml")
    with pytest.raises(SiteError) as caught:
        find_recordings([folder, folder / "gone.toml"], bench_site())
    assert [Path(problem.file).name for problem in caught.value.problems] == [
        *("recording.toml", "three.toml", "recording.toml", "gone.toml"),
    ]


def test_the_same_recording_twice_is_refused(folder: Path) -> None:
    describe(folder / "one", data=["../a.npy"])
    describe(folder / "two", data=["../a.npy"])
    with pytest.raises(SiteError, match="each recording once"):
        find_recordings([folder], bench_site())


def test_a_folder_without_a_recording_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"found no recording; allowed: at least one recording\.toml"):
        find_recordings([tmp_path], bench_site())
