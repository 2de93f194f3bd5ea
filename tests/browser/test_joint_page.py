"""Several sites on one console, in a browser: one sign-in, one queue, and from each site what waits at the others."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Tab
from tests.browser.test_console_page import AXE, LEVEL_AA, keep_picture
from tests.unit.console.bench import PASSWORD
from tests.unit.console.test_joint import PEOPLE, Sites, sites_over


@pytest.fixture
def sites(written: Path, tmp_path: Path) -> Iterator[Sites]:
    folders = {name: Path(shutil.copytree(written, tmp_path / name[:5])) for name in PEOPLE}
    with sites_over(folders) as sites:
        yield sites


def test_one_queue_over_all_sites_opens_each_and_each_tells_of_the_others(browser: Browser, sites: Sites) -> None:
    shown = [site.services.live.picture.counters().shown for site in sites.joint.sites]
    with browser.new_context(viewport={"width": 1600, "height": 900}) as context:
        tab = Tab(context, str(sites.client.base_url))
        tab.page.add_init_script(path=AXE)
        tab.page.reload()
        page = tab.sign_in("watch1", PASSWORD)
        rows = page.get_by_test_id("joint-row")
        expect(rows).to_have_count(sum(shown))
        expect(page.get_by_test_id("joint-counter")).to_have_attribute("data-shown", str(sum(shown)))
        expect(page.get_by_test_id("joint-count-bar")).to_have_count(0)
        expect(page.get_by_test_id("joint-down-bar")).to_have_count(len(shown))  # nobody watches these stores
        cards = page.get_by_test_id("joint-card")
        expect(cards).to_have_count(3)
        expect(cards.nth(2)).to_have_attribute("data-state", "absent")
        priorities = [int(row.get_by_role("img").inner_text()) for row in rows.all()[: shown[0]]]
        assert priorities == sorted(priorities)
        found = page.evaluate(
            "async (tags) => (await axe.run({runOnly: tags})).violations.map(v => [v.id, v.nodes.map(n => n.html)])",
            LEVEL_AA,
        )
        assert found == []
        page.keyboard.press("g")
        chosen = page.locator("[data-testid=joint-row][aria-selected=true]")
        keep_picture(page, "console-all-sites")
        site, incident = chosen.get_attribute("data-site"), chosen.get_attribute("data-id")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("incident-panel")).to_have_attribute("data-id", str(incident))
        assert f"/s/{site}/" in page.url
        other = next(each.key for each in sites.joint.sites if each.key != site)
        expect(page.get_by_test_id("other-site")).to_have_attribute("data-site", other)
        expect(page.get_by_test_id("all-sites")).to_have_attribute("data-shown", str(sum(shown)))
        keep_picture(page, "console-one-of-several")
        page.keyboard.press("]")
        page.wait_for_url(f"**/s/{other}/**")
        expect(page.get_by_test_id("site-switch").locator("select")).to_have_value(other)
        expect(page.get_by_test_id("queue-row")).to_have_count(shown[0])
        page.keyboard.press("`")
        expect(rows).to_have_count(sum(shown))
        assert tab.own_complaints() == []
