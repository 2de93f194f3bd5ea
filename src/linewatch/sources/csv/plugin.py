"""The entry point `csv`: a file that another program writes on, as a source of a site."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.plugins import Card
from linewatch.site.model import Site
from linewatch.sources.csv.source import CsvSource, Wanted
from linewatch.sources.http.rows import PositionRow, WeatherRow


class CsvSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "csv"`."""

    file: str
    """The file; it may come later."""
    holds: Literal["positions", "weather"]
    """What its rows are."""
    movers: tuple[str, ...] = ()
    """Call signs that rows may speak of; other rows are refused."""
    proved: tuple[str, ...] = ()
    """Those of them that count as proved: your word for it that nobody else can write the file."""
    columns: Mapping[str, str] = {}
    """Field -> name of its column, where that is another one."""
    delimiter: str = ","
    """What stands between columns."""
    start: Literal["end", "beginning"] = "end"
    """Where a file is read from that was not followed before."""
    name: str = ""
    """Names the source; without it `csv:` and the name of the file."""
    lateness_s: float = 0.25
    """How long rows wait for order, 0 to 0.5."""
    oldest_s: float = 3600.0
    """Rows stamped longer before they are read than this are refused."""


card: Final = Card(
    title="CSV: positions of own people, or the weather, from a file that another program writes on",
    level="known mover, weather, health",
    licence="Apache-2.0",
    docs="docs/source-csv.md",
    limits=(
        "A row counts once its line has ended; a line above 4,096 bytes is refused.",
        "Whoever can write the file can say anything that its rows may say.",
    ),
)
settings_type: Final = CsvSettings


def build(site: Site, settings: CsvSettings, folder: Path) -> CsvSource:
    """The source. Raises `SiteError`."""
    where = "source 'csv'"
    problems = []
    rows: type[PositionRow | WeatherRow] = PositionRow if settings.holds == "positions" else WeatherRow
    fields = sorted(rows.__struct_fields__)
    if settings.holds == "positions" and not settings.movers:
        problems.append(Problem("site.toml", f"{where} movers", "none", "call signs that rows may speak of"))
    problems += [
        Problem("site.toml", f"{where} proved", repr(name[:60]), "call signs that stand in movers")
        for name in settings.proved
        if name not in settings.movers
    ]
    problems += [
        Problem("site.toml", f"{where} columns", repr(field[:60]), f"one of {', '.join(fields)}")
        for field in settings.columns
        if field not in fields
    ]
    if len(settings.delimiter) != 1 or (not settings.delimiter.isprintable() and settings.delimiter != "\t"):
        problems.append(Problem("site.toml", f"{where} delimiter", repr(settings.delimiter[:10]), "one character"))
    problems += [
        Problem("site.toml", f"{where} {key}", f"{getattr(settings, key):g}", f"{low:g} to {most:g} s")
        for key, low, most in (("lateness_s", 0.0, 0.5), ("oldest_s", 1.0, 31_622_400.0))
        if not low <= getattr(settings, key) <= most
    ]
    if not settings.file or (folder / settings.file).is_dir():
        problems.append(Problem("site.toml", f"{where} file", repr(settings.file[:60]), "the name of a file"))
    if problems:
        raise SiteError(problems)
    wanted = Wanted(rows, settings.columns, settings.delimiter, frozenset(settings.movers), frozenset(settings.proved))
    return CsvSource(
        site,
        settings.name or f"csv:{Path(settings.file).name}",
        folder / settings.file,
        wanted,
        lateness_s=settings.lateness_s,
        oldest_s=settings.oldest_s,
        from_beginning=settings.start == "beginning",
    )
