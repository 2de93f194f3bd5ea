"""Tables as people keep them: CSV files with a header line, read row by row with the line number of each."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from linewatch.site.problems import Fields, Findings, read_text


def read_rows(findings: Findings, path: Path, file: str, what: str) -> Iterator[Fields]:
    """The rows of a CSV file as `Fields`, keys told as `file:line: column`; cells left empty count as not there.

    A file that cannot be read, a broken header and a row of the wrong length are problems; other rows go on.
    """
    text = read_text(findings, path, file, what)
    if text is None:
        return
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{file}:{rows.line_num}"
            if header is None:
                header = _header(findings, where, cells)
                if header is None:
                    return
            elif len(cells) > len(header):
                findings.add(where, "row", f"{len(cells)} cells", f"{len(header)}, as in the header")
            else:
                values = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
                yield Fields(findings, where, "", values, cells=True)
    except csv.Error as error:
        findings.add(f"{file}:{rows.line_num}", "row", str(error), 'comma-separated values, quoted by "')
    if header is None:
        findings.add(file, "header", "an empty file", what)


def _header(findings: Findings, where: str, cells: list[str]) -> list[str] | None:
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        findings.add(
            where, "header", f"columns apart by {'tab' if '	' in names[0] else ';'!r}", "columns apart by ','"
        )
        return None
    twice = sorted({name for name in names if names.count(name) > 1 or not name})
    if twice:
        findings.add(
            where, "header", f"the column {twice[0]!r} {names.count(twice[0])} times", "columns of unlike names"
        )
        return None
    return names
