"""Which settings a store ran under and when, who brought them, what each changed; and how to go back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from linewatch.errors import InputError
from linewatch.store.description import description_at
from linewatch.store.notes import Note, decode_identity, decode_note
from linewatch.store.reader import StoreReader, open_store


class Spell(msgspec.Struct, frozen=True):
    """A time under one set of settings."""

    settings_id: str
    """Their id."""
    wall_ns: int
    """When they came into force, on the clock of the machine."""
    who: str
    """Login that brought them; empty where it was erased or is not known."""
    changed: dict[str, tuple[Any, Any]]
    """What differs from the spell before: `step.key` to the value before and after. All of the first are left out."""
    settings: dict[str, Any]
    """All of them."""


def history_of(folder: Path) -> tuple[Spell, ...]:
    """All spells of a store, the first one first. Raises `StoreError`."""
    with open_store(folder) as reader:
        noted = _notes(reader)
        out: list[Spell] = []
        for entry in reader.entries(kinds=("open",)):
            assert entry.payload is not None  # these are never erased
            identity = decode_identity(entry.payload)
            found = description_at(reader, entry.seq, identity.settings_id)
            if found.settings is None:
                continue
            wall_ns, who = noted.get(entry.seq + 2, (0, ""))
            before = flat(out[-1].settings) if out else flat(found.settings)
            out.append(
                Spell(identity.settings_id, wall_ns, who, differing(before, flat(found.settings)), found.settings)
            )
    return tuple(out)


def roll_back(folder: Path, settings_id: str) -> str:
    """The settings of a spell as TOML, to be put in a site's file. Raises `InputError` where there was none such."""
    spells = {spell.settings_id: spell for spell in history_of(folder)}
    if settings_id not in spells:
        raise InputError(f"--roll-back: found {settings_id!r}; allowed: {', '.join(spells) or 'none is known'}")
    spell = spells[settings_id]
    lines = [f"# Settings {settings_id}, in force from {moment(spell.wall_ns)}."]
    for step, table in spell.settings.items():
        if step == "sections":
            for place, own in table.items():
                lines.append(f"# Section {place} had its own settings; put them under its [[section]]:")
                lines += [f"#   {name} = {_toml(value)}" for name, value in flat(own).items()]
            continue
        lines.append(f"\n[settings.{step}]")
        lines += [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by `step.key`."""
    out: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        out |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return out


def differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not the same in both; None where there was, or is, nothing."""
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def moment(wall_ns: int) -> str:
    """A time in UTC."""
    return f"{datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _notes(reader: StoreReader) -> dict[int, tuple[int, str]]:
    """Wall time and login by the record entry that a note of settings speaks of."""
    out: dict[int, tuple[int, str]] = {}
    for audit in reader.audits():
        if audit.entry.kind != "settings":
            continue
        note = None if audit.entry.payload is None else decode_note(audit.entry.payload)
        if isinstance(note, Note) and note.about is not None:
            out[note.about] = (audit.wall_ns, note.who)
    return out


def _toml(value: Any) -> str:
    """A value in TOML; JSON writes texts, numbers, lists and truths the same way, tables inline otherwise."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return msgspec.json.encode(value).decode()
