"""Sensors are placed and moved on the page, under a watch that goes on: by hand, by keyboard, and undone."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from linewatch.site.load import load_site
from tests.brokers import free_port, until
from tests.browser.conftest import Tab
from tests.browser.test_console_page import keep_picture
from tests.unit.console.bench import PASSWORD, people_of
from tests.unit.sources.test_asterix import plot
from tests.yards import LINE, SITE


class Yard(NamedTuple):
    """`linewatch run` over files of a site, as a user runs it."""

    folder: Path
    address: str
    radars: int

    def at_m(self, sensor: str) -> float | None:
        return load_site(self.folder).sensor(sensor).at_m


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    radars, door = free_port(), free_port()
    (folder / "site.toml").write_text(SITE.format(port=radars))
    (folder / "line.geojson").write_text(LINE)
    (folder / "store").mkdir()
    people_of(folder / "store").close()
    command = [sys.executable, "-m", "linewatch", "run", str(folder), "--no-port", "--console-port", str(door)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}) as process:
        address = f"http://127.0.0.1:{door}"
        try:
            until(lambda: answers(address), 150.0, "a console")
            yield Yard(folder, address, radars)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def at_the_site(browser: Browser, yard: Yard) -> Iterator[Page]:
    until(lambda: answers(yard.address), 150.0, "a console that shows the last version")
    with browser.new_context(viewport={"width": 1600, "height": 1000}) as context:
        tab = Tab(context, yard.address)
        page = tab.sign_in("mend1", PASSWORD)
        expect(page.get_by_test_id("queue").or_(page.locator(".empty"))).to_be_visible()
        page.goto(f"{yard.address}/#/site")
        expect(page.get_by_test_id("place-strip")).to_be_visible()
        page.get_by_role("heading", name="yard").click()  # the first press wakes the sound, and its bar goes away
        yield page
        assert [each for each in tab.own_complaints() if "ERR_" not in each] == []


def test_a_sensor_is_dragged_weighed_saved_and_put_back(at_the_site: Page, yard: Yard) -> None:
    page = at_the_site
    page.get_by_test_id("place-which").fill("radar-1")
    page.keyboard.press("Enter")
    handle = page.get_by_test_id("place-handle")
    expect(handle).to_be_visible()
    box = handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=4)
    page.mouse.up()
    dragged = float(page.get_by_test_id("place-at_m").input_value())
    assert dragged > 1010.0 and float(page.get_by_test_id("place-offset_m").input_value()) < 0.0
    handle.focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("place-at_m")).to_have_value(f"{dragged + 10.0:.1f}".removesuffix(".0"))
    page.get_by_test_id("place-at_m").fill("1500")
    expect(page.get_by_test_id("place-save")).to_have_count(0)
    page.get_by_test_id("place-preview").click()
    expect(page.get_by_test_id("place-difference")).to_contain_text("→")
    page.get_by_test_id("place-reason").fill("the mast was moved")
    keep_picture(page, "console-placing")
    page.get_by_test_id("place-save").click()
    expect(page.get_by_test_id("place-done")).to_be_visible(timeout=60_000)
    assert yard.at_m("radar-1") == 1500.0
    expect(page.get_by_test_id("place-versions")).to_contain_text("the mast was moved")
    page.get_by_test_id("place-undo").click()
    page.get_by_test_id("place-undo-reason").fill("the wrong mast")
    page.get_by_test_id("place-undo-now").click()
    expect(page.get_by_test_id("place-done")).to_contain_text("Version 2", timeout=60_000)
    expect(page.get_by_test_id("place-versions").locator("li")).to_have_count(2)
    assert yard.at_m("radar-1") == 1000.0
    assert (yard.folder / "site.toml").read_text() == SITE.format(port=yard.radars)


def test_a_radar_that_is_heard_gets_its_place_by_a_click(at_the_site: Page, yard: Yard) -> None:
    page = at_the_site
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(plot(sic=7), ("127.0.0.1", yard.radars))
    page.get_by_test_id("place-unplaced").get_by_role("button").click(timeout=20_000)
    page.get_by_test_id("place-id").fill("radar-7")
    strip = page.get_by_test_id("place-strip").locator("svg")
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": box["width"] / 2, "y": 40.0})
    half = load_site(yard.folder).lines[0].length_m / 2
    assert float(page.get_by_test_id("place-at_m").input_value()) == pytest.approx(half, rel=0.02)
    page.get_by_test_id("place-preview").click()
    page.get_by_test_id("place-reason").fill("it came this morning")
    page.get_by_test_id("place-save").click()
    expect(page.get_by_test_id("place-done")).to_be_visible(timeout=60_000)
    placed = load_site(yard.folder).sensor("radar-7")
    assert placed.kind == "radar" and placed.at_m == pytest.approx(half, rel=0.02) and placed.offset_m > 0.0
    expect(page.get_by_test_id("place-unplaced")).not_to_contain_text("1.7")
