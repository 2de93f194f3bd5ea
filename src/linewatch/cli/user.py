"""Who may come in to the console of a store: add, list, change a password, disable."""

import argparse
import getpass
import json
import secrets
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.records.vocabulary import Role
from linewatch.store.users import UserStore, open_users


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("what", choices=("add", "list", "password", "disable", "enable"))
    parser.add_argument("name", nargs="?", help="log-in name")
    parser.add_argument(
        "--store", type=Path, required=True, action="append", metavar="DIR",
        help="store of the watch; given several times, the same is done at each of those sites, with one password",
    )  # fmt: skip
    parser.add_argument("--role", choices=get_args(Role), help="role of a new account")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input (default: make one)"
    )


def run(args: argparse.Namespace) -> int:
    """0 when done."""
    for store in args.store:
        if not store.is_dir():
            raise InputError(f"--store: {store}: found no such folder; allowed: the folder of a store")
    if args.what != "list" and args.name is None:
        raise InputError(f"{args.what}: found no name; allowed: a log-in name")
    if args.what == "list" and len(args.store) > 1:
        raise InputError(f"list: found {len(args.store)} stores; allowed: one")
    password = _password(args) if args.what in ("add", "password") else ""
    with ExitStack() as stack:
        sites = []
        for store in args.store:
            sites.append(open_users(store))
            stack.callback(sites[-1].close)
        _check(sites, args)
        told = [_do(users, args, password) for users in sites][-1]
    print(json.dumps(told) if args.json else _words(told))
    return 0


def _check(sites: Sequence[UserStore], args: argparse.Namespace) -> None:
    """Before anything is done anywhere: whether it can be done at every site."""
    if args.what == "add" and args.role is None:
        raise InputError(f"add: found no --role; allowed: {', '.join(get_args(Role))}")
    for store, users in zip(args.store, sites, strict=True):
        there = any(account.name == args.name for account in users.accounts())
        if len(sites) > 1 and args.what != "list" and there == (args.what == "add"):
            state = "which is taken" if there else "whom nobody knows"
            raise InputError(f"name: found {args.name!r}, {state}, at {store}; allowed: the same at every store")


def _do(users: UserStore, args: argparse.Namespace, password: str) -> dict[str, object]:
    if args.what == "list":
        return {
            "accounts": [
                {
                    "name": each.name,
                    "role": each.role,
                    "disabled": each.disabled,
                    "must_change": each.must_change_password,
                }
                for each in users.accounts()
            ]
        }
    if args.what == "add":
        users.add(args.name, args.role, password, must_change=True, now_ns=WallClock().now_ns())
        return _given(args, password, f"added {args.name} as {args.role}")
    if args.what == "password":
        _there(users.set_password(args.name, password, must_change=True), args.name)
        return _given(args, password, f"changed the password of {args.name}")
    _there(users.change(args.name, disabled=args.what == "disable"), args.name)
    return {"done": f"{args.what}d {args.name}"}


def _password(args: argparse.Namespace) -> str:
    if not args.password_stdin:
        return "-".join(secrets.token_hex(2) for _ in range(4))
    return getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _given(args: argparse.Namespace, password: str, done: str) -> dict[str, object]:
    """A password that was made is said once; one that was given is not repeated."""
    return {"done": done} if args.password_stdin else {"done": done, "password": password}


def _there(found: bool, name: str) -> None:  # noqa: FBT001 - whether it was there
    if not found:
        raise InputError(f"name: found {name!r}; allowed: an account that is there")


def _words(told: dict[str, object]) -> str:
    accounts = told.get("accounts")
    if isinstance(accounts, list):
        lines = [f"{a['name']:<24} {a['role']:<14} {'disabled' if a['disabled'] else ''}".rstrip() for a in accounts]
        return "\n".join(lines) or "nobody yet"
    said = f"{told['done']}"
    if "password" in told:
        said += f"; password {told['password']} (said this once; it must be changed at the first sign-in)"
    return said
