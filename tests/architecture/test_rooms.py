"""The rooms are those of the house plan, and what the plan forbids really fails."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import CHECKOUT, PACKAGE, modules, names_used, shown, tree_of

ROOMS = (
    *("app", "cli", "console", "detect", "evaluate", "evidence", "health", "incident", "notify", "protocols"),
    *("records", "report", "signals", "simulate", "site", "sources", "store", "track"),
)
SINGLE_MODULES = ("clock", "errors", "plugins", "ports")
HOUSE_WIDE_LIBRARIES = frozenset({"linewatch", "msgspec", "numba", "numpy", "pyarrow", "scipy"})
SAY_NOTHING = ("common", "helper", "manager", "misc", "util")


def test_every_room_of_the_plan_exists_and_says_what_it_holds() -> None:
    for room in ROOMS:
        door = PACKAGE / room / "__init__.py"
        assert door.is_file(), f"{room} has no __init__.py"
        assert tree_of(door).body, f"{shown(door)} is empty; one sentence says what the room holds"
    for name in SINGLE_MODULES:
        assert (PACKAGE / f"{name}.py").is_file(), f"{name}.py is missing"


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    for path in modules():
        for part in path.relative_to(PACKAGE).with_suffix("").parts:
            words = part.strip("_").split("_")
            assert not any(word.rstrip("s") in SAY_NOTHING for word in words), (
                f"{shown(path)}: name the file by what it knows or does"
            )


def test_every_library_has_a_room() -> None:
    """A library that is neither house-wide nor named by an import contract has not been placed yet."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placed = {name for contract in contracts for name in contract.get("forbidden_modules", ())}
    for path in modules():
        for line, name in names_used(tree_of(path)):
            library = name.split(".")[0]
            assert library in sys.stdlib_module_names or library in HOUSE_WIDE_LIBRARIES or library in placed, (
                f"{shown(path, line)}: {library} has no import contract that says where it lives and why"
            )


@pytest.fixture(scope="module")
def verdict_on_planted_imports(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the import contracts say about a copy of the package into which one breach of each was planted."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    package = folder / "src" / "linewatch"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "web", "*.geojson"))
    (package / "attic").mkdir()
    plants = {
        "attic/__init__.py": "import cryptography\nimport linewatch.signals\nimport linewatch.protocols\n",
        "records/planted.py": "import linewatch.site\n",
        "detect/planted.py": "import duckdb\nimport pyproj.geod\nimport sklearn\nimport time\nimport linewatch.track\n",
        "store/planted.py": "import cryptography\nimport duckdb\nimport sqlite3\n",
    }
    for name, text in plants.items():
        (package / name).write_text(f'"""Planted."""\n\n{text}')
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "breach",
    [
        "linewatch.records -> linewatch.site",
        "linewatch.detect -> linewatch.track",
        "linewatch.attic -> linewatch.signals",
        "linewatch.attic -> linewatch.protocols",
        "linewatch.detect -> time",
        "linewatch.detect -> duckdb",
        "linewatch.attic -> cryptography",
        "linewatch.detect -> pyproj",
        "linewatch.detect -> sklearn",
    ],
)
def test_a_planted_import_breaks_its_contract(verdict_on_planted_imports: str, breach: str) -> None:
    assert breach in verdict_on_planted_imports.replace(".planted", "")


def test_a_folder_that_nobody_placed_breaks_the_plan(verdict_on_planted_imports: str) -> None:
    assert "not listed as layers:\n\n- linewatch.attic" in verdict_on_planted_imports


def test_a_library_in_its_own_room_is_let_through(verdict_on_planted_imports: str) -> None:
    assert "linewatch.store" not in verdict_on_planted_imports
