"""Narrow shapes through which the console meets whoever tries other settings on the past; `app` fills them."""

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

DECIDING: Final = ("track", "incident", "desk", "health")
"""Steps that begin at detections: all of their settings can be tried on the record."""
BY_SECTION: Final = ("track", "incident")
"""Of these, those that a section may have for itself."""
DETECTING: Final = ("masks", "min_excess_db")
"""Settings of `vibration` that can be tried on detections, for the site or for a section."""
LONGEST_S: Final = 6 * 3600.0
"""Longest period that is compared at once."""


class ComparedIncident(msgspec.Struct, frozen=True):
    """An incident as it was, or would have been, when it was raised and after."""

    id: str
    """Names it; the same under both settings where it rose at the same tick from the same detection."""
    kind: str
    """What it is."""
    priority: int
    """1 to 5."""
    line: str
    """Line it lies on."""
    section: str
    """Section that owned it."""
    place: str
    """Nearest place."""
    chainage_m: float
    """Best estimate of where."""
    from_m: float
    """Start of its stretch."""
    to_m: float
    """End of its stretch."""
    raised_ms: int
    """When it was raised."""
    reason: str
    """Why, in words."""
    assessment: str
    """What a person judged it to be."""
    count_low: int
    """Fewest persons or movers."""
    count_high: int
    """Most persons or movers."""


class ComparedPair(msgspec.Struct, frozen=True):
    """The same incident under both."""

    before: ComparedIncident
    """Under the settings of the watch."""
    after: ComparedIncident
    """Under the others."""
    later_s: float
    """By how much the other settings raised it later; negative for earlier."""


class SettingChanged(msgspec.Struct, frozen=True):
    """One setting that is not the same."""

    name: str
    """`step.key`, or `sections.LINE/SECTION.step.key`."""
    before: Any
    """As the watch has it; null where it has none of its own there."""
    after: Any
    """As it was tried."""


class SettingsCompared(msgspec.Struct, frozen=True):
    """A period decided twice from the same inputs: under the settings of the watch then, and under others."""

    from_ms: int
    """Start of the period."""
    to_ms: int
    """End of it."""
    begun_ms: int
    """Where both began, knowing nothing of what was before."""
    settings_before: str
    """Id of the settings of the watch."""
    settings_after: str
    """Id of the others."""
    changed: tuple[SettingChanged, ...]
    """What differs."""
    raised_before: int
    """Incidents raised in the period under the settings of the watch."""
    raised_after: int
    """The same under the others."""
    by_priority_before: tuple[int, int, int, int, int]
    """`raised_before` by priority, 1 first."""
    by_priority_after: tuple[int, int, int, int, int]
    """`raised_after` by priority, 1 first."""
    both: tuple[ComparedPair, ...]
    """Incidents under both, matched by id, else by time and place."""
    only_before: tuple[ComparedIncident, ...]
    """Those that the other settings would not have raised."""
    only_after: tuple[ComparedIncident, ...]
    """Those that they would have raised besides."""
    later_s: float
    """Mean of `later_s` over `both`; 0 where there is none."""
    priorities_changed: int
    """How many of `both` would have had another priority."""


class TriedSetting(msgspec.Struct, frozen=True):
    """A setting that can be tried on what the record has kept."""

    name: str
    """`step.key`."""
    value: Any
    """As it was for the whole site."""
    by_section: bool
    """Whether a section may have one of its own."""


class ComparisonRun(msgspec.Struct, frozen=True):
    """A comparison under way or done."""

    id: str
    """Names it."""
    state: Literal["running", "done", "failed", "cancelled"]
    """Where it is."""
    progress: float
    """Share of the period that is decided, 0 to 1."""
    why: str
    """Why it failed; empty otherwise."""
    result: SettingsCompared | None
    """What it found, once it is done."""


class Comparisons(Protocol):
    """Tries other settings on a past period, one at a time, in a process of its own that never slows the watch."""

    def offered(self) -> Sequence[TriedSetting]:
        """What can be tried, with the values of the last run. Raises `StoreError`."""
        ...

    def begin(
        self,
        from_ms: int,
        to_ms: int,
        settings: dict[str, dict[str, Any]],
        sections: dict[str, dict[str, dict[str, Any]]],
    ) -> str | None:
        """Begin one; its name, or None while another is under way."""
        ...

    def look(self, run: str) -> ComparisonRun | None:
        """How it stands; None for one that is not known (any more)."""
        ...

    def cancel(self, run: str) -> bool:
        """End one; False where it is not under way."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...
