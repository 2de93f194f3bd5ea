"""A store as tables: everything once, wherever it lies, and clear words where it cannot be read."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

import linewatch
from linewatch.errors import InputError, StoreError
from linewatch.store.archive.columns import detections_table, health_table
from linewatch.store.archive.reading import TABLES, OpenedStore
from linewatch.store.archive.rollup import Counts, rows_of
from tests.unit.store.archive.made import FIRST, WHERE, batch, finding, run
from tests.unit.store.writing import edited, write_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours around midnight: a day, an hour and a tail that no file holds."""
    return run(tmp_path_factory.mktemp("store"), range(FIRST - 70, FIRST + 80), most_rows=130)


def opened(folder: Path) -> OpenedStore:
    return OpenedStore(folder, WHERE)


def test_every_detection_is_there_once_whether_in_a_file_or_not(folder: Path) -> None:
    expected = detections_table([(0, batch(index)) for index in range(FIRST - 70, FIRST + 80)], WHERE)
    with opened(folder) as store:
        found = store.detections.order("time, chainage_m").to_arrow_table()
        assert found.num_rows == 150 * 5
        for name in ("time", "chainage_m", "strength_db", "mover", "section", "velocity_mps"):
            wanted = expected.sort_by([("time", "ascending"), ("chainage_m", "ascending")])[name].to_pylist()
            assert found[name].to_pylist() == wanted


def test_the_rollup_counts_all_rows_once_by_day_by_hour_and_in_the_tail(folder: Path) -> None:
    counts = Counts()
    for index in range(FIRST - 70, FIRST + 80):
        counts.add_detections(detections_table([(0, batch(index))], WHERE))
        if index % 10 == 0:
            counts.add_health(health_table([(0, finding(index))], WHERE))
    with opened(folder) as store:
        query = (
            "SELECT what, day, hour, line, section, kind, word, sum(count)::BIGINT AS count, sum(late)::BIGINT AS late"
        )
        found = store.sql(f"{query} FROM rollup GROUP BY ALL").to_arrow_table()
        by_day = store.sql("SELECT day, sum(count)::BIGINT AS n FROM days GROUP BY day ORDER BY day").fetchall()
    assert sorted(rows_of(found)) == counts.rows()
    wanted = Counter[int]()
    for key, count, _ in counts.rows():
        wanted[key[1]] += count
    assert [n for _, n in by_day] == [wanted[day] for day in sorted(wanted)]


def test_a_relation_becomes_arrow_or_pandas(folder: Path) -> None:
    with opened(folder) as store:
        by_section = store.detections.aggregate("section, count(*) AS n")
        assert by_section.to_arrow_table().to_pylist() == [{"section": "S01", "n": 750}]
        pytest.importorskip("pandas")
        assert list(by_section.df()["n"]) == [750]


def test_incidents_and_all_their_versions_are_tables(tmp_path: Path) -> None:
    write_store(tmp_path, 20)
    with linewatch.open(tmp_path) as store:
        assert store.incidents.aggregate("count(*)").fetchall() == [(2,)]
        assert store.sql("SELECT count(*) FROM versions WHERE id = 'incident-0'").fetchall() == [(3,)]
        assert store.incidents.filter("id = 'incident-0'").project("place, sensors").fetchall() == [
            ("gate 3", ["fence-1"])
        ]
        assert store.table("acts").project("seat").limit(1).fetchall() == [("seat-2",)]
        assert store.table("known_movers").aggregate("count(*)").fetchall()[0][0] > 3


def test_every_table_can_be_had_from_any_store(tmp_path: Path) -> None:
    write_store(tmp_path, 4, first=43)
    with linewatch.open(tmp_path) as store:
        assert all(store.table(name).columns for name in TABLES)


def test_a_table_that_is_none_and_a_query_that_is_none_are_refused(folder: Path) -> None:
    with opened(folder) as store:
        with pytest.raises(InputError, match=r"table: found 'people'; allowed: detections, health"):
            store.table("people")
        with pytest.raises(InputError, match=r"query: .*syntax error"):
            store.sql("SELECT FROM FROM detections")


@pytest.mark.parametrize("harm", ["cut", "gone", "other"])
def test_a_damaged_file_is_one_clear_line(folder: Path, tmp_path: Path, harm: str) -> None:
    shutil.copytree(folder, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        name = next(each.name for each in store._segments if each.what == "detections")
    path = tmp_path / "store" / name
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif harm == "gone":
        path.unlink()
    else:
        shutil.copy(next(p for p in path.parent.iterdir() if p.stat().st_size != path.stat().st_size), path)
    with opened(tmp_path / "store") as store, pytest.raises(StoreError) as caught:
        store.table("detections")
    assert str(path) in str(caught.value) and "linewatch verify" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_without_a_description_of_its_site_says_so(folder: Path) -> None:
    with OpenedStore(folder) as store, pytest.raises(StoreError, match="no description of its site"):
        store.table("rollup")


def test_a_store_of_a_newer_version_is_not_opened(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    with edited(tmp_path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="found schema 99"):
        linewatch.open(tmp_path)
    with pytest.raises(StoreError, match="found no such file"):
        linewatch.open(tmp_path / "nothing")


def test_the_public_surface_is_what_it_says() -> None:
    assert sorted(linewatch.__all__) == ["OpenedStore", "__version__", "open"]
    assert all(hasattr(linewatch, name) for name in linewatch.__all__)
    assert sorted(name for name in dir(linewatch) if name in {*linewatch.__all__}) == sorted(linewatch.__all__)
