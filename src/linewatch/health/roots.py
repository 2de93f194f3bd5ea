"""What sensors that fall silent together have in common: a cabinet, a feed, a switch."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import msgspec

from linewatch.site.model import Site

SHARED: Final = ("power", "cabinet", "network")
"""What sensors may hang on, in the order in which one is named where several explain the same silence."""
_NAMES: Final = {"power": "feed", "cabinet": "cabinet", "network": "switch"}


class Root(msgspec.Struct, frozen=True):
    """Something that several sensors hang on."""

    about: str
    """Kind and name: what an outage is kept under."""
    cause: str
    """The same in words: cabinet K3."""
    members: tuple[int, ...]
    """Numbers of the sensors that hang on it, in the order of the site."""
    also: tuple[str, ...] = ()
    """Other things that exactly the same sensors hang on, in words."""


def roots_of(site: Site) -> tuple[tuple[Root, ...], dict[int, list[int]]]:
    """Everything that two sensors or more hang on, and for each sensor which of these concern it."""
    members: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, sensor in enumerate(site.sensors):
        for kind in SHARED:
            name = getattr(sensor, kind)
            if name:
                members[kind, sensor.line, name].append(number)
    shared = {key: tuple(numbers) for key, numbers in members.items() if len(numbers) > 1}
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for (kind, _, name), numbers in shared.items():
        alike[numbers].append(f"{_NAMES[kind]} {name}")
    roots = tuple(
        Root(
            about=f"{kind}/{line}/{name}",
            cause=f"{_NAMES[kind]} {name}",
            members=numbers,
            also=tuple(words for words in alike[numbers] if words != f"{_NAMES[kind]} {name}"),
        )
        for (kind, line, name), numbers in shared.items()
    )
    of: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(roots):
        for number in root.members:
            of[number].append(index)
    return roots, of


def root_of_silence(
    roots: tuple[Root, ...], candidates: list[int], silent_since_ns: Mapping[int, int], heard: set[int], share: float
) -> tuple[Root, tuple[int, ...]] | None:
    """The one thing that explains most of a silence, with the sensors that it explains.

    Args:
        roots: as `roots_of` gives them.
        candidates: which of them are asked.
        silent_since_ns: numbers of the sensors that fell silent at about the same time.
        heard: numbers of all sensors that have ever been heard, silent or not.
        share: least share of a root's heard sensors that must be silent.

    Where two explain the same number of sensors, the one of fewer members does, then the one named first.
    """
    best: tuple[tuple[int, int, int], Root, tuple[int, ...]] | None = None
    for index in sorted(set(candidates)):
        root = roots[index]
        known = [number for number in root.members if number in heard]
        silent = tuple(number for number in known if number in silent_since_ns)
        if len(silent) < 2 or len(silent) < share * len(known):
            continue
        rank = (-len(silent), len(root.members), index)
        if best is None or rank < best[0]:
            best = (rank, root, silent)
    return None if best is None else best[1:]
