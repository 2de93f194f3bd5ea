"""Sensors that a person places or moves: whether it may be asked at all.

The act only goes into the record here. Whoever runs the watch writes the new version of the site, once the act is
committed, and takes it up between two ticks; a replay of the record writes nothing.
"""

from typing import Final

import msgspec

from linewatch.errors import InputError
from linewatch.records import OperatorAct
from linewatch.site.model import Site
from linewatch.site.placing import Placement, placed

PLACE: Final = "place_sensors"
"""Values `placements` (JSON) and `base` (fingerprint of the site that was looked at)."""
UNDO: Final = "undo_placing"
"""Value `version`: number of the version that is taken back."""
MOVES: Final = (PLACE, UNDO)
ROLES: Final = ("administrator", "maintainer")
"""Roles that may do so."""
_VALUES: Final = {PLACE: ("base", "placements"), UNDO: ("version",)}
_placements: Final = msgspec.json.Decoder(tuple[Placement, ...]).decode


def problem_with(site: Site, act: OperatorAct) -> str:
    """Why such an act is refused, in words; empty where it may be made."""
    values = dict(act.values)
    if act.role not in ROLES:
        return f"{act.move} is not for the role {act.role!r}; it is for {', '.join(ROLES)}"
    if not act.reason.strip():
        return f"{act.move} needs a reason in words"
    if tuple(sorted(values)) != _VALUES[act.move]:
        return f"{act.move}: found the values {', '.join(sorted(values)) or 'none'}; allowed: {_VALUES[act.move]}"
    if act.move == UNDO:
        good = values["version"].isdecimal() and len(values["version"]) < 9
        return "" if good else f"{act.move}: version: found {values['version'][:20]!r}; allowed: a whole number"
    try:
        placed(site, placements_of(act))
    except InputError as error:
        return f"{act.move}: {error}"
    return ""


def placements_of(act: OperatorAct) -> tuple[Placement, ...]:
    """What is to be placed. Raises `InputError`."""
    try:
        return _placements(dict(act.values)["placements"])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"placements: {error}") from None
