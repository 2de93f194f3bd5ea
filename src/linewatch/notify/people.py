"""Messages to people, through the services that the library apprise knows: e-mail, Signal, Matrix, SMS gateways, ...

People are told when an incident is raised, when it becomes more urgent or of another kind, and, where asked for, when
it is over. Changes that only refine it make no message.
"""

import logging
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from linewatch.errors import DeliveryError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.telling import is_over
from linewatch.notify.words import summary, title
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.records import Incident, Outage
from linewatch.site.model import Site

MISSING: Final = "the package apprise is not installed; allowed: `pip install 'linewatch[people]'`"


class PeopleSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "people"`, beside those of all notifiers."""

    to: tuple[str, ...]
    """Addresses as apprise writes them, each as a reference: they hold passwords."""
    link: str = ""
    """Address of the console's page of an incident, with `{incident}` in it; empty for none."""
    tell_end: bool = False
    """Whether the end of an incident is told, too."""


def is_worth_telling(news: News, *, tell_end: bool) -> bool:
    """Whether a person should hear of this change."""
    record, before = news.record, news.before
    if isinstance(record, Outage):
        return before is None or (tell_end and is_over(record))
    if record.merged_into is not None or record.withdrawn:
        return False
    if is_over(record):
        return tell_end and before is not None
    if before is None or not isinstance(before, Incident):
        return True
    return record.priority < before.priority or (record.kind != before.kind and record.kind == "distress")


class Post:
    """Addresses of one group of people."""

    def __init__(self, addresses: Sequence[str]) -> None:
        with warnings.catch_warnings():
            # It asks for a module of the standard library that Python 3.13 has dropped, and does without.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._one_each = self._load(addresses)
        self._sent: tuple[str, set[int]] = ("", set())

    @staticmethod
    def _load(addresses: Sequence[str]) -> list[Any]:
        import apprise  # noqa: PLC0415 - an extra

        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write addresses into the log
        found = []
        for address in addresses:
            one = apprise.Apprise()
            if not one.add(str(address)):
                raise ValueError("an address that apprise does not know")
            found.append(one)
        return found

    async def send(self, key: str, title_text: str, body: str) -> None:
        """Send to all; after a failure the same key goes only to those that do not have it. Raises `DeliveryError`."""
        has = self._sent[1] if self._sent[0] == key else set()
        self._sent = (key, has)
        for number, one in enumerate(self._one_each):
            if number not in has and await one.async_notify(body=body, title=title_text, body_format="text"):
                has.add(number)
        if missing := len(self._one_each) - len(has):
            raise DeliveryError(f"{missing} of {len(self._one_each)} addresses did not take the message")


class People:
    """Satisfies `notify_ports.Notifier`."""

    refresh_s: Final = 0.0

    def __init__(self, site: Site, settings: PeopleSettings, post: Post) -> None:
        self.name = settings.name
        self.from_start = settings.from_start
        self._site = site
        self._settings = settings
        self._post = post

    def cares(self, record: Told) -> bool:
        """Whether it wants to be told of this."""
        return chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """One message for each change that is worth one; a receipt when every address has taken it."""
        for each in news:
            if is_worth_telling(each, tell_end=self._settings.tell_end):
                await self._post.send(str(each.seq), *self._message(each))
            receipts.delivered(each.seq)

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:
        """Nothing to show between changes."""

    async def close(self) -> None:
        """Nothing stays open."""

    def _message(self, news: News) -> tuple[str, str]:
        record = news.record
        if isinstance(record, Outage):
            word = "Watched again" if is_over(record) else "Not watched"
            return f"{word}: km {record.from_m / 1000:.3f} to {record.to_m / 1000:.3f}", record.reason
        over = "Over: " if is_over(record) else ""
        body = summary(self._site, record)
        if self._settings.link:
            body += "\n" + self._settings.link.replace("{incident}", record.id)
        return over + title(self._site, record), body


card: Final = Card(
    title="Messages to people through apprise: e-mail, chat, SMS gateways and some hundred services more",
    level="incident, outage",
    licence="Apache-2.0 (apprise: BSD-2-Clause; the extra `people`)",
    docs="docs/notify-people.md",
    limits=("A service says that it took a message, not that anybody read it; `rescue` asks for an answer.",),
)
settings_type: Final = PeopleSettings


def build(site: Site, settings: PeopleSettings, folder: Path) -> People:  # noqa: ARG001 - the shape of a plug-in
    """The notifier. Raises `SiteError` on addresses that will not do, and where the extra is missing."""
    return People(site, settings, post_of("people", settings.to))


def post_of(plugin: str, addresses: Sequence[str]) -> Any:
    """The addresses, seen to be some that apprise knows. Raises `SiteError`."""
    if find_spec("apprise") is None:
        raise SiteError([Problem("site.toml", f"notify {plugin!r}", *MISSING.split("; allowed: "))])
    if not addresses:
        raise SiteError([Problem("site.toml", f"notify {plugin!r} to", "no address", "one or more")])
    try:
        return Post(addresses)
    except ValueError as error:
        allowed = "addresses as apprise writes them, such as mailtos://..., each as a reference"
        raise SiteError([Problem("site.toml", f"notify {plugin!r} to", str(error), allowed)]) from error
