"""Other settings on a stored watch before they go live, who changed which, and the way back."""

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from linewatch.app.archiving import begin_archive
from linewatch.app.comparing import matched
from linewatch.app.settings import Settings, settings_of
from linewatch.app.settings_history import history_of
from linewatch.clock import HandClock
from linewatch.store import verify
from tests.sites import fence_site
from tests.system.bench import fence, in_process, write_bench
from tests.unit.store.writing import IDENTITY, WALL_NS, incident, opened, tick_at

SITE = fence_site()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site, and the store of one event on its fence."""
    folder = tmp_path_factory.mktemp("watched")
    done = in_process("replay", folder, write_bench(folder, fence(3.0)), "--out", folder / "store")
    assert done.returncode == 0, done.stderr
    return folder


def compared(watched: Path, settings: str) -> dict[str, object]:
    (watched / "other.toml").write_text(settings)
    done = in_process("replay", watched, watched / "store", "--compare", watched / "other.toml", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_settings_change_nothing(watched: Path) -> None:
    found = compared(watched, "")
    assert (found["kept"], found["lost"], found["gained"]) == (1, [], [])
    assert found["settings_before"] == found["settings_after"]
    assert found["kept_by_assessment"] == {"undetermined": 1}


def test_settings_that_are_too_strict_lose_the_alarm_and_say_so(watched: Path) -> None:
    found = compared(watched, "[settings.track]\nconfirm_probability = 0.99999\n")
    assert found["settings_before"] != found["settings_after"]
    assert (found["kept"], len(found["lost"]), found["gained"]) == (0, 1, [])  # type: ignore[arg-type]
    assert found["lost_by_assessment"] == {"undetermined": 1}


def test_a_wrong_key_or_a_wrong_file_is_one_clear_line(watched: Path) -> None:
    (watched / "wrong.toml").write_text("[track]\nspeed_of_light = 1\n")
    done = in_process("replay", watched, watched / "store", "--compare", watched / "wrong.toml")
    assert done.returncode == 2 and "settings.track.speed_of_light: found 1; allowed: one of" in done.stderr
    done = in_process("replay", watched, watched / "store", "--compare", watched / "nothing.toml")
    assert done.returncode == 2 and "--compare" in done.stderr and "allowed: a TOML file" in done.stderr
    done = in_process("replay", watched, watched / "recording.toml", "--compare", watched / "other.toml")
    assert done.returncode == 2 and "allowed: one store alone" in done.stderr


def test_alarms_arematched_by_id_then_by_time_and_place_each_once() -> None:
    second = 1_000_000_000
    before = [incident("a", 1), incident("b", 1, raised_ns=0), incident("c", 1, raised_ns=300 * second)]
    after = [
        incident("a", 1, priority=1),
        incident("x", 1, raised_ns=20 * second),
        incident("y", 1, raised_ns=5 * second),
        incident("z", 1, raised_ns=300 * second, from_m=900.0, to_m=910.0),
    ]
    kept, lost, gained = matched(before, after)
    assert {(pair.before.id, pair.after.id) for pair in kept} == {("a", "a"), ("b", "y")}
    assert [each.id for each in lost] == ["c"] and [each.id for each in gained] == ["x", "z"]


def run_under(folder: Path, settings: Settings, settings_id: str, first: int, who: str) -> None:
    identity = msgspec.structs.replace(IDENTITY, settings_id=settings_id)
    with opened(folder, identity=identity, changed="note") as journal:
        begin_archive(journal, SITE, settings, who=who, clock=HandClock(WALL_NS + first))
        for index in range(first, first + 3):
            journal.commit(tick_at(index), {}, {})


def test_who_changed_which_setting_is_kept_and_the_way_back_is_a_file(tmp_path: Path) -> None:
    old, new = Settings(), settings_of(SITE, {"tick": {"drain_s": 3.0}})
    for number, (settings, name, who) in enumerate(
        [(old, "one", "seat-1"), (old, "one", "seat-9"), (new, "two", "seat-2")]
    ):
        run_under(tmp_path, settings, name, 10 + 10 * number, who)
    spells = history_of(tmp_path)
    assert [(spell.settings_id, spell.who) for spell in spells] == [("one", "seat-1"), ("two", "seat-2")]
    assert spells[0].changed == {} and spells[1].changed == {"tick.drain_s": (1.0, 3.0)}
    assert spells[1].wall_ns == WALL_NS + 30
    assert verify(tmp_path).status == "unanchored"
    shown = in_process("settings", tmp_path)
    assert "tick.drain_s: 1.0 -> 3.0" in shown.stdout and "by seat-2" in shown.stdout
    back = in_process("settings", tmp_path, "--roll-back", "one")
    assert settings_of(SITE, tomllib.loads(back.stdout)["settings"]) == old
    missing = in_process("settings", tmp_path, "--roll-back", "three")
    assert missing.returncode == 2 and "allowed: one, two" in missing.stderr


def test_a_period_is_decided_twice_from_the_same_inputs(watched: Path) -> None:
    period = ("--from", "2021-11-18T00:00:00Z", "--to", "2021-11-18T00:00:04Z")
    (watched / "other.toml").write_text('[sections."main/S01".track]\nconfirm_probability = 0.99999\n')
    words = ("replay", "-", watched / "store", "--compare", watched / "other.toml", *period)
    found = json.loads(in_process(*words, "--json").stdout)
    assert (found["raised_before"], found["raised_after"]) == (1, 0)
    assert [each["kind"] for each in found["only_before"]] == ["barrier_contact"] and not found["both"]
    (changed,) = found["changed"]
    assert changed == {"name": "sections.main/S01.track.confirm_probability", "before": None, "after": 0.99999}
    assert "only under the watch's own: 1" in in_process(*words).stdout
    (watched / "other.toml").write_text("[vibration]\nmin_excess_db = 60.0\n")
    assert json.loads(in_process(*words, "--json").stdout)["raised_after"] == 0
    (watched / "other.toml").write_text('[[vibration.masks]]\nfrom_m = 30.0\nto_m = 70.0\nreason = "trial"\n')
    found = json.loads(in_process(*words, "--json").stdout)
    assert "barrier_contact" in {each["kind"] for each in found["only_before"]}
    (watched / "other.toml").write_text("")
    found = json.loads(in_process(*words, "--json").stdout)
    assert len(found["both"]) == 1 and found["both"][0]["before"] == found["both"][0]["after"]


def test_what_the_record_cannot_answer_is_refused(watched: Path) -> None:
    period = ("--from", "2021-11-18T00:00:00Z", "--to", "2021-11-18T00:00:04Z")
    (watched / "other.toml").write_text("[vibration]\nmin_excess_db = 5.0\n[video]\nframe_s = 1\n")
    done = in_process("replay", "-", watched / "store", "--compare", watched / "other.toml", *period)
    assert done.returncode == 2 and "15 dB or more" in done.stderr and "settings.video.frame_s" in done.stderr
    (watched / "other.toml").write_text("")
    done = in_process("replay", "-", watched / "store", "--compare", watched / "other.toml", *period[:2])
    assert done.returncode == 2 and "--from, --to" in done.stderr
    late = ("--from", "2031-11-18T00:00:00Z", "--to", "2031-11-18T00:00:04Z")
    done = in_process("replay", "-", watched / "store", "--compare", watched / "other.toml", *late)
    assert done.returncode == 2 and "allowed: a period that was watched" in done.stderr
