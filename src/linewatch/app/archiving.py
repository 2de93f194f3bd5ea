"""Beside every journal that is written stands an archive, and before its first tick the site and the settings."""

from linewatch.app.settings import Settings, settings_told
from linewatch.site.model import Site
from linewatch.store.archive.columns import whereabouts
from linewatch.store.archive.writer import ArchiveWriter
from linewatch.store.description import describe
from linewatch.store.journal import Journal
from linewatch.store.reader import open_store


def begin_archive(journal: Journal, site: Site, settings: Settings) -> ArchiveWriter:
    """Describe site and settings where a run begins, and gather what no file of the archive holds yet.

    To be called once the journal is open and before its first tick; the archive then goes to the `Runner`.
    """
    with open_store(journal.folder) as reader:
        describe(journal, reader, site, settings_told(settings, site))
    return ArchiveWriter(journal, whereabouts(site))
