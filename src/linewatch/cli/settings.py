"""Which settings a store ran under: when, who brought them, what each change was; and the way back."""

import argparse
from pathlib import Path

import msgspec

from linewatch.app.settings_history import history_of, moment, roll_back


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("store", type=Path, help="folder of a store")
    parser.add_argument("--roll-back", metavar="ID", help="print these settings as TOML, to put in site.toml")


def run(args: argparse.Namespace) -> int:
    """0 when it could be told."""
    if args.roll_back is not None:
        print(roll_back(args.store, args.roll_back), end="")
        return 0
    spells = history_of(args.store)
    if args.json:
        print(msgspec.json.encode(spells).decode())
        return 0
    for spell in spells:
        print(f"{moment(spell.wall_ns)}  {spell.settings_id}  by {spell.who or 'unknown'}")
        for name, (before, after) in spell.changed.items():
            print(f"    {name}: {before} -> {after}")
    if not spells:
        print("no settings are described in this store")
    return 0
