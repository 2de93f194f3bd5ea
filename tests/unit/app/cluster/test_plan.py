"""A plan is refused where this process would not give its bytes, before any state is touched."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from linewatch.app.cluster import plan as planning
from linewatch.app.cluster.plan import MAX_WORKERS, PLAN, Plan, Share, checked_plan, plan_of, write_plan
from linewatch.cli import main
from linewatch.errors import InputError
from tests.unit.app.cluster.walks import three_sections


def change(run: Path, edit: Callable[[Plan], Plan]) -> None:
    path = run / PLAN
    path.write_bytes(msgspec.json.encode(edit(msgspec.json.decode(path.read_bytes(), type=Plan))))


def replaced(**values: object) -> Callable[[Plan], Plan]:
    return lambda plan: msgspec.structs.replace(plan, **values)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    site, settings, plan = three_sections(tmp_path)
    read, found, resolved = checked_plan(tmp_path / "run")
    assert (read, found.name, resolved) == (plan, site.name, settings)


def test_the_sections_of_the_reference_line_lie_in_order_over_all_slots() -> None:
    shares = plan_of("reference").shares
    slots = [share.slot for share in shares]
    assert slots == sorted(slots) and slots[0] == 0 and len(set(slots)) == len(shares)
    for workers in (2, 4):
        loads = [sum(slot * workers // MAX_WORKERS == each for slot in slots) for each in range(workers)]
        assert max(loads) - min(loads) <= 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda p: replaced(shares=p.shares[1:])(p),
            "shares: found no owner of section S01 of line main; allowed: one",
        ),
        (
            lambda p: replaced(shares=(*p.shares, p.shares[0]))(p),
            "shares: found 2 owners of section S01 of line main; allowed: one",
        ),
        (
            lambda p: replaced(shares=(*p.shares, Share("main", "S09", 1)))(p),
            "shares: found section S09 of line main, which the site does not have; allowed: its sections",
        ),
        (
            lambda p: replaced(shares=(msgspec.structs.replace(p.shares[0], slot=500), *p.shares[1:]))(p),
            "shares: main/S01: slot: found 500; allowed: 0 to 127",
        ),
        (
            lambda p: replaced(versions={**p.versions, "numpy": "1.0"})(p),
            r"versions.numpy: found \S+ on this worker; allowed: 1.0, as planned",
        ),
        (
            lambda p: replaced(versions={**p.versions, "linewatch": "0.0.1"})(p),
            r"versions.linewatch: found \S+ on this worker; allowed: 0.0.1, as planned",
        ),
        (replaced(site_id="0"), r"site_id: found \w+ at .*; allowed: 0, as planned"),
        (replaced(settings_id="0"), r"settings_id: found \S+ at .*; allowed: 0, as planned"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_with_what_is_allowed(
    tmp_path: Path, edit: Callable[[Plan], Plan], message: str
) -> None:
    three_sections(tmp_path)
    change(tmp_path / "run", edit)
    with pytest.raises(InputError, match=message) as told:
        checked_plan(tmp_path / "run")
    assert all(line.startswith(f"{tmp_path}/run/plan.json: ") for line in str(told.value).splitlines())


def test_all_that_does_not_fit_is_told_at_once(tmp_path: Path) -> None:
    three_sections(tmp_path)
    change(tmp_path / "run", lambda p: replaced(shares=p.shares[2:], site_id="0")(p))
    with pytest.raises(InputError) as told:
        checked_plan(tmp_path / "run")
    assert len(str(told.value).splitlines()) == 3


def test_a_run_that_has_begun_keeps_its_plan(tmp_path: Path) -> None:
    _, _, plan = three_sections(tmp_path)
    write_plan(tmp_path / "run", plan)
    with pytest.raises(InputError, match="found the plan of another run; allowed: the same plan, or another folder"):
        write_plan(tmp_path / "run", replaced(durable=True)(plan))


def test_no_plan_and_a_broken_plan_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json: found no plan"):
        checked_plan(tmp_path)
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(InputError, match=r"plan\.json: found no plan"):
        checked_plan(tmp_path)


def test_the_verb_plans_with_the_versions_of_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    three_sections(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["cluster", "plan", "site", "--run", "new", "--python", sys.executable, "--json"]
    assert main(words) == 0
    plan = msgspec.json.decode(capsys.readouterr().out, type=Plan)
    assert plan.versions == planning.versions_here() and [share.section for share in plan.shares] == [
        "S01",
        "S02",
        "S03",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["submit", "site", "--out", "o"], "submit: found no recording; allowed: at least one"),
        (["submit", "site", "rec"], "--out: found nothing; allowed: a folder for the store"),
        (["submit", "site", "rec", "--out", "o", "--workers", "0"], "--workers, --spare: found 0, 0; allowed"),
        (["status", "site", "--run", "none"], "plan.json: found no plan"),
        (["stop", "site", "--run", "run", "--python", "no-such"], "--python: found no-such"),
        (["stop", "site", "--run", "run", "--python", sys.executable], "without apache-flink; allowed"),
        (["plan", "site", "--run", "x", "--python", "no-such"], "--python: found no-such"),
    ],
)
def test_bad_use_of_the_verb_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    three_sections(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["cluster", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(re.escape(message), line)


def test_the_core_never_asks_for_the_engine() -> None:
    words = (
        "import sys, importlib; from linewatch import cli; "
        "[importlib.import_module(f'linewatch.cli.{verb}') for verb in cli._VERBS]; "
        "asked = ('pyflink', 'linewatch.app.cluster.job', 'linewatch.app.cluster.keyed'); "
        "print([m for m in sys.modules if m.startswith(asked)])"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
