"""Every error that Linewatch raises on purpose. Each is also the standard type that a reader would expect.

LinewatchError
├── InputError (ValueError)      something that a person wrote or a sensor sent is not as it must be
│   └── SiteError                a site has problems: all of them, each with file, key, found, allowed
├── PluginError (ImportError)    a named plug-in is missing, broken or there twice
├── StoreError (OSError)         a store cannot be opened, is newer, foreign, full or damaged
├── DeliveryError (OSError)      a notifier cannot reach the other side now; what it was given is told again
└── ChainError (ValueError)      the chain of records does not verify
"""

from collections.abc import Sequence
from typing import NamedTuple


class LinewatchError(Exception):
    """Root of the tree; the command line turns each into clear lines and exit status 2."""


class InputError(LinewatchError, ValueError):
    """Something that a person wrote or a sensor sent is not as it must be."""


class Problem(NamedTuple):
    """One thing that is wrong with an input, in the terms of whoever has to mend it."""

    file: str
    """File in which it stands."""
    key: str
    """Key, column or line number."""
    found: str
    """The value found, as text."""
    allowed: str
    """What is allowed there."""

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: found {self.found}; allowed: {self.allowed}"


class SiteError(InputError):
    """A site has problems; all of them are told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(LinewatchError, ImportError):
    """A named plug-in is missing, broken or there twice."""


class StoreError(LinewatchError, OSError):
    """A store cannot be opened, is of a newer version, foreign, full or damaged."""


class DeliveryError(LinewatchError, OSError):
    """A notifier cannot reach the other side now; what it was given is told again."""


class ChainError(LinewatchError, ValueError):
    """The chain of records does not verify; the message names the first broken entry."""
