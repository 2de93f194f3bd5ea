"""A hash of a site's content: two stores with the same one were watched by the same rules in the same places."""

import hashlib
from typing import Any

import msgspec

from linewatch.site.model import Site
from linewatch.site.secrets import without_references


def site_fingerprint(site: Site) -> str:
    """Hex SHA-256 of all that a replay depends on: names, time zone, lines, sensors and settings.

    Not in it: sources and notifiers, which a replay does not use; view addresses; secrets and references to them; the
    folder. Moving a site or changing a password leaves it as it is.
    """
    content: dict[str, Any] = {
        "name": site.name,
        "timezone": site.timezone,
        "lines": [msgspec.structs.replace(line, stated_length_m=None) for line in site.lines],
        "sensors": [msgspec.structs.replace(sensor, view_url=None) for sensor in site.sensors],
        "settings": site.settings,
    }
    plain = without_references(msgspec.to_builtins(content))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
