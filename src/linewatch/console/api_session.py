"""Signing in and out, accounts and tokens."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from starlette.responses import Response

from linewatch.console.endpoint import ADMINISTRATOR, NO_STORE, Call, Endpoint
from linewatch.console.picture import NS_PER_MS
from linewatch.console.problem import Problem
from linewatch.console.services import Services
from linewatch.console.settings import ConsoleSettings
from linewatch.console.shapes import AccountShape, Me, NewToken, SiteName, TokenShape
from linewatch.console_ports import AccessToken, Account, Scope
from linewatch.errors import InputError
from linewatch.records.vocabulary import Role

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Password = Annotated[str, msgspec.Meta(max_length=256)]
WRONG: Final = "wrong name or password"
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name and password."""

    name: Name
    password: Password


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password so far, and the one from now on."""

    old: Password
    new: Password


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to make; its password must be changed at the first sign-in."""

    name: Name
    role: Role
    password: Password


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: Password | None = None


class TokenWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make."""

    name: Name
    label: Label
    scopes: list[Scope]
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = 365


async def login(call: Call) -> Response:
    """Sign in: the cookie opens all else."""
    services, wish = call.services, call.body
    address = call.request.client.host if call.request.client else ""
    services.throttle.check(wish.name, address, services.clock.now_ns())
    if not await asyncio.to_thread(services.users.holds, wish.name, wish.password):
        await refuse(services, wish.name, address)
        raise Problem(HTTPStatus.UNAUTHORIZED, WRONG)
    response = Response(status_code=HTTPStatus.NO_CONTENT.value, headers=NO_STORE)
    keep_secret(response, services.settings, await admit(services, wish.name, address))
    return response


async def admit(services: Services, name: str, address: str) -> str:
    """Let somebody in whose password holds: noted, with a new session, whose secret is given."""
    services.throttle.succeeded(name)
    secret = services.users.begin(name, services.clock.now_ns())
    await asyncio.to_thread(services.audit.note, "login", name, f"signed in from {address}")
    return secret


async def refuse(services: Services, name: str, address: str) -> None:
    """Count and note somebody whose password does not hold."""
    services.throttle.failed(name, address, services.clock.now_ns())
    text = f"{WRONG}, from {address}"
    await asyncio.to_thread(services.audit.note, "login_refused", name, text)


def keep_secret(response: Response, settings: ConsoleSettings, secret: str) -> None:
    """Let the browser keep the secret of a session, where no script can read it."""
    response.set_cookie(settings.cookie, secret, path="/", httponly=True, samesite="strict", secure=settings.secure)


async def logout(call: Call) -> Response:
    """Sign out."""
    assert call.entry is not None
    call.services.users.end(call.entry.secret)
    await _note(call, "logout", call.session.name, "signed out")
    response = Response(status_code=HTTPStatus.NO_CONTENT.value, headers=NO_STORE)
    settings = call.services.settings
    response.delete_cookie(settings.cookie, path="/", httponly=True, samesite="strict", secure=settings.secure)
    return response


async def me(call: Call) -> Me:
    """Who has come in."""
    session, services = call.session, call.services
    return Me(
        name=session.name,
        role=session.role,
        seat=session.seat,
        csrf=session.csrf,
        must_change_password=session.must_change_password,
        run=services.live.run,
        site=SiteName(services.site.name, services.site.timezone),
        locale=services.settings.locale,
        all_sites=services.settings.all_sites,
    )


async def change_password(call: Call) -> Response:
    """Change one's own password. All sessions of the account end but a new one, whose cookie comes with the answer."""
    services, wish, name = call.services, call.body, call.session.name
    address = call.request.client.host if call.request.client else ""
    services.throttle.check(name, address, services.clock.now_ns())
    if not await asyncio.to_thread(services.users.holds, name, wish.old):
        services.throttle.failed(name, address, services.clock.now_ns())
        raise Problem(HTTPStatus.FORBIDDEN, "old: this is not the password so far")
    if wish.new == wish.old:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "new: found the password so far; allowed: another one")
    await _set_password(call, name, wish.new, must_change=False)
    await _note(call, "password", name, "changed the own password")
    secret = services.users.begin(name, services.clock.now_ns())
    response = Response(status_code=HTTPStatus.NO_CONTENT.value, headers=NO_STORE)
    keep_secret(response, services.settings, secret)
    return response


async def accounts(call: Call) -> list[AccountShape]:
    """Everybody who may come in."""
    return [_account(account) for account in call.services.users.accounts()]


async def add_account(call: Call) -> AccountShape:
    """Make an account."""
    services, wish = call.services, call.body
    now_ns = services.clock.now_ns()
    try:
        await asyncio.to_thread(
            services.users.add, wish.name, wish.role, wish.password, must_change=True, now_ns=now_ns
        )
    except InputError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    await _note(call, "account", call.session.name, f"made the account {wish.name} with the role {wish.role}")
    return _found(call, wish.name)


async def change_account(call: Call) -> AccountShape:
    """Change role or password of an account, or close the door to it."""
    services, wish, name = call.services, call.body, call.path["name"]
    _found(call, name)
    if name == call.session.name and (wish.disabled or wish.role not in (None, "administrator")):
        raise Problem(HTTPStatus.CONFLICT, "an administrator cannot shut out the own account")
    if wish.password is not None:
        await _set_password(call, name, wish.password, must_change=True)
    services.users.change(name, role=wish.role, disabled=wish.disabled)
    what = [f"role {wish.role}"] if wish.role else []
    what += ["password"] if wish.password else []
    what += [] if wish.disabled is None else ["disabled" if wish.disabled else "enabled"]
    await _note(call, "account", call.session.name, f"changed the account {name}: {', '.join(what) or 'nothing'}")
    return _found(call, name)


async def tokens(call: Call) -> list[TokenShape]:
    """All tokens, without their secrets."""
    return [_token(token) for token in call.services.users.tokens()]


async def add_token(call: Call) -> NewToken:
    """Make a token; its secret is in this answer and nowhere else."""
    services, wish = call.services, call.body
    now_ns = services.clock.now_ns()
    expires_ns = None if wish.days is None else now_ns + wish.days * _DAY_NS
    try:
        secret, token = services.users.add_token(
            wish.name, wish.label, wish.scopes, now_ns=now_ns, expires_ns=expires_ns
        )
    except InputError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    await _note(call, "token", call.session.name, f"made the token {token.id} for {token.name}")
    return NewToken(secret, _token(token))


async def take_back_token(call: Call) -> None:
    """End a token."""
    if not call.services.users.take_back(call.path["id"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such token")
    await _note(call, "token", call.session.name, f"took back the token {call.path['id']}")


async def _set_password(call: Call, name: str, password: str, *, must_change: bool) -> None:
    try:
        await asyncio.to_thread(call.services.users.set_password, name, password, must_change=must_change)
    except InputError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


async def _note(call: Call, kind: str, who: str, text: str) -> None:
    await asyncio.to_thread(call.services.audit.note, kind, who, text)


def _found(call: Call, name: str) -> AccountShape:
    account = next((each for each in call.services.users.accounts() if each.name == name), None)
    if account is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such account")
    return _account(account)


def _account(account: Account) -> AccountShape:
    return AccountShape(
        account.name, account.role, account.disabled, account.must_change_password, account.created_ns // NS_PER_MS
    )


def _token(token: AccessToken) -> TokenShape:
    expires_ms = None if token.expires_ns is None else token.expires_ns // NS_PER_MS
    return TokenShape(token.id, token.name, token.label, token.scopes, token.created_ns // NS_PER_MS, expires_ms)


_DAY_NS: Final = 86_400_000_000_000
ENDPOINTS: Final = (
    Endpoint("POST", "/api/login", "login", "Sign in", login, roles=(), body=Login, problems=(401, 429)),
    Endpoint("POST", "/api/logout", "logout", "Sign out", logout, with_first_password=True),
    Endpoint("GET", "/api/me", "me", "Who has come in", me, Me, with_first_password=True),
    Endpoint(
        "POST",
        "/api/password",
        "changePassword",
        "Change one's own password",
        change_password,
        body=PasswordChange,
        problems=(429,),
        with_first_password=True,
    ),
    Endpoint("GET", "/api/users", "accounts", "All accounts", accounts, list[AccountShape], roles=ADMINISTRATOR),
    Endpoint(
        "POST", "/api/users", "addAccount", "Make an account", add_account, AccountShape, ADMINISTRATOR, body=NewAccount
    ),
    Endpoint(
        "POST",
        "/api/users/{name}",
        "changeAccount",
        "Change an account",
        change_account,
        AccountShape,
        ADMINISTRATOR,
        body=AccountChange,
        problems=(404, 409),
    ),
    Endpoint("GET", "/api/tokens", "tokens", "All tokens", tokens, list[TokenShape], roles=ADMINISTRATOR),
    Endpoint("POST", "/api/tokens", "addToken", "Make a token", add_token, NewToken, ADMINISTRATOR, body=TokenWish),
    Endpoint(
        "DELETE",
        "/api/tokens/{id}",
        "takeBackToken",
        "End a token",
        take_back_token,
        roles=ADMINISTRATOR,
        problems=(404,),
    ),
)
