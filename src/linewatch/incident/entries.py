"""What people enter with a move: read from text, checked, and put into the incident."""

from typing import Final, Literal, get_args

import msgspec

from linewatch.records import Incident, OperatorAct
from linewatch.records.vocabulary import Assessment, Hazard, Outcome

PATROL_LONGEST: Final = 40
"""Longest call sign, in characters."""
_HAZARDS: Final[tuple[Hazard, ...]] = get_args(Hazard)


class Refusal(msgspec.Struct, frozen=True):
    """Why a move was not made."""

    reason: str
    """In words, naming what was asked and what is allowed."""


class Entries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a move, each as far as it was given."""

    assessment: Assessment | Literal[""] = ""
    """What a person judged it to be."""
    assessment_cause: str = ""
    """The cause, where it is a nuisance."""
    outcome: Outcome | Literal[""] = ""
    """What became of the people."""
    hazards: str | None = None
    """Dangers for those who go there, with commas between them; empty for none."""
    patrol: str = ""
    """Call sign of a patrol."""
    until_ns: int = 0
    """End of the time on the shelf."""
    into: str = ""
    """Incident that is to stand for this one."""
    members: Literal["", "with"] = ""
    """Whether the move is meant for all that stand behind this one as well."""


def entries_of(act: OperatorAct, needs: tuple[str, ...], takes: tuple[str, ...]) -> Entries | Refusal:
    """The values of an act, or why they do not do."""
    values = dict(act.values)
    allowed = (*needs, *takes)
    for name in sorted(values):
        if name not in allowed:
            return Refusal(f"{act.move}: found the value {name!r}; allowed: {', '.join(allowed) or 'none'}")
    for name in needs:
        if name not in values:
            return Refusal(f"{act.move} needs the value {name!r}")
    try:
        entries = msgspec.convert(values, Entries, strict=False)
    except msgspec.ValidationError as error:
        return Refusal(f"{act.move}: {error}")
    return _sound(act.move, entries)


def _sound(move: str, entries: Entries) -> Entries | Refusal:
    if move == "assess" and not entries.assessment:
        return Refusal(f"assess: assessment is empty; allowed: {', '.join(get_args(Assessment))}")
    if move == "outcome" and not entries.outcome:
        return Refusal(f"outcome is empty; allowed: {', '.join(get_args(Outcome))}")
    if entries.assessment == "nuisance" and not entries.assessment_cause.strip():
        return Refusal(f"{move} as nuisance needs assessment_cause: what caused it")
    if len(entries.patrol) > PATROL_LONGEST or not entries.patrol.isprintable():
        return Refusal(f"{move}: patrol is no call sign; allowed: at most {PATROL_LONGEST} printable characters")
    unknown = [name for name in hazards_of(entries.hazards or "") if name not in _HAZARDS]
    if unknown:
        return Refusal(f"{move}: found the hazard {unknown[0]!r}; allowed: {', '.join(_HAZARDS)}")
    return entries


def hazards_of(text: str) -> tuple[str, ...]:
    """Hazards from text with commas between them, each once, in the order of the vocabulary, unknown ones last."""
    named = {part.strip() for part in text.split(",") if part.strip()}
    return (*(h for h in _HAZARDS if h in named), *sorted(named - set(_HAZARDS)))


def enter(incident: Incident, entries: Entries) -> Incident:
    """The incident with what was entered about it."""
    changes: dict[str, object] = {}
    if entries.assessment:
        changes |= {"assessment": entries.assessment, "assessment_cause": entries.assessment_cause.strip()}
    if entries.outcome:
        changes["outcome"] = entries.outcome
    if entries.hazards is not None:
        changes["hazards"] = hazards_of(entries.hazards)
    return msgspec.structs.replace(incident, **changes) if changes else incident
