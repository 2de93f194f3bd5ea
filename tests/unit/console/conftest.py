"""What the tests of the console share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.console.bench import WRITTEN_S, Console, console_over, write_store


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes of a scene as a store."""
    folder = tmp_path_factory.mktemp("written") / "store"
    write_store(folder, WRITTEN_S)
    return folder


@pytest.fixture(scope="module")
def console(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console over a store that nobody writes any more. The tests of a module share it, signed in as nobody."""
    folder = Path(shutil.copytree(written, tmp_path_factory.mktemp("read") / "store"))
    with console_over(folder) as console:
        yield console


@pytest.fixture(autouse=True)
def signed_out(request: pytest.FixtureRequest) -> None:
    """Nobody is signed in when a test begins."""
    if "console" in request.fixturenames:
        request.getfixturevalue("console").client.cookies.clear()
