"""Linewatch watches a long line of motion sensors and turns what they feel into incidents that people can trust.

For analysts: `linewatch.open(folder)` gives a store as tables (see `docs/analysts.md`).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linewatch.store.archive.reading import OpenedStore
    from linewatch.store.archive.reading import open_archive as open  # noqa: A004 - as in `gzip.open`

__version__ = "0.1.0"

__all__ = ["OpenedStore", "__version__", "open"]

_BEHIND = {"OpenedStore": "OpenedStore", "open": "open_archive"}


def __getattr__(name: str) -> object:
    """Public names come in when they are first asked for: nobody else should wait for DuckDB and Arrow."""
    if name not in _BEHIND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("linewatch.store.archive.reading"), _BEHIND[name])


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
