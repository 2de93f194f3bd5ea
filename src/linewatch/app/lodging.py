"""Heads leave the machine: to a folder elsewhere, to a web address, and to an authority that stamps the time."""

from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec

from linewatch.errors import DeliveryError, InputError, StoreError
from linewatch.store.head import Head
from linewatch.store.reader import open_store
from linewatch.store.stamp import REQUEST_TYPE, stamp_request, stamp_time

_TIMEOUT_S: Final = 20.0
_MOST_BYTES: Final = 1 << 20


class Lodged(msgspec.Struct, frozen=True):
    """What was lodged where."""

    code: str
    """Code of the head: print it, read it out."""
    places: tuple[str, ...]
    """Files and addresses that now hold it."""
    stamped: str
    """UTC time that the authority gave; empty where none was asked."""


def lodge(store: Path, places: tuple[str, ...], *, authority: str = "", token: str = "") -> Lodged:
    """Lodge the head of a store in folders and at web addresses, with a time stamp where an authority is named.

    A file that is there already is never written over. Raises `DeliveryError` where an address does not take it,
    `StoreError` where a folder does not; what was lodged before that stays lodged.
    """
    addresses = [place for place in (*places, authority) if "://" in place]
    for address in addresses:
        if urlsplit(address).scheme not in {"http", "https"}:
            raise InputError(f"{address}: found scheme {urlsplit(address).scheme!r}; allowed: http, https, or a folder")
    with open_store(store) as reader:
        head = reader.heads()
    raw = head.to_json().encode()
    stamp, moment = b"", ""
    if authority:
        stamp = _posted(authority, stamp_request(raw), REQUEST_TYPE, "")
        moment = f"{stamp_time(raw, stamp, authority):%Y-%m-%dT%H:%M:%SZ}"
    done: list[str] = []
    for place in places:
        if "://" in place:
            _posted(place, raw, "application/json", token)
            done.append(place)
        else:
            done += _filed(Path(place), head, raw, stamp)
    return Lodged(head.code, tuple(done), moment)


def _filed(folder: Path, head: Head, raw: bytes, stamp: bytes) -> list[str]:
    name = f"head-{head.record_seq:012d}-{head.audit_seq:012d}"
    out = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror or error}; allowed: a folder") from error
    for path, content in ((folder / f"{name}.json", raw), (folder / f"{name}.tsr", stamp)):
        if not content:
            continue
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError as error:
            if path.suffix == ".json" and path.read_bytes() != raw:
                raise StoreError(f"{path}: found another head of the same place; it is kept as evidence") from error
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror or error}") from error
        out.append(str(path))
    return out


def _posted(address: str, body: bytes, kind: str, token: str) -> bytes:
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    asked = Request(address, data=body, headers=headers)  # noqa: S310 - http or https, see `lodge`
    try:
        with urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            raw: bytes = answer.read(_MOST_BYTES)
    except (URLError, OSError) as error:
        raise DeliveryError(f"{address}: did not take the head ({getattr(error, 'reason', None) or error})") from error
    return raw
