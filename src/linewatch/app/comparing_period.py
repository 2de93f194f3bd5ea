"""A past period decided twice from the same inputs: under the settings that the watch had then, and under others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.app.comparing import Pair, matched
from linewatch.app.other_settings import Changes, Unheard, applied
from linewatch.app.pipeline import Input, Pipeline, States
from linewatch.app.replay import stored_inputs
from linewatch.app.settings import Settings, settings_told
from linewatch.app.settings_history import differing, flat
from linewatch.comparison_ports import LONGEST_S, ComparedIncident, ComparedPair, SettingChanged, SettingsCompared
from linewatch.errors import InputError
from linewatch.records import Incident, Tick
from linewatch.site.model import Site
from linewatch.store.description import description_at
from linewatch.store.notes import OPEN, decode_identity
from linewatch.store.reader import StoreReader, open_store

LEAD_S: Final = 900.0
"""How long before the period both begin: the tracks and open incidents of then must be there by its start."""
_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_TELL_TICKS: Final = 40


class _Then(msgspec.Struct, frozen=True):
    """Under what the watch went on then."""

    site: Site
    settings: Settings
    settings_id: str
    first_seq: int
    """Where the inputs of that run begin."""


class _Deciding:
    """One pipeline and what it has raised."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self.pipeline = Pipeline(site, settings)
        self._states: States = self.pipeline.initial()
        self._raised: dict[str, Incident] = {}

    def decide(self, inputs: Sequence[Input], tick: Tick) -> None:
        self._states, out = self.pipeline.decide(self._states, inputs, tick)
        self._raised |= {record.id: record for record in out if isinstance(record, Incident)}

    def raised(self) -> list[Incident]:
        """What was raised and stands for itself, oldest first."""
        alone = (incident for incident in self._raised.values() if incident.merged_into is None)
        return sorted(alone, key=lambda incident: (incident.raised_ns, incident.id))


def compare_period(
    folder: Path, from_ns: int, to_ns: int, changes: Changes, progress: Callable[[float], None] = lambda _: None
) -> SettingsCompared:
    """Decide a period of a store twice and lay both side by side. `progress` is told the share that is done.

    Site and settings are those that the store described then. Raises `SiteError` naming every change that is wrong or
    could change nothing, `InputError` where the period cannot be compared.
    """
    if not 0 < to_ns - from_ns <= LONGEST_S * _NS_PER_S:
        raise InputError(
            f"period: found {(to_ns - from_ns) / _NS_PER_S:g} s; allowed: more than 0 and at most {LONGEST_S:g} s"
        )
    with open_store(folder) as reader:
        then = _then(reader, from_ns, to_ns)
        site, settings = applied(then.site, then.settings, changes)
        before, after = _Deciding(then.site, then.settings), _Deciding(site, settings)
        unheard = Unheard(then.site, then.settings, site, settings)
        begun_ns = _decide(reader, then, (from_ns, to_ns), before, after, unheard, progress)
    pairs, lost, gained = matched(before.raised(), after.raised())
    told = settings_told(then.settings, then.site), settings_told(settings, site)
    pairs = [pair for pair in pairs if any(from_ns <= each.raised_ns < to_ns for each in (pair.before, pair.after))]
    lost = [incident for incident in lost if from_ns <= incident.raised_ns < to_ns]
    gained = [incident for incident in gained if from_ns <= incident.raised_ns < to_ns]
    return _compared(
        (from_ns, to_ns, begun_ns),
        (then.settings_id, after.pipeline.settings_id),
        tuple(SettingChanged(name, *values) for name, values in differing(flat(told[0]), flat(told[1])).items()),
        pairs,
        lost,
        gained,
    )


def _decide(
    reader: StoreReader,
    then: _Then,
    period: tuple[int, int],
    before: _Deciding,
    after: _Deciding,
    unheard: Unheard,
    progress: Callable[[float], None],
) -> int:
    """Both through the period and what leads to it; where they began."""
    from_ns, to_ns = period
    period_ns = round(then.settings.tick.period_s * _NS_PER_S)
    seq = max(reader.seq_of_tick((from_ns - round(LEAD_S * _NS_PER_S)) // period_ns), then.first_seq)
    begun_ns: int | None = None
    for number, (tick, inputs) in enumerate(stored_inputs(reader, seq)):
        if tick.time_ns >= to_ns:
            break
        begun_ns = tick.time_ns if begun_ns is None else begun_ns
        before.decide(inputs, tick)
        after.decide(unheard.changed(inputs, tick), tick)
        if number % _TELL_TICKS == 0:
            progress((tick.time_ns - begun_ns) / max(to_ns - begun_ns, 1))
    if begun_ns is None:
        raise InputError("period: found nothing of it in the store; allowed: a period that was watched")
    return begun_ns


def _then(reader: StoreReader, from_ns: int, to_ns: int) -> _Then:
    """Under what the watch went on at the start of the period. Raises `InputError` where the site changed within it."""
    runs = [
        (entry.seq, entry.tick, decode_identity(entry.payload))
        for entry in reader.entries(kinds=(OPEN,))
        if entry.payload
    ]
    described = [
        (seq, tick, identity, description_at(reader, seq, identity.settings_id)) for seq, tick, identity in runs
    ]
    found = [each for each in described if each[3].site is not None and each[3].settings is not None]
    if not found:
        raise InputError("store: found no site and settings; allowed: a store that describes both")
    at = 0
    for number, (_, tick, _, each) in enumerate(found):
        assert each.settings is not None
        begun_ns = tick * round(each.settings["tick"]["period_s"] * _NS_PER_S)
        if begun_ns <= from_ns:
            at = number
        elif begun_ns < to_ns and each.site != found[at][3].site:
            raise InputError(
                "period: found the site described anew within it; allowed: a period in which the site stayed the same"
            )
    seq, _, identity, told = found[at]
    assert told.site is not None
    assert told.settings is not None
    try:
        settings = msgspec.convert({name: part for name, part in told.settings.items() if name != "sections"}, Settings)
    except msgspec.ValidationError as error:
        raise InputError(f"settings of the store: {error}; allowed: those of this version") from error
    return _Then(told.site, settings, identity.settings_id, seq)


def _compared(
    times_ns: tuple[int, int, int],
    ids: tuple[str, str],
    changed: tuple[SettingChanged, ...],
    pairs: Sequence[Pair],
    lost: Sequence[Incident],
    gained: Sequence[Incident],
) -> SettingsCompared:
    from_ns, to_ns, begun_ns = times_ns
    both = tuple(
        ComparedPair(
            _line_of(pair.before), _line_of(pair.after), (pair.after.raised_ns - pair.before.raised_ns) / _NS_PER_S
        )
        for pair in pairs
    )
    return SettingsCompared(
        from_ms=from_ns // _NS_PER_MS,
        to_ms=to_ns // _NS_PER_MS,
        begun_ms=begun_ns // _NS_PER_MS,
        settings_before=ids[0],
        settings_after=ids[1],
        changed=changed,
        raised_before=len(both) + len(lost),
        raised_after=len(both) + len(gained),
        by_priority_before=_by_priority([*(pair.before for pair in pairs), *lost]),
        by_priority_after=_by_priority([*(pair.after for pair in pairs), *gained]),
        both=both,
        only_before=tuple(map(_line_of, lost)),
        only_after=tuple(map(_line_of, gained)),
        later_s=sum(pair.later_s for pair in both) / len(both) if both else 0.0,
        priorities_changed=sum(pair.before.priority != pair.after.priority for pair in both),
    )


def _by_priority(incidents: Sequence[Incident]) -> tuple[int, int, int, int, int]:
    one, two, three, four, five = (sum(each.priority == n for each in incidents) for n in range(1, 6))
    return one, two, three, four, five


def _line_of(incident: Incident) -> ComparedIncident:
    values: dict[str, Any] = {
        name: getattr(incident, name) for name in ComparedIncident.__struct_fields__ if name != "raised_ms"
    }
    return ComparedIncident(**values, raised_ms=incident.raised_ns // _NS_PER_MS)
