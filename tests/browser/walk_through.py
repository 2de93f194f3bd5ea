"""Follows docs/walk-through.md click by click on a demonstration that plays `the-night`, and keeps pictures of it.

`python -m tests.browser.walk_through --pictures DIR` starts `linewatch demo`, does in Chromium what each step of the
page says, checks that what the page promises is there, and prints each step with the time that it took. Exit status 0
when all of it held. Each step is a function; its first line is the heading of that step in the page.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, NamedTuple

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS

SLOW_MS: Final = 60_000
RAISED_WITHIN_MS: Final = 600_000
"""How long the night may keep somebody waiting for its first incident, with everything else on the same machine."""


class Walk(NamedTuple):
    """One person at one page."""

    page: Page
    name: str
    password: str
    address: str


def sign_in(walk: Walk) -> None:
    """Open the address and sign in"""
    walk.page.goto(walk.address)
    form = walk.page.get_by_test_id("login")
    form.locator("input[name=name]").fill(walk.name)
    form.locator("input[name=password]").fill(walk.password)
    walk.page.keyboard.press("Enter")
    expect(walk.page.get_by_test_id("counter")).to_be_visible(timeout=SLOW_MS)
    expect(walk.page.get_by_test_id("sound-bar")).to_be_visible()


def sound(walk: Walk) -> None:
    """Turn the sound on"""
    walk.page.get_by_role("button", name="Turn sound on").click()
    expect(walk.page.get_by_test_id("sound-bar")).to_have_count(0)


def take_seat(walk: Walk) -> None:
    """Take a seat"""
    walk.page.get_by_role("link", name="Shift", exact=True).click()
    form = walk.page.get_by_test_id("take-seat")
    form.get_by_label("Seat", exact=True).fill("seat 1")
    form.get_by_role("button", name="Test the sound").click()
    form.get_by_label("I heard the tone").check()
    form.get_by_role("button", name="Take this seat").click()
    expect(walk.page.get_by_test_id("leave-seat")).to_be_visible()


def wait(walk: Walk) -> None:
    """Wait for the first incident, and look at the line meanwhile"""
    walk.page.get_by_role("link", name="Watch", exact=True).click()
    expect(walk.page.get_by_test_id("strip")).to_be_visible()
    expect(waiting(walk.page).first).to_be_visible(timeout=RAISED_WITHIN_MS)


def open_first(walk: Walk) -> None:
    """Open the first that waits"""
    walk.page.keyboard.press("g")
    panel = walk.page.get_by_test_id("incident-panel")
    expect(panel.get_by_text("Why it was raised")).to_be_visible()
    for heading in ("Checklist", "Cameras that can look", "Sensors that saw it", "Timeline"):
        expect(panel.get_by_text(heading).first).to_be_visible()
    expect(walk.page.locator("[data-move=acknowledge]")).to_be_visible()


def acknowledge(walk: Walk) -> None:
    """Acknowledge it, take that back, and acknowledge it again"""
    state = walk.page.get_by_test_id("incident-state")
    walk.page.keyboard.press("a")
    expect(state).to_contain_text("Acknowledged")
    walk.page.keyboard.press("z")
    expect(state).not_to_contain_text("Acknowledged")
    expect(walk.page.locator("[data-move=acknowledge]")).to_be_visible()
    walk.page.keyboard.press("a")
    expect(state).to_contain_text("Acknowledged")


def assess(walk: Walk) -> None:
    """Say what it was"""
    expect(walk.page.locator("[data-move=assess]")).to_be_visible()
    walk.page.keyboard.press("s")
    form = walk.page.get_by_test_id("move-form")
    form.get_by_label("Genuine").check()
    form.locator("textarea").fill("seen on the strip")
    form.get_by_role("button", name="Confirm").click()
    expect(walk.page.get_by_test_id("incident-state")).to_contain_text("Assessed")


def close(walk: Walk) -> None:
    """Close it, with what became of the people"""
    expect(walk.page.locator("[data-move=close]")).to_be_visible()
    walk.page.keyboard.press("c")
    form = walk.page.get_by_test_id("move-form")
    form.get_by_label("Outcome").select_option(label="Turned back")
    form.locator("textarea").fill("went back the way they came")
    key = walk.page.get_by_test_id("incident-panel").get_attribute("data-id")
    form.get_by_role("button", name="Confirm").click()
    expect(walk.page.locator(f"[data-testid=queue-row][data-id='{key}']")).to_have_count(0)


def health(walk: Walk) -> None:
    """See what nobody watches"""
    walk.page.get_by_role("link", name="Health", exact=True).click()
    for heading in ("What is watched now", "Outages", "Sources"):
        expect(walk.page.get_by_role("heading", name=heading).first).to_be_visible()


def replay(walk: Walk) -> None:
    """Look back"""
    walk.page.get_by_role("link", name="Replay", exact=True).click()
    expect(walk.page.get_by_test_id("replay-page")).to_be_visible()
    walk.page.get_by_role("button", name="Last 10 min").click()
    expect(walk.page.get_by_text("REPLAY: this is")).to_be_visible()


def compare(walk: Walk) -> None:
    """Ask what stricter rules would have raised"""
    walk.page.get_by_test_id("compare-open").click()
    tried = walk.page.get_by_test_id("compare")
    tried.get_by_label("Setting").fill("incident.raise_probability")
    tried.get_by_label("New value").fill("0.999")
    tried.get_by_role("button", name="Add", exact=True).click()
    tried.get_by_role("button", name="Compare", exact=True).click()
    expect(walk.page.get_by_test_id("compare-counts")).to_contain_text("under both", timeout=RAISED_WITHIN_MS)


def hand_over(walk: Walk) -> None:
    """Leave a word for the next shift, and leave the seat"""
    walk.page.get_by_role("link", name="Shift", exact=True).click()
    page = walk.page.get_by_test_id("shift-page")
    page.get_by_label("Add a note").fill("quiet since the first hour")
    page.get_by_role("button", name="Add a note").click()
    expect(page.get_by_text("quiet since the first hour")).to_be_visible()
    page.get_by_test_id("leave-seat").click()
    expect(page.get_by_test_id("take-seat")).to_be_visible()


STEPS: Final[tuple[Callable[[Walk], None], ...]] = (
    *(sign_in, sound, take_seat, wait, open_first, acknowledge, assess, close, health, replay, compare, hand_over),
)


def waiting(page: Page) -> Locator:
    """Rows of the queue that wait for somebody."""
    return page.locator("[data-testid=queue-row][data-state=raised]")


def headings() -> list[str]:
    """What the steps are called, in their order."""
    return [(step.__doc__ or "").splitlines()[0] for step in STEPS]


def door_of(lines: IO[str]) -> tuple[str, str, str]:
    """Name, password and address that a demonstration prints."""
    said = ""
    for line in lines:
        said += line
        signed = re.search(r"Sign in as (\S+) with the password (\S+)", said)
        address = re.search(r"console: (http\S+)", said)
        if signed and address:
            return signed[1], signed[2], address[1]
    raise SystemExit(f"the demonstration ended early:\n{said}")


def follow(pictures: Path, speed: float) -> None:
    """Start a demonstration, follow all steps, and leave a picture of each."""
    with tempfile.TemporaryDirectory(prefix="linewatch-walk-") as folder, sync_playwright() as playwright:
        words = [sys.executable, "-m", "linewatch", "demo", "--out", folder, "--port", "0", "--speed", str(speed)]
        demo = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            assert demo.stdout is not None
            door = door_of(demo.stdout)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.set_default_timeout(SLOW_MS)
            expect.set_options(timeout=20_000)
            walk = Walk(page, *door)
            for number, step in enumerate(STEPS, start=1):
                begun_s = time.monotonic()
                step(walk)
                page.screenshot(path=pictures / f"walk-{number:02d}.png")
                sys.stdout.write(f"{number:2d}. {headings()[number - 1]}: {time.monotonic() - begun_s:.1f} s\n")
                sys.stdout.flush()
            browser.close()
            assert complaints == []
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=Path("walk-through"), help="folder for the pictures")
    parser.add_argument("--speed", type=float, default=10.0, help="times as fast as it happens")
    args = parser.parse_args()
    args.pictures.mkdir(parents=True, exist_ok=True)
    follow(args.pictures, args.speed)
