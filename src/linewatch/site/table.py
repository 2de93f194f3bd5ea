"""Tables as people keep them: CSV files with a header line, read row by row with the line number of each."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from linewatch.site.problems import Fields, Findings, Header, read_text, shown


def read_rows(findings: Findings, path: Path, file: str, what: str, needed: Sequence[str]) -> Iterator[Fields]:
    """The rows of a CSV file as `Fields`, keys told as `file:line: column`; cells left empty count as not there.

    A file that cannot be read, a broken header and one without the columns `needed` are problems and give no row; a row
    of the wrong length is one, and the others go on.
    """
    text = read_text(findings, path, file, what)
    if text is None:
        return
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: Header | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{file}:{rows.line_num}"
            if header is None:
                header = Header(where, tuple(cell.strip() for cell in cells))
                if not _is_good(findings, header, needed):
                    return
            elif len(cells) > len(header.columns):
                findings.add(where, "row", f"{len(cells)} cells", f"{len(header.columns)}, as in the header")
            else:
                pairs = zip(header.columns, cells, strict=False)
                values = {name: cell.strip() for name, cell in pairs if cell.strip()}
                yield Fields(findings, where, "", values, header)
    except csv.Error as error:
        findings.add(f"{file}:{rows.line_num}", "row", str(error), 'comma-separated values, quoted by "')
    if header is None:
        findings.add(file, "header", "an empty file", what)


def _is_good(findings: Findings, header: Header, needed: Sequence[str]) -> bool:
    """Whether the header can be read by; what is wrong with it is noted."""
    names = header.columns
    apart = next((mark for mark in (";", "\t") if mark in names[0]), None)
    if len(names) == 1 and apart:
        findings.add(header.file, "header", f"columns apart by {shown(apart)}", 'columns apart by ","')
        return False
    bad = [name for name in names if names.count(name) > 1 or not name]
    if bad:
        found = f"the column {shown(bad[0])} {names.count(bad[0])} times" if bad[0] else "a column without a name"
        findings.add(header.file, "header", found, "columns with names, each once")
    for name in needed:
        if name not in names:
            findings.add(header.file, name, "no such column", f"the columns {', '.join(needed)}, and others")
    return not bad and set(needed) <= set(names)
