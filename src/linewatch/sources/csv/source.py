"""Rows of a followed CSV file: what each becomes, and which of them count as proved."""

import csv
import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError
from linewatch.ports import Delivery, Heard, Item, SourceStatus
from linewatch.records import KnownMover
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrivals, Arrived, items_of
from linewatch.sources.csv._following import MOST_LINE, Following
from linewatch.sources.http.rows import PositionRow, Rights, WeatherRow, item_of

_GRAIN_NS: Final = 1_000


class Wanted(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: type[PositionRow] | type[WeatherRow]
    """What each row is."""
    columns: Mapping[str, str]
    """Field -> name of its column, where that is another one."""
    delimiter: str
    """What stands between columns."""
    movers: frozenset[str]
    """Call signs that rows may speak of."""
    proved: frozenset[str]
    """Those of them that count as proved, since nobody else can write the file."""


class CsvSource:
    """Satisfies `ports.LiveSource`. Looks at its file whenever it is polled."""

    delivery: Delivery = "acknowledged"
    sensors: tuple[str, ...] = ()

    def __init__(
        self,
        site: Site,
        name: str,
        path: Path,
        wanted: Wanted,
        *,
        lateness_s: float = 0.25,
        oldest_s: float = 3600.0,
        from_beginning: bool = False,
    ) -> None:
        self.name = name
        self.lateness_s = lateness_s
        self._site = site
        self._wanted = wanted
        self._oldest_s = oldest_s
        self._from_beginning = from_beginning
        self._file = Following(path)
        self._names: list[str] = []
        self._arrivals = Arrivals(name, site)
        self._trouble = ""
        self._told: dict[str, str] = {}
        self._open_to_all = False

    # --- for the watch --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """What stands in the file is old news, unless it was followed before or is to be read from its beginning."""
        if not self._from_beginning and not self._file.inode:
            self._file.to_end()

    def poll(self, until_ns: int) -> list[Item]:
        """What was written since the last poll, as of this time."""
        received_ns = until_ns - _GRAIN_NS
        grown = self._file.look(self._wrong_head)
        if grown.trouble and grown.trouble != self._trouble:
            self._arrivals.trouble("", "unreadable", "degraded", f"{self._file.path.name} {grown.trouble}")
        self._trouble = grown.trouble
        self._look_at_rights()
        self._told = {}
        for line in grown.lines:
            items, why_not = self._items(line, received_ns)
            self._arrivals.put(Arrived(received_ns, items))
            self._arrivals.shown(received_ns, self._file.path.name, line, items, why_not)
        return [*items_of(self._arrivals.take(until_ns)), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """How far the file is read."""
        return json.dumps({"inode": self._file.inode, "offset": self._file.offset})

    def seek(self, position: str) -> None:
        """Go on from there. Raises `InputError` where this is no position of such a source."""
        try:
            said = json.loads(position)
            inode, offset = said["inode"], said["offset"]
        except (ValueError, KeyError, TypeError):
            inode = offset = None
        if not (type(inode) is int and type(offset) is int and inode >= 0 and offset >= 0):
            raise InputError(f"{self.name}: position: found {position[:80]!r}; allowed: one of its own")
        self._file = Following(self._file.path)
        self._file.inode, self._file.offset = inode, offset

    def committed(self, position: str) -> None:
        """The file keeps what it holds."""

    def listen(self, listener: Callable[[Heard], None]) -> None:
        """Show every row to somebody."""
        self._arrivals.listener = listener

    def status(self) -> SourceStatus:
        """How it is doing."""
        reason = f"{self._file.path.name} {self._trouble}" if self._trouble else "nothing has been read yet"
        return self._arrivals.status(up=not self._trouble and bool(self._file.inode), reason=reason)

    def close(self) -> None:
        """Nothing is held."""

    # --- rows -----------------------------------------------------------------------------------------------------

    def _wrong_head(self, head: bytes) -> str:
        """Take over the names of the columns; what is wrong with them, where anything is."""
        wanted = self._wanted
        text = head.decode("utf-8-sig", errors="replace")
        try:
            columns = next(csv.reader([text], delimiter=wanted.delimiter), [])
        except csv.Error as error:
            return f"has no first line that names columns ({error})"
        fields = {column: field for field, column in wanted.columns.items()}
        self._names = [fields.get(name.strip(), name.strip()) for name in columns]
        needed = ["time", "mover"] if wanted.rows is PositionRow else ["time"]
        missing = [wanted.columns.get(name, name) for name in needed if name not in self._names]
        missing += [name for field, name in wanted.columns.items() if field not in self._names and name not in missing]
        if missing:
            return f"has no column {missing[0]!r} (its first line: {text[:80]!r})"
        return ""

    def _items(self, line: bytes, received_ns: int) -> tuple[tuple[Item, ...], str]:
        """What a row becomes, and why it becomes nothing."""
        try:
            item = self._item(line, received_ns)
        except (msgspec.ValidationError, InputError, csv.Error) as error:
            why_not = str(error)
            # Of many rows with the same fault the first is told, with their number.
            told = self._told.setdefault(why_not.partition(":")[0][:60], why_not.partition("; allowed")[0][:120])
            self._arrivals.trouble("", "refused", "note", told)
            return (), why_not
        return (item,), ""

    def _item(self, line: bytes, received_ns: int) -> Item:
        if len(line) > MOST_LINE:
            raise InputError(f"row: found {len(line)} bytes; allowed: at most {MOST_LINE}")
        wanted = self._wanted
        cells = next(csv.reader([line.decode("utf-8", errors="replace")], delimiter=wanted.delimiter, strict=True), [])
        known = wanted.rows.__struct_fields__
        values = {name: cell.strip() for name, cell in zip(self._names, cells, strict=False) if name in known}
        row = msgspec.convert(_spelt({key: value for key, value in values.items() if value}), wanted.rows, strict=False)
        if row.time is None:
            raise InputError("time: found nothing; allowed: ISO 8601 with its zone, or seconds since 1970")
        rights = Rights(self.name, frozenset(), wanted.movers, weather=True)
        item = item_of(row, rights, self._site, received_ns, self._oldest_s)
        if isinstance(item, KnownMover):
            proved = item.id in wanted.proved and not self._open_to_all
            return msgspec.structs.replace(item, authenticated=proved)
        return item

    def _look_at_rights(self) -> None:
        """A file that everybody may write proves nothing."""
        if not self._wanted.proved:
            return
        try:
            open_to_all = bool(self._file.path.stat().st_mode & stat.S_IWOTH)
        except OSError:
            return
        if open_to_all and not self._open_to_all:
            text = f"{self._file.path.name} can be written by everybody: its rows prove nothing"
            self._arrivals.trouble("", "refused", "degraded", text)
        self._open_to_all = open_to_all


def _spelt(values: Mapping[str, str]) -> dict[str, str | float]:
    """Cells as the row's fields are written: a number as time is seconds since 1970."""
    out: dict[str, str | float] = dict(values)
    time = values.get("time", "")
    if time.replace(".", "", 1).isdecimal():
        out["time"] = float(time)
    return out
