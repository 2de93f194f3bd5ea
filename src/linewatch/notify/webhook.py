"""Signed webhooks: each change as JSON in a POST, once more until it was taken.

The signature is that of the Standard Webhooks specification 1.0 (symmetric, `v1`): headers `webhook-id`,
`webhook-timestamp` (seconds) and `webhook-signature` = `v1,` + base64 of HMAC-SHA256 over `id.timestamp.body`. The id
is the same for every attempt at one change: whoever keeps the ids of the last days has each change once.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from linewatch.clock import WallClock
from linewatch.errors import DeliveryError, Problem, SiteError
from linewatch.notify.choice import Choice, chosen
from linewatch.notify.telling import told_json
from linewatch.notify_ports import News, Receipts, Situation, Told
from linewatch.plugins import Card
from linewatch.records import content_id
from linewatch.site.model import Site

_PASSING: Final = frozenset({401, 403, 404, 407, 408, 421, 423, 425, 429})
"""Answers below 500 that a person can mend on the other side: the change waits."""
_LEAST_KEY_BYTES: Final = 24


class WebhookSettings(Choice, frozen=True, kw_only=True):
    """Keys of a `[[notify]]` table with `plugin = "webhook"`, beside those of all notifiers."""

    url: str
    """Address that takes the POST; https, or http to this machine or a private network."""
    secret: str
    """Signing key: `whsec_` and base64 of 24 bytes or more, as a reference."""
    old_secret: str = ""
    """The key before, while the other side still changes over: both sign."""
    timeout_s: float = 10.0
    """How long to wait for an answer."""


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """Satisfies `notify_ports.Notifier`."""

    refresh_s: Final = 0.0

    def __init__(self, site: Site, settings: WebhookSettings, keys: Sequence[bytes], now_ns: Callable[[], int]) -> None:
        self.name = settings.name
        self.from_start = settings.from_start
        self._site = site
        self._settings = settings
        self._keys = keys
        self._now_ns = now_ns
        self._client: httpx.AsyncClient | None = None

    def cares(self, record: Told) -> bool:
        """Whether it wants to be told of this."""
        return chosen(self._site, self._settings, record)

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """One POST for each change. Answers of 2xx are receipts; 400, 410, 413, 422 and the like refuse for good."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._settings.timeout_s, follow_redirects=False)
        for each in news:
            try:
                answer = await self._client.post(self._settings.url, **self._request(each))  # type: ignore[arg-type]
            except httpx.HTTPError as error:
                raise DeliveryError(f"{self._where()}: {type(error).__name__}: {error}") from error
            if answer.is_success:
                receipts.delivered(each.seq)
            elif 400 <= answer.status_code < 500 and answer.status_code not in _PASSING:
                receipts.refused(each.seq, f"{self._where()} answered {answer.status_code}")
            else:
                raise DeliveryError(f"{self._where()} answered {answer.status_code}; allowed: 2xx")

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:
        """Nothing to show between changes."""

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _request(self, news: News) -> dict[str, object]:
        body = told_json(self._site, news)
        message_id = f"msg_{content_id('webhook', self._site.name, self.name, news.record.id, str(news.seq))}"
        at_s = self._now_ns() // 1_000_000_000
        signed = " ".join(signature(key, message_id, at_s, body) for key in self._keys)
        return {
            "content": body,
            "headers": {
                "content-type": "application/json",
                "idempotency-key": message_id,
                "user-agent": "linewatch",
                "webhook-id": message_id,
                "webhook-signature": signed,
                "webhook-timestamp": str(at_s),
            },
        }

    def _where(self) -> str:
        """The address without its query, which may be a secret."""
        parts = urlsplit(self._settings.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


card: Final = Card(
    title="Signed webhooks (Standard Webhooks): each change as JSON in a POST",
    level="incident",
    licence="Apache-2.0",
    docs="docs/notify-webhook.md",
    limits=(
        "Keeps order by sending one at a time: an other side that answers slowly is told slowly.",
        "An answer of 400, 410, 413 or 422 passes the change over; it is counted and stands in the audit chain.",
    ),
)
settings_type: Final = WebhookSettings


def build(site: Site, settings: WebhookSettings, folder: Path) -> Webhook:  # noqa: ARG001 - the shape of a plug-in
    """The notifier. Raises `SiteError` on an address or key that will not do."""
    problems = _address_problems(settings.url)
    keys = []
    for key, text in (("secret", settings.secret), ("old_secret", settings.old_secret)):
        raw = _key_of(text)
        if raw is not None and len(raw) >= _LEAST_KEY_BYTES:
            keys.append(raw)
        elif text or key == "secret":
            allowed = f"whsec_ and base64 of {_LEAST_KEY_BYTES} bytes or more, as a reference"
            problems.append(Problem("site.toml", f"notify 'webhook' {key}", "a value (not shown)", allowed))
    if problems:
        raise SiteError(problems)
    return Webhook(site, settings, keys, WallClock().now_ns)


def _key_of(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _address_problems(url: str) -> list[Problem]:
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_fits = urlsplit(""), False
    plain_fits = parts.scheme == "http" and _is_near(parts.hostname or "")
    if port_fits and parts.hostname and (parts.scheme == "https" or plain_fits):
        return []
    allowed = "https://..., or http://... to this machine or a private network"
    return [Problem("site.toml", "notify 'webhook' url", repr(url.split("?", maxsplit=1)[0][:80]), allowed)]


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
