"""The page over processes of their own: the watch is killed and comes back; what people do on Health; all in Polish."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from linewatch.app.played_watch import PlayedWatch
from linewatch.store.reader import open_store
from tests.browser.conftest import Tab, Watch
from tests.browser.walk_through import headings
from tests.conftest import CHECKOUT
from tests.unit.console.bench import PASSWORD, Console, console_over, wait_for

SPEED = 15.0
# Everything is loaded once; each watch is then a process that begins within a moment of being asked for.
NURSERY = """
import os, signal, sys, threading
from pathlib import Path
from linewatch.app.played_watch import PlayedWatch
from linewatch.app.simulated import site_of
from linewatch.clock import WallClock
from tests.unit.console.bench import SCENE, scene_part
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        PlayedWatch(site_of(SCENE), scene_part(180.0), Path(sys.argv[1]), float(sys.argv[2]), WallClock()).run(
            threading.Event()
        )
    print(pid, flush=True)
"""
# Names of things and people, which no language changes.
DATA = re.compile(
    r"Linewatch|bench|watch1|Gate|Stream|Radar|Post \d|main|S01|seat \d|system|· ?Operator|UTC[+\d:]*|Esc|Enter"
    r"|(cam|fence|fibre|geo|radar|pir)-\d+|English|Polski|\d+ min"
)
TEXTS = """() => {
  const found = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode()); ) if (n.parentElement?.checkVisibility()) found.add(n.textContent.trim());
  return [...found].filter((text) => /[A-Za-z]{3}/.test(text));
}"""


class Nursery:
    """Starts watches over one store, each a process of its own."""

    def __init__(self, store: Path) -> None:
        words = [sys.executable, "-c", NURSERY, str(store), str(SPEED)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
        self._pids: list[int] = []

    def begin(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._pids.append(int(self._process.stdout.readline()))
        return self._pids[-1]

    def end(self) -> None:
        for pid in self._pids:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
        self._process.communicate(timeout=20)


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    (tmp_path / "store").mkdir()
    nursery = Nursery(tmp_path / "store")
    yield nursery
    nursery.end()


def counter_agrees(page: Page, console: Console) -> bool:
    raised = console.services.live.picture.counters().raised
    rows = page.locator("[data-testid=queue-row]").count()
    grouped = console.services.live.picture.counters().grouped
    return rows + grouped == raised and str(raised) in page.get_by_test_id("counter").inner_text()


def test_a_killed_watch_is_told_within_three_seconds_and_nothing_is_missed_when_it_is_back(
    browser: Browser, nursery: Nursery, tmp_path: Path
) -> None:
    first = nursery.begin()
    store = tmp_path / "store"
    wait_for((store / "linewatch.sqlite").exists)
    with console_over(store) as console, browser.new_context(viewport={"width": 1600, "height": 900}) as context:
        tab = Tab(context, console.address)
        page = tab.sign_in("watch1", PASSWORD)
        expect(page.get_by_test_id("queue-row").first).to_be_visible(timeout=20_000)
        assert console.services.live.picture.counters().raised < 2
        os.kill(first, signal.SIGKILL)
        killed_s = time.monotonic()
        expect(page.get_by_test_id("watch-down-bar")).to_be_visible(timeout=10_000)
        assert time.monotonic() - killed_s < 3.0
        nursery.begin()
        expect(page.get_by_test_id("watch-down-bar")).to_have_count(0, timeout=20_000)
        wait_for(lambda: console.services.live.picture.counters().raised >= 2, 30.0)
        wait_for(lambda: counter_agrees(page, console), 5.0)
        expect(page.get_by_test_id("count-bar")).to_have_count(0)
        assert tab.own_complaints() == []


@pytest.fixture
def turning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that tells of a camera which can be turned."""
    plain = PlayedWatch._state

    def told(watch: PlayedWatch) -> dict[str, Any]:
        state = plain(watch)
        return {**state, "sources": [{**state["sources"][0], "presets": {"cam-225": ["gate", "stream"]}}]}

    monkeypatch.setattr(PlayedWatch, "_state", told)


def test_a_sensor_is_muted_and_a_camera_is_turned_by_clicks_that_stand_in_the_record(
    turning: None, tab: Tab, watch: Watch, at_work: Console
) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(page.get_by_test_id("queue-row").first).to_be_visible()
    page.get_by_role("link", name="Health").click()
    mutes = page.get_by_test_id("mutes")
    mutes.get_by_label("Sensor").fill("fence-1")
    mutes.get_by_label("Reason").fill("loose panel")
    mutes.get_by_role("button", name="Mute", exact=True).click()
    expect(mutes.locator("li")).to_contain_text("loose panel")
    page.get_by_test_id("presets").get_by_role("button", name="stream").click()
    expect(page.get_by_text("cam-225 was sent to stream")).to_be_visible()
    mutes.get_by_role("button", name="End mute").click()
    mutes.locator("li").get_by_label("Reason").fill("mended")
    mutes.locator("li").get_by_role("button", name="End mute").last.click()
    expect(mutes.locator("li")).to_have_count(0)
    assert tab.own_complaints() == []
    with open_store(watch.store) as reader:
        acts = b"".join(entry.payload or b"" for entry in reader.entries(kinds=("act",)))
    assert all(word in acts for word in (b"loose panel", b"unmute", b"look_at", b"cam-225", b"stream"))


def texts_of(page: Page) -> dict[str, set[str]]:
    """What can be read on each screen."""
    found = {}
    page.goto(page.url.split("#")[0] + "#/watch")
    page.reload()
    page.get_by_test_id("queue-row").first.click()
    expect(page.get_by_test_id("timeline")).to_be_visible()
    found["watch"] = set(page.evaluate(TEXTS))
    for screen in ("health", "shift", "replay", "site"):
        page.goto(page.url.split("#")[0] + f"#/{screen}")
        expect(page.get_by_test_id(f"{screen}-page")).to_be_visible()
        page.wait_for_timeout(300)
        found[screen] = set(page.evaluate(TEXTS))
    return found


def test_nothing_on_the_page_is_english_once_polish_is_chosen(tab: Tab) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(page.get_by_test_id("queue-row").first).to_be_visible()
    english = texts_of(page)
    page.evaluate("localStorage.setItem('linewatch.settings', JSON.stringify({locale: 'pl'}))")
    polish = texts_of(page)
    same = {screen: {t for t in english[screen] & polish[screen] if not DATA.fullmatch(t)} for screen in english}
    assert same == {screen: set() for screen in english}
    assert any("agree" in text for text in english["watch"])
    assert any("zgodnie" in text for text in polish["watch"])


def test_the_walk_through_has_the_steps_that_its_script_follows() -> None:
    text = (CHECKOUT / "docs" / "walk-through.md").read_text(encoding="utf-8")
    found = re.findall(r"^## \d+\. (.+)$", text, flags=re.MULTILINE)
    assert found == headings()
