"""`linewatch report` over three stores, of which one was changed behind its back."""

import json
import shutil
from pathlib import Path

import pytest

from linewatch.store.reader import open_store
from tests.system.bench import SITE, fence, in_process, write_bench
from tests.unit.store.writing import edited


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """North, south, and east: what south's was before somebody changed its incidents."""
    folder = tmp_path_factory.mktemp("country")
    for number, name in enumerate(("north", "south")):
        site = SITE.replace('"bench"', f'"{name}"')
        recording = write_bench(folder / name, fence(2.0, seed=number), site=site)
        assert in_process("replay", folder / name, recording, "--out", folder / name / "store").returncode == 0
    shutil.copytree(folder / "south", folder / "east")
    with edited(folder / "east" / "store") as connection:
        connection.execute("UPDATE record_entry SET commitment = zeroblob(32) WHERE kind = 'incident'")
    return [folder / name / "store" for name in ("north", "south", "east")]


def test_sites_that_hold_are_counted_and_the_damaged_one_is_told_apart(stores: list[Path], tmp_path: Path) -> None:
    outs = [tmp_path / f"country{suffix}" for suffix in (".csv", ".parquet", ".json", ".svg", ".png", ".html", ".pdf")]
    done = in_process(
        "report", *stores, "--by", "month,section", "--json", *(w for out in outs for w in ("--out", out))
    )
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert [site["name"] for site in told["sites"]] == ["north", "south"] and told["table"]["total"]["attempts"] == 2
    (left,) = told["left_out"]
    assert left["store"] == str(stores[2]) and left["chain"]["status"] == "broken"
    assert all(out.stat().st_size > 100 for out in outs)
    assert f"Not counted: south ({stores[2]}): broken" in (tmp_path / "country.html").read_text()
    printed = in_process("report", *stores)
    assert "2 sites counted, 1 not" in printed.stdout and "all sites" in printed.stdout


def test_a_national_figure_opens_to_incidents_with_their_site(stores: list[Path]) -> None:
    done = in_process("report", *stores[:2], "--by", "month", "--open", "month=2021-11")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["site"] for line in done.stdout.splitlines()] == ["north", "south"]


def test_a_head_lodged_outside_tells_a_whole_store_from_another_one(stores: list[Path]) -> None:
    with open_store(stores[0]) as north, open_store(stores[1]) as south:
        right, wrong = north.heads().code, south.heads().code
    done = in_process("report", *stores[:2], "--against", f"{stores[0]}={right}", "--json")
    assert json.loads(done.stdout)["sites"][0]["chain"]["status"] == "ok" and done.returncode == 0
    done = in_process("report", *stores[:2], "--against", f"{stores[0]}={wrong}", "--json")
    told = json.loads(done.stdout)
    assert [site["name"] for site in told["sites"]] == ["south"] and done.returncode == 1
    assert told["left_out"][0]["name"] == "north" and told["left_out"][0]["said"]["attempts"] == 1


def test_what_cannot_be_asked_of_many_is_one_clear_line(stores: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stores[0], copy)
    for words, said in (
        ([stores[0], stores[0]], "which are the same; allowed: each store once"),
        ([stores[0], copy], "allowed: stores of which none is a copy of another"),
        ([*stores, "--trend", "7"], "--trend: found with 3 stores; allowed: with one store"),
        ([*stores, "--against", "12-3"], "--against: found '12-3'; allowed: STORE=HEAD"),
        ([stores[2], tmp_path / "nowhere"], "found no store that can be counted"),
        ([stores[0], "--against", "a=b"], "allowed: with several"),
        ([*stores[:2], "--from", "2022-01-01"], "found no store that can be counted"),
    ):
        done = in_process("report", *words)
        assert done.returncode == 2 and not done.stdout, words
        (line,) = done.stderr.splitlines()
        assert said in line
