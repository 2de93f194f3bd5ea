"""Linewatch watches a long line of motion sensors and turns what they feel into incidents that people can trust.

For analysts: `linewatch.open(folder)` gives a store as tables, an `OpenedStore` (see `docs/analysts.md`).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_BEHIND = {"OpenedStore": "OpenedStore", "open": "open_archive"}

__all__ = ["OpenedStore", "__version__", "open"]


def __getattr__(name: str) -> Any:
    """Public names come in when they are first asked for: nobody else should wait for DuckDB and Arrow.

    They are named, not imported: whoever needs the version alone must not thereby know the store.
    """
    if name not in _BEHIND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("linewatch.store.archive.reading"), _BEHIND[name])


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
