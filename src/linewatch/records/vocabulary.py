"""The closed vocabularies of Linewatch and the one table that derives an incident's kind.

What is moving (`Mover`) and what it does (`Act`) are kept apart; so are a person's judgement (`Assessment`)
and what became of the people (`Outcome`). The order of every tuple is part of the wire format: probabilities
are stored as arrays in this order, so new words are only ever appended.
"""

from typing import Final, Literal, get_args

Mover = Literal["person", "group", "vehicle", "animal", "train", "weather", "unknown"]
Act = Literal["none", "climb", "cut", "saw", "drill", "shake", "knock", "dig"]
Gait = Literal["walk", "run", "crawl"]
Concern = Literal["none", "distress", "blinded", "outage", "tamper", "seat"]
Intent = Literal["unknown", "approach", "withdraw", "along", "loiter", "crossing", "contact", "still"]
Kind = Literal[
    "distress",
    "blinded",
    "tamper",
    "outage",
    "seat",
    "barrier_contact",
    "crossing",
    "approach",
    "vehicle",
    "animal",
    "train",
    "known",
    "nuisance",
    "unknown",
]
Assessment = Literal["genuine", "nuisance", "known_activity", "exercise", "undetermined"]
Outcome = Literal[
    "crossed",
    "turned_back",
    "stopped",
    "left_unseen",
    "assisted",
    "handed_to_medics",
    "asked_for_protection",
    "nobody_found",
    "unknown",
]
Hazard = Literal["stones", "gas", "fire", "ice", "water"]
SensorKind = Literal[
    "fibre_das",
    "fibre_vibration",
    "geophone",
    "pir",
    "microwave",
    "radio_link",
    "radar",
    "camera",
    "contact",
]
SensorState = Literal["in_service", "commissioning", "out_of_service"]
Role = Literal["viewer", "operator", "supervisor", "maintainer", "auditor", "administrator"]
Level = Literal["block", "detection", "track", "incident"]

MOVERS: Final[tuple[Mover, ...]] = get_args(Mover)
ACTS: Final[tuple[Act, ...]] = get_args(Act)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SENSOR_KINDS: Final[tuple[SensorKind, ...]] = get_args(SensorKind)
SENSOR_STATES: Final[tuple[SensorState, ...]] = get_args(SensorState)

_CONCERN_KIND: Final[dict[Concern, Kind]] = {
    "distress": "distress",
    "blinded": "blinded",
    "tamper": "tamper",
    "outage": "outage",
    "seat": "seat",
}
_MOVER_KIND: Final[dict[Mover, Kind]] = {
    "vehicle": "vehicle",
    "animal": "animal",
    "train": "train",
    "weather": "nuisance",
}


def derive_kind(
    *,
    concern: Concern = "none",
    act: Act = "none",
    mover: Mover = "unknown",
    intent: Intent = "unknown",
    known: bool = False,
    assessment: Assessment = "undetermined",
) -> Kind:
    """The kind of an incident: the first that applies, in the order of `KINDS`.

    A concern goes before all else, barrier contact before movement, movement of people before other movers,
    and only then the reasons to take it less seriously (known activity, assessed nuisance).
    """
    people = mover in ("person", "group", "unknown")
    table: tuple[tuple[Kind, bool], ...] = (
        *((kind, concern == name) for name, kind in _CONCERN_KIND.items()),
        ("barrier_contact", act not in ("none", "dig") or intent == "contact"),
        ("crossing", people and (intent == "crossing" or act == "dig")),
        ("approach", people and not known and intent == "approach"),
        *((kind, mover == name) for name, kind in _MOVER_KIND.items() if kind != "nuisance"),
        ("known", known or assessment == "known_activity"),
        ("nuisance", mover == "weather" or assessment == "nuisance"),
        ("unknown", True),
    )
    return next(kind for kind, applies in table if applies)
