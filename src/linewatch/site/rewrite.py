"""New words for the files of a site, with everything that people wrote beside what changes left as it is.

Only the table of a sensor that moves is written anew, or its row where sensors stand in a CSV file; new sensors stand
at the end of the file. What comes out is read again before anybody uses it: it must mean what was asked, and no more.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from linewatch.errors import InputError, SiteError
from linewatch.site.load import check_site, load_site
from linewatch.site.model import Site, SourceSpec
from linewatch.site.placing import Placement, placed
from linewatch.site.problems import shown

Texts = Mapping[Path, str]
"""Whole texts of files."""

_HEADING: Final = re.compile(
    r"""^[ \t]*\[(\[)?[ \t]*((?:[\w.-]|"[^"\n]*"|'[^'\n]*'|[ \t])+?)[ \t]*\]\]?[ \t\r]*(?:\#.*)?$"""
)
_ONLY_WORDS: Final = re.compile(r"[ \t]*(#.*)?")
_BY_NAME: Final = ("mqtt",)
"""Sources which, without a table of addresses, take a device for the sensor of its own name."""


class _Block(NamedTuple):
    """The lines of one table, from its heading to that of the next."""

    name: str
    start: int
    stop: int


def rewritten(file: Path, placements: Sequence[Placement], source_numbers: Mapping[str, int]) -> Texts:
    """New texts of those files of the site at `file` that change; `source_numbers` says which `[[source]]` has a name.

    Raises `InputError` where a file cannot be changed by these means, or what comes out is not what was asked for.
    """
    before = load_site(file)
    aim = placed(before, placements)
    texts = {file: text_of(file)}
    for placement in placements:
        if placement.kind is None:
            _place(texts, file, placement)
    for placement in placements:
        if placement.kind is not None:
            if placement.source:
                texts[file] = _heard(texts[file], file, placement, source_numbers, before)
            texts[file] = _with_sensor(texts[file], placement)
    changed = {path: text for path, text in texts.items() if text != text_of(path)}
    checked = check_site(file, instead=changed)
    if checked.site is None:
        raise SiteError(checked.problems)
    sources = _sources(before, placements, source_numbers)
    aim = msgspec.structs.replace(aim, sources=sources)
    if checked.site != aim:
        raise InputError(f"{file.name}: found a way of writing that cannot be changed here; allowed: by hand")
    return changed


def text_of(path: Path) -> str:
    """The text of a file, with the ends of its lines and its byte order mark as they are. Raises `InputError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); allowed: a file of UTF-8 text") from None


def _sources(site: Site, placements: Sequence[Placement], source_numbers: Mapping[str, int]) -> tuple[SourceSpec, ...]:
    """The sources as they must be afterwards."""
    sources = list(site.sources)
    for placement in placements:
        number = source_numbers.get(placement.source) if placement.source else None
        if number is not None and "sensors" in sources[number].settings:
            settings = dict(sources[number].settings)
            settings["sensors"] = {**settings["sensors"], placement.address: placement.sensor}
            sources[number] = msgspec.structs.replace(sources[number], settings=settings)
    return tuple(sources)


# --- in TOML ----------------------------------------------------------------------------------------------------------


def _blocks(lines: Sequence[str]) -> list[_Block]:
    heads = [(number, found[2]) for number, line in enumerate(lines) if (found := _HEADING.match(line))]
    stops = [number for number, _ in heads[1:]] + [len(lines)]
    return [
        _Block(re.sub(r"""[\s"']""", "", name), start, stop) for (start, name), stop in zip(heads, stops, strict=True)
    ]


def _place(texts: dict[Path, str], file: Path, placement: Placement) -> None:
    """Move a sensor where it is written: in the site's file, or in one of its tables."""
    lines = _lines(texts[file])
    for block in _blocks(lines):
        if block.name == "sensor" and _parsed(lines, block, file).get("sensor", [{}])[0].get("id") == placement.sensor:
            texts[file] = _edited(lines, block, file, placement.numbers())
            return
    for path in _tables(texts[file], file):
        texts.setdefault(path, text_of(path))
        text = _with_row(texts[path], placement)
        if text is not None:
            texts[path] = text
            return
    raise InputError(f"{file.name}: sensor {placement.sensor!r}: found in no table of it; allowed: to place it by hand")


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends, as TOML and CSV count them."""
    return io.StringIO(text, newline="").readlines()


def _parsed(lines: Sequence[str], block: _Block, file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse("".join(lines[block.start : block.stop]))
    except (TOMLKitError, ValueError) as error:
        raise InputError(f"{file.name}:{block.start + 1}: found what cannot be read alone ({error})") from None


def _edited(lines: list[str], block: _Block, file: Path, numbers: Mapping[str, float]) -> str:
    """The text with these values in one table of `[[sensor]]`."""
    block = _without_tail(lines, block)
    document = _parsed(lines, block, file)
    tables: Any = document["sensor"]
    for name, value in numbers.items():
        tables[0][name] = value
    return _put(lines, block, tomlkit.dumps(document))


def _without_tail(lines: Sequence[str], block: _Block) -> _Block:
    """A table without the empty lines and remarks at its end: they speak of what comes after it."""
    stop = block.stop
    while stop > block.start + 1 and _ONLY_WORDS.fullmatch(lines[stop - 1].rstrip("\r\n")):
        stop -= 1
    return block._replace(stop=stop)


def _put(lines: Sequence[str], block: _Block, text: str) -> str:
    text += "" if text.endswith("\n") or block.stop == len(lines) else "\n"
    return "".join([*lines[: block.start], text, *lines[block.stop :]])


def _heard(text: str, file: Path, placement: Placement, numbers: Mapping[str, int], site: Site) -> str:
    """The text with an address of a source standing for a new sensor."""
    number = numbers.get(placement.source)
    if number is None:
        raise InputError(f"source: found {placement.source!r}; allowed: a source of the site")
    spec = site.sources[number]
    if "sensors" not in spec.settings:
        if spec.plugin in _BY_NAME and placement.address == placement.sensor:
            return text
        raise InputError(
            f"{placement.sensor}: found another id than the address {shown(placement.address)}; allowed: the same, as "
            f"{placement.source} has no table of addresses"
        )
    if not isinstance(spec.settings["sensors"], Mapping):
        raise InputError(f"source: found {placement.source!r}, which has no table of addresses; allowed: one that has")
    if placement.address in spec.settings["sensors"]:
        raise InputError(f"address: found {shown(placement.address)}, which stands for a sensor; allowed: a new one")
    lines = _lines(text)
    blocks = _blocks(lines)
    mine = [place for place, block in enumerate(blocks) if block.name == "source"]
    place = mine[number] if number < len(mine) else len(blocks)
    for block in blocks[place : mine[number + 1] if number + 1 < len(mine) else len(blocks)]:
        if block.name not in ("source", "source.sensors"):
            continue
        block = _without_tail(lines, block)  # noqa: PLW2901
        document = _parsed(lines, block, file)
        source: Any = document["source"]
        table = source[0] if block.name == "source" else source
        if "sensors" in table:
            table["sensors"][placement.address] = placement.sensor
            return _put(lines, block, tomlkit.dumps(document))
    raise InputError(f"{file.name}: source {placement.source!r}: found no table of addresses that can be changed here")


def _with_sensor(text: str, placement: Placement) -> str:
    """The text with a new sensor at its end."""
    new = "\r\n" if "\r\n" in text else "\n"
    words = {"id": placement.sensor, "kind": placement.kind, "line": placement.line}
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in words.items() if value]
    rows += [f"{key} = {value!r}" for key, value in placement.numbers().items()]
    return text.rstrip() + new + new + new.join(["[[sensor]]", *rows]) + new


# --- in tables of their own -------------------------------------------------------------------------------------------


def _tables(text: str, file: Path) -> list[Path]:
    """Files in which the site lists sensors."""
    document = tomlkit.parse(text).unwrap()
    holders = [document, document.get("site", {}), *document.get("line", []), *document.get("sensor", [])]
    return [file.parent / holder["sensors"] for holder in holders if isinstance(holder.get("sensors"), str)]


def _with_row(text: str, placement: Placement) -> str | None:
    """A CSV file with one sensor at another place; None where it does not have it. All other rows stay as written."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = _lines(text[len(mark) :])
    rows = csv.reader(io.StringIO("".join(lines), newline=""), strict=True)
    names: list[str] = []
    start = head = 0
    for cells in rows:
        here, start = start, rows.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names, head = [cell.strip() for cell in cells], here
            if "id" not in names:
                return None
        elif len(cells) > names.index("id") and cells[names.index("id")].strip() == placement.sensor:
            new = [name for name in placement.numbers() if name not in names]
            lines[here : rows.line_num] = [_row([*names, *new], cells, placement.numbers(), lines[rows.line_num - 1])]
            if new:
                lines[head] = lines[head].rstrip("\r\n") + "".join(f",{name}" for name in new) + _end(lines[head])
            return mark + "".join(lines)
    return None


def _row(names: Sequence[str], cells: Sequence[str], numbers: Mapping[str, float], last: str) -> str:
    filled = [*cells, *[""] * (len(names) - len(cells))]
    for name, value in numbers.items():
        filled[names.index(name)] = f"{value!r}"
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="").writerow(filled)
    return out.getvalue() + _end(last)


def _end(line: str) -> str:
    """How a line ends."""
    return line[len(line.rstrip("\r\n")) :]
