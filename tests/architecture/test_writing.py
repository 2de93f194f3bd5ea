"""How the code is written: small pieces, one clock, a word for every public name, nothing of anybody's workplace."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import CHECKOUT, modules, names_used, own_text_files, shown, tree_of

MODULE_LINES = 400
FUNCTION_LINES = 70

CLOCK_READINGS = frozenset(
    [f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter", "process_time") for unit in ("", "_ns")]
    + ["time.thread_time", "time.thread_time_ns", "time.clock_gettime", "time.clock_gettime_ns"]
    + ["time.gmtime", "time.localtime", "time.ctime", "time.asctime", "time.sleep"]
    + ["datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"]
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{shown(path, node.lineno)} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def clock_readings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each place where a module could read or wait for the machine's clock."""
    for line, name in names_used(tree):
        if name in CLOCK_READINGS:
            yield line, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "now":  # numpy.datetime64("now")
            yield node.lineno, '"now"'


def test_only_the_clock_reads_a_clock() -> None:
    """Anywhere else, time comes in as a tick or from linewatch.clock."""
    readings = [
        f"{shown(path, line)} {name}"
        for path in modules()
        if path.name != "clock.py"
        for line, name in clock_readings(tree_of(path))
    ]
    assert readings == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time as t\nwait = t.perf_counter_ns",
        "from time import monotonic as m\nm()",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import datetime as dt\ndt.now()",
        "from datetime import date\ndate.today()",
        "import numpy as np\nnp.datetime64('now')",
    ],
)
def test_every_way_to_read_a_clock_is_seen(text: str) -> None:
    assert list(clock_readings(ast.parse(text)))


def public_definitions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Functions and classes without a leading underscore, and those inside public classes."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield owner + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{owner}{node.name}.")


def test_every_public_name_says_what_it_is() -> None:
    silent = [shown(path) for path in modules() if not ast.get_docstring(tree_of(path))]
    silent += [
        f"{shown(path, node.lineno)} {name}"
        for path in modules()
        for name, node in public_definitions(tree_of(path).body)
        if not ast.get_docstring(node)
    ]
    assert silent == []


# Written in pieces, so that this file does not find itself.
NOT_OURS_TO_TELL = {
    "a folder of somebody's machine": re.compile(
        "(?<![\\w.])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me/", "Us" + "ers/"]) + r")\b"
    ),
    "the address of a package index": re.compile("https?://[^\\s]*(?:py" + "pi|registry\\.npm)", re.IGNORECASE),
}
BESIDE_THE_CHECKOUT = "../sha" + "red"


def test_no_file_names_a_place_that_only_one_machine_has() -> None:
    for path in own_text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for what, pattern in NOT_OURS_TO_TELL.items():
                assert not pattern.search(line), f"{shown(path, number)} names {what}: {line.strip()}"


def test_no_document_sends_its_reader_outside_the_checkout() -> None:
    for path in own_text_files():
        if path.suffix == ".md":
            assert BESIDE_THE_CHECKOUT not in path.read_text(encoding="utf-8"), (
                f"{shown(path)} points beside the checkout"
            )


def test_the_search_for_foreign_places_reads_the_whole_project() -> None:
    read = {shown(path) for path in own_text_files()}
    assert {"README.md", "Makefile", "pyproject.toml", shown(Path(__file__)), "src/linewatch/clock.py"} <= read
    assert not any(name.startswith(".venv") for name in read), CHECKOUT
