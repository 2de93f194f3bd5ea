"""What is installed: sources, detectors and notifiers, each with its card."""

import argparse

import msgspec

from linewatch.errors import PluginError
from linewatch.plugins import Card, Found, installed, load


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("name", nargs="?", help="only this plug-in")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when one of them does not load."""
    rows = [_row(found) for found in installed() if args.name in (None, found.name)]
    if args.json:
        print(msgspec.json.encode(rows).decode())
    else:
        for row in rows:
            _print(row)
        if not rows:
            print("no plug-in" + (f" named {args.name!r}" if args.name else ""))
    return 1 if any("error" in row for row in rows) else 0


def _row(found: Found) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(found)
    try:
        card: Card = load(found.group, found.name).card
        row["card"] = msgspec.to_builtins(card)
    except PluginError as error:
        row["error"] = str(error)
    return row


def _print(row: dict[str, object]) -> None:
    print(f"{row['group']}: {row['name']}  ({row['distribution']} {row['version']})")
    if "error" in row:
        print(f"    does not load: {row['error']}")
        return
    card = row["card"]
    assert isinstance(card, dict)
    print(f"    {card['title']}  [{card['level']}; {card['licence']}]")
    for name, figure in card["measured"].items():
        print(f"    measured {name}: {figure}")
    for limit in card["limits"]:
        print(f"    limit: {limit}")
