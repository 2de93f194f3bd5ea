"""Everything that can be known to be wrong with a site before it runs: its own files, settings and plug-ins."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linewatch.app.settings import checked_settings
from linewatch.errors import Problem
from linewatch.plugins import GROUPS, installed
from linewatch.site.load import REFERENCE, SITE_FILE, SiteCheck, check_site


def check(path: str) -> SiteCheck:
    """The site, where nothing is wrong with it, and every problem found."""
    known: dict[str, set[str]] = {
        group: {found.name for found in installed() if found.group == group} for group in GROUPS
    }
    checked = check_site(path, known)
    problems = (*checked.problems, *_settings(path))
    return SiteCheck(None if problems else checked.site, problems)


def _settings(path: str) -> list[Problem]:
    """What is wrong with the settings; read from the file, so that it is told even where the site is no site yet."""
    file = Path(path) / SITE_FILE if Path(path).is_dir() else Path(path)
    if path == REFERENCE or not file.is_file():
        return []
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return []  # told by the site's own check
    tables: list[tuple[str, Any]] = [("settings", document.get("settings", {}))]
    sections = document.get("section", [])
    for index, section in enumerate(sections if isinstance(sections, list) else []):
        if isinstance(section, Mapping):
            tables.append((f"section[{index}].settings", section.get("settings", {})))
    return [
        problem
        for where, table in tables
        if isinstance(table, Mapping)
        for problem in checked_settings(table, file.name, where)[1]
    ]
