"""Which settings hold where and when: a section's own, and the rules of the hour."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from linewatch.incident.desk import TimedRule
from linewatch.incident.policy import IncidentSettings
from linewatch.site.local_time import LocalTime
from linewatch.site.model import Site

_MINUTE_NS = 60_000_000_000
_DAY_MINUTES = 1440


class Hours:
    """Looks up settings by section and time of day."""

    def __init__(
        self,
        site: Site,
        settings: IncidentSettings,
        by_section: Mapping[str, IncidentSettings],
        rules: Sequence[TimedRule],
    ) -> None:
        self._default = settings
        self._by_section = by_section
        self._rules = tuple(rules)
        self._local = LocalTime(site.timezone)
        self._made: dict[tuple[str, tuple[int, ...]], IncidentSettings] = {}

    def settings_at(self, line: str, section: str, time_ns: int) -> IncidentSettings:
        """The settings of a section at a time."""
        key = f"{line}/{section}"
        base = self._by_section.get(key, self._default)
        if not self._rules:
            return base
        minute = self._minute(time_ns)
        holding = tuple(
            number
            for number, rule in enumerate(self._rules)
            if (not rule.sections or key in rule.sections) and rule.holds_at(minute)
        )
        if (key, holding) not in self._made:
            for number in holding:
                base = msgspec.structs.replace(base, **self._rules[number].changes())
            self._made[key, holding] = base
        return self._made[key, holding]

    def _minute(self, time_ns: int) -> int:
        """Minute of the local day, 0 to 1439."""
        wall_ns = int(self._local.wall_ns(np.array([time_ns], dtype=np.int64))[0])
        return wall_ns // _MINUTE_NS % _DAY_MINUTES
