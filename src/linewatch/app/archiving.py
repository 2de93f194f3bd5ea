"""Beside every journal that is written stands an archive, and before its first tick the site and the settings."""

import getpass

from linewatch.app.settings import Settings, settings_told
from linewatch.clock import Clock, WallClock
from linewatch.site.model import Site
from linewatch.store.archive.columns import whereabouts
from linewatch.store.archive.writer import ArchiveWriter
from linewatch.store.description import describe
from linewatch.store.journal import Journal
from linewatch.store.reader import open_store


def begin_archive(
    journal: Journal, site: Site, settings: Settings, *, who: str | None = None, clock: Clock | None = None
) -> ArchiveWriter:
    """Describe site and settings where a run begins, and gather what no file of the archive holds yet.

    To be called once the journal is open and before its first tick; the archive then goes to the `Runner`. New
    settings are noted in the audit chain with the login that brought them (`who`, by default that of the process).
    """
    describe_run(journal, site, settings, who=who, clock=clock)
    return ArchiveWriter(journal, whereabouts(site))


def describe_run(
    journal: Journal, site: Site, settings: Settings, *, who: str | None = None, clock: Clock | None = None
) -> None:
    """Say under which site and settings a run begins, or goes on, where the store does not say so yet."""
    with open_store(journal.folder) as reader:
        about = journal.next_seq + 1
        if describe(journal, reader, site, settings_told(settings, site)):
            wall_ns = (clock or WallClock()).now_ns()
            text = f"settings {reader.meta()['settings_id']}"
            journal.audit("settings", wall_ns, text, who=_login() if who is None else who, about=about, in_commit=True)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return ""
