"""A recording in, located incidents out: by command, the same ones every time, whatever happens on the way."""

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from linewatch.records import Health, Incident, Outage, from_bytes
from linewatch.store.reader import open_store
from tests.system.bench import SITE, T0_NS, fence, incidents, linewatch, write_bench

S = 1_000_000_000


def chain(store: Path) -> tuple[str, list[bytes | None]]:
    """Head of the record chain, and every payload in it."""
    with open_store(store) as reader:
        return reader.head(), [entry.payload for entry in reader.entries()]


def records(store: Path, *kinds: str) -> list[object]:
    with open_store(store) as reader:
        return [from_bytes(entry.payload) for entry in reader.entries(kinds=kinds) if entry.payload is not None]


def test_an_event_on_a_fence_is_one_incident_with_place_and_reason(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(3.0))
    (found,) = incidents(linewatch("replay", tmp_path, recording, "--json"))
    assert abs(found["from_m"] - 40) <= 2 and abs(found["to_m"] - 60) <= 2
    assert found["kind"] == "barrier_contact" and found["priority"] == 1 and found["state"] == "raised"
    assert "one fence cable, only witness" in found["reason"]
    assert found["raised_ns"] <= T0_NS + round(1.5 * S)


def test_three_replays_are_equal_byte_for_byte_with_a_store_and_without(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(3.0))
    runs = [linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / f"out{n}") for n in range(2)]
    runs.append(linewatch("replay", tmp_path, recording, "--json"))
    assert incidents(runs[0]) and runs[0].stdout == runs[1].stdout == runs[2].stdout
    assert chain(tmp_path / "out0") == chain(tmp_path / "out1")


def test_samples_in_many_files_are_the_same_recording_as_in_one(tmp_path: Path) -> None:
    samples = fence(3.0)
    cuts = [0, 7, 333, 1501, 1502, 2800, 3000]
    parts = [samples[a:b] for a, b in itertools.pairwise(cuts)]
    whole = linewatch("replay", tmp_path / "a", write_bench(tmp_path / "a", samples), "--json")
    cut = linewatch("replay", tmp_path / "b", write_bench(tmp_path / "b", parts), "--json")
    assert incidents(whole) and whole.stdout == cut.stdout


def test_a_replay_killed_again_and_again_leaves_what_an_undisturbed_one_leaves(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(14.0))
    whole = linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "whole")
    command = [
        sys.executable,
        "-m",
        "linewatch",
        "replay",
        str(tmp_path),
        str(recording),
        "--out",
        str(tmp_path / "cut"),
    ]
    patience = random.Random(7)
    killed = 0
    for _ in range(3):
        process = subprocess.Popen([*command, "--speed", "6"], stdout=subprocess.DEVNULL)
        while not (tmp_path / "cut" / "linewatch.sqlite").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(patience.uniform(0.1, 0.5))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 2
    last = linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "cut")
    assert last.stdout == whole.stdout and incidents(last)
    assert chain(tmp_path / "cut") == chain(tmp_path / "whole")


def test_a_store_replays_to_the_incidents_that_it_holds(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(3.0))
    first = linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "out")
    assert linewatch("replay", tmp_path, tmp_path / "out", "--json").stdout == first.stdout


def test_an_hour_of_silence_brings_outage_and_escalations_at_their_time(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(2.0, event=None))
    words = ("replay", tmp_path, recording, "--json", "--until", "2021-11-18T01:00:00Z", "--out")
    (found,) = incidents(linewatch(*words, tmp_path / "out"))
    assert (found["kind"], found["priority"], found["sensors"]) == ("outage", 3, ["fence-1"])
    (outage,) = records(tmp_path / "out", "outage")
    assert isinstance(outage, Outage)
    assert outage.start_ns == T0_NS + 2 * S and outage.noticed_ns == T0_NS + round(5.25 * S)
    versions = [r for r in records(tmp_path / "out", "incident") if isinstance(r, Incident)]
    raised_ns = versions[0].raised_ns
    assert raised_ns == T0_NS + round(10.25 * S)
    assert [(v.escalations, (v.updated_ns - raised_ns) // S) for v in versions] == [
        (0, 0),
        (1, 300),
        (2, 600),
        (3, 900),
    ]
    again = linewatch(*words, tmp_path / "again")
    assert incidents(again) == [found] and chain(tmp_path / "out") == chain(tmp_path / "again")


def test_a_recording_that_breaks_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, [fence(2.0), fence(2.0, seed=2, event=None), fence(2.0, seed=3)])
    broken = tmp_path / "part1.npy"
    broken.write_bytes(broken.read_bytes()[:100] + b"\x00" * 20)
    (tmp_path / "part2.npy").write_bytes(b"no array at all")
    done = linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "out")
    assert len(incidents(done)) >= 1 and done.stderr == ""
    findings = [r for r in records(tmp_path / "out", "arrival", "health") if isinstance(r, Health)]
    assert {"failed"} <= {finding.severity for finding in findings}
    assert any(isinstance(r, Outage) and r.sensors == ("fence-1",) for r in records(tmp_path / "out", "outage"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda site: site.replace("channels = 96", "channels = -3"), "sensor[0].channels"),
        (lambda site: site.replace("to_m = 96.0\nchannels", "to_m = 960.0\nchannels"), "sensor[0].to_m"),
        (lambda site: site + '[[notify]]\nplugin = "cot"\npassword = "1234"\n', "notify[0].password"),
        (lambda site: site + "[settings.track]\noverlapp_m = 3.0\n", "did you mean overlap_m?"),
        (lambda site: site + "[settings.vibraton]\nframe_s = 0.1\n", "did you mean vibration?"),
        (lambda site: site[:40] + "= =", "site.toml"),
    ],
)
def test_a_wrong_site_is_told_in_clear_lines_and_nothing_is_written(tmp_path: Path, wrong: object, words: str) -> None:
    recording = write_bench(tmp_path, fence(1.0), site=wrong(SITE))  # type: ignore[operator]
    done = linewatch("replay", tmp_path, recording, "--out", tmp_path / "out")
    checked = linewatch("check", tmp_path)
    for result in (done, checked):
        assert result.returncode == 2 and result.stdout == ""
        assert words in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"data": '["missing.npy"]'}, "missing.npy"),
        ({"sensor": '"fence-9"'}, "fence-9"),
        ({"format": '"arrray"'}, "arrray"),
        ({"rate_hz": "-1.0"}, "rate_hz"),
        ({"start": '"yesterday"'}, "yesterday"),
        ({"first_channel": "1"}, "channel"),
    ],
)
def test_a_wrong_recording_is_told_in_clear_lines_and_nothing_is_written(
    tmp_path: Path, header: dict[str, str], words: str
) -> None:
    recording = write_bench(tmp_path, fence(1.0), **header)
    done = linewatch("replay", tmp_path, recording, "--out", tmp_path / "out")
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_plug_in_is_a_problem_of_the_site(tmp_path: Path) -> None:
    write_bench(tmp_path, fence(1.0), site=SITE + '[[source]]\nplugin = "telepathy"\n')
    done = linewatch("check", tmp_path, "--json")
    (problem,) = json.loads(done.stdout)["problems"]
    assert done.returncode == 2 and problem["key"] == "source[0].plugin" and "telepathy" in problem["found"]


def test_a_store_of_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    recording = write_bench(tmp_path, fence(1.0))
    assert linewatch("replay", tmp_path, recording, "--out", tmp_path / "out").returncode == 0
    np.save(tmp_path / "part0.npy", fence(1.0, seed=9))
    done = linewatch("replay", tmp_path, recording, "--out", tmp_path / "out")
    assert done.returncode == 2 and "this store is of another run" in done.stderr


def test_bad_use_is_told_with_the_verbs_there_are() -> None:
    done = linewatch("reply")
    assert done.returncode == 2 and "there is no verb 'reply'" in done.stderr and "replay" in done.stderr
    assert linewatch("--version").stdout.startswith("linewatch ")


def test_the_line_of_an_incident_has_the_promised_fields_in_order(tmp_path: Path) -> None:
    done = linewatch("replay", tmp_path, write_bench(tmp_path, fence(3.0)), "--json")
    fields = list(msgspec.json.decode(done.stdout.splitlines()[0]))
    assert fields[:8] == ["id", "line", "section", "raised_ns", "updated_ns", "closed_ns", "kind", "kind_probability"]
    assert fields[-3:] == ["sensors", "reason", "settings_id"] and len(fields) == 23
