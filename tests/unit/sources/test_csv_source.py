"""A CSV file that somebody writes on: rows once they are whole, wherever it is cut, replaced or taken up again."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from linewatch.errors import InputError, SiteError
from linewatch.ports import Item
from linewatch.records import Health, KnownMover, Weather
from linewatch.site.model import SourceSpec
from linewatch.sources.build import build_source
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.csv.source import CsvSource
from tests.unit.notify.made import site

S = 1_000_000_000
NOW_NS = 1_790_000_000 * S
HEAD = "time,mover,lon,lat,sigma_m\n"


def row(seconds: int = 0, mover: str = "patrol-1", lon: str = "23.515") -> str:
    return f"{1_790_000_000 + seconds},{mover},{lon},52.705,8\n"


def made(folder: Path, **more: object) -> CsvSource:
    usual = {"file": "own.csv", "holds": "positions", "movers": ["patrol-1", "car-2"], "start": "beginning"}
    where = site()
    source = build_source(
        type(where)(name=where.name, timezone=where.timezone, lines=where.lines, folder=str(folder)),
        SourceSpec("csv", {**usual, **more}),
    )
    assert isinstance(source, CsvSource)
    source.start()
    return source


def write(folder: Path, text: str, *, anew: bool = False, name: str = "own.csv") -> None:
    with (folder / name).open("w" if anew else "a", encoding="utf-8") as file:
        file.write(text)


def at(source: CsvSource, seconds: float) -> list[Item]:
    return source.poll(NOW_NS + round(seconds * S))


def movers(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items if isinstance(item, KnownMover)]


def troubles(items: Sequence[Item]) -> list[tuple[str, str]]:
    return [(item.condition, item.text) for item in items if isinstance(item, Health)]


def test_a_row_is_a_mover_once_its_line_has_ended(tmp_path: Path) -> None:
    source = made(tmp_path)
    assert troubles(at(source, 0)) == [("unreadable", "csv:own.csv: own.csv cannot be read: No such file or directory")]
    assert at(source, 0.25) == [] and not source.status().up
    write(tmp_path, HEAD + row()[:-5])
    assert at(source, 1) == []
    write(tmp_path, row()[-5:])
    (found,) = at(source, 2)
    assert isinstance(found, KnownMover)
    assert (found.id, found.chainage_sigma_m, found.authenticated, found.time_ns) == ("patrol-1", 8.0, False, NOW_NS)
    assert at(source, 3) == [] and source.status().up


def test_only_what_the_site_calls_proved_is_and_only_while_nobody_else_can_write_the_file(tmp_path: Path) -> None:
    source = made(tmp_path, proved=["patrol-1"])
    write(tmp_path, HEAD + row() + row(mover="car-2"))
    (tmp_path / "own.csv").chmod(0o640)
    assert [item.authenticated for item in at(source, 1) if isinstance(item, KnownMover)] == [True, False]
    (tmp_path / "own.csv").chmod(0o666)
    write(tmp_path, row())
    found = at(source, 2)
    assert [item.authenticated for item in found if isinstance(item, KnownMover)] == [False]
    assert "written by everybody" in troubles(found)[0][1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (row(mover="somebody"), "mover: found 'somebody'"),
        (row(lon="999"), "lon, lat: found 999"),
        (row(-9_999), "time: stamped more than 3600 s before it came"),
        ("not-a-time,patrol-1,23.5,52.7\n", "time: found 'not-a-time'"),
        (",patrol-1,23.5,52.7\n", "time: found nothing"),
        (f"1790000000,patrol-1{'x' * 5000}\n", "row: found 5019 bytes"),
        ("1790000000\n", "Object missing required field `mover`"),
        ('"1790000000,patrol-1\n', "unexpected end of data"),
        ("\xff\x00\n", "Object missing"),
    ],
    ids=["mover", "place", "old", "time", "no-time", "long", "short", "quote", "bytes"],
)
def test_a_row_that_makes_no_sense_costs_one_finding_and_the_next_is_read(line: str, said: str, tmp_path: Path) -> None:
    source = made(tmp_path)
    write(tmp_path, HEAD + line + row())
    found = at(source, 1)
    assert movers(found) == ["patrol-1"]
    ((condition, text),) = troubles(found)
    assert condition == "refused" and said in text


def test_many_rows_with_one_fault_cost_one_finding_with_their_number(tmp_path: Path) -> None:
    source = made(tmp_path)
    write(tmp_path, HEAD + "".join(row(mover=f"stranger-{n}") for n in range(500)))
    (finding,) = [item for item in at(source, 1) if isinstance(item, Health)]
    assert finding.count == 500 and "found 'stranger-0'" in finding.text


def test_a_line_without_an_end_is_passed_over_and_told_once_and_nothing_grows(tmp_path: Path) -> None:
    source = made(tmp_path)
    write(tmp_path, HEAD + "x" * 3_000_000)
    assert troubles(at(source, 1)) == [("refused", "csv:own.csv: row: found 4097 bytes")]
    for tick in range(5):
        assert at(source, 2 + tick) == []
    assert source.status().refused == 1
    write(tmp_path, "\n" + row())
    assert movers(at(source, 9)) == ["patrol-1"]


def test_a_pipe_in_place_of_the_file_is_told_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.csv")
    assert troubles(at(made(tmp_path), 1)) == [("unreadable", "csv:own.csv: own.csv is no plain file")]


def test_a_file_that_is_replaced_or_cut_is_read_from_its_beginning_and_that_is_said(tmp_path: Path) -> None:
    source = made(tmp_path)
    write(tmp_path, HEAD + row() + row(1))
    assert len(movers(at(source, 1))) == 2
    write(tmp_path, HEAD + row(2), name="next.csv")
    (tmp_path / "next.csv").rename(tmp_path / "own.csv")
    found = at(source, 2)
    assert movers(found) == ["patrol-1"] and "was replaced" in troubles(found)[0][1]
    write(tmp_path, HEAD, anew=True)
    assert "was cut" in troubles(at(source, 3))[0][1]


def test_what_stood_there_before_is_old_news_unless_it_was_followed_before(tmp_path: Path) -> None:
    write(tmp_path, HEAD + row())
    source = made(tmp_path, start="end")
    assert at(source, 1) == []
    write(tmp_path, row(1))
    assert len(movers(at(source, 2))) == 1
    position = source.position()
    write(tmp_path, row(2) + row(3))
    again = made(tmp_path, start="beginning")
    again.seek(position)
    assert [item.time_ns - NOW_NS for item in at(again, 4) if isinstance(item, KnownMover)] == [2 * S, 3 * S]
    for nonsense in ("", "{}", '{"inode": "a", "offset": 1}', '{"inode": 1, "offset": -1}', "[1, 2]"):
        with pytest.raises(InputError):
            again.seek(nonsense)


def test_a_head_without_what_is_needed_is_told_and_columns_may_have_other_names(tmp_path: Path) -> None:
    source = made(tmp_path)
    write(tmp_path, "when;who;x;y\n2026-09-21T14:13:20Z;patrol-1;23.515;52.705\n")
    assert "has no column 'time'" in troubles(at(source, 1))[0][1]
    named = {"time": "when", "mover": "who", "lon": "x", "lat": "y"}
    source = made(tmp_path, columns=named, delimiter=";")
    assert movers(at(source, 1)) == ["patrol-1"]


def test_a_row_of_weather_holds_on_its_stretch(tmp_path: Path) -> None:
    write(tmp_path, "time,from_m,to_m,temperature_c,wind_mps,wet,station\n1790000000,0,2000,-4.5,7,true,north\n")
    (found,) = at(made(tmp_path, holds="weather", movers=[]), 1)
    assert isinstance(found, Weather)
    assert (found.from_m, found.to_m, found.temperature_c, found.wind_mps, found.wet) == (0.0, 2000.0, -4.5, 7.0, True)


def test_however_the_file_grows_all_rows_come_once_and_in_order(tmp_path: Path) -> None:
    draw = random.Random(4)
    raw = (HEAD + "".join(row(n) for n in range(200))).encode()
    source, found = made(tmp_path), list[Item]()
    path = tmp_path / "own.csv"
    at_byte = 0
    while at_byte < len(raw):
        step = draw.randint(1, 300)
        with path.open("ab") as file:
            file.write(raw[at_byte : at_byte + step])
            os.fsync(file.fileno())
        at_byte += step
        found += at(source, 300)
        if draw.random() < 0.2:
            position = source.position()
            source = made(tmp_path)
            source.seek(position)
    assert [item.time_ns for item in found if isinstance(item, KnownMover)] == [NOW_NS + n * S for n in range(200)]


def test_it_keeps_to_what_every_source_must(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "".join(row(n) for n in range(5)) + "nonsense\n")
    assert len(run_checks(lambda: made(tmp_path), Span(NOW_NS - 3600 * S, NOW_NS + 9 * S))) >= 5


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"movers": []}, "call signs that rows may speak of"),
        ({"proved": ["other"]}, "stand in movers"),
        ({"columns": {"nonsense": "x"}}, "one of chainage_m"),
        ({"delimiter": ",,"}, "one character"),
        ({"file": "."}, "the name of a file"),
        ({"oldest_s": 0.0}, "1 to"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(SiteError) as raised:
        made(tmp_path, **more)
    assert named in str(raised.value)
