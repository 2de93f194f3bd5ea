"""The project's own files, as text and as syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "src" / "linewatch"

# Folders of the checkout that hold the project's own writing; what tools and set-up make lies elsewhere.
OWN_FOLDERS = (".ci", "benchmarks", "docs", "examples", "requirements", "src", "tests")
TEXT_SUFFIXES = frozenset(
    {".cfg", ".css", ".csv", ".geojson", ".html", ".in", ".ini", ".js", ".json", ".lock", ".md", ".py", ".sh", ".svg"}
    | {".toml", ".ts", ".txt", ".yaml", ".yml", ""}
)
# Made, not written: folders that may lie inside the project's own.
MADE_FOLDERS = frozenset({"__pycache__", "node_modules", "dist"})


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py") if not MADE_FOLDERS.intersection(path.parts))


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path, line: int | None = None) -> str:
    """A place as a person would name it."""
    name = path.relative_to(CHECKOUT).as_posix()
    return name if line is None else f"{name}:{line}"


def own_text_files() -> Iterator[Path]:
    """Every text file that the project wrote itself."""
    yield from (path for path in sorted(CHECKOUT.iterdir()) if path.is_file() and path.suffix in TEXT_SUFFIXES)
    for folder in OWN_FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT_SUFFIXES and not MADE_FOLDERS.intersection(path.parts):
                yield path


def names_used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name that a module uses, imports resolved: after `from time import sleep as s`, `s` is `time.sleep`.

    Only names that begin at an import are given, since only those say for sure whose they are.
    """
    origin: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.split(".")[0]
                origin[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                origin[name.asname or name.name] = f"{node.module}.{name.name}"
                yield node.lineno, f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.expr | ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in origin:
            yield node.lineno, ".".join([origin[inner.id], *reversed(parts)])
