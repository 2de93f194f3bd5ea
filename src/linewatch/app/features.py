"""OGC API - Features over a store: what the console mounts for GIS users."""

from collections.abc import Sequence
from pathlib import Path

from linewatch.clock import WallClock
from linewatch.notify.features import Features
from linewatch.records import Incident, Outage, from_bytes
from linewatch.site.model import Site
from linewatch.store.reader import open_store


class StoreStandings:
    """Satisfies `notify.features.Standings`. Follows the store; every call sees what is committed."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._read_to = -1
        self._outages: dict[str, Outage] = {}

    def incidents(self) -> Sequence[Incident]:
        """The last version of every incident, by raising time, then id."""
        with open_store(self._store) as reader:
            return reader.incidents()

    def outages(self) -> Sequence[Outage]:
        """The last version of every outage, by beginning, then id."""
        with open_store(self._store) as reader:
            for entry in reader.entries(kinds=("outage",), from_seq=self._read_to + 1):
                self._read_to = entry.seq
                if entry.payload is not None:
                    outage = from_bytes(entry.payload)
                    assert isinstance(outage, Outage)
                    self._outages[outage.id] = outage
        return sorted(self._outages.values(), key=lambda outage: (outage.start_ns, outage.id))


def features_of(site: Site, store: Path) -> Features:
    """The ASGI part over this store: mount it, say, under `/features`, behind a log-in."""
    return Features(site, StoreStandings(store), WallClock().now_ns)
