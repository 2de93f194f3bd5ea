"""Whatever bytes a site is made of, it is either read or refused with problems: no other error, and nothing hangs."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.site.geometry import geometry_of
from linewatch.site.load import check_site
from tests.unit.site.written import FILES, write_site

SPLICES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"1e999", b"nan", b"-1", b"[", b"]]", b'"', b",", b"\x00", b"\xff", b"\n", b"{}", b"99999999999999999"]
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILES)), st.integers(0, 2_000), st.integers(0, 40), SPLICES)
def test_a_site_with_any_bytes_anywhere_is_read_or_refused(
    folder: Path, name: str, at: int, cut: int, splice: bytes
) -> None:
    write_site(folder)
    good = FILES[name].encode()
    at %= len(good)
    (folder / name).write_bytes(good[:at] + splice + good[at + cut :])
    checked = check_site(folder)
    assert (checked.site is None) == bool(checked.problems)
    assert str(checked)
    if checked.site is not None:
        for line in checked.site.lines:
            assert [section.from_m for section in line.sections[1:]] == [section.to_m for section in line.sections[:-1]]
            assert (line.sections[0].from_m, line.sections[-1].to_m) == (0.0, line.length_m)
            try:
                geometry_of(line)
            except InputError:
                assert not line.coordinates_deg


@pytest.mark.parametrize("name", ["site.toml", "line.geojson", "places.csv", "sensors.csv", "taps.csv"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff\xfe", b"\n" * 1_000, b",\n" * 1_000, b"9" * 10_000])
def test_a_file_of_nonsense_is_a_problem_that_names_it(tmp_path: Path, name: str, content: bytes) -> None:
    write_site(tmp_path)
    (tmp_path / name).write_bytes(content)
    checked = check_site(tmp_path)
    assert any(problem.file.split(":")[0] == name for problem in checked.problems), str(checked)
