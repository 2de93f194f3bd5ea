"""The console of several sites: every store read as it describes itself, all served by one process."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from linewatch.app.console_process import FIRST_NAME, described_site, first_account, needs_of, random_password
from linewatch.clock import WallClock
from linewatch.console.api_joint import SharedFront
from linewatch.console.joint import Absent, joint_of, serve_joint
from linewatch.console.settings import ConsoleSettings, check_listening
from linewatch.errors import LinewatchError, StoreError
from linewatch.site.model import Site
from linewatch.store.users import UserStore, open_users

WAIT_S = 10.0
"""How long a watch that has only begun its store is waited for."""


def run_joint_console(stores: Sequence[Path], settings: ConsoleSettings, say: Callable[[str], None]) -> None:
    """Serve the console of these stores until stopped. A store that cannot be read is named, and the others are served.

    Raises `InputError` and `StoreError`: where two sites could not be told apart, or no store can be read.
    """
    with ThreadPoolExecutor(len(stores)) as pool:
        found = list(pool.map(_site_of, stores))
    absent = [each for each in found if isinstance(each, Absent)]
    for each in absent:
        say(f"not served: {each.name}: {each.why}")
    if len(absent) == len(found):
        raise StoreError("console: found no store that can be read; allowed: at least one")
    served = [(store, site) for store, site in zip(stores, found, strict=True) if isinstance(site, Site)]
    with ExitStack() as stack:
        users = _users(stack, served, say)
        accounts = [account for each in users for account in each.accounts()]
        stands = any(account.must_change_password for account in accounts if account.role == "administrator")
        check_listening(settings, first_password_stands=stands)
        clock = WallClock()
        needs = [needs_of(site, store, own, clock) for (store, site), own in zip(served, users, strict=True)]
        joint = joint_of(needs, absent, settings)
        serve_joint(joint, SharedFront(joint).routes(), lambda address: say(f"console: {address}"))


def _site_of(store: Path) -> Site | Absent:
    try:
        return described_site(store, WAIT_S)
    except LinewatchError as error:
        return Absent(store.name, " ".join(str(error).split()))


def _users(stack: ExitStack, served: Sequence[tuple[Path, Site]], say: Callable[[str], None]) -> list[UserStore]:
    """Who may come in at each site; where there is nobody, the first account is made, everywhere with one password."""
    password, made = random_password(), []
    stores = []
    for store, site in served:
        users = open_users(store)
        stack.callback(users.close)
        stores.append(users)
        now_ns = WallClock().now_ns()
        if first_account(users, "administrator", FIRST_NAME, now_ns, must_change=True, password=password):
            made.append(site.name)
    if made:
        said = "said this once; it must be changed"
        say(f"first sign-in at {', '.join(made)}: {FIRST_NAME}, password {password} ({said})")
    return stores
