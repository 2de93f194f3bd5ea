"""A small site of files, with a watch at work over them: what tests of changes of a site start from."""

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from linewatch.app.watch_link import WatchLink
from linewatch.app.watching import Around, watch
from linewatch.clock import WallClock
from linewatch.console_ports import Answer, SiteStanding
from linewatch.records import OperatorAct
from linewatch.records.vocabulary import Role
from linewatch.site.load import load_site
from linewatch.site.model import Site
from linewatch.site.placing import Placement
from linewatch.store.reader import open_store
from linewatch.store.users import open_users
from tests.brokers import free_port, until

SITE = """\
# Ask before you dig.
[site]
name = "yard"
[[line]]
id = "main"
geometry = "line.geojson"
[[sensor]]
id = "radar-1"
kind = "radar"
at_m = 1000.0   # on the tower
range_m = 2000.0
[[source]]
plugin = "asterix"
listen = "127.0.0.1:{port}"
sensors = {{ "25.201" = "radar-1" }}
"""
LINE = '{"type": "LineString", "coordinates": [[23.50, 52.70], [23.53, 52.71], [23.56, 52.70]]}'


class Yard:
    """A watch over files of a site, and whoever changes it."""

    def __init__(self, folder: Path, after_change: Callable[[Site], None] | None = None) -> None:
        self.folder, self.store, self.port = folder, folder / "store", free_port()
        self.file = folder / "site.toml"
        self.text = SITE.format(port=self.port)
        self.file.write_text(self.text)
        (folder / "line.geojson").write_text(LINE)
        self.said: list[str] = []
        self._stop = threading.Event()
        around = Around(port=None)
        self._thread = threading.Thread(
            target=lambda: watch(
                load_site(folder),
                self.store,
                around,
                self.said.append,
                stop=self._stop,
                file=self.file,
                after_change=after_change,
            )
        )
        self._thread.start()
        until(lambda: self.said, 30.0, "a watch")
        self._users = open_users(self.store)
        self.link = WatchLink(self.store, self._users, WallClock())
        until(lambda: self.link.pulse().up, 30.0, "its socket")

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
        self._users.close()

    def standing(self) -> SiteStanding:
        return self.link.standing()

    def place(
        self, *placements: Placement, role: Role = "maintainer", base: str = "", reason: str = "new mast"
    ) -> Answer:
        told = msgspec.json.encode(placements).decode()
        values = (("base", base or self.standing().base), ("placements", told))
        return self.link.offer(OperatorAct("", "place_sensors", role, "west", 1_000, reason, values), "mend1")

    def told(self) -> list[str]:
        with open_store(self.store) as reader:
            return [audit.entry.key for audit in reader.audits() if audit.entry.kind == "site"]

    def undo(self, version: int) -> Answer:
        values = (("version", str(version)),)
        return self.link.offer(OperatorAct("", "undo_placing", "maintainer", "west", 1_000, "a slip", values), "mend1")
