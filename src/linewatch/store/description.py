"""What a store says of the site and the settings that it was written under, so that it can be read on its own.

Right behind the `open` entry of a run stand an entry `site` and one `settings`: reports, analysts and auditors need
sections, sensors, time zone and rules as they were then, and not as somebody's files say today.
"""

from typing import Any, Final, NamedTuple, Protocol

import msgspec

from linewatch.site.model import Site
from linewatch.store.reader import StoreReader

SITE: Final = "site"
SETTINGS: Final = "settings"
_KINDS: Final = (SITE, SETTINGS)
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_site: Final = msgspec.msgpack.Decoder(Site).decode
_plain: Final = msgspec.msgpack.Decoder().decode


class Description(NamedTuple):
    """Under what a store was last written."""

    site: Site | None
    """The site without sources, notifiers and addresses of cameras; None in a store older than these entries."""
    settings: dict[str, Any] | None
    """Settings of every step, and under `sections` what differs there; None as above."""
    settings_id: str
    """Id of the settings."""


class Appending(Protocol):
    """What is needed to write a description."""

    def append(self, kind: str, key: str, payload: bytes) -> None:
        """Add one entry to the record chain of the open tick."""
        ...


def describe(journal: Appending, reader: StoreReader, site: Site, settings: dict[str, Any]) -> bool:
    """Say once, before all else of a run, under what it goes on. Sources, notifiers and their secrets are left out.

    Whether it was said now; False where it stands there already.
    """
    meta = reader.meta()
    if next(reader.entries(from_seq=int(meta["open_seq"]) + 1), None) is not None:
        return False
    sensors = tuple(msgspec.structs.replace(sensor, view_url=None) for sensor in site.sensors)
    told = msgspec.structs.replace(site, sensors=sensors, sources=(), notifiers=(), settings={}, folder=".")
    journal.append(SITE, meta["site_id"], _encode(told))
    journal.append(SETTINGS, meta["settings_id"], _encode(settings))
    return True


def description_of(reader: StoreReader) -> Description:
    """Under what the last run of this store went on."""
    meta = reader.meta()
    return description_at(reader, int(meta["open_seq"]), meta["settings_id"])


def description_at(reader: StoreReader, open_seq: int, settings_id: str) -> Description:
    """Under what the run went on that begins with the entry `open_seq`."""
    site: Site | None = None
    settings: dict[str, Any] | None = None
    for entry in reader.entries(from_seq=open_seq + 1):
        if entry.kind not in _KINDS or entry.payload is None:
            break
        if entry.kind == SITE:
            site = _site(entry.payload)
        else:
            settings = _plain(entry.payload)
    return Description(site, settings, settings_id)
