"""A browser, and a console over a watch at work to look at with it."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from linewatch.console.server import PAGE
from tests.unit.console.bench import WRITTEN_S, Console, console_over, wait_for, watch_playing, write_store

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"),
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


def absent(reason: str) -> None:
    """Skip with the reason; on the machine that decides, fail: nothing may pass by having been skipped."""
    if os.environ.get("LINEWATCH_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, as the system brings it. Its event loop runs in this thread and must end before other tests begin."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        absent("no browser found: install chromium, or name one in CHROMIUM")
    if not (PAGE / "index.html").is_file():
        absent(f"the page is not built: {PAGE} holds no index.html (python hatch_build.py build)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of a scene as a store, with open incidents."""
    folder = tmp_path_factory.mktemp("written") / "store"
    write_store(folder, WRITTEN_S)
    return folder


class Watch(NamedTuple):
    """A watch that goes on in silence where the scene has ended."""

    store: Path
    stop: threading.Event


@pytest.fixture
def watch(written: Path, tmp_path: Path) -> Iterator[Watch]:
    folder = Path(shutil.copytree(written, tmp_path / "store"))
    with watch_playing(folder, 1.0, WRITTEN_S) as stop:
        yield Watch(folder, stop)


@pytest.fixture
def at_work(watch: Watch) -> Iterator[Console]:
    """A console over a watch at work."""
    with console_over(watch.store) as console:
        wait_for(lambda: console.services.live.state().watch == "up")
        yield console


class Tab:
    """One person's page, and what the browser complained about."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.goto(address)

    def sign_in(self, name: str, password: str) -> Page:
        form = self.page.get_by_test_id("login")
        form.locator("input[name=name]").fill(name)
        form.locator("input[name=password]").fill(password)
        self.page.keyboard.press("Enter")
        return self.page

    def own_complaints(self) -> list[str]:
        """What is not just the browser's word for an answer that was a refusal."""
        return [text for text in self.complaints if "Failed to load resource" not in text]


@pytest.fixture
def tab(browser: Browser, at_work: Console) -> Iterator[Tab]:
    with browser.new_context(viewport={"width": 1600, "height": 900}) as context:
        yield Tab(context, at_work.address)


@pytest.fixture
def second_tab(browser: Browser, at_work: Console) -> Iterator[Tab]:
    with browser.new_context(viewport={"width": 1600, "height": 900}) as context:
        yield Tab(context, at_work.address)
