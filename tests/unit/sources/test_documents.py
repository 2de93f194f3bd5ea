"""What the pages on recordings and plug-ins say is so."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from linewatch.records.health import Condition
from linewatch.sources import checks
from linewatch.sources.recording._detection_files import REQUIRED
from linewatch.sources.recording._header import _CHECKS, read_header
from linewatch.sources.recording.formats import FORMATS

CHECKOUT = Path(__file__).resolve().parents[3]
RECORDINGS = (CHECKOUT / "docs" / "recordings.md").read_text(encoding="utf-8")
PLUGINS = (CHECKOUT / "docs" / "plugins.md").read_text(encoding="utf-8")
SOURCES = [path.read_text(encoding="utf-8") for path in (CHECKOUT / "src/linewatch/sources/recording").rglob("*.py")]


def rows(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("key", [*_CHECKS, "part"])
def test_every_key_is_explained_with_what_each_format_makes_of_it(key: str) -> None:
    (row,) = [row for row in rows(RECORDINGS) if row.startswith(f"| `{key}` |") and row.count("|") == 5]
    for name, said in zip(("array", "detections"), row.split("|")[3:5], strict=True):
        facts = FORMATS[name].facts
        assert ("required" in said) == (key in facts.required), row
        assert ("not allowed" in said) == (key not in facts.required | facts.optional), row


def test_every_condition_that_a_recording_can_show_is_explained() -> None:
    shown = {each for each in get_args(Condition) if any(f'"{each}"' in source for source in SOURCES)}
    explained = {word for row in rows(RECORDINGS) for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert "gap" in shown
    assert shown <= explained


def test_every_required_field_of_a_detection_is_named() -> None:
    assert all(f"`{field}`" in RECORDINGS for field in REQUIRED)


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", RECORDINGS, flags=re.DOTALL))
def test_every_example_of_a_description_is_accepted(block: str, tmp_path: Path) -> None:
    (tmp_path / "recording.toml").write_text(block)
    header, problems = read_header(tmp_path / "recording.toml", {name: each.facts for name, each in FORMATS.items()})
    assert problems == []
    assert header is not None


def test_every_check_is_listed_with_whom_it_holds_for() -> None:
    listed = {(row.split("|")[1].strip(" `"), row.split("|")[2].strip()) for row in rows(PLUGINS) if "check_" in row}
    expected = {(check.__name__, "every source") for check in checks.ANY_SOURCE}
    assert listed == expected | {(check.__name__, "replayable") for check in checks.REPLAYABLE}


def test_the_entry_point_shown_is_the_one_of_the_example() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PLUGINS, flags=re.DOTALL)
    described = tomllib.loads((CHECKOUT / "examples" / "plugin" / "pyproject.toml").read_text())
    assert tomllib.loads(block)["project"]["entry-points"] == described["project"]["entry-points"]
