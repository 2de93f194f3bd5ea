"""Calls for rescue: one contact after the other, until somebody confirms.

For each possible person in distress the first contact gets the rescue message. Where no acknowledgement comes in the
stated time, or the message cannot be sent, the next contact gets it; after the last it begins anew, so many rounds.
What was done stands in the audit chain, and is read back from there after a restart: nobody is forgotten, and nobody
is called twice for having been forgotten.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import DeliveryError, LinewatchError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.people import post_of
from linewatch.notify.rescue_text import rescue_message
from linewatch.notify_ports import Call, News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.records import Incident
from linewatch.site.model import Site

_NS_PER_S: Final = 1_000_000_000
_LEAST_KEY: Final = 16
_TOKEN: Final = 10


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call."""

    role: str
    """A role such as "rescue duty desk", never a person's name: it stands in the audit chain."""
    to: str
    """Address as apprise writes it, as a reference."""


class RescueSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "rescue"`, beside those of all notifiers."""

    contacts: tuple[Contact, ...]
    """In the order in which they are called."""
    ack_within_s: float = 180.0
    """How long one contact has to acknowledge before the next is called."""
    rounds: int = 3
    """How often everybody is called."""
    link: str = ""
    """Address under which the console takes acknowledgements (`.../ack`); empty where operators do that by hand."""
    link_secret: str = ""
    """What the links are signed with, 16 characters or more, as a reference."""


class Due(msgspec.Struct, frozen=True):
    """Whom to call next."""

    contact: int | None
    """Number of the contact; None where nobody is left."""


def next_call(calls: Sequence[Call], contacts: int, now_ns: int, *, ack_within_s: float, rounds: int) -> Due | None:
    """What is due for one incident after these calls for it, oldest first; None for nothing yet, or ever again."""
    if any(call.what == "acknowledged" for call in calls):
        return None
    tried = [call for call in calls if call.what in ("called", "failed")]
    if not tried:
        return Due(0)
    last = tried[-1]
    if last.what == "called" and now_ns - last.wall_ns < round(ack_within_s * _NS_PER_S):
        return None
    if len(tried) >= contacts * rounds:
        return None if any(call.what == "nobody" for call in calls) else Due(None)
    return Due(len(tried) % contacts)


def ack_token(secret: str, incident: str, contact: int) -> str:
    """Last part of the address under which one contact acknowledges one incident."""
    digest = hmac.new(secret.encode(), f"{incident}/{contact}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_TOKEN]


class Rescue:
    """Satisfies `notify_ports.Notifier`."""

    refresh_s: Final = 1.0

    def __init__(self, site: Site, settings: RescueSettings, posts: Sequence[Any]) -> None:
        self.name = settings.name
        self.from_start = False
        self._site = site
        self._settings = settings
        self._posts = posts

    def cares(self, record: Told) -> bool:
        """Possible people in distress, wherever this channel is asked to look."""
        return isinstance(record, Incident) and record.kind == "distress" and chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """Nothing is sent for a change as such: what stands decides whom to call."""
        for each in news:
            receipts.delivered(each.seq)

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:
        """Call whoever is due, for every possible person in distress that is not taken back."""
        by_incident: dict[str, list[Call]] = {}
        for call in situation.calls:
            by_incident.setdefault(call.incident, []).append(call)
        for incident in situation.incidents:
            if self.cares(incident) and not incident.withdrawn and incident.merged_into is None:
                await self._attend(incident, by_incident.get(incident.id, []), situation, receipts)

    async def close(self) -> None:
        """Nothing stays open."""

    def acknowledge(self, record: Callable[[str, str], None], root: str) -> "Acknowledge":
        """The part that takes its acknowledgements, to be mounted under this path."""
        roles = [contact.role for contact in self._settings.contacts]
        return Acknowledge(self._settings.link_secret, roles, record, root)

    async def _attend(
        self, incident: Incident, calls: Sequence[Call], situation: Situation, receipts: Receipts
    ) -> None:
        settings = self._settings
        due = next_call(
            calls,
            len(settings.contacts),
            situation.now_ns,
            ack_within_s=settings.ack_within_s,
            rounds=settings.rounds,
        )
        if due is None:
            return
        if due.contact is None:
            receipts.note(Call("nobody", incident.id, "", situation.now_ns))
            return
        contact = settings.contacts[due.contact]
        text = rescue_message(
            self._site,
            incident,
            situation.now_ns,
            weather=situation.weather,
            link=self._link(incident.id, due.contact),
        )
        try:
            await self._posts[due.contact].send(f"{incident.id}/{len(calls)}", "", text)
        except DeliveryError:
            receipts.note(Call("failed", incident.id, contact.role, situation.now_ns))
        else:
            receipts.note(Call("called", incident.id, contact.role, situation.now_ns))

    def _link(self, incident: str, contact: int) -> str:
        if not self._settings.link:
            return ""
        token = ack_token(self._settings.link_secret, incident, contact)
        return f"{self._settings.link.rstrip('/')}/{incident}.{contact}.{token}"


Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Linewatch</title><body style='font:1.2em sans-serif;margin:2em'>{}</body></html>"
)


class Acknowledge:
    """An ASGI part, mounted by a server that people reach: shows a button, and records that a role has confirmed.

    Opening the link alone confirms nothing: messengers open links to show a preview.
    """

    def __init__(
        self, secret: str, roles: Sequence[str], record: Callable[[str, str], None], root: str = "/ack"
    ) -> None:
        self._secret = secret
        self._roles = roles
        self._record = record
        self._root = root.rstrip("/") + "/"

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Answer one request."""
        if scope["type"] != "http":
            return
        found = self._addressed(str(scope["path"]))
        if found is None:
            await say_in_words(send, 404, "This link is not one of ours, or has been cut off on its way.")
        elif scope["method"] == "POST":
            try:
                await asyncio.to_thread(self._record, *found)
            except (OSError, LinewatchError):
                await say_in_words(send, 503, "This could not be recorded. Please call the control room.")
                return
            await say_in_words(send, 200, "Thank you. It is recorded that you have taken this call.")
        elif scope["method"] in ("GET", "HEAD"):
            button = "<form method=post><button style='font-size:1.5em;padding:1em'>I take this call</button></form>"
            await say_in_words(send, 200, button)
        else:
            await say_in_words(send, 405, "Only GET and POST are known here.")

    def knows(self, path: str) -> bool:
        """Whether a path is one of its links."""
        return self._addressed(path) is not None

    def _addressed(self, path: str) -> tuple[str, str] | None:
        """Incident and role that a path speaks for."""
        parts = path.rsplit("/", 1)[-1].split(".")
        if not path.startswith(self._root) or len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit():
            return None
        incident, number, token = parts[0], int(parts[1][:4]), parts[2]
        if number >= len(self._roles):
            return None
        right = hmac.compare_digest(ack_token(self._secret, incident, number).encode(), token.encode())
        return (incident, self._roles[number]) if right else None


async def say_in_words(send: Send, status: int, text: str) -> None:
    """Answer with a page that says this; text in HTML."""
    body = _PAGE.format(text).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


card: Final = Card(
    title="The rescue message: one SMS to a contact, its acknowledgement awaited, else the next contact",
    level="incident",
    licence="Apache-2.0 (apprise: BSD-2-Clause; the extra `people`)",
    docs="docs/notify-rescue.md",
    limits=(
        "It tells people; it does not replace the emergency number that is agreed for the place.",
        "A service that took a message is called: only an acknowledgement says that somebody read it.",
    ),
)
settings_type: Final = RescueSettings


def build(site: Site, settings: RescueSettings, folder: Path) -> Rescue:  # noqa: ARG001 - the shape of a plug-in
    """The notifier. Raises `SiteError` on contacts that will not do."""
    problems = []
    where = "notify 'rescue'"
    if not settings.contacts:
        problems.append(Problem("site.toml", f"{where} contacts", "none", "one or more"))
    problems += [
        Problem("site.toml", f"{where} contacts role", repr(contact.role[:60]), "1 to 60 characters in one line")
        for contact in settings.contacts
        if not 0 < len(contact.role) <= 60 or not contact.role.isprintable()
    ]
    if not 1.0 <= settings.ack_within_s <= 3600.0:
        problems.append(Problem("site.toml", f"{where} ack_within_s", f"{settings.ack_within_s:g}", "1 to 3600 s"))
    if not 1 <= settings.rounds <= 100:
        problems.append(Problem("site.toml", f"{where} rounds", str(settings.rounds), "1 to 100"))
    if settings.link and len(settings.link_secret) < _LEAST_KEY:
        allowed = f"{_LEAST_KEY} characters or more, as a reference, where there is a link"
        problems.append(Problem("site.toml", f"{where} link_secret", "a value (not shown)", allowed))
    if len(settings.link) > 50:
        problems.append(Problem("site.toml", f"{where} link", f"{len(settings.link)} characters", "at most 50"))
    if problems:
        raise SiteError(problems)
    return Rescue(site, settings, [post_of("rescue", (contact.to,)) for contact in settings.contacts])
