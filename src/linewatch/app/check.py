"""Everything that can be known to be wrong with a site before it runs: its own files, settings and plug-ins."""

from linewatch.app.settings import checked_settings
from linewatch.errors import Problem
from linewatch.plugins import Group, installed
from linewatch.site.load import check_site
from linewatch.site.model import Site


def check(path: str) -> tuple[Site | None, tuple[Problem, ...]]:
    """The site, where it can be read at all, and every problem found."""
    site, problems = check_site(path)
    if site is None:
        return None, problems
    return site, (*problems, *_settings(site), *_plugins(site))


def _settings(site: Site) -> list[Problem]:
    problems = list(checked_settings(site.settings, "site.toml", "settings")[1])
    for line in site.lines:
        for section in line.sections:
            where = f"section {section.name}.settings"
            problems += checked_settings(section.settings, "site.toml", where)[1]
    return problems


def _plugins(site: Site) -> list[Problem]:
    groups: tuple[tuple[Group, str, tuple[str, ...]], ...] = (
        ("sources", "source", tuple(spec.plugin for spec in site.sources)),
        ("notifiers", "notify", tuple(spec.plugin for spec in site.notifiers)),
    )
    problems = []
    for group, key, names in groups:
        known = sorted({found.name for found in installed() if found.group == group})
        problems += [
            Problem("site.toml", f"{key}[{index}].plugin", repr(name), f"installed: {', '.join(known) or 'none'}")
            for index, name in enumerate(names)
            if name not in known
        ]
    return problems
