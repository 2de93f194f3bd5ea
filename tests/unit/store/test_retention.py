"""What is kept for how long: each kind goes at its age and not before, on the record, and the chains still verify."""

from pathlib import Path

import msgspec
import pytest

from linewatch.errors import InputError, StoreError
from linewatch.records import Clip, ClipRequest, canonical_bytes
from linewatch.store import open_store, verify
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.archive.writer import ArchiveWriter
from linewatch.store.reopening import reopen_journal
from linewatch.store.retention import Rules, plan, read_rules, retain
from tests.system.bench import in_process
from tests.unit.store.archive.made import DAY, FIRST, PERIOD_NS, WHERE, finding, run, write_tick
from tests.unit.store.writing import act, incident, opened, patrol

DAY_NS = DAY * PERIOD_NS
START_NS = FIRST * PERIOD_NS
KEEP = Rules(**dict.fromkeys((f for f in Rules.__struct_fields__ if f not in {"staff_positions_days", "acts_days"}), 0))


def store(folder: Path) -> Path:
    """Two days of detections, and on the first: a patrol, an act, a closed and an open incident, clips of each kind."""
    run(folder, range(FIRST + 1, FIRST + 3), size=2)
    with opened(folder) as journal:
        archive = ArchiveWriter(journal, WHERE)
        journal.append("arrival", "patrols", canonical_bytes(patrol(1)))
        journal.append("act", "operator", canonical_bytes(act("closed", 1)))
        journal.append("track", "t", canonical_bytes(finding(1)))
        closed_ns = START_NS + 60 * 10**9
        for name, end_ns in (("closed", None), ("closed", closed_ns), ("open", None)):
            journal.append("incident", name, canonical_bytes(incident(name, 1, closed_ns=end_ns)))
        for number, (owner, suffix) in enumerate([("closed", ".jpg"), ("nobody", ".jpg"), ("nobody", ".h5")]):
            request = ClipRequest(f"r{number}", owner, "cam", 0, 1)
            cited = journal.add_file("clips", suffix, lambda path: path.write_bytes(b"picture"))
            journal.append("clip_request", request.id, canonical_bytes(request))
            journal.append("clip", request.id, canonical_bytes(Clip(request.id, "cam", cited.name, cited.sha256.hex())))
        for index in range(FIRST + 3, FIRST + 2 * DAY, 31):
            write_tick(journal, archive, index, 2)
    return folder


def erased(folder: Path, days: float, **rules: int) -> set[str]:
    """Reasons of what is erased so many days after the start under these rules alone."""
    only = msgspec.structs.replace(KEEP, **({"staff_positions_days": 9999, "acts_days": 9999} | rules))
    with reopen_journal(folder) as journal:
        found = retain(journal, START_NS + round(days * DAY_NS), only)
    assert verify(folder).status == "unanchored"
    return {each.reason for each in found}


@pytest.mark.parametrize(
    "rule",
    [
        "staff_positions_days",
        "pictures_days",
        "clips_days",
        "inputs_days",
        "tracks_days",
        "acts_days",
        "incidents_days",
    ],
)
def test_each_kind_goes_at_its_age_and_not_before(tmp_path: Path, rule: str) -> None:
    store(tmp_path)
    assert erased(tmp_path, 5.0, **{rule: 10}) == set()
    assert len(erased(tmp_path, 12.5, **{rule: 10})) == 1
    assert erased(tmp_path, 12.5, **{rule: 10}) == set()


def test_what_speaks_of_staff_goes_and_what_was_decided_stays(tmp_path: Path) -> None:
    store(tmp_path)
    erased(tmp_path, 30, staff_positions_days=7, acts_days=7)
    with open_store(tmp_path) as reader:
        assert [e.payload for e in reader.entries(kinds=("arrival", "act"))] == [None, None]
        assert {each.id for each in reader.incidents()} == {"closed", "open"}
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("linewatch.sqlite*"))
    assert b"P-7" not in raw and b"seat-2" not in raw and b"as on the camera" not in raw


def test_a_picture_of_an_incident_is_kept_as_long_as_the_incident(tmp_path: Path) -> None:
    store(tmp_path)
    erased(tmp_path, 40, pictures_days=30, clips_days=30)
    assert sorted(path.suffix for path in (tmp_path / "clips").iterdir()) == [".jpg"]
    erased(tmp_path, 40, incidents_days=30)
    assert len(erased(tmp_path, 41, pictures_days=30)) == 1
    assert list((tmp_path / "clips").iterdir()) == []


def test_only_closed_incidents_go(tmp_path: Path) -> None:
    store(tmp_path)
    erased(tmp_path, 4000, incidents_days=1000)
    with open_store(tmp_path) as reader:
        assert [each.id for each in reader.incidents()] == ["open"]


def test_counts_stay_when_the_rows_are_gone_and_the_archive_goes_on(tmp_path: Path) -> None:
    store(tmp_path)
    with OpenedStore(tmp_path, WHERE) as before:
        counted = before.sql("SELECT day, sum(count)::BIGINT FROM days GROUP BY day ORDER BY day").fetchall()
    erased(tmp_path, 500, detections_days=400, health_days=400, inputs_days=35)
    with OpenedStore(tmp_path, WHERE) as after:
        again = after.sql("SELECT day, sum(count)::BIGINT FROM days GROUP BY day ORDER BY day").fetchall()
        left = after.sql("SELECT count(*) FROM detections").fetchall()[0][0]
    assert again[0] == counted[0] and 0 < left < 20
    with opened(tmp_path) as journal:
        archive = ArchiveWriter(journal, WHERE)
        assert archive.rows_waiting < 30
        write_tick(journal, archive, FIRST + 3 * DAY)


def test_the_defaults_keep_what_speaks_of_staff_for_less_time_than_incidents(tmp_path: Path) -> None:
    rules = Rules()
    assert rules.staff_positions_days < rules.acts_days < rules.incidents_days and rules.pictures_days == 30
    store(tmp_path)
    assert plan(tmp_path, START_NS + DAY_NS) == []
    reasons = {each.reason.split(":")[0] for each in plan(tmp_path, START_NS + 4000 * DAY_NS)}
    assert reasons == {
        *("staff positions", "inputs", "tracks", "acts", "incidents", "pictures", "clips"),
        *("archive of detections", "archive of health", "audit"),
    }


def test_the_audit_chain_forgets_who_and_keeps_that(tmp_path: Path) -> None:
    store(tmp_path)
    with reopen_journal(tmp_path) as journal:
        journal.audit("look", 1_000, "looked at a picture", who="login-9")
        retain(journal, 400 * DAY_NS, Rules())
    assert verify(tmp_path).status == "unanchored"
    with open_store(tmp_path) as reader:
        (look,) = [audit for audit in reader.audits() if audit.entry.kind == "look"]
        assert look.entry.payload is None
    assert b"login-9" not in b"".join(path.read_bytes() for path in tmp_path.glob("linewatch.sqlite*"))


def test_rules_are_read_from_a_file_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("pictures_days = 3\n")
    assert read_rules(path) == Rules(pictures_days=3)
    for text, words in (
        ("pictures = 3\n", "unknown field `pictures`"),
        ("pictures_days = -3\n", "pictures_days: found -3; allowed: 0 (for ever) or more"),
        ("acts_days = 2000\n", "acts_days: found 2000; allowed: 1 to incidents_days (1096)"),
        ("staff_positions_days = 0\n", "staff_positions_days: found 0"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_rules(path)
        assert words in str(caught.value) and str(path) in str(caught.value)


def test_the_verb_tells_what_would_go_and_what_went(tmp_path: Path) -> None:
    folder = store(tmp_path / "store")
    asked = in_process("retain", folder, "--dry-run", "--now", "2030-01-01")
    assert asked.returncode == 0 and "staff positions: 7 days: 1 entries, 0 files" in asked.stdout, asked.stderr
    done = in_process("retain", folder, "--now", "2030-01-01")
    # What it writes in the audit chain itself is as old as the clock of this machine says.
    assert [line for line in done.stdout.splitlines() if "audit" not in line] == [
        line for line in asked.stdout.splitlines() if "audit" not in line
    ]
    with opened(folder), pytest.raises(StoreError, match="is writing this store"):
        reopen_journal(folder)
