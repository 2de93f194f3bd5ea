"""A warm standby: a second machine follows the journal of a first, and takes over by one command.

The first machine serves its store, read-only, to whoever holds the token; the second asks every second for what is new.
What the first wrote after the last answer is lost with it; the time from there to the takeover counts as unwatched.
"""

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Asked
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from linewatch.clock import Clock, WallClock
from linewatch.errors import InputError, LinewatchError, StoreError
from linewatch.store import following
from linewatch.store.files import is_name, make_folder, make_rooms
from linewatch.store.lock import FOLLOWER, hold_lock
from linewatch.store.reopening import reopen_journal
from linewatch.store.schema import DATABASE, connect_writer
from linewatch.store.verify import verify

POLL_S: Final = 1.0
"""Time between two questions to the first machine."""
_TIMEOUT_S: Final = 30.0
_encode: Final = msgspec.msgpack.Encoder().encode
_part: Final = msgspec.msgpack.Decoder(following.Part).decode
_standing: Final = msgspec.msgpack.Decoder(following.Standing).decode


class Followed(msgspec.Struct, frozen=True):
    """What a follower knows of the store that it follows."""

    address: str
    """Where it is."""
    heard_ns: int
    """When it last answered, on the wall clock here."""
    records: int
    """Entries of the record chain taken in."""
    problem: str = ""
    """Why the last question had no answer; empty where it had one."""


class Leader(Protocol):
    """The store that is followed, wherever it is."""

    def part_after(self, standing: following.Standing) -> following.Part:
        """What a follower lacks. Raises `StoreError` where there is no answer."""
        ...

    def fetch(self, name: str, path: Path) -> None:
        """Fill `path` with a file of the store. Raises `StoreError`."""
        ...


class FolderLeader:
    """A store in a folder that this machine can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def part_after(self, standing: following.Standing) -> following.Part:
        """What a follower lacks."""
        return following.part_after(self._folder, standing)

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file."""
        try:
            path.write_bytes((self._folder / name).read_bytes())
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}") from error


class WebLeader:
    """A store that is served by `standby --serve` on another machine."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        self._token = token

    def part_after(self, standing: following.Standing) -> following.Part:
        """What a follower lacks."""
        raw = self._ask("/part", _encode(standing))
        try:
            return _part(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._address}: found an answer that is none ({error})") from error

    def fetch(self, name: str, path: Path) -> None:
        """Bring a file over."""
        path.write_bytes(self._ask(f"/file/{name}", None))

    def _ask(self, path: str, body: bytes | None) -> bytes:
        asked = Request(self._address + path, data=body, headers={"Authorization": f"Bearer {self._token}"})  # noqa: S310 - http or https, see `leader_at`
        try:
            with urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
                raw: bytes = answer.read()
                return raw
        except HTTPError as error:
            raise StoreError(
                f"{self._address}{path}: {error.code} {error.read(200).decode(errors='replace')}"
            ) from error
        except (URLError, OSError) as error:
            raise StoreError(f"{self._address}: no answer ({error})") from error


def leader_at(address: str, token: str) -> Leader:
    """The store at an address: `http(s)://...`, or a folder. Raises `InputError` on what is neither."""
    if address.startswith(("http://", "https://")):
        if not token:
            raise InputError("--token-file: found none; allowed: the token of the machine that is followed")
        return WebLeader(address, token)
    if (Path(address) / DATABASE).exists():
        return FolderLeader(Path(address))
    raise InputError(f"--follow: found {address!r}; allowed: http://..., https://... or the folder of a store")


def serving(folder: Path, token: str) -> Starlette:
    """The web application that lets others follow this store. It can only read."""

    def allowed(asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

    async def part(asked: Asked) -> Response:
        if not allowed(asked):
            return PlainTextResponse("token: allowed: the one in --token-file", 401)
        try:
            standing = _standing(await asked.body())
            made = await run_in_threadpool(following.part_after, folder, standing)
        except (msgspec.DecodeError, UnicodeDecodeError, LinewatchError) as error:
            return PlainTextResponse(str(error), 400)
        return Response(_encode(made), media_type="application/msgpack")

    async def file(asked: Asked) -> Response:
        if not allowed(asked):
            return PlainTextResponse("token: allowed: the one in --token-file", 401)
        name: Any = asked.path_params["name"]
        if not is_name(name) or not (folder / name).is_file():
            return PlainTextResponse("no such file", 404)
        return FileResponse(folder / name)

    return Starlette(routes=[Route("/part", part, methods=["POST"]), Route("/file/{name:path}", file)])


def serve(folder: Path, token: str, host: str, port: int, certificate: Path | None, key: Path | None) -> None:
    """Let others follow this store until stopped."""
    uvicorn.run(
        serving(folder, token),
        host=host,
        port=port,
        log_level="warning",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def follow_once(folder: Path, leader: Leader, address: str, clock: Clock) -> Followed:
    """Take in all that is new. Raises `StoreError` where there is no answer, or it does not follow on what is here.

    The folder must be new, or a follower already: a store that was written on its own is never followed over.
    """
    make_folder(folder)
    _refuse_own_store(folder)
    with hold_lock(folder):
        make_rooms(folder)
        _mark(folder, Followed(address, clock.now_ns(), 0))
        connection = connect_writer(folder / DATABASE, "FULL")
        try:
            while True:
                part = leader.part_after(following.standing_of(folder))
                following.fetch_files(folder, part, leader.fetch)
                following.take_in(connection, folder, part)
                if part.last:
                    break
        finally:
            connection.close()
        found = Followed(address, clock.now_ns(), following.standing_of(folder).record_next)
        _mark(folder, found)
    return found


def follow(
    folder: Path, leader: Leader, address: str, *, on_news: Callable[[Followed], None], clock: Clock | None = None
) -> None:
    """Follow until stopped: every second, and on through every failure, which is told."""
    clock = clock or WallClock()
    heard = Followed(address, 0, 0)
    while True:
        begun_ns = clock.now_ns()
        try:
            heard = follow_once(folder, leader, address, clock)
        except StoreError as error:
            heard = msgspec.structs.replace(heard, problem=str(error))
        on_news(heard)
        clock.wait_until_ns(begun_ns + round(POLL_S * 1e9))


def followed(folder: Path) -> Followed:
    """What a follower last knew. Raises `StoreError` where the store follows none."""
    try:
        return msgspec.json.decode((folder / FOLLOWER).read_bytes(), type=Followed)
    except OSError as error:
        raise StoreError(f"{folder}: found a store that follows no other; allowed: one made by `standby`") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder / FOLLOWER}: {error}; allowed: as `standby` writes it") from error


def take_over(folder: Path, clock: Clock | None = None) -> Followed:
    """Make a follower a store that is written here. It must verify; the takeover stands in its audit chain.

    Raises `StoreError` where the store follows none, is being followed into, or does not verify.
    """
    clock = clock or WallClock()
    last = followed(folder)
    with hold_lock(folder):
        verdict = verify(folder)
        if verdict.status == "broken":
            raise StoreError(f"{folder}: {verdict.breaks[0]}; see `linewatch verify {folder}`")
    (folder / FOLLOWER).unlink()
    with reopen_journal(folder, clock) as journal:
        text = f"taken over from {last.address} with {last.records} records; what it wrote later is not here"
        journal.audit("takeover", clock.now_ns(), text)
    return last


def _refuse_own_store(folder: Path) -> None:
    if (folder / DATABASE).exists() and not (folder / FOLLOWER).exists():
        raise StoreError(f"{folder}: found a store of its own; allowed: a new folder, or one that follows already")


def _mark(folder: Path, found: Followed) -> None:
    part = folder / f"{FOLLOWER}.part"
    part.write_bytes(msgspec.json.encode(found))
    part.replace(folder / FOLLOWER)
