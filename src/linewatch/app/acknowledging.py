"""Where the links of rescue messages lead: mounted under `/ack` by the console and by the watch's own port.

Put together when the first link is opened: what a notifier needs takes time to load, and is of no use before.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from linewatch.errors import LinewatchError
from linewatch.notify.build import build_notifier
from linewatch.notify.rescue import Acknowledge, Receive, Rescue, Send, say_in_words
from linewatch.site.model import Site

PATH: Final = "/ack"
"""Where it is mounted: a site's `link` ends in it."""
_PLUGIN: Final = "rescue"


class Acknowledgements:
    """An ASGI part for all rescue notifiers of a site together."""

    def __init__(self, site: Site, record: Callable[[str, str], None]) -> None:
        """`record` is told incident and role, in a thread of its own; it raises where it cannot keep them."""
        self._site = site
        self._record = record
        self._doors: Sequence[Acknowledge] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            doors = await asyncio.to_thread(self._built)
        except LinewatchError:
            # Whoever runs the site reads why from `linewatch check`; a phone outside is told nothing of the inside.
            await say_in_words(send, 503, "This cannot be taken here now. Please call the control room.")
            return
        path = str(scope["path"])
        door = next((each for each in doors if each.knows(path)), doors[0] if doors else None)
        if door is None:
            await say_in_words(send, 404, "This link is not one of ours, or has been cut off on its way.")
            return
        await door(scope, receive, send)

    def _built(self) -> Sequence[Acknowledge]:
        if self._doors is None:
            specs = [spec for spec in self._site.notifiers if spec.plugin == _PLUGIN and spec.settings.get("link")]
            notifiers = [build_notifier(self._site, spec) for spec in specs]
            self._doors = [each.acknowledge(self._record, PATH) for each in notifiers if isinstance(each, Rescue)]
        return self._doors


def acknowledgements_of(site: Site, record: Callable[[str, str], None]) -> Acknowledgements | None:
    """The part for this site; None where no message of it carries a link."""
    linked = any(spec.plugin == _PLUGIN and spec.settings.get("link") for spec in site.notifiers)
    return Acknowledgements(site, record) if linked else None
