"""An incident leaves the house: checked by others with Python alone, derived again, redacted, and tampered with."""

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from linewatch.app.exporting import export
from linewatch.app.rederiving import rederive
from linewatch.app.replay import replay
from linewatch.errors import InputError
from linewatch.evidence.clip_file import read_clip
from linewatch.records import Clip, from_bytes
from linewatch.site.load import load_site
from linewatch.sources.recording import find_recordings
from linewatch.store import open_store, read_anchor, verify
from tests.system.bench import fence, linewatch, write_bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replayed recording: `out` is its store, `bundle` and `redacted` its incident, exported."""
    folder = tmp_path_factory.mktemp("export")
    recording = write_bench(folder, fence(14.0, event=(12.0, 13.0)))
    site = load_site(folder)
    (found,) = replay(site, find_recordings([str(recording)], site), out=folder / "out").incidents
    for name in ("bundle", "redacted"):
        export(folder / "out", found.id, folder / name, redacted=name == "redacted")
    return folder


def checked(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The bundle's own checker, where Linewatch and every other package is out of reach."""
    command = [sys.executable, "-I", "-S", str(folder / "check.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={}, cwd="/")


def test_a_replay_leaves_the_samples_of_its_incident(bench: Path) -> None:
    with open_store(bench / "out") as store:
        clips = [from_bytes(e.payload) for e in store.entries(kinds=("clip",)) if e.payload is not None]
    (clip,) = clips
    assert isinstance(clip, Clip) and clip.refusal == ""
    kept = read_clip(bench / "out" / clip.file)
    assert kept.sensor == "fence-1" and sum(block.n_samples for _, block in kept.blocks) == 14_000
    assert verify(bench / "out").status == "unanchored"


@pytest.mark.parametrize("name", ["bundle", "redacted"])
def test_a_bundle_is_checked_where_linewatch_is_not_installed(bench: Path, name: str) -> None:
    alone = checked(bench / name)
    assert alone.returncode == 0 and "unanchored: no head lodged outside" in alone.stdout, alone.stderr
    with open_store(bench / "out") as store:
        code = store.heads().code
        assert read_anchor(code).code == code
        (bench / "head.json").write_text(store.heads().to_json())
    for head in (code, str(bench / "head.json")):
        done = checked(bench / name, "--against", head)
        assert done.returncode == 0 and "ok: the head lodged outside vouches for all of it" in done.stdout
    other = checked(bench / name, "--against", code[:-4] + "AAAA")
    assert other.returncode == 1 and "broken: the code is that of another chain" in other.stderr


def test_a_bundle_gives_the_same_incident_again_and_its_samples_the_same_detections(bench: Path) -> None:
    done = linewatch("rederive", bench / "bundle", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["status"] == "same" and found["versions"] >= 1
    (clip,) = found["clips"]
    words, _, ticks = clip.partition(", in all ")
    assert words == "fence-1: its samples give the recorded detections again" and int(ticks.split()[0]) >= 50


def test_a_redacted_bundle_says_why_it_cannot_be_derived_again(bench: Path) -> None:
    found = rederive(bench / "redacted")
    assert found.status == "impossible"
    assert "redacted: the inputs, which speak of staff, are left out" in found.text


def test_the_page_opens_offline_and_names_the_files_that_are_there(bench: Path) -> None:
    page = (bench / "bundle" / "index.html").read_text()
    assert "http" not in page.replace("https://www.w3.org", "") and "<script" not in page
    for part in page.split('src="')[1:]:
        assert (bench / "bundle" / part.split('"')[0]).is_file()
    assert 'src="' in page and "one fence cable, only witness" in page


def _edit_json(path: Path, change: Callable[[dict], None]) -> None:
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def _relist(folder: Path, name: str) -> None:
    """A forger who knows the format also mends the list of hashes."""
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    _edit_json(folder / "bundle.json", lambda told: told["files"].update({name: digest}))


def _edit_lines(folder: Path, name: str, change: Callable[[list], None]) -> None:
    path = folder / "proof" / name
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    change(rows)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    _relist(folder, f"proof/{name}")


def _other_place(folder: Path) -> None:
    _edit_json(folder / "incident.json", lambda told: told["versions"][-1]["incident"].update(chainage_m=1.0))
    _relist(folder, "incident.json")


def _fewer_versions(folder: Path) -> None:
    _edit_json(folder / "incident.json", lambda told: told["versions"].pop())
    _relist(folder, "incident.json")


def _other_samples(folder: Path) -> None:
    (clip,) = (folder / "clips").iterdir()
    clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    _relist(folder, f"clips/{clip.name}")


def _other_payload(folder: Path) -> None:
    _edit_lines(folder, "payloads.jsonl.gz", lambda rows: rows[-1].update(whole="gA=="))


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (_other_place, "incident.json: version"),
        (_fewer_versions, "incident.json: not all versions"),
        (_other_samples, "is not the clip that the chain names"),
        (_other_payload, "it is not what was committed to"),
        (lambda f: _edit_lines(f, "record.jsonl.gz", lambda rows: rows.pop(20)), "record entry 20: it is missing"),
        (lambda f: _edit_lines(f, "record.jsonl.gz", lambda rows: rows.pop()), "it is missing"),
        (lambda f: _edit_lines(f, "audit.jsonl.gz", lambda rows: rows[0].__setitem__(3, "x")), "audit"),
        (lambda f: (f / "index.html").write_text("other"), "index.html: its bytes were changed"),
        (lambda f: (f / "incident.json").unlink(), "incident.json: is missing"),
    ],
)  # fmt: skip
def test_a_forged_bundle_is_found(bench: Path, tmp_path: Path, forge: Callable[[Path], object], found: str) -> None:
    copy = shutil.copytree(bench / "bundle", tmp_path / "copy")
    forge(copy)
    done = checked(copy)
    assert done.returncode == 1 and found in done.stderr and len(done.stderr.splitlines()) == 1, done


def test_wishes_that_cannot_be_fulfilled_are_told_in_one_line(bench: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--incident: found 'nobody'; allowed: one of this store"):
        export(bench / "out", "nobody", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with open_store(bench / "out") as store, pytest.raises(InputError, match="--out: found files in"):
        export(bench / "out", store.incidents()[0].id, bench)
    with pytest.raises(InputError, match="found no bundle"):
        rederive(tmp_path)


def test_a_request_that_was_open_when_the_watch_was_killed_ends_as_the_same_clip(bench: Path, tmp_path: Path) -> None:
    store = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "linewatch",
        "replay",
        str(bench),
        str(bench / "recording.toml"),
        "--out",
        str(store),
    ]
    chance = random.Random(3)
    for _ in range(2):
        process = subprocess.Popen([*command, "--speed", "6"], stdout=subprocess.DEVNULL)
        while not (store / "linewatch.sqlite").exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(1.2 + chance.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
    # A ring with a torn end, as after a power cut, is mended from the recording.
    for path in (store / "ring").glob("*/*.ring"):
        os.truncate(path, max(path.stat().st_size - 5, 0))
    assert subprocess.run(command, capture_output=True, check=False, timeout=100).returncode == 0
    with open_store(store) as one, open_store(bench / "out") as other:
        assert one.head() == other.head()
    (clip,), (whole,) = (list((folder / "clips").iterdir()) for folder in (store, bench / "out"))
    assert clip.read_bytes() == whole.read_bytes()
