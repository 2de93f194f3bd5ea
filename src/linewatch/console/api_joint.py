"""What a console of several sites answers for them all: who they are, one sign-in, one stream of events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from linewatch.console.access import Entry, must_change
from linewatch.console.api_live import room, told_events
from linewatch.console.api_session import WRONG, Login, admit, keep_secret, refuse
from linewatch.console.endpoint import NO_STORE, Call, Endpoint, route_of
from linewatch.console.joint import Joint, Shared, anybody, merged
from linewatch.console.joint_shapes import AllSites, SharedSite, WaitingShape
from linewatch.console.openapi import document_of
from linewatch.console.problem import Problem
from linewatch.console.stream import Stream
from linewatch.records.incident import standing

WAITING: Final = frozenset({"raised", "returned"})
"""States in which somebody still has to look first."""
_AT_ONCE: Final = 4
"""Passwords that are tried at the same time: each try takes 64 MB."""


class SharedFront:
    """Answers for all sites."""

    def __init__(self, joint: Joint) -> None:
        self._joint = joint
        self._trying = asyncio.Semaphore(_AT_ONCE)
        self.endpoints: tuple[Endpoint, ...] = (
            Endpoint("GET", "/api/sites", "sites", "All sites of this console", self._sites, AllSites, roles=()),
            Endpoint(
                *("POST", "/api/login", "login", "Sign in wherever name and password hold", self._login),
                roles=(),
                body=Login,
                problems=(401, 429),
            ),
            Endpoint(
                *("GET", "/api/events", "events", "Events of all sites, each after an event that names its site"),
                self._events,
                roles=(),
                media_type="text/event-stream",
                problems=(401, 403, 503),
            ),
            Endpoint("GET", "/api/openapi.json", "openapi", "This document", self._document, dict[str, Any], roles=()),
        )

    def routes(self) -> list[Route]:
        """Its routes. What is asked of all sites is checked at each of them, and not by these."""
        first = self._joint.sites[0].services
        return [route_of(each, first) for each in self.endpoints]

    async def _sites(self, call: Call) -> AllSites:
        """All sites, with what may be known of each."""
        inside = anybody(self._joint, call.request)
        here = [_site(site, inside.get(site.key)) for site in self._joint.sites]
        gone = [
            SharedSite(
                *("", each.name, "UTC", [], False, "", "", "", ""),
                must_change_password=False,
                state=None,
                waiting=None,
                why=each.why,
            )
            for each in self._joint.absent
        ]
        return AllSites(self._joint.settings.locale, [*here, *gone])

    async def _login(self, call: Call) -> Response:
        """One session at each site at which name and password hold."""
        wish: Login = call.body
        address = call.request.client.host if call.request.client else ""
        now_ns = self._joint.sites[0].services.clock.now_ns()
        self._joint.throttle.check(wish.name, address, now_ns)
        holds = list(zip(self._joint.sites, await self._tried(wish, address), strict=True))
        if not any(held for _, held in holds):
            self._joint.throttle.failed(wish.name, address, now_ns)
            for site in self._joint.sites:
                await refuse(site.services, wish.name, address)
            raise Problem(HTTPStatus.UNAUTHORIZED, WRONG)
        self._joint.throttle.succeeded(wish.name)
        response = Response(status_code=HTTPStatus.NO_CONTENT.value, headers=NO_STORE)
        for site, held in holds:
            if held:
                secret = await admit(site.services, wish.name, address)
                keep_secret(response, site.services.settings, secret)
            elif any(account.name == wish.name for account in site.services.users.accounts()):
                await refuse(site.services, wish.name, address)  # a site without that account has nothing to note
        return response

    async def _tried(self, wish: Login, address: str) -> list[bool]:
        """Whether name and password hold, at each site. One that has had enough of wrong ones is not asked."""

        async def holds(site: Shared) -> bool:
            services = site.services
            try:
                services.throttle.check(wish.name, address, services.clock.now_ns())
            except Problem:
                return False
            async with self._trying:
                return await asyncio.to_thread(services.users.holds, wish.name, wish.password)

        return await asyncio.gather(*map(holds, self._joint.sites))

    async def _events(self, call: Call) -> Response:
        """One stream: a page that asked every site by itself would run out of connections."""
        inside = anybody(self._joint, call.request)
        calls = {
            site.key: Call(site.services, call.request, inside[site.key], {}, None, None)
            for site in self._joint.sites
            if site.key in inside and not inside[site.key].session.must_change_password
        }
        if not calls:
            must_change(next(iter(inside.values())))
        for each in calls.values():
            room(each.services.live.events)
        return Stream(_told(calls), "text/event-stream")

    async def _document(self, _: Call) -> Response:
        """What this interface says of itself."""
        return Response(msgspec.json.encode(document_of(self.endpoints)), media_type="application/json")


async def _told(calls: dict[str, Call]) -> AsyncGenerator[bytes, None]:
    """Every piece of a site's events after an event that names the site."""
    parts = merged([(key, told_events(call, "")) for key, call in calls.items()])
    async with contextlib.aclosing(parts):
        async for key, piece in parts:
            yield b"event: site\ndata: %s\n\n%s" % (msgspec.json.encode(key), piece)


def _site(site: Shared, entry: Entry | None) -> SharedSite:
    services = site.services
    told = entry is not None and not entry.session.must_change_password
    session = None if entry is None else entry.session
    return SharedSite(
        key=site.key,
        name=services.site.name,
        timezone=services.site.timezone,
        lines=[line.id for line in services.site.lines] if told else [],
        signed_in=session is not None,
        person="" if session is None else session.name,
        role="" if session is None else session.role,
        seat="" if session is None else session.seat,
        csrf="" if session is None else session.csrf,
        must_change_password=session is not None and session.must_change_password,
        state=services.live.state() if told else None,
        waiting=_waiting(site) if told else None,
        why="",
    )


def _waiting(site: Shared) -> WaitingShape:
    """What waits at a site, counted as its queue counts it."""
    rows = [
        kept.incident
        for kept in site.services.live.picture.open.values()
        if kept.incident.state in WAITING and standing(kept.incident) == "shown"
    ]
    first = min(rows, key=lambda each: (each.priority, each.raised_ns, each.id), default=None)
    if first is None:
        return WaitingShape(0, None, "")
    return WaitingShape(len(rows), first.priority, first.id)
