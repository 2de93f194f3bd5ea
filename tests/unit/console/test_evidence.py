"""Evidence over the console: what was kept of a real recording can be looked at; that somebody looked is kept too."""

import runpy
import sys
from collections.abc import Iterator

import pytest

from linewatch.app.replay import replay
from linewatch.site.load import load_site
from linewatch.sources.recording import find_recordings
from tests.conftest import CHECKOUT
from tests.unit.console.bench import Console, console_over


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console over the store of a cable that was shaken."""
    folder = tmp_path_factory.mktemp("trial")
    before = sys.argv
    sys.argv = ["make_recording.py", str(folder)]
    try:
        runpy.run_path(str(CHECKOUT / "examples" / "make_recording.py"), run_name="__main__")
    finally:
        sys.argv = before
    site = load_site(str(CHECKOUT / "examples" / "fence-trial"))
    replay(site, find_recordings([str(folder / "recording.toml")], site), out=folder / "store")
    with console_over(folder / "store", site) as console:
        yield console


def test_pictures_and_the_raw_clip_can_be_looked_at_and_the_look_is_kept(console: Console) -> None:
    console.sign_in("look1")
    (incident,) = console.client.get("/api/incidents").json()["incidents"]
    evidence = console.client.get(f"/api/incidents/{incident['id']}").json()["evidence"]
    assert {each["kind"] for each in evidence} >= {"waterfall", "clip"}
    for each in evidence:
        answer = console.client.get(each["url"])
        assert answer.status_code == 200
        assert answer.content.startswith((b"\x89PNG", b"\x89HDF"))
    looks = [each for each in console.users.waiting_audits() if each.kind == "evidence"]
    assert len(looks) == len(evidence)
    assert {each.who for each in looks} == {"look1"}


def test_a_row_has_a_small_picture_and_seeing_it_again_at_once_is_not_told_again(console: Console) -> None:
    console.sign_in("watch1")
    (incident,) = console.client.get("/api/incidents").json()["incidents"]
    for _ in range(3):
        answer = console.client.get(incident["thumb_url"])
        assert answer.status_code == 200 and answer.content.startswith(b"\x89PNG") and len(answer.content) < 20_000
    looks = [each.text for each in console.users.waiting_audits() if each.who == "watch1" and each.kind == "evidence"]
    assert looks == [f"saw the small picture of incident {incident['id']}"]


@pytest.mark.parametrize("name", ["nothing.png", "..%2f..%2flinewatch.sqlite", "%00"])
def test_evidence_that_is_not_there_is_not_found(console: Console, name: str) -> None:
    console.sign_in("look1")
    (incident,) = console.client.get("/api/incidents").json()["incidents"]
    answer = console.client.get(f"/api/incidents/{incident['id']}/evidence/{name}")
    assert answer.status_code == 404


def test_a_report_is_counted_from_the_store(console: Console) -> None:
    console.sign_in("look1")
    told = console.client.get("/api/reports?by=section")
    assert told.status_code == 200, told.text
    assert told.json()
    assert console.client.get("/api/reports?by=colour").status_code == 422


def test_features_for_maps_stand_behind_the_same_door(console: Console) -> None:
    assert console.client.get("/features/").status_code == 401
    console.sign_in("look1")
    landing = console.client.get("/features/")
    assert landing.status_code == 200, landing.text
    assert console.client.post("/features/").status_code == 405
